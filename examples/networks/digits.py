"""
Handwritten digits: errors and hidden units
===========================================

Classify small grey-scale images of digits, given as a table of 64 columns. Show the
misclassified images and the weights of the first layer.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from mlp_estimator import MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, random_state=0, stratify=y
)

# %%
# ``dtype="float32"`` takes half the memory and less time. Early stopping sets a tenth
# of the training rows aside and keeps the weights with the best score on them.

network = MLPClassifier(
    (40,),
    dtype="float32",
    learning_rate_init=0.005,
    early_stopping=True,
    n_iter_no_change=20,
    random_state=0,
)
network.fit(X_train, y_train)
predicted = network.predict(X_test)
accuracy = np.mean(predicted == y_test)
print(f"{accuracy:.3f} of the test digits right, after {network.n_iter_} epochs")

# %%
# Misclassified digits, with the probability of the predicted class.

wrong = np.flatnonzero(predicted != y_test)[:8]
sure = network.predict_proba(X_test[wrong]).max(axis=1)
fig, axes = plt.subplots(1, len(wrong), figsize=(9, 1.7), layout="constrained")
for ax, i, p in zip(axes, wrong, sure, strict=True):
    ax.imshow(X_test[i].reshape(8, 8), cmap="gray_r")
    ax.set_title(f"{y_test[i]} as {predicted[i]}\n({p:.0%} sure)", fontsize=8)
    ax.axis("off")

# %%
# The weights of each hidden unit: red pixels activate it, blue pixels inhibit it.

fig, axes = plt.subplots(4, 10, figsize=(8, 3.4), layout="constrained")
limit = np.abs(network.coefs_[0]).max()
for ax, weights in zip(axes.flat, network.coefs_[0].T, strict=True):
    ax.imshow(weights.reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.axis("off")
plt.show()
