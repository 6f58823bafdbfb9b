"""
Class weights for imbalanced data
=================================

Detect the digit 8, which is a tenth of the digits. A classifier that minimises the
unweighted loss may neglect the rare class. ``class_weight="balanced"`` gives both
classes the same total weight.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    balanced_accuracy_score,
    recall_score,
)
from sklearn.model_selection import train_test_split

from mlp_estimator import MLPClassifier

X, digit = load_digits(return_X_y=True)
y = digit == 8
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, stratify=y, test_size=0.5, random_state=0
)

# %%
# A small network and few epochs, so that the two settings differ.

fig, axes = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
for ax, class_weight in zip(axes, [None, "balanced"], strict=True):
    network = MLPClassifier(
        (4,),
        class_weight=class_weight,
        learning_rate="cosine",
        learning_rate_init=0.01,
        max_iter=30,
        n_iter_no_change=30,
        random_state=0,
    )
    predicted = network.fit(X_train, y_train).predict(X_test)
    recall = recall_score(y_test, predicted)
    balanced = balanced_accuracy_score(y_test, predicted)
    print(
        f"class_weight={class_weight}: {recall:.2f} of the eights found, "
        f"balanced accuracy {balanced:.2f}"
    )
    ConfusionMatrixDisplay.from_predictions(
        y_test,
        predicted,
        display_labels=["other", "8"],
        ax=ax,
        colorbar=False,
        cmap="Blues",
    )
    ax.set_title(f"class_weight={class_weight!r}")
plt.show()
