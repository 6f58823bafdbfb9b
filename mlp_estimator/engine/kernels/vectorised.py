"""The NumPy forms: each line of a derivation is a pass over memory. Signatures and meaning hold for the loops too.

Arrays of parameters are (M, P), those of a layer (M, n, B) in either order of memory. Numbers are one float for all
members or a column (M, 1). Derivations: ``docs/derivations.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from ..members import Array, Number, cast, of_batch, squared_norm


def adam(grad: Array, mean: Array, square: Array, numbers: Sequence[Number]) -> None:
    """M <- beta_1 m + g, v <- beta_2 v + g^2, and the gradient becomes the step scale * m / (sqrt(v) + epsilon)."""
    beta_1, beta_2, epsilon, scale = cast(numbers, grad)
    np.multiply(mean, beta_1, out=mean)
    np.add(mean, grad, out=mean)
    np.square(grad, out=grad)
    np.multiply(square, beta_2, out=square)
    np.add(square, grad, out=square)
    np.sqrt(square, out=grad)
    np.add(grad, epsilon, out=grad)
    np.divide(mean, grad, out=grad)
    np.multiply(grad, scale, out=grad)


def move(
    theta: Array,
    step: Array,
    rates: Array | None,
    numbers: Sequence[Number],
    scaled: Array | None,
    averaged: Array | None,
) -> None:
    """Theta <- theta + rates * step - decay * W, and averaged <- memory * averaged + (1 - memory) * theta.

    ``numbers`` are decay and memory. W are the first parameters of theta, as many as ``scaled`` has, an array to
    compute in; without it nothing decays. theta changes in one call, which an interrupt does not divide.
    """
    decay, memory = cast(numbers, theta)
    if rates is not None:
        np.multiply(step, rates, out=step)
    if scaled is not None:
        n_decayed = scaled.shape[1]
        np.multiply(theta[:, :n_decayed], decay, out=scaled)
        np.subtract(step[:, :n_decayed], scaled, out=step[:, :n_decayed])
    np.add(theta, step, out=theta)
    if averaged is not None:
        np.subtract(averaged, theta, out=step)
        np.multiply(step, memory, out=step)
        np.add(theta, step, out=averaged)


def penalise(theta: Array, grad: Array, scale: Number, scaled: Array) -> Array:
    """Add scale * W to the gradient and return the squared norms (M,) of W; W in theta is as wide as ``scaled``."""
    (scale,) = cast((scale,), theta)
    W, dW = theta[:, : scaled.shape[1]], grad[:, : scaled.shape[1]]
    np.multiply(W, scale, out=scaled)
    np.add(dW, scaled, out=dW)
    return squared_norm(W)


def add_bias(out: Array, b: Array) -> None:
    """Add b (M, n, 1) to each sample."""
    np.add(out, b, out=out)


def relu(z: Array, out: Array) -> None:
    """Write max(z, 0)."""
    # The method clip takes 4.8 us at 256 x 200 in float32; np.maximum with a scalar takes 16.5.
    z.clip(0.0, np.inf, out=out)


def relu_slope(a: Array, out: Array, work: Array) -> None:
    """Write 1 where a > 0, else 0: at the kink any value in [0, 1] is a subgradient, and 0 is scikit-learn's."""
    # Cast and product take as long as a product with a boolean mask (8.9 us and 9.3), but need no mask in memory.
    np.greater(a, 0.0, out=out)


def tanh_slope(a: Array, out: Array, work: Array) -> None:
    """Write 1 - a^2."""
    np.square(a, out=out)
    np.subtract(1.0, out, out=out)


def logistic_slope(a: Array, out: Array, work: Array) -> None:
    """Write (1 - a) a."""
    np.subtract(1.0, a, out=out)
    np.multiply(out, a, out=out)


