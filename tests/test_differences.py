"""The deliberate differences from scikit-learn, by the letters of docs/differences.md."""

from __future__ import annotations

import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import mlp_estimator
from mlp_estimator import MLPClassifier, MLPRegressor

ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
PAGE = (Path(__file__).parents[1] / "docs" / "differences.md").read_text()


def test_every_difference_has_a_line_and_a_test():
    documented = re.findall(r"^\*\*([a-z])\.\*\*", PAGE, flags=re.M)
    tested = sorted({name[5] for name in globals() if re.match(r"test_[a-z]_", name)})
    assert documented == tested == list("abcdefghijklmnopqrst")


def test_a_loss_is_keyword_only():
    model = MLPRegressor((7,), "tanh")
    assert (model.hidden_layer_sizes, model.activation, model.loss) == ((7,), "tanh", "squared_error")


@ignore_convergence
def test_b_squared_error_is_summed_over_outputs():
    Y = np.column_stack([X_IRIS[:, 0], X_IRIS[:, 1], Y_IRIS])
    model = MLPRegressor((5,), solver="lbfgs", alpha=0.0, max_iter=40, random_state=0).fit(X_IRIS, Y)
    np.testing.assert_allclose(model.loss_, ((model.predict(X_IRIS) - Y) ** 2).sum() / (2 * len(Y)))
    options = {"hidden_layer_sizes": (5,), "random_state": 0, "max_iter": 3, "alpha": 0.0}
    our, their = MLPRegressor(**options).fit(X_IRIS, Y), theirs.MLPRegressor(**options).fit(X_IRIS, Y)
    np.testing.assert_allclose(our.loss_, 3 * their.loss_)
    np.testing.assert_allclose(our.coefs_[0], their.coefs_[0])


@ignore_convergence
def test_c_the_split_is_stratified_for_multiclass_and_plain_for_rare_classes():
    model = MLPClassifier((5,), early_stopping=True, validation_fraction=0.1, max_iter=2, random_state=0)
    counts = []

    def scorer(estimator, X, y):
        counts.append(np.bincount(y))
        return estimator.score(X, y)

    clone(model).set_params(scoring=scorer).fit(X_IRIS, Y_IRIS)
    np.testing.assert_array_equal(counts[0], [5, 5, 5])
    rare = Y_IRIS.copy()
    rare[0] = 3  # one member
    assert model.fit(X_IRIS, rare).n_iter_ == 2
    many = np.arange(150) // 3  # 50 classes do not fit into 15 rows
    assert model.fit(X_IRIS, many).n_iter_ == 2


def test_d_a_non_finite_loss_stops_at_once():
    message = (
        r"(?s)epoch [1-9].*learning_rate_init.*scale.*"
        r"Solver produced non-finite parameter weights\. "
        r"The input data may contain large values and need to be preprocessed\."
    )
    model = MLPRegressor((10,), "identity", solver="sgd", learning_rate_init=100.0, max_iter=50, random_state=0)
    with pytest.raises(ValueError, match=message):
        model.fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match="Solver produced non-finite"):
        MLPRegressor(solver="lbfgs").fit(X_IRIS * 1e200, Y_IRIS)


