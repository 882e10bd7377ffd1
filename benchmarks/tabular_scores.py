"""From predictions to errors, and from errors to what is said of a model. Knows nothing of how it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHIFT = (
    0.01  # added to an error before its logarithm, so that a set which is almost solved does not outweigh the others
)
BINS = 15  # of equal width, of the greatest probability of a row
TINIEST = float(np.finfo(np.float32).eps)  # a probability below counts as this: some models answer in float32

Errors = Mapping[str, Mapping[str, float]]  # of each set, of each model


# --- of one split --------------------------------------------------------------------------------------------------
def of_classes(y: NDArray[Any], probabilities: NDArray[Any]) -> dict[str, float]:
    """Return 1 - accuracy, log loss and expected calibration error of probabilities (n, n_classes) for labels (n,)."""
    p = finite(probabilities)
    guess = p.argmax(axis=1)
    wrong = guess != y
    p = np.clip(p, TINIEST, 1)
    p /= p.sum(axis=1, keepdims=True)
    confidence = p[np.arange(len(y)), guess]
    return {
        "error": float(wrong.mean()),
        "logloss": float(-np.log(p[np.arange(len(y)), y]).mean()),
        "ece": calibration_error(~wrong, confidence),
    }


def calibration_error(right: NDArray[np.bool_], confidence: NDArray[np.float64]) -> float:
    """Return the mean over rows of |accuracy - mean confidence| of the row's bin (Naeini et al., 2015)."""
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(which, weights=right - confidence, minlength=BINS)  # of each bin, times its rows
    return float(np.abs(gap).sum() / len(right))


def of_numbers(y: NDArray[Any], predicted: NDArray[Any]) -> dict[str, float]:
    """Return the root of the mean squared error over the standard deviation of ``y`` (n,); the mean would have 1."""
    return {"error": float(np.sqrt(np.mean((np.ravel(finite(predicted)) - y) ** 2)) / np.std(y))}


def finite(predicted: NDArray[Any]) -> NDArray[np.float64]:
    """Return predictions as float64; ValueError if one is NaN or infinite."""
    found = np.asarray(predicted, dtype=np.float64)
    if not np.isfinite(found).all():
        raise ValueError(f"predictions must be finite. Got {np.sum(~np.isfinite(found))} of {found.size} that are not.")
    return found


def in_standard_errors(before: list[float], after: list[float]) -> float:
    """Return by how many standard errors of ``before``, one number a split, the mean has grown; NaN for one split."""
    if len(before) < 2:
        return float("nan")
    grown, error = np.mean(after) - np.mean(before), np.std(before, ddof=1) / np.sqrt(len(before))
    return float(grown / error) if error else float(np.sign(grown)) * np.inf if grown else 0.0


# --- of all sets ---------------------------------------------------------------------------------------------------
def shifted_geometric_mean(errors: Any, shift: float = SHIFT) -> float:
    """Return exp(mean(log(error + shift))) - shift."""
    return float(np.exp(np.mean(np.log(np.asarray(errors, dtype=np.float64) + shift))) - shift)


def ranks(errors: Mapping[str, float]) -> dict[str, float]:
    """Return the place of each model, 1 for the least error; those with the same error share the mean of theirs."""
    values = np.array(list(errors.values()))
    below = (values[None, :] < values[:, None]).sum(axis=1)
    same = (values[None, :] == values[:, None]).sum(axis=1)
    return dict(zip(errors, (below + (same + 1) / 2).tolist(), strict=True))


def complete(errors: Errors, models: list[str]) -> dict[str, dict[str, float]]:
    """Return the sets on which all of ``models`` have been, with the errors of these alone."""
    return {name: {m: row[m] for m in models} for name, row in errors.items() if all(m in row for m in models)}


def mean_ranks(errors: Errors) -> dict[str, float]:
    """Return the mean over the sets of each model's rank; every set must have the same models."""
    each = [ranks(row) for row in errors.values()]
    return {model: float(np.mean([row[model] for row in each])) for model in (each[0] if each else {})}


def against(errors: Errors, model: str, other: str) -> dict[str, int]:
    """Return on how many sets ``model`` has less error than ``other``, the same, and more; where both have been."""
    pairs = [(row[model], row[other]) for row in errors.values() if model in row and other in row]
    signs = [(a > b) - (a < b) for a, b in pairs]
    return {"wins": signs.count(-1), "ties": signs.count(0), "losses": signs.count(1)}


def worst(errors: Errors, model: str, baselines: list[str]) -> tuple[float, str] | None:
    """Return the greatest ratio of errors, each with SHIFT added, of ``model`` to the best of ``baselines``; its set.

    The model itself is no baseline of its own. None if there is no set with both.
    """
    found = []
    for name, row in errors.items():
        theirs = [row[other] for other in baselines if other in row and other != model]
        if model in row and theirs:
            found.append(((row[model] + SHIFT) / (min(theirs) + SHIFT), name))
    return max(found, default=None)
