"""What a report of a bug should say of the installation."""

from __future__ import annotations

import importlib.metadata

import sklearn

from .engine.kernels import form_of_process


def show_versions() -> None:
    """Print scikit-learn's debugging information, and the kernels that this package uses.

    The kernels are 'numba' where Numba is installed and 'numpy' elsewhere, or what the environment variable
    ``MLP_ESTIMATOR_KERNELS`` says.

    Examples
    --------
    >>> from mlp_estimator import show_versions
    >>> show_versions()  # doctest: +SKIP
    """
    from . import __version__  # the package imports this module

    sklearn.show_versions()  # type: ignore[attr-defined, no-untyped-call]
    form = form_of_process()
    print("\nmlp_estimator:")
    print(f"      version: {__version__}")
    print(f"      kernels: {form} {importlib.metadata.version(form)}")