def test_d_with_early_stopping_the_best_weights_are_kept():
    model = MLPRegressor(
        (100,), "identity", solver="sgd", learning_rate_init=1.0, max_iter=20, early_stopping=True, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="non-finite in epoch"):
        model.fit(*load_iris(return_X_y=True))
    assert all(np.isfinite(W).all() for W in model.coefs_)
    assert np.isnan(model.validation_scores_[-1])
    assert np.isfinite(model.best_validation_score_)
    assert model.n_iter_ < 20


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_e_partial_fit_is_for_stochastic_solvers(Estimator):
    assert not hasattr(Estimator(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="choose solver='adam' or 'sgd'"):
        Estimator(solver="lbfgs").partial_fit(X_IRIS, Y_IRIS)


@pytest.mark.parametrize("random_state", [0, np.random.RandomState(0)])
def test_e_each_call_draws_a_fresh_permutation(random_state):
    model = MLPRegressor((5,), random_state=random_state, batch_size=10)
    model.partial_fit(X_IRIS, Y_IRIS)
    first = model._run_state.rng.get_state()[2]
    model.partial_fit(X_IRIS, Y_IRIS)
    assert model._run_state.rng.get_state()[2] != first


@ignore_convergence
def test_f_a_minibatch_that_weighs_nothing_is_skipped():
    weight = np.ones(150)
    weight[10:30] = 0.0
    options = {"hidden_layer_sizes": (5,), "batch_size": 10, "shuffle": False, "max_iter": 3, "random_state": 0}
    with pytest.raises(ZeroDivisionError):
        theirs.MLPClassifier(**options).fit(X_IRIS, Y_IRIS, weight)
    skipped = MLPClassifier(**options).fit(X_IRIS, Y_IRIS, weight)
    removed = MLPClassifier(**options).fit(X_IRIS[weight > 0], Y_IRIS[weight > 0])
    np.testing.assert_allclose(skipped.coefs_[0], removed.coefs_[0])
    np.testing.assert_allclose(skipped.loss_curve_, removed.loss_curve_)


def test_g_warm_start_has_fresh_patience():
    model = MLPClassifier((5,), warm_start=True, random_state=0, max_iter=2000, tol=1e-3, solver="sgd")
    model.fit(X_IRIS, Y_IRIS).fit(X_IRIS, Y_IRIS)
    assert model.n_iter_ > model.n_iter_no_change


@ignore_convergence
@pytest.mark.parametrize("sizes", [(6,), (5, 5), ()])
def test_g_warm_start_with_other_sizes_is_an_error(sizes):
    model = MLPClassifier((5,), warm_start=True, max_iter=2).fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match=r"layer sizes \[4, 5, 3\].*set warm_start=False"):
        model.set_params(hidden_layer_sizes=sizes).fit(X_IRIS, Y_IRIS)


@ignore_convergence
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_h_float32_stays_float32(solver, Estimator):
    for X, dtype in ((X_IRIS.astype(np.float32), None), (X_IRIS, "float32")):
        model = Estimator((5,), solver=solver, max_iter=5, dtype=dtype).fit(X, Y_IRIS.astype(float))
        state = model._run_state.optimizer
        arrays = [] if state is None else [v for v in vars(state).values() if isinstance(v, np.ndarray)]
        assert len(arrays) == {"adam": 2, "sgd": 1, "lbfgs": 0}[solver]
        arrays += model.coefs_ + model.intercepts_
        arrays += [model.predict_proba(X) if Estimator is MLPClassifier else model.predict(X)]
        assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    # a NumPy float64 as a hyperparameter does not promote
    model = Estimator((5,), learning_rate_init=np.float64(0.01), alpha=np.float64(1.0), dtype="float32", max_iter=3)
    assert model.fit(X_IRIS, Y_IRIS).coefs_[0].dtype == np.float32


@ignore_convergence
def test_i_pickles_are_small_and_resume_exactly():
    X, y = load_digits(return_X_y=True)
    model = MLPClassifier((400, 200), max_iter=2, random_state=0).fit(X / 16, y)
    weights = sum(a.nbytes for a in model.coefs_ + model.intercepts_)
    assert len(pickle.dumps(model)) <= 1.2 * weights + 20_000
    stream = MLPClassifier((20,), random_state=0, batch_size=50)
    stream.partial_fit(X[:500] / 16, y[:500], classes=np.arange(10))
    copy = pickle.loads(pickle.dumps(stream))
    for each in (stream, copy):
        for start in (500, 900, 1300):
            each.partial_fit(X[start : start + 400] / 16, y[start : start + 400])
    for a, b in zip(stream.coefs_ + stream.intercepts_, copy.coefs_ + copy.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_j_an_interrupt_leaves_a_consistent_estimator(solver, early_stopping, monkeypatch):
    from mlp_estimator.engine.losses import SoftmaxCrossEntropy

    evaluate, left = SoftmaxCrossEntropy.value_and_grad, [10]

    def interrupted(self, *arrays):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return evaluate(self, *arrays)

    monkeypatch.setattr(SoftmaxCrossEntropy, "value_and_grad", interrupted)
    model = MLPClassifier((5,), solver=solver, batch_size=20, early_stopping=early_stopping, random_state=0)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X_IRIS, Y_IRIS)
    assert np.isfinite(model.loss_)
    assert model.n_iter_ == len(model.loss_curve_)
    assert model.predict(X_IRIS).shape == (150,)
    assert pickle.loads(pickle.dumps(model)).score(X_IRIS, Y_IRIS) == model.score(X_IRIS, Y_IRIS)


