"""Losses of values: means over the outputs, or over the targets where one target has several outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from neural.errors import check_number, sentence
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


class Huber(Loss):
    """loss_i = mean over the outputs of e^2/2 where |e| <= delta, and delta (|e| - delta/2) beyond; e = a - y.

    da = e, held within -delta and delta, / n_out: a far point pulls no harder than one at delta (Huber, 1964).
    ``delta`` is in units of y, above 0. Targets are (n,) or (n, 1) for one output, (n, K) for K.

    >>> Huber(delta=1).loss([[0.0, 0.0]], [[0.5, 3.0]])  # (0.125 + 2.5) / 2
    1.3125
    """

    name = "huber"

    def __init__(self, delta: float = 1.0, *, l2: float = 0) -> None:
        self.delta = check_number("delta", delta, low=0, strict=True)
        super().__init__(l2)

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Where the slope of the derivative jumps."""
        return -self.delta, self.delta

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        np.subtract(a, y, out=da)
        size = np.abs(da)
        near = np.minimum(size, self.delta)
        rows = np.add.reduce(near * (size - near / 2), axis=1) / a.shape[1]  # both cases at once
        np.clip(da, -self.delta, self.delta, out=da)
        np.divide(da, a.shape[1], out=da)
        return rows


class LogCosh(Loss):
    """loss_i = mean over the outputs of log cosh(a - y); da = tanh(a - y) / n_out.

    e^2/2 for small errors, |e| - log 2 for large ones, with no corner between. Exact for tiny errors and finite for
    huge ones. Targets are (n,) or (n, 1) for one output, (n, K) for K.

    >>> LogCosh().loss_prime([[0.0, 0.0]], [[0.0, 1000.0]])
    array([[0. , 0.5]])
    """

    name = "log_cosh"

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        np.subtract(a, y, out=da)
        size = np.abs(da)
        np.tanh(da, out=da)
        small = np.exp(-size)
        far = (size - math.log(2)) + np.log1p(small * small)
        near = -0.5 * np.log1p(-np.minimum(da * da, 0.7))  # cosh^2 = 1 / (1 - tanh^2), and tanh^2 < 0.6 below 1
        rows = np.add.reduce(np.where(size < 1, near, far), axis=1) / a.shape[1]
        np.divide(da, a.shape[1], out=da)
        return rows


