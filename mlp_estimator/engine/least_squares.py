"""Levenberg-Marquardt: least squares by damped Gauss-Newton steps, and the evidence for a regularisation.

With residuals r and their Jacobian J the objective, times the sum of weights, is 1/2 ||r||^2 + alpha/2 ||W||^2. Near
theta it is a quadratic with the matrix A = J'J + alpha D (D the identity on what decays, 0 elsewhere) and the gradient
g = J'r + alpha D theta. A step solves (A + mu I) p = -g: a Newton step where mu is small, a short step downhill where
it is large (Levenberg 1944, Hagan and Menhaj 1994), mu following the ratio of the gain found to the gain foreseen
(Nielsen 1999). Derivations: ``docs/derivations.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular

from .layout import Array, squared_norm
from .monitor import CONVERGED, INTERRUPTED, Monitor, Outcome
from .objective import Objective
from .runs import OneByOne

FIRST_DAMPING = 1e-3  # in units of the largest diagonal entry of J'J
MOST_PARAMETERS = 5000  # A has their square as entries, and a step takes the third power
FIRST_ALPHA = 0.01  # in units of ||r||^2: from much regularisation down, or the network overfits before it is held
MOST_ESTIMATES = 100  # of alpha; it falls for ever where the network fits all data exactly
NOTHING = 1e-3  # effective weights below which there is nothing left to regularise
SETTLED = 0.01  # relative change of alpha at which it is found
FLAT = 1e-4  # relative decrease of the objective by a step at which alpha is estimated anew
MANY = 0.4  # effective parameters per row from which on the evidence is not to be trusted


class _Quadratic:
    """The quadratic model of an objective at its present parameters, in memory for the whole run."""

    def __init__(self, objective: Objective):
        self._objective = objective
        n_params = objective.theta.shape[1]
        self.JJ, self._part = np.empty((2, n_params, n_params))  # J'J
        self.gradient = np.empty(n_params)
        self._damped = np.empty((n_params, n_params), order="F")
        self._decayed = (np.arange(n_params) < objective.network.layout.n_decayed).astype(float)

    def take(self) -> None:
        """Read J'J and the gradient at the objective's theta, block of rows by block."""
        self.JJ.fill(0.0)
        self.gradient.fill(0.0)
        self.squared_residuals = 0.0
        for J, r in self._objective.residuals():
            np.matmul(J.T, J, out=self._part)
            np.add(self.JJ, self._part, out=self.JJ)
            self.gradient += J.T @ r
            self.squared_residuals += float(r @ r)
        self.gradient += self._objective.alpha * self._decayed * self._objective.theta[0]

    def squared_weights(self) -> float:
        return float(squared_norm(self._objective.theta[:, self._decayed > 0])[0])

    def n_effective(self) -> tuple[float, float]:
        """How many parameters the data determine: of all, tr(J'J A^-1), and of those that decay."""
        root = solve_triangular(self.posterior(), np.eye(len(self.gradient)), lower=True, check_finite=False)
        held = self._objective.alpha * float((root**2).sum(axis=0) @ self._decayed)
        return len(self.gradient) - held, self._decayed.sum() - held

    def posterior(self) -> Array:
        """The lower factor of A, which is the inverse covariance of the parameters in units of the noise variance.

        Biases of units that do nothing leave A singular: a trace of damping holds them.
        """
        return self.factor(1e-10 * float(self.JJ.diagonal().max()))[0]

    def factor(self, damping: float) -> Any:
        """The Cholesky factor of A + damping I; overwritten by the next one."""
        np.copyto(self._damped, self.JJ)
        self._damped.flat[:: len(self.gradient) + 1] += self._objective.alpha * self._decayed + damping
        return cho_factor(self._damped, lower=True, overwrite_a=True, check_finite=False)

    def step(self, damping: float) -> tuple[Array, float]:
        """The step and the decrease of the objective, times the weights, that the quadratic foresees."""
        step = cho_solve(self.factor(damping), -self.gradient, check_finite=False)
        return step, 0.5 * float(step @ (damping * step - self.gradient))


class LevenbergMarquardt(OneByOne):
    """Damped Gauss-Newton steps on all data, in float64.

    With alpha="auto" the regularisation is the one for which the data are most probable (MacKay 1992, with
    the Gauss-Newton matrix as Foresee and Hagan 1997 have it). Of the parameters that decay,
    gamma = n_decayed - alpha tr(D A^-1) are determined by the data; then the weights' variance is ||W||^2 / gamma, the
    noise variance ||r||^2 / (n - all that the data determine), and alpha their quotient, until it no longer changes.
    """

    needs = "residuals"
    reads: tuple[str, ...] = ("max_iter", "max_fun", "tol", "alpha")

    def minimise(self, objective: Objective, monitor: Monitor, options: Mapping[str, Any]) -> Outcome:
        n_params = objective.theta.shape[1]
        if n_params > MOST_PARAMETERS:
            raise ValueError(
                f"solver='lm' is for up to {MOST_PARAMETERS} parameters, since it solves with a matrix of their "
                f"square; this network has {n_params}: choose solver='lbfgs' or 'newton-cg'."
            )
        descent = _Descent(objective, monitor, options)
        try:
            return self._with_evidence(descent) if options["alpha"] == "auto" else descent.run(0.0)
        except KeyboardInterrupt:
            if np.isnan(monitor.loss):
                monitor.loss = float(objective.value()[0])
            return INTERRUPTED
        finally:
            np.copyto(objective.theta, descent.accepted)

    @staticmethod
    def _with_evidence(descent: _Descent) -> Outcome:
        objective, quadratic = descent.objective, descent.quadratic
        quadratic.take()
        objective.alpha, last = FIRST_ALPHA * quadratic.squared_residuals, 0.0
        n_rows = objective.total_weight * objective.network.widths[-1]
        for _ in range(MOST_ESTIMATES):
            outcome = descent.run(FLAT)
            np.copyto(objective.theta, descent.accepted)
            quadratic.take()
            n_effective, n_effective_decayed = quadratic.n_effective()
            noise = quadratic.squared_residuals / max(n_rows - n_effective, 1.0)
            if not n_effective_decayed > NOTHING:
                outcome = Outcome(
                    "exhausted",
                    "alpha='auto' has grown until the network became a constant: X says nothing of y, or X and y are "
                    "not standardised (StandardScaler, TransformedTargetRegressor), or sample weights not near 1.",
                )
            if outcome != CONVERGED or abs(objective.alpha - last) <= SETTLED * last:
                break
            last = objective.alpha
            objective.alpha = noise * n_effective_decayed / quadratic.squared_weights()
        else:
            outcome = Outcome(
                "exhausted", f"alpha='auto' has not settled, its last value is {objective.alpha:.2g}: give a number."
            )
        found = {
            "alpha_": objective.alpha,
            "n_effective_params_": n_effective,
            "noise_variance_": noise,
            "_posterior": np.tril(quadratic.posterior()),
        }
        if n_effective > MANY * n_rows and outcome == CONVERGED:
            outcome = outcome._replace(
                message=f"alpha='auto' found {n_effective:.0f} effective parameters for {n_rows:.0f} rows: too many "
                "for its approximations to hold. Take fewer units, or search for alpha by cross-validation."
            )
        return outcome._replace(found=found)


class _Descent:
    """The steps, from where the last run of them ended."""

    def __init__(self, objective: Objective, monitor: Monitor, options: Mapping[str, Any]):
        self.objective, self.monitor, self._options = objective, monitor, options
        self.quadratic = _Quadratic(objective)
        self.accepted = objective.theta.copy()
        self._n_calls = 0
        self._damping, self._growth = np.nan, 2.0

    def run(self, flat: float) -> Outcome:
        """Descend until the gradient is at most ``tol``, or a step gains less than ``flat`` of the objective."""
        monitor, options, total = self.monitor, self._options, self.objective.total_weight
        value = self._value()
        monitor.check_finite(value)
        if np.isnan(monitor.loss):
            monitor.loss = value
        while monitor.n_iter < options["max_iter"]:
            self.quadratic.take()
            if np.abs(self.quadratic.gradient).max() <= options["tol"] * total:
                return CONVERGED
            monitor.begin()
            found = self._step(value)
            if found is None:
                if self._n_calls >= options["max_fun"]:
                    return Outcome("exhausted", f"lm failed to converge within max_fun={self._n_calls} evaluations.")
                return CONVERGED  # no step goes down: the value is at its resolution
            value, decrease = found, value - found
            np.copyto(self.accepted, self.objective.theta)
            monitor.record(value, self.accepted)
            if monitor.ended or monitor.gives_up() or decrease < flat * value:
                return monitor.ended or CONVERGED
        return Outcome("exhausted", f"lm failed to converge after {monitor.n_iter} iteration(s): raise max_iter.")

    def _value(self) -> float:
        self._n_calls += 1
        return float(self.objective.value()[0])

    def _step(self, value: float) -> float | None:
        """Go down, and return the value there; None where no step is left that does."""
        quadratic, largest = self.quadratic, float(self.quadratic.JJ.diagonal().max())
        if np.isnan(self._damping):
            self._damping = FIRST_DAMPING * largest
        while self._n_calls < self._options["max_fun"] and self._damping < 1e16 * largest:
            try:
                step, foreseen = quadratic.step(self._damping)
                np.add(self.accepted[0], step, out=self.objective.theta[0])
                found = self._value()
                gain = (value - found) * self.objective.total_weight / foreseen if foreseen > 0.0 else -1.0
            except LinAlgError:  # not positive definite to rounding
                gain = -1.0
            if gain > 0.0:
                self._damping *= max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3)
                self._growth = 2.0
                return found
            self._damping *= self._growth
            self._growth *= 2.0
        self._damping, self._growth = np.nan, 2.0
        return None
