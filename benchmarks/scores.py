"""What `decision_function` should return: the scores that meta-estimators of scikit-learn prefer to probabilities.

    python benchmarks/scores.py [FOLDER]

FOLDER holds further tables with a ``load.py`` whose ``load(name)`` returns X, y and more.

For calibration it prints the test log-loss, for the reductions to two classes the test accuracy, each as the mean over
splits. 'sklearn' is scikit-learn's MLP, which has no `decision_function`; the others are ours.
"""

from __future__ import annotations

import argparse
import importlib.util
import warnings
from pathlib import Path

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.neural_network import MLPClassifier as Theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlp_estimator import MLPClassifier


class Raw(MLPClassifier):
    """The raw outputs of the network; those of an ensemble are averaged."""

    def decision_function(self, X):
        hidden = self.hidden_activations(X)
        raw = hidden @ self.coefs_[-1] + self.intercepts_[-1][..., None, :]
        raw = raw.mean(axis=0) if raw.ndim == 3 else raw
        return raw[:, 0] if raw.shape[1] == 1 else raw


class LogP(MLPClassifier):
    """The logarithms of the probabilities; the log-odds of two classes."""

    def decision_function(self, X):
        log_p = self.predict_log_proba(X)
        return log_p[:, 1] - log_p[:, 0] if log_p.shape[1] == 2 else log_p


class LogitP(MLPClassifier):
    """The log-odds of each class."""

    def decision_function(self, X):
        p = self.predict_proba(X)
        if p.shape[1] == 2:
            return np.log(p[:, 1]) - np.log(p[:, 0])
        return np.log(p) - np.log1p(-np.minimum(p, 1 - np.finfo(p.dtype).epsneg))


class Without(MLPClassifier):
    """No scores: meta-estimators call `predict_proba`."""

    @property
    def decision_function(self):
        raise AttributeError("decision_function")


CLASSES = {"sklearn": Theirs, "none": Without, "raw": Raw, "log p": LogP, "logit p": LogitP}
SKLEARN = {"digits": load_digits, "wine": load_wine, "iris": load_iris, "breast_cancer": load_breast_cancer}


def tables(folder):
    """The tables, X and y."""
    for name, loader in SKLEARN.items():
        yield name, *loader(return_X_y=True)
    if folder is None:
        return
    spec = importlib.util.spec_from_file_location("load", Path(folder) / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("satimage", "phoneme"):
        X, y, *_ = module.load(name)
        rows = np.random.default_rng(0).choice(len(y), 2000, replace=False)
        yield name, np.asarray(X)[rows], np.asarray(y)[rows]


def loss(model, X, y):
    """The log-loss."""
    return log_loss(y, model.predict_proba(X))


def accuracy(model, X, y):
    """The accuracy."""
    return accuracy_score(y, model.predict(X))


MODELS = {
    "sigmoid": (CalibratedClassifierCV, {"method": "sigmoid", "cv": 5}, loss),
    "isotonic": (CalibratedClassifierCV, {"method": "isotonic", "cv": 5}, loss),
    "one-vs-one": (OneVsOneClassifier, {}, accuracy),
    "one-vs-rest": (OneVsRestClassifier, {}, accuracy),
    "output codes": (OutputCodeClassifier, {"random_state": 0}, accuracy),
}


def mean_score(Class, options, Meta, meta_options, score, X, y, n_splits):
    """The mean score over splits."""
    scores = []
    for seed in range(n_splits):
        X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, test_size=0.3, random_state=seed)
        network = Class((50,), random_state=seed, **options)
        model = make_pipeline(StandardScaler(), Meta(network, **meta_options)).fit(X_train, y_train)
        scores.append(score(model, X_test, y_test))
    return np.mean(scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--members", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    chosen = {name: Class for name, Class in CLASSES.items() if arguments.members == 1 or Class is not Theirs}
    options = {} if arguments.members == 1 else {"n_members": arguments.members}
    print("| table | model |", " | ".join(chosen), "|")
    for table, X, y in tables(arguments.folder):
        for name, (Meta, meta_options, score) in MODELS.items():
            if score is accuracy and len(np.unique(y)) == 2:
                continue
            print(f"| {table} | {name} |", end="")
            for Class in chosen.values():
                mean = mean_score(Class, options, Meta, meta_options, score, X, y, arguments.splits)
                print(f" {mean:.3f} |", end="", flush=True)
            print()


if __name__ == "__main__":
    main()
