"""The class labels of a classifier: which there are, and whether further targets agree with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import type_of_target, unique_labels


def is_multilabel(classifier: Any) -> bool:
    return classifier._label_binarizer.y_type_.startswith("multilabel")


def check_kind(classifier: Any, y: np.ndarray, name: str) -> None:
    """Turn away labels in the place of a multilabel indicator, and the other way round."""
    if is_multilabel(classifier) != type_of_target(y).startswith("multilabel"):
        raise ValueError(
            f"{name} is {type_of_target(y)}, but training so far was on a {classifier._label_binarizer.y_type_} "
            "target: it can go on with the same kind of target only."
        )


def name_classes(classifier: Any, y: np.ndarray, classes: Any) -> None:
    """Take the classes from the first call of partial_fit, and see that later calls agree."""
    if not hasattr(classifier, "classes_"):
        if classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit: all that will ever come.")
        multilabel = type_of_target(y).startswith("multilabel")
        classifier.classes_ = unique_labels(classes)
        classifier._label_binarizer = LabelBinarizer().fit(y if multilabel else classifier.classes_)
    elif classes is not None and not np.array_equal(classifier.classes_, unique_labels(classes)):
        raise ValueError(
            f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {classifier.classes_!r}."
        )


def check_classes(classifier: Any, y: np.ndarray, incremental: bool) -> None:
    """Turn away classes that training so far did not know, and in a warm start also ones that are missing."""
    known, found = classifier.classes_, unique_labels(y)
    unseen = np.setdiff1d(found, known)
    if incremental and len(unseen):
        raise ValueError(
            f"`y` has classes not in `self.classes_`. `self.classes_` has {known}. 'y' has {found}. "
            "Name all classes that will ever come in the first call: partial_fit(X, y, classes=...)."
        )
    if not incremental and (len(unseen) or len(found) < len(known)):
        raise ValueError(
            "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
            f"Previously got {known}, `y` has {found}"
        )