@ignore_convergence
def test_k_log_probabilities_are_finite():
    X, y = load_breast_cancer(return_X_y=True)
    for target in (y, np.column_stack([y, 1 - y]), np.arange(len(y)) % 3):
        model = MLPClassifier((5,), max_iter=20, random_state=0).fit(X, target)
        with np.errstate(all="raise", under="ignore"):
            log_probability = model.predict_log_proba(X * 1e6)
        assert np.isfinite(log_probability).all()
        np.testing.assert_array_equal(log_probability, np.log(model.predict_proba(X * 1e6)))


@ignore_convergence
def test_l_lbfgs_has_a_loss_curve():
    model = MLPClassifier((5,), solver="lbfgs", max_iter=15, random_state=0).fit(X_IRIS, Y_IRIS)
    assert len(model.loss_curve_) == model.n_iter_ == 15
    assert model.loss_curve_[-1] == model.loss_ == model.best_loss_ == min(model.loss_curve_)


@ignore_convergence
def test_m_coefs_are_the_only_copy():
    model = MLPClassifier((5,), early_stopping=True, max_iter=5, random_state=0).fit(X_IRIS, Y_IRIS)
    weights = {id(a) for a in model.coefs_ + model.intercepts_}
    for name, value in vars(model).items():
        if name not in ("coefs_", "intercepts_"):
            held = value if isinstance(value, list) else list(getattr(value, "__dict__", {}).values()) or [value]
            assert not any(
                np.shares_memory(a, b)
                for a in held if isinstance(a, np.ndarray)
                for b in model.coefs_ if id(b) in weights
            ), name  # fmt: skip
    before = model.predict_proba(X_IRIS)
    model.coefs_[0][:] *= 2.0
    assert not np.allclose(model.predict_proba(X_IRIS), before)


@ignore_convergence
def test_i_pickling_does_not_disturb_the_original():
    models = [MLPRegressor((5,), random_state=0, max_iter=5).fit(X_IRIS, Y_IRIS) for _ in range(2)]
    pickle.dumps(models[0])
    for model in models:
        model.partial_fit(X_IRIS, Y_IRIS)
    np.testing.assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])


@ignore_convergence
def test_o_lbfgs_heeds_early_stopping():
    options = {"solver": "lbfgs", "early_stopping": True, "random_state": 0, "max_iter": 500, "n_iter_no_change": 3}
    model = MLPClassifier((5,), **options).fit(X_IRIS, Y_IRIS)
    assert len(model.validation_scores_) == model.n_iter_ < 500
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert not hasattr(theirs.MLPClassifier((5,), **options).fit(X_IRIS, Y_IRIS), "validation_scores_")


@ignore_convergence
def test_n_the_cross_entropy_of_saturated_outputs_is_exact():
    X, y = load_breast_cancer(return_X_y=True)
    options = {"max_iter": 2, "random_state": 0, "alpha": 0.0}
    our, their = MLPClassifier(**options).fit(X, y), theirs.MLPClassifier(**options).fit(X, y)
    np.testing.assert_allclose(our.coefs_[0], their.coefs_[0])
    assert our.loss_curve_[0] > their.loss_curve_[0] + 1
    one = MLPClassifier((), batch_size=569, shuffle=False, **options).fit(X, y)
    start = MLPClassifier((), batch_size=569, shuffle=False, **(options | {"learning_rate_init": 1e-300})).fit(X, y)
    raw = (X @ start.coefs_[0] + start.intercepts_[0])[:, 0]
    np.testing.assert_allclose(one.loss_curve_[0], np.mean(np.logaddexp(0, raw) - y * raw))


@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined")
def test_p_what_means_nothing_is_an_error():
    y = Y_IRIS - 1.0
    with pytest.raises(ValueError, match="non-negative targets"):
        MLPRegressor((3,), loss="poisson").fit(X_IRIS, y)
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        MLPRegressor((3,)).fit(X_IRIS, y, np.where(y < 0, -1.0, 1.0))
    with pytest.raises(ValueError, match=r"not numeric|numeric values"):
        MLPRegressor((3,)).fit(X_IRIS.astype(str), y)
    with pytest.raises(ValueError, match="validation score is not a number"):
        MLPRegressor((3,), early_stopping=True).fit(X_IRIS, y, X_val=X_IRIS[:1], y_val=y[:1])