class Quantile(Loss):
    """loss_i = mean over the outputs of q (y - a) where y > a, and (1 - q) (a - y) elsewhere: the pinball loss.

    The output that makes it least on average has the fraction q of the targets below it (Koenker and Bassett, 1978); q
    = 1/2 is the median, and half of MAE. da = -q below the target, 1 - q above it, 0 at equality, / n_out.

    ``quantiles``: one number between 0 and 1, or several at once: the network then has one output for each quantile,
    for the first target, then for the second, and so on: ``predict(X).reshape(n, targets, quantiles)``. Targets are
    (n,) or (n, targets), shared by all quantiles. Metrics take the quantile nearest to 1/2. Nothing keeps quantiles
    from crossing where there are few data.

    >>> Quantile([0.1, 0.5, 0.9]).loss([[2.0]], [[1.0], [2.0], [4.0]]).__round__(9)  # (0.1 + 0 + 0.2) / 3
    0.1
    """

    name = "quantile"
    kinks = (0.0,)

    def __init__(self, quantiles: float | Sequence[float] = 0.5, *, l2: float = 0) -> None:
        several = isinstance(quantiles, Sequence | np.ndarray) and not isinstance(quantiles, str)
        found: list[Any] = list(quantiles) if several else [quantiles]  # type: ignore[arg-type]
        for q in found:
            if not 0 < check_number("quantiles", q, low=0, high=1) < 1:
                raise ValueError(sentence("quantiles", "between 0 and 1, neither of them included", q))
        if not found:
            raise ValueError(sentence("quantiles", "one number or more", quantiles))
        self.quantiles = [float(q) for q in found] if several else float(found[0])
        super().__init__(l2)

    def _list(self) -> list[float]:
        return self.quantiles if isinstance(self.quantiles, list) else [self.quantiles]

    @property
    def outputs_per_target(self) -> int:  # type: ignore[override]
        """One for each quantile."""
        return len(self._list())

    def constants(self, n_out: int) -> list[float]:
        return self._list() * (n_out // self.outputs_per_target)

    def estimates(self, outputs: np.ndarray) -> np.ndarray:
        middle = int(np.argmin(np.abs(np.subtract(self._list(), 0.5))))
        return outputs[:, middle :: self.outputs_per_target]

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        q, e = np.array(self.constants(a.shape[1]), a.dtype), a - y
        np.multiply(np.where(e > 0, 1 - q, q), np.sign(e), out=da)
        rows = np.add.reduce(e * da, axis=1) / a.shape[1]
        np.divide(da, a.shape[1], out=da)
        return rows


class Poisson(Loss):
    """loss_i = mean over the outputs of a - y - y log(a / y), half the deviance of counts y from rates a.

    Up to terms in y alone, which no weight changes, the negative log-likelihood a - y log a; at a = y it is 0. Under
    exponential, from the scores, which are log rates: dz = (a - y) / n_out (McCullagh and Nelder, 1989, section 2.3).
    Alone: da = (1 - y / a) / n_out, with a held at least float precision above 0.

    Targets are counts, or counts for a unit of time, at least 0: (n,) or (n, 1) for one output, (n, K) for K.

    >>> Poisson().loss_prime([[3.0, 0.0]], [[2.0, 2.0]])
    array([[-0.25,  0.5 ]])
    """

    name = "poisson"
    link = "exponential"
    range = (0.0, np.inf)

    def checked(self, y: np.ndarray) -> np.ndarray:
        if y.size and y.min() < 0:
            raise ValueError(sentence("y", "at least 0 for Poisson, as counts are", y.min().item()))
        return y

    @staticmethod
    def _half_deviance(a: np.ndarray, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return a - y - y log(a / y) where z = log a, exact also where a is close to a large y."""
        u = z - np.log(np.where(y > 0, y, 1))
        near = y * (np.expm1(np.clip(u, -1, 1)) - u)
        parts = np.where((np.abs(u) < 1) & (y > 0), near, (a - y) - y * u)
        return np.add.reduce(parts, axis=1) / a.shape[1]

    def of_scores(self, z: np.ndarray, y: np.ndarray, dz: np.ndarray, own: Own) -> np.ndarray:
        a = np.exp(z)
        np.subtract(a, y, out=dz)
        np.divide(dz, a.shape[1], out=dz)
        return self._half_deviance(a, z, y)

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        p = np.maximum(a, np.finfo(a.dtype).eps)
        np.divide((p - y) / p, a.shape[1], out=da)
        return self._half_deviance(p, np.log(p), y)


class Gamma(Loss):
    """loss_i = mean over the outputs of log(a / y) + y / a - 1, half the deviance of sizes y from means a.

    The negative log-likelihood of gamma distributions with mean a and one shape, up to that factor and terms in y
    alone; at a = y it is 0. An error counts in proportion: y and a in other units give the same loss. Under
    exponential, from the scores, which are log means: dz = (1 - y e^-z) / n_out (McCullagh and Nelder, 1989, section
    8.3). Alone: da = (1 - y / a) / a / n_out, with a held at least float precision above 0.

    Targets are above 0: (n,) or (n, 1) for one output, (n, K) for K.

    >>> Gamma().loss_prime([[1.0, 4.0]], [[2.0, 2.0]])
    array([[ 0.125, -0.25 ]])
    """

    name = "gamma"
    link = "exponential"
    range = (0.0, np.inf)

    def checked(self, y: np.ndarray) -> np.ndarray:
        least = float(np.finfo(np.float32).tiny)
        if y.size and y.min() < least:
            step = "For amounts that may be 0 use Poisson."
            raise ValueError(sentence("y", f"above 0 for Gamma, {least:.2g} at least", y.min().item(), step))
        return y

    def of_scores(self, z: np.ndarray, y: np.ndarray, dz: np.ndarray, own: Own) -> np.ndarray:
        v = np.log(y) - z  # y e^-z in one exponential: neither of the two may overflow alone
        np.expm1(v, out=dz)
        rows = np.add.reduce(dz - v, axis=1) / z.shape[1]
        np.divide(dz, -z.shape[1], out=dz)
        return rows

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        p = np.maximum(a, np.finfo(a.dtype).eps)
        rows = self.of_scores(np.log(p), y, da, own)
        np.divide(da, p, out=da)
        return rows


class GaussianNLL(Loss):
    """loss_i = mean over the targets of (s + (y - mu)^2 e^-s) / 2: a mean mu and a log variance s for each target.

    The negative log-likelihood of N(mu, e^s) without its constant log(2 pi)/2 (Nix and Weigend, 1994). dmu = (mu - y)
    e^-s, ds = (1 - (y - mu)^2 e^-s) / 2, both / targets; e^-s is never taken alone.

    The network has two outputs for each target, mu_1, s_1, mu_2, s_2, ..., and no activation last; ``mean_and_std``
    makes means and standard deviations of them. Targets are (n,) or (n, targets). Metrics take the means.

    >>> GaussianNLL().loss([[3.0]], [[1.0], [0.0]])  # mu = 1, s = 0
    2.0
    >>> mean, std = GaussianNLL.mean_and_std([[1.0, 0.0]])
    >>> mean, std
    (array([[1.]]), array([[1.]]))
    """

    name = "gaussian_nll"
    outputs_per_target = 2

    @staticmethod
    def mean_and_std(outputs: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return means and standard deviations, (n, targets) each, of what ``predict`` returns, (n, 2 targets)."""
        outputs = np.asarray(outputs)
        return outputs[:, 0::2], np.exp(outputs[:, 1::2] / 2)

    def estimates(self, outputs: np.ndarray) -> np.ndarray:
        return outputs[:, 0::2]

    def of_outputs(self, a: np.ndarray, y: np.ndarray, da: np.ndarray, own: Own) -> np.ndarray:
        e, s, targets = a[:, 0::2] - y[:, 0::2], a[:, 1::2], a.shape[1] // 2
        with np.errstate(divide="ignore"):
            size = np.log(np.abs(e))  # -inf for no error, whose exponential is 0 whatever s
        squares = np.exp(2 * size - s)
        da[:, 0::2] = np.sign(e) * np.exp(size - s) / targets
        da[:, 1::2] = (1 - squares) / (2 * targets)
        return np.add.reduce(s + squares, axis=1) / (2 * targets)
