"""Converters of networks for skl2onnx, which only this module uses.

A row is a sample here, as everywhere in ONNX. The members of an ensemble are the first axis: the weights (M, n_in,
n_out) of a layer make (M, n, n_out) of its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ..classifier import MLPClassifier
from ..engine.graph import Graph
from ..fitting.fitted import Fitted, Perceptron
from ..regressor import MLPRegressor
from ..search import MLPGridSearchCV, MLPRandomizedSearchCV
from ..tabular import TabularMLPClassifier, TabularMLPRegressor
from .graph import NamedGraph
from .networks import activation_nodes, label_nodes, link_nodes

NOT_CONVERTED: dict[type, str] = {
    **dict.fromkeys((MLPGridSearchCV, MLPRandomizedSearchCV), "convert its `best_estimator_`"),
    **dict.fromkeys((TabularMLPClassifier, TabularMLPRegressor), "use mlp_estimator.onnx.to_onnx on it alone"),
}


def register() -> None:
    """Register converters of `MLPClassifier` and `MLPRegressor` with skl2onnx.

    ``skl2onnx.to_onnx`` then converts them alone and as the last step of pipelines. A graph computes in the type of its
    input, float32 or float64. Labels and probabilities of a classifier are two outputs, as of all classifiers of
    skl2onnx. The columns of a regressor are the targets, or the sorted quantiles.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    >>> import mlp_estimator.onnx
    >>> mlp_estimator.onnx.register()  # doctest: +SKIP
    >>> from skl2onnx import to_onnx  # doctest: +SKIP
    >>> graph = to_onnx(pipeline, X[:1].astype("float32"), options={"zipmap": False})  # doctest: +SKIP
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError("ONNX needs skl2onnx: pip install skl2onnx.") from error
    flags = {name: [False, True] for name in ("output_class_labels", "nocl", "raw_scores")}
    options = {"zipmap": [True, False, "columns"], **flags}
    # Aliases of its own: the converter of scikit-learn's MLP would not sort quantiles, nor average members.
    for model, shapes, convert, of_model, parser in (
        (MLPClassifier, _classifier_shapes, _convert_classifier, options, None),
        (MLPRegressor, _regressor_shapes, _convert_regressor, None, None),
        *((model, _regressor_shapes, _convert_regressor, None, _refuse) for model in NOT_CONVERTED),
    ):
        alias = f"MlpEstimator{model.__name__}"
        update_registered_converter(model, alias, shapes, convert, parser=parser, options=of_model)
    _refuse_wrong_graphs()


def _refuse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> NoReturn:
    raise NotImplementedError(f"{type(model).__name__} has no ONNX converter: {NOT_CONVERTED[type(model)]}.")


def _refuse_wrong_graphs() -> None:
    """Refuse meta-estimators around an estimator of this package that skl2onnx would convert into something else."""
    from skl2onnx import _parse
    from sklearn.calibration import CalibratedClassifierCV  # in 1.7 it brings a module of its own name
    from sklearn.model_selection import TunedThresholdClassifierCV

    for meta, difference in (
        (TunedThresholdClassifierCV, _of_threshold),
        (CalibratedClassifierCV, _of_calibration),
    ):
        usual = _parse.sklearn_parsers_map.get(meta, _parse._parse_sklearn_simple_model)
        if getattr(usual, "func", None) is not _parse_unless:  # it is registered already
            _parse.update_registered_parser(meta, partial(_parse_unless, difference, usual))


def _parse_unless(
    difference: Callable[[Any], str], usual: Any, scope: Any, model: Any, inputs: Any, custom_parsers: Any = None
) -> Any:
    inner = model.estimator
    last = inner[-1] if isinstance(inner, Pipeline) else inner
    reason = difference(model)
    if isinstance(last, MLPClassifier) and reason:
        raise NotImplementedError(f"{type(model).__name__} cannot be converted around MLPClassifier: {reason}")
    return usual(scope, model, inputs, custom_parsers=custom_parsers)


def _of_threshold(model: Any) -> str:
    return "skl2onnx ignores the threshold. Convert `estimator_`, and compare its probabilities to `best_threshold_`."


def _of_calibration(model: Any) -> str:
    if model.method != "sigmoid":
        return f"skl2onnx takes steps for method={model.method!r}. Use method='sigmoid'."
    if isinstance(model.estimator, Pipeline):
        return "skl2onnx calibrates probabilities of a pipeline, not scores. Put the calibration into the pipeline."
    return ""


