"""Networks from ONNX: graphs of Gemm or MatMul and what goes between them. The package onnx is not needed.

A file is read as data: operators are looked up in the table here. Numbers of fields are those of onnx.proto.
"""

from __future__ import annotations

import json
import os
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neural import atomic
from neural.errors import ModelFileError, sentence
from neural.export import onnx as written
from neural.export.protobuf import fields, whole_numbers
from neural.imports.parts import REBUILD, Part, batch_norm, dense, layer_norm, network, residual, row
from neural.layer import Layer
from neural.layers import ActivationLayer, DenseLayer, PReLU
from neural.nn import NeuralNetwork
from neural.normalization import BatchNorm
from neural.rectifiers import ELU, LeakyReLU

TYPES = {1: "<f4", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8"}  # of tensors
FIELDS = {1: 4, 6: 5, 7: 7, 11: 10}  # where a tensor without raw bytes has its numbers
EPSILON = 1e-5
OURS = "This file is an export of neural: load the network's own file, saved by net.save, with neural.load instead."


@dataclass(frozen=True)
class Node:
    """An operator, its name (its output's if it has none), the names of its inputs and output, and its attributes."""

    kind: str
    name: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any]


class Chain:
    """What has been read so far: the parts, the tensor that they end in, and the tensors on the way to it."""

    def __init__(self, x: str, constants: dict[str, np.ndarray], nodes: list[Node], step: str) -> None:
        self.parts, self.constants, self.scale, self.step = list[Part](), constants, 1.0, step
        self.uses = Counter(name for node in nodes for name in node.inputs)
        self.x, self.places = x, {x: 0}  # a tensor's place: how many parts come before it

    def take(self, node: Node) -> None:
        """Add what a node does; what is wrong with it is told with its name and the next step."""
        try:
            read = row("an ONNX operator", node.kind, OPERATORS, "")
            if self.x not in node.inputs:
                raise ValueError(
                    sentence(f"the ONNX operator {node.kind}", f"fed by {self.x!r}, in one chain", node.inputs)
                )
            read(self, node)
        except ValueError as error:
            raise ValueError(f"Node {node.name!r} of the ONNX graph: {error} {self.step}") from None
        except (IndexError, TypeError, AttributeError):
            raise ModelFileError(
                f"Node {node.name!r} of the ONNX graph, {node.kind}, has not the inputs or attributes that it needs."
            ) from None
        self.x, self.places[node.output] = node.output, len(self.parts)

    def constant(self, node: Node, number: int) -> Any:
        """Return an input that is a constant; None where it is left out."""
        name = node.inputs[number] if number < len(node.inputs) else ""
        if name and name not in self.constants:
            raise ValueError(sentence(f"input {number} of the ONNX operator {node.kind}", "a constant", name))
        return self.constants[name] if name else None

    def other(self, node: Node) -> Any:
        """Return the input of a pair that is not the chain: a constant, or the place of an earlier tensor."""
        name = node.inputs[1 - node.inputs.index(self.x)]
        if name in self.constants:
            return self.constants[name]
        if name not in self.places:
            raise ValueError(sentence(f"an input of the ONNX operator {node.kind}", "a constant or in the chain", name))
        return self.places[name]

    def last(self, kind: type[Layer]) -> Part | None:
        """Return the last part if it is of a kind, and nothing else is fed by it."""
        part = self.parts[-1] if self.parts else None
        return part if part is not None and isinstance(part.layer, kind) and self.uses[self.x] == 1 else None

    def affine(self) -> dict[str, Any]:
        """Return mean, gain and offset of the BatchNorm that the chain ends in, begun here if there is none."""
        part = self.last(BatchNorm)
        if part is None:
            part = batch_norm(0.0, 1 - EPSILON, 1.0, 0.0, EPSILON)
            self.parts.append(part)
        return part.values


def _add(chain: Chain, node: Node) -> None:
    other = chain.other(node)
    if isinstance(other, int):  # a way round
        inner = chain.parts[other:]
        chain.places = {name: place for name, place in chain.places.items() if place <= other}
        chain.parts[other:] = [residual(inner)]
        return
    last = chain.last(DenseLayer)
    if last is not None and "biases" not in last.values:
        chain.parts[-1] = dense(last.values["weights"], _row(other, len(last.values["weights"])))
    else:
        values = chain.affine()
        values["offset"] = values["offset"] + _row(other)


