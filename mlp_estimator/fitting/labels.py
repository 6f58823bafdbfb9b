"""The labels of a classifier: encoding, and whether further targets agree with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import type_of_target, unique_labels


@dataclass(frozen=True, eq=False)
class Labels:
    """The classes that a classifier knows, and scikit-learn's encoder of them."""

    classes: NDArray[Any]
    binarizer: LabelBinarizer

    @classmethod
    def learn(cls, y: NDArray[Any]) -> Labels:
        """Learn the classes from the targets of a fit."""
        binarizer = LabelBinarizer().fit(y)
        return cls(binarizer.classes_, binarizer)

    @classmethod
    def named(cls, y: NDArray[Any], classes: Any) -> Labels:
        """Take the classes that the first call of partial_fit names."""
        if classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit: all that will ever occur.")
        known = unique_labels(classes)
        multilabel = type_of_target(y).startswith("multilabel")
        return cls(known, LabelBinarizer().fit(y if multilabel else known))

    @property
    def kind(self) -> str:
        """scikit-learn's type of target: 'binary', 'multiclass' or 'multilabel-indicator'."""
        return str(self.binarizer.y_type_)

    @property
    def multilabel(self) -> bool:
        """Whether each label is a column of its own."""
        return self.kind.startswith("multilabel")

    def encode(self, y: NDArray[Any], dtype: np.dtype[Any], smoothing: float) -> NDArray[Any]:
        """Return targets for the loss: indicators, class codes, or the probability of the second of two classes."""
        if self.multilabel:
            return np.ascontiguousarray(self.binarizer.transform(y), dtype)
        codes = np.searchsorted(self.classes, y)[:, None]
        if self.kind == "multiclass":
            return codes
        targets = codes.astype(dtype)
        return targets * (1 - smoothing) + smoothing / 2 if smoothing else targets

    def check_kind(self, y: NDArray[Any], name: str) -> None:
        """Raise an error for labels instead of a multilabel indicator, and the other way round."""
        kind = type_of_target(y)
        if self.multilabel != kind.startswith("multilabel"):
            raise ValueError(
                f"{name} is {kind}, but training so far was on a {self.kind} target: it continues with the same kind "
                "of target only."
            )

    def check_continuation(self, y: NDArray[Any], classes: Any) -> None:
        """Raise an error for targets with which partial_fit cannot continue."""
        if classes is not None and not np.array_equal(self.classes, unique_labels(classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes!r}."
            )
        self.check_kind(y, "`y`")
        labels = unique_labels(y)
        if len(np.setdiff1d(labels, self.classes)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes}. 'y' has {labels}. "
                "Name all classes that will ever occur in the first call: partial_fit(X, y, classes=...)."
            )

    def check_same(self, y: NDArray[Any]) -> None:
        """Raise an error for targets with which a warm start cannot continue: other classes, or missing ones."""
        self.check_kind(y, "`y`")
        labels = unique_labels(y)
        if len(np.setdiff1d(labels, self.classes)) or len(labels) < len(self.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes}, `y` has {labels}"
            )

    def check_validation(self, y: NDArray[Any]) -> None:
        """Raise an error for validation targets of another kind or with unknown classes."""
        self.check_kind(y, "`y_val`")
        unseen = np.setdiff1d(unique_labels(y), self.classes)
        if len(unseen):
            raise ValueError(f"y_val has the classes {unseen}, which y does not have: {self.classes}.")
