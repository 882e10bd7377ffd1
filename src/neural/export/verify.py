"""Runs the test rows that a file carries, each kind of file with the tool that is there: the proof of an export."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neural.errors import NeuralError, look_up
from neural.export import onnx
from neural.export.proof import Proof

SECONDS = 300  # for a compiler or a run
COMPILERS = ("cc", "gcc", "clang")


class CannotRun(NeuralError):
    """What would run an exported file is not on this machine, or does not take it."""


def compiler() -> list[str]:
    """Return the command of a C compiler: that of CC, or the first there is."""
    command = shlex.split(os.environ.get("CC", "")) or [next(filter(shutil.which, COMPILERS), "")]
    if not command[0]:
        raise CannotRun("there is no C compiler: neither cc, gcc nor clang, nor one named by CC")
    return command


def _c(path: Path) -> Proof:
    command = compiler()
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder, "test"))
        _run([*command, "-std=c99", "-O2", "-DNEURAL_TEST", "-x", "c", str(path), "-o", program, "-lm"], path)
        version = _run([*command, "--version"], path).partition("\n")[0]
        return _read(_run([program], path, codes=(0, 1)), path, version)


def _javascript(path: Path) -> Proof:
    node = shutil.which("node")
    if node is None:
        raise CannotRun("there is no node")
    text = path.read_text(encoding="utf-8") + "\nconsole.log(verify().text);\n"  # as a module, whatever its suffix
    version = _run([node, "--version"], path).strip()
    return _read(_run([node, "--input-type=module", "-"], path, text), path, f"node {version}")


def _python(path: Path) -> Proof:
    by = f"NumPy {np.__version__}"
    return _read(_run([sys.executable, "-P", str(path)], path, codes=(0, 1)), path, by)


def _onnx(path: Path) -> Proof:
    try:
        import onnxruntime
    except ImportError:
        raise CannotRun('there is no onnxruntime: pip install "neural-dense[onnx]"') from None
    _check_onnx(path)
    n_rows, difference, allowed = onnx.compare(path.read_bytes(), onnxruntime)
    return Proof(str(path), n_rows, difference, allowed, f"onnxruntime {onnxruntime.__version__}")


def _check_onnx(path: Path) -> None:
    try:
        from onnx import checker
    except ImportError:
        return
    checker.check_model(str(path), full_check=True)


def _run(command: list[str], path: Path, text: str | None = None, codes: tuple[int, ...] = (0,)) -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotRun(f"{command[0]} cannot run {path.name}: {error}") from None
    if done.returncode not in codes:
        raise CannotRun(f"{command[0]} cannot run {path.name}: {done.stderr[:2000].strip()}")
    return done.stdout


def _read(printed: str, path: Path, by: str) -> Proof:
    """Return what a file's own test has printed."""
    found = re.search(r"largest difference (\S+) in (\d+) rows, allowed (\S+)", printed)
    if found is None:
        raise NeuralError(f"{path.name} carries no test rows. Was it exported by neural? It printed: {printed[:200]!r}")
    difference, n_rows, allowed = found.groups()
    return Proof(str(path), int(n_rows), float(difference), float(allowed), by)


RUNS: dict[str, Callable[[Path], Proof]] = {
    ".c": _c,
    ".js": _javascript,
    ".mjs": _javascript,
    ".onnx": _onnx,
    ".py": _python,
}


def verify(path: Any) -> Proof:
    """Run the test rows that an exported file carries, and return the largest difference from the network.

    It runs the file, so it is for files of your own: C with the compiler named by CC, or cc, gcc or clang; JavaScript
    with node; ONNX with onnxruntime; Python in a process of its own. Without the tool, NeuralError, which names it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    return look_up("the suffix of an exported file", path.suffix.lower(), RUNS)(path)
