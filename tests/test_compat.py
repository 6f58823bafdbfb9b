"""The versions that are supported: what is said of them, and what an older scikit-learn lacks."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from mlp_estimator.compat import check_method_params, check_sample_weight, check_targets, safe_indexing

ROOT = Path(__file__).parents[1]

WITHOUT_CALLBACKS = """
import sys

import pytest
import sklearn.model_selection, sklearn.neural_network, sklearn.pipeline

sys.modules["sklearn.callback"] = None  # as before scikit-learn 1.9
from mlp_estimator import MLPClassifier, MLPGridSearchCV

X, y = [[0.0], [1.0]] * 6, [0, 1] * 6
with pytest.warns(UserWarning, match="Maximum iterations") as caught:
    model = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, y)
assert caught[0].filename == "<string>"  # the line of the user
assert model.n_iter_ == 2
with pytest.raises(ImportError, match="Callbacks need scikit-learn 1.9 or newer, and version .* is installed"):
    model.set_callbacks()
"""


def test_without_callbacks():
    subprocess.run([sys.executable, "-c", WITHOUT_CALLBACKS], check=True)


def test_the_supported_versions_are_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lowest = dict(re.fullmatch(r"([\w-]+)>=([\d.]+)", entry).groups() for entry in project["dependencies"])
    files = sorted((ROOT / ".ci").glob("scikit-learn-*.txt"))
    pinned = [dict(re.findall(r"^([\w-]+)==([\d.]+)\.\*$", file.read_text(), flags=re.M)) for file in files]
    assert [file.stem.removeprefix("scikit-learn-") for file in files] == [pins["scikit-learn"] for pins in pinned]
    assert lowest.items() <= pinned[0].items()
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    pythons, versions = zip(*re.findall(r'python: "([\d.]+)", scikit-learn: "([\d.]+)"', workflow), strict=True)
    assert set(versions) == {pins["scikit-learn"] for pins in pinned}
    assert project["requires-python"] == f">={pythons[0]}"
    readme = " ".join((ROOT / "README.md").read_text().split())
    for row in (
        f"| Python | {pythons[0]} to {pythons[-1]} |",
        f"| scikit-learn | {versions[0]} to {versions[-1]} |",
        f"| NumPy | {lowest['numpy']} or newer |",
        f"| SciPy | {lowest['scipy']} or newer |",
    ):
        assert row in readme


def test_weights_and_targets_are_checked_as_by_scikit_learn():
    X = np.zeros((3, 1))
    assert check_sample_weight(None, X) is None
    assert check_sample_weight([1, 2, 3], X).dtype == float
    assert check_targets([1, 2, 3], numeric=True).shape == (3,)
    for weight, message in (
        ([0, 0, 0], "at least one non-zero"),
        ([1, -1, 1], "[Nn]egative"),
        ([1, 1], "sample_weight.shape"),
    ):
        with pytest.raises(ValueError, match=message):
            check_sample_weight(weight, X)
    with pytest.raises(ValueError, match="requires y to be passed"):
        check_targets(None, numeric=True)


def test_metadata_of_the_length_of_x_are_those_of_the_rows():
    rows = np.array([2, 0])
    params = check_method_params(np.zeros((3, 1)), {"sample_weight": np.arange(3), "copy": True}, rows)
    assert params["sample_weight"].tolist() == safe_indexing([0, 1, 2], rows) == [2, 0]
    assert params["copy"] is True
