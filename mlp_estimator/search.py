"""Searches over parameters whose fits train side by side, inside scikit-learn's own search.

scikit-learn's search asks for one clone after the other, sets its parameters, fits it and scores it. Here it is handed
estimators that have been trained already, wherever they could be, and their ``fit`` has nothing left to do. All else,
from the splits to the scores and the table of results, is its own.
"""

from __future__ import annotations

import copy
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import GridSearchCV, ParameterGrid, ParameterSampler, RandomizedSearchCV, check_cv
from sklearn.utils import check_random_state, indexable

from .cells import network_in
from .fits import Fits
from .perceptron import DOC_LINK
from .private import Interval, _check_method_params

_Search: Any = object  # beside one of scikit-learn's searches, which have no types


class _PopulationSearch(_Search):
    """What the two searches share."""

    estimator: Any
    _doc_link_module = "mlp_estimator"
    _doc_link_template = DOC_LINK

    def fit(self, X, y=None, **params):
        """Run fit with all sets of parameters.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target values.

        **params : dict of str -> object
            Parameters of the estimator's `fit` and of the splitter, as in scikit-learn's searches: `sample_weight`,
            `groups`. With others than the weights of the network the fits are ordinary ones.

        Returns
        -------
        self : object
            The fitted search.
        """
        given = self._given(X, y, params)
        if given is None:
            return super().fit(X, y, **params)
        before = {name: getattr(self, name) for name in given}
        fits = given["estimator"].__sklearn_clone__
        self.__dict__.update(given)
        try:
            super().fit(X, y, **params)
        finally:
            del self.estimator.__sklearn_clone__  # scorers keep this copy
            self.__dict__.update(before)
        for name, of_splits in (("mean_fit_time", np.mean), ("std_fit_time", np.std)):
            share = of_splits(fits.seconds, axis=1)
            self.cv_results_[name] = np.where(np.isnan(share), self.cv_results_[name], share)
        return self

    def _given(self, X, y, params):
        """Parameters to search with in the place of one's own: fits instead of the estimator, splits that are drawn.

        None where the search is to run as ever: for other estimators, and for what is wrong and scikit-learn's to say.
        """
        if y is None or network_in(self.estimator)[0] is None or not self._lists_its_candidates():
            return None
        try:
            self._validate_params()
            X, y = indexable(X, y)
            routed = super()._get_routed_params_for_fit(_check_method_params(X, params=params))
            cv = list(
                check_cv(self.cv, y, classifier=is_classifier(self.estimator)).split(X, y, **routed.splitter.split)
            )
        except Exception:
            return None
        given, candidates = self._candidates()
        estimator = copy.copy(self.estimator)
        estimator.__sklearn_clone__ = Fits(self, (X, y), candidates, [train for train, _ in cv], routed.estimator.fit)
        return {**given, "estimator": estimator, "cv": cv}


