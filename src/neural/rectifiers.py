"""Activations in pieces: one formula below 0 and another above, or two bounds.

NaN stays NaN: ``np.maximum``, ``np.minimum`` and ``np.sign`` keep it, and what a comparison overwrites is never NaN.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from neural.activation import Activation
from neural.errors import check_number


class ReLU(Activation):
    """f(z) = max(0, z), f' = 1 above 0 and 0 elsewhere, so f'(0) = 0. NaN stays NaN in both.

    >>> ReLU.activation_prime([[-1.0, 0.0, 2.0]])
    array([[0., 0., 1.]])
    """

    name = "relu"
    range = (0.0, np.inf)
    kinks = (0.0,)
    relu_like = True

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        return np.maximum(z, 0, out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.sign(a, out=out)  # 1 above 0, 0 at 0, and NaN where a is NaN, which a comparison would hide
        return np.multiply(out, da, out=out)


class LeakyReLU(Activation):
    """f(z) = z above 0 and slope z elsewhere; f' = 1 above 0 and ``slope`` elsewhere (Maas et al., 2013).

    The slope is above 0 and at most 1, so that f(z) = max(z, slope z) has the sign of z.

    >>> LeakyReLU(0.2).activation([[-1.0, 2.0]])
    array([[-0.2,  2. ]])
    """

    name = "leaky_relu"
    kinks = (0.0,)
    relu_like = True

    def __init__(self, slope: float = 0.01) -> None:
        self.slope: float = check_number("slope", slope, low=0, high=1, strict=True)

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.multiply(z, self.slope, out=out)
        return np.maximum(z, out, out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.sign(a, out=out)
        np.maximum(out, self.slope, out=out)
        return np.multiply(out, da, out=out)


class ReLU6(Activation):
    """f(z) = min(max(0, z), 6), f' = 1 between 0 and 6 and 0 elsewhere (Krizhevsky, 2010).

    >>> ReLU6.activation([[-1.0, 4.0, 9.0]])
    array([[0., 4., 6.]])
    """

    name = "relu6"
    range = (0.0, 6.0)
    kinks = (0.0, 6.0)
    relu_like = True

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.maximum(z, 0, out=out)
        return np.minimum(out, 6, out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.subtract(6, a, out=out)
        np.multiply(out, a, out=out)  # above 0 between the kinks, 0 outside them
        np.sign(out, out=out)
        return np.multiply(out, da, out=out)


class ELU(Activation):
    """f(z) = z above 0 and alpha (e^z - 1) elsewhere; f' = 1 above 0 and f + alpha elsewhere (Clevert et al., 2016).

    >>> ELU().activation([[-1.0, 2.0]]).round(4)
    array([[-0.6321,  2.    ]])
    """

    name = "elu"
    range = (-1.0, np.inf)
    kinks = (0.0,)  # with alpha 1, of f''
    relu_like = True

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha: float = check_number("alpha", alpha, low=0, strict=True)
        self.range = (-self.alpha, np.inf)

    def settings(self) -> dict[str, Any]:
        return {"alpha": self.alpha}

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.minimum(z, 0, out=out)  # e^z would overflow
        np.expm1(out, out=out)
        np.multiply(out, self.alpha, out=out)
        return np.add(out, np.maximum(z, 0), out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.add(a, self.alpha, out=out)
        np.copyto(out, 1, where=a > 0)
        return np.multiply(out, da, out=out)


class SELU(Activation):
    """f(z) = s z above 0 and s alpha (e^z - 1) elsewhere; f' = s above 0 and f + s alpha elsewhere.

    s = 1.0507 and alpha = 1.6733 are such that outputs keep mean 0 and variance 1 if inputs have them and weights have
    mean 0 and variance 1 / n_in (Klambauer et al., 2017). So "auto" starts its layers with lecun_normal.

    >>> SELU.activation([[-100.0, 1.0]]).round(4)
    array([[-1.7581,  1.0507]])
    """

    SCALE: ClassVar[float] = 1.0507009873554804934
    DEPTH: ClassVar[float] = 1.7580993408473768600  # s alpha

    name = "selu"
    range = (-DEPTH, np.inf)
    kinks = (0.0,)

    @property
    def start(self) -> str:
        return "lecun_normal"

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.minimum(z, 0, out=out)
        np.expm1(out, out=out)
        np.multiply(out, self.DEPTH, out=out)
        return np.add(out, self.SCALE * np.maximum(z, 0), out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.add(a, self.DEPTH, out=out)
        np.copyto(out, self.SCALE, where=a > 0)
        return np.multiply(out, da, out=out)


class HardSwish(Activation):
    """f(z) = z min(max(0, z + 3), 6) / 6; f' = z/3 + 1/2 between -3 and 3, 0 below and 1 above (Howard et al., 2019).

    >>> HardSwish.activation([[-4.0, 1.5, 4.0]])
    array([[-0.   ,  1.125,  4.   ]])
    """

    name = "hard_swish"
    range = (-0.375, np.inf)
    kinks = (-3.0, 3.0)
    relu_like = True
    needs_z = True

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.add(z, 3, out=out)
        np.maximum(out, 0, out=out)
        np.minimum(out, 6, out=out)
        np.divide(out, 6, out=out)
        return np.multiply(out, np.maximum(z, -3), out=out)  # -3 below it, as 0 times infinity is NaN

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.divide(z, 3, out=out)
        np.add(out, 0.5, out=out)
        np.copyto(out, 0, where=z <= -3)
        np.copyto(out, 1, where=z >= 3)
        return np.multiply(out, da, out=out)
