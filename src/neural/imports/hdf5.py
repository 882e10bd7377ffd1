"""Reads HDF5 in a process of its own, since the HDF5 library can hang or crash on a damaged file.

The process is this file, run as a program: HDF5 comes in on stdin, arrays and attributes go out as .npz on stdout.
"""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
from typing import Any

import numpy as np

SECONDS = 30  # for the smallest file; a second more for each 10 MB
DEEPEST, MOST = 16, 10_000  # groups within groups, and arrays
ATTRIBUTES = ("model_config", "weight_names")


def read(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays of floats in a file by path, and the attributes of ``ATTRIBUTES`` as "path@name".

    Raises OSError for a file that cannot be read, ImportError without h5py.
    """
    if importlib.util.find_spec("h5py") is None:
        raise ImportError('A Keras file needs h5py. Install it: pip install "neural-dense[keras]".')
    command, seconds = [sys.executable, "-P", __file__], SECONDS + len(data) / 1e7
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise OSError(f"its HDF5 could not be read in {seconds:.0f} seconds") from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise OSError(f"its HDF5 cannot be read: {reason or f'exit code {done.returncode}'}")
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as found:
        arrays = {name: found[name] for name in found.files}
    return arrays, json.loads(arrays.pop("@").tobytes())


def _collect(group: Any, path: str, most: int, arrays: dict[str, Any], attributes: dict[str, Any]) -> None:
    """Put all below a group into the two dictionaries; no link is followed, nor anything that lies elsewhere."""
    import h5py

    for name in set(ATTRIBUTES) & set(group.attrs):
        value = np.asarray(group.attrs[name]).tolist()
        attributes[f"{path}@{name}"] = [_text(each) for each in value] if isinstance(value, list) else _text(value)
    if path.count("/") > DEEPEST or len(arrays) > MOST:
        raise OSError("too many groups or arrays")
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item, inner = group[name], f"{path}/{name}"
        if isinstance(item, h5py.Group):
            _collect(item, inner, most, arrays, attributes)
        elif not item.external and not item.is_virtual and item.dtype.kind == "f" and item.nbytes <= most:
            arrays[inner] = item[()]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _main() -> None:
    import h5py

    data, out = sys.stdin.buffer.read(), io.BytesIO()
    arrays, attributes = dict[str, Any](), dict[str, Any]()
    with h5py.File(io.BytesIO(data), "r") as file:
        _collect(file, "", len(data), arrays, attributes)
    arrays["@"] = np.frombuffer(json.dumps(attributes).encode(), np.uint8)
    np.savez(out, **arrays)
    sys.stdout.buffer.write(out.getvalue())


if __name__ == "__main__":
    _main()
