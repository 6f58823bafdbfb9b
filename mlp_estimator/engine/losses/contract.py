"""What a loss offers to the objective and the estimators.

A loss and its link belong together: the network ends in ``raw`` numbers on the whole real line, and only the loss knows
what they mean. Values are sums over the rows and outputs of a batch; the objective alone divides. Shapes: ``raw``
(M, K, B), feature-major; ``y`` (1 or M, K, B), or (1 or M, 1, B) of class codes where ``codes`` is true; ``weight``
(1 or M, 1, B) or None. Derivations: ``docs/derivations.md``.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np

from ..graph import Graph
from ..members import Array


class Loss:
    """Base class of losses: value, gradient, and methods for some solvers.

    Only ``value_and_grad`` is required. Two further methods make more solvers available, and are not defined here:

    - ``curvature(y, raw, weight, t)`` multiplies ``t``, an array like ``raw``, in place by the second derivative of the
      loss with respect to ``raw``, row by row. That matrix must be positive semidefinite. Solver 'newton-cg'
      calls it.
    - ``residuals(y, raw, r, slope)`` writes residuals r with loss = 1/2 sum weight * r^2, and their derivatives with
      respect to ``raw``, both arrays like ``raw``. Solver 'lm' calls it.

    A loss with parameters is a frozen dataclass. Its fields are parameters of the estimators, named in ``reads``.

    Attributes
    ----------
    domain : {'real', 'non-negative', 'positive'}
        Valid targets; others raise an error.

    n_outputs : int
        Outputs of the network for each column of targets.

    link : str
        Name of the inverse link, ``out_activation_``.

    gives_variance : bool
        Whether the second half of the predictions are variances, the first half their means.

    codes : bool
        Whether targets are class codes, one row of integers, instead of one row per output.

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
    codes: ClassVar[bool] = False
    domain: ClassVar[Literal["real", "non-negative", "positive"]] = "real"
    convex: ClassVar[bool] = True
    gives_variance: ClassVar[bool] = False
    link: ClassVar[str] = "identity"

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
            Whether all targets are valid.
        """
        lowest = Y.min()
        return bool(self.domain == "real" or lowest > 0 or (lowest == 0 and self.domain == "non-negative"))

    def value_and_grad(self, y: Array, raw: Array, weight: Array | None, d_raw: Array, work: Array) -> Array:
        """Return the summed loss of each member, and write its gradient.

        Parameters
        ----------
        y : ndarray of shape (1 or n_members, n_targets, n_rows)
            Targets.

        raw : ndarray of shape (n_members, n_outputs, n_rows)
            Output of the network. May be overwritten, but only by a shift that does not affect ``curvature`` and
            ``predict``.

        weight : ndarray of shape (1 or n_members, 1, n_rows) or None
            Weights of the rows.

        d_raw : ndarray of shape (n_members, n_outputs, n_rows)
            The gradient with respect to ``raw`` is written to it.

        work : ndarray of shape (n_members, n_outputs + 1, n_rows)
            Memory to compute in.

        Returns
        -------
        value : ndarray of shape (n_members,)
            The loss, summed over rows and outputs.
        """
        raise NotImplementedError

    def predict(self, raw: Array, out: Array) -> None:
        """Write predictions: the inverse link of raw output.

        Parameters
        ----------
        raw : ndarray of shape (n_members, n_outputs, n_rows)
            Output of the network.

        out : ndarray of the same shape
            Predictions are written to it; it may be ``raw``.
        """
        if out is not raw:
            np.copyto(out, raw)

    def nodes(self, g: Graph, raw: str) -> str:
        """Return what ``predict`` writes, as the name of a value in an ONNX graph.

        A loss with a ``predict`` of its own needs such a method for :func:`mlp_estimator.onnx.register`.

        Parameters
        ----------
        g : callable
            ``g("Exp", a)`` adds a node to the graph and returns the name of its output. Numbers and arrays become
            constants of the type ``g.dtype``.

        raw : str
            Name of the output of the network, (n_rows, n_outputs), or (n_members, n_rows, n_outputs) of an ensemble.

        Returns
        -------
        prediction : str
            Name of the predictions, of the same shape; variances need not be predicted.
        """
        return raw


@runtime_checkable
class WithCurvature(Protocol):
    """A loss with a positive semidefinite second derivative."""

    def curvature(self, y: Array, raw: Array, weight: Array | None, t: Array) -> None:
        """Multiply ``t`` by it, row by row, in place."""


@runtime_checkable
class WithResiduals(Protocol):
    """A loss that is a sum of squares, 1/2 sum weight * r^2."""

    def residuals(self, y: Array, raw: Array, r: Array, slope: Array) -> None:
        """Write the residuals and their derivatives with respect to ``raw``."""
