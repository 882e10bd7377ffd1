"""Activations that take probabilities, or other sizes, back to the scores that they came of.

``log`` undoes exponential, and softmax but for a constant; ``logit`` undoes sigmoid. Between an ``AverageLayer`` of
probabilities and a last softmax or sigmoid they make the mean of the probabilities the output of the network.
"""

from __future__ import annotations

import numpy as np

from neural.activation import Activation

TINY = 1.1754943508222875e-38  # 2^-126, the smallest normal float32: nothing smaller has its logarithm taken


class Log(Activation):
    """f(z) = log(max(z, t)) with t = 2^-126, about 1e-38; f' = 1 / z above t, and 0 below.

    >>> Log.activation([[0.0, 1.0, 10.0]]).round(4)
    array([[-87.3365,   0.    ,   2.3026]])
    """

    name = "log"
    range = (-87.34, np.inf)
    kinks = (TINY,)
    needs_z = True

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.maximum(z, TINY, out=out)
        return np.log(out, out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.divide(da, z, out=out)
        np.copyto(out, 0, where=z <= TINY)  # not where z is NaN
        return out


class Logit(Activation):
    """f(z) = log(z / (1 - z)), both of them held from t = 2^-126 to 1; f' = 1 / (z (1 - z)) from t to 1, and 0 outside.

    >>> Logit.activation([[0.0, 0.5, 0.9, 1.0]]).round(4)
    array([[-87.3365,   0.    ,   2.1972,  87.3365]])
    """

    name = "logit"
    range = (-87.34, 87.34)
    kinks = (TINY, 1.0)
    needs_z = True

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.subtract(1, z, out=out)
        np.clip(out, TINY, 1, out=out)
        np.divide(np.clip(z, TINY, 1), out, out=out)
        return np.log(out, out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.subtract(1, z, out=out)
        np.multiply(out, z, out=out)
        np.divide(da, out, out=out)
        np.copyto(out, 0, where=(z <= TINY) | (z >= 1))
        return out
