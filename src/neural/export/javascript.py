"""A network as a JavaScript module that needs nothing, for browsers and node.

It computes in float64, which JavaScript's numbers are; the parameters have the type of the network.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from neural.export.expressions import EACH, TABLE
from neural.export.plan import Operation, Plan, row_of
from neural.export.proof import Vectors, base64_lines
from neural.smooth import HART_BOTTOM, HART_TOP

FUNCTIONS = {
    "clip": """\
const clip = (z, low, high) => (z < low ? low : z > high ? high : z);
""",
    "tail": f"""\
const polynomial = (coefficients, t) => coefficients.reduce((sum, c) => sum * t + c, 0);
const tail = (t) => // the share of the standard normal above t >= 0: Hart et al., 1968, no. 5666
  exp(-0.5 * t * t) * polynomial({list(HART_TOP)}, t) / polynomial({list(HART_BOTTOM)}, t);
""",
    "scale": """\
const scale = (x, factor) => x.map((z) => z * factor);
""",
    "dense": """\
const dense = (x, weights, biases) => biases.map((b, i) => { // y = W x + b
  let sum = 0;
  for (let j = 0, k = i * x.length; j < x.length; ++j, ++k) sum += weights[k] * x[j];
  return sum + b;
});
""",
    "affine": """\
const affine = (x, centre, factor, shift) => x.map((z, i) => (z - centre[i]) * factor[i] + shift[i]);
""",
    "layer_norm": """\
const layer_norm = (x, gain, offset, epsilon) => {
  const mean = (of) => of.reduce((sum, z) => sum + z, 0) / of.length;
  const centre = mean(x);
  const centred = x.map((z) => z - centre);
  const spread = sqrt(mean(centred.map((z) => z * z)) + epsilon);
  return centred.map((z, i) => z / spread * gain[i] + offset[i]);
};
""",
    "prelu": """\
const prelu = (x, slopes) => x.map((z, i) => (z < 0 ? slopes[i] * z : z));
""",
    "add": """\
const add = (x, y) => x.map((z, i) => z + y[i]);
""",
}
SOFTMAX = """\
const softmax_each = (x) => {
  const most = x.reduce((a, b) => (b > a ? b : a));
  const e = x.map((z) => exp(z - most));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((z) => z / sum);
};
"""
KEPT = {"dense": ("weights", "biases"), "affine": ("centre", "factor", "shift"), "layer_norm": ("gain", "offset")}
KEPT |= {"prelu": ("slopes",)}
FILE = """\
// {about}
// Proof: {proof}.
const {{ exp, expm1, log, log1p, tanh, sqrt, abs: fabs }} = Math;
const numbers = (text) =>
  Float64Array.from(new {array}(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer));

export const nInputs = {n_in};
export const nOutputs = {n_out};
export const classes = {classes};

{constants}
{functions}
/** The outputs, {n_out} of them, for one row of {n_in} raw inputs. */
export function predict(row) {{
  if (row.length !== {n_in}) throw new RangeError(`row must have {n_in} numbers. Got ${{row.length}}.`);
  let x = Float64Array.from(row);
{body}  return x;
}}

const testX = {x};
const testY = {y};

/** The largest difference from the network's own outputs, and what is allowed. */
export function verify() {{
  let largest = 0;
  for (let i = 0; i < {n_rows}; ++i) {{
    predict(testX.subarray(i * {n_in}, (i + 1) * {n_in})).forEach((y, j) => {{
      const d = fabs(y - testY[i * {n_out} + j]);
      if (d > largest || Number.isNaN(d)) largest = d;
    }});
  }}
  const text = `largest difference ${{largest}} in {n_rows} rows, allowed {allowed!r}`;
  return {{ largest, allowed: {allowed!r}, passed: largest <= {allowed!r}, text }};
}}
"""


def files(plan: Plan, vectors: Vectors, path: Path, about: str, proof: str) -> dict[Path, str]:
    """Return the text of the file."""
    constants = [
        f"const {name}_{number} = {_numbers(operation.arrays.get(name, np.zeros(operation.width)), plan.dtype)};\n"
        for number, operation in enumerate(plan.operations)
        for name in KEPT.get(operation.kind, ())
    ]
    body = "".join(f"  {_line(number, operation)}\n" for number, operation in enumerate(plan.operations))
    if "keep" in plan.kinds():
        body = f"  const kept = [];\n{body}"
    text = FILE.format(
        about=about,
        proof=proof,
        array="Float32Array" if plan.dtype == np.float32 else "Float64Array",
        n_in=plan.n_in,
        n_out=plan.n_out,
        classes=json.dumps(plan.classes),
        constants="".join(constants),
        functions=_functions(plan, body),
        body=body,
        x=_numbers(vectors.X, plan.dtype),
        y=_numbers(vectors.outputs, plan.dtype),
        n_rows=len(vectors.X),
        allowed=vectors.allowed,
    )
    return {path: text}


def _numbers(values: np.ndarray, dtype: np.dtype) -> str:
    return f"numbers(`\n{base64_lines(values.astype(dtype))}\n`)"


def _line(number: int, operation: Operation) -> str:
    """Return the line for an operation."""
    if operation.kind == "keep":
        return "kept.push(x);"
    if operation.kind == "swap":
        return "x = kept.splice(-1, 1, x)[0];"
    name = f"{operation.name}_each" if operation.kind == "activation" else operation.kind
    arrays = [f"{array}_{number}" for array in KEPT.get(operation.kind, ())]
    more = ["kept.pop()"] if operation.kind == "add" else map(repr, operation.numbers.values())
    return f"x = {name}({', '.join(['x', *arrays, *more])});"


def _functions(plan: Plan, body: str) -> str:
    """Return the functions that a body calls, each before the first that calls it."""
    found = "".join(map(_activation, plan.activations()))
    for name, text in reversed(FUNCTIONS.items()):
        if f"{name}(" in body + found:
            found = text + found
    return found


def _activation(operation: Operation) -> str:
    if operation.name == "softmax":
        return SOFTMAX
    settings = "".join(f", {name}" for name in operation.numbers)
    return f"const {operation.name}_each = (x{settings}) => x.map((z) => {row_of(operation, EACH, TABLE)});\n"
