"""scikit-learn's callbacks see every epoch, alone, in a pipeline, in a search and in an ensemble, and may stop it."""

from __future__ import annotations

import numpy as np
import pytest
from problems import CLASSIFIER_SOLVERS
from samples import ENSEMBLE, N_MEMBERS, X_DIAB, Y_DIAB
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlp_estimator import MLPClassifier, MLPRegressor
from mlp_estimator.callbacks import PartTasks
from mlp_estimator.engine.solvers import SOLVERS

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from version 1.9 on")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)


class Recorder:
    """Records each call; stops the fit at the end of epoch ``stop_at``."""

    def __init__(self, stop_at=None):
        self.stop_at, self.begun, self.ended, self.scores, self.calls = stop_at, [], [], [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.ended.append((context.task_name, context.task_id))
        if context.task_name == "epoch" and fitted_estimator is not None:
            self.scores.append(fitted_estimator.score(X, y))
            return context.task_id == self.stop_at
        return False


@pytest.mark.parametrize("solver", CLASSIFIER_SOLVERS)
def test_a_fit_is_a_task_and_each_epoch_one_below(solver):
    recorder = Recorder()
    model = MLPClassifier((5,), solver=solver, max_iter=4, random_state=0).set_callbacks(recorder).fit(X, Y)
    epochs = [("epoch", i) for i in range(4)]
    assert recorder.begun == [("fit", 0), *epochs]
    assert recorder.ended == [*epochs, ("fit", 0)]
    assert recorder.calls == ["setup", "teardown"]
    assert recorder.scores[-1] == model.score(X, Y)
    silent = MLPClassifier((5,), solver=solver, max_iter=4, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], silent.coefs_[0])
    assert not any(name.startswith("_callback") for name in vars(model))


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_run_has_one_task_for_each_iteration(solver):
    recorder = Recorder()
    model = MLPRegressor((5,), "tanh", solver=solver, max_iter=5, random_state=0).set_callbacks(recorder)
    model.fit(X, X[:, 0] * X[:, 1])
    assert [task for task in recorder.ended if task[0] == "epoch"] == [("epoch", i) for i in range(model.n_iter_)]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_a_hook_that_returns_true_stops_the_fit(solver):
    recorder = Recorder(stop_at=2)
    model = MLPRegressor((5,), solver=solver, max_iter=50, random_state=0).set_callbacks(recorder).fit(X, Y)
    assert model.n_iter_ == 3
    assert recorder.ended[-1] == ("fit", 0)


def test_a_failed_fit_is_torn_down():
    recorder = Recorder()
    model = MLPRegressor((5,), solver="sgd", learning_rate_init=1e30, random_state=0).set_callbacks(recorder)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X, Y)
    assert recorder.calls == ["setup", "teardown"]
    assert set(vars(model)) == {*model.get_params(), "_skl_callbacks"}


def test_a_scoring_monitor_has_one_line_for_each_epoch():
    pytest.importorskip("pandas")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = MLPClassifier((5,), max_iter=6, random_state=0).set_callbacks(monitor).fit(X, Y)
    data = monitor.get_logs().data_as_pandas
    scores = data[data["task_name"] == "epoch"]["accuracy"].to_numpy()
    assert len(scores) == 6
    assert scores[-1] == accuracy_score(Y, model.predict(X))


def test_frames_keep_their_names():
    pd = pytest.importorskip("pandas")
    recorder = Recorder()
    frame = pd.DataFrame(X, columns=list("abcd"))
    MLPClassifier((5,), max_iter=3, random_state=0).set_callbacks(recorder).fit(frame, Y)
    assert len(recorder.scores) == 3


def test_a_pipelines_callbacks_reach_the_epochs():
    class Propagated(Recorder):
        max_propagation_depth = None

    recorder = Propagated()
    network = MLPClassifier((5,), max_iter=3, random_state=0)
    make_pipeline(StandardScaler(), network).set_callbacks(recorder).fit(X, Y)
    assert [task for task in recorder.ended if task[0] == "epoch"] == [("epoch", i) for i in range(3)]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_searchs_progress_bar_shows_the_epochs(n_jobs, capsys):
    pytest.importorskip("rich")
    network = MLPClassifier((5,), max_iter=3, random_state=0)
    search = GridSearchCV(network, {"alpha": [0.1, 1.0]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(callback.ProgressBar()).fit(X, Y)
    assert "MLPClassifier" in capsys.readouterr().out


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_networks_monitor_works_in_a_search(n_jobs):
    pytest.importorskip("pandas")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    network = MLPClassifier((5,), max_iter=3, random_state=0).set_callbacks(monitor)
    GridSearchCV(network, {"alpha": [0.1, 1.0]}, cv=2, n_jobs=n_jobs, refit=False).fit(X, Y)
    logs = monitor.get_logs(select="all")
    assert sum((log.data_as_pandas["task_name"] == "epoch").sum() for log in logs) == 3 * 2 * 2


@pytest.mark.parametrize("solver", SOLVERS)
def test_callbacks_see_an_ensemble_that_predicts(solver):
    class Recorder:
        n_epochs, n_scored = 0, 0

        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
            if context.task_name == "epoch":
                self.n_epochs += 1
                self.n_scored += np.isfinite(fitted_estimator.predict_members(X)).all()
                assert len(fitted_estimator.coefs_[0]) == N_MEMBERS
            return self.n_epochs == 5

    recorder = Recorder()
    options = ENSEMBLE | {"hidden_layer_sizes": (3,), "activation": "tanh", "solver": solver, "max_iter": 30}
    model = MLPRegressor(**options).set_callbacks(recorder).fit(X_DIAB, Y_DIAB)
    assert recorder.n_epochs == recorder.n_scored
    assert model.n_iter_ == 5
    assert recorder.n_epochs == 5 + (
        0 if SOLVERS[solver].incremental else N_MEMBERS - 1
    )  # of one member after the other


def test_callbacks_where_members_take_turns():
    ended = []

    class Recorder:
        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context):
            ended.append(context.task_name)

    weight = np.ones(442)
    weight[3] = 0.0  # a minibatch may then weigh nothing, and members train alone
    model = MLPRegressor(batch_size=20, **ENSEMBLE).set_callbacks(Recorder()).fit(X_DIAB, Y_DIAB, weight)
    assert ended.count("epoch") == N_MEMBERS * model.n_iter_


class Context:
    """The task of a fit, or of a part of it, as callbacks see it."""

    def __init__(self, answers, calls):
        self.answers, self.calls = answers, calls

    def subcontext(self, name):
        self.calls.append(name)
        return self

    def call_on_fit_task_begin(self, **arguments):
        self.calls.append("begin")

    def call_on_fit_task_end(self, **arguments):
        self.calls.append("end")
        return next(self.answers)


def test_a_part_begins_once_ends_once_and_a_wish_to_stop_is_remembered():
    calls = []
    tasks = PartTasks(Context(iter([False, True, False]), calls), "epoch", None, {}, dict)
    assert tasks.end() is False  # no part is in progress
    tasks.begin()
    tasks.begin()
    assert tasks.end() is False
    for _ in range(2):
        tasks.begin()
        assert tasks.end() is True
    assert tasks.end() is True
    assert calls == 3 * ["epoch", "begin", "end"]
