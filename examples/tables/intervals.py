"""
Intervals, sets and honest scores from one fit
==============================================

A tabular fit keeps the predictions of each training row by networks that have not seen the row. They give a score
without a test set, intervals with a chosen coverage, sets of labels, and a picture of the errors.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import train_test_split

from mlp_estimator import OutOfFoldDisplay, TabularMLPClassifier, TabularMLPRegressor

# %%
# Regression: the progression of diabetes after a year. The score that the fit reports needs no test set.

X, y = load_diabetes(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
regressor = TabularMLPRegressor(random_state=0).fit(X_train, y_train)
print(
    f"R2 by the fit alone {regressor.oof_score_:.2f}, on new rows {regressor.score(X_test, y_test):.2f}"
)

# %%
# Intervals of any coverage come from the same fit. CV+ makes no assumption about the distribution of the errors.

for coverage in (0.5, 0.8, 0.9, 0.95):
    low, high = regressor.predict_interval(X_test, coverage=coverage)
    inside = np.mean((low <= y_test) & (y_test <= high))
    print(
        f"coverage {coverage:.0%}: {inside:.0%} of the new rows, mean width {np.mean(high - low):.0f}"
    )

# %%
# Classification: sets of labels. A set has both labels where the fit cannot decide, and one label elsewhere.

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
classifier = TabularMLPClassifier(random_state=0).fit(X_train, y_train)
belongs = classifier.predict_set(X_test, coverage=0.99)
covered = belongs[
    np.arange(len(y_test)), np.searchsorted(classifier.classes_, y_test)
].mean()
print(
    f"accuracy {classifier.score(X_test, y_test):.1%}, the set contains the label of {covered:.1%} of the new rows"
)
print(f"{np.mean(belongs.sum(axis=1) == 2):.1%} of the sets have both labels")

# %%
# The residuals with the interval that contains 90 % of them, and how often a predicted probability is right. Both are
# of training rows, out of fold.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
OutOfFoldDisplay.from_estimator(regressor, ax=left, name="diabetes")
OutOfFoldDisplay.from_estimator(classifier, n_bins=5, ax=right, name="breast cancer")
plt.show()
