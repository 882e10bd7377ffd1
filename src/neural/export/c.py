"""A network as C99: one file and its header, no allocation, nothing of the library but math.h.

Formulas are written here in double and turned into float where the network is: ``exp`` becomes ``expf``, 1.0 becomes
1.0f.
"""

from __future__ import annotations

import re
import textwrap
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from neural.errors import sentence
from neural.export.expressions import EACH, TABLE
from neural.export.plan import Operation, Plan, row_of
from neural.export.proof import Vectors

FUNCTIONS = {
    "clip": """\
static double clip(double z, double low, double high) { return z < low ? low : z > high ? high : z; }
""",
    "tail": """\
static double tail(double t) { return 0.5 * erfc(0.7071067811865476 * t); }
""",
    "copy": """\
static void copy(int n, const double *x, double *y) {
  int i;
  for (i = 0; i < n; ++i) y[i] = x[i];
}
""",
    "scale": """\
static void scale(int n, double factor, double *x) {
  int i;
  for (i = 0; i < n; ++i) x[i] *= factor;
}
""",
    "dense": """\
/* y = W x + b. Four sums side by side round less than one, and are quicker. */
static void dense(int n_in, int n_out, const double *w, const double *b, const double *x, double *y) {
  int i, j, k;
  for (i = 0; i < n_out; ++i, w += n_in) {
    double s[4] = {0.0, 0.0, 0.0, 0.0};
    for (j = 0; j + 4 <= n_in; j += 4)
      for (k = 0; k < 4; ++k) s[k] += w[j + k] * x[j + k];
    for (; j < n_in; ++j) s[0] += w[j] * x[j];
    y[i] = (s[0] + s[1]) + (s[2] + s[3]) + b[i];
  }
}
""",
    "dense_int8": """\
/* x is rounded to whole numbers q from -128 to 127, and y = factor * (W q) + b. NaN in x is NaN in y. */
static void dense_int8(int n_in, int n_out, const int8_t *w, const double *factor, const double *b, double inverse,
                       double zero, const double *x, int8_t *q, double *y) {
  int i, j;
  double bad = 0.0;
  for (j = 0; j < n_in; ++j) {
    const double v = clip(x[j] * inverse + zero, -128.0, 127.0);
    if (v != v) bad = v;
    q[j] = v == v ? (int8_t)floor(v + 0.5) : 0;
  }
  for (i = 0; i < n_out; ++i, w += n_in) {
    int32_t s = 0;
    for (j = 0; j < n_in; ++j) s += (int32_t)w[j] * q[j];
    y[i] = factor[i] * (double)s + b[i] + bad;
  }
}
""",
    "affine": """\
static void affine(int n, const double *centre, const double *factor, const double *shift, double *x) {
  int i;
  for (i = 0; i < n; ++i) x[i] = (x[i] - centre[i]) * factor[i] + shift[i];
}
""",
    "layer_norm": """\
static void layer_norm(int n, const double *gain, const double *offset, double epsilon, double *x) {
  int i;
  double mean = 0.0, variance = 0.0;
  for (i = 0; i < n; ++i) mean += x[i];
  mean /= n;
  for (i = 0; i < n; ++i) x[i] -= mean;
  for (i = 0; i < n; ++i) variance += x[i] * x[i];
  variance = sqrt(variance / n + epsilon);
  for (i = 0; i < n; ++i) x[i] = x[i] / variance * gain[i] + offset[i];
}
""",
    "prelu": """\
static void prelu(int n, const double *slopes, double *x) {
  int i;
  for (i = 0; i < n; ++i) x[i] = x[i] < 0.0 ? slopes[i] * x[i] : x[i];
}
""",
    "periodic": """\
/* Of each x: x itself if plain, then linear functions of cos(2 pi c x + phase), and else of the sines, too. */
static void periodic(int n, int k, int units, const double *c, const double *w, const double *b, const double *phases,
                     int plain, const double *x, double *y) {
  const int waves = plain ? k : 2 * k;
  int i, j, u;
  for (i = 0; i < n; ++i, c += k, phases += k, w += units * waves, b += units, y += units) {
    if (plain) *y++ = x[i];
    for (u = 0; u < units; ++u) y[u] = b[u];
    for (j = 0; j < k; ++j) {
      const double z = x[i] * c[j] * 6.283185307179586 + phases[j];
      for (u = 0; u < units; ++u) y[u] += w[u * waves + j] * cos(z);
      for (u = 0; u < units && !plain; ++u) y[u] += w[u * waves + k + j] * sin(z);
    }
  }
}
""",
    "piecewise": """\
static void piecewise(int n, const int32_t *bins, const double *starts, const double *factors, const double *x,
                      double *y) {
  int i, j;
  for (i = 0; i < n; ++i)
    for (j = 0; j < bins[i]; ++j) {
      const double v = (x[i] - *starts++) * *factors++;
      *y++ = j > 0 && v < 0.0 ? 0.0 : j + 1 < bins[i] && v > 1.0 ? 1.0 : v;
    }
}
""",
    "embedding": """\
/* The row of its table for each code, rounded; zeros for a code that is in none. */
static void embedding(int n, const int32_t *levels, const int32_t *widths, const double *tables, const double *x,
                      double *y) {
  int i, j;
  for (i = 0; i < n; ++i) {
    const int known = x[i] >= -0.5 && x[i] < (double)levels[i] - 0.5;
    const double *row = tables + (known ? (int32_t)(x[i] + 0.5) : 0) * widths[i];
    for (j = 0; j < widths[i]; ++j) *y++ = known ? row[j] : x[i] * 0.0;
    tables += levels[i] * widths[i];
  }
}
""",
    "members": """\
/* A dense layer for each member, with the same x for all of them or a part of it for each. */
static void members(int n_in, int units, const double *w, const double *b, int n, int shared, const double *x,
                    double *y) {
  int i;
  for (i = 0; i < n; ++i, w += n_in * units, b += units, y += units)
    dense(n_in, units, w, b, shared ? x : x + i * n_in, y);
}
""",
    "member_softmax": """\
static void member_softmax(int n, int members, double *x) {
  const int each = n / members;
  int i, k;
  for (k = 0; k < members; ++k, x += each) {
    double most = x[0], sum = 0.0;
    for (i = 1; i < each; ++i) most = x[i] > most ? x[i] : most;
    for (i = 0; i < each; ++i) sum += x[i] = exp(x[i] - most);
    for (i = 0; i < each; ++i) x[i] /= sum;
  }
}
""",
    "mean": """\
static void mean(int n, int members, const double *x, double *y) {
  int i, k;
  for (i = 0; i < n; ++i) {
    y[i] = 0.0;
    for (k = 0; k < members; ++k) y[i] += x[k * n + i];
    y[i] /= members;
  }
}
""",
    "add": """\
static void add(int n, const double *x, double *y) {
  int i;
  for (i = 0; i < n; ++i) y[i] += x[i];
}
""",
}
SOFTMAX = """\
static void softmax_each(int n, double *x) {
  int i;
  double most = x[0], sum = 0.0;
  for (i = 1; i < n; ++i) most = x[i] > most ? x[i] : most;
  for (i = 0; i < n; ++i) sum += x[i] = exp(x[i] - most);
  for (i = 0; i < n; ++i) x[i] /= sum;
}
"""
HEADER = """\
#ifndef {upper}_H
#define {upper}_H
#define {upper}_EXPORT {mark}
#define {upper}_INPUTS {n_in}
#define {upper}_OUTPUTS {n_out}
#ifdef __cplusplus
extern "C" {{
#endif
/* x: the raw inputs, {upper}_INPUTS of them. y: the outputs. They must not overlap. */
void {name}_predict(const double *x, double *y);
"""
TEST = """\
#ifdef NEURAL_TEST /* compile with -DNEURAL_TEST: a program that compares with the network's own outputs */
#include <stdio.h>
static const double test_x[{n_rows}][{n_in}] = {{
{x}}};
static const double test_y[{n_rows}][{n_out}] = {{
{y}}};
int main(void) {{
  double y[{n_out}], largest = 0.0;
  const double allowed = {allowed!r};
  int i, j;
  for (i = 0; i < {n_rows}; ++i) {{
    {name}_predict(test_x[i], y);
    for (j = 0; j < {n_out}; ++j) {{
      const double d = fabs(y[j] - test_y[i][j]);
      if (d > largest || d != d) largest = d;
    }}
  }}
  printf("largest difference %.9g in {n_rows} rows, allowed %.9g\\n", (@double)largest, (@double)allowed);
  return largest <= allowed ? 0 : 1;
}}
#endif
"""
DENSE = ("dense", "dense_int8")
MOVING = (*DENSE, "periodic", "piecewise", "embedding", "splice", "members", "mean")  # from one buffer into the other
KEPT = {  # which arrays of an operation are written down
    "dense": ("weights", "biases"),
    "dense_int8": ("weights", "factor", "biases"),
    "affine": ("centre", "factor", "shift"),
    "layer_norm": ("gain", "offset"),
    "prelu": ("slopes",),
    "periodic": ("frequencies", "weights", "biases", "phases"),
    "piecewise": ("bins", "starts", "factors"),
    "embedding": ("levels", "widths", "tables"),
    "members": ("weights", "biases"),
}


