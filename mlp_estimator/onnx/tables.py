"""A tabular fit as one graph: raw columns in, predictions out.

For few rows, the first layer of a network reads what a number or a category adds from a table, as ``LookupDense``; for
many it multiplies the table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ..engine.members import Array
from ..fitting.features import Table
from ..fitting.features.blocks import CODES, KEY, MISSING, TableLayout
from ..fitting.features.kinds import Category, Number
from ..fitting.fitted import Fitted, Networks
from ..fitting.frames import Column
from ..fitting.intervals import Residuals, n_outside, n_within
from ..fitting.member_config import Members
from ..fitting.targets import Labels
from ..tabular.base import Converted
from .graph import ModelGraph
from .networks import activation_nodes, label_nodes, link_nodes

N_AXES = {"W": 2, "b": 1, "scales": 1}
"""Axes of each parameter of a network."""

LABEL_TYPES = {"O": np.str_, "i": np.int64, "u": np.int64, "f": np.float64}
"""Types of labels in a graph, by kind."""

FEW_ROWS = 16
"""Rows up to which the first layer looks up: beyond, a product is faster, and needs less memory."""


def table_model(name: str, source: Converted, coverage: float | None, members: bool) -> Any:
    """Return a tabular fit as a model of ONNX; ``coverage`` asks for intervals or sets."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise ImportError("ONNX needs onnx: pip install onnx.") from error
    fitted = source.fitted
    g = ModelGraph(fitted.dtype, taken=frozenset(column.name for column in source.columns))
    inputs = Inputs.read(g, cast(Table, fitted.features), source.columns)
    of_members = _members(g, fitted, inputs)
    has_labels = fitted.targets.has_labels
    (_write_labels if has_labels else _write_numbers)(g, fitted, of_members, members)
    if coverage is not None:
        if len(source.residuals[0]) == 1:  # a validation set is one fold, of all members
            of_members = g("Unsqueeze", _mean(g, of_members), np.array([0]))
        if has_labels:
            _write_sets(g, fitted, of_members, source.residuals[0], coverage)
        else:
            sizes = None if source.spread is None else _members(g, source.spread, inputs)
            _write_interval(g, fitted, of_members, sizes, source.residuals, coverage)
    return g.model(f"{name} of mlp_estimator")


def _write_labels(g: ModelGraph, fitted: Fitted, of_members: str, members: bool) -> None:
    targets, precise = cast(Labels, fitted.targets), g.in_type(np.float64)
    classes, shape = targets.classes, ["n", len(targets.classes)]
    if classes.dtype.kind in "mMc":
        raise NotImplementedError(f"ONNX has no type for labels of {classes.dtype}: make them text before the fit.")
    probability = targets.calibrated_nodes(precise, _mean(precise, of_members), fitted.temperature)
    labels = classes.astype(LABEL_TYPES.get(classes.dtype.kind, classes.dtype))
    of_label = (np.dtype(np.int64), shape) if targets.multilabel else (labels.dtype, shape[:1])
    g.write("label", label_nodes(precise, targets, labels, probability), *of_label)
    g.write("probabilities", g.cast(probability), g.dtype, shape)
    if members:
        g.write("members", g.cast(of_members), g.dtype, ["n_folds", *shape])


def _write_numbers(g: ModelGraph, fitted: Fitted, of_members: str, members: bool) -> None:
    precise, n = g.in_type(np.float64), fitted.targets.n_predicted
    means = g("Gather", of_members, np.arange(n), axis=-1) if fitted.targets.loss.gives_variance else of_members
    shape = ["n", n] if n > 1 else ["n"]
    written = [("prediction", _mean(precise, means), shape), ("members", means, ["n_folds", *shape])]
    for name, value, axes in written[: 1 + members]:
        g.write(name, value if n > 1 else g("Squeeze", value, np.array([-1])), precise.dtype, axes)


