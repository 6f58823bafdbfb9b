"""Methods of ``scipy.optimize.minimize`` on all data at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from ..members import Array
from ..monitor import CONVERGED, Monitor, Outcome
from ..objective import Objective
from .base import FullBatch


class Evaluations:
    """The objective as SciPy's methods call it: of one vector, each answer in fresh memory, because they keep it."""

    def __init__(self, objective: Objective, monitor: Monitor):
        self._objective, self._monitor = objective, monitor
        self._product = np.empty_like(objective.theta)
        self.n_calls = 0
        self._latest: tuple[Array, Array] | None = None  # a point and its gradient

    def value_and_grad(self, x: Array) -> tuple[float, Array]:
        """Return the objective and its gradient for SciPy."""
        self._monitor.begin()
        return self._evaluate(x)

    def _evaluate(self, x: Array) -> tuple[float, Array]:
        self.n_calls += 1
        np.copyto(self._objective.theta[0], x)
        value = self._objective.value_and_grad()
        assert value is not None
        if np.isnan(self._monitor.loss):
            self._monitor.loss = float(value[0])
            self._monitor.check_finite(self._monitor.loss)
        self._latest = x.copy(), self._objective.grad[0].copy()
        return float(value[0]), self._latest[1]

    def curvature_product(self, x: Array, v: Array) -> Array:
        """Return the product of the Gauss-Newton matrix at x with v."""
        np.copyto(self._objective.theta[0], x)
        self._objective.curvature_product(v[None], self._product)
        product: Array = self._product[0].copy()
        return product

    def max_slope(self, x: Array) -> float:
        """Return the largest component of the gradient at x."""
        if self._latest is None or not np.array_equal(x, self._latest[0]):
            self._evaluate(x)
        assert self._latest is not None
        return float(np.abs(self._latest[1]).max())


class Minimize(FullBatch):
    """One method, in float64: SciPy's methods keep the type of their start.

    ``limits`` maps the method's options to ``max_iter``, ``max_fun`` and ``tol``, the largest component of the
    gradient. Limits that the method does not know are enforced here; ``disabled`` sets its own stopping rules so that
    they never apply. A method with ``calls=("curvature",)`` uses products of the curvature matrix.
    """

    reads: tuple[str, ...] = ("max_iter", "max_fun", "tol")

    def __init__(
        self, name: str, method: str, limits: Mapping[str, str], calls: tuple[str, ...] = (), **disabled: float
    ):
        self.name, self.method, self.limits, self.calls, self.disabled = name, method, limits, calls, disabled

    def minimize(self, objective: Objective, accepted: Array, monitor: Monitor, options: Mapping[str, Any]) -> Outcome:
        evaluations = Evaluations(objective, monitor)

        def callback(intermediate_result: OptimizeResult) -> None:
            np.copyto(accepted[0], intermediate_result.x)
            np.copyto(objective.theta, accepted)
            monitor.record(float(intermediate_result.fun), accepted)
            self._enforce_limits(evaluations, accepted[0], monitor, options)

        result = minimize(
            evaluations.value_and_grad,
            accepted[0].copy(),
            method=self.method,
            jac=True,
            hessp=evaluations.curvature_product if self.calls else None,
            callback=callback,
            options={theirs: options[ours] for theirs, ours in self.limits.items()} | self.disabled,
        )
        np.copyto(accepted[0], result.x)
        monitor.loss = float(result.fun)
        monitor.best_loss = min(monitor.best_loss, monitor.loss)
        monitor.check_finite(result.fun)
        if monitor.ended or result.success:
            return monitor.ended or CONVERGED
        message = (
            f"{self.name} failed to converge after {monitor.n_iter} iteration(s) "
            f"(status={result.status}):\n{result.message}\n"
        )
        if monitor.n_iter >= options["max_iter"]:
            message += (
                f"\nIncrease the number of iterations to improve the convergence (max_iter={options['max_iter']})."
            )
        return Outcome("exhausted", message + "\nScaling the data often helps as well.")

    def _enforce_limits(self, evaluations: Evaluations, x: Array, monitor: Monitor, options: Mapping[str, Any]) -> None:
        """Stop the method where the monitor asks for it, or at a limit that the method does not know."""
        if monitor.validation_stalled():
            monitor.ended = monitor.ended or CONVERGED
        known = self.limits.values()
        if "tol" not in known and evaluations.max_slope(x) <= options["tol"]:
            monitor.ended = monitor.ended or CONVERGED
        if "max_fun" not in known and evaluations.n_calls >= options["max_fun"]:
            monitor.ended = monitor.ended or Outcome(
                "exhausted", f"{self.name} failed to converge within max_fun={options['max_fun']} evaluations."
            )
        if monitor.ended:
            raise StopIteration
