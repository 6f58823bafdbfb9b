"""From a fitted estimator to a graph, by one function for all."""

from __future__ import annotations

from typing import Any

from ..tabular import TabularMLPClassifier, TabularMLPRegressor
from .converters import register
from .tables import table_model


def to_onnx(model: Any, X: Any, *, coverage: float | None = None, members: bool = False) -> Any:
    """Return a fitted estimator as a model of ONNX.

    Of the tabular estimators the graph reads raw rows: one input of shape (n, 1) for each column, with its name (``x0``
    and so on for tables without names). Text is a string, and "" is missing, unless `fit` knew it as a level and
    nothing missing. A boolean that was never missing in `fit` is a boolean. A date or a duration is a number of
    seconds, since 1970 in UTC. All else is a number: float32 where the column of `X` is, otherwise float64. NaN is
    missing. The outputs are ``label`` (n,) and ``probabilities`` (n, n_classes), or ``prediction`` (n,) or (n,
    n_outputs).

    The graph has the opset 18, and 4 of ``ai.onnx.ml``. It agrees with `predict` and `predict_proba` to 1e-5, of
    predictions relative to the standard deviation of y.

    Parameters
    ----------
    model : estimator
        A fitted estimator of this package. Networks and pipelines with them are converted by skl2onnx.

    X : {DataFrame, array-like} of shape (n_samples, n_features)
        Rows as those of `fit`, at least one, that tell the types of the columns.

    coverage : float, default=None
        Of the tabular estimators: adds what `predict_interval` returns as outputs ``low`` and ``high`` (n,), or what
        `predict_set` returns as ``belongs`` (n, n_classes).

    members : bool, default=False
        Of the tabular estimators: adds what `predict_members` returns as output ``members``.

    Returns
    -------
    model : onnx.ModelProto
        The model.

    Raises
    ------
    ImportError
        If onnx, or for networks skl2onnx, is not installed.
    NotImplementedError
        If the model has functions of the user without nodes, or intervals with weighted residuals.
    ValueError
        If `coverage` asks for intervals that the fit does not have.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlp_estimator import TabularMLPClassifier
    >>> from mlp_estimator.onnx import to_onnx
    >>> X = pd.DataFrame({"age": [22, 38, None, 35, 54, 2] * 10, "sex": ["m", "f", "f", None, "m", "m"] * 10})
    >>> model = TabularMLPClassifier(settings=[{"hidden_layer_sizes": (16,)}], random_state=0)
    >>> graph = to_onnx(model.fit(X, ["no", "yes", "yes", "yes", "no", "no"] * 10), X[:1])
    >>> [column.name for column in graph.graph.input]
    ['age', 'sex']
    """
    if isinstance(model, TabularMLPClassifier | TabularMLPRegressor):
        return table_model(type(model).__name__, model._converted(X, coverage), coverage, members)
    if coverage is not None or members:
        raise ValueError("coverage and members are for tabular estimators: a network has neither intervals nor folds.")
    register()
    from skl2onnx import to_onnx as convert

    has_labels = hasattr(model, "classes_")
    return convert(model, X[:1], options={id(model): {"zipmap": False}} if has_labels else None)
