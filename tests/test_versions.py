"""The report of versions."""

from __future__ import annotations

import numpy as np

from mlp_estimator import __version__, show_versions
from mlp_estimator.engine.kernels import VARIABLE


def test_the_report_names_the_kernels(monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, "numpy")
    show_versions()
    report = capsys.readouterr().out
    assert "sklearn:" in report
    assert f"version: {__version__}" in report
    assert f"kernels: numpy {np.__version__}" in report
