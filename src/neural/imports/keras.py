"""Networks from Keras: a model, a .keras file, or a .h5 file that holds a model. Nothing of Keras is imported.

A file is read as data: layers are looked up in the table here, and nothing in it is evaluated. The weights are in HDF5;
hdf5.py has h5py read them.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neural import atomic
from neural.errors import ModelFileError, sentence
from neural.imports import hdf5
from neural.imports.parts import Part, batch_norm, dense, layer_norm, network, row
from neural.layers import ActivationLayer, DropoutLayer, GaussianNoise, PReLU
from neural.nn import NeuralNetwork
from neural.rectifiers import ELU, LeakyReLU

Config = dict[str, Any]
Weights = Callable[[str, str, int], list[np.ndarray]]  # (class, name, number within its class) -> arrays
MOST_TEXT = 1 << 24  # bytes of config.json

ACTIVATIONS: dict[str, Any] = {
    "linear": None,
    "relu": "relu",
    "relu6": "relu6",
    "leaky_relu": LeakyReLU(0.2),
    "elu": "elu",
    "selu": "selu",
    "gelu": "gelu",
    "silu": "silu",
    "swish": "silu",
    "hard_silu": "hard_swish",
    "hard_swish": "hard_swish",
    "mish": "mish",
    "softplus": "softplus",
    "softsign": "softsign",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "exponential": "exponential",
    "softmax": "softmax",
}


def _activation(config: Config) -> list[Part]:
    name = config["activation"]
    function = row("a Keras activation", name if isinstance(name, str) else json.dumps(name), ACTIVATIONS)
    return [] if function is None else [Part(ActivationLayer(function))]


def _must(holds: bool, config: Config, rule: str) -> None:
    if not holds:
        raise ValueError(sentence(f"the Keras layer {config.get('name')!r}", rule, config))


def _dense(config: Config, weights: list[np.ndarray]) -> list[Part]:
    kernel, *bias = weights
    return [dense(kernel.T, bias[0] if config["use_bias"] else None), *_activation(config)]


def _last_axis(config: Config) -> None:
    axis = config["axis"]
    _must(axis in (-1, 1, [-1], [1]), config, "over the features, axis=-1, to be imported")


def _pair(config: Config, weights: list[np.ndarray]) -> tuple[Any, Any, list[np.ndarray]]:
    """Return gamma and beta, None where there is none, and what comes after them."""
    rest = list(weights)
    gamma = rest.pop(0) if config["scale"] else None
    beta = rest.pop(0) if config["center"] else None
    return gamma, beta, rest


def _batch_norm(config: Config, weights: list[np.ndarray]) -> list[Part]:
    _last_axis(config)
    gamma, beta, (mean, variance) = _pair(config, weights)
    return [batch_norm(mean, variance, gamma, beta, config["epsilon"], 1 - config["momentum"])]


def _layer_norm(config: Config, weights: list[np.ndarray]) -> list[Part]:
    _last_axis(config)
    _must(not config.get("rms_scaling"), config, "without rms_scaling, to be imported")
    gamma, beta, _ = _pair(config, weights)
    return [layer_norm(gamma, beta, config["epsilon"])]


def _relu(config: Config, weights: list[np.ndarray]) -> list[Part]:
    most, slope = config.get("max_value"), config.get("negative_slope") or 0
    _must(not config.get("threshold") and most in (None, 6) and not (slope and most), config, "a plain ReLU or ReLU6")
    return [Part(ActivationLayer(LeakyReLU(slope) if slope else "relu6" if most else "relu"))]


def _leaky_relu(config: Config, weights: list[np.ndarray]) -> list[Part]:
    return [Part(ActivationLayer(LeakyReLU(config["negative_slope" if "negative_slope" in config else "alpha"])))]


def _softmax(config: Config, weights: list[np.ndarray]) -> list[Part]:
    _must(config.get("axis", -1) in (-1, 1), config, "over the features, axis=-1, to be imported")
    return [Part(ActivationLayer("softmax"))]


def _prelu(config: Config, weights: list[np.ndarray]) -> list[Part]:
    _must(weights[0].ndim == 1, config, "one slope for each feature, to be imported")
    return [Part(PReLU(), {"slopes": weights[0]})]


def _nothing(config: Config, weights: list[np.ndarray]) -> list[Part]:
    return []


LAYERS: dict[str, Callable[[Config, list[np.ndarray]], list[Part]]] = {
    "Activation": lambda config, weights: _activation(config),
    "BatchNormalization": _batch_norm,
    "Dense": _dense,
    "Dropout": lambda config, weights: [Part(DropoutLayer(config["rate"]))],
    "ELU": lambda config, weights: [Part(ActivationLayer(ELU(config["alpha"])))],
    "Flatten": _nothing,
    "GaussianNoise": lambda config, weights: [Part(GaussianNoise(config["stddev"]))],
    "InputLayer": _nothing,
    "LayerNormalization": _layer_norm,
    "LeakyReLU": _leaky_relu,
    "PReLU": _prelu,
    "ReLU": _relu,
    "Rescaling": _nothing,  # the first of all layers; see from_keras
    "Softmax": _softmax,
}
GROUPS = {  # of the layers with weights, in model.weights.h5
    "BatchNormalization": "batch_normalization",
    "Dense": "dense",
    "LayerNormalization": "layer_normalization",
    "PReLU": "p_re_lu",
}


def from_keras(model: Any) -> NeuralNetwork:
    """Return the network of a Keras model of dense layers, Sequential or a plain chain, or of a file of one.

    A path is to a ``.keras`` file (Keras 3) or a ``.h5`` file of a whole model, and needs h5py:
    ``pip install "neural-dense[keras]"``. A Rescaling at the start becomes ``input_scale``. Images go in as rows: a
    Flatten is passed over.

    Raises ValueError that names a layer or activation that cannot be imported (hard_sigmoid is one: Keras has slope
    1/6, this package 1/5), and ModelFileError for a file that is damaged or not of this kind.
    """
    if isinstance(model, str | Path):
        return _from_file(Path(atomic.place_of("model", model)))
    if not hasattr(model, "get_config") or not hasattr(model, "get_layer"):
        raise TypeError(sentence("model", "a Keras model, or a path to one", model))

    def weights(kind: str, name: str, number: int) -> list[np.ndarray]:
        return [np.asarray(array) for array in model.get_layer(name).get_weights()]

    return _network(type(model).__name__, model.get_config(), weights)


def _network(kind: str, config: Config, weights: Weights) -> NeuralNetwork:
    """Return the network of a configuration, with the arrays that ``weights`` finds."""
    layers = config["layers"] if kind == "Sequential" else _in_order(kind, config)
    parts, scale, numbers, n_in = list[Part](), None, Counter[str](), None
    for number, layer in enumerate(layers):
        name, own = layer["class_name"], layer["config"]
        make = row("a Keras layer", name, LAYERS)
        if name == "InputLayer":
            shape = own.get("batch_shape", own.get("batch_input_shape"))
            n_in = int(np.prod(shape[1:]))
        if name == "Rescaling":
            _must(number <= 1 and own["offset"] == 0, own, "the first, with offset=0, to be imported")
            scale = float(own["scale"])
        arrays = weights(name, own["name"], numbers[name]) if name in GROUPS else []
        numbers[name] += 1
        parts += make(own, arrays)
    arrays = [value for part in parts for value in part.values.values()]
    return network(parts, np.result_type(np.float32, *arrays), n_in, scale)


def _in_order(kind: str, config: Config) -> list[Config]:
    """Return the layers of a functional model, each of which must be fed by the one before it."""
    if kind != "Functional":
        raise ValueError(sentence("a Keras model", "Sequential or Functional", kind))
    layers = config["layers"]
    for before, layer in zip([None, *layers], layers, strict=False):
        fed = set(_names(layer["inbound_nodes"]))
        if fed != (set() if before is None else {before["config"]["name"]}) or len(layer["inbound_nodes"]) > 1:
            raise ValueError(
                sentence("a Keras model", "a plain chain of layers", f"{layer['config']['name']} fed by {fed}")
            )
    return list(layers)


def _names(nodes: Any) -> list[str]:
    """Return the names of layers in what Keras writes of a layer's inputs, of version 2 or 3."""
    if isinstance(nodes, dict):
        history = nodes.get("keras_history")
        return [history[0]] if history else [name for value in nodes.values() for name in _names(value)]
    if isinstance(nodes, list | tuple):
        if len(nodes) >= 3 and isinstance(nodes[0], str) and isinstance(nodes[1], int):
            return [nodes[0]]
        return [name for value in nodes for name in _names(value)]
    return []