def mish(z: Array, out: Array) -> None:
    """Write z tanh(log(1 + e^z))."""
    # With s = (1 + e^z)^2, tanh(log(1 + e^z)) is 1 - 2 / (s + 1).
    bounded_exp(z, out)
    np.add(out, 1.0, out=out)
    np.square(out, out=out)
    np.add(out, 1.0, out=out)
    np.divide(-2.0, out, out=out)
    np.add(out, 1.0, out=out)
    np.multiply(out, z, out=out)


def mish_slope(z: Array, out: Array, work: Array) -> None:
    """Write 1 + (4 z e (1 + e) / (n + 2) - 2) / (n + 2), with e = e^z and n = e (e + 2)."""
    # tanh(log(1 + e)) is n / (n + 2).
    bounded_exp(z, out)
    np.add(out, 1.0, out=work)
    np.multiply(work, out, out=work)
    np.add(work, out, out=out)
    np.add(out, 2.0, out=out)
    np.multiply(work, z, out=work)
    np.multiply(work, 4.0, out=work)
    np.divide(work, out, out=work)
    np.subtract(work, 2.0, out=work)
    np.divide(work, out, out=work)
    np.add(work, 1.0, out=out)


@lru_cache(maxsize=8)
def lowest_exponent(dtype: np.dtype[Any]) -> float:
    """Return the z below which e^z is as good as 0: products of three such numbers are not subnormal.

    It is -29 in float32 and -236 in float64.
    """
    return float(np.log(np.finfo(dtype).tiny)) / 3.0


HIGHEST_EXPONENT = 20.0
"""From there on mish(z) is z, and its slope 1, also in float64."""


def bounded_exp(z: Array, out: Array) -> None:
    """Write e^z, of the nearest bound where z is below ``lowest_exponent`` or above ``HIGHEST_EXPONENT``."""
    z.clip(lowest_exponent(z.dtype), HIGHEST_EXPONENT, out=out)
    np.exp(out, out=out)


def error_by(slope: Callable[[Array, Array, Array], object]) -> Callable[[Array, Array, Array, Array], None]:
    """Return the pass (saved, d_out, d_in, work) that writes slope * d_out to d_in."""

    def error(saved: Array, d_out: Array, d_in: Array, work: Array) -> None:
        slope(saved, d_in, work)
        np.multiply(d_in, d_out, out=d_in)

    return error


relu_error, tanh_error, logistic_error, mish_error = map(error_by, (relu_slope, tanh_slope, logistic_slope, mish_slope))


def dropout_mask(mask: Array, rate: Number, scale: Number) -> None:
    """Replace uniform numbers by ``scale`` where they are at least ``rate``, else by 0."""
    np.greater_equal(mask, of_batch(rate, mask), out=mask)
    np.multiply(mask, of_batch(scale, mask), out=mask)


def piecewise(x: Array, features: NDArray[np.integer[Any]], bins: Array, out: Array) -> None:
    """Write clip((x - lower) * slope, low, high) - mean; component t reads feature ``features[t]`` of x.

    ``bins`` (5, n_components) has lower, slope, low, high and mean. The components of a feature follow one another.
    """
    lower, slope, low, high, mean = bins[:, :, None]
    for k, place in enumerate(_stretches(features.tobytes())):
        np.subtract(x[:, k : k + 1], lower[place], out=out[:, place])
    np.multiply(out, slope, out=out)
    np.maximum(out, low, out=out)
    np.minimum(out, high, out=out)
    np.subtract(out, mean, out=out)


@lru_cache(maxsize=8)
def _stretches(features: bytes) -> list[slice]:
    """Return the components of each feature, which lie side by side."""
    stops = np.cumsum(np.bincount(np.frombuffer(features, np.intp))).tolist()
    return [slice(start, stop) for start, stop in zip([0, *stops], stops, strict=False)]


