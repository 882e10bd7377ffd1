"""A network as a Python file that needs NumPy alone."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np

from neural.export.plan import Operation, Plan, row_of
from neural.export.proof import Vectors, base64_lines
from neural.smooth import HART_BOTTOM, HART_TOP

EACH = {  # of an array z (n, width); a setting goes by its own name
    "linear": "z",
    "relu": "np.maximum(z, 0)",
    "leaky_relu": "np.maximum(z, slope * z)",
    "relu6": "np.clip(z, 0, 6)",
    "elu": "np.maximum(z, 0) + alpha * np.expm1(np.minimum(z, 0))",
    "selu": "1.0507009873554805 * np.maximum(z, 0) + 1.7580993408473769 * np.expm1(np.minimum(z, 0))",
    "hard_swish": "np.maximum(z, -3) * (np.clip(z + 3, 0, 6) / 6)",
    "softplus": "np.logaddexp(z, 0)",
    "gelu": "np.maximum(z, 0) - np.minimum(abs(z), 40) * tail(np.minimum(abs(z), 40))",
    "gelu_tanh": "np.maximum(z, -40)"
    " * logistic(np.clip(z, -40, 40) * (1.5957691216057308 + 0.07135481627260025 * z * z))",
    "silu": "np.maximum(z, -800) * logistic(z)",
    "mish": "np.maximum(z, -800) * np.tanh(np.log1p(np.exp(np.minimum(z, 25))))",
    "tanh": "np.tanh(z)",
    "softsign": "np.clip(z, -1e30, 1e30) / (1 + abs(np.clip(z, -1e30, 1e30)))",
    "smooth_clip": "np.clip(z, -1e15, 1e15) / np.sqrt(1 + np.square(np.clip(z, -1e15, 1e15) / 3))",
    "sigmoid": "logistic(z)",
    "hard_sigmoid": "np.clip(0.2 * z + 0.5, 0, 1)",
    "exponential": "np.exp(z)",
    "log": "np.log(np.maximum(z, 1.1754943508222875e-38))",
    "logit": "np.log(np.clip(z, 1.1754943508222875e-38, 1) / np.clip(1 - z, 1.1754943508222875e-38, 1))",
    "softmax": "shares(np.exp(z - z.max(axis=1, keepdims=True)))",
}
TABLE = "neural.export.python.EACH"
FORMULAS = {  # what those call
    "logistic": """\
def logistic(z):
    return 1 / (1 + np.exp(-z))
""",
    "shares": """\
def shares(e):
    return e / e.sum(axis=1, keepdims=True)
""",
    "periodic": """\
def periodic(x, frequencies, weights, biases, phases, plain):
    n = x.shape[1]
    z = x[:, :, None] * frequencies * x.dtype.type(6.283185307179586) + phases
    waves = np.cos(z) if plain else np.concatenate([np.cos(z), np.sin(z)], axis=2)
    found = np.matmul(waves[:, :, None], weights.reshape(n, -1, weights.shape[1]).transpose(0, 2, 1))[:, :, 0]
    found += biases.reshape(n, -1)
    return (np.concatenate([x[:, :, None], found], axis=2) if plain else found).reshape(len(x), -1)
""",
    "piecewise": """\
def piecewise(x, bins, starts, factors):
    bins = bins.astype(int)
    last = np.cumsum(bins) - 1
    low, high = np.zeros(len(starts), x.dtype), np.ones(len(starts), x.dtype)
    low[last - bins + 1], high[last] = -np.inf, np.inf
    return np.clip((np.repeat(x, bins, axis=1) - starts) * factors, low, high)
""",
    "members": """\
def members(x, weights, biases, n, shared):
    part = x.reshape(len(x), 1 if shared else n, 1, -1)
    own = weights.reshape(n, -1, weights.shape[1]).transpose(0, 2, 1)
    return np.matmul(part, own).reshape(len(x), -1) + biases
""",
    "member_softmax": """\
def member_softmax(x, n):
    z = x.reshape(len(x), n, -1)
    e = np.exp(z - z.max(axis=2, keepdims=True))
    return (e / e.sum(axis=2, keepdims=True)).reshape(x.shape)
""",
    "embedding": """\
def embedding(x, levels, widths, tables):
    found, start = [], 0
    for code, n, width in zip(x.T, levels.astype(int), widths.astype(int)):
        known = (code >= -0.5) & (code < n - 0.5)
        table = tables[start : start + n * width].reshape(n, width)
        row = np.floor(np.where(known, code, 0) + 0.5).astype(int)
        found.append(np.where(known[:, None], table[row], code[:, None] * 0))
        start += n * width
    return np.hstack(found)
""",
    "tail": f"""\