def name_of(path: Path) -> str:
    """Return what functions and constants in a file are called after.

    >>> name_of(Path("my-model.c")), name_of(Path("2024.c"))
    ('my_model', 'net_2024')
    """
    if re.search(r'["\\\r\n]', path.name):
        raise ValueError(sentence("the name of a C file", "without quotes, backslashes and ends of lines", path.name))
    name = re.sub(r"\W", "_", path.stem, flags=re.ASCII)
    return f"net_{name}" if name[:1].isdigit() else name


def files(plan: Plan, vectors: Vectors, path: Path, about: str, proof: str) -> dict[Path, str]:
    """Return the texts of the header and of the file."""
    name, dtype, header = name_of(path), plan.dtype, path.with_suffix(".h")
    body, (constants, flash) = _Body(plan), _constants(plan)
    code, ram = _in(dtype, body.text(name) + "\n" + _test(plan, vectors, name)), body.bytes(dtype)
    definitions = _in(dtype, _functions(plan, "".join(body.lines)))
    names = "" if plan.classes is None else _class_names(plan, name)
    mark = f"0x{zlib.crc32(''.join([about, names, *constants, code]).encode()):08x}ul"  # the same in both files
    sizes = f"Constants: {flash} bytes of flash, the code comes on top. RAM: {ram} bytes of stack."
    head = textwrap.fill(f"/* {about} {sizes}", 116, subsequent_indent="   ")
    head += f"\n   Proof: {proof}. */\n"
    fields = {"upper": name.upper(), "name": name, "mark": mark, "n_in": plan.n_in, "n_out": plan.n_out}
    declared = f"extern {names.partition(' =')[0]};\n" if names else ""
    end = "#ifdef __cplusplus\n}\n#endif\n#endif\n"
    same = f"#if {name.upper()}_EXPORT != {mark}\n#error the header is of another export\n#endif\n"
    include = f'#include "{header.name}"\n#include <math.h>\n#include <stdint.h>\n'
    return {
        header: head + _in(dtype, HEADER.format(**fields)) + declared + end,
        path: "\n".join([head + include + same, names, definitions, *constants, code]),
    }