# --- files -----------------------------------------------------------------------------------------------------------
def _from_file(path: Path) -> NeuralNetwork:
    data = path.read_bytes()
    try:
        return (_from_zip if zipfile.is_zipfile(io.BytesIO(data)) else _from_h5)(data)
    except (KeyError, TypeError, IndexError, AttributeError, OSError, RuntimeError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{path.name} is not a whole file of a Keras model: {error!r}") from None


def _from_zip(data: bytes) -> NeuralNetwork:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        model = _json(_member(file, "config.json", MOST_TEXT))
        arrays, _ = hdf5.read(_member(file, "model.weights.h5", len(data)))  # stored, not packed

    def weights(kind: str, name: str, number: int) -> list[np.ndarray]:
        own = f"/layers/{GROUPS[kind]}{f'_{number}' if number else ''}/vars/"
        return [_array(arrays, f"{own}{k}") for k in range(sum(path.startswith(own) for path in arrays) or 1)]

    return _network(model["class_name"], model["config"], weights)


def _from_h5(data: bytes) -> NeuralNetwork:
    arrays, attributes = hdf5.read(data)
    if "@model_config" not in attributes:
        raise ModelFileError("The file must hold a whole model. It has weights alone: save it with model.save.")
    model = _json(attributes["@model_config"])

    def weights(kind: str, name: str, number: int) -> list[np.ndarray]:
        own = f"/model_weights/{name}"
        return [_array(arrays, f"{own}/{each}") for each in attributes[f"{own}@weight_names"]]

    return _network(model["class_name"], model["config"], weights)


def _member(file: zipfile.ZipFile, name: str, most: int) -> bytes:
    size = file.getinfo(name).file_size
    if size > most:
        raise ModelFileError(f"{name} says that it has {size} bytes; at most {most} are read.")
    with file.open(name) as member:
        return member.read(size)


def _json(text: str | bytes) -> Config:
    try:
        return json.loads(text)
    except ValueError:
        raise ModelFileError("The configuration of the model is not JSON.") from None


def _array(arrays: dict[str, np.ndarray], path: str) -> np.ndarray:
    if path not in arrays:
        raise ModelFileError(f"The file has no array {path} of numbers in the file itself.")
    return arrays[path]
