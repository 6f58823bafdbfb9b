"""Small searches, and their comparison with scikit-learn's."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from mlp_estimator import MLPClassifier, MLPGridSearchCV, MLPRegressor

NETWORK = MLPClassifier((5,), max_iter=15, random_state=0)
REGRESSOR = MLPRegressor((5,), max_iter=15, random_state=0)
GRID = {"alpha": [1e-4, 1.0], "learning_rate_init": [1e-3, 1e-2]}


def compare(estimator, grid, X, y, *, params=None, atol=1e-6, **options):
    """Run both searches, check that they agree, and return ours."""
    ours = MLPGridSearchCV(clone(estimator), grid, **options).fit(X, y, **(params or {}))
    theirs = GridSearchCV(clone(estimator), grid, **options).fit(X, y, **(params or {}))
    agree(ours, theirs, atol)
    return ours


def agree(ours, theirs, atol=1e-6):
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    for name, expected in theirs.cv_results_.items():
        if name.endswith("_time") or name.startswith("rank"):
            continue
        found = ours.cv_results_[name]
        if name == "params":
            assert str(found) == str(expected)
        elif name.startswith("param_"):
            assert str(found.tolist()) == str(expected.tolist())
        else:
            np.testing.assert_allclose(found, expected, atol=atol, err_msg=name)
    assert ours.multimetric_ == theirs.multimetric_
    assert ours.n_splits_ == theirs.n_splits_
    for name in ("best_index_", "best_score_", "best_params_"):
        assert hasattr(ours, name) == hasattr(theirs, name)
    if hasattr(theirs, "best_params_"):
        assert str(ours.best_params_) == str(theirs.best_params_)
    if hasattr(theirs, "best_estimator_"):
        assert type(ours.best_estimator_) is type(theirs.best_estimator_)
        last, reference = ours.best_estimator_, theirs.best_estimator_
        if isinstance(last, Pipeline):
            last, reference = last[-1], reference[-1]
        np.testing.assert_array_equal(last.coefs_[0], reference.coefs_[0])
