"""Model files taken apart, changed and sealed again, as somebody would who knows the format."""

import hashlib
import json
import re

import numpy as np
import pytest

from neural import (
    BatchNorm,
    DenseLayer,
    DropoutLayer,
    LeakyReLU,
    ModelFileError,
    NeuralNetwork,
    Residual,
    container,
    model_file,
)
from neural.config import from_config, to_config
from neural.container import HEAD, START


def network(seed=0, dtype="float32"):
    """Return a small network with a layer of most kinds, fitted to three classes with names."""
    rng = np.random.default_rng(seed)
    block = Residual([DenseLayer(5, 5, LeakyReLU(0.3)), DropoutLayer(0.1)])
    layers = [DenseLayer(4, 5, "relu", init=rng.normal(size=(5, 4))), BatchNorm(), block, DenseLayer(5, 3, "softmax")]
    net = NeuralNetwork(layers, "categorical_crossentropy", input_scale=0.5, dtype=dtype, random_state=seed)
    X, y = rng.normal(size=(30, 4)), np.array(["ant", "bee", "cicada"])[np.arange(30) % 3]
    net.fit(X, y, epochs=2, optimizer="adam", verbose=0)
    return net


def saved(net, folder, name="net.safetensors"):
    net.save(folder / name)
    return (folder / name).read_bytes()


def loaded(content, custom=None, kind=NeuralNetwork):
    """Return the network in the bytes of a file."""
    return model_file.made(kind, model_file.Contents("a file", *container.parse(content, "a file")), custom)


def take_apart(content):
    """Return the header as a dictionary, the parts of its metadata read too, and the tensors' bytes."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    meta = header["__metadata__"]
    for name in ("network", "classes", "metrics", "versions", "training"):
        if name in meta:
            meta[name] = json.loads(meta[name])
    return header, content[8 + length :]


def text_of(header):
    """Return the header as the package writes it."""
    meta = {k: v if isinstance(v, str) else dumps(v) for k, v in header["__metadata__"].items()}
    return dumps({**header, "__metadata__": meta})


def dumps(value):
    return json.dumps(value, separators=(",", ":"))


def put_together(header, data, *, length=None):
    """Return a file of a header, a dictionary or its text, and the tensors' bytes, under a seal that is right."""
    text = text_of(header).encode() if isinstance(header, dict) else header
    text += b" " * (-(8 + len(text)) % 64)
    return seal((len(text) if length is None else length).to_bytes(8, "little") + text + data)


def seal(content):
    """Return the bytes with the checksum that belongs to them, where they have a place for it."""
    if content[8:START] != HEAD:
        return bytes(content)
    blank = content[:START] + b"0" * 64 + content[START + 64 :]
    return blank[:START] + hashlib.sha256(blank).hexdigest().encode() + blank[START + 64 :]


def changed(content, change):
    """Return the file after ``change(header)``, sealed again."""
    header, data = take_apart(content)
    change(header)
    return put_together(header, data)


# --- changes of a header, and how they are refused -------------------------------------------------------------------
def refused(content, words):
    with pytest.raises(ModelFileError) as caught:
        loaded(content)
    assert re.search(words, str(caught.value)), caught.value


def header_of(content):
    return take_apart(content)[0]


def with_text(content, change):
    """Return the file with its header's text changed, and sealed again."""
    header, data = take_apart(content)
    return put_together(change(text_of(header).encode()), data)


def meta(key, value):
    return lambda header: header["__metadata__"].update({key: value})


def net(key, value):
    return lambda header: header["__metadata__"]["network"].update({key: value})


def layer(change, number=0):
    """Return a change of one layer's description."""
    return lambda header: change(header["__metadata__"]["network"]["layers"][number])


def tensor(change, name="layer1.weights"):
    return lambda header: change(header[name])


def settings(**new):
    return layer(lambda described: described["settings"].update(new))


def through_json(value, custom=None):
    """Return what comes back of a value that is written down as settings in JSON, and read."""
    arrays = []
    return from_config(json.loads(json.dumps(to_config(value, arrays), allow_nan=False)), arrays, custom)
