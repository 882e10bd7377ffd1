"""A network as an ONNX model, written down without the package onnx.

One input, ``inputs`` (n, n_in), raw; one output, ``outputs`` (n, n_out). Nodes are named after the layer that they are
of: ``DenseLayer_1/Gemm_0``. The metadata has the class names, and test rows with the network's own outputs. Numbers of
fields are those of onnx.proto.
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
TYPES = {"float32": 1, "float64": 11, "int64": 7}
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
        self.dtype, self.nodes, self.constants, self.layer = dtype, list[bytes](), list[bytes](), ""

    def constant(self, values: Any) -> str:
        """Add an array, or a number, in the type of the network (whole numbers as they are), and return its name."""
        whole = isinstance(values, np.ndarray) and values.dtype.kind == "i"
        dtype, name = np.dtype("int64") if whole else self.dtype, f"c{len(self.constants)}"
        array, shape = np.ascontiguousarray(values, dtype.newbyteorder("<")), [(1, size) for size in np.shape(values)]
        self.constants.append(message(*shape, (2, TYPES[dtype.name]), (8, name), (9, array.tobytes())))
        return name

    def add(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node and return the name of its output; numbers among the inputs become constants."""
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        number = len(self.nodes)
        output, name = f"x{number}", f"{self.layer}/{kind}_{number}"
        known = [(5, _attribute(name, value)) for name, value in attributes.items()]
        self.nodes.append(message(*[(1, name) for name in names], (2, output), (3, name), (4, kind), *known))
        return output


def _attribute(name: str, value: float | int | bytes) -> bytes:
    kind = STRING if isinstance(value, bytes) else INT if isinstance(value, int) else FLOAT
    return message((1, name), (kind + 1, value), (20, kind))


def _clip(g: Graph, z: str, low: float, high: float) -> str:
    """Add what Clip does: onnxruntime 1.32 fuses a Clip with a Relu before it, and does not load one in float64."""
    return g.add("Min", g.add("Max", z, low), high)


def _polynomial(g: Graph, coefficients: tuple[float, ...], t: str) -> str:
    total = g.add("Mul", t, coefficients[0])
    for c in coefficients[1:-1]:
        total = g.add("Mul", g.add("Add", total, c), t)
    return g.add("Add", total, coefficients[-1])


def _gelu(g: Graph, z: str) -> str:
    t = g.add("Min", g.add("Abs", z), 40.0)
    bell = g.add("Exp", g.add("Mul", g.add("Mul", t, t), -0.5))
    tail = g.add("Div", g.add("Mul", bell, _polynomial(g, HART_TOP, t)), _polynomial(g, HART_BOTTOM, t))
    return g.add("Sub", g.add("Relu", z), g.add("Mul", t, tail))


def _gelu_tanh(g: Graph, z: str) -> str:
    held = _clip(g, z, -40.0, 40.0)
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
    held = _clip(g, z, -1e30, 1e30)
    return g.add("Div", held, g.add("Add", g.add("Abs", held), 1.0))


def _hard_swish(g: Graph, z: str) -> str:
    share = g.add("Div", _clip(g, g.add("Add", z, 3.0), 0.0, 6.0), 6.0)
    return g.add("Mul", g.add("Max", z, -3.0), share)


def _smooth_clip(g: Graph, z: str) -> str:
    held = _clip(g, z, -1e15, 1e15)
    third = g.add("Div", held, 3.0)
    return g.add("Div", held, g.add("Sqrt", g.add("Add", g.add("Mul", third, third), 1.0)))


