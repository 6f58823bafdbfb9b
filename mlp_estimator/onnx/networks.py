"""What networks compute between their products: nodes that activations and losses bring."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.activations import ACTIVATIONS, Activation
from ..engine.graph import Graph
from ..engine.losses import Loss
from ..fitting.targets import Labels

_NO_NODES = (
    "{} is a function of your own without ONNX nodes: define `nodes` for it, save the estimator with joblib, or fit "
    "one with an activation and a loss of this package."
)


def activation_nodes(chosen: str | Activation) -> Callable[[Graph, str], str]:
    """Return the nodes of an activation: its own, or those of a function of this package."""
    activation = ACTIVATIONS[chosen] if isinstance(chosen, str) else chosen
    of_functions = {known.apply: known.nodes for known in ACTIVATIONS.values()}
    nodes = activation.nodes or of_functions.get(activation.apply)
    if nodes is None:
        raise NotImplementedError(_NO_NODES.format(f"activation={chosen!r}"))
    return nodes


def link_nodes(loss: Loss) -> Callable[[Graph, str], str]:
    """Return the nodes of the inverse link of a loss: the class that defines ``predict`` defines them, too."""
    if type(loss).predict is not Loss.predict:
        owner = next(cls for cls in type(loss).__mro__ if "predict" in vars(cls))
        if "nodes" not in vars(owner):
            raise NotImplementedError(_NO_NODES.format(f"The inverse link of {type(loss).__name__}"))
        return loss.nodes
    return partial(Loss.nodes, loss)


def label_nodes(g: Graph, targets: Labels, labels: NDArray[Any], probability: str) -> str:
    """Return the label (n,) of each row, or the indicators (n, n_classes)."""
    if targets.multilabel:
        return g("Cast", g("Greater", probability, 0.5), to=g.type_of(np.int64))
    return g("Gather", labels, g("ArgMax", probability, axis=1, keepdims=0))
