"""Losses of classes: one of K, or each output yes or no."""

from __future__ import annotations

from typing import Any

import numpy as np

from neural import activations
from neural.errors import sentence
from neural.inputs import array, numbers
from neural.loss import Loss
from neural.parameters import Own
from neural.targets import (
    Classes,
    by_hand,
    column_numbers,
    columns,
    distributions,
    label_numbers,
    names_of_columns,
    one_column,
)

SIGMOID = activations.Sigmoid()


class CategoricalCrossentropy(Loss):
    """loss_i = -sum_k y_k log p_k, one of K classes.

    Under softmax, from the scores: log sum_k e^(z_k) - sum_k y_k z_k, and dz = p - y (Bishop, 2006, eq. 4.109). After
    sigmoid or hard_sigmoid: dp = -y / p, with p held at least float precision above 0 in both.

    Targets are one-hot (n, K) (bool too), probabilities (n, K), column numbers (n,), or text labels (n,), which are
    sorted. By hand, ``loss_prime`` is (p - y)/m: dJ/dZ under a softmax.

    >>> CategoricalCrossentropy().loss_prime([[1.0], [0.0]], [[0.75], [0.25]])
    array([[-0.25],
           [ 0.25]])
    """

    name = "categorical_crossentropy"
    link = "softmax"
    range = (0.0, 1.0)

    def of_scores(self, z: np.ndarray, y: np.ndarray, dz: np.ndarray, own: Own) -> np.ndarray:
        np.subtract(z, np.maximum.reduce(z, axis=1, keepdims=True), out=dz)
        of_truth = dz[np.arange(len(y)), y] if y.ndim == 1 else np.einsum("ij,ij->i", dz, y)
        np.exp(dz, out=dz)
        total = np.add.reduce(dz, axis=1, keepdims=True)
        np.divide(dz, total, out=dz)
        _subtract_targets(dz, y)
        return np.log(total[:, 0]) - of_truth

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        p = np.maximum(a, np.finfo(a.dtype).eps)
        da[...] = 0
        _subtract_targets(da, y)
        of_truth = np.log(p[np.arange(len(y)), y]) if y.ndim == 1 else np.einsum("ij,ij->i", np.log(p), y)
        np.divide(da, p, out=da)
        return -of_truth

    def encode(self, y: Any, n_out: int, classes: Classes = None) -> tuple[np.ndarray, Classes]:
        y = array("y", y)
        if y.ndim == 2 and y.shape[1] == n_out > 1:
            return distributions(numbers("y", y)), names_of_columns(n_out, classes)
        flat = one_column("y", y, n_out)
        if flat.dtype.kind == "U":
            return label_numbers(flat, n_out, classes)
        return column_numbers(numbers("y", flat), n_out), names_of_columns(n_out, classes)

    def labels(self, targets: np.ndarray) -> np.ndarray:
        return targets if targets.ndim == 1 else np.argmax(targets, axis=1)

    def loss_prime(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """Return (p - y)/m: dJ/dZ when ``y_pred`` comes out of a softmax."""
        y, a = by_hand(y_true, y_pred)
        return ((a - y) / len(a)).T.reshape(np.shape(y_pred))


class BinaryCrossentropy(Loss):
    """loss_i = -sum_k (y_k log p_k + (1 - y_k) log(1 - p_k)), each output yes or no.

    Under sigmoid, from the scores: max(z, 0) - z y + log(1 + e^-|z|), and dz = p - y, finite for every finite score.
    Alone: dp = (p - y) / (p (1 - p)), with p held float precision away from 0 and 1 in both. Outputs are summed.

    Targets are (n,) or (n, 1) for one output, (n, K) for K, from 0 to 1; two text labels are sorted.

    >>> BinaryCrossentropy().loss([[1.0, 0.0]], [[0.5, 0.5]])
    0.6931471805599453
    """

    name = "binary_crossentropy"
    link = "sigmoid"
    range = (0.0, 1.0)

    def of_scores(self, z: np.ndarray, y: np.ndarray, dz: np.ndarray, own: Own) -> np.ndarray:
        loss, part = own.array("loss", z.shape), dz
        np.maximum(z, 0, out=loss)
        np.multiply(z, y, out=part)
        np.subtract(loss, part, out=loss)  # the large terms first: what is left of them is exact where they cancel
        np.abs(z, out=part)
        np.negative(part, out=part)
        np.exp(part, out=part)
        np.log1p(part, out=part)
        np.add(loss, part, out=loss)
        SIGMOID.forward(z, dz)
        np.subtract(dz, y, out=dz)
        return np.add.reduce(loss, axis=1)

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        eps = np.finfo(a.dtype).eps
        p = np.minimum(np.maximum(a, eps), 1 - eps)
        np.divide(p - y, p * (1 - p), out=da)
        return -np.add.reduce(y * np.log(p) + (1 - y) * np.log1p(-p), axis=1)

    def check_output(self, activation: activations.Activation | None) -> None:
        if activation is not None and activation.name == "softmax":
            raise ValueError(
                "BinaryCrossentropy takes each output alone, and softmax makes them sum to 1. Got softmax last. "
                "Use CategoricalCrossentropy, or end the network with sigmoid."
            )
        super().check_output(activation)

    def encode(self, y: Any, n_out: int, classes: Classes = None) -> tuple[np.ndarray, Classes]:
        y = array("y", y)
        if y.dtype.kind == "U":
            if n_out != 1:
                raise ValueError(sentence("y", f"numbers from 0 to 1 for {n_out} outputs", y))
            y, classes = label_numbers(one_column("y", y, 2), 2, classes)
        targets = columns("y", numbers("y", y), n_out)
        bad = targets[(targets < 0) | (targets > 1)]
        if bad.size:
            step = "Write two classes as 0 and 1; for more, end with softmax and use CategoricalCrossentropy."
            raise ValueError(sentence("y", "from 0 to 1 for BinaryCrossentropy", bad[0].item(), step))
        return targets, names_of_columns(2, classes)

    def labels(self, targets: np.ndarray) -> np.ndarray:
        return super().labels((targets > 0.5).astype(np.int64))


def _subtract_targets(d: np.ndarray, y: np.ndarray) -> None:
    """D -= y, with y as column numbers or as (n, K)."""
    if y.ndim == 1:
        d[np.arange(len(y)), y] -= 1
    else:
        np.subtract(d, y, out=d)
