"""Rows in the partitions of Dask collections: read and checked where they are, and dealt out to workers.

What is wrong with a partition comes back as an exception, not by one, so that the first partition with a fault is named
whichever was looked at first.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from neural import checkpoints
from neural.engine import Data
from neural.errors import one_of, sentence, show
from neural.inputs import array, column_names
from neural.updates import TrainingState

Part = tuple[Any, Any, Any]  # X, y and sample_weight of a partition, as they come


# --- from collections to tasks -------------------------------------------------------------------------------------
def is_collection(value: Any) -> bool:
    """Return whether ``value`` is one of Dask's."""
    return hasattr(value, "__dask_graph__")


def is_array(value: Any) -> bool:
    """Return whether ``value`` is a Dask array."""
    return is_collection(value) and hasattr(type(value), "chunks")  # its class: a Delayed has any attribute


def is_frame(value: Any) -> bool:
    """Return whether ``value`` is a Dask frame or series."""
    return is_collection(value) and hasattr(type(value), "to_dask_array")


def one_chunk_wide(what: str, value: Any) -> Any:
    """Return an array whose chunks have all columns; ValueError where that cannot be made of it."""
    if value.ndim < 2 or value.numblocks[1] == 1:
        return value
    if any(np.isnan(size) for sizes in value.chunks for size in sizes):
        step = f"Call {what}.compute_chunk_sizes() first, or read it in chunks of whole rows."
        raise ValueError(sentence(what, "of known chunk sizes where its columns are in several chunks", value, step))
    return value.rechunk({1: -1})


