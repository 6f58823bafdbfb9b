"""
A table in many files, in little memory
=======================================

A folder of Parquet files is fitted and predicted without being read as a whole: a few passes over the files, with the
coded rows in memory, or in a file where these are too many. The second part reads the same rows from a Dask cluster.
Needs pyarrow, and the extra ``dask``.
"""

import tempfile
from pathlib import Path

import dask.dataframe as dd
import numpy as np
import pandas as pd
from dask.distributed import Client, LocalCluster

from mlp_estimator import TabularMLPClassifier


def sales(day, n=5000):
    """Return the sales of a day, simulated."""
    rng = np.random.default_rng(day)
    frame = pd.DataFrame(
        {"price": rng.lognormal(3, 1, n), "shop": rng.integers(0, 200, n)}
    )
    frame["shop"] = "shop " + frame["shop"].astype(str)
    frame["age"] = np.where(rng.random(n) < 0.1, np.nan, rng.normal(45, 15, n))
    score = (
        np.sin(np.log(frame["price"]))
        + 0.03 * (frame["age"].fillna(45) - 45)
        + rng.normal(size=n)
    )
    return frame.assign(returned=np.where(score > 0.5, "yes", "no"))


def main():
    """Fit the files, then the same files on a cluster."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for day in range(4):
            sales(day).to_parquet(folder / f"day{day}.parquet", index=False)
        model = TabularMLPClassifier(
            settings=[{"hidden_layer_sizes": (32,)}],
            n_folds=4,
            max_memory=0,  # bytes: keep the coded rows in a file, however few they are
            random_state=0,
            verbose=1,
        ).fit(folder, y="returned")
        new = sales(100)
        print(
            f"accuracy of new rows {model.score(new, 'returned'):.3f}, by the fit alone {model.oof_score_:.3f}"
        )

        # The workers read and code the partitions, and train the networks.
        # The fit survives the loss of a worker.
        frame = dd.read_parquet(folder)
        cluster = LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        )
        with cluster, Client(cluster):
            there = TabularMLPClassifier(**model.get_params() | {"verbose": 0}).fit(
                frame, y="returned"
            )
        same = np.array_equal(there.predict_proba(new), model.predict_proba(new))
        print(f"the cluster's model is {'the same' if same else 'another one'}")


if __name__ == "__main__":
    main()
