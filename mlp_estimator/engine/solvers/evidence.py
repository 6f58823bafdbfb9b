"""Solver 'lm', and the evidence that finds its regularisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..members import Array
from ..monitor import CONVERGED, Monitor, Outcome
from ..objective import Objective
from .base import FullBatch
from .levenberg_marquardt import Descent

MAX_PARAMETERS = 5000  # A has their square as entries, and a step takes the third power
INITIAL_ALPHA = 0.01  # in units of ||r||^2: start with much regularisation, or the network overfits before it acts
MAX_ESTIMATES = 100  # of alpha; it falls for ever where the network fits all data exactly
MIN_EFFECTIVE = 1e-3  # effective weights below which there is nothing left to regularise
ALPHA_TOL = 0.01  # relative change of alpha at which it has converged
MIN_DECREASE = 1e-4  # relative decrease of the objective by a step at which alpha is estimated anew
MAX_EFFECTIVE = 0.4  # effective parameters per row above which the evidence is unreliable


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