def _write_sets(g: ModelGraph, fitted: Fitted, of_members: str, scores: Sequence[Residuals], coverage: float) -> None:
    """Write what ``label_set`` returns."""
    precise, below = g.in_type(np.float64), []
    probability = fitted.targets.calibrated_nodes(precise, of_members, fitted.temperature)
    score = g("Unsqueeze", precise("Sub", 1.0, probability), np.array([-1]))  # (M, n, K, 1)
    for k, of_fold in enumerate(scores):
        is_below = precise.cast(g("Less", precise.constant(of_fold.values), g("Gather", score, np.array(k))))
        below.append(precise("MatMul", is_below, np.diff(of_fold.cumulative)))
    belongs = g("Less", g("Sum", *below), precise.constant(n_within(scores, coverage)))
    g.write("belongs", belongs, np.dtype(bool), ["n", fitted.targets.n_outputs])


def _write_interval(
    g: ModelGraph,
    fitted: Fitted,
    of_members: str,
    sizes: str | None,
    residuals: Sequence[Sequence[Residuals]],
    coverage: float,
) -> None:
    """Write what ``interval`` returns: order statistics of all ends."""
    precise, rank = g.in_type(np.float64), int(np.floor(n_outside(residuals[0], coverage))) + 1
    if rank < 1:
        raise ValueError(f"coverage={coverage!r} gives infinite intervals: the fit has too few rows. Ask for less.")
    if any((np.diff(of_fold.cumulative) != 1.0).any() for of_fold in residuals[0]):
        raise NotImplementedError("Intervals in a graph need rows of equal weight: use predict_interval.")
    for name, sign, largest in (("low", -1.0, 0), ("high", 1.0, 1)):
        of_targets = []
        for k, of_target in enumerate(residuals):
            ends = []
            for m, of_fold in enumerate(of_target):
                mean, size = (value and _entry(g, value, m, k) for value in (of_members, sizes))
                reach = precise.constant(sign * of_fold.values)
                ends.append(g("Add", mean, g("Mul", size, reach) if size else reach))  # (n, n_residuals)
            sorted_ends = g("TopK", g("Concat", *ends, axis=1), np.array([rank]), n_outputs=2, largest=largest)
            of_targets.append(g("Gather", sorted_ends, np.array([rank - 1]), axis=1))
        end = g("Concat", *of_targets, axis=1)
        if name == "low" and fitted.targets.loss.domain != "real":
            end = precise("Max", end, 0.0)
        single = len(residuals) == 1
        shape = ["n"] if single else ["n", len(residuals)]
        g.write(name, g("Squeeze", end, np.array([1])) if single else end, precise.dtype, shape)


def _entry(g: ModelGraph, of_members: str, m: int, k: int) -> str:
    """Return the values (n, 1) of a member and a target."""
    return g("Gather", g("Gather", of_members, np.array(m)), np.array([k]), axis=1)


def _mean(g: ModelGraph, of_members: str) -> str:
    """Return the mean over the members, the first axis."""
    return g("ReduceMean", of_members, np.array([0]), keepdims=0)