@ignore_convergence
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_q_calibration_of_log_odds_is_about_that_of_probabilities(load, method, n_members):
    X, y = load(return_X_y=True)
    options = {"hidden_layer_sizes": (10,), "solver": "lbfgs", "max_iter": 100, "random_state": 0}
    losses = []
    for network in (theirs.MLPClassifier(**options), MLPClassifier(n_members=n_members, **options)):
        model = make_pipeline(StandardScaler(), CalibratedClassifierCV(network, method=method, cv=3))
        losses.append(log_loss(y[1::2], model.fit(X[::2], y[::2]).predict_proba(X[1::2])))
    assert not hasattr(theirs.MLPClassifier, "decision_function")
    assert losses[1] < losses[0] + 0.06


@ignore_convergence
def test_q_one_vs_one_and_output_codes_decide_alike():
    X, y = load_digits(return_X_y=True)
    X, y = X[:600] / 16, y[:600]
    options = {"hidden_layer_sizes": (10,), "solver": "lbfgs", "max_iter": 50, "random_state": 0}
    for Meta, same in ((OneVsOneClassifier, 0.97), (OneVsRestClassifier, 1.0), (OutputCodeClassifier, 0.97)):
        seed = {"random_state": 0} if Meta is OutputCodeClassifier else {}
        ours, their = (Meta(Class(**options), **seed).fit(X, y) for Class in (MLPClassifier, theirs.MLPClassifier))
        assert np.mean(ours.predict(X) == their.predict(X)) >= same


@ignore_convergence
def test_r_a_single_class_has_one_column():
    y = np.full(150, "only")
    our, their = MLPClassifier((3,), max_iter=2).fit(X_IRIS, y), theirs.MLPClassifier((3,), max_iter=2).fit(X_IRIS, y)
    assert our.predict_proba(X_IRIS).shape == (150, len(our.classes_)) == (150, 1)
    assert their.predict_proba(X_IRIS).shape == (150, 2)


@ignore_convergence
def test_s_several_quantiles_have_a_score():
    model = MLPRegressor((5,), loss="quantile", quantile=[0.2, 0.8], learning_rate_init=0.02, random_state=0)
    model.fit(X_IRIS[:, 1:], X_IRIS[:, 0])
    assert 0.5 < model.score(X_IRIS[:, 1:], X_IRIS[:, 0]) < 1.0


def public(*models):
    return {name for model in models for name in dir(model) if not name.startswith("_")}


@ignore_convergence
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_the_page_lists_all_public_names_that_differ(name):
    section = PAGE.split("## Public methods and attributes")[1].split("\n## ")[0]
    rows = [row.split("|")[1:3] for row in section.splitlines() if row.startswith("| ") and "`" in row]
    listed = {
        word for names, where in rows if "both" in where or name in where for word in re.findall(r"`(\w+)`", names)
    }
    variants = [{}, {"early_stopping": True}, {"solver": "lbfgs"}, {"solver": "sgd"}]
    if name == "MLPRegressor":
        ours_only = [{"n_members": 2}, {"solver": "lm", "alpha": "auto", "hidden_layer_sizes": (2,)}]
    else:
        ours_only = [{"n_members": 2}, {"class_weight": "balanced"}]
    Ours, Theirs = getattr(mlp_estimator, name), getattr(theirs, name)
    their = public(*(Theirs(max_iter=2, **options).fit(X_IRIS, Y_IRIS) for options in variants))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        our = public(*(Ours(max_iter=2, **options).fit(X_IRIS, Y_IRIS) for options in variants + ours_only))
    assert our - their == listed
    assert their - our == ({"loss"} if name == "MLPClassifier" else set())


@ignore_convergence
def test_t_parameters_set_after_fit_do_not_change_predictions():
    for module in (mlp_estimator, theirs):
        model = module.MLPClassifier((8,), random_state=0, max_iter=20).fit(X_IRIS, Y_IRIS)
        before = model.predict_proba(X_IRIS)
        change = np.abs(model.set_params(activation="tanh").predict_proba(X_IRIS) - before).max()
        assert change == 0.0 if module is mlp_estimator else change > 0.01
