"""Exceptions, and the one sentence shape in which the package refuses something.

{what} must be {rule}. Got {value}. {next step}
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

Row = TypeVar("Row")


LARGEST = float(np.finfo(np.float64).max)
PACKAGE = os.path.dirname(__file__)


class NeuralError(Exception):
    """The root of the package's own exceptions (bad values and types raise ValueError and TypeError)."""


class ModelFileError(NeuralError):
    """A file of weights or data is damaged, of another kind, or of a version that is not known."""


class DataUnavailable(NeuralError):
    """A data set is neither on this machine nor to be fetched; the message lists what was tried."""


class EngineUnavailable(NeuralError):
    """The engine that was asked for is not there, or cannot run this network."""


class EngineWarning(UserWarning):
    """Networks run, but on a slower engine than they could, since the core was not built."""


class TrainingDiverged(NeuralError):
    """Cost or weights stopped being finite; the network is back in its last finite state.

    Attributes: ``epoch`` and ``batch`` (counted from 1), ``layer`` (text) and ``learning_rate``.
    """

    def __init__(self, epoch: int, batch: int, layer: str, learning_rate: float, cause: str) -> None:
        super().__init__(epoch, batch, layer, learning_rate, cause)
        self.epoch, self.batch, self.layer, self.learning_rate = epoch, batch, layer, learning_rate
        self.cause = cause

    def __str__(self) -> str:
        return (
            f"training diverged: {self.cause} in epoch {self.epoch}, batch {self.batch}, first in {self.layer}, "
            f"at learning rate {self.learning_rate:g}. The weights are back in their last finite state, which may be "
            "far off: make the network anew with a smaller learning_rate, or scale inputs and targets."
        )


def sentence(what: str, rule: str, value: object, next_step: str = "") -> str:
    """Return the one sentence shape of the package's errors.

    >>> sentence("epochs", "a whole number of at least 1", 0)
    'epochs must be a whole number of at least 1. Got 0.'
    """
    return f"{what} must be {rule}. Got {show(value)}. {next_step}".rstrip()


def show(value: object) -> str:
    """Write a value as an error should show it, in one line: arrays by type and shape, long texts cut.

    >>> show(np.zeros((2, 3)))
    'an array of float64 with shape (2, 3)'
    """
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} with shape {value.shape}"
    text = " ".join(repr(value).splitlines())
    return text if len(text) <= 120 else text[:117] + "..."


def look_up(what: str, name: str, table: Mapping[str, Row]) -> Row:
    """Return ``table[name]``; an unknown name raises ValueError that lists the names and guesses the one meant.

    >>> look_up("optimizer", "sdg", {"sgd": 1, "adam": 2})
    Traceback (most recent call last):
    ValueError: optimizer must be one of 'adam', 'sgd'. Got 'sdg'. Did you mean 'sgd'?
    """
    if name in table:
        return table[name]
    key = name.lower().replace("-", "_").replace(" ", "_")
    if key in table:
        return table[key]
    raise ValueError(sentence(what, one_of(table), name, guess(key, table)))


def guess(name: str, names: Iterable[str]) -> str:
    """Return the next step ``Did you mean 'a'?``, or nothing if no name is near.

    >>> guess("focal", ["binary_focal", "hinge"])
    "Did you mean 'binary_focal'?"
    """
    import difflib  # only when a name is wrong

    names = sorted(names)
    longer = [known for known in names if name in known.split("_")]  # "focal" is a part of two names
    near = longer or difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else ""


def one_of(names: Iterable[str]) -> str:
    """Return ``one of 'a', 'b'`` for the rule of a sentence."""
    return "one of " + ", ".join(map(repr, sorted(names)))


def check_number(
    what: str, value: Any, *, low: float = -np.inf, high: float = np.inf, strict: bool = False, whole: bool = False
) -> Any:
    """Return ``value`` if it is a finite number from ``low`` to ``high`` (above ``low`` if ``strict``).

    Raises TypeError for what is not a number (True is none), ValueError outside the bounds.

    >>> check_number("batch_size", 0, low=1, whole=True)
    Traceback (most recent call last):
    ValueError: batch_size must be a whole number of at least 1. Got 0.
    """
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    is_number = isinstance(value, kinds) and not isinstance(value, (bool, np.bool_))
    if is_number:
        number = int(value) if isinstance(value, (int, np.integer)) else float(value)
        if -LARGEST <= number <= LARGEST and low <= number <= high and not (strict and number == low):
            return number if whole else float(number)
    rule = "a whole number" if whole else "a finite number"
    bounds = []
    if low > -np.inf:
        bounds.append(f"{'above' if strict else 'of at least'} {_bound(low)}")
    if high < np.inf:
        bounds.append(f"{'below' if strict and low == -np.inf else 'of at most'} {_bound(high)}")
    rule = " ".join([rule, " and ".join(bounds)]).strip()
    raise (ValueError if is_number else TypeError)(sentence(what, rule, value))


def _bound(number: float) -> str:
    return str(number) if isinstance(number, int) and number < 2**53 else f"{number:g}"


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the user's own line: the nearest on the way here that is neither in the package nor in scikit-learn."""
    frame, level = sys._getframe(1), 2  # of whoever calls this; level 1 would be the line below
    while frame.f_back is not None and _is_inside(frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_inside(path: str) -> bool:
    return path.startswith(PACKAGE + os.sep) or f"{os.sep}sklearn{os.sep}" in path
