"""What a user's type checker sees of the installed package."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

SNIPPET = """
import numpy as np
from mlp_estimator import MLPClassifier, MLPRegressor, TabularMLPRegressor

X, y = np.zeros((4, 2)), np.array([0, 1, 0, 1])
classifier = MLPClassifier((10, 5), activation="tanh", solver="lbfgs", random_state=0)
reveal_type(classifier.fit(X, y))
reveal_type(classifier.predict_proba(X))
reveal_type(classifier.coefs_)
reveal_type(MLPRegressor().predict(X))
reveal_type(MLPRegressor().predict(X, return_std=True))
reveal_type(MLPRegressor().partial_fit(X, y))
reveal_type(TabularMLPRegressor().predict_interval(X))
MLPClassifier(activation="tanhh")
MLPClassifier(hidden_layer_sizes="10")
MLPRegressor(loss="squared")
classifier.fit(X, y, weights=y)
"""


@pytest.mark.filterwarnings("ignore")
def test_a_users_type_checker_sees_the_types(tmp_path):
    (tmp_path / "user.py").write_text(SNIPPET)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--cache-dir",
        str(tmp_path / "cache"),
        "--ignore-missing-imports",
        "user.py",
    ]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    revealed = re.findall(r'Revealed type is "(.*)"', printed)
    array = r"numpy\.ndarray\[.*\]"
    expected = [
        r"mlp_estimator\.classifier\.MLPClassifier",
        array,
        rf"(builtins\.)?list\[{array}\]",
        array,
        rf"tuple\[{array}, {array}\]",
        r"mlp_estimator\.regressor\.MLPRegressor",
        rf"tuple\[{array}, {array}\]",
    ]
    assert len(revealed) == len(expected), printed
    for found, wanted in zip(revealed, expected, strict=True):
        assert re.fullmatch(wanted, found), found
    for parameter in ('"activation"', '"hidden_layer_sizes"', '"loss"', '"weights"'):
        assert re.search(rf"error: .*{parameter}", printed), printed
