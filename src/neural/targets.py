"""Targets at the door: labels, one-hot rows and values, checked and brought into the form that losses take."""

from __future__ import annotations

from typing import Any

import numpy as np

from neural.activations import floating
from neural.errors import sentence
from neural.inputs import numbers

Classes = np.ndarray | None


def columns(what: str, y: np.ndarray, n_out: int) -> np.ndarray:
    """Return ``y`` as (n, n_out); (n,) will do for one output."""
    if y.ndim == 1 and n_out == 1:
        y = y[:, None]
    if y.ndim != 2 or y.shape[1] != n_out:
        rule = f"of shape (n, {n_out}){' or (n,)' if n_out == 1 else ''} for a network with {n_out} outputs"
        raise ValueError(sentence(what, rule, y))
    return y


def one_column(what: str, y: np.ndarray, n_out: int) -> np.ndarray:
    """Return labels (n,) or (n, 1) as (n,)."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(sentence(what, f"labels (n,) or one-hot (n, {n_out}) for {n_out} outputs", y))
    return y


def column_numbers(y: np.ndarray, n_out: int) -> np.ndarray:
    """Return labels as int64 column numbers, all from 0 to n_out - 1."""
    bad = y[(y < 0) | (y >= n_out) | (y != np.floor(y))] if y.dtype.kind != "b" else y[:0]
    if bad.size:
        rule = f"class numbers from 0 to {n_out - 1} for a network with {n_out} output{'s' * (n_out > 1)}"
        step = "One output is BinaryCrossentropy's, or end with two units and softmax." if n_out == 1 else ""
        if bad[0] == n_out > 1:
            step = "Subtract 1 if the classes count from 1, or give the last layer one more unit."
        raise ValueError(sentence("y", rule, bad[0].item(), step))
    return y.astype(np.int64)


def names_of_columns(n_classes: int, classes: Classes) -> np.ndarray:
    """Return the text labels that the classes had before, if there are as many, and else their numbers.

    Numbers as targets are column numbers, so they leave the names of the columns as they are.
    """
    named = classes is not None and classes.dtype.kind == "U" and len(classes) == n_classes
    return np.asarray(classes) if named else np.arange(n_classes)


def label_numbers(y: np.ndarray, n_classes: int, classes: Classes) -> tuple[np.ndarray, Classes]:
    """Return text labels as column numbers in sorted order, and the sorted labels."""
    found, classes = np.unique(y), names_of_columns(n_classes, classes)
    if classes.dtype.kind != "U":
        classes = found
        if len(found) != n_classes:
            rule = f"of {n_classes} different labels for this network"
            raise ValueError(sentence("y", rule, f"{len(found)}: {', '.join(found[:12])}"))
    unknown = np.setdiff1d(found, classes)
    if unknown.size:
        raise ValueError(sentence("y", f"one of the labels {', '.join(classes)}", str(unknown[0])))
    return np.searchsorted(classes, y).astype(np.int64), classes


def distributions(y: np.ndarray, loss: str) -> np.ndarray:
    """Return one-hot rows as column numbers, other probabilities made to sum to 1 exactly."""
    sums = y.sum(axis=1, dtype=np.float64)
    bad = np.flatnonzero((np.abs(sums - 1) > 1e-3) | (y.min(axis=1) < 0))
    if bad.size:
        rule = f"one-hot, or probabilities that sum to 1 in each row, for {loss}"
        raise ValueError(sentence("y", rule, y[bad[0]].tolist(), f"See row {bad[0]}."))
    certain = bool(np.all((y == 0) | (y == 1)))
    return np.argmax(y, axis=1).astype(np.int64) if certain else y / sums[:, None]


def one_hot(y: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return column numbers as (n, K), of the shape and dtype of ``a``; what is (n, K) already as it is."""
    return y if y.ndim == 2 else (y[:, None] == np.arange(a.shape[1])).astype(a.dtype)


def subtract_targets(d: np.ndarray, y: np.ndarray) -> None:
    """D -= y, with y as column numbers or as (n, K)."""
    if y.ndim == 1:
        d[np.arange(len(y)), y] -= 1
    else:
        np.subtract(d, y, out=d)


def by_hand(y_true: Any, y_pred: Any, outputs_per_target: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return both arguments of a by-hand function as (batch, n_out), in the dtype of ``y_pred``.

    Where a target has several outputs, ``y_true`` may have a row for each target, which is then repeated.
    """
    a, y = floating(y_pred, "y_pred"), numbers("y_true", y_true)
    if a.ndim not in (1, 2) or a.size == 0:
        raise ValueError(sentence("y_pred", "(n_out, batch), samples in columns, and not empty", a))
    y = y.astype(a.dtype)
    once = y[None] if y.ndim == 1 else y
    if outputs_per_target > 1 and (len(once) * outputs_per_target, *once.shape[1:]) == a.shape:
        y = np.repeat(once, outputs_per_target, axis=0)
    if y.shape != a.shape and not (y.ndim and y.size == a.size == max(y.shape) == max(a.shape)):
        raise ValueError(sentence("y_true", f"of the shape of y_pred, {a.shape}", y))
    rows = a.reshape(1, -1).T if a.ndim == 1 else a.T
    return y.reshape(a.shape).reshape(rows.T.shape).T, rows