# What there is no operator for, made of simpler ones: those without a row above and silu in both types, which
# onnxruntime does not have, and others in float64, where it does not load each Clip.
COMPOSED: dict[str, Callable[..., str]] = {
    "relu6": lambda g, z: _clip(g, z, 0.0, 6.0),
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
    "smooth_clip": _smooth_clip,
    "log": lambda g, z: g.add("Log", g.add("Max", z, TINY)),
    "logit": lambda g, z: g.add("Log", g.add("Div", _clip(g, z, TINY, 1.0), _clip(g, g.add("Sub", 1.0, z), TINY, 1.0))),
    "hard_sigmoid": lambda g, z: _clip(g, g.add("Add", g.add("Mul", z, 0.2), 0.5), 0.0, 1.0),
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


def _whole(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def _columns(g: Graph, x: str, start: int, stop: int) -> str:
    return g.add("Slice", x, _whole(start), _whole(stop), _whole(1))


def _split(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    kept.append(x)
    return _columns(g, x, *map(int, operation.numbers.values()))


def _splice(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    whole, (start, stop) = kept.pop(), map(int, operation.numbers.values())
    before = [_columns(g, whole, 0, start)] if start else []
    return g.add("Concat", *before, x, _columns(g, whole, stop, 2**31), axis=1)


def _periodic(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    c, w, b, phases = operation.arrays.values()
    n, plain = len(c), operation.numbers["plain"]
    each = g.add("Reshape", x, _whole(-1, n, 1))  # (rows, n, 1), then (rows, n, waves)
    z = g.add("Add", g.add("Mul", g.add("Mul", each, c), 2 * np.pi), phases)
    waves = [g.add("Sin", g.add("Add", z, np.pi / 2)) if g.dtype == np.float64 else g.add("Cos", z)]
    if not plain:
        waves = [g.add("Concat", *waves, g.add("Sin", z), axis=2)]
    row = g.add("Reshape", *waves, _whole(-1, n, 1, w.shape[1]))
    linear = g.add("MatMul", row, np.ascontiguousarray(w.reshape(n, -1, w.shape[1]).transpose(0, 2, 1)))
    y = g.add("Add", g.add("Reshape", linear, _whole(-1, n, len(b) // n)), b.reshape(n, -1))
    y = g.add("Concat", each, y, axis=2) if plain else y
    return g.add("Reshape", y, _whole(-1, operation.width))


def _piecewise(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    bins, starts, factors = operation.arrays.values()
    last = np.cumsum(bins) - 1
    far = float(np.finfo(g.dtype).max)
    low, high = np.zeros(len(starts)), np.ones(len(starts))
    low[last - bins + 1], high[last] = -far, far
    each = g.add("Gather", x, np.repeat(np.arange(len(bins)), bins), axis=1)
    y = g.add("Mul", g.add("Sub", each, starts), factors)
    return g.add("Min", g.add("Max", y, low), high)


def _members(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    (w, b), members, shared = operation.arrays.values(), int(operation.numbers["members"]), operation.numbers["shared"]
    each = g.add("Reshape", x, _whole(-1, 1 if shared else members, 1, w.shape[1]))
    y = g.add("MatMul", each, np.ascontiguousarray(w.reshape(members, -1, w.shape[1]).transpose(0, 2, 1)))
    return g.add("Add", g.add("Reshape", y, _whole(-1, operation.width)), b)


def _member_softmax(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    members = int(operation.numbers["members"])
    each = g.add("Reshape", x, _whole(-1, members, operation.width // members))
    return g.add("Reshape", g.add("Softmax", each, axis=-1), _whole(-1, operation.width))


def _mean(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    each = g.add("Reshape", x, _whole(-1, int(operation.numbers["members"]), operation.width))
    return g.add("ReduceMean", each, _whole(1), keepdims=0)


def _embedding(g: Graph, x: str, operation: Operation, kept: list[str]) -> str:
    levels, widths, tables = operation.arrays.values()
    found, start = [], 0
    for j, (n, width) in enumerate(zip(levels.tolist(), widths.tolist(), strict=True)):
        table = np.vstack([tables[start : start + n * width].reshape(n, width), np.zeros(width)])
        code = _columns(g, x, j, j + 1)
        rounded = g.add("Floor", g.add("Add", code, 0.5))
        known = g.add("And", g.add("GreaterOrEqual", rounded, 0.0), g.add("Less", rounded, float(n)))
        number = g.add("Cast", g.add("Where", known, rounded, float(n)), to=TYPES["int64"])
        row = g.add("Reshape", g.add("Gather", table, number, axis=0), _whole(-1, width))
        found.append(g.add("Add", row, g.add("Mul", code, 0.0)))
        start += n * width
    return g.add("Concat", *found, axis=1)


NODES: dict[str, Callable[[Graph, str, Operation, list[str]], str]] = {
    "scale": lambda g, x, operation, kept: g.add("Mul", x, operation.numbers["factor"]),
    "dense": _dense,
    "affine": _affine,
    "layer_norm": _layer_norm,
    "prelu": _prelu,
    "activation": _activation,
    "keep": _keep,
    "periodic": _periodic,
    "piecewise": _piecewise,
    "embedding": _embedding,
    "members": _members,
    "member_softmax": _member_softmax,
    "mean": _mean,
    "split": _split,
    "splice": _splice,
    "swap": _swap,
    "add": lambda g, x, operation, kept: g.add("Add", x, kept.pop()),
}


def files(plan: Plan, vectors: Vectors, path: Path, about: str, proof: str) -> dict[Path, bytes]:
    """Return the bytes of the file."""
    g, x, kept = Graph(plan.dtype), "inputs", list[str]()
    for operation in plan.operations:
        g.layer = operation.layer
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