@dataclass
class Inputs:
    """The coded row: numbers (n, n_numbers) as networks read them, codes (n, n_codes), and whether rows are few."""

    table: Table
    numbers: str
    codes: str
    few_rows: str

    @classmethod
    def read(cls, g: ModelGraph, table: Table, columns: Sequence[Column]) -> Inputs:
        """Add the inputs, and code them."""
        precise, places = g.in_type(np.float64), iter(table.layout.places)
        raw, codes, numbers, given_types = [], [], [], set()
        sources: dict[int, int] = {}  # by place in the coded table, -k of an indicator
        for kind, column in zip(table.kinds, columns, strict=True):
            given = kind.input_type(column)
            x = g.read(column.name, given)
            if not kind.parts:
                continue
            as_given = given is str or isinstance(kind, Number)
            values = kind.nodes(precise, x if as_given else precise.cast(x), given)
            if isinstance(kind, Category):
                codes.append(values)
                next(places)
            else:
                raw.append(values)
                given_types.add(given)
                for part in cast(Sequence[Number], kind.parts):
                    numbers.append(part)
                    for feature in part.features():
                        sources[next(places)] = (-1 if feature.block == MISSING else 1) * len(numbers)
        if not (codes or sources):
            raise NotImplementedError("All columns of the training table were constant: there is nothing to convert.")
        few_rows = g("LessOrEqual", g("Gather", g("Shape", x), np.array(0)), np.array(FEW_ROWS))
        coded = ""
        if sources:
            alike = given_types == {np.float32}  # one cast for all
            values = g("Concat", *(raw if alike else map(precise.cast, raw)), axis=1)
            values = precise.cast(values) if alike else values
            coded = g.cast(Number.transform_nodes(precise, values, numbers))
            order = [sources[place] for place in sorted(sources)]
            if min(order) < 0:
                coded = g("Concat", coded, g.cast(g("IsNaN", values)), axis=1)
            if order != list(range(1, len(numbers) + 1)):
                coded = g("Gather", coded, np.array([k - 1 if k > 0 else len(numbers) - k - 1 for k in order]), axis=1)
        return cls(table, coded, g("Concat", *codes, axis=1) if codes else "", few_rows)

    def entries(self, g: ModelGraph, *, encoded: bool) -> tuple[str, str]:
        """Return which rows of ``_lookup_rows`` the first layer adds up (n, n_entries), and their factors.

        They are "" where it reads none.
        """
        encoding, one_hot = self.table.layout.encoding, self.table.layout.one_hot
        places: list[str] = []
        factors: list[str] = []
        n_encoded = len(encoding.starts) - 1 if encoded else 0
        starts = encoding.starts[:-1]
        if n_encoded:
            lower, slope = encoding.bins[:2]
            features = np.repeat(np.arange(n_encoded), np.diff(encoding.starts))
            inner = lower.copy()
            inner[starts] = np.inf  # values below the first edge are extrapolated
            x = g("Gather", self.numbers, np.arange(n_encoded), axis=1)
            passed = g.cast(g("GreaterOrEqual", g("Gather", x, features, axis=1), inner))
            bins = g("MatMul", passed, (features[:, None] == np.arange(n_encoded)).astype(float))
            bins = g("Add", g("Cast", bins, to=g.type_of(np.int64)), starts)
            fraction = g("Mul", g("Sub", x, g("Gather", lower, bins)), g("Gather", slope, bins))
            fraction = g("Clip", fraction, -1.0, 2.0)
            first = g("Add", bins, np.arange(n_encoded))
            places += [first, g("Add", first, np.array(1))]
            factors += [g("Sub", 1.0, fraction), fraction]
        if self.codes:
            n_levels = np.array(one_hot.n_levels)
            codes = g("Min", self.codes, n_levels - 1)
            before = np.cumsum([len(encoding.bins[0]) + n_encoded if encoded else 0, *(n_levels + 1)])[:-1]
            places.append(g("Add", codes, before + 1))
            factors.append(g("Expand", 1.0, g("Shape", self.codes)))
        return (g("Concat", *places, axis=1), g("Concat", *factors, axis=1)) if places else ("", "")


def _lookup_rows(V: Array, layout: TableLayout, of_levels: Mapping[int, Array], *, encoded: bool) -> Array:
    """Return the table (n_rows, ...) of the first layer: running sums for each number, and a row for each level.

    ``V`` (n_inputs, ...) are the weights of the indicators, and of the components of the encoding. ``of_levels`` is
    what the means of the target add for columns of codes. Unknown levels have the first row of their column.
    """
    one_hot, encoding = layout.one_hot, layout.encoding
    rows, nothing = [], np.zeros_like(V[:1])
    if encoded:
        pieces = V[one_hot.width :]
        for start, stop in zip(encoding.starts[:-1], encoding.starts[1:], strict=True):
            rows += [nothing, np.cumsum(pieces[start:stop], axis=0)]
    for j, (n, start) in enumerate(zip(one_hot.n_levels, one_hot.starts[:-1], strict=True)):
        indicators = V[start : start + n] if n != 2 else np.concatenate([-V[start : start + 1], V[start : start + 1]])
        rows.append(np.concatenate([nothing, indicators]) + of_levels.get(j, nothing))
    return np.concatenate(rows) if rows else V[:0]


