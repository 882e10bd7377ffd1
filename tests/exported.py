"""Networks over all tables, written down for every target, and run there on many rows at once."""

import runpy
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from neural import DenseLayer, NeuralNetwork
from neural.activations import ACTIVATIONS
from neural.engine import NumpyEngine, Program, Workspace
from neural.export import TARGETS
from neural.export.plan import plan_of
from neural.export.proof import in_float64, vectors_of
from neural.layer import Mode
from neural.layers import LAYERS
from neural.logarithms import Log, Logit
from neural.losses import LOSSES
from tests.networks import PAIRS, block

ROWS = 10_000
STRICT = ("-Wall", "-Wextra", "-Werror", "-std=c99", "-pedantic")


FAR = 90  # values beyond which one rounding on the way can be 1e-6 of the outputs, as under an exponential


def network(seed, pair, dtype):
    """Return a random network that ends in (activation, loss), with moderate values on its way, and rows for it."""
    for attempt in range(100):
        net, X = any_network(np.random.default_rng([seed, attempt]), seed, pair, dtype)
        work = Workspace(Program(net._formulas(), net._places, net.params, scale=net.input_scale))
        x, sizes = work.load(X), []
        with np.errstate(all="ignore"):
            for layer, own in work.layers:
                x, _ = layer.forward(x, own, Mode())
                sizes.append(np.abs(x).max())
        if np.max(sizes) < FAR:
            return net, X
    raise AssertionError(f"seed {seed}: no moderate network in 100 draws")


def any_network(rng, seed, pair, dtype):
    """Return a random network, the kinds of its hidden layers by turns, and rows for it."""
    last, loss = pair
    widths = rng.integers(2, 12, 4).tolist()
    widths[-1] += widths[-1] % 2
    hidden = []
    for k, width in enumerate(widths[1:-1]):
        hidden += block(rng, list(LAYERS)[(seed + 3 * k) % len(LAYERS)], widths[k], width)
    scale = [None, 0.5][seed % 2]
    layers = [*hidden, DenseLayer(widths[-2], widths[-1], last, bias_init="random")]
    net = NeuralNetwork(layers, loss, dtype=dtype, input_scale=scale, random_state=seed).build(widths[0])
    for layer in net.leaves:  # as if it had been trained: nothing at its first value
        for name in [name for name in layer.shapes() if name != "weights"]:  # in order, so that draws are the same
            values = layer.parameter(name)
            values[...] = rng.uniform(0.5, 1.5, values.shape) if "variance" in name else rng.normal(size=values.shape)
    X = rng.normal(size=(ROWS, widths[0]))
    return net, X.astype(dtype)


