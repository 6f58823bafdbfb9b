"""Levenberg-Marquardt: least squares by damped Gauss-Newton steps.

With residuals r and their Jacobian J the objective, times the sum of weights, is 1/2 ||r||^2 + alpha/2 ||W||^2. Near
theta it is a quadratic with the matrix A = J'J + alpha D (D the identity on what decays, 0 elsewhere) and the gradient
g = J'r + alpha D theta. A step solves (A + mu I) p = -g: a Newton step where mu is small, a short step downhill where
it is large (Levenberg 1944, Hagan and Menhaj 1994). mu follows the ratio of the actual to the predicted decrease
(Nielsen 1999). Derivations: ``docs/derivations.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular

from ..members import Array, squared_norm
from ..monitor import CONVERGED, Monitor, Outcome
from ..objective import Objective

INITIAL_DAMPING = 1e-3  # in units of the largest diagonal entry of J'J

Matrix = NDArray[np.float64]


class Quadratic:
    """The quadratic model of an objective at its present parameters, in memory for the whole run."""

    def __init__(self, objective: Objective):
        self._objective = objective
        n_params = objective.theta.shape[1]
        self.JJ, self._product = np.empty((2, n_params, n_params))  # J'J
        self.gradient = np.empty(n_params)
        self._damped = np.empty((n_params, n_params), order="F")
        self._decayed = (np.arange(n_params) < objective.network.layout.n_decayed).astype(float)

    def update(self) -> None:
        """Compute J'J and the gradient at the objective's theta, block of rows by block of rows."""
        self.JJ.fill(0.0)
        self.gradient.fill(0.0)
        self.squared_residuals = 0.0
        for J, r in self._objective.residuals():
            np.matmul(J.T, J, out=self._product)
            np.add(self.JJ, self._product, out=self.JJ)
            self.gradient += J.T @ r
            self.squared_residuals += float(r @ r)
        self.gradient += self._objective.alpha * self._decayed * self._objective.theta[0]

    def squared_weights(self) -> float:
        """Return ||W||^2 of the weights that decay."""
        return float(squared_norm(self._objective.theta[:, self._decayed > 0])[0])

    def value(self) -> float:
        """Return the objective by the residuals."""
        penalty = self._objective.alpha * self.squared_weights()
        total: float = self._objective.total_weight
        return float(0.5 * (self.squared_residuals + penalty) / total)

    def n_effective(self) -> tuple[float, float]:
        """Return how many parameters the data determine: of all, tr(J'J A^-1), and of those that decay."""
        root = solve_triangular(self.posterior(), np.eye(len(self.gradient)), lower=True, check_finite=False)
        regularised = self._objective.alpha * float((root**2).sum(axis=0) @ self._decayed)
        return len(self.gradient) - regularised, float(self._decayed.sum()) - regularised

    def posterior(self) -> Matrix:
        """Return the lower factor of A, the inverse covariance of the parameters in units of the noise variance.

        Biases of units that never act leave A singular; a trace of damping makes it definite.
        """
        factor: Matrix = self.factor(1e-10 * float(self.JJ.diagonal().max()))[0]
        return factor

    def factor(self, damping: float) -> tuple[Matrix, bool]:
        """Return the Cholesky factor of A + damping I; the next one overwrites it."""
        np.copyto(self._damped, self.JJ)
        self._damped.flat[:: len(self.gradient) + 1] += self._objective.alpha * self._decayed + damping
        factor: tuple[Matrix, bool] = cho_factor(self._damped, lower=True, overwrite_a=True, check_finite=False)
        return factor

    def step(self, damping: float) -> tuple[Matrix, float]:
        """Return the step and the decrease of the objective, times the weights, that the quadratic predicts."""
        step = cho_solve(self.factor(damping), -self.gradient, check_finite=False)
        return step, 0.5 * float(step @ (damping * step - self.gradient))


class Descent:
    """The steps of a run, which may be continued with another alpha."""

    def __init__(self, objective: Objective, accepted: Array, monitor: Monitor, options: Mapping[str, Any]):
        self.objective, self.accepted, self.monitor, self._options = objective, accepted, monitor, options
        self.quadratic = Quadratic(objective)
        self._n_calls = 0
        self._damping, self._growth = np.nan, 2.0

    def run(self, min_decrease: float = 0.0) -> Outcome:
        """Descend until the gradient is at most ``tol``, or the relative decrease by a step below ``min_decrease``."""
        monitor, options, total = self.monitor, self._options, self.objective.total_weight
        value = self._value()
        monitor.check_finite(value)
        if np.isnan(monitor.loss):
            monitor.loss = value
            self._check_residuals(value)
        while monitor.n_iter < options["max_iter"]:
            self.quadratic.update()
            if np.abs(self.quadratic.gradient).max() <= options["tol"] * total:
                return CONVERGED
            monitor.begin()
            lower = self._step(value)
            if lower is None:
                if self._n_calls >= options["max_fun"]:
                    return Outcome("exhausted", f"lm failed to converge within max_fun={self._n_calls} evaluations.")
                return CONVERGED  # no step goes down: the value is at its resolution
            value, decrease = lower, value - lower
            np.copyto(self.accepted, self.objective.theta)
            monitor.record(value, self.accepted)
            if monitor.ended or monitor.validation_stalled() or decrease < min_decrease * value:
                return monitor.ended or CONVERGED
        return Outcome("exhausted", f"lm failed to converge after {monitor.n_iter} iteration(s): raise max_iter.")

    def _check_residuals(self, value: float) -> None:
        self.quadratic.update()
        if not np.isclose(self.quadratic.value(), value, rtol=1e-6):
            raise ValueError(
                f"The residuals of {self.objective.loss!r} do not sum to its value: 1/2 sum weight * r^2 gives an "
                f"objective of {self.quadratic.value():.6g}, value_and_grad {value:.6g}. Correct `residuals` "
                "(check_loss tells more), or choose another solver."
            )

    def _value(self) -> float:
        self._n_calls += 1
        return float(self.objective.value()[0])

    def _step(self, value: float) -> float | None:
        """Take a step down and return the value there, or None where no step goes down."""
        quadratic, largest = self.quadratic, float(self.quadratic.JJ.diagonal().max())
        if np.isnan(self._damping):
            self._damping = INITIAL_DAMPING * largest
        while self._n_calls < self._options["max_fun"] and self._damping < 1e16 * largest:
            try:
                step, predicted = quadratic.step(self._damping)
                np.add(self.accepted[0], step, out=self.objective.theta[0])
                lower = self._value()
                gain = (value - lower) * self.objective.total_weight / predicted if predicted > 0.0 else -1.0
            except LinAlgError:  # not positive definite to rounding
                gain = -1.0
            if gain > 0.0:
                self._damping *= max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3)
                self._growth = 2.0
                return lower
            self._damping *= self._growth
            self._growth *= 2.0
        self._damping, self._growth = np.nan, 2.0
        return None
