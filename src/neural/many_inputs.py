"""What is asked for many networks at once, checked before any of them is trained."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from neural import inputs
from neural.errors import guess, one_of, sentence
from neural.nn import NeuralNetwork
from neural.row_weights import of_rows
from neural.windows import Stream

OF_ONE = ("checkpoint", "every", "resume")  # files, which many networks would write over one another
FIT = tuple(name for name in inspect.signature(NeuralNetwork.fit).parameters if name not in ("self", "X", "y", *OF_ONE))
OF_ROWS = ("rows", "validation_rows")


def choices_of(each: Any, n: int) -> list[dict[str, Any]]:
    """Return a dictionary for each of n networks."""
    if each is None:
        return [{} for _ in range(n)]
    found = list(each) if isinstance(each, Iterable) and not isinstance(each, str | Mapping) else [each]
    for one in found:
        if not isinstance(one, Mapping):
            raise TypeError(sentence("each", "a list of dictionaries, one for each network", one))
    if len(found) != n or isinstance(each, Mapping):
        raise ValueError(sentence("each", f"as many dictionaries as networks, {n}, in a list", each))
    return [dict(one) for one in found]


def row_numbers(what: str, given: Any, n: int) -> np.ndarray | None:
    """Return the numbers of some of n rows as an array (k,); None stays None, and stands for all of them."""
    if given is None:
        return None
    rows = np.asarray(given)
    if rows.ndim != 1 or not len(rows) or rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= n:
        raise ValueError(sentence(what, f"row numbers from 0 to {n - 1}, one at least", given))
    return rows


def check_in_memory(X: Any, y: Any) -> None:
    """Raise TypeError unless rows of X and y can be chosen by their numbers."""
    if y is None or isinstance(X, Stream):
        step = "Rows of a stream cannot be: make a stream of them for each network."
        raise TypeError(sentence("X and y", "arrays, where rows are chosen by number", X if y is not None else y, step))


def check_weights(weights: Any, y: Any, parts: Sequence[np.ndarray], dtype: Any) -> None:
    """Raise, as ``fit`` would, for weights that are not those of all rows, or are all 0 in a part that is taken."""
    if weights is None:
        return
    if y is None:
        rule, step = (
            "left out where rows are streamed, as it is about all rows",
            "Name a column of weights of the stream.",
        )
        raise ValueError(sentence("sample_weight", rule, weights, step))
    found = inputs.weights(weights, len(y), np.float64)
    for rows in parts or [np.arange(len(y))]:
        inputs.weights(of_rows(found, rows), len(rows), dtype)


def check_names(given: Iterable[str], known: Sequence[str]) -> None:
    """Raise TypeError for a name that is not known, or is ``n_threads``, which is for all networks together."""
    for name in given:
        if name not in known or name == "n_threads":
            raise TypeError(sentence("an argument by name", one_of([k for k in known if k != "n_threads"]), name))


def check_make(make: Any, given: Mapping[str, Any]) -> None:
    """Raise TypeError unless ``make`` can be called with these names."""
    if not callable(make):
        raise TypeError(sentence("make", "a NeuralNetwork, or a function that returns a new one", make))
    try:
        signature = inspect.signature(make)
    except (TypeError, ValueError):  # a builtin, which says it itself
        return
    try:
        signature.bind(**given)
    except TypeError:
        known = signature.parameters
        if unknown := [name for name in given if name not in known]:
            step = guess(unknown[0], [*FIT, *known])
        else:
            lacking = [name for name, one in known.items() if one.default is one.empty and name not in given]
            step = f"Give {', '.join(lacking)} among the choices, or by default."
        if "random_state" in unknown:
            step = "Let it take random_state, and hand it on to its NeuralNetwork: the start follows from it."
        rule = f"a function that takes {', '.join(given)} by name"
        raise TypeError(sentence("make", rule, f"{getattr(make, '__name__', make)}{signature}", step)) from None
