"""Shared fixtures: real tables, where they are available, and the seed that scikit-learn's tests ask for.

The tests follow the package: a folder for each folder, a file for each module, named after what it tests. What concerns
the estimators as a whole is at the top. Small problems for the engine are in ``problems.py``, data sets and comparisons
of fits in ``samples.py``, comparisons of searches in ``searches.py``.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

pytest.register_assert_rewrite("problems", "samples", "searches")
TABLES = Path(os.environ.get("MLP_TABLES", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def global_random_seed():
    """The seed that scikit-learn's tests ask for."""
    return 42


@pytest.fixture(autouse=True)
def _no_open_figures():
    """Close the figures of a test."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def tables():
    """The loader of the real tables; tests that need it are skipped where the folder is missing."""
    loader = TABLES / "load.py"
    if not loader.exists():
        pytest.skip(f"no real tables in {TABLES}: set MLP_TABLES to their folder")
    spec = importlib.util.spec_from_file_location("tables_loader", loader)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
