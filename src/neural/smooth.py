"""Smooth activations that let the positive side through.

Most are z times a share that goes from 0 to 1. Far out, where the share is 0 or 1 to the last bit, z is held at a bound
before it is multiplied, since 0 times infinity is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neural.activation import Activation

FAR = 800.0  # e^-800 is 0
FAR_NORMAL = 40.0  # e^(-40^2 / 2) is 0
ROOT_2_PI = 2.5066282746310002  # of 2 pi

# Hart et al., Computer Approximations, 1968, no. 5666, as West prints it (Better approximations to cumulative normal
# functions, Wilmott, 2005): from the highest power down.
HART_TOP = (
    0.0352624965998911, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871, 221.213596169931,
    220.206867912376,
)  # fmt: skip
HART_BOTTOM = (
    0.0883883476483184, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674, 637.333633378831,
    793.826512519948, 440.413735824752,
)  # fmt: skip


def polynomial(coefficients: Sequence[float], t: np.ndarray) -> np.ndarray:
    """Return the polynomial of ``t``, by Horner's rule, in the dtype of ``t``."""
    total = np.full_like(t, coefficients[0])
    for c in coefficients[1:]:
        np.multiply(total, t, out=total)
        np.add(total, c, out=total)
    return total


def bell(t: np.ndarray) -> np.ndarray:
    """Return e^(-t^2 / 2)."""
    squares = np.multiply(t, t)
    np.multiply(squares, -0.5, out=squares)
    return np.exp(squares, out=squares)


def tail_over_bell(t: np.ndarray) -> np.ndarray:
    """Return the share of the standard normal above ``t``, divided by e^(-t^2/2), for t from 0 to 40.

    In float64 the share's error is below 2e-16. As a part of the share it is 2e-14 up to t = 3 and 3e-9 up to 7.

    >>> t = np.array([0.0, 1.0, 2.0])
    >>> (bell(t) * tail_over_bell(t)).round(4)
    array([0.5   , 0.1587, 0.0228])
    """
    top = polynomial(HART_TOP, t)
    return np.divide(top, polynomial(HART_BOTTOM, t), out=top)