def case(seed):
    """Return the pair (activation, loss) and the type of the network number ``seed``: 55 in turn have each of them.

    Each activation comes last in float32 and in float64, then each loss comes once.
    """
    names, losses = list(ACTIVATIONS), list(LOSSES)
    turn, k = divmod(seed, 2 * len(names) + len(losses))
    if k < 2 * len(names):
        pairs = [pair for pair in PAIRS if pair[0] == names[k // 2]]
    else:
        pairs = [pair for pair in PAIRS if pair[1] == losses[k - 2 * len(names)]]
    return pairs[turn % len(pairs)], "float64" if k % 2 and k < 2 * len(names) else "float32"


def networks(n, start=0):
    """Return n networks, rows for each, and their outputs."""
    made = [network(seed, *case(seed)) for seed in range(start, start + n)]
    return [(net, X, net.predict(X)) for net, X in made]


def write(net, path):
    """Write a network as the suffix says, without running it."""
    for place, data in TARGETS[path.suffix](plan_of(net), vectors_of(net), path, "about", "proof").items():
        place.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def shares(net, X, outputs, expected):
    """Return the largest difference as a part of what is allowed, 1 being all of it.

    Allowed are 1e-6 of the largest of the expected outputs (which are sums, so that single ones may be near 0), 4 units
    in the last place, or eight times the network's own rounding, seen by running it in float64; in float64 1e-12. A
    last logarithm is steep near 0: then it is what it is taken of that may differ by so much, and each output by what
    that makes of it.
    """
    assert outputs.shape == expected.shape
    program, exact, sums = net.as_predicted(), in_float64(net), expected
    *chain, (_, last) = program.chain
    is_logarithm = isinstance(getattr(last, "function", None), Log | Logit)
    if is_logarithm:
        exact = replace(exact, chain=chain)
        sums = NumpyEngine().predict(replace(program, chain=chain), X)
    z = NumpyEngine().predict(exact, X)
    close = {"float32": 1e-6, "float64": 1e-12}[net.dtype.name] * np.abs(sums).max()
    allowed = max(close, 8 * np.abs(z - sums).max())
    if is_logarithm:
        low, middle, high = (last.function.forward(each, np.empty_like(z)) for each in (z - allowed, z, z + allowed))
        allowed = np.maximum(middle - low, high - middle)
    allowed = np.maximum(allowed, 4 * np.spacing(np.abs(expected)))
    share = np.abs(outputs.astype(np.float64) - expected) / allowed
    return np.inf if np.isnan(share).any() else float(share.max())


MAIN = """\
#include <stdio.h>
%(includes)s
int main(void) {
  FILE *in, *out;
%(runs)s
  return 0;
}
"""
RUN = """\
  {
    %(type)s x[%(n_in)d], y[%(n_out)d];
    in = fopen("n%(k)d.x", "rb"), out = fopen("n%(k)d.y", "wb");
    if (!in || !out) return 1;
    while (fread(x, sizeof x, 1, in) == 1) {
      n%(k)d_predict(x, y);
      if (fwrite(y, sizeof y, 1, out) != 1) return 1;
    }
    fclose(in), fclose(out);
  }
"""


def run_c(nets, inputs, folder, compiler, *flags):
    """Return what the C of each network gives for its rows: all of them in one program."""
    fields = []
    for k, (net, X) in enumerate(zip(nets, inputs, strict=True)):
        write(net, folder / f"n{k}.c")
        X.tofile(folder / f"n{k}.x")
        kind = "float" if net.dtype == np.float32 else "double"
        fields.append({"k": k, "type": kind, "n_in": X.shape[1], "n_out": net.n_outputs()})
    includes = "".join(f'#include "n{k}.h"\n' for k in range(len(nets)))
    (folder / "main.c").write_text(MAIN % {"includes": includes, "runs": "".join(RUN % each for each in fields)})
    sources = ["main.c", *[f"n{k}.c" for k in range(len(nets))]]
    program = [*compiler, *STRICT, *flags, *sources, "-o", "program", "-lm"]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(["./program"], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return [
        np.fromfile(folder / f"n{k}.y", net.dtype).reshape(-1, each["n_out"])
        for k, (net, each) in enumerate(zip(nets, fields, strict=True))
    ]


SCRIPT = """
import { readFileSync, writeFileSync } from "node:fs";
for (let k = 0; k < %d; ++k) {
  const { predict, nInputs, nOutputs } = await import(`./n${k}.mjs`);
  const x = new Float64Array(new Uint8Array(readFileSync(`n${k}.x`)).buffer);
  const y = new Float64Array(x.length / nInputs * nOutputs);
  for (let i = 0; i < x.length / nInputs; ++i) y.set(predict(x.subarray(i * nInputs, (i + 1) * nInputs)), i * nOutputs);
  writeFileSync(`n${k}.y`, y);
}
"""


def run_javascript(nets, inputs, folder):
    """Return what the JavaScript of each network gives for its rows, in one run of node."""
    for k, (net, X) in enumerate(zip(nets, inputs, strict=True)):
        write(net, folder / f"n{k}.mjs")
        X.astype(np.float64).tofile(folder / f"n{k}.x")
    command = [shutil.which("node"), "--input-type=module", "-"]
    done = subprocess.run(command, input=SCRIPT % len(nets), cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [np.fromfile(folder / f"n{k}.y").reshape(-1, net.n_outputs()) for k, net in enumerate(nets)]


def run_python(nets, inputs, folder):
    """Return what the Python file of each network gives for its rows."""
    found = []
    for k, (net, X) in enumerate(zip(nets, inputs, strict=True)):
        names = runpy.run_path(str(write(net, folder / f"n{k}.py")))
        found.append(names["predict"](X))
    return found


def run_onnx(nets, inputs, folder):
    """Return what ONNX Runtime gives for the rows of each network, its file checked by ONNX's checker."""
    import onnx
    import onnxruntime

    found = []
    for k, (net, X) in enumerate(zip(nets, inputs, strict=True)):
        path = str(write(net, folder / f"n{k}.onnx"))
        onnx.checker.check_model(path, full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        found += session.run(None, {"inputs": X})
    return found


def needs(tool):
    """Return the mark of a test that this program is needed for."""
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"there is no {tool}")
