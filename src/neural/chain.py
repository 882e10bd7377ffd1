"""Do layers make a chain? Each of them a layer, in one network, once, and as wide as the one before gives."""

from __future__ import annotations

from typing import Any

from neural.errors import sentence
from neural.layer import Layer


def check_layers(layers: list[Layer], network: Any) -> None:
    """Raise unless there are layers, each of them once, and none in another network."""
    if not layers:
        raise ValueError("The network must have a layer at least. Got none. Add one: net.add(DenseLayer(784, 10)).")
    for number, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise TypeError(sentence("layer", "a Layer object, such as DenseLayer(784, 25)", layer))
        twice = any(layer is other for other in layers[:number])
        others = [] if layer._owner is None or layer._owner is network else layer._owner.layers
        if twice or any(layer is other for other in others):
            where = "this network already" if twice else "another network"
            raise ValueError(
                f"A layer must be in one network, once. Got {layer!r}, which is in {where}. Use copy.deepcopy."
            )


def check_widths(layers: list[Layer]) -> None:
    """Raise ValueError where two layers do not fit, as far as widths are known."""
    width = None
    for number, layer in enumerate(layers):
        width = getattr(layer, "n_out", None) if width is None else _width_after(number, layer, width)


def widths_of(layers: list[Layer], width: int | None) -> list[int]:
    """Return the number of inputs of each layer, the first of which has ``width``; ValueError where two do not fit."""
    if width is None:
        raise ValueError("The width of the inputs is not known yet. Give the first DenseLayer n_in, or call fit.")
    found = []
    for number, layer in enumerate(layers):
        found.append(width)
        width = _width_after(number, layer, width)
    return found


def _width_after(number: int, layer: Layer, width: int) -> int:
    try:
        return layer.width_after(width)
    except ValueError as error:
        raise ValueError(f"layer {number + 1}: {error}") from None