def logistic(z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + e^-z)."""
    s = np.negative(z)
    np.exp(s, out=s)
    np.add(s, 1, out=s)
    return np.divide(1, s, out=s)


class Softplus(Activation):
    """f(z) = log(1 + e^z), f' = 1 / (1 + e^-z) = 1 - e^-f (Dugas et al., 2001).

    >>> Softplus.activation([[-500.0, 0.0, 500.0]]).round(4)
    array([[  0.    ,   0.6931, 500.    ]])
    """

    name = "softplus"
    range = (0.0, np.inf)

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        return np.logaddexp(z, 0, out=out)  # no overflow on either side

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.negative(a, out=out)
        np.expm1(out, out=out)  # e^-f - 1, exact where f is small
        np.negative(out, out=out)
        return np.multiply(out, da, out=out)


class GELU(Activation):
    """f(z) = z Phi(z), f' = Phi(z) + z e^(-z^2/2) / sqrt(2 pi) (Hendrycks and Gimpel, 2016).

    Phi(z) = (1 + erf(z / sqrt 2)) / 2 is the share of the standard normal below z. With t = |z| and tail = 1 - Phi(t):
    f = max(0, z) - t tail, and f' is d = tail - t e^(-t^2/2) / sqrt(2 pi) below 0 and 1 - d above.

    >>> GELU.activation([[-1.0, 0.0, 2.0]]).round(4)
    array([[-0.1587,  0.    ,  1.9545]])
    """

    name = "gelu"
    range = (-0.17, np.inf)  # f(-0.7518) = -0.16997
    relu_like = True
    needs_z = True

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        t = np.minimum(np.abs(z), FAR_NORMAL)
        np.multiply(bell(t), tail_over_bell(t), out=out)
        np.multiply(out, t, out=out)
        return np.subtract(np.maximum(z, 0), out, out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        t = np.minimum(np.abs(z), FAR_NORMAL)
        np.divide(t, -ROOT_2_PI, out=out)
        np.add(out, tail_over_bell(t), out=out)
        np.multiply(out, bell(t), out=out)
        np.subtract(1, out, out=out, where=z > 0)
        return np.multiply(out, da, out=out)


class GELUTanh(Activation):
    """f(z) = z (1 + tanh u) / 2 = z s with s = 1 / (1 + e^-2u) and u = sqrt(2/pi) (z + 0.044715 z^3).

    An approximation of GELU, to 5e-4 (Hendrycks and Gimpel, 2016). f' = s + z s (1 - s) (2u)'.

    >>> GELUTanh.activation([[-1.0, 0.0, 2.0]]).round(4)
    array([[-0.1588,  0.    ,  1.9546]])
    """

    TWICE: float = 1.5957691216057308  # 2 sqrt(2/pi)
    CUBIC: float = 0.044715

    name = "gelu_tanh"
    range = (-0.1701, np.inf)  # f(-0.7525) = -0.17004
    relu_like = True
    needs_z = True

    def twice_u(self, z: np.ndarray) -> np.ndarray:
        u = np.multiply(z, z)
        np.multiply(u, self.TWICE * self.CUBIC, out=u)
        np.add(u, self.TWICE, out=u)
        return np.multiply(u, z, out=u)

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        s = logistic(self.twice_u(np.clip(z, -FAR_NORMAL, FAR_NORMAL)))
        np.maximum(z, -FAR_NORMAL, out=out)
        return np.multiply(out, s, out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        held = np.clip(z, -FAR_NORMAL, FAR_NORMAL)
        u = self.twice_u(held)
        np.multiply(held, held, out=out)
        np.multiply(out, 3 * self.TWICE * self.CUBIC, out=out)
        np.add(out, self.TWICE, out=out)  # (2u)'
        np.multiply(out, held, out=out)
        np.multiply(out, logistic(-u), out=out)  # 1 - s to the last digits
        np.add(out, 1, out=out)
        np.multiply(out, logistic(u), out=out)
        return np.multiply(out, da, out=out)


class SiLU(Activation):
    """f(z) = z s with s = 1 / (1 + e^-z), f' = s (1 + z (1 - s)) (Elfwing et al., 2018); also named swish.

    >>> SiLU.activation([[-1.0, 0.0, 2.0]]).round(4)
    array([[-0.2689,  0.    ,  1.7616]])
    """

    name = "silu"
    range = (-0.2785, np.inf)  # f(-1.2785) = -0.27846
    relu_like = True
    needs_z = True

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.maximum(z, -FAR, out=out)
        return np.multiply(out, logistic(z), out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        np.clip(z, -FAR, FAR, out=out)
        np.multiply(out, logistic(-z), out=out)  # 1 - s to the last digits
        np.add(out, 1, out=out)
        np.multiply(out, logistic(z), out=out)
        return np.multiply(out, da, out=out)


class Mish(Activation):
    """f(z) = z tanh(log(1 + e^z)) = z r with r = (n^2 - 1) / (n^2 + 1) and n = 1 + e^z (Misra, 2020).

    f' = r + z r', r' = 4 n e^z / (n^2 + 1)^2.

    >>> Mish.activation([[-1.0, 0.0, 2.0]]).round(4)
    array([[-0.3034,  0.    ,  1.944 ]])
    """

    FAR = 25.0  # from there on r is 1 and z r' is 0 to the last bit of 1; e^2z would overflow

    name = "mish"
    range = (-0.3089, np.inf)  # f(-1.1925) = -0.30884
    relu_like = True
    needs_z = True

    def parts(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return e^z and n^2 - 1 = e^z (e^z + 2)."""
        e = np.minimum(z, self.FAR)
        np.exp(e, out=e)
        return e, e * (e + 2)

    def forward(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        _, top = self.parts(z)
        np.divide(top, top + 2, out=top)
        return np.multiply(np.maximum(z, -FAR), top, out=out)

    def backward(self, da: np.ndarray, z: np.ndarray, a: np.ndarray, out: np.ndarray) -> np.ndarray:
        e, top = self.parts(z)
        np.clip(z, -FAR, self.FAR, out=out)
        np.multiply(out, 4 * (1 + e) * e / (top + 2), out=out)
        np.add(out, top, out=out)
        np.divide(out, top + 2, out=out)
        return np.multiply(out, da, out=out)
