"""States of estimators in files of versions 0.1 and 0.2, as this version writes them.

deprecated: remove in 0.5
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .engine.layers import Layer
from .fitting.features.kinds.category import UNKNOWN, level_of
from .fitting.fitted import arrays_by_name, widths
from .fitting.intervals import Residuals
from .fitting.member_config import network_of
from .fitting.settings import named, resolve_activations

CLASS = "_mlp_estimator_class"
"""The entry of a stored object that names its class."""


def stored(cls: str, **attributes: Any) -> dict[str, Any]:
    """Return a stored object of a class."""
    return {CLASS: cls, **attributes}


def network_state(state: Mapping[str, Any], layers: tuple[Layer, ...], loss: Any) -> dict[str, Any]:
    """Return the state of a network; ``layers`` are those in front of the first affine one."""
    state = dict(state)
    if "_loss" not in state:
        return state
    arrays = {"W": state["coefs_"], "b": state["intercepts_"]}
    n_in = widths(arrays)[0]
    names = [*arrays, *(param.name for layer in layers for param in layer.params(n_in))]
    activations, _ = resolve_activations(state["activation"], len(state["coefs_"]) - 1)
    binarizer = state.pop("_label_binarizer", None)
    of_loss = {"loss": state.pop("_loss")}
    if binarizer is None:
        targets = stored("Numbers", **of_loss, n_targets=state["n_outputs_"] // loss.n_outputs, unit=None)
    else:
        smoothing = 0.0 if loss.codes else state.get("label_smoothing", 0.0)
        multilabel = binarizer.y_type_.startswith("multilabel")
        encoder = {"binarizer": binarizer} if multilabel else {}
        kind = "Indicators" if multilabel else "Labels"
        classes = {"classes": state["classes_"], "smoothing": smoothing, "class_weights": []}
        targets = stored(kind, **of_loss, **classes, **encoder)
    recipe = stored("Perceptron", activations=named(activations))
    state["_fitted"] = stored(
        "Fitted",
        features=stored("Matrix", layers=layers, dtype=np.asarray(state["coefs_"][0]).dtype.name),
        targets=targets,
        groups=[stored("Networks", recipe=recipe, arrays={name: [] for name in names})],
        mixture=np.ones(1),
        temperature=1.0,
        n_members=0,
    )
    if "_training" in state:
        runs = state.pop("_training")
        state["_run_state"] = [_renamed(run) for run in runs] if isinstance(runs, list) else _renamed(runs)
    return state


def _renamed(run: Any) -> Any:
    return {**run, CLASS: "RunState"} if isinstance(run, Mapping) else run  # version 0.1 stored objects


def tabular_state(state: Mapping[str, Any], restored: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the state of a tabular estimator of version 0.2; ``restored`` makes stored objects."""
    state = dict(state)
    if "_thetas" not in state:
        return state
    loss = restored(state["_loss"])
    old, means, of_loss = state.pop("_table"), state.pop("_means"), {"loss": state.pop("_loss")}
    n_outputs, thetas, n_members = state.pop("_n_outputs"), state.pop("_thetas"), state.pop("_n_folds")
    names = state.get("feature_names_in_")
    names = None if names is None else list(names)
    kinds = [_kind(old, k, f"x{k}" if names is None else names[k]) for k in range(state["n_features_in_"])]
    if "classes_" in state:
        targets = stored("Labels", classes=state["classes_"], **of_loss, smoothing=0.0, class_weights=[])
    else:
        low, high = state.pop("_range")
        unit = stored("Unit", center=state.pop("_center"), scale=state.pop("_scale"), low=low, high=high)
        targets = stored("Numbers", **of_loss, n_targets=n_outputs // loss.n_outputs, unit=unit)
    encoded = [column["means"] for column in old["numeric"].values() if len(column["edges"])]
    table = stored(
        "Table",
        names=names,
        kinds=kinds,
        dtype=state["dtype"],
        means=_means(means),
        encoding_means=np.concatenate(encoded) if encoded else None,
    )
    state["settings_"] = [{**config, CLASS: "MemberConfig"} for config in state["settings_"]]
    fitted = restored(stored(
        "Fitted",
        features=table,
        targets=targets,
        groups=[
            stored("Networks", recipe=stored("Members", config=config, left_out=[()] * len(theta)), arrays=theta)
            for config, theta in zip(state["settings_"], thetas, strict=True)
        ],
        mixture=state["mixture_weights_"],
        temperature=state.get("temperature_", 1.0),
        n_members=n_members,
    ))  # fmt: skip
    for group in fitted.groups:  # one vector per network
        network = network_of(group.recipe.config, fitted.features.layout, fitted.targets.n_outputs)
        group.arrays = arrays_by_name(network, group.arrays)
    if "_residuals" in state:
        parts = state["_residuals"]  # of rows that are not known: numbered fold by fold
        rows = np.split(np.arange(sum(map(len, parts))), np.cumsum([len(part) for part in parts])[:-1])
        state["_residuals"] = [[Residuals.of(np.concatenate(parts), None, of_fold) for of_fold in rows]]
    return {**state, "_fitted": fitted}


def _means(means: Mapping[str, Any]) -> dict[str, Any]:
    """Return sums and counts of which the means follow that version 0.2 stored: two folds that are alike.

    One more level, which no code has, makes the overall mean that of unknown levels.
    """
    sums, counts = [], []
    for of_levels in means["tables"]:
        levels, unknown = of_levels[:-1], of_levels[-1:]
        further = (len(levels) + 1) * unknown - levels.sum(axis=0)
        sums.append(np.stack([np.concatenate([levels, further])] * 2))
        counts.append(np.ones(sums[-1].shape[:2]))
    shape = (len(sums), -1)
    center, scale = (np.reshape(means[name], shape) if sums else means[name] for name in ("center", "scale"))
    return stored(
        "TargetMeans", columns=means["columns"], sums=sums, counts=counts, priors=[0.0] * len(sums), center=center,
        scale=scale,
    )  # fmt: skip


def _kind(table: Mapping[str, Any], k: int, name: str) -> dict[str, Any]:
    """Return the kind of a column."""
    if k in table["categorical"]:
        return _category(table, table["categorical"].index(k), name)
    empty = np.empty(0, np.float32)
    dropped = {"median": 0.0, "scale": 1.0, "edges": empty, "had_missing": False}  # a constant
    column = table["numeric"].get(k, dropped)
    return stored(
        "Number",
        name=name,
        n_rows=2,
        n_missing=int(column["had_missing"]),
        low=0.0,
        high=0.0,
        median=column["median"],
        scale=column["scale"],
        constant=not len(column["edges"]) and column["scale"] == 1.0,
        edges=column["edges"],
        _chunks=[],
    )


def _category(table: Mapping[str, Any], j: int, name: str) -> dict[str, Any]:
    """Return a category whose levels have the codes of the encoder."""
    encoder = table["encoder"]
    levels = encoder.categories_[j].tolist()  # None is one of them
    rows = np.tile(np.array([categories[0] for categories in encoder.categories_], dtype=object), (len(levels), 1))
    rows[:, j] = levels
    booleans = {"True": 1, "False": 0} if set(levels) <= {"True", "False", None} else {}
    codes: dict[Any, int] = {}
    for level, code in zip(levels, encoder.transform(rows)[:, j].astype(int).tolist(), strict=True):
        codes.setdefault(booleans.get(level, level_of(level)), code)
    missing_code = codes.pop(None, UNKNOWN)
    return stored(
        "Category", name=name, counts={}, n_missing=int(missing_code != UNKNOWN), codes=codes,
        has_text=any(isinstance(level, str) for level in codes), missing_code=missing_code,
        n_levels=table["n_levels"][j], n_indicators=table["n_levels"][j],
    )  # fmt: skip
