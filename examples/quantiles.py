"""
Prediction intervals from quantiles
===================================

One network predicts the 0.05, 0.5 and 0.95 quantiles of the progression of diabetes after a year from ten measurements.
The quantiles are trained together with the pinball loss and never cross.
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
# Cross-validated predictions for each patient. With only 442 patients, use a strong penalty and early stopping.

network = MLPRegressor(
    (10,), loss="quantile", quantile=[0.05, 0.5, 0.95], alpha=10, learning_rate_init=0.01, max_iter=300,
    early_stopping=True, scoring="loss", n_iter_no_change=30, random_state=0,
)  # fmt: skip
quantiles = np.empty((len(y), 3))
for train, test in KFold(10, shuffle=True, random_state=0).split(X):
    model = make_pipeline(StandardScaler(), network).fit(X[train], (y[train] - center) / unit)
    quantiles[test] = model.predict(X[test]) * unit + center
low, median, high = quantiles.T
print(f"{np.mean((low <= y) & (y <= high)):.3f} of the patients are inside their 90 % interval")

# %%
# Patients sorted by predicted median: larger predictions are less certain.

order = np.argsort(median)
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.fill_between(np.arange(len(y)), low[order], high[order], alpha=0.3, label="0.05 to 0.95")
ax.plot(median[order], label="median")
ax.plot(y[order], ".", color="0.3", markersize=3, label="observed")
ax.set(xlabel="patients, by predicted median", ylabel="progression after a year")
ax.legend()
plt.show()