class MLPGridSearchCV(_PopulationSearch, GridSearchCV):
    """Grid search with cross-validation over networks that are trained side by side.

    The interface, the splits, the scores and ``cv_results_`` are those of
    :class:`sklearn.model_selection.GridSearchCV`, and so are the numbers; only the fits are made otherwise. Candidates
    whose networks have the same layers are members of one population, each with its own `alpha`,
    `learning_rate_init`, `dropout`, `random_state` or whatever else is searched, and each stops by its own rule [1]_.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or Pipeline
        The network, or a :class:`~sklearn.pipeline.Pipeline` that ends in one; the steps before it are fitted once for
        each fold and setting of theirs. What cannot be trained in minibatches side by side is fitted as ever: solvers
        on all data, subclasses and other estimators, networks with callbacks of their own or `max_time`, fits with
        parameters other than the sample weights of the network.

    param_grid : dict or list of dict
        Lists of values by parameter name (``mlp__alpha`` for a step ``mlp`` of a pipeline), or several such dicts.

    scoring : str, callable, list, tuple, dict or None, default=None
        How to judge predictions on the test folds, as in GridSearchCV; None is the estimator's `score`.

    n_jobs : int or None, default=None
        Number of processes; populations, and the scoring of their members, are spread over them.

    refit : bool, str or callable, default=True
        Whether to fit an estimator with the best parameters on all data, or by which score or rule they are the best.

    cv : int, splitter or iterable, default=None
        The splits; an int is the number of (stratified) folds, None is 5.

    verbose : int, default=0
        The higher, the more is printed. The times printed are not those of training: see ``cv_results_``.

    pre_dispatch : int or str, default='2*n_jobs'
        How many tasks of scoring are handed to the processes at a time.

    error_score : 'raise' or float, default=nan
        The score of a fit that fails, or whether to raise its error.

    return_train_score : bool, default=False
        Whether to score training folds, too.

    max_memory : float, default=1e9
        Bytes that networks in training may take with their buffers, training sets that are kept for further candidates,
        and, with one process, fitted networks that wait to be scored; what is more has its turn later.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        One entry for each candidate, as in GridSearchCV. Fits that were made together share their time equally.

    best_estimator_ : estimator
        The estimator fitted on all data, if `refit`.

    best_params_ : dict
        The best parameters.

    best_score_ : float
        Their mean score.

    best_index_ : int
        Their place in ``cv_results_``.

    scorer_ : callable or dict
        The scorers.

    n_splits_ : int
        Number of folds.

    refit_time_ : float
        Seconds for the fit on all data.

    multimetric_ : bool
        Whether there are several scores.

    classes_ : ndarray
        Class labels of ``best_estimator_``.

    n_features_in_ : int
        Number of features of ``best_estimator_``.

    feature_names_in_ : ndarray
        Names of the features, where ``best_estimator_`` has them.

    See Also
    --------
    MLPRandomizedSearchCV : A number of candidates drawn at random.

    References
    ----------
    .. [1] Members of a population share each call of NumPy, which is what small networks spend their time on:
       ``benchmarks/README.md`` has the figures.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from mlp_estimator import MLPClassifier, MLPGridSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier((20,), random_state=0, max_iter=100, tol=0.01))
    >>> grid = {"mlpclassifier__learning_rate_init": [0.001, 0.01], "mlpclassifier__alpha": [0.01, 1.0]}
    >>> search = MLPGridSearchCV(model, grid, scoring="neg_log_loss").fit(X, y)
    >>> search.best_params_["mlpclassifier__learning_rate_init"]
    0.01
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **GridSearchCV._parameter_constraints,
        "max_memory": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        estimator,
        param_grid,
        *,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        error_score=np.nan,
        return_train_score=False,
        max_memory=1e9,
    ):
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.max_memory = max_memory

    def _lists_its_candidates(self):
        return type(self)._run_search is GridSearchCV._run_search

    def _candidates(self):
        return {}, list(ParameterGrid(self.param_grid))


class MLPRandomizedSearchCV(_PopulationSearch, RandomizedSearchCV):
    """Randomized search with cross-validation over networks that are trained side by side.

    The interface, the splits, the scores and ``cv_results_`` are those of
    :class:`sklearn.model_selection.RandomizedSearchCV`, and so are the numbers; only the fits are made otherwise.
    Candidates whose networks have the same layers are members of one population, each with its own `alpha`,
    `learning_rate_init`, `dropout`, `random_state` or whatever else is searched, and each stops by its own rule [1]_.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or Pipeline
        The network, or a :class:`~sklearn.pipeline.Pipeline` that ends in one; the steps before it are fitted once for
        each fold and setting of theirs. What cannot be trained in minibatches side by side is fitted as ever: solvers
        on all data, subclasses and other estimators, networks with callbacks of their own or `max_time`, fits with
        parameters other than the sample weights of the network.

    param_distributions : dict or list of dict
        Lists of values, or distributions with a method `rvs`, by parameter name.

    n_iter : int, default=10
        Number of candidates.

    scoring : str, callable, list, tuple, dict or None, default=None
        How to judge predictions on the test folds, as in RandomizedSearchCV; None is the estimator's `score`.

    n_jobs : int or None, default=None
        Number of processes; populations, and the scoring of their members, are spread over them.

    refit : bool, str or callable, default=True
        Whether to fit an estimator with the best parameters on all data, or by which score or rule they are the best.

    cv : int, splitter or iterable, default=None
        The splits; an int is the number of (stratified) folds, None is 5.

    verbose : int, default=0
        The higher, the more is printed. The times printed are not those of training: see ``cv_results_``.

    pre_dispatch : int or str, default='2*n_jobs'
        How many tasks of scoring are handed to the processes at a time.

    random_state : int, RandomState instance or None, default=None
        Generator of the candidates; that of the networks is their own parameter.

    error_score : 'raise' or float, default=nan
        The score of a fit that fails, or whether to raise its error.

    return_train_score : bool, default=False
        Whether to score training folds, too.

    max_memory : float, default=1e9
        Bytes that networks in training may take with their buffers, training sets that are kept for further candidates,
        and, with one process, fitted networks that wait to be scored; what is more has its turn later.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        One entry for each candidate, as in RandomizedSearchCV. Fits that were made together share their time equally.

    best_estimator_ : estimator
        The estimator fitted on all data, if `refit`.

    best_params_ : dict
        The best parameters.

    best_score_ : float
        Their mean score.

    best_index_ : int
        Their place in ``cv_results_``.

    scorer_ : callable or dict
        The scorers.

    n_splits_ : int
        Number of folds.

    refit_time_ : float
        Seconds for the fit on all data.

    multimetric_ : bool
        Whether there are several scores.

    classes_ : ndarray
        Class labels of ``best_estimator_``.

    n_features_in_ : int
        Number of features of ``best_estimator_``.

    feature_names_in_ : ndarray
        Names of the features, where ``best_estimator_`` has them.

    See Also
    --------
    MLPGridSearchCV : All combinations of given values.

    References
    ----------
    .. [1] Members of a population share each call of NumPy, which is what small networks spend their time on:
       ``benchmarks/README.md`` has the figures.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from mlp_estimator import MLPClassifier, MLPRandomizedSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((20,), learning_rate_init=0.01, random_state=0, max_iter=100, tol=0.01)
    >>> search = MLPRandomizedSearchCV(network, {"alpha": loguniform(1e-4, 10)}, n_iter=5, random_state=0, cv=3)
    >>> round(float(search.fit(X, y).best_score_), 2)
    0.95
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **RandomizedSearchCV._parameter_constraints,
        "max_memory": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        estimator,
        param_distributions,
        *,
        n_iter=10,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        random_state=None,
        error_score=np.nan,
        return_train_score=False,
        max_memory=1e9,
    ):
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.max_memory = max_memory

    def _lists_its_candidates(self):
        return type(self)._run_search is RandomizedSearchCV._run_search

    def _candidates(self):
        # Drawn twice, here and by scikit-learn, from one state.
        seed = check_random_state(None).randint(2**31) if self.random_state is None else self.random_state
        sampler = ParameterSampler(self.param_distributions, self.n_iter, random_state=copy.deepcopy(seed))
        return {"random_state": seed}, list(sampler)
