"""Do layers make a chain? Each of them a layer, in one network, once, and as wide as the one before gives."""

from __future__ import annotations

from typing import Any

from neural.errors import sentence
from neural.layer import Layer
from neural.layers import DenseLayer
from neural.optimizers import Optimizer
from neural.parameters import Place


def leaves_of(layers: list[Layer]) -> list[Layer]:
    """Return what the layers are made of, in order; what is no layer as it is, for ``check_layers`` to refuse."""
    return [leaf for layer in layers for leaf in (layer.leaves() if isinstance(layer, Layer) else [layer])]


def check_layers(layers: list[Layer], network: Any) -> None:
    """Raise unless there are layers, each of them once, and none in another network."""
    if not layers:
        raise ValueError("The network must have a layer at least. Got none. Add one: net.add(DenseLayer(784, 10)).")
    for layer in layers:
        if not isinstance(layer, Layer):
            raise TypeError(sentence("layer", "a Layer object, such as DenseLayer(784, 25)", layer))
    leaves = leaves_of(layers)
    for number, layer in enumerate(leaves):
        twice = any(layer is other for other in leaves[:number])
        others = [] if layer._owner is None or layer._owner is network else layer._owner.leaves
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
    """Return the number of inputs of each leaf, the first of which has ``width``; ValueError where two do not fit."""
    if width is None:
        raise ValueError("The width of the inputs is not known yet. Give the first DenseLayer n_in, or call fit.")
    found = []
    for number, layer in enumerate(layers):
        after = _width_after(number, layer, width)
        found += layer.widths(width)
        width = after
    return found


def _width_after(number: int, layer: Layer, width: int) -> int:
    try:
        return layer.width_after(width)
    except ValueError as error:
        raise ValueError(f"layer {number + 1}: {error}") from None


def trained_stretches(leaves: list[Layer], places: list[Place]) -> tuple[tuple[slice, float], ...]:
    """Return the stretches of the parameters that are trained, and each one's factor of the learning rate."""
    found: list[tuple[slice, float]] = []
    for place in places:
        leaf = leaves[place.layer]
        factor = 0.0 if place.name in leaf.untrained else float(leaf.rate_factor)
        start = found.pop()[0].start if found and found[-1][1] == factor else place.start
        found.append((slice(start, place.stop), factor))
    return tuple((part, factor) for part, factor in found if factor)


def constraints_of(leaves: list[Layer], places: list[Place]) -> tuple[tuple[Place, float | None, bool], ...]:
    """Return the weights that are brought back after each update: (place, max_norm, non_negative)."""
    return tuple(
        (place, layer.max_norm, layer.non_negative)
        for place in places
        if isinstance(layer := leaves[place.layer], DenseLayer) and place.name == "weights"
        if (layer.max_norm is not None or layer.non_negative) and layer.rate_factor
    )


def check_rates(leaves: list[Layer], optimizer: Optimizer) -> None:
    """Raise ValueError for an optimizer that takes matrices as wholes where layers have rates of their own."""
    if not optimizer.elementwise and any(getattr(leaf, "rate_factor", 1) != 1 for leaf in leaves):
        rule = "one that works number by number, such as 'adamw', where layers have a rate_factor"
        raise ValueError(sentence("optimizer", rule, optimizer))


def what_predict_depends_on(leaves: list[Layer]) -> list[tuple[Any, str]]:
    """Return the attributes, besides parameters, that anybody may set and that change what ``predict`` gives."""
    functions = [leaf.function for leaf in leaves if hasattr(leaf, "function")]
    of_layers = [(leaf, name) for leaf in leaves for name in ("function", "epsilon") if hasattr(leaf, name)]
    return of_layers + [(function, name) for function in functions for name in vars(function)]