def tail(t):  # the share of the standard normal above t >= 0: Hart et al., 1968, no. 5666
    top, bottom = 0 * t, 0 * t
    for c in {HART_TOP}:
        top = top * t + c
    for c in {HART_BOTTOM}:
        bottom = bottom * t + c
    return np.exp(-0.5 * t * t) * top / bottom
""",
}
LINES = {  # of each kind of operation; {n} is its number
    "scale": "x = x * x.dtype.type({factor!r})",
    "dense": "x = x @ weights_{n}.T{biases}",
    "affine": "x = (x - centre_{n}) * factor_{n} + shift_{n}",
    "layer_norm": "x = x - x.mean(axis=1, keepdims=True)\n"
    "x = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + x.dtype.type({epsilon!r})) * gain_{n} + offset_{n}",
    "prelu": "x = np.where(x < 0, slopes_{n} * x, x)",
    "keep": "kept.append(x)",
    "swap": "kept[-1], x = x, kept[-1]",
    "add": "x = x + kept.pop()",
    "periodic": "x = periodic(x, frequencies_{n}, weights_{n}, biases_{n}, phases_{n}, {plain})",
    "piecewise": "x = piecewise(x, bins_{n}, starts_{n}, factors_{n})",
    "embedding": "x = embedding(x, levels_{n}, widths_{n}, tables_{n})",
    "members": "x = members(x, weights_{n}, biases_{n}, {members}, {shared})",
    "member_softmax": "x = member_softmax(x, {members})",
    "mean": "x = x.reshape(len(x), {members}, -1).mean(axis=1)",
    "split": "kept.append(x)\nx = x[:, {start}:{stop}]",
    "splice": "whole = kept.pop()\nx = np.hstack([whole[:, :{start}], x, whole[:, {stop}:]])",
}
FILE = """\
# {about}
# Proof: {proof}.
import base64
import sys

import numpy as np

N_IN, N_OUT, CLASSES = {n_in}, {n_out}, {classes}


def numbers(text, *shape):
    return np.frombuffer(base64.b64decode(text), "{dtype}").reshape(shape)


{constants}
{functions}
def predict(X):
    \"\"\"Return the outputs (n, {n_out}) for raw inputs X (n, {n_in}).\"\"\"
    x = np.asarray(X, "{type}")
    if x.ndim != 2 or x.shape[1] != N_IN:
        raise ValueError(f"X must be of shape (n, {{N_IN}}). Got {{x.shape}}.")
    kept = []
    with np.errstate(all="ignore"):
{body}
    return x


def verify():
    \"\"\"Return the largest difference from the network's own outputs, and what is allowed.\"\"\"
    return float(abs(predict(TEST_X) - TEST_Y).max()), {allowed!r}


TEST_X = {x}
TEST_Y = {y}

if __name__ == "__main__":
    largest, allowed = verify()
    print(f"largest difference {{largest:.9g}} in {{len(TEST_X)}} rows, allowed {{allowed:.9g}}")
    sys.exit(not largest <= allowed)
"""


def files(plan: Plan, vectors: Vectors, path: Path, about: str, proof: str) -> dict[Path, str]:
    """Return the text of the file."""
    kind = plan.dtype.newbyteorder("<").str
    constants = [
        f"{name}_{number} = {_numbers(values.astype(plan.dtype))}\n"
        for number, operation in enumerate(plan.operations)
        for name, values in operation.arrays.items()
    ]
    body = "\n".join(line for number, o in enumerate(plan.operations) for line in _lines(number, o).split("\n"))
    text = FILE.format(
        about=about,
        proof=proof,
        n_in=plan.n_in,
        n_out=plan.n_out,
        classes=ascii(plan.classes),
        dtype=kind,
        type=plan.dtype.name,
        constants="".join(constants),
        functions=_functions(plan, body),
        body=textwrap.indent(body or "pass", 8 * " "),
        allowed=vectors.allowed,
        x=_numbers(vectors.X),
        y=_numbers(vectors.outputs),
    )
    return {path: text}


def _numbers(values: np.ndarray) -> str:
    return f'numbers("""\n{base64_lines(values)}\n""", {", ".join(map(str, values.shape))})'


def _lines(number: int, operation: Operation) -> str:
    """Return the lines for an operation."""
    if operation.kind == "activation":
        return f"x = {operation.name}_each({', '.join(['x', *map(repr, operation.numbers.values())])})"
    biases = f" + biases_{number}" if "biases" in operation.arrays else ""
    return LINES[operation.kind].format(n=number, biases=biases, **operation.numbers)


def _functions(plan: Plan, body: str) -> str:
    found = ""
    for o in plan.activations():
        found += f"\ndef {o.name}_each({', '.join(['z', *o.numbers])}):\n    return {row_of(o, EACH, TABLE)}\n\n"
    used = [text for name, text in FORMULAS.items() if f"{name}(" in found + body]
    return "".join(f"\n{text}\n" for text in used) + found
