"""Axes that the caller passes, and an installation without matplotlib."""

from __future__ import annotations

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris

from mlp_estimator import LossCurveDisplay, MLPClassifier
from mlp_estimator.display.figure import axes_for

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
        "except ImportError as error: assert 'pip install matplotlib' in str(error), error\n"
        "else: raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_axes_of_a_new_figure_stand_one_below_the_other(n):
    figure, axes = axes_for(None, n)
    assert len(axes) == n
    assert all(one.figure is figure for one in axes)
    tops = [one.get_subplotspec().rowspan.start for one in axes]
    assert tops == list(range(n))


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (2, 2)])
def test_axes_of_the_caller_may_be_more_than_enough(shape):
    figure, grid = plt.subplots(*shape)
    found, axes = axes_for(grid)
    assert found is figure
    assert axes == [np.ravel(grid)[0]]  # the others stay as they are
