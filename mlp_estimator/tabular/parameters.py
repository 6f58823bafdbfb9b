"""The parameters that the two tabular estimators share: names, types, defaults and allowed values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar, Literal

import numpy as np

from ..compat import Interval, StrOptions
from ..fitting.member_config import NUMBERS, PRESETS, MemberConfig, Preset, configs_of
from ..fitting.settings import Settings
from ..fitting.store import memory_of_machine
from ..parameters import DOC_LINK, Parameters
from ..persistence import Persistent


@dataclass(eq=False, repr=False, match_args=False)
class TabularParameters(Persistent):
    """The constructor of the tabular estimators, one field per parameter; a subclass adds its own as fields."""

    hidden_layer_sizes: Sequence[int] | int = (128, 128)
    _: KW_ONLY
    preset: Literal["fast", "default", "best"] = "default"
    settings: Literal["auto"] | Sequence[Mapping[str, Any]] = "auto"
    n_folds: int = 8
    categorical_features: Any = "from_dtype"
    max_categories: int = 64
    n_bins: int | Literal["auto"] = "auto"
    learning_rate_init: float = 0.04
    batch_size: int | Literal["auto"] = "auto"
    max_iter: int | Literal["auto"] = "auto"
    weight_decay: float | Literal["auto"] = "auto"
    dropout: float | Literal["auto"] = "auto"
    scoring: str | Callable[..., float] | None = None
    max_time: float | None = None
    dtype: Literal["float32", "float64"] = "float32"
    random_state: int | np.random.RandomState | None = None
    n_jobs: int | None = None
    max_memory: float | None = None
    cache_dir: str | PathLike[str] | None = None
    verbose: bool | int = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "preset": [StrOptions(set(PRESETS))],
        "settings": [StrOptions({"auto"}), list, tuple],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "max_categories": [Interval(Integral, 2, None, closed="left")],
        "n_bins": [Interval(Integral, 2, None, closed="left"), StrOptions({"auto"})],
        "learning_rate_init": [NUMBERS["learning_rate_init"]],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        **{name: [NUMBERS[name], StrOptions({"auto"})] for name in ("max_iter", "weight_decay", "dropout")},
        "scoring": Parameters._parameter_constraints["scoring"],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "dtype": [StrOptions({"float32", "float64"})],
        "random_state": ["random_state"],
        "n_jobs": [Interval(Integral, None, -1, closed="right"), Interval(Integral, 1, None, closed="left"), None],
        "max_memory": [Interval(Real, 0, None, closed="left"), None],
        "cache_dir": [str, PathLike, None],
        "verbose": ["verbose"],
    }
    _doc_link_module = "mlp_estimator"
    _doc_link_template = DOC_LINK

    @property
    def _max_bytes(self) -> float:
        """The size up to which the coded table stays in memory."""
        return memory_of_machine() / 4 if self.max_memory is None else self.max_memory

    def _configs(self, preset: Preset) -> list[MemberConfig]:
        """Return the configurations of the members."""
        defaults = {"hidden_layer_sizes": self.hidden_layer_sizes, "learning_rate_init": self.learning_rate_init}
        numbers = {name: getattr(self, name) for name in ("weight_decay", "dropout", "max_iter")}
        explicit = {name: value for name, value in numbers.items() if not isinstance(value, str)}
        return configs_of(self.settings, defaults, explicit, preset)

    def _engine_settings(self, n_configs: int) -> Settings:
        """Return what all members share, in the terms of the network estimators."""
        parameters = {
            **Parameters()._parameters(),
            "hidden_layer_sizes": (),
            "beta_2": 0.95,
            "alpha": 0.0,
            "tol": 0.0,
            "n_iter_no_change": np.inf,
            "max_time": None if self.max_time is None else self.max_time / n_configs,  # they train one after the other
            "early_stopping": True,
            "scoring": "loss" if self.scoring is None else self.scoring,
            "dtype": self.dtype,
            "verbose": self.verbose > 1,
            **self._loss_parameters(),
        }
        return Settings.of(parameters)

    def _loss_parameters(self) -> dict[str, Any]:
        """Return the parameters that the loss reads."""
        return {}
