"""Graphs of ONNX under construction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

OPSET, ML_OPSET, IR_VERSION = 18, 4, 9
"""Versions of ONNX's operators, of those of ``ai.onnx.ml``, and of the file."""


class NamedGraph(ABC):
    """A graph whose call adds a node and returns its first output; arrays become constants.

    Numbers that are not integers become constants of the type ``dtype``.
    """

    dtype: np.dtype[Any]

    @abstractmethod
    def name_for(self, what: str) -> str:
        """Return a name that nothing has."""

    @abstractmethod
    def add(self, op: str, inputs: Sequence[str], outputs: Sequence[str], attributes: dict[str, Any]) -> None:
        """Add a node."""

    @abstractmethod
    def keep(self, name: str, array: NDArray[Any]) -> None:
        """Add a constant: of text, or in the type of the array."""

    @staticmethod
    def type_of(dtype: Any) -> int:
        """Return ONNX's number of a type."""
        from onnx.helper import np_dtype_to_tensor_dtype

        return int(np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def __call__(self, op: str, *inputs: Any, n_outputs: int = 1, **attributes: Any) -> str:
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        outputs = [self.name_for(op.lower()) for _ in range(n_outputs)]
        self.add(op, names, outputs, attributes)
        return outputs[0]

    def constant(self, value: Any) -> str:
        """Return the name of a new constant."""
        array, name = np.asarray(value), self.name_for("constant")
        kind = array.dtype.kind
        self.keep(name, array if kind in "Ub" else array.astype(self.dtype if kind == "f" else np.int64))
        return name


@dataclass
class ModelGraph(NamedGraph):
    """A graph that becomes a model of its own. Those of other types, and of branches, share names and constants."""

    dtype: np.dtype[Any]
    nodes: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()  # names of inputs
    _n_names: dict[str, int] = field(default_factory=dict)

    def in_type(self, dtype: Any) -> Self:
        """Return the same graph for numbers of another type."""
        return replace(self, dtype=np.dtype(dtype))

    def name_for(self, what: str) -> str:
        """Return a name that nothing has."""
        self._n_names[what] = self._n_names.get(what, 0) + 1
        name = f"{what}:{self._n_names[what]}"
        return self.name_for(what) if name in self.taken else name

    def add(self, op: str, inputs: Sequence[str], outputs: Sequence[str], attributes: dict[str, Any]) -> None:
        """Add a node; an encoder of labels is of another domain."""
        from onnx.helper import make_node
        from onnx.numpy_helper import from_array

        attributes = {
            name: from_array(value) if isinstance(value, np.ndarray) else value for name, value in attributes.items()
        }
        domain = "ai.onnx.ml" if op == "LabelEncoder" else ""
        self.nodes.append(make_node(op, inputs, outputs, name=self.name_for(f"{op} node"), domain=domain, **attributes))

    def keep(self, name: str, array: NDArray[Any]) -> None:
        """Add a constant."""
        from onnx.numpy_helper import from_array

        array = np.asarray(array, object if array.dtype.kind == "U" else None, order="C")
        self.constants[name] = from_array(array, name)

    def cast(self, x: str) -> str:
        """Return a value in the type of the graph."""
        return self("Cast", x, to=self.type_of(self.dtype))

    def read(self, name: str, dtype: Any) -> str:
        """Add an input (n, 1), and return its name; text has the type ``str``."""
        if not name:
            raise ValueError("A column has an empty name, which no input of a graph can have: name it before the fit.")
        self.inputs.append(self._described(name, dtype, ["n", 1]))
        return name

    def write(self, name: str, x: str, dtype: Any, shape: Sequence[Any]) -> None:
        """Add an output."""
        if name in [column.name for column in self.inputs]:
            raise ValueError(f"A column is called {name!r}, as an output of the graph: rename it before the fit.")
        self.add("Identity", [x], [name], {})
        self.outputs.append(self._described(name, dtype, shape))

    def _described(self, name: str, dtype: Any, shape: Sequence[Any]) -> Any:
        from onnx import TensorProto
        from onnx.helper import make_tensor_value_info

        is_text = np.dtype(dtype).kind == "U"
        return make_tensor_value_info(name, TensorProto.STRING if is_text else self.type_of(dtype), shape)

    def choose(self, condition: str, yes: Callable[[Self], str], no: Callable[[Self], str]) -> str:
        """Return what one of two branches makes."""
        from onnx.helper import make_graph, make_tensor_value_info

        branches = {}
        for branch, make in (("then_branch", yes), ("else_branch", no)):
            inner = replace(self, nodes=[])
            made = make(inner)
            output = make_tensor_value_info(made, self.type_of(self.dtype), None)
            branches[branch] = make_graph(inner.nodes, branch, [], [output])
        return self("If", condition, **branches)

    def model(self, description: str) -> Any:
        """Return the model."""
        from onnx.checker import check_model
        from onnx.helper import make_graph, make_model, make_opsetid

        graph = make_graph(self.nodes, "mlp_estimator", self.inputs, self.outputs, list(self.constants.values()))
        versions = [make_opsetid("", OPSET), make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = make_model(graph, opset_imports=versions, ir_version=IR_VERSION, doc_string=description)
        check_model(model)
        return model
