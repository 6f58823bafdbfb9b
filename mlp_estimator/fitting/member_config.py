"""Configurations of members: layers, regularisation and learning rate. Figures: ``docs/tabular.md``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..compat import Interval
from ..engine.activations import ACTIVATIONS
from ..engine.layers import (
    Dense,
    Dropout,
    Elementwise,
    Layer,
    LookupDense,
    OneHot,
    Piecewise,
    ScaledDense,
    normal,
    zeros,
)
from ..engine.network import Network
from .features import Features
from .features.blocks import TableLayout
from .features.table import LARGE
from .fitted import Arrays
from .settings import hidden_sizes

NO_NUMBERS, NO_CODES = Piecewise([]), OneHot([])  # nothing that is encoded
SCALE_RATE, BIAS_RATE = 6.0, 0.1  # factors on the learning rate
ENCODING_WEIGHT = 0.25  # of an encoding's column among the inputs that set the size of the first weights

NUMBERS = {
    "weight_decay": Interval(Real, 0, None, closed="left"),
    "dropout": Interval(Real, 0, 1, closed="left"),
    "learning_rate_init": Interval(Real, 0, None, closed="neither"),
    "max_iter": Interval(Integral, 1, None, closed="left"),
    "n_left_out": Interval(Integral, 1, None, closed="left"),
}
"""Allowed numbers of a configuration."""


@dataclass(frozen=True)
class MemberConfig:
    """One entry of the portfolio: what the members of all folds have in common."""

    hidden_layer_sizes: tuple[int, ...] = (128, 128)
    activation: str = "relu"
    encoding: bool = True
    weight_decay: float = 0.05
    dropout: float = 0.0
    learning_rate_init: float = 0.04
    max_iter: int = 48
    n_left_out: int = 1  # folds that a member does not train on

    @classmethod
    def of(cls, changes: Mapping[str, Any], defaults: Mapping[str, Any]) -> MemberConfig:
        """Return a configuration from a dict of the user, on top of the estimator's parameters."""
        names = [field.name for field in fields(cls)]
        unknown = sorted(set(changes) - set(names))
        if unknown:
            raise ValueError(f"settings has the unknown entries {unknown}: choose among {names}.")
        values = {**defaults, **changes}
        for name, numbers in NUMBERS.items():
            if name in values and not numbers.is_satisfied_by(values[name]):
                raise ValueError(f"settings has {name}={values[name]!r}: it must be {numbers}.")
        if not isinstance(values.get("encoding", True), bool | np.bool_):
            raise ValueError(f"settings has encoding={values['encoding']!r}: it must be True or False.")
        sizes = values.get("hidden_layer_sizes", cls.hidden_layer_sizes)
        values["hidden_layer_sizes"] = hidden_sizes(sizes if np.ndim(sizes) else [sizes])
        activation = values.get("activation", cls.activation)
        if activation not in ACTIVATIONS:
            raise ValueError(f"settings has activation={activation!r}: choose among {sorted(ACTIVATIONS)}.")
        return cls(**values)


@dataclass
class Members:
    """The members of one configuration, each with the folds that it does not train on."""

    config: MemberConfig
    left_out: list[tuple[int, ...]]

    def networks(self, layout: TableLayout, n_out: int, *, new_rows: bool = False) -> list[Network]:
        """Return the network of each member, one for all that leave out the same folds."""
        read = [folds if layout.means.columns else () for folds in self.left_out]  # without means all read the same
        of_folds = {f: network_of(self.config, layout, n_out, f, new_rows=new_rows) for f in set(read)}
        return [of_folds[folds] for folds in read]

    def fitted_network(self, features: Features, arrays: Arrays, *, sparse: bool) -> Network:
        """Return the network of fitted members, which read no training rows."""
        n_out, layout = arrays["W"][-1].shape[-1], features.layout

        def network() -> Network:
            of_members = self.networks(layout, n_out, new_rows=True)
            return of_members[0].joined(of_members)

        return layout.network((self.config, n_out, *self.left_out), network)

    def around_first(self, layout: TableLayout, network: Network) -> tuple[Network, Network]:
        """Return the layers of ``fitted_network`` below the first affine one and above it.

        Those below encode the inputs in full, also where that layer looks up.
        """
        of_members = [layout.bottom(left_out=left_out, new_rows=True) for left_out in self.left_out]
        below = [alike[0].joined(alike) for alike in zip(*of_members, strict=True)]
        below += encoders(layout.one_hot, layout.encoding if self.config.encoding else NO_NUMBERS)
        i = network.first_trained
        return Network(below, network.widths[0]), Network(network.layers[i + 1 :], network.widths[i + 1])


def network_of(
    config: MemberConfig, layout: TableLayout, n_out: int, left_out: Collection[int] = (), *, new_rows: bool = False
) -> Network:
    """Return the network of a member: encoding, hidden layers, the first one with factors, output.

    A network has no state: one serves all members that leave out the same folds, in training and in predictions.
    """
    layers, n_in = list(layout.bottom(left_out=left_out, new_rows=new_rows)), len(layout.features)
    one_hot, encoding = layout.one_hot, layout.encoding if config.encoding else NO_NUMBERS
    width = n_in
    for layer in (*layers, one_hot):
        width = layer.n_out(width)
    n_pieces = encoding.n_out(0)
    below, affine = first_affine(one_hot, encoding)
    layers += below
    n_effective = max(width + ENCODING_WEIGHT * n_pieces, 1.0)
    for n in config.hidden_layer_sizes:
        layers.append(affine(n, normal(n_effective, n_pieces), rates=(n_effective**-0.5, BIAS_RATE)))
        layers.append(Elementwise(ACTIVATIONS[config.activation]))
        if config.dropout:
            layers.append(Dropout(float(config.dropout)))
        n_effective, n_pieces, affine = float(n), 0, Dense
    layers.append(affine(n_out, zeros, rates=(n_effective**-0.5, BIAS_RATE)))
    return Network(layers, n_in)