def _in(dtype: np.dtype, text: str) -> str:
    """Return code that is written in double in the type of the network; @double stays double."""
    if dtype == np.float32:
        text = re.sub(r"\b(exp|expm1|log|log1p|tanh|fabs|sqrt|erfc|floor|cos|sin)\(", r"\1f(", text)
        text = re.sub(r"(?<![@\w])double\b", "float", text)
        text = re.sub(r"(?<![\w.])(\d+\.\d*(e[+-]?\d+)?|\d+e[+-]?\d+)(?![\w.])", r"\1f", text)
    return text.replace("@double", "double")


def _functions(plan: Plan, body: str) -> str:
    """Return the functions that a body calls, each before the first that calls it."""
    found = "\n".join(map(_activation, plan.activations()))
    for name, text in reversed(FUNCTIONS.items()):
        if re.search(rf"\b{name}\(", body + found):
            found = f"{text}\n{found}"
    return found


def _activation(operation: Operation) -> str:
    """Return the function that applies an activation to a row; its settings are arguments."""
    if operation.name == "softmax":
        return SOFTMAX
    settings = "".join(f"double {name}, " for name in operation.numbers)
    return (
        f"static void {operation.name}_each(int n, {settings}double *x) {{\n  int i;\n"
        f"  for (i = 0; i < n; ++i) {{\n    const double z = x[i];\n"
        f"    x[i] = {row_of(operation, EACH, TABLE)};\n  }}\n}}\n"
    )


