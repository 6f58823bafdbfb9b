"""From raw network output and target to loss, gradient and curvature, and to predictions.

A loss and its link belong together: the network ends in ``raw`` numbers on the whole real line, and only
the loss knows what they mean. Values are sums over the rows (and outputs) of a batch; the objective alone
divides. Shapes: ``raw`` (M, K, B), feature-major; ``y`` (1 or M, K, B), or (1 or M, 1, B) of class codes where
``codes`` is true; ``weight`` (1 or M, 1, B) or None. Derivations: ``docs/derivations.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.special import expit, xlogy

from .layout import Array


class Loss:
    """What a loss offers to the objective and the estimators; a loss of one's own derives from it.

    Only ``value_and_grad`` and ``curvature`` must be given. A loss with parameters is a frozen dataclass, its fields
    being the estimators' parameters named in ``reads``.

    Attributes
    ----------
    domain : {'real', 'non-negative', 'positive'}
        Targets that have a meaning; others are an error.

    n_outputs : int
        Outputs of the network for each column of targets.

    offers : frozenset of {'curvature', 'residuals'}
        What solvers may use beyond a gradient: products of a curvature that is never negative, least squares.

    link : str
        Name of the inverse link, ``out_activation_``.

    gives_variance : bool
        Whether the second half of the predictions are variances, the first their means.

    for_classes, codes : bool
        Whether it is a loss of the classifier, and reads class codes.

    convex : bool
        Whether it is convex in the raw output.

    Examples
    --------
    >>> import numpy as np
    >>> from mlp_estimator import Loss, check_loss
    >>> class LogCosh(Loss):
    ...     def value_and_grad(self, y, raw, weight, d_raw, work):
    ...         weight = 1.0 if weight is None else weight
    ...         d_raw[:] = weight * np.tanh(raw - y)
    ...         return (weight * np.log(np.cosh(raw - y))).sum(axis=(1, 2))
    ...
    ...     def curvature(self, y, raw, weight, t):
    ...         t *= (1 - np.tanh(raw - y) ** 2) * (1.0 if weight is None else weight)
    >>> check_loss(LogCosh())
    """

    reads: ClassVar[tuple[str, ...]] = ()
    for_classes: ClassVar[bool] = False  # a loss of the classifier
    codes: ClassVar[bool] = False  # targets are class codes (one row of integers) instead of one row per output
    domain: ClassVar[Literal["real", "non-negative", "positive"]] = "real"  # targets that have a meaning
    offers: ClassVar[frozenset[str]] = frozenset({"curvature"})  # what solvers may need beyond a gradient
    convex: ClassVar[bool] = True  # in raw
    gives_variance: ClassVar[bool] = False  # the second half of the predictions are variances, the first their means
    link: ClassVar[str] = "identity"  # scikit-learn's name of the inverse link, ``out_activation_``

    @property
    def n_outputs(self) -> int:
        """Outputs for each column of targets."""
        return 1

    def allows(self, Y: Array) -> bool:
        """Tell whether all targets lie in the domain.

        Parameters
        ----------
        Y : ndarray of shape (n_samples, n_targets)
            Targets.

        Returns
        -------
        allowed : bool
            Whether the loss has a meaning for each of them.
        """
        lowest = Y.min()
        return self.domain == "real" or lowest > 0 or (lowest == 0 and self.domain == "non-negative")

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        """Return the summed loss of each member, and write its gradient.

        Parameters
        ----------
        y : ndarray of shape (1 or n_members, n_targets, n_rows)
            Targets.

        raw : ndarray of shape (n_members, n_outputs, n_rows)
            What the network puts out. It may be spent, but only by a shift that leaves ``curvature`` and ``predict`` as
            they were.

        weight : ndarray of shape (1 or n_members, 1, n_rows) or None
            Weights of the rows.

        d_raw : ndarray of shape (n_members, n_outputs, n_rows)
            Where the gradient with respect to ``raw`` is written.

        work : ndarray of shape (n_members, n_outputs + 1, n_rows)
            Memory to compute in.

        Returns
        -------
        value : ndarray of shape (n_members,)
            The loss, summed over rows and outputs.
        """
        raise NotImplementedError

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        """Multiply by the second derivative with respect to ``raw``, row by row, in place.

        Parameters
        ----------
        y, raw, weight : ndarray
            As in `value_and_grad`.

        t : ndarray of shape (n_members, n_outputs, n_rows)
            What is multiplied.
        """
        raise NotImplementedError

    def predict(self, raw: Array, out: Array) -> None:
        """Write predictions: the inverse link of raw output.

        Parameters
        ----------
        raw : ndarray of shape (n_members, n_outputs, n_rows)
            What the network puts out.

        out : ndarray of the same shape
            Where predictions are written; it may be ``raw``.
        """
        if out is not raw:
            np.copyto(out, raw)


def _half_of_the_largest_exponent(dtype: np.dtype[Any]) -> float:
    return float(np.log(np.finfo(dtype).max)) / 2


def _halves(array: Array) -> tuple[Array, Array]:
    """The first and the second half of the outputs (M, K, B)."""
    half = array.shape[1] // 2
    return array[:, :half], array[:, half:]


def _weigh(array: Array, weight: Array | None) -> None:
    """Weight the rows of (M, k, B) in place."""
    if weight is not None:
        np.multiply(array, weight, out=array)


def _sum(terms: Array, weight: Array | None) -> Array:
    """Sum (M, k, B) to (M,), rows weighted; ``terms`` is spent."""
    _weigh(terms, weight)
    return np.add.reduce(terms, axis=(-2, -1))


@lru_cache(maxsize=16)
def _column(numbers: tuple[float, ...], dtype: np.dtype[Any]) -> Array:
    """Numbers, one for each output, as a column."""
    return np.array(numbers, dtype)[:, None]


@lru_cache(maxsize=16)
def _class_codes(n_classes: int) -> np.ndarray:
    """The codes 0 .. K - 1 as a column, to compare a row of targets with."""
    return np.arange(n_classes)[:, None]


class SquaredError(Loss):
    """Half squared error, summed over outputs: 1/2 sum_k (raw_k - y_k)^2."""

    offers = frozenset({"curvature", "residuals"})

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        np.subtract(raw, y, out=d_raw)
        squares = np.square(d_raw, out=work[:, 1:])
        _weigh(d_raw, weight)
        return 0.5 * _sum(squares, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        _weigh(t, weight)


class AbsoluteError(Loss):
    """Absolute error, summed over outputs: sum_k |raw_k - y_k|; its best prediction is the median."""

    offers = frozenset()

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        np.subtract(raw, y, out=d_raw)
        sizes = np.abs(d_raw, out=work[:, 1:])
        np.sign(d_raw, out=d_raw)
        _weigh(d_raw, weight)
        return _sum(sizes, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        t.fill(0.0)


@dataclass(frozen=True)
class Huber(Loss):
    """Huber's loss of r = raw_k - y_k, summed over outputs: 1/2 r^2 up to |r| = delta, delta (|r| - delta / 2) beyond.

    With c the residual clipped to +-delta that is c (r - c / 2), and c is its derivative (Huber 1964).
    """

    reads: ClassVar[tuple[str, ...]] = ("huber_delta",)
    huber_delta: float = 1.0

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        terms = np.subtract(raw, y, out=work[:, 1:])
        terms.clip(-self.huber_delta, self.huber_delta, out=d_raw)
        np.multiply(d_raw, -0.5, out=d_raw)
        np.add(terms, d_raw, out=terms)
        np.multiply(d_raw, -2.0, out=d_raw)
        np.multiply(terms, d_raw, out=terms)
        _weigh(d_raw, weight)
        return _sum(terms, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        np.multiply(t, np.abs(raw - y) <= self.huber_delta, out=t)
        _weigh(t, weight)


@dataclass(frozen=True)
class Quantile(Loss):
    """Pinball loss of one or several quantiles q: sum_k r (1[r > 0] - q_k) with r = raw_k - y.

    One output for each quantile (Koenker and Bassett 1978). Outputs that cross are sorted in predictions, which never
    raises the loss (Chernozhukov, Fernandez-Val and Galichon 2010).
    """

    reads: ClassVar[tuple[str, ...]] = ("quantile",)
    offers = frozenset()
    quantile: float | Sequence[float] = 0.5

    def __post_init__(self) -> None:
        levels: list[Any] = [self.quantile] if isinstance(self.quantile, Real) else list(self.quantile)  # type: ignore[arg-type]
        if not levels or not all(isinstance(q, Real) and 0 < float(q) < 1 for q in levels):
            raise ValueError(f"quantile={self.quantile!r}: give a number between 0 and 1, or several.")
        if sorted(set(levels)) != levels:
            raise ValueError(f"quantile={self.quantile!r}: several quantiles must be in rising order.")
        object.__setattr__(self, "quantile", tuple(float(q) for q in levels))

    @property
    def n_outputs(self) -> int:
        return len(self.quantile)  # type: ignore[arg-type]

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        terms = np.subtract(raw, y, out=work[:, 1:])
        np.greater(terms, 0.0, out=d_raw)
        np.subtract(d_raw, _column(self.quantile, raw.dtype), out=d_raw)
        np.multiply(terms, d_raw, out=terms)
        _weigh(d_raw, weight)
        return _sum(terms, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        t.fill(0.0)

    def predict(self, raw: Array, out: Array) -> None:
        super().predict(raw, out)
        if self.n_outputs > 1:
            out.sort(axis=-2)


class GaussianNLL(Loss):
    """Negative log likelihood of normal targets, summed over them: 1/2 (log v + (m - y)^2 / v), v = e^s + 1e-6.

    The first half of the outputs are the means m, the second the s; half of log(2 pi) is left out. The variance is
    bounded away from 0, or one target hit exactly would be worth more than all others (Nix and Weigend 1994).
    """

    offers = frozenset()  # its Hessian is not semidefinite
    convex = False
    gives_variance = True
    FLOOR: ClassVar[float] = 1e-6

    @property
    def n_outputs(self) -> int:
        return 2

    def _variance(self, s: Array, e: Array, v: Array) -> None:
        """Write e^s, s cut far outside of what variances are, and v; ``e`` may be ``s``, and ``v`` ``e``."""
        limit = _half_of_the_largest_exponent(s.dtype)
        s.clip(-limit, limit, out=e)
        np.exp(e, out=e)
        np.add(e, self.FLOOR, out=v)

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        (m, s), (d_m, d_s), (e, v) = map(_halves, (raw, d_raw, work[:, 1:]))
        self._variance(s, e, v)
        np.subtract(m, y, out=d_m)
        np.square(d_m, out=d_s)
        np.divide(d_s, v, out=d_s)  # r^2 / v
        np.divide(d_m, v, out=d_m)
        np.divide(e, v, out=e)  # dv/ds / v
        np.log(v, out=v)
        np.add(v, d_s, out=v)
        np.subtract(1.0, d_s, out=d_s)
        np.multiply(d_s, e, out=d_s)
        np.multiply(d_s, 0.5, out=d_s)
        _weigh(d_raw, weight)
        return 0.5 * _sum(v, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        (m, s), (t_m, t_s), (e, v) = map(_halves, (raw, t, np.empty_like(raw)))
        self._variance(s, e, v)
        q, r = e / v, m - y
        cross = -r * q / v
        own = 0.5 * (q * (1.0 - q) * (1.0 - r**2 / v) + q**2 * r**2 / v)
        t_m[:], t_s[:] = t_m / v + cross * t_s, cross * t_m + own * t_s
        _weigh(t, weight)

    def predict(self, raw: Array, out: Array) -> None:
        super().predict(raw, out)
        variance = _halves(out)[1]
        self._variance(variance, variance, variance)


class _LogLink(Loss):
    """A loss whose prediction is exp(raw).

    Beyond ``raw = limit`` the exponential goes on as its tangent, so that no raw output overflows and
    value and gradient stay those of one convex function. The limit is far from any mean that data have:
    half of the largest exponent, exp(354) in float64, exp(44) in float32.
    """

    link = "exp"

    def _exp(self, z: Array, value: Array, slope: Array) -> None:
        """The exponential that goes on as its tangent, and its slope; ``z`` may be ``value``."""
        limit = _half_of_the_largest_exponent(z.dtype)
        np.minimum(z, limit, out=slope)
        np.exp(slope, out=slope)
        np.subtract(z, limit, out=value)
        np.maximum(value, 0.0, out=value)
        np.add(value, 1.0, out=value)
        np.multiply(value, slope, out=value)

    def predict(self, raw: Array, out: Array) -> None:
        limit = _half_of_the_largest_exponent(raw.dtype)
        raw.clip(-limit, limit, out=out)
        np.exp(out, out=out)


class PoissonDeviance(_LogLink):
    """Half Poisson deviance with log link, summed over outputs: y log(y / mu) - y + mu, mu = exp(raw)."""

    domain = "non-negative"

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        terms = work[:, 1:]
        self._exp(raw, terms, d_raw)
        np.subtract(d_raw, y, out=d_raw)
        _weigh(d_raw, weight)
        value = _sum(terms, weight)
        np.multiply(raw, y, out=terms)
        value -= _sum(terms, weight)
        np.subtract(xlogy(y, y, out=terms), y, out=terms)
        return value + _sum(terms, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        mean = np.exp(np.minimum(raw, _half_of_the_largest_exponent(raw.dtype)))
        mean[raw > _half_of_the_largest_exponent(raw.dtype)] = 0.0
        np.multiply(t, mean, out=t)
        _weigh(t, weight)


class GammaDeviance(_LogLink):
    """Half gamma deviance with log link, summed over outputs: log(mu / y) + y / mu - 1, mu = exp(raw)."""

    domain = "positive"

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        terms = np.negative(raw, out=work[:, 1:])
        self._exp(terms, terms, d_raw)
        np.multiply(d_raw, y, out=d_raw)
        np.subtract(1.0, d_raw, out=d_raw)
        _weigh(d_raw, weight)
        np.multiply(terms, y, out=terms)
        np.add(terms, raw, out=terms)
        value = _sum(terms, weight)
        np.add(np.log(y, out=terms), 1.0, out=terms)
        return value - _sum(terms, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        ratio = y * np.exp(np.minimum(-raw, _half_of_the_largest_exponent(raw.dtype)))
        ratio[-raw > _half_of_the_largest_exponent(raw.dtype)] = 0.0
        np.multiply(t, ratio, out=t)
        _weigh(t, weight)


class SigmoidCrossEntropy(Loss):
    """Binary cross-entropy of each output, summed over outputs: log(1 + e^raw) - y raw, y in [0, 1].

    For two classes (one output) and for multilabel targets (independent labels).
    """

    for_classes = True
    link = "logistic"

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        terms = np.logaddexp(0.0, raw, out=work[:, 1:])
        np.multiply(raw, y, out=d_raw)
        np.subtract(terms, d_raw, out=terms)
        expit(raw, out=d_raw)
        np.subtract(d_raw, y, out=d_raw)
        _weigh(d_raw, weight)
        return _sum(terms, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        p = expit(raw)
        p *= 1.0 - p
        np.multiply(t, p, out=t)
        _weigh(t, weight)

    def predict(self, raw: Array, out: Array) -> None:
        # In exact arithmetic never 0 nor 1: rounding stays inside, so that log(p) and log(1 - p) are finite.
        expit(raw, out=out)
        limits = np.finfo(out.dtype)
        out.clip(float(limits.tiny), 1.0 - float(limits.epsneg), out=out)


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """Cross-entropy of mutually exclusive classes: log sum_k e^raw_k - raw_y, y a class code.

    Label smoothing by s puts (1 - s) 1[y = k] + s / K in the place of 1[y = k] (Szegedy et al. 2016).
    """

    reads: ClassVar[tuple[str, ...]] = ("label_smoothing",)
    for_classes = True
    codes = True
    link = "softmax"
    label_smoothing: float = 0.0

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        row, hit = work[:, :1], work[:, 1:]
        self._shifted_exp(raw, d_raw, row)
        np.add.reduce(d_raw, axis=-2, keepdims=True, out=row)
        np.divide(d_raw, row, out=d_raw)
        # 1[y = k], written out: a comparison takes 2 us at 10 x 200, three fancy indexings 13.
        np.equal(y, _class_codes(raw.shape[-2]), out=hit)
        if self.label_smoothing:
            np.multiply(hit, 1.0 - self.label_smoothing, out=hit)
            np.add(hit, self.label_smoothing / raw.shape[-2], out=hit)
        np.subtract(d_raw, hit, out=d_raw)
        _weigh(d_raw, weight)
        np.log(row, out=row)
        np.multiply(hit, raw, out=hit)
        return _sum(row, weight) - _sum(hit, weight)

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        p = np.empty_like(raw)
        self.predict(raw, out=p)
        np.subtract(t, np.add.reduce(p * t, axis=-2, keepdims=True), out=t)
        np.multiply(t, p, out=t)
        _weigh(t, weight)

    def predict(self, raw: Array, out: Array) -> None:
        np.subtract(raw, np.maximum.reduce(raw, axis=-2, keepdims=True), out=out)
        np.exp(out, out=out)
        np.divide(out, np.add.reduce(out, axis=-2, keepdims=True), out=out)
        np.maximum(out, float(np.finfo(out.dtype).tiny), out=out)  # log(p) is finite

    @staticmethod
    def _shifted_exp(raw: Array, out: Array, row: Array) -> None:
        """Shift ``raw`` so that its maximum over classes is 0, which no prediction sees; ``out`` is its exponential."""
        np.maximum.reduce(raw, axis=-2, keepdims=True, out=row)
        np.subtract(raw, row, out=raw)
        np.exp(raw, out=out)


LOSSES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "gaussian_nll": GaussianNLL,
    "poisson": PoissonDeviance,
    "gamma": GammaDeviance,
    "sigmoid_cross_entropy": SigmoidCrossEntropy,
    "softmax_cross_entropy": SoftmaxCrossEntropy,
}
