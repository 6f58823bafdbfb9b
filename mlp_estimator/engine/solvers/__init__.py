"""Solvers by name. ``base.py`` says what they share."""

from __future__ import annotations

from typing import Literal

from ..optimizers import OPTIMIZERS
from .base import Solver
from .evidence import LevenbergMarquardt
from .minibatch import Minibatch
from .scipy_minimize import Minimize

__all__ = ["SOLVERS", "LevenbergMarquardt", "Minibatch", "Minimize", "Solver", "SolverName"]

SolverName = Literal["sgd", "adam", "lbfgs", "cg", "newton-cg", "lm", "trust-krylov"]

SOLVERS: dict[str, Solver] = {
    **{name: Minibatch(optimizer) for name, optimizer in OPTIMIZERS.items()},
    "lbfgs": Minimize("lbfgs", "L-BFGS-B", {"maxiter": "max_iter", "maxfun": "max_fun", "gtol": "tol"}),
    "cg": Minimize("cg", "CG", {"maxiter": "max_iter", "gtol": "tol"}),
    "newton-cg": Minimize("newton-cg", "Newton-CG", {"maxiter": "max_iter"}, calls=("curvature",), xtol=0.0),
    "lm": LevenbergMarquardt(),
    "trust-krylov": Minimize("trust-krylov", "trust-krylov", {"maxiter": "max_iter"}, calls=("curvature",), gtol=0.0),
}
