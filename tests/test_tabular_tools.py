"""The tabular estimators with the tools of scikit-learn and of others: scorers, callbacks, searches, clusters."""

from __future__ import annotations

import os
import signal
import threading

import joblib
import numpy as np
import pandas as pd
import pytest
from samples import since_scikit_learn
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import log_loss, r2_score, roc_auc_score
from sklearn.model_selection import HalvingGridSearchCV

from mlp_estimator import TabularMLPClassifier, TabularMLPRegressor
from mlp_estimator.fitting.features import table
from mlp_estimator.fitting.plans import folds

FAST = {"settings": [{"hidden_layer_sizes": (8,)}, {"hidden_layer_sizes": (4, 4)}], "n_folds": 2, "max_iter": 16}
X_DIAB, Y_DIAB = (array[:200] for array in load_diabetes(return_X_y=True))
X_CANCER, Y_CANCER = (array[::4] for array in load_breast_cancer(return_X_y=True))
LABELS = np.where(Y_CANCER == 1, "benign", "malignant")


def record(function, seen):
    """Return a scorer that also keeps the type of the estimator and what it predicts."""

    def scorer(estimator, X, y):
        seen.append((type(estimator), len(X), estimator.predict(X)))
        return function(estimator, X, y)

    return scorer


def test_members_are_selected_by_a_scorer_on_their_own_fold():
    model = TabularMLPClassifier(**FAST, scoring="roc_auc", random_state=0).fit(X_CANCER, LABELS)
    scores = np.concatenate([curve for curves in model.validation_scores_ for curve in curves])
    assert scores.max() <= 1.0
    assert scores.min() >= 0.3
    assert max(curve[-1] for curve in model.validation_scores_[0]) > 0.97
    # The weights kept are those of the best epoch by the scorer.
    seen = []
    scorer = record(lambda estimator, X, y: roc_auc_score(y, estimator.decision_function(X)), seen)
    again = clone(model).set_params(scoring=scorer).fit(X_CANCER, LABELS)
    np.testing.assert_array_equal(again.predict_proba(X_CANCER), model.predict_proba(X_CANCER))
    kinds, sizes, labels = zip(*seen, strict=True)
    assert set(kinds) == {TabularMLPClassifier}
    assert set(sizes) == {35, 36}  # the halves of a fold
    assert set(np.concatenate(labels)) == {"benign", "malignant"}


def test_a_scorer_of_the_regressor_sees_the_unit_of_the_targets():
    seen = []
    scorer = record(lambda estimator, X, y: r2_score(y, estimator.predict(X)), seen)
    model = TabularMLPRegressor(**FAST, scoring=scorer, random_state=0).fit(X_DIAB, Y_DIAB)
    same = clone(model).set_params(scoring="r2").fit(X_DIAB, Y_DIAB)
    np.testing.assert_array_equal(same.predict(X_DIAB), model.predict(X_DIAB))
    assert Y_DIAB.min() <= np.concatenate([prediction for *_, prediction in seen]).mean() <= Y_DIAB.max()
    validated = clone(same).fit(X_DIAB[:150], Y_DIAB[:150], X_val=X_DIAB[150:], y_val=Y_DIAB[150:])
    assert validated.validation_scores_[0][0][-1] > 0.1


class Recorder:
    """Records the tasks of a fit and the score after each; stops after task ``stop_at``."""

    def __init__(self, stop_at=None):
        self.stop_at, self.tasks, self.scores = stop_at, [], []

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context):
        self.tasks.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.tasks.append(("end", context.task_name, context.task_id))
        self.scores.append(fitted_estimator.score(X, y))
        return context.task_name == "cycle" and context.task_id == self.stop_at


