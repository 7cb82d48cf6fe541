"""Writing an ONNX graph as one writes arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import checker, helper, numpy_helper

OPSET, TREES_OPSET, TEXT_OPSET = 20, 5, 1
IR_VERSION = 10
TREES, TEXT = "ai.onnx.ml", "com.microsoft"
END = np.iinfo(np.int64).max


class Graph:
    """Nodes and constants of a graph that is being written; values are known by their names.

    It holds state because an ONNX graph is a list that grows, each node naming those before it.
    """

    def __init__(self, within: Graph | None = None, name: str = "") -> None:
        self.nodes: list[Any] = []
        self.constants: dict[bytes, Any] = {} if within is None else within.constants
        # a part of another graph sees that one's values, so its own need other names
        self.prefix: str = "" if within is None else f"{within.prefix}{name}_{len(within.nodes)}/"
        self._halves: dict[str, tuple[str, ...]] = {}

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one result; returns the result's name."""
        name = f"{self.prefix}{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def add_several(self, operator: str, inputs: Sequence[str], count: int, **attributes: Any) -> tuple[str, ...]:
        """Add a node with several results; returns their names."""
        names = tuple(f"{self.prefix}{operator}_{len(self.nodes)}_{place}" for place in range(count))
        self.nodes.append(helper.make_node(operator, list(inputs), list(names), **attributes))
        return names

    def add_named(self, operator: str, value: str, result: str) -> None:
        """Add a node whose result has a name of its own: an output of the model."""
        self.nodes.append(helper.make_node(operator, [value], [result]))

    def constant(self, value: npt.ArrayLike, kind: npt.DTypeLike) -> str:
        """The name of a constant; the same value is kept once."""
        tensor = numpy_helper.from_array(np.asarray(value, kind))
        key = tensor.SerializeToString()
        if key not in self.constants:
            tensor.name = f"constant_{len(self.constants)}"
            self.constants[key] = tensor
        return str(self.constants[key].name)

    def weights(self, name: str, value: npt.NDArray[np.floating[Any]], kind: npt.DTypeLike = np.float64) -> str:
        """Numbers that were learned: kept in the file in the type they have, to be found there by their name."""
        self.constants[name.encode()] = numpy_helper.from_array(value, name)
        return self.cast(name, kind)

    def whole(self, *values: int) -> str:
        """A constant list of whole numbers."""
        return self.constant(list(values), np.int64)

    def double(self, value: float) -> str:
        """A constant number."""
        return self.constant(value, np.float64)

    def text(self, value: str) -> str:
        """A constant text."""
        return self.constant(np.array(value, object), object)

    def cast(self, value: str, kind: npt.DTypeLike) -> str:
        """The same numbers in another type."""
        return self.add("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))

    def zeros(self, shape: str, kind: npt.DTypeLike) -> str:
        """Zeros of a shape that is known only when the graph runs."""
        return self.add("ConstantOfShape", shape, value=numpy_helper.from_array(np.zeros(1, kind)))

    def slice(self, value: str, start: int, end: int, axis: int) -> str:
        """Entries from *start* up to *end* along an axis; negative ones count from the end."""
        return self.add("Slice", value, self.whole(start), self.whole(end), self.whole(axis))

    def tokens(self, texts: str, expression: str) -> str:
        """What matches *expression* in each text, one after the other, one more axis, filled up with empty texts."""
        return self.add("Tokenizer", texts, domain=TEXT, mark=0, pad_value="", mincharnum=1, tokenexp=expression)

    def flag(self, value: str) -> str:
        """Whether something is so, as a float 0 or 1."""
        return self.cast(value, np.float32)

    def unless(self, value: str) -> str:
        """Whether something is not so, as a float 0 or 1."""
        return self.add("Where", value, self.constant(0, np.float32), self.constant(1, np.float32))

    def sum(self, value: str) -> str:
        """(n, 1) sums along the last of two axes."""
        return self.add("ReduceSum", value, self.whole(1), keepdims=1)

    def sums(self, *values: str) -> tuple[str, ...]:
        """:meth:`sum` of several values of one shape, taken at once."""
        together = self.sum(self.add("Concat", *values, axis=0))
        return self.add_several("Split", [together], len(values), axis=0, num_outputs=len(values))

    def high(self, value: str, axis: int, *, keep: bool = True) -> str:
        """The highest along an axis; of flags: whether any is set."""
        return self.add("ReduceMax", value, self.whole(axis), keepdims=int(keep))

    def half(self, value: str, place: int) -> str:
        """The first (0) or the second (1) half of the rows."""
        key = f"halves of {value}"
        if key not in self._halves:
            self._halves[key] = self.add_several("Split", [value], 2, axis=0, num_outputs=2)
        return self._halves[key][place]

    def part(self, results: dict[str, Any], inputs: dict[str, Any] | None = None) -> Any:
        """These nodes as the body of an ``If`` or a ``Loop``; results and inputs are (element type, shape) by name."""
        return helper.make_graph(self.nodes, f"{self.prefix}part", declared(inputs or {}), declared(results))

    def model(self, inputs: dict[str, Any], outputs: dict[str, Any], about: dict[str, str]) -> bytes:
        """The finished model, as a file holds it; parameters as of :meth:`message`."""
        return bytes(self.message(inputs, outputs, about).SerializeToString())

    def message(self, inputs: dict[str, Any], outputs: dict[str, Any], about: dict[str, str]) -> Any:
        """The finished model, an ``onnx.ModelProto``.

        Parameters
        ----------
        inputs, outputs : element type (``onnx.TensorProto``) and shape by name; about : metadata kept in the file.
        """
        tables = list(self.constants.values())
        graph = helper.make_graph(self.nodes, "scorer", declared(inputs), declared(outputs), tables)
        versions = [("", OPSET), (TREES, TREES_OPSET), (TEXT, TEXT_OPSET)]
        opsets = [helper.make_opsetid(domain, version) for domain, version in versions]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="sie-agent")
        model.ir_version = IR_VERSION
        helper.set_model_props(model, about)
        checker.check_model(model)
        return model


def declared(values: dict[str, Any]) -> list[Any]:
    """Inputs or outputs as ONNX declares them, from (element type, shape) by name."""
    return [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in values.items()]