def places(x: Array, bins: Array, starts: NDArray[np.integer[Any]], out: Array) -> None:
    """Write the bin of each value plus its fraction in the bin, which is from -1 in the first and to 2 in the last bin.

    ``bins`` (4 or more, n_components) has lower, slope, low and high, and the components from ``starts[e]`` to
    ``starts[e + 1]`` are those of feature e of x.
    """
    lower, slope, low, high = bins[:4]
    for e, (start, stop) in enumerate(pairwise(starts.tolist())):
        values = x[:, e]
        k = np.searchsorted(lower[start + 1 : stop], values, side="right")
        t = k + start
        fractions = (values - lower[t]) * slope[t]
        np.add(k, np.minimum(np.maximum(fractions, low[t]), high[t]), out=out[:, e], casting="same_kind")


class _Rungs(NamedTuple):
    """The order of components in which the NumPy forms add up: all first ones, then all second ones, and so on.

    Features with more bins come first, so that the components t of all features that have one are a stretch, and stand
    on the components t - 1 of the same features. A sum is one pass for each t, however many bins features have.
    """

    order: NDArray[np.intp]  # the component at each place
    place: NDArray[np.intp]  # of each component
    starts: NDArray[np.intp]  # of the components t, and the end
    rank: NDArray[np.intp]  # of each feature among those with a component t

    def pairs(self) -> list[tuple[slice, slice]]:
        """Return the places of the components t, and of the components t - 1 of the same features, from t = 1 on."""
        starts = self.starts.tolist()
        return [
            (slice(start, stop), slice(before, before + stop - start))
            for before, start, stop in zip(starts, starts[1:], starts[2:], strict=False)
        ]


@lru_cache(maxsize=8)
def _rungs(starts: bytes) -> _Rungs:
    first = np.frombuffer(starts, np.intp)
    n_bins = np.diff(first)
    t = np.arange(first[-1]) - np.repeat(first[:-1], n_bins)
    order = np.lexsort((-np.repeat(n_bins, n_bins), t))  # stable: features with equal bins keep their order
    rank = np.argsort(np.argsort(-n_bins, kind="stable"), kind="stable")
    return _Rungs(order, np.argsort(order), np.searchsorted(t[order], np.arange(n_bins.max() + 1)), rank)


def lookup(
    W: Array,
    s: Array,
    b: Array,
    mean: Array,
    starts: NDArray[np.intp],
    places: Array,
    sums: Array,
    out: Array,
) -> None:
    """Add b - sum_t mean_t V_t, with V = s * W, and for each feature what lies at a place in the running sums of V.

    W (M, n_components, n), ``sums`` (M, n_components + 1, n) to compute in, out (M, n, B). Place k + f is (1 - f) times
    the sum of the first k components of the feature, plus f times the sum of the first k + 1.
    """
    rungs, V, last = _rungs(starts.tobytes()), sums[:, :-1], sums[:, -1]
    for W_m, V_m in zip(W, V, strict=True):
        W_m.take(rungs.order, 0, V_m, "clip")
    np.multiply(V, s[:, rungs.order], out=V)
    np.matmul(mean[rungs.order], V, out=last)
    np.subtract(b[:, :, 0], last, out=last)
    for place, before in rungs.pairs():
        np.add(V[:, place], V[:, before], out=V[:, place])
    added = _interpolation(places, len(out), starts) @ sums.reshape(-1, sums.shape[2])
    np.add(out, added.reshape(len(out), -1, sums.shape[2]).swapaxes(1, 2), out=out)


def lookup_gradients(
    d_out: Array, places: Array, starts: NDArray[np.intp], mean: Array, db: Array, dV: Array, work: Array
) -> None:
    """Write the gradient dV (M, n_components, n) of V in ``lookup`` from d_out and its sum db.

    ``work`` is like ``sums``.
    """
    n_members, n, rungs = len(d_out), d_out.shape[1], _rungs(starts.tobytes())
    of_rows = _interpolation(places, n_members, starts).T @ d_out.swapaxes(1, 2).reshape(-1, n)
    gradient = of_rows.reshape(n_members, -1, n)
    for place, before in reversed(rungs.pairs()):
        np.add(gradient[:, before], gradient[:, place], out=gradient[:, before])
    for of_member, dV_m, db_m in zip(gradient, dV, db, strict=True):
        of_member.take(rungs.place, 0, dV_m, "clip")
        products = np.multiply(mean[:, None], db_m[:, 0], out=work[0, :-1])
        np.subtract(dV_m, products, out=dV_m)