@since_scikit_learn("1.9", "callbacks")
def test_each_cycle_is_a_task_of_a_callback_that_may_end_the_fit():
    recorder = Recorder()
    model = TabularMLPRegressor(**FAST, random_state=0).set_callbacks(recorder).fit(X_DIAB, Y_DIAB)
    cycles = [(when, "cycle", k) for k in range(len(recorder.tasks) // 2 - 1) for when in ("begin", "end")]
    assert len(cycles) >= 4
    assert recorder.tasks == [("begin", "fit", 0), *cycles, ("end", "fit", 0)]
    silent = TabularMLPRegressor(**FAST, random_state=0).fit(X_DIAB, Y_DIAB)
    np.testing.assert_array_equal(model.predict(X_DIAB), silent.predict(X_DIAB))
    assert recorder.scores[-2:] == [silent.score(X_DIAB, Y_DIAB)] * 2
    assert recorder.scores[0] != recorder.scores[-1]  # of the first cycle
    stopped = TabularMLPRegressor(**FAST, random_state=0).set_callbacks(Recorder(stop_at=0)).fit(X_DIAB, Y_DIAB)
    assert stopped.n_iter_ < silent.n_iter_
    assert stopped.score(X_DIAB, Y_DIAB) == recorder.scores[0]


def test_successive_halving():
    search = HalvingGridSearchCV(
        TabularMLPRegressor(**FAST, random_state=0), {"dropout": [0.0, 0.1, 0.4]}, cv=2, random_state=0
    )
    assert np.isfinite(search.fit(X_DIAB[:60], Y_DIAB[:60]).best_score_)


def test_a_cluster_trains_the_settings():
    distributed = pytest.importorskip("dask.distributed")
    model = TabularMLPRegressor(**FAST, random_state=0)
    expected = model.fit(X_DIAB, Y_DIAB).predict(X_DIAB)
    # Threads, which start and end at once on a busy machine; messages over TCP are pickled as those to processes are.
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=":0"
    )
    with cluster, distributed.Client(cluster), joblib.parallel_config("dask"):
        np.testing.assert_array_equal(clone(model).fit(X_DIAB, Y_DIAB).predict(X_DIAB), expected)


def town_rows(rows):
    """Some rows of a table in which a number is missing in a third of the rows, and levels come and go."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"size": rng.normal(size=300), "age": rng.normal(size=300), "town": rng.choice(list("abc"), 300)}
    )
    frame["label"] = np.where(frame["size"] + (frame["town"] == "a") > 0, "yes", "no")
    frame.loc[100:199, "age"] = np.nan
    return frame[rows]


PARTITIONS = [
    slice(0, 100),
    slice(0, 0),
    slice(100, 200),
    slice(200, 300),
]  # one is empty, one has a column of no value
WHOLE = town_rows(slice(None))


@pytest.mark.parametrize("in_file", [False, True], ids=["in memory", "in a file"])
def test_a_frame_of_a_cluster_is_read_and_trained_there(in_file, tmp_path, monkeypatch):
    distributed = pytest.importorskip("dask.distributed")
    frames = pytest.importorskip("dask.dataframe")
    options = {**FAST, "random_state": 0, "cache_dir": tmp_path} | ({"max_memory": 0} if in_file else {})
    weight = np.tile([1.0, 0.0, 2.0], 100)
    expected = TabularMLPClassifier(**options).fit(WHOLE, "label", weight).predict_proba(WHOLE)
    X = frames.from_map(town_rows, PARTITIONS, meta=WHOLE[:0])
    threads, decide = set(), table.Learner.decide
    monkeypatch.setattr(
        table.Learner, "decide", lambda self, column: (threads.add(threading.get_ident()), decide(self, column))[1]
    )
    training, fit_jobs = set(), folds.fit_jobs
    monkeypatch.setattr(folds, "fit_jobs", lambda jobs: (training.add(threading.get_ident()), fit_jobs(jobs))[1])
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=":0"
    )
    with cluster, distributed.Client(cluster):
        model = TabularMLPClassifier(**options).fit(X, "label", weight)
        np.testing.assert_array_equal(model.predict_proba(X), expected)
    for used in (threads, training):
        assert used
        assert threading.get_ident() not in used
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("in_file", [False, True], ids=["in memory", "in a file"])
def test_processes_read_files_and_train_members(in_file, tmp_path, capsys):
    folder, cache = tmp_path / "rows", tmp_path / "cache"
    folder.mkdir()
    cache.mkdir()
    for k, rows in enumerate(PARTITIONS):
        town_rows(rows).to_parquet(folder / f"{k}.parquet", index=False)
    options = {**FAST, "random_state": 0, "cache_dir": cache} | ({"max_memory": 0} if in_file else {})
    expected = TabularMLPClassifier(**options).fit(WHOLE, "label").predict_proba(WHOLE)
    model = TabularMLPClassifier(**options, n_jobs=2, verbose=1).fit(folder, "label")
    assert "300 rows of 3 columns read and coded" in capsys.readouterr().out
    np.testing.assert_array_equal(model.predict_proba(folder), expected)
    assert not list(cache.iterdir())


def lossy_partition(k, counter, deadly):
    """A partition that kills its worker at some of the times that it is asked for."""
    if k == 2:
        with counter.open("a") as file:
            file.write("x")
        if counter.stat().st_size in deadly:
            os.kill(os.getpid(), signal.SIGKILL)
    return town_rows(PARTITIONS[k])


def survives(flags):
    """Return a scorer that kills its process, a worker, at the first call for each flag."""
    client = os.getpid()

    def score(model, X, y):
        for flag in flags:
            if os.getpid() != client and not flag.exists():
                flag.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return -log_loss(y, model.predict_proba(X))

    return score


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed as on Linux")
@pytest.mark.filterwarnings("ignore")  # of processes that are gone
def test_a_fit_survives_the_loss_of_workers(tmp_path):
    distributed = pytest.importorskip("dask.distributed")
    frames = pytest.importorskip("dask.dataframe")
    flags, cache, counter = [tmp_path / "first", tmp_path / "second"], tmp_path / "cache", tmp_path / "counter"
    cache.mkdir()
    options = {**FAST, "random_state": 0, "max_memory": 0, "cache_dir": cache}
    expected = TabularMLPClassifier(**options, scoring=survives(flags)).fit(WHOLE, "label").predict_proba(WHOLE)
    # Asked for labels, for statistics (twice), and for coding (twice).
    X = frames.from_map(lossy_partition, range(4), counter=counter, deadly=(2, 4), meta=WHOLE[:0])
    # A cluster of one core would train in this process: two threads are left while workers start again.
    cluster = distributed.LocalCluster(n_workers=3, threads_per_worker=2, dashboard_address=":0")
    with cluster, distributed.Client(cluster):
        model = TabularMLPClassifier(**options, scoring=survives(flags)).fit(X, "label")
    assert counter.stat().st_size == 5
    assert all(flag.exists() for flag in flags)
    np.testing.assert_array_equal(model.predict_proba(WHOLE), expected)
    assert not list(cache.iterdir())
