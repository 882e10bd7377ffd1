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
    "periodic": """\
const periodic = (x, c, w, b, phases, plain) => { // x itself if plain, then functions of cos(2 pi c x + phase), of sin
  const k = c.length / x.length, units = b.length / x.length, waves = plain ? k : 2 * k, y = [];
  x.forEach((value, i) => {
    if (plain) y.push(value);
    for (let u = i * units; u < (i + 1) * units; ++u) {
      let sum = b[u];
      for (let j = 0; j < k; ++j) {
        const z = value * c[i * k + j] * 6.283185307179586 + phases[i * k + j];
        sum += w[u * waves + j] * cos(z);
        if (!plain) sum += w[u * waves + k + j] * sin(z);
      }
      y.push(sum);
    }
  });
  return Float64Array.from(y);
};
""",
    "piecewise": """\
const piecewise = (x, bins, starts, factors) => {
  const y = Float64Array.from(starts);
  let k = 0;
  x.forEach((value, i) => {
    for (let j = 0; j < bins[i]; ++j, ++k) {
      const v = (value - starts[k]) * factors[k];
      y[k] = j > 0 && v < 0 ? 0 : j + 1 < bins[i] && v > 1 ? 1 : v;
    }
  });
  return y;
};
""",
    "embedding": """\
const embedding = (x, levels, widths, tables) => { // the row of each code, rounded; zeros for one that is in no table
  const y = [];
  let start = 0;
  x.forEach((code, i) => {
    const known = code >= -0.5 && code < levels[i] - 0.5;
    const row = start + (known ? Math.floor(code + 0.5) : 0) * widths[i];
    for (let j = 0; j < widths[i]; ++j) y.push(known ? tables[row + j] : code * 0);
    start += levels[i] * widths[i];
  });
  return Float64Array.from(y);
};
""",
    "splice": """\
const splice = (x, whole, start, stop) => Float64Array.from([...whole.slice(0, start), ...x, ...whole.slice(stop)]);
""",
    "members": """\
const members = (x, weights, biases, n, shared) => { // a dense layer for each of n, of the same x or of a part of it
  const width = shared ? x.length : x.length / n, units = biases.length / n, y = [];
  for (let i = 0; i < n; ++i) {
    const part = shared ? x : x.slice(i * width, (i + 1) * width);
    const own = weights.subarray(i * units * width, (i + 1) * units * width);
    y.push(...dense(part, own, biases.subarray(i * units, (i + 1) * units)));
  }
  return Float64Array.from(y);
};
""",
    "member_softmax": """\
const member_softmax = (x, n) => {
  const width = x.length / n, y = [];
  for (let i = 0; i < n; ++i) {
    const part = x.slice(i * width, (i + 1) * width), most = part.reduce((a, b) => (b > a ? b : a));
    const e = part.map((z) => exp(z - most)), sum = e.reduce((a, b) => a + b, 0);
    y.push(...e.map((z) => z / sum));
  }
  return Float64Array.from(y);
};
""",
    "mean": """\
const mean = (x, n) => {
  const y = new Float64Array(x.length / n);
  x.forEach((z, i) => { y[i % y.length] += z / n; });
  return y;
};
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
KEPT |= {"prelu": ("slopes",), "periodic": ("frequencies", "weights", "biases", "phases")}
KEPT |= {"piecewise": ("bins", "starts", "factors"), "embedding": ("levels", "widths", "tables")}
KEPT |= {"members": ("weights", "biases")}
FILE = """\
// {about}
// Proof: {proof}.
const {{ exp, expm1, log, log1p, tanh, sqrt, cos, sin, abs: fabs }} = Math;
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
    if plan.kinds() & {"keep", "split"}:
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
    if operation.kind == "split":
        return f"kept.push(x); x = x.slice({operation.numbers['start']}, {operation.numbers['stop']});"
    if operation.kind == "swap":
        return "x = kept.splice(-1, 1, x)[0];"
    name = f"{operation.name}_each" if operation.kind == "activation" else operation.kind
    arrays = [f"{array}_{number}" for array in KEPT.get(operation.kind, ())]
    more = [*(["kept.pop()"] if operation.kind in ("add", "splice") else []), *map(repr, operation.numbers.values())]
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
