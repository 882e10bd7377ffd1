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
from neural.errors import ModelFileError, check_number, sentence, show
from neural.tables import Number
from neural.tabular_columns import Scaled

Array = np.ndarray[Any, Any]
TABLE = "table.json"
SEED, STATE = "the seed", "random_state"
COLUMNS, TARGETS = "the columns: name, kind and digest of each", "the targets, a digest"
WEIGHTS = "the weights of the rows, a digest"
VALIDATION = "the number of rows to validate on"
NETWORK = "network-{}.run"


class Folder:
    """Where the fit of a table is saved: each network every so many epochs, and what it goes on from.

    ``checkpoint`` is a folder, which is made if it is not there. ``seed`` is that of the fit which goes on, or None.
    """

    def __init__(self, checkpoint: Any, every: Any, resume: Any) -> None:
        self.every = check_number("every", every, low=1, whole=True)
        self.place = Path(os.path.realpath(atomic.place_of("checkpoint", checkpoint)))
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
        if not _is_of_a_fit(found):
            raise ModelFileError(f"{self.place / TABLE} must be of the fit of a table. Got something else.")
        return dict(found)

    def begin(self, asked: dict[str, Any]) -> None:
        """Go on if the folder is of the fit that is asked for, ValueError if of another; begin anew if of none."""
        if self.found is None:
            self._anew(asked)
        elif said := difference(self.found, asked):
            raise ValueError(f"{said} To begin anew, set resume=False or name another folder than {self.place}.")

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
    scaled: Scaled, rows: Array, targets: Array, weights: Array | None, n_held_out: int,
    preset: str, random_state: Any, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Return what tells one fit of a table from others, as plain values: all rows, targets and weights, by digests.

    The last ``n_held_out`` rows are those to validate on, 0 for folds.
    """
    import neural  # by now there is all of it

    columns, start = list[list[str]](), 0
    for column, plain in zip(scaled.columns.columns, scaled.columns.to_plain()["columns"], strict=True):
        stop = start + len(column.inputs)
        kind = "numbers" if isinstance(column, Number) else "categories"
        columns.append([column.name, kind, _digest(json.dumps(plain), rows[:, start:stop])])
        start = stop
    given = int(random_state) if isinstance(random_state, int | np.integer) else None
    return {
        "the version of the package": neural.__version__, "the task": scaled.columns.task, "preset": preset,
        STATE: given, SEED: seed, "the number of rows": len(rows), "the name of the target": scaled.columns.target,
        VALIDATION: n_held_out, COLUMNS: columns, TARGETS: _digest("", targets),
        WEIGHTS: "none" if weights is None else _digest("", weights),
    }  # fmt: skip


def _digest(text: str, values: Array) -> str:
    found = hashlib.sha256(f"{text} {values.dtype} {values.shape}".encode())
    found.update(np.ascontiguousarray(values).data)
    return found.hexdigest()[:16]


KINDS: dict[str, type] = {
    **dict.fromkeys(("the version of the package", "the task", "preset", "the name of the target"), str),
    **dict.fromkeys((TARGETS, WEIGHTS), str),
    **dict.fromkeys((SEED, "the number of rows", VALIDATION), int), STATE: object, COLUMNS: list,
}  # fmt: skip


def _is_of_a_fit(found: Any) -> bool:
    """Return whether this is what :func:`asked_for` returns, after it was in a file."""
    if not isinstance(found, dict) or found.keys() != KINDS.keys():
        return False
    if not all(kind in (object, type(found[name])) for name, kind in KINDS.items()) or not 0 <= found[SEED] < 2**31:
        return False
    return all(isinstance(c, list) and len(c) == 3 and all(isinstance(t, str) for t in c) for c in found[COLUMNS])


def difference(found: dict[str, Any], asked: dict[str, Any]) -> str:
    """Return in what a fit is not the one that a folder is of: the first setting, or all of the data; "" if it is."""
    for name in [name for name in asked if name not in (STATE, SEED, COLUMNS, TARGETS, WEIGHTS)]:
        if found[name] != asked[name]:
            return sentence(name, f"as in the fit that goes on, {show(found[name])}", asked[name])
    if found[SEED] != asked[SEED]:
        old, new = (f"the seed {of[SEED]}" if of[STATE] is None else show(of[STATE]) for of in (found, asked))
        return f"random_state must be as in the fit that goes on, {old}. Got {new}."
    got = _other_data(found, asked)
    return f"the training data must be as in the fit that goes on. Got {', '.join(got)}." if got else ""


def _other_data(found: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    old, new = ({name: told for name, *told in of[COLUMNS]} for of in (found, asked))
    both = [name for name in new if name in old]
    groups = {
        "no {}, or one value alone in it": [name for name in old if name not in new],
        "{}, which was not there": [name for name in new if name not in old],
        "another kind of values in {}": [name for name in both if old[name][0] != new[name][0]],
        "other values in {}": [name for name in both if old[name][0] == new[name][0] and old[name] != new[name]],
    }
    weighted = found[WEIGHTS] != asked[WEIGHTS]
    if weighted:  # by which values are scaled, so that all of them may be others
        del groups["other values in {}"]
    got = [what.format(_some(names)) for what, names in groups.items() if names]
    got += ["other targets"] if found[TARGETS] != asked[TARGETS] else []
    got += ["other weights of rows, by sample_weight or class_weight"] if weighted else []
    return got or (["the columns in another order"] if found[COLUMNS] != asked[COLUMNS] else [])


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
