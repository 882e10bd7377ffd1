"""Fits of tables that survive being killed: a folder with a file for each network, and one that says of which fit.

Each network is saved as any fit is (checkpoints.py). What they have in common, the rows above all, is compared before
any of them goes on, so that a folder never holds networks of two fits.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from neural import atomic
from neural.errors import ModelFileError, check_number, sentence
from neural.tabular_columns import Scaled

Array = np.ndarray[Any, Any]
TABLE = "table.json"
SEED = "the seed, which random_state gives,"
NETWORK = "network-{}.run"


class Folder:
    """Where the fit of a table is saved: each network every so many epochs, and what it goes on from.

    ``checkpoint`` is a folder, which is made if it is not there. ``seed`` is that of the fit which goes on, or None.
    """

    def __init__(self, checkpoint: Any, every: Any, resume: Any) -> None:
        if not isinstance(resume, bool | np.bool_):
            raise TypeError(sentence("resume", "True or False", resume))
        self.every = check_number("every", every, low=1, whole=True)
        if not isinstance(checkpoint, str | os.PathLike) or not os.fspath(checkpoint):
            raise TypeError(sentence("checkpoint", "None or the path of a folder", checkpoint))
        self.place = Path(os.path.realpath(checkpoint))
        if self.place.exists() and not self.place.is_dir():
            raise ValueError(sentence("checkpoint", "a folder, of networks a file each", os.fspath(checkpoint)))
        if not self.place.parent.is_dir():
            step = f"Make the folder {str(self.place.parent)!r} first."
            raise ValueError(sentence("checkpoint", "in a folder that is there", os.fspath(checkpoint), step))
        self.found = self._read() if resume else None
        self.seed: int | None = None if self.found is None else self.found[SEED]

    def _read(self) -> dict[str, Any] | None:
        try:
            found = json.loads((self.place / TABLE).read_bytes())
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"{self.place / TABLE} must be of the fit of a table. {error}") from None
        if not isinstance(found, dict) or type(seed := found.get(SEED)) is not int or not 0 <= seed < 2**31:
            raise ModelFileError(f"{self.place / TABLE} must be of the fit of a table. Got something else.")
        return found

    def begin(self, asked: dict[str, Any]) -> None:
        """Go on if the folder is of the fit that is asked for, ValueError if of another; begin anew if of none."""
        if self.found is None:
            self._anew(asked)
        found = self.found or asked
        for name in asked | found:
            if found.get(name) != asked.get(name):
                rule = f"as in the fit that goes on, {found.get(name)}"
                step = f"To begin anew, set resume=False or name another folder than {self.place}."
                raise ValueError(sentence(name, rule, asked.get(name), step))

    def _anew(self, asked: dict[str, Any]) -> None:
        """Say of which fit the folder is, last: a folder that does not say so is begun anew."""
        self.place.mkdir(exist_ok=True)
        for path in (self.place / TABLE, *self.place.glob(NETWORK.format("[0-9][0-9]"))):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        atomic.write(self.place / TABLE, [json.dumps(asked, indent=1).encode()])

    def arguments(self, number: int) -> dict[str, Any]:
        """Return what ``fit`` is given for the network of this number to be saved, and to go on."""
        path = self.place / NETWORK.format(f"{number:02d}")
        return {"checkpoint": path, "every": self.every, "resume": True}


def asked_for(
    scaled: Scaled, rows: Array, targets: Array, weights: Array | None, preset: str, seed: int
) -> dict[str, Any]:
    """Return what tells one fit of a table from others, as plain values: all rows, targets and weights, by a digest."""
    import neural  # by now there is all of it

    data = hashlib.sha256(json.dumps(scaled.columns.to_plain()).encode())
    for part in (rows, targets) if weights is None else (rows, targets, weights):
        data.update(f"{part.dtype} {part.shape}".encode())
        data.update(np.ascontiguousarray(part).data)
    names = hashlib.sha256(json.dumps(scaled.columns.inputs).encode())
    return {
        "the version of the package": neural.__version__, "preset": preset, SEED: seed, "the task": scaled.columns.task,
        "the columns": names.hexdigest()[:16], "the training data": data.hexdigest()[:16],
    }  # fmt: skip