def tasks(what: str, value: Any, pieces: int) -> list[Any]:
    """Return a task for each partition of a collection, of a list of arrays, or of an array cut into ``pieces``."""
    from dask import delayed

    if is_array(value):
        if value.ndim not in (1, 2):
            raise ValueError(sentence(what, "of rows and columns", value, f"Flatten it: {what}.reshape({{n}}, -1)."))
        return list(one_chunk_wide(what, value).to_delayed().ravel())
    if is_frame(value):
        return list(value.to_delayed())
    if is_collection(value):
        raise TypeError(sentence(what, "a Dask array or frame, an array, or a list of arrays", value))
    if isinstance(value, list | tuple) and value and all(hasattr(part, "shape") for part in value):
        return [delayed(part) for part in value]
    rows = value if hasattr(value, "iloc") else array(what, value)
    if not rows.ndim or not len(rows):
        raise ValueError(sentence(what, "of one row at least", rows))
    bounds = [len(rows) * k // pieces for k in range(pieces + 1)]
    at = rows.iloc if hasattr(rows, "iloc") else rows
    return [delayed(at[start:end]) for start, end in pairwise(bounds) if end > start]


def together(X: Any, y: Any, sample_weight: Any, pieces: int) -> list[Any]:
    """Return a task for each partition that gives its X, y and sample_weight; y may be the name of a column of X."""
    from dask import delayed

    rows = tasks("X", X, pieces)
    if isinstance(y, str):
        names = list(column_names(X))
        if y not in names:
            rule = one_of(names) if names else "targets, as X has no columns with names"
            raise ValueError(sentence("y", rule, y))
        targets: list[Any] = [y] * len(rows)
    else:
        targets = tasks("y", y, pieces)
    weights = [None] * len(rows) if sample_weight is None else tasks("sample_weight", sample_weight, pieces)
    for what, found in {"y": targets, "sample_weight": weights}.items():
        if len(found) != len(rows):
            step = f"Cut both alike, such as by {what}.rechunk(X.chunks[0]) or repartition."
            raise ValueError(sentence(what, f"in as many partitions as X, {len(rows)}", len(found), step))
    return [delayed(_apart)(*parts) for parts in zip(rows, targets, weights, strict=True)]


def _apart(X: Any, y: Any, sample_weight: Any) -> Part:
    """Return the parts of a partition, the target taken out of the frame if it is a column of it."""
    return (X.drop(columns=[y]), X[y], sample_weight) if isinstance(y, str) else (X, y, sample_weight)


# --- what a partition is -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Look:
    """What all partitions have to agree on before one of them can be read."""

    rows: int
    width: int
    names: tuple[Any, ...]
    labels: np.ndarray | None  # where they are text
    error: Exception | None = None


def look(part: Part) -> Look | Exception:
    """Return what a partition is like."""
    X, y, weights = part
    try:
        if getattr(X, "ndim", 0) != 2:
            raise ValueError(sentence("X", "of shape (samples, features)", X))
        labels = array("y", y) if len(y) else np.empty(0)
    except (TypeError, ValueError) as error:
        return error
    for what, value in {"y": y, "sample_weight": weights}.items():
        if value is not None and len(value) != len(X):
            step = "Cut both into the same partitions."
            return ValueError(f"X and {what} must be of one length. Got {len(X)} and {len(value)} rows. {step}")
    return Look(len(X), X.shape[1], column_names(X), np.unique(labels) if labels.dtype.kind == "U" else None)


def agreed(found: Sequence[Look | Exception]) -> tuple[list[int], int, np.ndarray | None]:
    """Return the rows of each partition, their width, and all text labels; ValueError where partitions disagree."""
    looks = [one for number, one in enumerate(found) if isinstance(one, Look) or _refuse(number, one)]
    first = next((one for one in looks if isinstance(one, Look) and one.rows), None)
    if first is None:
        raise ValueError(sentence("X", "of one row at least", f"{len(looks)} partitions, all of them empty"))
    rows, labels = [], []
    for number, one in enumerate(looks):
        assert isinstance(one, Look)
        if one.rows and one.width != first.width:
            step = "All partitions need the same columns."
            raise ValueError(sentence(f"partition {number}: X", f"{first.width} columns wide", one.width, step))
        if one.rows and one.names != first.names:
            raise ValueError(sentence(f"partition {number}: the columns of X", show(first.names), one.names))
        rows.append(one.rows)
        labels += [one.labels] if one.labels is not None else []
    return rows, first.width, np.unique(np.concatenate(labels)) if labels else None


def _refuse(number: int, error: Exception) -> bool:
    raise type(error)(f"partition {number}: {error}") from None


def skeleton(network: Any) -> Any:
    """Return a copy of a network without what it remembers of its training: less to send."""
    found = copy.deepcopy(network)
    found.state = TrainingState(network.seed)
    found.history_ = type(network.history_)()
    return found


def encoded(part: Part, network: Any, width: int, classes: np.ndarray | None) -> tuple[Data, Any] | Exception | None:
    """Return a partition as an engine takes it, and the classes; None if it has no rows."""
    X, y, weights = part
    if not len(X):
        return None
    try:
        rows = network._rows(X)
        return network._data(rows, y, weights, classes)
    except (TypeError, ValueError) as error:
        return error


def summary(found: tuple[Data, Any] | Exception | None) -> Any:
    """Return of an encoded partition what is small: its fault, or its classes."""
    return found[1] if isinstance(found, tuple) else found


def check(found: Sequence[Any]) -> None:
    """Raise the first fault among summaries, with the number of its partition."""
    for number, one in enumerate(found):
        if isinstance(one, Exception):
            _refuse(number, one)


# --- dealt out -----------------------------------------------------------------------------------------------------
def shares(rows: Sequence[int], workers: int) -> list[list[tuple[int, int, int]]]:
    """Return which rows each worker has, as (partition, start, end): all in order, as many each as can be.

    >>> shares([3, 0, 5], 2)
    [[(0, 0, 3), (2, 0, 1)], [(2, 1, 5)]]
    """
    ends = np.cumsum(rows)
    n, found = int(ends[-1]), []
    for worker in range(workers):
        low, high = n * worker // workers, n * (worker + 1) // workers
        pieces = [
            (k, max(low - end + count, 0), min(high - end + count, count))
            for k, (end, count) in enumerate(zip(ends.tolist(), rows, strict=True))
        ]
        found.append([piece for piece in pieces if piece[2] > piece[1]])
    return found


def joined(found: Sequence[tuple[Data, Any]], bounds: Sequence[tuple[int, int]]) -> Data:
    """Return rows of several encoded partitions as one; a whole partition alone is not copied."""
    cut = [
        Data(d.X[start:end], d.y[start:end], None if d.weights is None else d.weights[start:end])
        for (d, _), (start, end) in zip(found, bounds, strict=True)
    ]
    if len(cut) == 1:
        return cut[0]
    weights = [data.weights for data in cut if data.weights is not None]
    X, y = (np.concatenate([getattr(data, name) for data in cut]) for name in ("X", "y"))
    return Data(X, y, np.concatenate(weights) if weights else None)


def about(data: Data) -> tuple[str, int]:
    """Return digits that tell a share from another, and how many classes are in it (0 where there are none)."""
    return checkpoints.digest(data), len(np.unique(data.y)) if data.y.ndim == 1 else 0
