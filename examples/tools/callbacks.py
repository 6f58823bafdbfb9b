"""
Monitoring a fit with callbacks
===============================

scikit-learn's callbacks are called for each epoch of a fit. This example uses its
progress bar and its scoring monitor, and a user-defined callback that stops the fit. It
needs rich and pandas.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_digits
from sklearn.metrics import make_scorer, top_k_accuracy_score

from mlp_estimator import LossCurveDisplay, MLPClassifier

X, y = load_digits(return_X_y=True)
X = X / 16

# %%
# Show a progress bar, and record the score on the training data after each epoch.
# A cosine schedule runs to its end, so the fit raises no ConvergenceWarning.

monitor = ScoringMonitor(scoring="accuracy")
network = MLPClassifier(
    (30,),
    learning_rate="cosine",
    learning_rate_init=0.01,
    max_iter=40,
    n_iter_no_change=40,
    random_state=0,
)
network.set_callbacks(ProgressBar(), monitor).fit(X, y)
log = monitor.get_logs().data_as_pandas
accuracy = log[log["task_name"] == "epoch"]["accuracy"].to_numpy()

# %%
# A user-defined stopping rule. A hook that returns True stops the fit, which keeps the
# current weights.


class Enough:
    """Stop when the top-2 accuracy on the training data reaches the target."""

    def __init__(self, target):
        self.target = target
        self.score = make_scorer(
            top_k_accuracy_score, response_method="predict_proba", k=2, labels=range(10)
        )

    def setup(self, estimator, context):
        """Nothing to prepare."""

    def teardown(self, estimator, context):
        """Nothing to clean up."""

    def on_fit_task_begin(self, estimator, context):
        """Nothing to do when an epoch begins."""

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        """Score after each epoch."""
        return (
            context.task_name == "epoch"
            and self.score(fitted_estimator, X, y) >= self.target
        )


short = (
    MLPClassifier((30,), learning_rate_init=0.01, max_iter=40, random_state=0)
    .set_callbacks(Enough(0.99))
    .fit(X, y)
)
print(f"stopped after {short.n_iter_} of {network.n_iter_} epochs")

# %%
# Plot the losses of both fits and the monitored score.

fig, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
LossCurveDisplay.from_estimators(
    {"40 epochs": network, "enough": short}, ax=axes[0], log=True
)
axes[1].plot(range(1, len(accuracy) + 1), accuracy)
axes[1].set(xlabel="epoch", ylabel="accuracy on the training data")
plt.show()