def _side_by_side(layout: TableLayout, groups: Sequence[Networks]) -> tuple[Array, Array]:
    """Return weights (M, n_inputs, width) and biases (M, width) of the affine layers that read the table.

    Networks that do not read the encoding have zeros in its place, and narrow ones beside their units.
    """
    first = [[_of_members(group, name, 0) for name in ("W", "b", "scales")] for group in groups]
    n_inputs, width = np.max([W.shape[1:] for W, _, _ in first], axis=0)
    weights, biases = [], []
    for group, (W, b, scales) in zip(groups, first, strict=True):
        V = scales[:, :, None] * W
        if _recipe(group).config.encoding:
            mean = layout.encoding.bins[4]
            b = b - np.tensordot(V[:, V.shape[1] - len(mean) :], mean, (1, 0))
        weights.append(np.pad(V, [(0, 0), (0, n_inputs - V.shape[1]), (0, width - V.shape[2])]))
        biases.append(np.pad(b, [(0, 0), (0, width - b.shape[1])]))
    return np.concatenate(weights), np.concatenate(biases)


def _first_layer(g: ModelGraph, inputs: Inputs, groups: Sequence[Networks]) -> str:
    """Return the output (M, n, width) of the affine layers of all networks that read the table: one layer for all."""
    layout = inputs.table.layout
    V, bias = _side_by_side(layout, groups)
    n_plain = sum(feature.block not in (CODES, KEY) for feature in layout.features)
    columns, n_targets = layout.means.columns, layout.means.center.shape[-1]
    left_out = [folds for group in groups for folds in _recipe(group).left_out]
    means = _level_means(layout, left_out)
    of_levels, beyond = {}, {}
    for k, j in enumerate(columns):
        of_column = V[:, n_plain + k * n_targets : n_plain + (k + 1) * n_targets]  # (M, K, width)
        if len(means[k]) == 1 + layout.one_hot.n_levels[j]:
            of_levels[j] = np.einsum("lmk,mkw->lmw", means[k], of_column).reshape(len(means[k]), -1)
        else:  # the rarest levels share an indicator
            beyond[j] = means[k], of_column
    flat = np.moveaxis(V, 0, 1).reshape(V.shape[1], -1)
    parts: list[Any] = [bias.reshape(-1)]
    if inputs.numbers:
        parts.append(g("MatMul", inputs.numbers, flat[:n_plain]))
    encoded = any(_recipe(group).config.encoding for group in groups)
    places, factors = inputs.entries(g, encoded=encoded)
    if places:
        table = _lookup_rows(flat[n_plain + len(columns) * n_targets :], layout, of_levels, encoded=encoded)
        rows, n_rows = g.constant(table), len(table)
        parts.append(
            g.choose(
                inputs.few_rows,
                lambda few: _looked_up(few, rows, places, factors),
                lambda many: _product(many, rows, places, factors, n_rows),
            )
        )
    out = g("Transpose", g("Reshape", g("Sum", *parts), np.array([-1, *bias.shape])), perm=[1, 0, 2])
    if beyond:
        read = _means_read(
            g, g("Gather", inputs.codes, np.array(list(beyond)), axis=1), [m for m, _ in beyond.values()]
        )
        out = g("Add", out, g("MatMul", read, np.concatenate([W for _, W in beyond.values()], axis=1)))
    return out


