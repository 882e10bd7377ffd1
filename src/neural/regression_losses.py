"""Losses of values: means over the outputs."""

from __future__ import annotations

import numpy as np

from neural.loss import Loss
from neural.parameters import Own


class MSE(Loss):
    """loss_i = mean over the outputs of (a - y)^2; da = 2 (a - y) / n_out, so by hand 2 (p - y) / (m n_out).

    Targets are (n,) or (n, 1) for one output, (n, K) for K.

    >>> MSE().loss_prime([[1.0, 2.0]], [[2.0, 2.0]])
    array([[1., 0.]])
    """

    name = "mse"

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        np.subtract(a, y, out=da)
        rows = np.einsum("ij,ij->i", da, da) / a.shape[1]
        np.multiply(da, 2 / a.shape[1], out=da)
        return rows


class MAE(Loss):
    """loss_i = mean over the outputs of |a - y|; da = sign(a - y) / n_out, 0 at equality.

    Targets are (n,) or (n, 1) for one output, (n, K) for K.

    >>> MAE().loss([[1.0, 2.0]], [[2.0, 2.0]])
    0.5
    """

    name = "mae"
    kinks = (0.0,)

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        np.subtract(a, y, out=da)
        rows = np.add.reduce(np.abs(da), axis=1) / a.shape[1]
        np.sign(da, out=da)
        np.divide(da, a.shape[1], out=da)
        return rows
