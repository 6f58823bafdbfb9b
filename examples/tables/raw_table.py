"""
A raw table in, without a parameter set
=======================================

A raw table has text, missing values and an outlier.
:class:`~mlp_estimator.TabularMLPRegressor` and HistGradientBoosting fit it with their
defaults. The network ensemble also gives a score without a test set, and intervals that
cover as often as asked.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split

from mlp_estimator import TabularMLPRegressor

# %%
# Rents of flats: the rent per square metre depends on the town, falls with the distance
# from the centre, and is higher in new houses. Some distances are missing, and one size
# was typed without its decimal point.

rng = np.random.default_rng(0)
n = 1500
flats = pd.DataFrame(
    {
        "town": rng.choice(["Aachen", "Bonn", "Cork", "Dax", "Elba"], n),
        "size": rng.uniform(20, 120, n).round(1),
        "distance": rng.exponential(3, n).round(1),
        "built": rng.integers(1900, 2024, n),
        "balcony": rng.random(n) < 0.4,
    }
)
per_metre = flats["town"].map(
    {"Aachen": 9, "Bonn": 12, "Cork": 14, "Dax": 8, "Elba": 11}
)
per_metre = (
    per_metre
    + 5 * np.exp(-flats["distance"])
    + 3 * (flats["built"] > 2000)
    + flats["balcony"]
)
rent = flats["size"] * per_metre * rng.lognormal(0, 0.08, n)
flats.loc[rng.random(n) < 0.1, "distance"] = np.nan
flats.loc[7, "size"] = 655.0
X_train, X_test, y_train, y_test = train_test_split(flats, rent, random_state=0)

network = TabularMLPRegressor(random_state=0).fit(X_train, y_train)
trees = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0)
trees.fit(X_train.astype({"town": "category"}), y_train)
score = network.score(X_test, y_test)
print(f"network: R2 {score:.3f}, from the fit alone {network.oof_score_:.3f}")
print(f"trees:   R2 {trees.score(X_test.astype({'town': 'category'}), y_test):.3f}")

# %%
# Intervals of 90 % from the same fit.

low, high = network.predict_interval(X_test, coverage=0.9)
covered = (low <= y_test) & (y_test <= high)
print(f"{covered.mean():.1%} of the test rents lie in their interval")

order = np.argsort(network.predict(X_test))[::8]
plt.errorbar(
    np.arange(len(order)),
    network.predict(X_test)[order],
    [(network.predict(X_test) - low)[order], (high - network.predict(X_test))[order]],
    fmt="none",
    alpha=0.6,
    label="interval of 90 %",
)
plt.plot(
    np.arange(len(order)), y_test.to_numpy()[order], "k.", markersize=4, label="rent"
)
plt.xlabel("flats of the test set, by predicted rent")
plt.ylabel("rent")
plt.legend()
plt.show()