def _looked_up(g: ModelGraph, rows: str, places: str, factors: str) -> str:
    """Return the sum (n, width) of rows at the places, by reading them."""
    return g("Squeeze", g("MatMul", g("Unsqueeze", factors, np.array([1])), g("Gather", rows, places)), np.array([1]))


def _product(g: ModelGraph, rows: str, places: str, factors: str, n_rows: int) -> str:
    """Return the same as a product of matrices, in which most factors are 0."""
    n = g("Gather", g("Shape", places), np.array([0]))
    nothing = g("Expand", np.zeros((1, 1)), g("Concat", n, np.array([n_rows]), axis=0))
    return g("MatMul", g("ScatterElements", nothing, places, factors, axis=1), rows)


def _level_means(layout: TableLayout, left_out: Sequence[Collection[int]]) -> list[Array]:
    """Return for each column with means of the target those (1 + n_levels, M, K) that new rows read."""
    of_networks = [layout.means.tables(folds, new_rows=True) for folds in left_out]
    return [np.stack([table[0] for table in tables], axis=1) for tables in zip(*of_networks, strict=True)]


def _means_read(g: ModelGraph, codes: str, of_columns: Sequence[Array]) -> str:
    """Return the means (M, n, n_columns * K) of codes (n, n_columns)."""
    starts = np.cumsum([1, *map(len, of_columns)])[:-1]
    numbers = g("Gather", np.concatenate(of_columns), g("Add", codes, starts))  # (n, n_columns, M, K)
    n_networks, n_targets = of_columns[0].shape[1:]
    shape = np.array([n_networks, -1, len(of_columns) * n_targets])
    return g("Reshape", g("Transpose", numbers, perm=[2, 0, 1, 3]), shape)


def _raw(g: ModelGraph, inputs: Inputs, groups: Sequence[Networks]) -> str:
    """Return the raw output (M, n, K) of the networks of all groups, one after the other."""
    first, raws, start = _first_layer(g, inputs, groups), [], 0
    for group in groups:
        x, stop, width = first, start + group.n_members, group.arrays["W"][0].shape[-1]
        if len(groups) > 1:
            x = g("Slice", first, np.array([start, 0]), np.array([stop, width]), np.array([0, 2]))
        activation = activation_nodes(_recipe(group).config.activation)
        for layer in range(1, len(group.arrays["W"])):
            W, b = (_of_members(group, name, layer) for name in ("W", "b"))
            x = g("Add", g("MatMul", activation(g, x), W), b[:, None])
        raws.append(x)
        start = stop
    return g("Concat", *raws, axis=0)


def _recipe(group: Networks) -> Members:
    return cast(Members, group.recipe)


def _of_members(group: Networks, name: str, layer: int) -> Array:
    """Return a parameter (M, *shape) of a layer."""
    array = group.arrays[name][layer]
    return array.reshape(group.n_members, *array.shape[array.ndim - N_AXES[name] :])


def _members(g: ModelGraph, fitted: Fitted, inputs: Inputs) -> str:
    """Return the predictions (M, n, K) of all members in the unit of the targets, in float64."""
    precise, groups = g.in_type(np.float64), [group for _, group in fitted.weighted]
    n_members = max(fitted.n_members, groups[0].n_members)
    raw = precise.cast(link_nodes(fitted.targets.loss)(g, _raw(g, inputs, groups)))
    # Each network of a group with fewer of them stands for several members.
    each = [w * np.repeat(np.eye(group.n_members), n_members // group.n_members, 0) for w, group in fitted.weighted]
    of_networks = precise("Reshape", raw, np.array([sum(group.n_members for group in groups), -1]))
    mixed = precise("MatMul", np.concatenate(each, axis=1), of_networks)
    mixed = precise("Reshape", mixed, np.array([n_members, -1, groups[0].arrays["W"][-1].shape[-1]]))
    if fitted.constant is not None:
        mixed = precise("Add", mixed, fitted.rest * fitted.constant.astype(np.float64))
    return fitted.targets.unit_nodes(precise, mixed)
