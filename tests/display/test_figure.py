"""Axes that the caller passes, and an installation without matplotlib."""

from __future__ import annotations

import subprocess
import sys

import matplotlib.pyplot as plt
import pytest
from sklearn.datasets import load_iris

from mlp_estimator import LossCurveDisplay, MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)


def test_axes_of_the_caller():
    network = MLPClassifier((5,), max_iter=20, early_stopping=True, random_state=0).fit(X, Y)
    figure, axes = plt.subplots(2)
    display = LossCurveDisplay.from_estimator(network, ax=axes)
    assert display.figure_ is figure
    with pytest.raises(ValueError, match="needs 2 axes, one for losses and one for scores, but ax has 1"):
        LossCurveDisplay.from_estimator(network, ax=axes[0])


def test_without_matplotlib_the_error_says_what_to_install():
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from mlp_estimator import LossCurveDisplay\n"
        "try: LossCurveDisplay(losses={'a': [[1.0]]}, scores={}, kept={}).plot()\n"
        "except ImportError as error: assert 'mlp-estimator[plot]' in str(error), error\n"
        "else: raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
