"""Solvers by name. ``base.py`` says what they share."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..optimizers import OPTIMIZERS
from .base import Solver, interrupt
from .levenberg_marquardt import LevenbergMarquardt
from .minibatch import Minibatch
from .scipy_minimize import Minimize

__all__ = ["SOLVERS", "LevenbergMarquardt", "Minibatch", "Minimize", "Solver", "SolverName", "interrupt"]

SolverName = Literal["sgd", "adam", "lbfgs", "cg", "newton-cg", "lm"]

TINY = float(np.finfo(np.float64).tiny)  # Newton-CG of SciPy 1.12 makes no step with xtol=0

SOLVERS: dict[str, Solver] = {
    **{name: Minibatch(optimizer) for name, optimizer in OPTIMIZERS.items()},
    "lbfgs": Minimize("lbfgs", "L-BFGS-B", {"maxiter": "max_iter", "maxfun": "max_fun", "gtol": "tol"}),
    "cg": Minimize("cg", "CG", {"maxiter": "max_iter", "gtol": "tol"}),
    "newton-cg": Minimize("newton-cg", "Newton-CG", {"maxiter": "max_iter"}, calls=("curvature",), xtol=TINY),
    "lm": LevenbergMarquardt(),
}
