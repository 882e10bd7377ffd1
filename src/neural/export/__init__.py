"""Networks written for somebody else: ONNX, C, Python with NumPy alone, JavaScript. Each file carries its own proof.

``net.export(path)`` calls ``export``; ``verify(path)``, and ``neural verify`` on the command line, run the test rows
in a file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from neural import __version__, atomic
from neural.errors import NeuralError, look_up, sentence
from neural.export import c, int8, javascript, onnx, python
from neural.export.plan import plan_of
from neural.export.proof import Proof, Vectors, vectors_of
from neural.export.verify import CannotRun, verify

__all__ = ["Proof", "export", "verify"]

TARGETS: dict[str, Callable[..., Any]] = {  # (plan, vectors, path, about, proof) -> {path: text or bytes}
    ".c": c.files,
    ".js": javascript.files,
    ".mjs": javascript.files,
    ".onnx": onnx.files,
    ".py": python.files,
}
MARK = "(to be measured)"  # where the proof will stand


def export(net: Any, path: Any, *, quantize: str | None = None, X: Any = None) -> Proof:
    """Write a network as the file that the suffix of ``path`` stands for; return how far it is from the network.

    ``NeuralNetwork.export`` tells of it.
    """
    atomic.file_path(path)  # an error now is better than one after the work, about a file that goes with it
    path = Path(path)
    files = look_up("the suffix of an export", path.suffix.lower(), TARGETS)
    if quantize not in (None, "int8"):
        raise ValueError(sentence("quantize", "None or 'int8'", quantize))
    if quantize and path.suffix.lower() != ".c":
        raise ValueError(sentence("an export in int8", "a .c file", path.name))
    if quantize and X is None:
        raise ValueError(sentence("X", "given for int8: some hundred rows like those that it is for", X))
    plan = plan_of(net)
    counts = " and ".join(f"{n} {what}put{'s' * (n > 1)}" for n, what in ((plan.n_in, "in"), (plan.n_out, "out")))
    about = f"A network of {counts}, written by neural {__version__}."
    vectors = vectors_of(net, X)
    if quantize:
        whole = int8.quantized(net, plan, X)
        plan, about = whole.plan, f"{about} {whole}."
        vectors = int8.loosened(net, whole, vectors)
    texts = files(plan, vectors, path, about, MARK)
    proof = _measured(texts, path, vectors)
    if proof.largest_difference is not None and not proof.passed:
        step = "If no formula of your own is in it, this is a fault of the package: please report it."
        raise NeuralError(f"The export must agree with the network. Got {proof}. {step}")
    if path.suffix.lower() == ".onnx":  # has its lengths inside
        texts = files(plan, vectors, path, about, str(proof))
    for place, data in texts.items():
        atomic.write(place, [data if isinstance(data, bytes) else data.replace(MARK, str(proof)).encode()])
    return proof


def _measured(texts: dict[Path, str | bytes], path: Path, vectors: Vectors) -> Proof:
    """Return what files give when they are written to a folder of their own and run there."""
    with tempfile.TemporaryDirectory() as folder:
        for place, data in texts.items():
            Path(folder, place.name).write_bytes(data if isinstance(data, bytes) else data.encode())
        try:
            return replace(verify(Path(folder, path.name)), path=str(path))
        except CannotRun as error:
            return Proof(str(path), len(vectors.X), None, vectors.allowed, str(error))
