"""Levenberg-Marquardt: least squares by damped Gauss-Newton steps, and the evidence that finds its regularisation.

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
from .base import FullBatch

MAX_PARAMETERS = 5000  # A has their square as entries, and a step takes the third power
INITIAL_DAMPING = 1e-3  # in units of the largest diagonal entry of J'J
INITIAL_ALPHA = 0.01  # in units of ||r||^2: start with much regularisation, or the network overfits before it acts
MAX_ESTIMATES = 100  # of alpha; it falls for ever where the network fits all data exactly
MIN_EFFECTIVE = 1e-3  # effective weights below which there is nothing left to regularise
ALPHA_TOL = 0.01  # relative change of alpha at which it has converged
MIN_DECREASE = 1e-4  # relative decrease of the objective by a step at which alpha is estimated anew
MAX_EFFECTIVE = 0.4  # effective parameters per row above which the evidence is unreliable

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


class LevenbergMarquardt(FullBatch):
    """Damped Gauss-Newton steps on all data, in float64.

    With alpha="auto" the regularisation maximises the evidence (MacKay 1992, with the Gauss-Newton matrix as in Foresee
    and Hagan 1997). Of the parameters that decay, the data determine gamma = n_decayed - alpha tr(D A^-1). The variance
    of the weights is then ||W||^2 / gamma, the noise variance ||r||^2 / (n - number of all determined parameters), and
    alpha is their quotient, until it no longer changes.
    """

    reads: tuple[str, ...] = ("max_iter", "max_fun", "tol", "alpha")
    calls = ("residuals",)

    def minimize(self, objective: Objective, accepted: Array, monitor: Monitor, options: Mapping[str, Any]) -> Outcome:
        n_params = objective.theta.shape[1]
        if n_params > MAX_PARAMETERS:
            raise ValueError(
                f"solver='lm' is for up to {MAX_PARAMETERS} parameters, since it solves with a matrix of their "
                f"square; this network has {n_params}: choose solver='lbfgs' or 'newton-cg'."
            )
        descent = Descent(objective, accepted, monitor, options)
        return self._with_evidence(descent) if options["alpha"] == "auto" else descent.run()

    @staticmethod
    def _with_evidence(descent: Descent) -> Outcome:
        objective, quadratic = descent.objective, descent.quadratic
        quadratic.update()
        objective.alpha, last = INITIAL_ALPHA * quadratic.squared_residuals, 0.0
        n_rows = objective.total_weight * objective.network.widths[-1]
        for _ in range(MAX_ESTIMATES):
            outcome = descent.run(MIN_DECREASE)
            np.copyto(objective.theta, descent.accepted)
            quadratic.update()
            n_effective, n_effective_decayed = quadratic.n_effective()
            noise = quadratic.squared_residuals / max(n_rows - n_effective, 1.0)
            if not n_effective_decayed > MIN_EFFECTIVE:
                outcome = Outcome(
                    "exhausted",
                    "alpha='auto' has grown until the network became a constant: X does not explain y, or X and y are "
                    "not standardised (StandardScaler, TransformedTargetRegressor), or sample weights not near 1.",
                )
            if outcome != CONVERGED or abs(objective.alpha - last) <= ALPHA_TOL * last:
                break
            last = objective.alpha
            objective.alpha = noise * n_effective_decayed / quadratic.squared_weights()
        else:
            outcome = Outcome(
                "exhausted", f"alpha='auto' has not settled, its last value is {objective.alpha:.2g}: give a number."
            )
        estimates = {
            "alpha_": objective.alpha,
            "n_effective_params_": n_effective,
            "noise_variance_": noise,
            "_posterior": np.tril(quadratic.posterior()),
        }
        if n_effective > MAX_EFFECTIVE * n_rows and outcome == CONVERGED:
            outcome = outcome._replace(
                message=f"alpha='auto' found {n_effective:.0f} effective parameters for {n_rows:.0f} rows: too many "
                "for its approximations to hold. Take fewer units, or search for alpha by cross-validation."
            )
        return outcome._replace(estimates=estimates)