def _subtract(chain: Chain, node: Node) -> None:
    if node.inputs[0] != chain.x:
        raise ValueError(sentence("the ONNX operator Sub", "the chain minus a constant", node.inputs))
    values, c = chain.affine(), _row(chain.constant(node, 1))
    if np.ndim(values["gain"]) == np.ndim(values["offset"]) == 0:  # just begun
        values["running_mean"] = values["running_mean"] + c
    else:
        values["offset"] = values["offset"] - c


def _multiply(chain: Chain, node: Node) -> None:
    other = chain.other(node)
    if isinstance(other, int):
        last = chain.parts[-1].layer if chain.parts else None
        if not (other == len(chain.parts) - 1 and last == ActivationLayer("sigmoid")):
            raise ValueError(sentence("the ONNX operator Mul", "by a constant, or x * Sigmoid(x)", node.inputs))
        chain.parts[-1] = Part(ActivationLayer("silu"))
    else:
        _times(chain, _row(other))


def _divide(chain: Chain, node: Node) -> None:
    if node.inputs[0] != chain.x:
        raise ValueError(sentence("the ONNX operator Div", "the chain over a constant", node.inputs))
    _times(chain, 1 / _row(chain.constant(node, 1)))


def _times(chain: Chain, factor: np.ndarray) -> None:
    if factor.size == 1 and not chain.parts:
        chain.scale *= float(factor[0])
    else:
        values = chain.affine()
        values["gain"], values["offset"] = values["gain"] * factor, values["offset"] * factor


def _row(values: np.ndarray, width: int | None = None) -> np.ndarray:
    """Return a constant that goes with each row, as (width,) in float64."""
    if values.ndim > 1 and values.size != values.shape[-1]:
        raise ValueError(sentence("a constant that is added or multiplied", "the same for all rows", values))
    wide = np.ravel(values).astype(np.float64)
    return wide if width is None else np.broadcast_to(wide, (width,))


def _gemm(chain: Chain, node: Node) -> None:
    given = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0} | node.attributes
    if given["transA"] or node.inputs[0] != chain.x:
        raise ValueError(sentence("the ONNX operator Gemm", "rows times a constant matrix", node.inputs))
    B, C = chain.constant(node, 1), chain.constant(node, 2)
    W = given["alpha"] * (B if given["transB"] else B.T)
    chain.parts.append(dense(W, None if C is None else given["beta"] * _row(C, len(W))))


def _matmul(chain: Chain, node: Node) -> None:
    if node.inputs[0] != chain.x:
        raise ValueError(sentence("the ONNX operator MatMul", "rows times a constant matrix", node.inputs))
    chain.parts.append(dense(chain.constant(node, 1).T))


def _batch_normalization(chain: Chain, node: Node) -> None:
    gain, offset, mean, variance = (chain.constant(node, k) for k in (1, 2, 3, 4))
    chain.parts.append(batch_norm(mean, variance, gain, offset, node.attributes.get("epsilon", 1e-5)))


def _layer_normalization(chain: Chain, node: Node) -> None:
    _last_axis(chain, node)
    gain, offset = chain.constant(node, 1), chain.constant(node, 2)
    chain.parts.append(layer_norm(gain, offset, node.attributes.get("epsilon", 1e-5)))


def _last_axis(chain: Chain, node: Node) -> None:
    if node.attributes.get("axis", -1) not in (-1, 1):
        raise ValueError(sentence(f"axis of the ONNX operator {node.kind}", "-1 or 1", node.attributes["axis"]))


def _softmax(chain: Chain, node: Node) -> None:
    _last_axis(chain, node)
    chain.parts.append(Part(ActivationLayer("softmax")))


def _clip(chain: Chain, node: Node) -> None:
    low, high = (
        None if value is None else float(value) for value in (chain.constant(node, 1), chain.constant(node, 2))
    )
    name = {(0.0, 6.0): "relu6", (0.0, None): "relu"}.get((low, high))  # type: ignore[arg-type]
    if name is None:
        raise ValueError(sentence("the ONNX operator Clip", "from 0, or from 0 to 6", f"{low} to {high}"))
    chain.parts.append(Part(ActivationLayer(name)))


def _is_with(chain: Chain, node: Node, number: float) -> bool:
    """Return whether an operator is of the chain and this number, and of nothing else."""
    other = chain.other(node) if len(node.inputs) == 2 else 0
    return not isinstance(other, int) and other.size == 1 and other.item() == number


def _max(chain: Chain, node: Node) -> None:
    if not _is_with(chain, node, 0):
        raise ValueError(sentence("the ONNX operator Max", "of the chain and 0", node.inputs))
    chain.parts.append(Part(ActivationLayer("relu")))


