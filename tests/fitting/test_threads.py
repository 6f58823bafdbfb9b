"""A run limits BLAS threads by its size and leaves them as they were."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from mlp_estimator import MLPRegressor
from mlp_estimator.engine.losses import SquaredError
from mlp_estimator.fitting.threads import OneThread

BLAS = ThreadpoolController().select(user_api="blas")


def threads():
    return {library["filepath"]: library["num_threads"] for library in BLAS.info()}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("hidden", "numpy_threads"), [((20,), 1), ((200, 200), 2)])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_threads_within_and_after_a_fit(hidden, numpy_threads, solver, monkeypatch):
    seen, evaluate = [], SquaredError.value_and_grad

    def watching(self, *arrays):
        seen.append(threads())
        return evaluate(self, *arrays)

    monkeypatch.setattr(SquaredError, "value_and_grad", watching)
    rng = np.random.default_rng(0)
    with BLAS.limit(limits=2):
        before = threads()
        if not all(n == 2 for n in before.values()):
            pytest.skip("this BLAS cannot be given two threads here")
        MLPRegressor(hidden, solver=solver, max_iter=2, random_state=0).fit(rng.normal(size=(500, 5)), np.zeros(500))
        assert threads() == before
    for path, n in seen[0].items():
        assert n == (numpy_threads if "numpy.libs" in path or len(before) == 1 else 1), path


def test_overlapping_fits_restore_what_the_first_one_found():
    with BLAS.limit(limits=2):
        before = threads()
        limit = OneThread(BLAS)
        limit.__enter__()  # one fit
        limit.__enter__()  # another, in another thread of Python
        limit.__exit__()  # the first one ends first
        assert set(threads().values()) == {1}
        limit.__exit__()
        assert threads() == before
