"""What the two searches share: scikit-learn's own search, with fits that are trained side by side.

Splits, scores, the table of results and the refit are scikit-learn's. ``prefitted.py`` explains how trained fits reach
it.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import indexable

from ..compat import BaseSearchCV, check_method_params
from ..fitting.features import MatrixLike
from ..parameters import DOC_LINK
from .planning import network_in
from .prefitted import PrefittedClones


class PopulationSearch(BaseSearchCV):
    """Mixin of a search of scikit-learn, before it in the order of bases."""

    max_memory: float
    _doc_link_module = "mlp_estimator"
    _doc_link_template = DOC_LINK

    @abstractmethod
    def _lists_candidates(self) -> bool:
        """Tell whether the candidates are known beforehand: no subclass has a strategy of its own."""

    @abstractmethod
    def _candidates(self) -> tuple[dict[str, Any], Sequence[Mapping[str, Any]]]:
        """Return the candidates, and parameters of the search that fix them."""

    def fit(self, X: MatrixLike, y: ArrayLike | None = None, **params: Any) -> Self:
        """Run fit with all sets of parameters.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target values.

        **params : dict of str -> object
            Parameters of the estimator's `fit` and of the splitter, as in scikit-learn's searches: `sample_weight`,
            `groups`. With parameters other than the weights of the network, scikit-learn fits each candidate.

        Returns
        -------
        self : object
            The fitted search.
        """
        replaced = self._replaced_parameters(X, y, params)
        if replaced is None:
            super().fit(X, y, **params)
            return self
        before = {name: getattr(self, name) for name in replaced}
        clones = replaced["estimator"].__sklearn_clone__
        vars(self).update(replaced)
        try:
            super().fit(X, y, **params)
        finally:
            del self.estimator.__sklearn_clone__  # scorers keep this copy
            vars(self).update(before)
        for name, over_splits in (("mean_fit_time", np.mean), ("std_fit_time", np.std)):
            share = over_splits(clones.seconds, axis=1)
            self.cv_results_[name] = np.where(np.isnan(share), self.cv_results_[name], share)
        return self

    def _replaced_parameters(self, X: Any, y: Any, params: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return parameters to search with: fits that stand in for the estimator, and splits that are drawn.

        None where scikit-learn's search runs unchanged: for other estimators, and for errors that it reports.
        """
        if y is None or network_in(self.estimator)[0] is None or not self._lists_candidates():
            return None
        try:
            cast(Any, self)._validate_params()
            X, y = indexable(X, y)
            routed = cast(Any, self)._get_routed_params_for_fit(check_method_params(X, params))
            splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
            cv = list(splitter.split(X, y, **routed.splitter.split))
        except Exception:
            return None
        fixed, candidates = self._candidates()
        estimator = copy.copy(self.estimator)
        rows = [train for train, _ in cv]
        estimator.__sklearn_clone__ = PrefittedClones(self, (X, y), candidates, rows, routed.estimator.fit)
        return {**fixed, "estimator": estimator, "cv": cv}
