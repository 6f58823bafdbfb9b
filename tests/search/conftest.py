"""A fixture that counts the fits that train side by side."""

from __future__ import annotations

import pytest

from mlp_estimator.search import prefitted


@pytest.fixture
def trained_together(monkeypatch):
    """How many fits were made in cells, and in how many."""
    counts = []
    original = prefitted.train_cell
    monkeypatch.setattr(prefitted, "train_cell", lambda *a: counts.append(found := original(*a)) or found)
    return lambda: (sum(map(len, counts)), len(counts))
