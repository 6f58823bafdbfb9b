"""
Beyond one machine: a Dask cluster
==================================

Searches distribute their populations with joblib, here over the workers of a local Dask
cluster. For a remote cluster, pass its address to the client and install
``mlp_estimator`` on its workers. Needs the extra ``dask``.
"""

from __future__ import annotations

import joblib
import matplotlib.pyplot as plt
import numpy as np
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_digits

from mlp_estimator import MLPClassifier, MLPGridSearchCV, ValidationHeatmapDisplay

X, y = load_digits(return_X_y=True)
X = X / 16


def streamed(network, parts, n_passes):
    """Train a network incrementally on the parts and return it."""
    for _ in range(n_passes):
        for X_part, y_part in parts:
            network.partial_fit(X_part, y_part, classes=np.arange(10))
    return network


def main():
    """Run the search and the incremental training on two workers."""
    grid = {"alpha": [1e-3, 1e-1, 10.0], "learning_rate_init": [3e-3, 1e-2, 3e-2]}
    network = MLPClassifier(
        (20,),
        learning_rate="cosine",
        learning_rate_init=0.02,
        max_iter=30,
        n_iter_no_change=30,
        random_state=0,
    )
    # Two threads that talk over TCP as machines would, and need no time to start.
    local = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        dashboard_address=":0",
    )
    # Remote: Client("tcp://scheduler.example:8786")
    with local as cluster, Client(cluster) as client:
        # The data are sent to the workers once.
        with joblib.parallel_config("dask", scatter=[X, y]):
            search = MLPGridSearchCV(network, grid, cv=3, n_jobs=2).fit(X, y)
        # Send the network and the parts to a worker, get the trained network back.
        parts = [(X[k::4], y[k::4]) for k in range(4)]
        far = client.submit(streamed, network, parts, n_passes=20).result()
    here = MLPGridSearchCV(network, grid, cv=3).fit(X, y)
    same = np.array_equal(
        search.cv_results_["mean_test_score"], here.cv_results_["mean_test_score"]
    )
    print(f"best: {search.best_params_}; same scores as without a cluster: {same}")
    print(f"accuracy of the network trained on a worker: {far.score(X, y):.3f}")
    ValidationHeatmapDisplay.from_search(search)
    plt.show()


if __name__ == "__main__":  # worker processes would import this file
    main()
