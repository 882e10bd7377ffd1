"""From what a network takes back to what a person knows: the columns that the steps of a pipeline made of each input.

Values that divide a difference among columns may be added up over the columns of one input; slopes may not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from neural.errors import sentence
from neural.inputs import column_names

Array = np.ndarray[Any, Any]
ADDED_UP = ("integrated", "expected", "deeplift")
SHIFTS = (1, 2, 3, 5, 8)  # by how many rows a column is moved to see what depends on it


def names_of(X: Any, width: int, given: Any) -> tuple[str, ...]:
    """Return what features are called: as given, as in the data frame, or x0, x1 and so on."""
    if given is None:
        given = column_names(X) or [f"x{k}" for k in range(width)]
    if isinstance(given, str) or not hasattr(given, "__len__") or len(given) != width:
        raise ValueError(sentence("feature_names", f"a list of {width}, one for each feature", given))
    return tuple(map(str, given))


def explained(before: Any, X: Any, baseline: Any, method: str, names: Any, explain: Callable[[Any, Any], Any]) -> Any:
    """Return the explanation of what comes out of the steps ``before``, added up by what went into them."""
    if method not in ADDED_UP:
        step = "Or explain the network on before.transform(X): model[-1] on model[:-1].transform(X)."
        raise ValueError(sentence("method", f"one of {', '.join(ADDED_UP)} through a pipeline", method, step))
    if baseline is None:
        raise ValueError(sentence("baseline", "given through a pipeline, as rows like those of X", None))
    background = baseline if hasattr(baseline, "columns") else np.atleast_2d(np.asarray(baseline))
    made, made_of_background = _dense(before.transform(X)), _dense(before.transform(background))
    found = explain(made, made_of_background)
    width = np.shape(X)[1]
    sources = _sources(before.transform, X, background, width)
    values = np.zeros((len(found), width))
    for k, source in enumerate(sources):
        if source >= 0:
            values[:, source] += found.values[:, k]
    data = np.asarray(X)
    return replace(found, values=values, data=data, feature_names=names_of(X, width, names))


def _dense(made: Any) -> Array:
    return np.asarray(made.toarray() if hasattr(made, "toarray") else made)


def _sources(transform: Callable[[Any], Any], X: Any, background: Any, width: int) -> Array:
    """Return for each column that is made the input that it depends on, -1 where none is seen to matter.

    An input is moved by some rows while the others stay, to see which columns change. ValueError for a column that
    depends on two.
    """
    stacked = _stacked(X, background)
    before = _dense(transform(stacked))
    sources = np.full(before.shape[1], -1)
    for column in range(width):
        moved = [_dense(transform(_moved(stacked, column, shift))) for shift in SHIFTS if shift < len(before)]
        changed = np.any([(after != before).any(axis=0) for after in moved], axis=0)
        twice = np.flatnonzero(changed & (sources >= 0))
        if twice.size:
            what = f"column {twice[0]} of what the steps before the network make"
            step = "Explain the network on the transformed rows."
            raise ValueError(
                sentence(what, "made of one input alone", f"one of inputs {sources[twice[0]]} and {column}", step)
            )
        sources[changed] = column
    return sources


def _stacked(X: Any, background: Any) -> Any:
    if hasattr(X, "columns"):
        import pandas

        return pandas.concat([X, pandas.DataFrame(background, columns=X.columns)], ignore_index=True)
    return np.concatenate([np.asarray(X), np.asarray(background)])


def _moved(rows: Any, column: int, shift: int) -> Any:
    moved = rows.copy()
    if hasattr(rows, "columns"):
        name = rows.columns[column]
        moved[name] = np.roll(rows[name].to_numpy(), shift)
    else:
        moved[:, column] = np.roll(rows[:, column], shift)
    return moved
