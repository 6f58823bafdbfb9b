"""The tabular estimators as a system of TabArena, and a run of it on a local table.

    python benchmarks/arena.py [TABLE TARGET] [--preset fast]

TABLE is a file of CSV or Parquet; without one it is scikit-learn's breast_cancer. Needs the package tabarena, whose
runner takes ``MLPSystem`` for its own tasks as well. Prints the error of TabArena's metric on a fifth of the rows.
"""

from __future__ import annotations

import argparse

import pandas as pd
from autogluon.core.metrics import get_metric
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from tabarena.benchmark.exec_models import ExternalSystemModel
from tabular import is_regression, read_table

from mlp_estimator import TabularMLPClassifier, TabularMLPRegressor


class MLPSystem(ExternalSystemModel):
    """A raw table in; groups of the task are kept together in folds."""

    def __init__(self, *, preset="default", **kwargs):
        super().__init__(**kwargs)
        self.preset = preset

    def _fit_system(
        self, X, y, *, problem_type, validation_metadata, num_cpus, time_limit, random_state, **of_the_task
    ):
        Estimator = TabularMLPRegressor if problem_type == "regression" else TabularMLPClassifier
        self._model = Estimator(
            preset=self.preset, n_jobs=num_cpus, max_time=time_limit, random_state=random_state or 0
        )
        group = validation_metadata.group_on
        self._model.fit(X, y, groups=group if isinstance(group, str) else None)
        return self

    def _predict(self, X):
        return pd.Series(self._model.predict(X), index=X.index)

    def _predict_proba(self, X):
        return pd.DataFrame(self._model.predict_proba(X), index=X.index, columns=self._model.classes_)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table", nargs="?")
    parser.add_argument("target", nargs="?")
    parser.add_argument("--preset", default="default")
    options = parser.parse_args()
    X, y = (
        read_table(options.table, options.target)
        if options.table
        else load_breast_cancer(return_X_y=True, as_frame=True)
    )
    problem = "regression" if is_regression(y) else "binary" if len(set(y)) == 2 else "multiclass"
    metric = get_metric({"regression": "rmse", "binary": "roc_auc", "multiclass": "log_loss"}[problem])
    X, X_test, y, y_test = train_test_split(X, pd.Series(y, index=X.index), test_size=0.2, random_state=0)
    system = MLPSystem(preset=options.preset, problem_type=problem, eval_metric=metric)
    result = system.fit_custom(X, y, X_test)
    if problem == "regression":
        error = metric.error(y_test, result["predictions"])
    else:
        probability = result["probabilities"]
        probability = probability.iloc[:, 1] if problem == "binary" else probability
        error = metric.error(y_test, probability)
    seconds = result["time_train_s"], result["time_infer_s"]
    print(f"{metric.name}: error {error:.4f}, fit {seconds[0]:.1f} s, prediction {seconds[1]:.2f} s")


if __name__ == "__main__":
    main()
