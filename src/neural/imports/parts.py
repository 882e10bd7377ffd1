"""What every import ends with: layers and the values of their parameters, made into a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neural.branches import AverageLayer
from neural.ensembles import MeanOfMembers
from neural.errors import one_of, sentence
from neural.layer import Layer
from neural.layers import ActivationLayer, DenseLayer
from neural.nn import NeuralNetwork
from neural.normalization import BatchNorm, LayerNorm
from neural.residual import Residual

LOSSES = {"softmax": "categorical_crossentropy", "sigmoid": "binary_crossentropy"}  # by the last activation; else MSE
WIDEST = 1 << 24  # inputs: what a file says must not take all memory


@dataclass
class Part:
    """A layer, and the parameters that it is to have; of a Residual or AverageLayer, the parts in it."""

    layer: Layer
    values: dict[str, Any] = field(default_factory=dict)
    inner: list[Part] = field(default_factory=list)


def dense(weights: Any, biases: Any = None, activation: Any = None) -> Part:
    """Return a DenseLayer with W (n_out, n_in) and b (n_out,)."""
    weights = np.asarray(weights)
    if weights.ndim != 2:
        raise ValueError(sentence("the weights of a dense layer", "of shape (n_out, n_in)", weights))
    layer = DenseLayer(weights.shape[1], weights.shape[0], activation, bias=biases is not None)
    return Part(layer, {"weights": weights} | ({} if biases is None else {"biases": biases}))


def batch_norm(mean: Any, variance: Any, gain: Any, offset: Any, epsilon: float, momentum: float = 0.1) -> Part:
    """Return a BatchNorm; a gain or offset of None is 1 or 0."""
    values = {"running_mean": mean, "running_variance": variance}
    return Part(BatchNorm(momentum, epsilon), values | _gain_and_offset(gain, offset))


def layer_norm(gain: Any, offset: Any, epsilon: float) -> Part:
    """Return a LayerNorm; a gain or offset of None is 1 or 0."""
    return Part(LayerNorm(epsilon), _gain_and_offset(gain, offset))


def _gain_and_offset(gain: Any, offset: Any) -> dict[str, Any]:
    return {name: value for name, value in (("gain", gain), ("offset", offset)) if value is not None}


def network(
    parts: list[Part], dtype: Any, n_in: int | None = None, scale: float | None = None, loss: Any = None
) -> NeuralNetwork:
    """Return the network of these parts. Without a loss it gets the one that goes with its last activation, or MSE."""
    if not parts:
        raise ValueError("What is imported must have a layer at least. Got none.")
    if n_in is not None and n_in > WIDEST:
        raise ValueError(sentence("the width of the inputs", f"at most {WIDEST} to be imported", n_in))
    kind = "float64" if np.dtype(dtype) == np.float64 else "float32"
    net = NeuralNetwork([part.layer for part in parts], dtype=kind, input_scale=scale).build(n_in)
    for part in _flat(parts):
        for name, value in part.values.items():
            shape = part.layer.shapes()[name]
            part.layer.assign(name, np.broadcast_to(value, shape) if np.size(value) == 1 else value)
    last = net._formulas()[-1][1]
    name = last.function.name if isinstance(last, ActivationLayer | MeanOfMembers) else ""
    return net.use_loss(loss or LOSSES.get(name, "mse"))


def residual(inner: list[Part]) -> Part:
    """Return a Residual of these parts."""
    return Part(Residual([part.layer for part in inner]), inner=inner)


def average(chains: list[list[Part]]) -> Part:
    """Return an AverageLayer of chains of parts."""
    inner = [part for chain in chains for part in chain]
    return Part(AverageLayer([[part.layer for part in chain] for chain in chains]), inner=inner)


def _flat(parts: list[Part]) -> list[Part]:
    return [each for part in parts for each in (part, *_flat(part.inner))]


REBUILD = "Leave it out of the model, or rebuild that part by hand."


def row(what: str, name: str, table: dict[str, Callable[..., Any]], step: str = REBUILD) -> Callable[..., Any]:
    """Return the row of something foreign; ValueError that names it and lists what can be imported."""
    if name in table:
        return table[name]
    raise ValueError(sentence(what, one_of(table), name, step))