def _min(chain: Chain, node: Node) -> None:
    last = chain.last(ActivationLayer)
    if not _is_with(chain, node, 6) or last is None or last.layer != ActivationLayer("relu"):
        raise ValueError(sentence("the ONNX operator Min", "of 6 and what is at least 0 by Relu or Max", node.inputs))
    chain.parts[-1] = Part(ActivationLayer("relu6"))


def _named(kind: str) -> Callable[[Chain, Node], None]:
    """Return what reads an operator that is an activation with fixed numbers, as the export writes it."""
    rows = {name: fixed for name, (op, fixed, _) in written.EACH.items() if op == kind}

    def read(chain: Chain, node: Node) -> None:
        default = DEFAULTS.get(kind, {})
        for name, fixed in rows.items():
            if all(
                _same(node.attributes.get(k, default.get(k)), fixed.get(k, default.get(k))) for k in default | fixed
            ):
                chain.parts.append(Part(ActivationLayer(name)))
                return
        raise ValueError(sentence(f"the ONNX operator {kind}", f"with {list(rows.values())}", node.attributes))

    return read


def _same(a: Any, b: Any) -> bool:
    return bool(np.isclose(a, b, rtol=1e-6)) if isinstance(a, float) and isinstance(b, float) else bool(a == b)


DEFAULTS: dict[str, dict[str, Any]] = {
    "Gelu": {"approximate": b"none"},
    "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
    "Selu": {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805},
    "Swish": {"alpha": 1.0},
}
PLAIN = ("Exp", "Gelu", "HardSigmoid", "HardSwish", "Mish", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign")


def _leaky_relu(chain: Chain, node: Node) -> None:
    chain.parts.append(Part(ActivationLayer(LeakyReLU(node.attributes.get("alpha", 0.01)))))


def _elu(chain: Chain, node: Node) -> None:
    chain.parts.append(Part(ActivationLayer(ELU(node.attributes.get("alpha", 1.0)))))


def _prelu(chain: Chain, node: Node) -> None:
    chain.parts.append(Part(PReLU(), {"slopes": _row(chain.constant(node, 1))}))


def _nothing(chain: Chain, node: Node) -> None:
    """Nothing happens to rows; who takes them now shares them with whoever else took them before."""
    chain.uses[node.output] += chain.uses[chain.x] - 1


def _reshape(chain: Chain, node: Node) -> None:
    shape = chain.constant(node, 1).tolist()
    if len(shape) != 2:
        raise ValueError(sentence("the ONNX operator Reshape", "to rows, two sizes", shape))
    _nothing(chain, node)


def _flatten(chain: Chain, node: Node) -> None:
    if node.attributes.get("axis", 1) != 1:
        raise ValueError(sentence("axis of the ONNX operator Flatten", "1", node.attributes["axis"]))
    _nothing(chain, node)


OPERATORS: dict[str, Callable[[Chain, Node], None]] = {
    **{kind: _named(kind) for kind in (*PLAIN, "Swish", "Tanh")},
    **dict.fromkeys(("Cast", "Dropout", "Identity"), _nothing),
    "Add": _add,
    "BatchNormalization": _batch_normalization,
    "Clip": _clip,
    "Div": _divide,
    "Elu": _elu,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "LayerNormalization": _layer_normalization,
    "LeakyRelu": _leaky_relu,
    "MatMul": _matmul,
    "Max": _max,
    "Min": _min,
    "Mul": _multiply,
    "PRelu": _prelu,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "Sub": _subtract,
}


def from_onnx(path: Any, output: str | None = None) -> NeuralNetwork:
    """Return the network of an ONNX file whose graph is a chain of the operators in ``OPERATORS``.

    Constants that are added to or multiplied with all rows become a BatchNorm, at the start ``input_scale``; x + f(x)
    becomes a Residual. ``output`` names the one to be had where a graph has several, such as "probabilities".

    Raises ValueError that names the node that cannot be imported, in an export of ours with its layer, and
    ModelFileError for a damaged file.
    """
    data = Path(atomic.place_of("path", path)).read_bytes()
    try:
        model = fields(data)
        graph = fields(model[7][0])
        nodes = [_node(data) for data in graph.get(1, [])]
        constants = dict(map(_tensor, graph.get(5, [])))
        inputs = {_text(fields(data)[1][0]): _width(data) for data in graph.get(11, [])}
        outputs = [_text(fields(data)[1][0]) for data in graph.get(12, [])]
        metadata = {_text(pair[1][0]): _text(pair[2][0]) for pair in map(fields, model.get(14, []))}
    except (KeyError, IndexError, TypeError, ValueError, struct.error, MemoryError, ModelFileError) as error:
        raise ModelFileError(f"{os.path.basename(path)} is not a whole ONNX file: {error!r}") from None
    open_inputs = {name: width for name, width in inputs.items() if name not in constants}
    is_ours = "test" in metadata
    net = _network(nodes, constants, open_inputs, outputs, output, OURS if is_ours else REBUILD)
    classes = json.loads(metadata.get("classes", "null")) if is_ours else None
    net.classes_ = None if classes is None else np.asarray(classes)
    return net


def _network(
    nodes: list[Node],
    constants: dict[str, np.ndarray],
    inputs: dict[str, Any],
    outputs: list[str],
    output: str | None,
    step: str,
) -> NeuralNetwork:
    if output is None and len(outputs) == 1:
        output = outputs[0]
    if output not in outputs:
        raise ValueError(sentence("output", f"one of {outputs}", output))
    if len(inputs) != 1:
        raise ValueError(sentence("an ONNX graph", "one of a single input", list(inputs)))
    constants = constants | {n.output: n.attributes["value"] for n in nodes if n.kind == "Constant"}
    ((x, width),) = inputs.items()
    needed = _needed(nodes, output)
    chain = Chain(x, constants, needed, step)
    for node in needed:
        if node.kind != "Constant":
            chain.take(node)
    if chain.x != output:
        raise ValueError(sentence("an ONNX graph", f"a chain that ends in {output!r}", f"one that ends in {chain.x!r}"))
    wide = any(constant.dtype == np.float64 for constant in constants.values())
    scale = None if chain.scale == 1 else chain.scale
    return network(chain.parts, "float64" if wide else "float32", width, scale)


def _needed(nodes: list[Node], output: str | None) -> list[Node]:
    """Return the nodes that an output depends on, in order."""
    wanted, found = {output}, list[Node]()
    for node in reversed(nodes):
        if node.output in wanted:
            wanted |= set(node.inputs)
            found.append(node)
    return found[::-1]


# --- the file --------------------------------------------------------------------------------------------------------
def _text(data: Any) -> str:
    return bytes(data).decode()


def _node(data: Any) -> Node:
    known = fields(data)
    attributes = dict(map(_attribute, known.get(5, [])))
    inputs, output = [_text(name) for name in known.get(1, [])], _text(known[2][0])
    return Node(_text(known[4][0]), _text(known.get(3, [b""])[0]) or output, inputs, output, attributes)


def _attribute(data: Any) -> tuple[str, Any]:
    """Return an attribute's name and its value: a float, whole number, bytes or array; None for any other."""
    known, value = fields(data), None
    if 2 in known:
        value = struct.unpack("<f", known[2][0])[0]
    elif 3 in known:
        (value,) = whole_numbers(known[3])
    elif 4 in known:
        value = bytes(known[4][0])
    elif 5 in known:
        value = _tensor(known[5][0])[1]
    return _text(known[1][0]), value


def _tensor(data: Any) -> tuple[str, np.ndarray]:
    """Return a tensor's name and numbers, which must be as many as its shape says."""
    known = fields(data)
    kind, shape = known[2][0], whole_numbers(known.get(1, []))
    name = _text(known[8][0]) if 8 in known else ""
    if kind not in TYPES or known.get(14, [0]) != [0]:
        raise ValueError(f"tensor {name!r} must be of floats or whole numbers, in the file itself")
    if 9 in known:
        values = np.frombuffer(known[9][0], TYPES[kind])
    elif kind in (6, 7):
        values = np.array(whole_numbers(known.get(FIELDS[kind], [])), TYPES[kind])
    else:
        values = np.frombuffer(b"".join(known.get(FIELDS[kind], [])), TYPES[kind])
    wide = values.astype(np.float32) if kind == 10 else values
    return name, wide.reshape(shape)


def _width(data: Any) -> int | None:
    """Return how many numbers a row of an input has; None if that is open."""
    try:
        shape = fields(fields(fields(fields(data)[2][0])[1][0])[2][0])
        sizes = [fields(dimension)[1][0] for dimension in shape[1][1:]]
    except KeyError:
        return None
    return int(np.prod(sizes)) if sizes and all(isinstance(size, int) and size > 0 for size in sizes) else None