class OnnxGraph(NamedGraph):
    """The graph of a conversion by skl2onnx."""

    def __init__(self, scope: Any, container: Any, operator: Any):
        from skl2onnx.common.data_types import DoubleTensorType

        self._scope, self._container, self._operator = scope, container, operator
        double = isinstance(operator.inputs[0].type, DoubleTensorType)
        self.dtype: np.dtype[Any] = np.dtype(np.float64 if double else np.float32)
        self.input = self("Cast", operator.inputs[0].full_name, to=self.type_of(self.dtype))

    def name_for(self, what: str) -> str:
        """Return a name that nothing has."""
        return str(self._scope.get_unique_variable_name(what))

    def add(self, op: str, inputs: Sequence[str], outputs: Sequence[str], attributes: dict[str, Any]) -> None:
        """Add a node."""
        self._container.add_node(op, inputs, outputs, name=self._scope.get_unique_operator_name(op), **attributes)

    def keep(self, name: str, array: NDArray[Any]) -> None:
        """Add a constant."""
        if array.dtype.kind == "U":
            from onnx import TensorProto

            self._container.add_initializer(name, TensorProto.STRING, array.shape, [s.encode() for s in array.flat])
        else:
            self._container.add_initializer(name, self.type_of(array.dtype), array.shape, array.ravel())

    def set_outputs(self, *values: str) -> None:
        """Set the outputs of the estimator."""
        for value, variable in zip(values, self._operator.outputs, strict=True):
            self._container.add_node(
                "Identity", value, variable.full_name, name=self._scope.get_unique_operator_name("Identity")
            )


def _raw(g: OnnxGraph, fitted: Fitted) -> str:
    """Return the raw output (n, K) of a network, (M, n, K) of several."""
    (networks,) = fitted.groups
    x, activations = g.input, cast(Perceptron, networks.recipe).activations
    for i, (W, b) in enumerate(zip(networks.arrays["W"], networks.arrays["b"], strict=True)):
        x = g("Add", g("MatMul", x, W), b[..., None, :])
        if i < len(activations):
            x = activation_nodes(activations[i])(g, x)
    return x


def _linked(g: Graph, fitted: Fitted, raw: str) -> str:
    """Return the predictions (n, K) by the inverse link, the means over the members."""
    prediction = link_nodes(fitted.targets.loss)(g, raw)
    n_members = fitted.groups[0].n_members
    if n_members > 1:  # a product, because the axes of ReduceMean are an attribute or an input by version
        columns = g("Transpose", prediction, perm=[1, 2, 0])
        prediction = g("Reshape", g("MatMul", columns, np.full((n_members, 1), 1.0 / n_members)), [0, -1])
    return prediction


def _regressor_shapes(operator: Any) -> None:
    fitted = operator.raw_operator._networks()
    operator.outputs[0].type.shape = [operator.inputs[0].get_first_dimension(), fitted.targets.n_predicted]


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    fitted, g = operator.raw_operator._networks(), OnnxGraph(scope, container, operator)
    prediction = _linked(g, fitted, _raw(g, fitted))
    if fitted.targets.loss.gives_variance:
        prediction = g("Gather", prediction, np.arange(fitted.targets.n_predicted), axis=-1)
    g.set_outputs(prediction)


def _labels(model: Any) -> NDArray[Any]:
    """Return the labels by the number of the output: text as text, numbers and booleans as integers."""
    classes = model.classes_
    labels: NDArray[Any] = classes.astype(np.int64 if classes.dtype.kind in "biuf" else np.str_)
    return labels


def _classifier_shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    model = operator.raw_operator
    targets = model._networks().targets
    n, n_classes = operator.inputs[0].get_first_dimension(), len(model.classes_)
    if targets.multilabel:
        operator.outputs[0].set_type(Int64TensorType([n, n_classes]))
    else:
        text = _labels(model).dtype.kind == "U"
        operator.outputs[0].set_type((StringTensorType if text else Int64TensorType)([n]))
    operator.outputs[1].type.shape = [n, n_classes]


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    model, g = operator.raw_operator, OnnxGraph(scope, container, operator)
    fitted = model._networks()
    raw = _raw(g, fitted)
    if not fitted.targets.class_outputs:
        raw = g("Concat", g("Neg", raw), raw, axis=-1)
    probability = _linked(g, fitted, raw)
    if len(model.classes_) == 1:  # the sum of p and 1 - p
        probability = g("MatMul", probability, np.ones((2, 1)))
    label = label_nodes(g, fitted.targets, _labels(model), probability)
    if scope.get_options(model, {"raw_scores": False})["raw_scores"]:  # of calibration and stacking
        probability = _log_odds(g, fitted, raw, probability)
    g.set_outputs(label, probability)


def _log_odds(g: OnnxGraph, fitted: Fitted, raw: str, probability: str) -> str:
    """Return the log-odds (n, n_classes) of probabilities, as ``decision_function`` does; of two classes both."""
    single, loss = fitted.groups[0].n_members == 1, fitted.targets.loss
    if not loss.codes:
        return raw if single else g("Sub", g("Log", probability), g("Log", _linked(g, fitted, g("Neg", raw))))
    score, n = raw if single else g("Log", probability), fitted.targets.n_outputs
    # Of each class the logarithm of the sum over the others, which is what each other score exceeds its logarithmic
    # softmax by.
    others = g("Add", g("Unsqueeze", score, np.array([1])), np.where(np.eye(n), -1e30, 0.0))
    sums = g("Mul", g("Sub", others, g("LogSoftmax", others, axis=-1)), (1.0 - np.eye(n)) / (n - 1))
    return g("Sub", score, g("Reshape", g("MatMul", sums, np.ones((n, 1))), np.array([0, -1])))
