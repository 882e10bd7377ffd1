"""What the page draws, as arrays: the network's answer over the plane, each unit's response, weights and gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural.playground import trace
from neural.playground.points import Points
from neural.playground.trainer import Batch, Trainer

GRID, EVERY = 48, 2  # the plane in so many squares a side; a unit's picture takes every second of them
SHOWN = 12  # units of a layer that are drawn
WRITTEN = 8  # rows and columns of a matrix that are written out
MIDDLE, SPREAD = 128, 127  # of the bytes of a picture with two signs
LARGEST = 1e30  # stands for what is infinite


@dataclass
class View:
    """What the page looks at: a layer and a unit of it, from 0, and a point of the plane, or None: a row."""

    layer: int = 0
    unit: int = 0
    point: tuple[float, float] | None = None


def plane(extent: list[float]) -> np.ndarray:
    """Return the middles of the squares of the picture, row by row from the top, float32 (GRID * GRID, 2).

    >>> plane([0, 1, 0, 1])[0].round(3)
    array([0.01, 0.99], dtype=float32)
    """
    left, right, bottom, top = extent
    part = (np.arange(GRID) + 0.5) / GRID
    x, y = np.meshgrid(left + part * (right - left), top - part * (top - bottom))
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


def signed(values: np.ndarray, axis: Any = None) -> np.ndarray:
    """Return numbers as bytes: 128 for 0, 1 and 255 for the largest absolute value (along ``axis``).

    >>> signed(np.array([-2.0, 0.0, 1.0]))
    array([  1, 128, 192], dtype=uint8)
    """
    values = np.nan_to_num(values, posinf=LARGEST, neginf=-LARGEST)
    most = np.maximum(np.abs(values).max(axis=axis, keepdims=axis is not None), 1e-30)
    return np.round(MIDDLE + SPREAD * (values / most)).astype(np.uint8)


def field(probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """Return which class has the plane, and how surely: 0 for chance, 255 for certainty; both (GRID, GRID) bytes."""
    probabilities, n = np.nan_to_num(probabilities), probabilities.shape[1]
    sure = (probabilities.max(axis=1) - 1 / n) / (1 - 1 / n)
    winner = probabilities.argmax(axis=1).astype(np.uint8)
    return {
        "winner": winner.reshape(GRID, GRID),
        "sure": np.round(255 * sure.clip(0, 1)).astype(np.uint8).reshape(GRID, GRID),
    }


def of_plane(trainer: Trainer, grid: np.ndarray) -> dict[str, np.ndarray]:
    """Return the answer over the plane, and the units' responses as (units, side, side) bytes."""
    seen = trace.forward(trainer.program, grid)
    found = field(seen[-1].a)
    for k, layer in enumerate(seen):
        values = layer.a[:, :SHOWN].T.reshape(-1, GRID, GRID)[:, ::EVERY, ::EVERY]
        found[f"tiles{k}"] = part(values) if layer is seen[-1] else signed(values, axis=(1, 2))
    return found


def part(values: np.ndarray) -> np.ndarray:
    """Return probabilities as bytes."""
    return np.round(255 * np.nan_to_num(values).clip(0, 1)).astype(np.uint8)


def of_images(trainer: Trainer, points: Points) -> dict[str, np.ndarray]:
    """Return the first layer's weights as images, and of later layers each unit's mean value for each class."""
    assert points.image_shape is not None
    seen, labels = trace.forward(trainer.program, trainer.test.X), trainer.test.y
    member = (labels[:, None] == np.arange(len(points.classes))).astype(np.float32)
    member /= np.maximum(member.sum(axis=0), 1)
    first = trainer.net.weights[0][:SHOWN].reshape(-1, *points.image_shape)
    found = {"tiles0": signed(first, axis=(1, 2))}
    for k, layer in enumerate(seen[1:], 1):
        means = (layer.a[:, :SHOWN].T @ member)[:, None, :]
        found[f"tiles{k}"] = part(means) if layer is seen[-1] else signed(means, axis=(1, 2))
    return found


def links(batch: Batch, image: bool) -> dict[str, np.ndarray]:
    """Return the weights that are drawn, and their gradients: (units, units before), float32.

    An image is one place from which a single line leads to each unit: the norm of its weights.
    """
    found = {}
    for k, (layer, gradient) in enumerate(zip(batch.seen, batch.gradients, strict=True)):
        for name, matrix in (("weights", layer.layer.weights), ("gradients", gradient["weights"])):
            whole = np.linalg.norm(matrix, axis=1, keepdims=True) if image and k == 0 else matrix[:, :SHOWN]
            found[f"{name}{k}"] = whole[:SHOWN].astype(np.float32)
        found[f"biases{k}"] = layer.layer.biases[:SHOWN, 0].astype(np.float32)
    return found


def example(seen: list[trace.Seen], image: bool) -> dict[str, np.ndarray]:
    """Return the inputs and the values of the drawn units for the first row, and where there are any its dJ/dz."""
    found = {} if image else {"inputs": seen[0].a_in[0]}
    for k, layer in enumerate(seen):
        found[f"values{k}"] = layer.a[0, :SHOWN]
        if layer.dz is not None:
            found[f"errors{k}"] = layer.dz[0, :SHOWN]
    return found


def numbers_of(seen: list[trace.Seen], batch: Batch, view: View, rows: int) -> dict[str, Any]:
    """Return the numbers of one layer that stand in its formulas, for the first row; long matrices are cut.

    ``seen`` is of the batch, or of another example on its way up.
    """
    layer = seen[view.layer]
    dense, unit = layer.layer, view.unit
    cut = slice(0, WRITTEN)
    found: dict[str, Any] = {
        "layer": view.layer, "unit": unit, "n_in": dense.n_in, "n_out": dense.n_out, "rows": rows,
        "activation": "softmax" if layer is seen[-1] else dense.activation_name,
        "a_in": short(layer.a_in[0, cut]), "W": [short(row[cut]) for row in dense.weights[cut]],
        "b": short(dense.biases[cut, 0]), "z": short(layer.z[0, cut]), "a": short(layer.a[0, cut]),
        "unit_w": short(dense.weights[unit, cut]), "unit_b": one(dense.biases[unit, 0]),
        "unit_z": one(layer.z[0, unit]), "unit_a": one(layer.a[0, unit]),
        "unit_wa": one(layer.a_in[0] @ dense.weights[unit]),
    }  # fmt: skip
    if layer.dz is not None:
        gradient = batch.gradients[view.layer]
        found |= {
            "dz": short(layer.dz[0, cut]), "unit_dz": short(layer.dz[cut, unit]),
            "unit_in": short(layer.a_in[cut, 0]), "unit_dw": short(gradient["weights"][unit, cut]),
            "unit_db": one(gradient["biases"][unit]),
        }  # fmt: skip
    return found


def short(values: np.ndarray) -> list[float | None]:
    """Return numbers with five significant digits, as the page needs them."""
    return [one(value) for value in values.tolist()]


def one(value: Any) -> float | None:
    """Return one number with five significant digits; None where it is not finite."""
    return float(f"{float(value):.5g}") if math.isfinite(value) else None
