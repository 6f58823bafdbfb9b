"""
Prediction intervals from quantiles
===================================

An ensemble predicts the 0.05, 0.5 and 0.95 quantiles of the progression of diabetes
after a year from ten measurements. The quantiles are trained together with the pinball
loss and never cross.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlp_estimator import MLPRegressor

X, y = load_diabetes(return_X_y=True)
center, unit = y.mean(), y.std()

# %%
# Cross-validated predictions for each patient. With only 442 patients the network would
# be overconfident: dropout and an ensemble of ten networks prevent that.

network = MLPRegressor(
    (10,),
    loss="quantile",
    quantile=[0.05, 0.5, 0.95],
    n_members=10,
    dropout=0.1,
    alpha=0.1,
    learning_rate="cosine",
    learning_rate_init=0.02,
    max_iter=60,
    random_state=0,
)
quantiles = np.empty((len(y), 3))
for train, test in KFold(10, shuffle=True, random_state=0).split(X):
    model = make_pipeline(StandardScaler(), network).fit(
        X[train], (y[train] - center) / unit
    )
    quantiles[test] = model.predict(X[test]) * unit + center
low, median, high = quantiles.T
inside = np.mean((low <= y) & (y <= high))
print(f"{inside:.3f} of the patients are inside their 90 % interval")

# %%
# Patients sorted by predicted median: larger predictions are less certain.

order = np.argsort(median)
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.fill_between(
    np.arange(len(y)), low[order], high[order], alpha=0.3, label="0.05 to 0.95"
)
ax.plot(median[order], label="median")
ax.plot(y[order], ".", color="0.3", markersize=3, label="observed")
ax.set(xlabel="patients, by predicted median", ylabel="progression after a year")
ax.legend()
plt.show()