def first_affine(one_hot: OneHot, encoding: Piecewise) -> tuple[list[Layer], Callable[..., Dense]]:
    """Return the layers that encode the inputs, and what makes the layer above, which looks up where that is faster."""
    pieces, levels = LookupDense.is_faster(encoding), LookupDense.is_faster(one_hot)
    if not (pieces or levels) or (encoding.starts[-1] and not pieces):  # indicators lie below the encoding
        return encoders(one_hot, encoding), partial(ScaledDense, scale_rate=SCALE_RATE)
    looked_up = one_hot if levels else NO_CODES
    below = encoders(NO_CODES if levels else one_hot, NO_NUMBERS)
    return below, partial(LookupDense, encoding=encoding, one_hot=looked_up, scale_rate=SCALE_RATE)


def encoders(one_hot: OneHot, encoding: Piecewise) -> list[Layer]:
    """Return the layers that encode something."""
    return [layer for layer in (one_hot, encoding) if layer.starts[-1]]


SMOOTH: Mapping[str, Any] = {
    "hidden_layer_sizes": (128, 128, 128),
    "activation": "mish",
    "encoding": False,
    "weight_decay": 0.02,
    "learning_rate_init": 0.12,
    "max_iter": 128,
    "n_left_out": 2,
}
SMOOTH_LABELS: Mapping[str, Any] = {**SMOOTH, "hidden_layer_sizes": (128, 128), "max_iter": 64}
"""As accurate for labels, in a third of the time. Functions without noise need the deeper one: the distance of the end
of an arm of four joints, 4,000 rows, .155 for .205."""

PORTFOLIO: tuple[Mapping[str, Any], ...] = ({}, {"weight_decay": 0.5, "dropout": 0.2, "n_left_out": 2}, SMOOTH)
"""Narrow and wide tables, and smooth targets."""


@dataclass(frozen=True)
class Size:
    """How tables of at least ``n_rows`` rows are fitted."""

    n_rows: int
    share: float = 1.0  # of the folds, as that of a preset
    portfolio: tuple[Mapping[str, Any], ...] = PORTFOLIO
    batch_size: int = 128
    label_batch_size: int | None = None  # that of classes and label indicators, where it is another one
    max_steps: int = 6000  # of a run


FIRST = PORTFOLIO[:1]  # more networks of it are worth more than other settings where there are many rows

SIZES = (
    Size(250_000, 1 / 4, FIRST, 1024),
    Size(40_000, 1 / 2, FIRST, 256),
    Size(LARGE, 1.0, FIRST, 256),
    Size(2_500),
    Size(1_250, label_batch_size=64),
    Size(0, label_batch_size=32),
)
"""The more rows, the fewer networks, and the larger batches. Small batches of labels are more accurate in less time;
functions without noise suffer from them."""

WIDE: Mapping[str, Any] = {"hidden_layer_sizes": (256, 256), "n_left_out": 2}

SPREAD = MemberConfig((64,), "mish", encoding=False, weight_decay=0.1, max_iter=16, n_left_out=2)
"""Members that expect the size of residuals."""


@dataclass(frozen=True)
class Preset:
    """How much a fit trains."""

    share: float = 1.0  # of the folds: members are trained to predict so many
    least_gain: float = 0.03  # of the loss, in a cycle: configurations that gain less end
    least_weight: float = 0.2  # in the mixture: configurations with less end after the second or the third cycle
    portfolio: tuple[Mapping[str, Any], ...] = PORTFOLIO
    size: Size = SIZES[-1]

    def for_table(self, n_rows: float, *, has_labels: bool) -> Preset:
        """Return the preset for a table of so many rows, with labels or with numbers as targets."""
        size = next(size for size in SIZES if n_rows >= size.n_rows)
        portfolio = size.portfolio if self.portfolio is PORTFOLIO else self.portfolio
        if has_labels:
            size = replace(size, batch_size=size.label_batch_size or size.batch_size)
            portfolio = tuple(SMOOTH_LABELS if entry is SMOOTH else entry for entry in portfolio)
        return replace(self, share=self.share * size.share, portfolio=portfolio, size=size)

    def n_members(self, n_folds: int) -> int:
        """Return for how many folds members are trained: at least two, since weights for one follow from others."""
        return max(min(2, n_folds), round(self.share * n_folds))


PRESETS = {
    "fast": Preset(share=0.5, least_gain=0.05),
    "default": Preset(),
    "best": Preset(least_gain=-0.02, least_weight=0.0, portfolio=(*PORTFOLIO, WIDE)),
}


def configs_of(
    settings: Any, defaults: Mapping[str, Any], explicit: Mapping[str, Any], preset: Preset
) -> list[MemberConfig]:
    """Return the configurations of a fit: the portfolio with the numbers that the user set, or those of the user.

    ``defaults`` and ``explicit`` are parameters of the estimator for what an entry does not name, and of these the
    numbers that replace those of the portfolio.
    """
    if isinstance(settings, str):
        return [MemberConfig.of({**entry, **explicit}, defaults) for entry in preset.portfolio]
    if not isinstance(settings, Sequence) or not settings or not all(isinstance(s, Mapping) for s in settings):
        raise ValueError(f"settings={settings!r}: give 'auto', or a list of dicts such as [{{'dropout': 0.2}}].")
    return [MemberConfig.of(entry, {**defaults, **explicit}) for entry in settings]