def _constants(plan: Plan) -> tuple[list[str], int]:
    """Return the definitions of all arrays, and how many bytes they take."""
    texts, size = [], 0
    for number, operation in enumerate(plan.operations):
        for name in KEPT.get(operation.kind, ()):
            values = operation.arrays.get(name, np.zeros(operation.width))  # a layer without biases
            whole = values.dtype.kind == "i"
            values = values if whole else values.astype(plan.dtype)
            kind = f"{values.dtype.name}_t" if whole else _in(plan.dtype, "double")
            size += values.nbytes
            texts.append(f"static const {kind} {name}_{number}[{values.size}] = {{\n{_numbers(values)}}};\n")
    return texts, size


def _numbers(values: np.ndarray) -> str:
    """Return numbers in lines, each with the digits that bring it back."""
    mark = "f" if values.dtype == np.float32 else ""
    words = [f"{v}{mark}," for v in values.ravel()]
    return "".join(f"  {' '.join(words[start : start + 8])}\n" for start in range(0, len(words), 8))


class _Body:
    """The lines of the function that predicts, and the buffers that they need.

    Layers that change widths go from one buffer to the other, the last of them into y, and all else happens in place.
    """

    def __init__(self, plan: Plan) -> None:
        self.lines, self.buffers = list[str](), dict[str, int]()
        self.here, self.width, self.kept = "x", plan.n_in, list[str]()
        self.last = max((k for k, o in enumerate(plan.operations) if o.kind in MOVING), default=-1)
        for number, operation in enumerate(plan.operations):
            arrays = [f"{name}_{number}" for name in KEPT.get(operation.kind, ())]
            arguments = [*arrays, *map(repr, operation.numbers.values())]
            step = self.moving if operation.kind in MOVING else getattr(self, operation.kind, self.in_place)
            step(number, operation, arguments)
            self.width = operation.width
        if self.here == "x":
            self.call("copy", plan.n_out, "x", "y")

    def call(self, name: str, *arguments: Any) -> None:
        self.lines.append(f"  {name}({', '.join(map(str, arguments))});\n")

    def buffer(self, name: str, width: int) -> str:
        if name != "y":
            self.buffers[name] = max(width, self.buffers.get(name, 0))
        return name

    def other(self, number: int) -> str:
        return "y" if number >= self.last else "b" if self.here == "a" else "a"

    def moving(self, number: int, operation: Operation, arguments: list[str]) -> None:
        there = self.buffer(self.other(number), operation.width)
        if operation.kind == "splice":
            self.splice(operation, there)
        else:
            whole = [self.buffer("q", self.width)] if operation.kind == "dense_int8" else []
            self.call(operation.kind, *self.sizes(operation), *arguments, self.here, *whole, there)
        self.here = there

    def sizes(self, operation: Operation) -> list[int]:
        """Return how wide things are, as the function of a layer that changes widths takes it."""
        if operation.kind == "mean":
            return [operation.width]
        if operation.kind == "members":
            return [operation.arrays["weights"].shape[1], operation.width // int(operation.numbers["members"])]
        if operation.kind in DENSE:
            return [self.width, operation.width]
        if operation.kind == "periodic":
            return [self.width, operation.arrays["phases"].shape[1], len(operation.arrays["biases"]) // self.width]
        return [self.width]

    def split(self, number: int, operation: Operation, arguments: list[str]) -> None:
        self.kept.append(self.aside())
        start, there = int(operation.numbers["start"]), self.here
        if self.here == "x":
            there = self.buffer(self.other(number), operation.width)
        if start or there != self.here:
            self.call("copy", operation.width, f"{self.here} + {start}", there)
        self.here = there

    def splice(self, operation: Operation, there: str) -> None:
        kept, start, stop = self.kept.pop(), int(operation.numbers["start"]), int(operation.numbers["stop"])
        self.call("copy", start, kept, there)
        self.call("copy", self.width, self.here, f"{there} + {start}")
        end = start + self.width
        self.call("copy", operation.width - end, f"{kept} + {stop}", f"{there} + {end}")

    def aside(self) -> str:
        """Return where x is put aside: x itself, which nothing is written over, stays where it is."""
        if self.here == "x":
            return "x"
        free = next(name for k in range(len(self.kept) + 1) if (name := f"kept_{k}") not in self.kept)
        self.call("copy", self.width, self.here, self.buffer(free, self.width))
        return free

    def keep(self, number: int, operation: Operation, arguments: list[str]) -> None:
        self.kept.append(self.aside())

    def swap(self, number: int, operation: Operation, arguments: list[str]) -> None:
        aside, back = self.aside(), self.kept.pop()
        self.kept.append(aside)
        self.here = back
        if back != "x":  # a copy: it may be changed in place, or be needed again
            self.here = self.buffer(self.other(number), operation.width)
            self.call("copy", operation.width, back, self.here)

    def in_place(self, number: int, operation: Operation, arguments: list[str]) -> None:
        if self.here == "x":
            self.call("copy", self.width, "x", self.buffer(self.other(number), self.width))
            self.here = self.other(number)
        if operation.kind == "add":
            arguments = [self.kept.pop()]
        name = f"{operation.name}_each" if operation.kind == "activation" else operation.kind
        self.call(name, self.width, *arguments, self.here)

    def text(self, name: str) -> str:
        kinds = {key: "int8_t" if key == "q" else "double" for key in self.buffers}
        declared = "".join(f"  {kinds[key]} {key}[{width}];\n" for key, width in self.buffers.items())
        return f"void {name}_predict(const double *x, double *y) {{\n{declared}{''.join(self.lines)}}}\n"

    def bytes(self, dtype: np.dtype) -> int:
        """Return how many bytes the buffers take."""
        return sum(width * (1 if key == "q" else dtype.itemsize) for key, width in self.buffers.items())


def _test(plan: Plan, vectors: Vectors, name: str) -> str:
    def rows(values: np.ndarray) -> str:
        return "".join(f"  {{\n{_numbers(row)}  }},\n" for row in values.astype(plan.dtype))

    sizes = {"n_rows": len(vectors.X), "n_in": plan.n_in, "n_out": plan.n_out, "allowed": vectors.allowed}
    return TEST.format(x=rows(vectors.X), y=rows(vectors.outputs), name=name, **sizes)


def _class_names(plan: Plan, name: str) -> str:
    texts = ", ".join(_string(str(label)) for label in plan.classes or ())
    return f"const char *const {name}_classes[{len(plan.classes or ())}] = {{{texts}}};\n"


def _string(text: str) -> str:
    r"""Return a string of C in UTF-8, without trigraphs.

    >>> print(_string('a "b"?'))
    "a \042b\042\077"
    """
    plain = set(b" !#$%&'()*+,-./:;<=>@[]^_`{|}~") | set(range(48, 58)) | set(range(65, 91)) | set(range(97, 123))
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'
