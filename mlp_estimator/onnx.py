"""Fitted estimators as ONNX graphs: converters for skl2onnx, which only this module uses (extra ``onnx``).

A row is a sample here, as everywhere in ONNX. The members of an ensemble are the first axis: the weights (M, n_in,
n_out) of a layer make (M, n, n_out) of its input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from .classifier import MLPClassifier
from .engine import activations as functions
from .engine.losses import (
    GammaDeviance,
    GaussianNLL,
    Loss,
    PoissonDeviance,
    Quantile,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from .engine.losses.contract import half_max_exponent
from .fitting.fitted import Fitted, Perceptron
from .regressor import MLPRegressor
from .search import MLPGridSearchCV, MLPRandomizedSearchCV
from .tabular import TabularMLPClassifier, TabularMLPRegressor

NOT_CONVERTED: dict[type, str] = {
    **dict.fromkeys((MLPGridSearchCV, MLPRandomizedSearchCV), "convert its `best_estimator_`"),
    **dict.fromkeys((TabularMLPClassifier, TabularMLPRegressor), "save it with joblib or skops"),
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
        raise ImportError("ONNX needs skl2onnx: install it with pip install 'mlp-estimator[onnx]'.") from error
    options = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [False, True]}
    # Aliases of its own: the converter of scikit-learn's MLP would not sort quantiles, nor average members.
    for model, shapes, convert, of_model, parser in (
        (MLPClassifier, _classifier_shapes, _convert_classifier, options, None),
        (MLPRegressor, _regressor_shapes, _convert_regressor, None, None),
        *((model, _regressor_shapes, _convert_regressor, None, _refuse) for model in NOT_CONVERTED),
    ):
        alias = f"MlpEstimator{model.__name__}"
        update_registered_converter(model, alias, shapes, convert, parser=parser, options=of_model)


def _refuse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> NoReturn:
    raise NotImplementedError(f"{type(model).__name__} has no ONNX converter: {NOT_CONVERTED[type(model)]}.")


class Graph:
    """The graph of a conversion. Calling it adds a node and returns its first output; arrays become constants."""

    def __init__(self, scope: Any, container: Any, operator: Any):
        from skl2onnx.common.data_types import DoubleTensorType

        self._scope, self._container, self._operator = scope, container, operator
        double = isinstance(operator.inputs[0].type, DoubleTensorType)
        self.dtype: np.dtype[Any] = np.dtype(np.float64 if double else np.float32)
        self.input = self("Cast", operator.inputs[0].full_name, to=self.type_of(self.dtype))

    @staticmethod
    def type_of(dtype: Any) -> int:
        """Return ONNX's number of a type."""
        from onnx.helper import np_dtype_to_tensor_dtype

        return int(np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def __call__(self, op: str, *inputs: Any, n_outputs: int = 1, **attributes: Any) -> str:
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        outputs = [self._scope.get_unique_variable_name(op.lower()) for _ in range(n_outputs)]
        name = self._scope.get_unique_operator_name(op)
        self._container.add_node(op, names, outputs, name=name, **attributes)
        return str(outputs[0])

    def _constant(self, value: Any) -> str:
        from onnx import TensorProto

        array = np.asarray(value)
        name = str(self._scope.get_unique_variable_name("constant"))
        if array.dtype.kind == "U":
            self._container.add_initializer(name, TensorProto.STRING, array.shape, [s.encode() for s in array.flat])
        else:
            array = array.astype(self.dtype if array.dtype.kind == "f" else np.int64)
            self._container.add_initializer(name, self.type_of(array.dtype), array.shape, array.ravel())
        return name

    def set_outputs(self, *values: str) -> None:
        """Set the outputs of the estimator."""
        for value, variable in zip(values, self._operator.outputs, strict=True):
            self._container.add_node(
                "Identity", value, variable.full_name, name=self._scope.get_unique_operator_name("Identity")
            )


# Elementary operations only: ONNX Runtime has Elu, Selu, LeakyRelu and Softplus in float32, but not in float64.


def _leaky_relu(g: Graph, z: str) -> str:
    return g("Max", z, g("Mul", z, functions.LEAK))


def _elu(g: Graph, z: str, alpha: float = 1.0) -> str:
    return g("Add", g("Relu", z), g("Mul", g("Sub", g("Exp", g("Min", z, 0.0)), 1.0), alpha))


def _selu(g: Graph, z: str) -> str:
    return g("Mul", _elu(g, z, functions.SELU_ALPHA), functions.SELU_SCALE)


def _gelu(g: Graph, z: str) -> str:
    # z (1 + erf(z / sqrt 2)) / 2; ONNX Runtime has erf in float32 only.
    erf = g("Erf", g("Cast", g("Mul", z, math.sqrt(0.5)), to=g.type_of(np.float32)))
    return g("Mul", g("Mul", z, 0.5), g("Add", g("Cast", erf, to=g.type_of(g.dtype)), 1.0))


def _silu(g: Graph, z: str) -> str:
    return g("Mul", z, g("Sigmoid", z))


def _softplus(g: Graph, z: str) -> str:
    # max(z, 0) + log(1 + e^-|z|) does not overflow.
    return g("Add", g("Relu", z), g("Log", g("Add", g("Exp", g("Neg", g("Abs", z))), 1.0)))


def _mish(g: Graph, z: str) -> str:
    return g("Mul", z, g("Tanh", _softplus(g, z)))


Nodes = Callable[[Graph, str], str]

ACTIVATIONS: dict[Callable[..., object], Nodes] = {
    functions.identity: lambda g, z: z,
    functions.logistic: lambda g, z: g("Sigmoid", z),
    functions.tanh: lambda g, z: g("Tanh", z),
    functions.relu: lambda g, z: g("Relu", z),
    functions.leaky_relu: _leaky_relu,
    functions.elu: _elu,
    functions.selu: _selu,
    functions.gelu: _gelu,
    functions.silu: _silu,
    functions.mish: _mish,
    functions.softplus: _softplus,
}
"""Nodes for the function ``apply`` of an activation."""


def _unchanged(g: Graph, raw: str, loss: Any) -> str:
    return raw


def _sorted(g: Graph, raw: str, loss: Any) -> str:
    return g("TopK", raw, [loss.n_outputs], axis=-1, largest=0, n_outputs=2) if loss.n_outputs > 1 else raw


def _exp(g: Graph, raw: str, loss: Any) -> str:
    limit = half_max_exponent(g.dtype)
    return g("Exp", g("Max", g("Min", raw, limit), -limit))


def _logistic(g: Graph, raw: str, loss: Any) -> str:
    limits = np.finfo(g.dtype)
    return g("Min", g("Max", g("Sigmoid", raw), float(limits.tiny)), 1.0 - float(limits.epsneg))


def _softmax(g: Graph, raw: str, loss: Any) -> str:
    return g("Max", g("Softmax", raw, axis=-1), float(np.finfo(g.dtype).tiny))


LINKS: dict[Callable[..., None], Callable[[Graph, str, Any], str]] = {
    Loss.predict: _unchanged,
    GaussianNLL.predict: _unchanged,  # of the means; the variances are left out
    Quantile.predict: _sorted,
    PoissonDeviance.predict: _exp,
    GammaDeviance.predict: _exp,
    SigmoidCrossEntropy.predict: _logistic,
    SoftmaxCrossEntropy.predict: _softmax,
}
"""Nodes for the method ``predict`` of a loss, its inverse link."""


def _nodes_for(table: Mapping[Any, Any], function: Any, what: str) -> Any:
    if function not in table:
        raise NotImplementedError(
            f"{what} is a function of your own, which ONNX has no nodes for: save the estimator with joblib, or fit "
            "one with an activation and a loss of this package."
        )
    return table[function]


def _raw(g: Graph, fitted: Fitted) -> str:
    """Return the raw output (n, K) of a network, (M, n, K) of several."""
    (networks,) = fitted.groups
    x, activations = g.input, cast(Perceptron, networks.recipe).activations
    for i, (W, b) in enumerate(zip(networks.arrays["W"], networks.arrays["b"], strict=True)):
        x = g("Add", g("MatMul", x, W), b[..., None, :])
        if i < len(activations):
            activation = activations[i]
            apply = functions.ACTIVATIONS[activation].apply if isinstance(activation, str) else activation.apply
            x = _nodes_for(ACTIVATIONS, apply, f"activation={activation!r}")(g, x)
    return x


def _linked(g: Graph, fitted: Fitted, raw: str) -> str:
    """Return the predictions (n, K) by the inverse link, the means over the members."""
    loss = fitted.targets.loss
    link = _nodes_for(LINKS, type(loss).predict, f"The inverse link of {type(loss).__name__}")
    prediction: str = link(g, raw, loss)
    n_members = fitted.groups[0].n_members
    if n_members > 1:  # a product, because the axes of ReduceMean are an attribute or an input by version
        columns = g("Transpose", prediction, perm=[1, 2, 0])
        prediction = g("Reshape", g("MatMul", columns, np.full((n_members, 1), 1.0 / n_members)), [0, -1])
    return prediction


def _n_columns(fitted: Fitted) -> int:
    """Return the number of predicted columns of a regressor."""
    return fitted.targets.n_outputs // (2 if fitted.targets.loss.gives_variance else 1)


def _regressor_shapes(operator: Any) -> None:
    fitted = operator.raw_operator._networks()
    operator.outputs[0].type.shape = [operator.inputs[0].get_first_dimension(), _n_columns(fitted)]


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    fitted, g = operator.raw_operator._networks(), Graph(scope, container, operator)
    prediction = _linked(g, fitted, _raw(g, fitted))
    if fitted.targets.loss.gives_variance:
        prediction = g("Gather", prediction, np.arange(_n_columns(fitted)), axis=-1)
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
    model, g = operator.raw_operator, Graph(scope, container, operator)
    fitted = model._networks()
    raw = _raw(g, fitted)
    if not (fitted.targets.loss.codes or fitted.targets.multilabel):  # one output for the second of two classes
        raw = g("Concat", g("Neg", raw), raw, axis=-1)
    probability = _linked(g, fitted, raw)
    if len(model.classes_) == 1:  # the sum of p and 1 - p
        probability = g("MatMul", probability, np.ones((2, 1)))
    if fitted.targets.multilabel:
        label = g("Cast", g("Greater", probability, 0.5), to=g.type_of(np.int64))
    else:
        label = g("Gather", _labels(model), g("ArgMax", probability, axis=1, keepdims=0))
    g.set_outputs(label, probability)
