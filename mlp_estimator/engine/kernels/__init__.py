"""Passes over memory, by name: ``kernels.adam(...)``. Each has a NumPy form and a loop form with one signature.

``vectorised.py`` has the NumPy forms. ``loops.py`` has the loop forms, which Numba compiles; a pass that it does not
define has its NumPy form everywhere. A process uses one set of forms, chosen at the first call of a pass: the loops
where Numba is installed, unless the environment variable ``MLP_ESTIMATOR_KERNELS`` is ``numpy``.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

VARIABLE = "MLP_ESTIMATOR_KERNELS"
FORMS = {"numpy": "vectorised", "numba": "loops"}
PASSES = (
    "adam",
    "move",
    "penalise",
    "add_bias",
    "sum_over_batch",
    "relu",
    "relu_error",
    "tanh_error",
    "logistic_error",
    "mish",
    "mish_error",
    "dropout_mask",
    "piecewise",
    "places",
    "lookup",
    "lookup_gradients",
    "add_levels",
    "level_gradients",
    "scale_gradients",
    "softmax_cross_entropy",
    "sigmoid_cross_entropy",
    "squared_error",
)
"""All passes; the tests hold the two forms of each to each other."""


def form_of_process() -> str:
    """Return the form that this process uses, 'numpy' or 'numba'."""
    form = os.environ.get(VARIABLE) or ("numba" if importlib.util.find_spec("numba") else "numpy")
    if form not in FORMS:
        raise ValueError(
            f"{VARIABLE}={form!r}: must be 'numpy' or 'numba'. Unset it to use Numba where it is installed."
        )
    if form == "numba" and not importlib.util.find_spec("numba"):
        raise ImportError(f"{VARIABLE}='numba', but Numba is not installed: pip install numba.")
    return form


def module_of(form: str) -> ModuleType:
    """Return the module with the passes of a form; the one of the loops imports Numba."""
    return importlib.import_module(f".{FORMS[form]}", __name__)


def __getattr__(name: str) -> Callable[..., Any]:
    # Called for a name that the module does not have yet: once per process, since all passes are stored then. A call
    # of a pass costs no more than that of any function of a module.
    if name not in PASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    fallback, module = module_of("numpy"), module_of(form_of_process())
    globals().update({each: getattr(module, each, None) or getattr(fallback, each) for each in PASSES})
    chosen: Callable[..., Any] = globals()[name]
    return chosen