def _interpolation(places: Array, n_members: int, starts: NDArray[np.intp]) -> sparse.csr_array:
    """Return the weights (M B, M (n_components + 1)) of the rows of ``sums`` in ``lookup``, its last ones included."""
    n_features, n_rows = places.shape[1:]
    rungs, width = _rungs(starts.tobytes()), int(starts[-1]) + 1
    bins = places.astype(np.int32).clip(0, np.diff(starts)[:, None] - 1)
    fractions = places - bins
    rows = np.empty((n_members, n_rows, 2 * n_features + 1), np.int32)
    weights = np.empty(rows.shape, places.dtype)
    first = np.arange(n_members)[:, None, None] * width
    for k, at, weight in ((0, bins - 1, 1.0 - fractions), (n_features, bins, fractions)):
        part = slice(k, k + n_features)
        rows[..., part] = (rungs.starts[at.clip(0)] + rungs.rank[:, None] + first).swapaxes(1, 2)
        weights[..., part] = np.where(at < 0, 0.0, weight).swapaxes(1, 2)
    rows[..., -1:], weights[..., -1] = first + width - 1, 1.0
    ends = np.arange(0, rows.size + 1, 2 * n_features + 1, dtype=np.int32)
    return sparse.csr_array((weights.ravel(), rows.ravel(), ends), shape=(n_members * n_rows, n_members * width))


def add_levels(
    W: Array, s: Array, codes: Array, starts: NDArray[np.intp], n_levels: NDArray[np.intp], out: Array
) -> None:
    """Add to out (M, n, B) the row of s * W (M, n_indicators, n) of each code (1 or M, n_features, B).

    ``starts`` are the first rows of the features. A larger code than a feature has is its last one, a negative one adds
    nothing. Of two levels, the first one adds minus the row of the second.
    """
    n_members, n = out.shape[:2]
    added = _indicators(codes, n_members, starts, n_levels, W.dtype) @ (s * W).reshape(-1, n)
    np.add(out, added.reshape(n_members, -1, n).swapaxes(1, 2), out=out)


def level_gradients(
    d_out: Array, codes: Array, starts: NDArray[np.intp], n_levels: NDArray[np.intp], dV: Array
) -> None:
    """Write the gradient dV (M, n_indicators, n) of s * W in ``add_levels`` from d_out (M, n, B)."""
    n_members, n = d_out.shape[:2]
    chosen = _indicators(codes, n_members, starts, n_levels, dV.dtype)
    np.copyto(dV, (chosen.T @ d_out.swapaxes(1, 2).reshape(-1, n)).reshape(dV.shape))


def _indicators(
    codes: Array, n_members: int, starts: NDArray[np.intp], n_levels: NDArray[np.intp], dtype: np.dtype[Any]
) -> sparse.csr_array:
    """Return the indicators (M B, M n_indicators) of codes."""
    n_features, n_rows = codes.shape[1:]
    width, levels, is_pair = int(starts[-1]), codes.astype(np.int32), (n_levels == 2)[:, None]
    places = np.where(is_pair, 0, levels.clip(0, n_levels[:, None] - 1)) + starts[:-1, None]
    weights = np.where(levels < 0, 0.0, np.where(is_pair & (levels == 0), -1.0, 1.0))
    rows = np.empty((n_members, n_rows, n_features), np.int32)
    np.add(places.swapaxes(1, 2), np.arange(n_members)[:, None, None] * width, out=rows, casting="unsafe")
    values = np.empty(rows.shape, dtype)
    values[...] = weights.swapaxes(1, 2)
    ends = np.arange(0, rows.size + 1, n_features, dtype=np.int32)
    shape = (n_members * n_rows, n_members * width)
    indicators = sparse.csr_array((values.ravel(), rows.ravel(), ends), shape=shape)
    indicators.eliminate_zeros()  # times infinity it is NaN
    return indicators


