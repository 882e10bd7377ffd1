"""A network as an ONNX model, written down without the package onnx.

One input, ``inputs`` (n, n_in), raw; one output, ``outputs`` (n, n_out). The metadata has the class names, and test
rows with the network's own outputs. Numbers of fields are those of onnx.proto.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neural.errors import NeuralError
from neural.export.plan import Operation, Plan, row_of
from neural.export.proof import Vectors
from neural.export.protobuf import message
from neural.logarithms import TINY
from neural.smooth import HART_BOTTOM, HART_TOP

OPSET, IR_VERSION = 28, 11
TYPES = {"float32": 1, "float64": 11}
FLOAT, INT, STRING = 1, 2, 3  # types of attributes, and the fields that they are in: f = 2, i = 3, s = 4
TABLE = "neural.export.onnx.EACH"

# The operator of each activation: attributes that are numbers, settings by name, or bytes; then constant inputs.
EACH: dict[str, tuple[str, dict[str, Any], tuple[float, ...]]] = {
    "linear": ("Identity", {}, ()),
    "relu": ("Relu", {}, ()),
    "leaky_relu": ("LeakyRelu", {"alpha": "slope"}, ()),
    "relu6": ("Clip", {}, (0.0, 6.0)),
    "elu": ("Elu", {"alpha": "alpha"}, ()),
    "selu": ("Selu", {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}, ()),
    "hard_swish": ("HardSwish", {}, ()),
    "softplus": ("Softplus", {}, ()),
    "gelu": ("Gelu", {}, ()),
    "gelu_tanh": ("Gelu", {"approximate": b"tanh"}, ()),
    "silu": ("Swish", {}, ()),
    "mish": ("Mish", {}, ()),
    "tanh": ("Tanh", {}, ()),
    "softsign": ("Softsign", {}, ()),
    "sigmoid": ("Sigmoid", {}, ()),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 0.2, "beta": 0.5}, ()),
    "exponential": ("Exp", {}, ()),
    "softmax": ("Softmax", {"axis": -1}, ()),
}


class Graph:
    """Nodes and constants as they are collected."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype, self.nodes, self.constants = dtype, list[bytes](), list[bytes]()

    def constant(self, values: Any) -> str:
        """Add an array, or a number, in the type of the network, and return its name."""
        array, name = np.ascontiguousarray(values, self.dtype.newbyteorder("<")), f"c{len(self.constants)}"
        shape = [(1, size) for size in np.shape(values)]
        self.constants.append(message(*shape, (2, TYPES[self.dtype.name]), (8, name), (9, array.tobytes())))
        return name

    def add(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node and return the name of its output; numbers among the inputs become constants."""
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        output = f"x{len(self.nodes)}"
        known = [(5, _attribute(name, value)) for name, value in attributes.items()]
        self.nodes.append(message(*[(1, name) for name in names], (2, output), (4, kind), *known))
        return output


def _attribute(name: str, value: float | int | bytes) -> bytes:
    kind = STRING if isinstance(value, bytes) else INT if isinstance(value, int) else FLOAT
    return message((1, name), (kind + 1, value), (20, kind))


def _polynomial(g: Graph, coefficients: tuple[float, ...], t: str) -> str:
    total = g.add("Mul", t, coefficients[0])
    for c in coefficients[1:-1]:
        total = g.add("Mul", g.add("Add", total, c), t)
    return g.add("Add", total, coefficients[-1])


def _gelu(g: Graph, z: str) -> str:
    t = g.add("Clip", g.add("Abs", z), 0.0, 40.0)
    bell = g.add("Exp", g.add("Mul", g.add("Mul", t, t), -0.5))
    tail = g.add("Div", g.add("Mul", bell, _polynomial(g, HART_TOP, t)), _polynomial(g, HART_BOTTOM, t))
    return g.add("Sub", g.add("Relu", z), g.add("Mul", t, tail))


def _gelu_tanh(g: Graph, z: str) -> str:
    held = g.add("Clip", z, -40.0, 40.0)
    slope = g.add("Add", g.add("Mul", g.add("Mul", held, held), 0.07135481627260025), 1.5957691216057308)
    return g.add("Mul", g.add("Max", z, -40.0), g.add("Sigmoid", g.add("Mul", slope, held)))


def _below(g: Graph, z: str, scale: float, depth: float) -> str:
    """Add scale max(0, z) + depth (e^min(0, z) - 1)."""
    negative = g.add("Sub", g.add("Exp", g.add("Min", z, 0.0)), 1.0)
    return g.add("Add", g.add("Mul", g.add("Relu", z), scale), g.add("Mul", negative, depth))


def _softplus(g: Graph, z: str) -> str:
    far = g.add("Log", g.add("Add", g.add("Exp", g.add("Neg", g.add("Abs", z))), 1.0))
    return g.add("Add", g.add("Relu", z), far)


def _softsign(g: Graph, z: str) -> str:
    held = g.add("Clip", z, -1e30, 1e30)
    return g.add("Div", held, g.add("Add", g.add("Abs", held), 1.0))


def _hard_swish(g: Graph, z: str) -> str:
    share = g.add("Div", g.add("Clip", g.add("Add", z, 3.0), 0.0, 6.0), 6.0)
    return g.add("Mul", g.add("Max", z, -3.0), share)


# What there is no operator for, made of simpler ones: those without a row above and silu in both types, which
# onnxruntime does not have, and others in float64.
COMPOSED: dict[str, Callable[..., str]] = {
    "leaky_relu": lambda g, z, slope: g.add("Max", z, g.add("Mul", z, slope)),
    "elu": lambda g, z, alpha: _below(g, z, 1.0, alpha),
    "selu": lambda g, z: _below(g, z, 1.0507009873554805, 1.7580993408473769),
    "hard_swish": _hard_swish,
    "softplus": _softplus,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": lambda g, z: g.add("Mul", z, g.add("Sigmoid", z)),
    "mish": lambda g, z: g.add("Mul", g.add("Max", z, -800.0), g.add("Tanh", _softplus(g, g.add("Min", z, 25.0)))),
    "softsign": _softsign,
    "log": lambda g, z: g.add("Log", g.add("Max", z, TINY)),
    "logit": lambda g, z: g.add(
        "Log", g.add("Div", g.add("Clip", z, TINY, 1.0), g.add("Clip", g.add("Sub", 1.0, z), TINY, 1.0))
    ),
    "hard_sigmoid": lambda g, z: g.add("Clip", g.add("Add", g.add("Mul", z, 0.2), 0.5), 0.0, 1.0),
}


def _activation(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    if operation.name in COMPOSED and (g.dtype == np.float64 or operation.name not in {*EACH} - {"silu"}):
        return COMPOSED[operation.name](g, x, **operation.numbers)
    kind, attributes, constants = row_of(operation, EACH, TABLE)
    known = {k: operation.numbers[v] if isinstance(v, str) else v for k, v in attributes.items()}
    return g.add(kind, x, *constants, **known)


def _dense(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    return g.add("Gemm", x, *operation.arrays.values(), transB=1)


def _affine(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    arrays = operation.arrays
    scaled = g.add("Mul", g.add("Sub", x, arrays["centre"]), arrays["factor"])
    return g.add("Add", scaled, arrays["shift"])


def _layer_norm(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    gain, offset, epsilon = *operation.arrays.values(), operation.numbers["epsilon"]
    if g.dtype == np.float32:
        return g.add("LayerNormalization", x, gain, offset, axis=-1, epsilon=epsilon)
    mean = np.full((operation.width, 1), 1 / operation.width)  # attributes are float32, so epsilon would be rounded
    centred = g.add("Sub", x, g.add("MatMul", x, mean))
    variance = g.add("MatMul", g.add("Mul", centred, centred), mean)
    normal = g.add("Div", centred, g.add("Sqrt", g.add("Add", variance, epsilon)))
    return g.add("Add", g.add("Mul", normal, gain), offset)


def _prelu(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    slopes = operation.arrays["slopes"]
    if g.dtype == np.float32:
        return g.add("PRelu", x, slopes)
    return g.add("Add", g.add("Max", x, 0.0), g.add("Mul", g.add("Min", x, 0.0), slopes))


def _swap(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    back, kept[-1] = kept[-1], x
    return back


def _keep(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    kept.append(x)
    return x


NODES: dict[str, Callable[[Graph, str, Operation, list[str]], str]] = {
    "scale": lambda g, x, operation, kept: g.add("Mul", x, operation.numbers["factor"]),
    "dense": _dense,
    "affine": _affine,
    "layer_norm": _layer_norm,
    "prelu": _prelu,
    "activation": _activation,
    "keep": _keep,
    "swap": _swap,
    "add": lambda g, x, operation, kept: g.add("Add", x, kept.pop()),
}


def files(plan: Plan, vectors: Vectors, path: Path, about: str, proof: str) -> dict[Path, bytes]:
    """Return the bytes of the file."""
    g, x, kept = Graph(plan.dtype), "inputs", list[str]()
    for operation in plan.operations:
        x = NODES[operation.kind](g, x, operation, kept)
    g.nodes.append(message((1, x), (2, "outputs"), (4, "Identity")))
    graph = message(
        *[(1, node) for node in g.nodes],
        (2, "network"),
        *[(5, constant) for constant in g.constants],
        (11, _value("inputs", plan.dtype, plan.n_in)),
        (12, _value("outputs", plan.dtype, plan.n_out)),
    )
    metadata = {"classes": json.dumps(plan.classes), "test": _test(vectors)}
    model = message(
        (1, IR_VERSION),
        (2, "neural"),
        (6, f"{about} Proof: {proof}."),
        (7, graph),
        (8, message((1, ""), (2, OPSET))),
        *[(14, message((1, key), (2, value))) for key, value in metadata.items()],
    )
    return {path: model}


def _value(name: str, dtype: np.dtype, width: int) -> bytes:
    shape = message((1, message((2, "n"))), (1, message((1, width))))
    return message((1, name), (2, message((1, message((1, TYPES[dtype.name]), (2, shape))))))


def _test(vectors: Vectors) -> str:
    def text(values: np.ndarray) -> str:
        return base64.b64encode(values.astype(values.dtype.newbyteorder("<")).tobytes()).decode()

    X, y = vectors.X, vectors.outputs
    return json.dumps({"n_rows": len(X), "inputs": text(X), "outputs": text(y), "allowed": vectors.allowed})


def compare(model: bytes, onnxruntime: Any) -> tuple[int, float, float]:
    """Run the test rows of a model; return their number, the largest difference, and what is allowed."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    if "test" not in metadata:
        raise NeuralError("This model carries no test rows. Was it exported by neural?")
    test, (given,) = json.loads(metadata["test"]), session.get_inputs()
    dtype = np.dtype("<f8" if "double" in given.type else "<f4")
    X, y = (np.frombuffer(base64.b64decode(test[k]), dtype).reshape(test["n_rows"], -1) for k in ("inputs", "outputs"))
    (found,) = session.run(None, {given.name: X})
    return len(X), float(np.abs(found - y).max()), float(test["allowed"])
