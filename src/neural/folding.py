"""Scales of inputs and outputs taken into the first and the last dense layer: the network then takes raw numbers.

W (x - m) / s + b = (W / s) x + (b - W m / s), and s (W a + b) + m = (s W) a + (s b + m). In float64 the two sides
differ by rounding alone; a network of float32 would lose what a mean far from 0 takes of its digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neural.errors import sentence
from neural.layers import DenseLayer

Array = np.ndarray[Any, Any]


def fold_inputs(net: Any, mean: Array, scale: Array) -> None:
    """Let a network trained on (x - mean) / scale take x: its first layer's weights and biases change in place.

    >>> from neural import NeuralNetwork
    >>> net = NeuralNetwork([DenseLayer(1, 1, init="ones")], "mse", dtype="float64")
    >>> before = net.predict([[2.0]])  # of x = 8 when the mean is 4 and the scale 2
    >>> fold_inputs(net, np.array([4.0]), np.array([2.0]))
    >>> net.predict([[8.0]]) - before
    array([[0.]])
    """
    layer = _dense(net, 0)
    weights = layer.weights / scale
    layer.biases = layer.biases[:, 0] - weights @ mean
    layer.weights = weights


def fold_outputs(net: Any, mean: Array, scale: Array) -> None:
    """Let a network trained on targets (y - mean) / scale give y: its last layer changes; it must have no activation.

    >>> from neural import NeuralNetwork
    >>> net = NeuralNetwork([DenseLayer(1, 1, init="ones")], "mse", dtype="float64")
    >>> fold_outputs(net, np.array([4.0]), np.array([3.0]))
    >>> net.predict([[2.0]])
    array([[10.]])
    """
    layer = _dense(net, -1)
    if layer.activation_name != "linear":
        raise ValueError(sentence("the last layer", "one without activation", layer))
    layer.biases = layer.biases[:, 0] * scale + mean
    layer.weights = layer.weights * np.reshape(scale, (-1, 1))


def _dense(net: Any, place: int) -> DenseLayer:
    layer = net.layers[place]
    if not isinstance(layer, DenseLayer) or not layer.bias or net.dtype != np.float64 or net.input_scale is not None:
        rule = "a DenseLayer with biases, in a network of float64 without input_scale"
        raise ValueError(sentence("the layer to fold scales into", rule, layer))
    return layer
