"""Grid search with cross-validation over networks that train side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, Literal, cast

import numpy as np
from sklearn.model_selection import GridSearchCV, ParameterGrid

from ..compat import Interval
from .base import PopulationSearch


class MLPGridSearchCV(PopulationSearch, GridSearchCV):
    """Grid search with cross-validation over networks that are trained side by side.

    The interface, the splits, the scores and ``cv_results_`` are those of
    :class:`sklearn.model_selection.GridSearchCV`, with the same numbers. Only the training differs: candidates whose
    networks have the same layers are members of one population, each with its own `alpha`, `learning_rate_init`,
    `dropout`, `random_state` or other searched parameter, and each stops by its own rule [1]_.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or Pipeline
        The network, or a :class:`~sklearn.pipeline.Pipeline` that ends in one. Earlier steps are fitted once per fold
        and setting. scikit-learn fits each candidate by itself in these cases: solvers on all data, subclasses with
        another `fit`, other estimators, networks with callbacks or `max_time`, and fits with parameters other than the
        sample weights of the network.

    param_grid : dict or list of dict
        Lists of values by parameter name (``mlp__alpha`` for step ``mlp`` of a pipeline), or several such dicts.

    scoring : str, callable, list, tuple, dict or None, default=None
        The score on the test folds, as in GridSearchCV; None is the estimator's `score`.

    n_jobs : int or None, default=None
        Number of processes, over which populations and the scoring of their members are spread.

    refit : bool, str or callable, default=True
        Whether to fit an estimator with the best parameters on all data, or the score or rule that selects them.

    cv : int, splitter or iterable, default=None
        The splits. An int is the number of (stratified) folds, None is 5.

    verbose : int, default=0
        Verbosity. The printed times exclude training: see ``cv_results_``.

    pre_dispatch : int or str, default='2*n_jobs'
        Number of scoring tasks that are dispatched at once.

    error_score : 'raise' or float, default=nan
        Score of a failing fit; 'raise' raises its error.

    return_train_score : bool, default=False
        Whether to also score the training folds.

    max_memory : float, default=1e9
        Maximum number of bytes of networks in training with their buffers, of training sets stored for further
        candidates and, with one process, of fitted networks that wait to be scored. Candidates beyond it train later.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        One entry per candidate, as in GridSearchCV. Fits that trained together share their time equally.

    best_estimator_ : estimator
        The estimator fitted on all data, if `refit`.

    best_params_ : dict
        The best parameters.

    best_score_ : float
        Mean score of the best parameters.

    best_index_ : int
        Index of the best parameters in ``cv_results_``.

    scorer_ : callable or dict
        The scorers.

    n_splits_ : int
        Number of folds.

    refit_time_ : float
        Seconds of the fit on all data.

    multimetric_ : bool
        Whether there are several scores.

    classes_ : ndarray
        Class labels of ``best_estimator_``.

    n_features_in_ : int
        Number of features of ``best_estimator_``.

    feature_names_in_ : ndarray
        Names of the features, if ``best_estimator_`` has them.

    See Also
    --------
    MLPRandomizedSearchCV : Candidates drawn at random.

    References
    ----------
    .. [1] Members of a population share each call of NumPy, on which small networks spend most of their time. Figures:
       ``benchmarks/README.md``.

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

    _parameter_constraints: dict[str, Any] = GridSearchCV._parameter_constraints | {
        "max_memory": [Interval(Real, 0, None, closed="neither")]
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
        *,
        scoring: str | Callable[..., Any] | Sequence[str] | Mapping[str, Any] | None = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[..., int] = True,
        cv: int | Iterable[Any] | Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: float | Literal["raise"] = np.nan,
        return_train_score: bool = False,
        max_memory: float = 1e9,
    ) -> None:
        cast(Any, super()).__init__(
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

    def _draw_candidates(self) -> list[Mapping[str, Any]]:
        return list(ParameterGrid(self.param_grid))
