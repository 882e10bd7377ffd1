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

from neural import __version__
from neural.errors import NeuralError, look_up, sentence
from neural.export import c, int8, javascript, onnx, python
from neural.export.plan import Plan, plan_of
from neural.export.proof import Proof, Vectors, vectors_of
from neural.export.verify import CannotRun, verify
from neural.files import write_atomically

__all__ = ["Proof", "export", "verify"]

TARGETS: dict[str, Callable[..., Any]] = {  # (plan, vectors, path, about, proof) -> {path: text or bytes}
    ".c": c.files,
    ".js": javascript.files,
    ".mjs": javascript.files,
    ".onnx": onnx.files,
    ".py": python.files,
}


def export(net: Any, path: Any, *, quantize: str | None = None, X: Any = None) -> Proof:
    """Write a network as the file that the suffix of ``path`` stands for; return how far it is from the network.

    ``NeuralNetwork.export`` tells of it.
    """
    path = Path(path)
    files = look_up("the suffix of an export", path.suffix.lower(), TARGETS)
    if quantize not in (None, "int8"):
        raise ValueError(sentence("quantize", "None or 'int8'", quantize))
    if quantize and path.suffix.lower() != ".c":
        raise ValueError(sentence("an export in int8", "a .c file", path.name))
    if quantize and X is None:
        raise ValueError(sentence("X", "given for int8: some hundred rows like those that it is for", X))
    plan = plan_of(net)
    about = f"A network of {plan.n_in} inputs and {plan.n_out} outputs, written by neural {__version__}."
    vectors = vectors_of(net, X)
    if quantize:
        whole = int8.quantized(net, plan, X)
        plan, about = whole.plan, f"{about} {whole}."
        vectors = int8.loosened(net, whole, vectors)
    proof = _measured(files, plan, vectors, path, about)
    if proof.largest_difference is not None and not proof.passed:
        step = "If no formula of your own is in it, this is a fault of the package: please report it."
        raise NeuralError(f"The export must agree with the network. Got {proof}. {step}")
    for place, data in files(plan, vectors, path, about, str(proof)).items():
        write_atomically(place, data if isinstance(data, bytes) else data.encode())
    return proof


def _measured(files: Callable[..., Any], plan: Plan, vectors: Vectors, path: Path, about: str) -> Proof:
    """Return what the files give when they are written to a folder of their own and run there."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder, path.name)
        for place, data in files(plan, vectors, trial, about, "").items():
            place.write_bytes(data if isinstance(data, bytes) else data.encode())
        try:
            return replace(verify(trial), path=str(path))
        except CannotRun as error:
            return Proof(str(path), len(vectors.X), None, vectors.allowed, str(error))
