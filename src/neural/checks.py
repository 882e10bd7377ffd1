"""Is what a user's own layer, loss or activation gives of the right form? Asked for the first batch of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neural.errors import sentence
from neural.layer import Layer
from neural.layers import ActivationLayer
from neural.loss import Loss

MARKS = {4: (np.int32, 0x7FC0BEEF), 8: (np.int64, 0x7FF8DEADBEEFBEEF)}  # NaNs that no arithmetic makes


def forward(layer: Layer, x: np.ndarray, given: Any) -> None:
    """Raise unless ``forward`` gave a pair: outputs as wide as ``width_after`` says, one row a sample, and a cache."""
    name = _name(layer)
    what = f"what {name}.forward returns"
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise TypeError(sentence(what, "a pair: the outputs, and what backward needs", given, "Use None for nothing."))
    what = f"the outputs that {name}.forward returns"
    _check_array(what, given[0])
    wanted = len(x), layer.width_after(x.shape[1])
    if given[0].shape != wanted:
        step = "" if isinstance(layer, ActivationLayer) else f"If the width is right, say so in {name}.width_after."
        raise ValueError(sentence(what, f"of shape {wanted}", given[0], step))


def backward(layer: Layer, dy: np.ndarray, dx: Any) -> None:
    """Raise unless ``backward`` gave a derivative for each input."""
    what = f"what {_name(layer)}.backward returns"
    _check_array(what, dx)
    if len(dx) != len(dy) or layer.width_after(dx.shape[-1]) != dy.shape[1]:
        raise ValueError(sentence(what, "dJ/dx, of the shape of the layer's inputs", dx))


def mark(d: np.ndarray) -> None:
    """Fill ``d`` with a NaN that tells an element that nobody has written."""
    kind, bits = MARKS[d.itemsize]
    d.view(kind)[...] = bits


def losses(cost: Callable[..., Any], found: Any, d: np.ndarray) -> None:
    """Raise unless a loss gave a value for each row and wrote all of its derivative into ``d``."""
    kind = type(getattr(cost, "__self__", cost))
    by_outputs = getattr(kind, "of_scores", None) is Loss.of_scores
    name = f"{kind.__name__}.{'of_outputs' if by_outputs else getattr(cost, '__name__', 'of_scores')}"
    _check_array(f"what {name} returns", found)
    if found.shape != d.shape[:1]:
        raise ValueError(sentence(f"what {name} returns", f"one loss a row, of shape {d.shape[:1]}", found))
    whole, bits = MARKS[d.itemsize]
    if (d.view(whole) == bits).any():
        raise ValueError(f"{name} must write d loss / d outputs into all of its third argument, as da[...] = ... does.")


def _name(layer: Layer) -> str:
    """Return the class that a formula is from: of an ActivationLayer, the activation."""
    return type(layer.function if isinstance(layer, ActivationLayer) else layer).__name__


def _check_array(what: str, found: Any) -> None:
    if not isinstance(found, np.ndarray):
        raise TypeError(sentence(what, "an array", found))
