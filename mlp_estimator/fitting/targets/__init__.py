"""How y is read: labels, label indicators, or numbers. ``contract.py`` says what estimators ask of each."""

from __future__ import annotations

from collections.abc import Mapping

from .contract import Encoded, Targets, read_targets
from .indicators import Indicators, learn_classes
from .labels import Labels
from .numbers import Numbers, Unit

__all__ = ["TARGETS", "Encoded", "Indicators", "Labels", "Numbers", "Targets", "Unit", "learn_classes", "read_targets"]

TARGETS: Mapping[str, type[Targets]] = {"labels": Labels, "indicators": Indicators, "numbers": Numbers}
"""The kinds of targets."""
