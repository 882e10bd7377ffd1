"""A network in a file, and back: what ``net.save`` writes and ``neural.load`` reads.

The file is data: numbers, and names that are looked up in the package's own tables. docs/file-format.md says what is
in it; container.py how it lies there, config.py how an object becomes plain values.
"""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from neural import container
from neural.config import Arrays, Custom, from_config, to_config
from neural.container import Tensors, canonical, parse_json, refuse
from neural.errors import ModelFileError, check_number, sentence
from neural.inputs import check_finite
from neural.parameters import aligned_zeros, lay_out

if TYPE_CHECKING:
    from neural.tables import Columns

FORMAT = "neural"
VERSION = "1"
KEYS = ("checksum", "format", "version", "network", "classes", "metrics", "versions")
MORE = ("columns", "training")  # keys that may follow, in this order
NETWORK = ("dtype", "input_scale", "n_inputs", "seed", "epoch", "step", "layers", "loss")
MOST_TEXT = 1 << 22  # characters of all class labels together, each as wide as the widest
NUMBERS = ("bool", *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)), "float32", "float64")


# --- writing -------------------------------------------------------------------------------------------------------
def save(
    network: Any,
    path: Any,
    metrics: Mapping[str, float] | None = None,
    *,
    training: str | None = None,
    tensors: Tensors | None = None,
) -> None:
    """Write a network, whole or not at all; ``training`` and ``tensors`` are what a checkpoint has besides."""
    arrays: Arrays = []
    described = describe(network, arrays)
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "network": canonical(described),
        "classes": canonical(_classes(network.classes_)),
        "metrics": canonical(_metrics(network, metrics)),
        "versions": canonical(_versions()),
    }
    if network.columns_ is not None:
        metadata["columns"] = canonical(_columns(network))
    if training is not None:
        metadata["training"] = training
    held = {f"array{number}": values for number, values in enumerate(arrays)}
    container.write(path, metadata, {**named(network, network.params), **held, **(tensors or {})})


def describe(network: Any, arrays: Arrays | None = None) -> dict[str, Any]:
    """Return what a network is, but for its numbers, as plain values."""
    network.build()
    check_finite("the network's parameters", network.params, network.dtype)
    try:
        parts = [to_config(part, arrays) for part in (network.layers, network._loss)]
    except RecursionError:
        raise ValueError("The layers must not lie so deep in one another. Got more than can be written.") from None
    state, scale = network.state, network.input_scale
    found = (network.dtype.name, scale, network.n_inputs, network.seed, state.epoch, state.step, *parts)
    return dict(zip(NETWORK, found, strict=True))


def named(network: Any, flat: np.ndarray) -> Tensors:
    """Return a vector like ``params`` as one view for each parameter, under its name in a file."""
    return {f"layer{n}.{k}": view for n, views in enumerate(network.views(flat), 1) for k, view in views.items()}


def _versions() -> dict[str, str]:
    import neural  # by now there is all of it

    return {"neural": neural.__version__, "numpy": np.__version__, "python": platform.python_version()}


def _classes(classes: np.ndarray | None) -> Any:
    if classes is None:
        return None
    kind = f"str{classes.dtype.itemsize // 4}" if classes.dtype.kind == "U" else classes.dtype.name
    if classes.ndim != 1 or (kind not in NUMBERS and classes.dtype.kind != "U"):
        raise ValueError(sentence("classes_", "one array of numbers or text", classes))
    return {"dtype": kind, "labels": to_config(classes.tolist())}


def _columns(network: Any) -> dict[str, Any]:
    """Return the columns of a table as plain values; ValueError if they do not make the network's inputs."""
    from neural.tables import Columns

    columns = network.columns_
    if not isinstance(columns, Columns):
        raise TypeError(sentence("columns_", "None or neural.tables.Columns", columns))
    if len(columns.inputs) != network.n_inputs:
        rule = f"of columns that make {network.n_inputs} inputs, as the network has"
        raise ValueError(sentence("columns_", rule, f"{len(columns.inputs)} inputs"))
    return columns.to_plain()


def _metrics(network: Any, given: Mapping[str, float] | None) -> dict[str, Any]:
    """Return what was given, or the last numbers of the last fit."""
    if given is None:
        history = network.history_.history
        given = {name: values[-1] for name, values in history.items() if values and name != "seconds"}
        given = {name: value for name, value in given.items() if math.isfinite(value)}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise TypeError(sentence("metrics", "a dictionary from names to numbers", given))
    return {name: check_number(f"metrics[{name!r}]", value) for name, value in given.items()}


# --- reading -------------------------------------------------------------------------------------------------------
class Contents:
    """What a file says, its parts under their names: ``network``, ``classes`` and so on; and its ``tensors``."""

    def __init__(self, path: Any, metadata: dict[str, str], tensors: Tensors) -> None:
        self.path, self.tensors = path, tensors
        if metadata.get("format") != FORMAT:
            refuse(path, "the file", f"of format {FORMAT!r}", metadata.get("format"))
        if metadata.get("version") != VERSION:
            step = "Another version of the package wrote it: install a newer one."
            refuse(path, "the version of the format", repr(VERSION), metadata.get("version"), step)
        if tuple(metadata) != (*KEYS, *(name for name in MORE if name in metadata)):
            refuse(path, "the metadata", f"of {', '.join(KEYS)}, then {' and '.join(MORE)} or not", list(metadata))
        self.network, self.classes = self._part(metadata, "network"), self._part(metadata, "classes")
        self.metrics, self.versions = self._part(metadata, "metrics"), self._part(metadata, "versions")
        self.training = self._part(metadata, "training") if "training" in metadata else {}
        self.columns = self._part(metadata, "columns") if "columns" in metadata else None
        if tuple(self.network) != NETWORK:
            refuse(path, "the network", f"described by {', '.join(NETWORK)}", list(self.network))
        if not all(type(number) in (int, float) for number in self.metrics.values()):
            refuse(path, "metrics", "numbers", self.metrics)
        if not all(isinstance(text, str) for text in self.versions.values()):
            refuse(path, "versions", "text", self.versions)

    def _part(self, metadata: dict[str, str], name: str) -> Any:
        found = parse_json(self.path, name, metadata[name])
        if not isinstance(found, dict) and not (found is None and name == "classes"):
            refuse(self.path, name, "an object", metadata[name])
        return found


