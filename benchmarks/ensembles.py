"""Deep ensembles on the published splits of five tables, compared with the published figures.

    python benchmarks/ensembles.py FOLDER

FOLDER holds the tables with a ``load.py`` whose ``load(name)`` returns X, y, the published splits and a dict of facts.
Five networks with the same setting for all tables, on standardised X and y. Prints the means over the splits of the
RMSE and of the negative log likelihood of a normal distribution with the ensemble's mean and variance, in the unit of
the targets. Published: Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty estimation
using deep ensembles", NeurIPS 2017, table 1.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import norm
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlp_estimator import MLPRegressor

warnings.simplefilter("ignore")
PUBLISHED = {
    "concrete": (6.03, 3.06),
    "energy": (2.09, 1.38),
    "power_plant": (4.11, 2.79),
    "wine_red": (0.64, 0.94),
    "boston": (3.28, 2.41),
}
SETTING = {
    "hidden_layer_sizes": (50, 50), "loss": "gaussian_nll", "n_members": 5, "learning_rate_init": 0.003,
    "batch_size": 100, "dropout": 0.05, "early_stopping": True, "scoring": "loss", "n_iter_no_change": 50,
    "max_iter": 400, "random_state": 0,
}  # fmt: skip


def scores(X, y, train, test):
    center, unit = y[train].mean(), y[train].std()
    model = make_pipeline(StandardScaler(), MLPRegressor(**SETTING)).fit(X[train], (y[train] - center) / unit)
    mean, std = model.predict(X[test], return_std=True)
    mean, std = mean * unit + center, std * unit
    inside = np.abs(y[test] - mean) <= norm.ppf(0.95) * std
    return root_mean_squared_error(y[test], mean), -norm.logpdf(y[test], mean, std).mean(), inside.mean()


def main():
    spec = importlib.util.spec_from_file_location("tables", Path(sys.argv[1]) / "load.py")
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    print(f"{'table':<12} {'RMSE':>6} (published) {'NLL':>6} (published)  in the 90 % interval")
    for name, (rmse, nll) in PUBLISHED.items():
        X, y, splits, _ = tables.load(name)
        X, y = X.astype(float), y.astype(float)
        found = np.mean([scores(X, y, *split) for split in splits], axis=0)
        print(
            f"{name:<12} {found[0]:6.2f} ({rmse:.2f})      {found[1]:6.2f} ({nll:.2f})      {found[2]:.3f}", flush=True
        )


if __name__ == "__main__":
    main()
