"""A network in the file that ``net.save`` writes, out of the playground and into it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path, PurePath

from neural.errors import ModelFileError, sentence
from neural.layer import Layer
from neural.layers import DenseLayer, DropoutLayer
from neural.nn import NeuralNetwork, load
from neural.playground.points import Points
from neural.playground.settings import MOST_TEXT, Hidden, Settings
from neural.playground.trainer import IMAGE_SCALE, LOSS, Trainer

ENDING = ".safetensors"


def written(net: NeuralNetwork) -> bytes:
    """Return the bytes of a network's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"network{ENDING}")
        net.save(path)
        return path.read_bytes()


def opened(name: str, content: bytes, settings: Settings, points: Points) -> Trainer:
    """Return a trainer of the network in a file, for this data; NeuralError or ValueError if it is none, or another."""
    name = PurePath(name).name[-MOST_TEXT:] or f"network{ENDING}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"network{ENDING}")
        path.write_bytes(content)
        try:
            net = load(path)
        except ModelFileError as error:
            raise ModelFileError(str(error).replace(str(path), name)) from None
    own = _settings_of(net, settings, points)
    if own is None:
        width, n = points.X_train.shape[1], len(points.classes)
        rule = f"dense layers from {width} to {n} with dropout after each or none, softmax and {LOSS}, float32"
        raise ValueError(sentence(f"{name}, with this data,", rule, net))
    return Trainer(own, points, net, name)


def _settings_of(net: NeuralNetwork, settings: Settings, points: Points) -> Settings | None:
    """Return the settings that describe a network, None if none do."""
    dense = [layer for layer in net.layers if isinstance(layer, DenseLayer)]
    rates = {layer.dropout_rate for layer in net.layers if isinstance(layer, DropoutLayer)}
    if not dense or len(rates) > 1 or len({(layer.l1, layer.l2) for layer in dense}) > 1:
        return None
    hidden = tuple(Hidden(layer.n_out, layer.activation_name) for layer in dense[:-1])
    l1, l2 = dense[0].l1, dense[0].l2
    own = replace(settings, hidden=hidden, dropout=max(rates, default=0.0), l1=l1, l2=l2)
    try:
        own = Settings.of(own.plain())
    except (TypeError, ValueError):  # an activation or a width beyond what may be chosen
        return None
    scale = IMAGE_SCALE if points.image_shape else None
    shape = (net.dtype.name, net.n_inputs, net.n_outputs(), net.input_scale, net._loss and net._loss.name)
    wanted = ("float32", points.X_train.shape[1], len(points.classes), scale, LOSS)
    return own if shape == wanted and _kinds(net.layers) == _wanted(own) else None


def _kinds(layers: list[Layer]) -> list[str]:
    return [f"{type(layer).__name__} {getattr(layer, 'activation_name', '')}" for layer in layers]


def _wanted(settings: Settings) -> list[str]:
    after = ["DropoutLayer "] if settings.dropout else []
    hidden = [kind for layer in settings.hidden for kind in (f"DenseLayer {layer.activation}", *after)]
    return [*hidden, "DenseLayer softmax"]
