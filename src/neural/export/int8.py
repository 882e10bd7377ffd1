"""Dense layers in whole numbers of eight bits: weights, and the inputs that they are multiplied with.

A row of weights is w = s q with s = max |w| / 127. The inputs of a layer are x = u (p - zero), with p from -128 to 127
and one u and zero for the layer, made for the least and largest input that the calibration rows give. Then
W x + b = s u (q p) + (b - s u zero sum q): sums of whole numbers, then one product and one sum a unit. All else stays
in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neural.engine import PREDICT_ROWS, Program, Workspace
from neural.errors import sentence
from neural.export.plan import Operation, Plan
from neural.export.proof import Vectors
from neural.inputs import rows
from neural.layer import Mode
from neural.layers import DenseLayer

WIDEST = 2**31 // (127 * 128)  # inputs of a layer: sums fit into 32 bits
Product = Callable[[int, np.ndarray], np.ndarray | None]  # of a dense layer by number: x -> z, or None for its own


@dataclass(frozen=True)
class Quantized:
    """A plan with int8 layers, and how far it is from the network on the calibration rows."""

    plan: Plan
    n_rows: int
    largest: float
    mean: float
    same: float  # share of rows whose largest output is in the same place

    def __str__(self) -> str:
        agree = f", {self.same:.2%} with the same largest output" if self.plan.n_out > 1 else ""
        return f"On {self.n_rows} calibration rows: largest error {self.largest:.3g}, mean {self.mean:.3g}{agree}"


def quantized(net: Any, plan: Plan, X: Any) -> Quantized:
    """Return a plan whose dense layers are int8, calibrated on X, and its error measured on X."""
    given = rows("X", X, net.dtype, net.n_inputs)
    program = Program(net._formulas(), net._places, net.params, scale=net.input_scale)
    low, high = _bounds(program, given)
    numbers = [number for number, o in enumerate(plan.operations) if o.kind == "dense"]
    found = list(plan.operations)
    for k, number in enumerate(numbers):
        found[number] = _whole(found[number], low[k], high[k])
    made = replace(plan, operations=tuple(found), dtype=np.dtype("float32"))
    exact, rounded = net.predict(given), outputs(program, made, given)
    error = np.abs(exact - rounded)
    same = float((exact.argmax(axis=1) == rounded.argmax(axis=1)).mean())
    return Quantized(made, len(given), float(error.max()), float(error.mean()), same)


def outputs(program: Program, plan: Plan, X: np.ndarray) -> np.ndarray:
    """Return what the int8 layers of a plan make of rows, all else being the network's."""
    whole = [operation for operation in plan.operations if operation.kind == "dense_int8"]

    def product(k: int, x: np.ndarray) -> np.ndarray:
        o, numbers = whole[k].arrays, whole[k].numbers
        p = np.floor(np.clip(x * np.float32(numbers["inverse"]) + np.float32(numbers["zero"]), -128, 127) + 0.5)
        return (o["factor"] * (p.astype(np.float64) @ o["weights"].T) + o["biases"]).astype(program.dtype)

    return np.concatenate([_walk(program, part, product) for part in _blocks(X)])


def _bounds(program: Program, X: np.ndarray) -> tuple[list[float], list[float]]:
    """Return the least and the largest input of each dense layer, 0 always among them."""
    low, high = dict[int, float](), dict[int, float]()

    def look(k: int, x: np.ndarray) -> None:
        low[k], high[k] = min(float(x.min()), low.get(k, 0.0)), max(float(x.max()), high.get(k, 0.0))

    for part in _blocks(X):
        _walk(program, part, look)
    return list(low.values()), list(high.values())


def _blocks(X: np.ndarray) -> list[np.ndarray]:
    return [X[start : start + PREDICT_ROWS] for start in range(0, len(X), PREDICT_ROWS)]


def _walk(program: Program, X: np.ndarray, product: Product) -> np.ndarray:
    """Return what the network makes of X if ``product`` works out its dense layers."""
    work, k = Workspace(program), 0
    x = work.load(X)
    with np.errstate(all="ignore"):
        for layer, own in work.layers:
            z = None
            if type(layer) is DenseLayer:
                z, k = product(k, x), k + 1
            x = layer.forward(x, own, Mode())[0] if z is None else z
    return np.array(x)


def _whole(operation: Operation, low: float, high: float) -> Operation:
    """Return a dense operation in int8, for inputs between two bounds."""
    weights = operation.arrays["weights"]
    if weights.shape[1] >= WIDEST:
        raise ValueError(sentence("a layer in int8", f"of fewer than {WIDEST} inputs", weights.shape[1]))
    step = np.abs(weights).max(axis=1) / 127
    step[step == 0] = 1
    q = np.round(weights / step[:, None])
    u = (high - low) / 255 or 1.0
    zero = float(np.round(-128 - low / u))
    biases = operation.arrays.get("biases", np.zeros(operation.width)) - u * step * zero * q.sum(axis=1)
    arrays = {"weights": q.astype(np.int8), "factor": u * step, "biases": biases}
    return Operation("dense_int8", operation.width, arrays, {"inverse": 1 / u, "zero": zero})


def loosened(net: Any, whole: Quantized, vectors: Vectors) -> Vectors:
    """Return test rows with twice the error that was measured allowed: a rounded half may fall to the other side."""
    program = Program(net._formulas(), net._places, net.params, scale=net.input_scale)
    error = float(np.abs(outputs(program, whole.plan, vectors.X) - vectors.outputs).max())
    return replace(vectors, allowed=max(vectors.allowed, 2 * whole.largest, 2 * error))
