"""Kinds of columns: one file each. ``contract.py`` says what a table asks of a kind."""

from __future__ import annotations

from collections.abc import Mapping

from .category import Category
from .contract import Counts, Kind, Resolution
from .date import Date
from .number import Number

__all__ = ["KINDS", "Category", "Counts", "Date", "Kind", "Number", "Resolution"]

KINDS: Mapping[str, type[Kind]] = {"number": Number, "category": Category, "date": Date}
"""The first kind that takes what a column holds reads it, from `fit` on."""
