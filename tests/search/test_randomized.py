"""A randomized search draws and scores scikit-learn's candidates."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from samples import X_IRIS, Y_IRIS
from scipy import stats
from searches import NETWORK, agree
from sklearn.model_selection import RandomizedSearchCV

from mlp_estimator import MLPRandomizedSearchCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_a_randomized_search():
    grid = {"alpha": stats.loguniform(1e-5, 1), "hidden_layer_sizes": [(3,), (5,)], "random_state": [0]}
    for random_state in (0, np.random.RandomState(3)):
        twin = pickle.loads(pickle.dumps(random_state))
        ours = MLPRandomizedSearchCV(NETWORK, grid, n_iter=6, cv=3, random_state=random_state).fit(X_IRIS, Y_IRIS)
        agree(ours, RandomizedSearchCV(NETWORK, grid, n_iter=6, cv=3, random_state=twin).fit(X_IRIS, Y_IRIS))
