"""Layers that centre and scale: by the batch or the row, to a mean of 0 and a variance of 1, or by trained numbers.

Those that normalize:

y = gain x^ + offset, with x^ = (x - mean) / sqrt(variance + epsilon). Over which numbers the mean is taken tells them
apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from neural.errors import check_number, sentence
from neural.inputs import check_finite, numbers
from neural.layer import Layer, Mode
from neural.parameters import Own, Shapes


class _Normalization(Layer):
    epsilon: float

    def shapes(self) -> Shapes:
        return self.per_feature("gain", "offset")

    def initialize(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.ones(shape) if name in ("gain", "running_variance") else np.zeros(shape)

    def describe(self) -> str:
        return f"{type(self).__name__}{'' if self._width is None else f' of {self._width} features'}"


class LayerNorm(_Normalization):
    """Each row is normalized over its own features, in training and in predict alike (Ba, Kiros and Hinton, 2016).

    dx = (d - mean(d) - x^ mean(d x^)) / sqrt(variance + epsilon) with d = gain dy, means over the features;
    dgain = sum dy x^ and doffset = sum dy over the batch.

    >>> from neural import DenseLayer, NeuralNetwork
    >>> net = NeuralNetwork([LayerNorm(), DenseLayer(2, 1)], "mse", random_state=0)
    >>> bool(net.predict([[1.0, 2.0]]) == net.predict([[10.0, 1010.0]]).round(6)) or "nearly the same"
    'nearly the same'
    """

    def __init__(self, epsilon: float = 1e-5) -> None:
        self.epsilon: float = check_number("epsilon", epsilon, low=0, strict=True)

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        centred = np.subtract(x, x.mean(axis=1, keepdims=True), out=own.array("centred", x.shape))
        spread = np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + self.epsilon).astype(own.dtype, copy=False)
        normal = np.divide(centred, spread, out=centred)
        return normal * own.gain + own.offset, (normal, spread)

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        normal, spread = cache
        grads.gain[...], grads.offset[...] = (dy * normal).sum(axis=0), dy.sum(axis=0)
        d = dy * own.gain
        mean, along = d.mean(axis=1, keepdims=True), (d * normal).mean(axis=1, keepdims=True)
        return np.asarray((d - mean - normal * along) / spread)


class BatchNorm(_Normalization):
    """Each feature is normalized over the batch in training, and by its running mean and variance in predict.

    running = (1 - momentum) running + momentum of the batch's, whose variance is then taken over m - 1 (Ioffe and
    Szegedy, 2015). In training dx = (d - mean(d) - x^ mean(d x^)) / sqrt(variance + epsilon) with d = gain dy, means
    over the batch. Sample weights do not enter the mean. A batch of one row is all offset. Frozen, by ``rate_factor =
    0``, it works in training as in predict, and what it has learned of the data stays as it is.

    >>> from neural import DenseLayer, NeuralNetwork
    >>> net = NeuralNetwork([DenseLayer(2, 8), BatchNorm(), DenseLayer(8, 1)], "mse", random_state=0)
    >>> net.build().layers[1].parameter("running_variance").tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    untrained = ("running_mean", "running_variance")

    def __init__(self, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        self.momentum: float = check_number("momentum", momentum, low=0)
        if self.momentum > 1:
            raise ValueError(sentence("momentum", "from 0 to 1", momentum))
        self.epsilon: float = check_number("epsilon", epsilon, low=0, strict=True)

    def shapes(self) -> Shapes:
        return self.per_feature("gain", "offset", *self.untrained)

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        by_batch = mode.training and self.rate_factor != 0
        mean = x.mean(axis=0) if by_batch else own.running_mean
        centred = np.subtract(x, mean, out=own.array("centred", x.shape))
        variance = np.square(centred).mean(axis=0) if by_batch else own.running_variance
        if mode.learning and by_batch:
            own.running_mean += self.momentum * (mean - own.running_mean)
            own.running_variance += self.momentum * (variance * len(x) / max(len(x) - 1, 1) - own.running_variance)
        spread = np.sqrt(variance + self.epsilon).astype(own.dtype, copy=False)
        normal = np.divide(centred, spread, out=centred)
        return normal * own.gain + own.offset, (normal, spread, by_batch)

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        normal, spread, by_batch = cache
        grads.gain[...], grads.offset[...] = (dy * normal).sum(axis=0), dy.sum(axis=0)
        d = dy * own.gain
        if not by_batch:
            return np.asarray(d / spread)
        return np.asarray((d - d.mean(axis=0) - normal * (d * normal).mean(axis=0)) / spread)


class Scaling(Layer):
    """y_j = s_j (x_j - c_j) with a trained s for each feature, and a c if there is one (Holzmüller et al., 2024).

    dx = s dy; ds = sum dy (x - c) and dc = -s sum dy over the batch. RealMLP begins with ``Scaling()``, whose
    ``rate_factor`` is 6. A fixed step of preparation is a frozen one, which goes along into files and exports:
    ``Scaling(1 / spread, median)`` with ``rate_factor = 0``.

    Parameters
    ----------
    scale, centre : where s and c begin: a number for all features, or one each; with None there is no c.

    >>> step = Scaling([0.5, 10.0], centre=[2.0, 0.0])
    >>> step.forward_propagation([[4.0], [5.0]]).T
    array([[ 1., 50.]])
    """

    def __init__(self, scale: Any = 1.0, centre: Any = None) -> None:
        self.scale = _one_or_each("scale", scale)
        self.centre = None if centre is None else _one_or_each("centre", centre)

    def shapes(self) -> Shapes:
        return self.per_feature("scale") if self.centre is None else self.per_feature("scale", "centre")

    def initialize(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.broadcast_to(getattr(self, name), shape)

    def width_after(self, width: int) -> int:
        for value in (self.scale, self.centre):
            if isinstance(value, tuple) and len(value) != width:
                raise ValueError(sentence("the input of Scaling", f"of width {len(value)}", width))
        return width

    def forward(self, x: np.ndarray, own: Own, mode: Mode) -> tuple[np.ndarray, Any]:
        centred = x if self.centre is None else np.subtract(x, own.centre, out=own.array("centred", x.shape))
        return np.multiply(centred, own.scale, out=own.array("y", x.shape)), centred

    def backward(self, dy: np.ndarray, cache: Any, own: Own, grads: Own) -> np.ndarray:
        centred = cache
        grads.scale[...] = (dy * centred).sum(axis=0)
        dx = np.multiply(dy, own.scale, out=own.array("dx", dy.shape))
        if self.centre is not None:
            grads.centre[...] = -dx.sum(axis=0)
        return dx

    def describe(self) -> str:
        return f"Scaling{'' if self._width is None else f' of {self._width} features'}"


def _one_or_each(name: str, value: Any) -> float | tuple[float, ...]:
    if not isinstance(value, Iterable) or isinstance(value, str):
        return check_number(name, value)
    found = numbers(name, value)
    if found.ndim != 1 or not found.size:
        raise ValueError(sentence(name, "a number, or one for each feature", found))
    check_finite(name, found, np.float64)
    return tuple(found.astype(float).tolist())
