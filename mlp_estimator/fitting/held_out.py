"""Early stopping: the rows set aside for validation, and the score of parameters on them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from ..engine.batches import Data
from ..engine.losses import Loss
from ..engine.members import Array
from ..engine.network import Network
from ..engine.objective import Objective
from .data import FitData, HeldOut, Source
from .fitted import Arrays, Fitted, arrays_by_name, outputs_of
from .reading import check_total
from .settings import Settings
from .targets import Targets


def check_validation_set(settings: Settings, X: Any, y: Any, sample_weight: Any) -> bool:
    """Tell whether there is a validation set of the user, and raise an error if its parts do not go together."""
    if (X is None) != (y is None) or (X is None and sample_weight is not None):
        raise ValueError("A validation set needs both X_val and y_val (and may have sample_weight_val).")
    if X is not None and not settings.early_stopping:
        raise ValueError("X_val is only used with early_stopping=True: set it, or leave X_val out.")
    return X is not None


def held_out_set(
    data: FitData, X: Any, y: NDArray[Any], sample_weight: NDArray[Any] | None, source: Callable[[], Source]
) -> HeldOut:
    """Return a validation set of the user, given as it was read."""
    data.targets.check_further(y)
    Y = data.targets.encode(y, data.dtype)
    if sparse.issparse(data.X) and not sparse.issparse(X):
        X = type(data.X)(X)  # the bottom layer reads sparse rows
    weight = data.targets.weigh(Y, sample_weight)
    check_total(weight, data.dtype)
    if weight is not None and not weight.any():
        raise ValueError("No sample of the validation set has a weight above zero, class weights included.")
    return HeldOut(Data(X, Y, weight), source)


def split(data: FitData, fraction: float, rng: np.random.RandomState) -> tuple[Data, HeldOut]:
    """Set a fraction of the rows aside, stratified where every class is frequent enough."""
    n_rows = data.rows.n_rows
    if not 0 < np.ceil(n_rows * fraction) < n_rows:  # as train_test_split rounds
        raise ValueError(
            f"validation_fraction={fraction:g} of {n_rows} sample(s) leaves no rows for "
            f"{'validation' if fraction == 0 else 'training'}: choose another fraction, such as 0.1, or pass X_val and "
            "y_val."
        )
    rows, options = np.arange(n_rows), {"test_size": fraction, "random_state": rng}
    try:
        parts = train_test_split(rows, stratify=data.targets.strata(data.encoded.Y), **options)
    except ValueError:  # a class with one member, or more classes than rows in a part
        parts = train_test_split(rows, **options)
    if len(parts[1]) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    for part, name in zip(parts, ("training", "validation"), strict=True):
        if data.encoded.weight is not None and not data.encoded.weight[part].any():
            raise ValueError(
                f"All sample weights in the {name} part of the early-stopping split are zero. Give more samples "
                "a positive weight, or set early_stopping=False."
            )
    held_out = HeldOut(data.rows.select(parts[1]), lambda: data.source.take(parts[1]))
    return data.rows.select(parts[0]), held_out


def scores_of(
    held_out: HeldOut, scoring: Any, data: FitData, network: Network, fitted: Callable[[Arrays], Fitted]
) -> Callable[[Array], list[float]]:
    """Return the score of parameters (1, P) by ``scoring``, and their scores on each part of the held-out rows.

    The score is the mean over the rows of the parts, where there are any. A part without weight has the score NaN.
    ``fitted`` returns what predicts with parameters of the network.
    """
    parts = held_out.parts or [held_out]
    weights = np.array([part.data.total_weight for part in parts])
    scores = [
        _score_of(part, scoring, data, network, fitted) if weight > 0.0 else None
        for part, weight in zip(parts, weights.tolist(), strict=True)
    ]
    weighted = weights > 0.0

    def of_parameters(parameters: Array) -> list[float]:
        values = [math.nan if score is None else score(parameters) for score in scores]
        if not held_out.parts:
            return values
        of_weighted = np.array(values)[weighted]
        return [float(np.average(of_weighted, weights=weights[weighted])) if weighted.any() else math.nan, *values]

    return of_parameters


def _score_of(
    held_out: HeldOut, scoring: Any, data: FitData, network: Network, fitted: Callable[[Arrays], Fitted]
) -> Callable[[Array], float]:
    """Return the score of parameters (1, P) on held-out rows."""
    theta = np.empty((1, network.layout.size), data.dtype)
    if scoring == "loss":
        return _minus_loss(network, data.targets.loss, held_out.data, theta)
    predicting = fitted(arrays_by_name(network, theta))  # with views of theta
    if scoring is None:
        score = _metric_score(data.targets, held_out.data)
    else:
        assert data.predictor is not None
        score = _scorer_score(scoring, data.predictor(predicting), held_out.source())
    X, rows, link = held_out.data.X, held_out.data.rows, data.targets.loss.predict
    rows = None if rows is None else np.asarray(rows)
    params = network.layout.views(theta)

    def defined_score(parameters: Array) -> float:
        np.copyto(theta, parameters)
        prediction = outputs_of(network, params, X, link, rows)[0]
        if not np.isfinite(prediction).all():  # a run that diverges, which the monitor handles
            return float("nan")
        value = score(prediction)
        if np.isnan(value):
            raise ValueError(
                f"The validation score is not a number: scoring={scoring!r} is not defined on this validation set, for "
                "example because that has one class or one sample only. Choose another set, or scoring='loss'."
            )
        return value

    return defined_score


def _minus_loss(network: Network, loss: Loss, data: Data, theta: Array) -> Callable[[Array], float]:
    objective = Objective(network, loss, [data], theta=theta, alpha=0.0)

    def minus_loss(parameters: Array) -> float:
        np.copyto(theta, parameters)
        return -float(objective.loss_without_penalty()[0])

    return minus_loss


def _metric_score(targets: Targets, data: Data) -> Callable[[Array], float]:
    """Return the default score of predictions (n, K)."""
    rows = slice(None) if data.rows is None else np.asarray(data.rows)
    Y, weight = data.Y[rows], None if data.weight is None else data.weight[rows]
    return lambda prediction: targets.metric(Y, prediction, weight)


def _scorer_score(scoring: Any, predictor: Any, source: Source) -> Callable[[Array], float]:
    """Return the score by a scorer of scikit-learn, which gets weights if it takes them."""
    scorer = check_scoring(predictor, scoring)
    accepted = inspect.signature(getattr(scorer, "_score_func", scorer)).parameters.values()
    takes_weights = any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in accepted)
    weights: Mapping[str, Any] = {"sample_weight": source.weight} if takes_weights and source.weight is not None else {}

    def score(_: Array) -> float:
        try:
            value = scorer(predictor, source.X, source.y, **weights)
        except (AttributeError, TypeError, ValueError) as error:
            reason = str(error).rstrip(".")
            raise ValueError(
                f"scoring={scoring!r} cannot score the validation set: {reason}. Choose scoring='loss', a score "
                "for such predictions, or a set with every class."
            ) from error
        if np.ndim(value) or np.asarray(value).dtype.kind not in "biuf":
            raise TypeError(
                f"scoring={scoring!r} returned {value!r}, and early stopping needs one number: return a number, or "
                "choose scoring='loss'."
            )
        return float(value)

    return score
