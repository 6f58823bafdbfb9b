"""A fixture that counts the fits that train side by side."""

from __future__ import annotations

import pytest

from mlp_estimator.search import prefitted


@pytest.fixture
def trained_together(monkeypatch):
    """How many fits were made in cells, and in how many."""
    counts = []
    original = prefitted.train_cell

    def counted(*arguments):
        finished = original(*arguments)
        counts.append(sum(fit is not None for fit in finished.values()))
        return finished

    monkeypatch.setattr(prefitted, "train_cell", counted)
    return lambda: (sum(counts), len(counts))
