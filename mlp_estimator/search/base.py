"""What the two searches share: scikit-learn's own search, with fits that are trained side by side.

Checks, routing, splits, scores, the table of results and the refit are scikit-learn's. ``prefitted.py`` explains how
trained fits reach it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any, Self, cast

from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import indexable

from ..compat import BaseSearchCV
from ..fitting.features import MatrixLike
from ..fitting.jobs import raised_interrupts
from ..fitting.state import restored_on_error
from ..parameters import DOC_LINK
from .planning import network_in
from .prefitted import Drawn, PrefittedClones, once


class PopulationSearch(BaseSearchCV):
    """Mixin of a search of scikit-learn, before it in the order of bases."""

    n_jobs: int | None
    max_memory: float
    cv: Any
    _clones: PrefittedClones | None = None  # while a fit runs
    _doc_link_module = "mlp_estimator"
    _doc_link_template = DOC_LINK

    @abstractmethod
    def _draw_candidates(self) -> list[Mapping[str, Any]]:
        """Return the candidates."""

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
        estimator = self.estimator
        # A subclass with a search strategy of its own draws candidates that nobody knows beforehand.
        if network_in(estimator)[0] is None or type(self)._run_search is not PopulationSearch._run_search:
            super().fit(X, y, **params)
            return self
        cv = self.cv
        if isinstance(cv, Iterator):
            self.cv = list(cv)  # as scikit-learn does; it can be read once only
        self._clones = PrefittedClones(estimator, partial(self._draw, X, y), self.n_jobs, self.max_memory)
        # A copy has the tags and metadata requests by which scikit-learn chooses splitter, scorers and routes.
        self.estimator = once(estimator, "__sklearn_clone__", self._clones.first)
        try:
            with restored_on_error(vars(self)):
                super().fit(X, y, **params)
        finally:
            del self._clones
            self.estimator, self.cv = estimator, cv
        return self

    # What follows is called by scikit-learn's ``fit``, in this order. Its checks come before ``_draw``.

    def _get_routed_params_for_fit(self, params: Mapping[str, Any]) -> Any:
        routed = cast(Any, super())._get_routed_params_for_fit(params)
        if self._clones is not None:
            self._clones.routed = routed
        return routed

    def _draw(self, X: Any, y: Any) -> Drawn | None:
        """Draw candidates and splits, before scikit-learn does; None where that fails, and fails again there."""
        assert self._clones is not None
        try:
            candidates = self._draw_candidates()
            X, y = indexable(X, y)
            splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
            splits = [(train, test) for train, test in splitter.split(X, y, **self._clones.routed.splitter.split)]
        except Exception:
            return None
        return Drawn(candidates, splits, X, y)

    def _run_search(self, evaluate_candidates: Callable[..., dict[str, Any]], *, callback_ctx: Any = None) -> None:
        clones = self._clones

        def evaluate(candidates: Any, **options: Any) -> dict[str, Any]:
            if clones is None or clones.drawn is None:
                return evaluate_candidates(candidates, **options)
            results = evaluate_candidates(clones.drawn.candidates, cv=check_cv(clones.drawn.splits), **options)
            clones.share_time(results)
            return results

        context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}  # from scikit-learn 1.9 on
        with nullcontext() if clones is None else raised_interrupts():
            cast(Any, super())._run_search(evaluate, **context)