def read(path: Any) -> Contents:
    """Return what a model file says, checked as far as it can be without making a network of it."""
    return Contents(path, *container.read(path))


def made(kind: Any, contents: Contents, custom: Custom | None = None) -> Any:
    """Return the network that is described by what was read."""
    if not isinstance(custom, Mapping | None):
        raise TypeError(sentence("custom", "a dictionary from names to classes and functions", custom))
    try:
        return _network(kind, contents, custom)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ModelFileError(f"{os.fspath(contents.path)}: {error or type(error).__name__}") from error


def _network(kind: Any, contents: Contents, custom: Custom | None) -> Any:
    about, arrays = contents.network, arrays_of(contents.tensors)
    layers, loss = (from_config(about[name], arrays, custom) for name in ("layers", "loss"))
    if about["dtype"] not in ("float32", "float64"):  # in no other spelling
        raise ValueError(sentence("dtype", "'float32' or 'float64'", about["dtype"]))
    network = kind(layers, loss, dtype=about["dtype"], input_scale=about["input_scale"], random_state=0)
    if network.input_scale != about["input_scale"]:
        raise ValueError(sentence("input_scale", "a float", about["input_scale"]))
    network.seed = network.state.seed = check_number("seed", about["seed"], low=0, high=2**64 - 1, whole=True)
    network.state.epoch, network.state.step = (check_number(n, about[n], low=0, whole=True) for n in ("epoch", "step"))
    network.classes_ = _labels(contents.classes)
    network.columns_ = _table(contents.columns)
    _fill(network, check_number("n_inputs", about["n_inputs"], low=1, whole=True), contents)
    return network


def arrays_of(tensors: Tensors) -> Arrays:
    """Return what the settings refer to by number."""
    found: Arrays = []
    while f"array{len(found)}" in tensors:
        found.append(tensors[f"array{len(found)}"])
    return found


def _fill(network: Any, n_inputs: int, contents: Contents) -> None:
    """Give the layers their widths and values, which are those of the file: nothing is drawn."""
    leaves, tensors = network.leaves, contents.tensors
    for layer, width in zip(leaves, network._widths(n_inputs), strict=True):
        layer.connect(width)
    places = lay_out([layer.shapes() for layer in leaves])
    by_name = {f"layer{place.layer + 1}.{place.name}": place for place in places}
    known = {*by_name, *(f"array{n}" for n in range(len(arrays_of(tensors)))), *_of_training(by_name, contents)}
    if by_name.keys() - tensors.keys() or tensors.keys() - known:
        raise ValueError(sentence("the tensors", f"{', '.join(by_name)}", ", ".join(tensors)))
    for name, place in by_name.items():
        check_tensor(name, tensors[name], place.shape, network.dtype)
    flat = aligned_zeros(places[-1].stop if places else 0, network.dtype)
    for name, place in by_name.items():
        place.view(flat)[...] = tensors[name]
    for number, layer in enumerate(leaves):
        layer.settle([place for place in places if place.layer == number], flat)
    network.build(n_inputs)
    if network.columns_ is not None:
        _columns(network)


def _of_training(by_name: Iterable[str], contents: Contents) -> list[str]:
    """Return the names of the tensors that a checkpoint has besides."""
    return [name for name in contents.tensors if contents.training and name.startswith("training.")]


def check_tensor(name: str, values: np.ndarray, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise ValueError unless these are finite numbers of this shape and dtype."""
    if values.shape != tuple(shape) or values.dtype != dtype:
        raise ValueError(sentence(name, f"of {np.dtype(dtype)} with shape {tuple(shape)}", values))
    check_finite(name, values, dtype)


def _table(columns: dict[str, Any] | None) -> Columns | None:
    if columns is None:
        return None
    from neural.tables import Columns  # few networks are of a table

    return Columns.from_plain(columns)


def _labels(classes: dict[str, Any] | None) -> np.ndarray | None:
    """Return the labels of the classes; ValueError for what _classes would not have written."""
    if classes is None:
        return None
    dtype, labels = classes.get("dtype"), classes.get("labels")
    if list(classes) != ["dtype", "labels"] or not isinstance(dtype, str) or not isinstance(labels, list) or not labels:
        raise ValueError(sentence("classes", "a dtype and a list of labels", classes))
    text = re.fullmatch(r"str([1-9][0-9]{0,6})", dtype)
    if text is None and dtype not in NUMBERS:
        raise ValueError(sentence("the dtype of classes", f"str and a width, or one of {', '.join(NUMBERS)}", dtype))
    if text is not None and int(text[1]) * len(labels) > MOST_TEXT:
        raise ValueError(sentence("the labels", f"at most {MOST_TEXT} characters together", f"{dtype}, {len(labels)}"))
    kind = {"s": str, "b": bool, "f": float}.get(dtype[0], int)
    try:
        found = np.array(labels, dtype=f"<U{text[1]}" if text else dtype)
    except (ValueError, TypeError, OverflowError):
        found = np.array([])
    if {type(label) for label in labels} != {kind} or found.tolist() != labels:
        raise ValueError(sentence("the labels", f"values of {dtype}", labels))
    return found
