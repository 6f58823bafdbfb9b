"""Searches over parameters whose fits train side by side, inside scikit-learn's own search.

scikit-learn's search asks for one clone after the other, sets its parameters, fits it and scores it. Here it is handed
estimators that have been trained already, wherever they could be, and their ``fit`` has nothing left to do. All else,
from the splits to the scores and the table of results, is its own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, check_cv
from sklearn.utils import indexable
from sklearn.utils.parallel import Parallel, delayed

from .cells import Candidate, Fitted, TrainingSet, candidate_of, carry_out, network_in, training_set
from .perceptron import Interval

ENOUGH = 24
"""Members from which on a population gains nothing by more (``benchmarks/population.py``)."""

Key = tuple[int, int]  # numbers of a candidate and of a split


@dataclass
class _Cell:
    """Candidates of one shape, and the splits on whose training rows they are fitted together."""

    candidates: dict[int, Candidate]
    splits: range

    @property
    def before(self) -> Any:
        return next(iter(self.candidates.values())).before


class _Fits:
    """In the place of the estimator that a search clones: each clone is a fit, in the order of the search's asking."""

    def __init__(self, search: Any, X: Any, y: Any):
        self._estimator, self._n_jobs, self._max_memory = search.estimator, search.n_jobs, search.max_memory
        self.X, self.y = X, y
        self.routed: Any = None  # what goes to the splitter and to the estimator's fit
        self._asked_for: Iterator[Key] = iter(())
        self._cells: dict[Key, _Cell] = {}
        self._sets: dict[tuple[Any, int], TrainingSet | None] = {}
        self._ready: dict[Key, Fitted] = {}
        self.seconds: list[np.ndarray] = []  # (n_candidates, n_splits), NaN for ordinary fits

    def plan(
        self, candidates: Sequence[Mapping[str, Any]], rows: Sequence[np.ndarray], fit_params: Mapping[str, Any]
    ) -> None:
        """Arrange the fits of these candidates on these training rows in cells."""
        self._rows, self._fit_params = rows, fit_params
        self._asked_for = iter([(c, s) for c in range(len(candidates)) for s in range(len(rows))])
        self.seconds.append(np.full((len(candidates), len(rows)), np.nan))
        groups: dict[Any, dict[int, Candidate]] = {}
        for c, params in enumerate(candidates):
            candidate = candidate_of(self._estimator, params, fit_params)
            if candidate is not None:
                groups.setdefault((candidate.before, candidate.shape), {})[c] = candidate
        cells = []
        for group in groups.values():
            n_sets = -(-ENOUGH // sum(candidate.network.n_members for candidate in group.values()))
            cells += [_Cell(group, range(s, min(s + n_sets, len(rows)))) for s in range(0, len(rows), n_sets)]
        self._cells = {(c, s): cell for cell in cells for c in cell.candidates for s in cell.splits}
        if effective_n_jobs(self._n_jobs) > 1:
            self._carry_out_at_once(cells)

    def _carry_out_at_once(self, cells: Sequence[_Cell]) -> None:
        parallel = Parallel(n_jobs=self._n_jobs)
        needed = {(cell.before, s): self._set_task(cell, s) for cell in cells for s in cell.splits}
        self._sets = dict(zip(needed, parallel(delayed(training_set)(*task) for task in needed.values()), strict=True))
        for found in parallel(
            delayed(carry_out)(cell.candidates, self._sets_of(cell), self._max_memory) for cell in cells
        ):
            self._ready.update(found)

    def _set_task(self, cell: _Cell, s: int) -> tuple[Any, ...]:
        return next(iter(cell.candidates.values())), self.X, self.y, self._rows[s], self._fit_params

    def _sets_of(self, cell: _Cell) -> dict[int, TrainingSet]:
        """The training sets of a cell; the steps before the network are fitted once for each."""
        found = {}
        for s in cell.splits:
            if (cell.before, s) not in self._sets:
                if sum(getattr(known.X, "nbytes", 0) for known in self._sets.values() if known) > self._max_memory:
                    self._sets.clear()
                self._sets[cell.before, s] = training_set(*self._set_task(cell, s))
            one = self._sets[cell.before, s]
            if one is not None:
                found[s] = one
        return found

    def __sklearn_clone__(self) -> Any:
        for key in self._asked_for:  # the next one
            if key in self._cells and key not in self._ready:
                cell = self._cells[key]
                self._ready.update(carry_out(cell.candidates, self._sets_of(cell), self._max_memory))
            if key not in self._ready:
                break
            self.seconds[-1][key] = self._ready[key].seconds
            return self._ready.pop(key)
        return clone(self._estimator)  # for an ordinary fit, or the one on all data


_Search: Any = object  # beside one of scikit-learn's searches, which have no types


class _PopulationSearch(_Search):
    """What the two searches share."""

    estimator: Any

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
        if y is None or network_in(self.estimator) is None:
            return super().fit(X, y, **params)
        X, y = indexable(X, y)
        estimator = self.estimator
        self._fits = _Fits(self, X, y)
        self.estimator = copy.copy(estimator)  # scorers keep it
        self.estimator.__sklearn_clone__ = lambda: self._fits
        try:
            super().fit(X, y, **params)
            seconds = np.concatenate(self._fits.seconds)
        finally:
            del self.estimator.__sklearn_clone__, self._fits
            self.estimator = estimator
        for name, of_splits in (("mean_fit_time", np.mean), ("std_fit_time", np.std)):
            share = of_splits(seconds, axis=1)
            self.cv_results_[name] = np.where(np.isnan(share), self.cv_results_[name], share)
        return self

    def _get_routed_params_for_fit(self, params):
        routed = super()._get_routed_params_for_fit(params)
        if hasattr(self, "_fits"):
            self._fits.routed = routed
        return routed

    def _run_search(self, evaluate_candidates, *, callback_ctx=None):
        """Plan the fits of the candidates before the search asks for them."""

        def planned(candidates, cv=None, **keywords):
            if hasattr(self, "_fits"):
                candidates, routed = list(candidates), self._fits.routed
                splits = list((cv or self._checked_cv_orig).split(self._fits.X, self._fits.y, **routed.splitter.split))
                self._fits.plan(candidates, [train for train, _ in splits], routed.estimator.fit)
                cv = check_cv(splits)
            return evaluate_candidates(candidates, cv=cv, **keywords)

        super()._run_search(planned, callback_ctx=callback_ctx)


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
        The higher, the more is printed. A fit's time in it is that of handing it over.

    pre_dispatch : int or str, default='2*n_jobs'
        How many tasks of scoring are handed to the processes at a time.

    error_score : 'raise' or float, default=nan
        The score of a fit that fails, or whether to raise its error.

    return_train_score : bool, default=False
        Whether to score training folds, too.

    max_memory : float, default=1e9
        Bytes that the parameters and buffers of networks in training may take, and transformed training sets that are
        kept for further candidates; more are trained one after the other.

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
        The higher, the more is printed. A fit's time in it is that of handing it over.

    pre_dispatch : int or str, default='2*n_jobs'
        How many tasks of scoring are handed to the processes at a time.

    random_state : int, RandomState instance or None, default=None
        Generator of the candidates; that of the networks is their own parameter.

    error_score : 'raise' or float, default=nan
        The score of a fit that fails, or whether to raise its error.

    return_train_score : bool, default=False
        Whether to score training folds, too.

    max_memory : float, default=1e9
        Bytes that the parameters and buffers of networks in training may take, and transformed training sets that are
        kept for further candidates; more are trained one after the other.

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