def scale_gradients(s: Array, W: Array, dW: Array, ds: Array) -> None:
    """Write the gradient of the factors s (M, n, 1), the row sums of W * dW, and multiply dW by s.

    dW is the gradient of W without the factors.
    """
    np.einsum("mio,mio->mi", W, dW, out=ds[:, :, 0])
    np.multiply(dW, s, out=dW)


@lru_cache(maxsize=32)
def _ones(n_rows: int, dtype: np.dtype[Any]) -> Array:
    return np.ones((n_rows, 1), dtype)


def sum_over_batch(terms: Array, out: Array) -> None:
    """Sum (M, n, B) to (M, n, 1) as a product: 2.4 us at 256 x 200 where add.reduce takes 10.7, einsum 4.4."""
    if terms.shape[2] == 1:
        np.copyto(out, terms)
    else:
        np.matmul(terms, _ones(terms.shape[2], terms.dtype), out=out)


def weigh(array: Array, weight: Array | None) -> None:
    """Weight the rows of (M, k, B) in place."""
    if weight is not None:
        np.multiply(array, weight, out=array)


def weighted_sum(terms: Array, weight: Array | None) -> Array:
    """Sum (M, k, B) to (M,), rows weighted; ``terms`` is overwritten."""
    weigh(terms, weight)
    total: Array = np.add.reduce(terms, axis=(-2, -1))
    return total


@lru_cache(maxsize=16)
def _class_codes(n_classes: int) -> NDArray[np.integer[Any]]:
    """Return the codes 0 .. K - 1 as a column, to compare a row of targets with."""
    return np.arange(n_classes)[:, None]


def softmax_cross_entropy(
    y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array, smoothing: float
) -> Array:
    """Return the sums of log sum_k e^raw_k - sum_k hit_k raw_k, and write the gradient e^raw_k / sum - hit_k.

    hit is (1 - smoothing) 1[y = k] + smoothing / K. ``raw`` is shifted to a maximum of 0 over the classes.
    """
    row, hit = work[:, :1], work[:, 1:]
    np.maximum.reduce(raw, axis=-2, keepdims=True, out=row)
    np.subtract(raw, row, out=raw)
    raw.clip(lowest_exponent(raw.dtype), 0.0, out=d_raw)
    np.exp(d_raw, out=d_raw)
    np.add.reduce(d_raw, axis=-2, keepdims=True, out=row)
    np.divide(d_raw, row, out=d_raw)
    # 1[y = k], written out: a comparison takes 2 us at 10 x 200, three fancy indexings 13.
    np.equal(y, _class_codes(raw.shape[-2]), out=hit)
    if smoothing:
        np.multiply(hit, 1.0 - smoothing, out=hit)
        np.add(hit, smoothing / raw.shape[-2], out=hit)
    np.subtract(d_raw, hit, out=d_raw)
    weigh(d_raw, weight)
    np.log(row, out=row)
    np.multiply(hit, raw, out=hit)
    return weighted_sum(row, weight) - weighted_sum(hit, weight)


def sigmoid_cross_entropy(y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
    """Return the sums of log(1 + e^raw) - y raw, and write the gradient 1 / (1 + e^-raw) - y."""
    terms = np.logaddexp(0.0, raw, out=work[:, 1:])
    np.multiply(raw, y, out=d_raw)
    np.subtract(terms, d_raw, out=terms)
    raw.clip(lowest_exponent(raw.dtype), np.inf, out=d_raw)
    expit(d_raw, out=d_raw)
    np.subtract(d_raw, y, out=d_raw)
    weigh(d_raw, weight)
    return weighted_sum(terms, weight)


def squared_error(y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
    """Return the sums of (raw - y)^2 / 2, and write the gradient raw - y."""
    np.subtract(raw, y, out=d_raw)
    squares = np.square(d_raw, out=work[:, 1:])
    weigh(d_raw, weight)
    return 0.5 * weighted_sum(squares, weight)
