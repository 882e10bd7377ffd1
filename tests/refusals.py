"""What the tests of bad input share: small networks, good data for them, and how a refusal is looked at."""

import copy
import functools

import numpy as np
import pytest

from neural import (
    ActivationLayer,
    DenseLayer,
    DropoutLayer,
    NeuralNetwork,
)

rng = np.random.default_rng(12)
X = rng.integers(-8, 9, (12, 4)).astype(np.float32)  # whole, so that every type of number holds them exactly
LABELS = np.arange(12) % 3
TEXT = np.array(["cow", "dog", "eel"])[LABELS]
BITS = LABELS % 2
VALUES = X[:, 0] / 4
ONE_HOT = np.eye(3)[LABELS]
WEIGHTS = np.arange(12) % 4
NAN, INF = float("nan"), float("inf")


def network(n_out, activation, loss, n_in=None):
    layers = [DenseLayer(n_in, 5, "relu"), DropoutLayer(0.2), DenseLayer(None, n_out), ActivationLayer(activation)]
    return NeuralNetwork(layers, loss, random_state=3)


KINDS = {  # a network that does not know its widths yet, and good targets for it
    "softmax": (lambda: network(3, "softmax", "categorical_crossentropy"), LABELS),
    "text": (lambda: network(3, "softmax", "categorical_crossentropy"), TEXT),
    "four": (lambda: network(3, "softmax", "categorical_crossentropy", n_in=4), LABELS),
    "sigmoid": (lambda: network(1, "sigmoid", "binary_crossentropy"), BITS),
    "linear": (lambda: network(1, "linear", "mse"), VALUES),
}


def fit(net, kind, **other):
    given = {"X": X, "y": KINDS[kind][1], "epochs": 2, "batch_size": 5, "verbose": 0, "optimizer": "adam", **other}
    return net.fit(given.pop("X"), given.pop("y"), **given)


@functools.cache
def trained(kind, times):
    net = KINDS[kind][0]()
    for _ in range(times):
        fit(net, kind)
    return net.params.tobytes()


def snapshot(net):
    """Return all that a network is, for comparison."""
    state, history = net.state, net.history_
    return (
        [(id(layer), plain(getattr(layer, "__dict__", layer))) for layer in net.layers],
        plain({**vars(state), "memory": plain(state.memory)}),
        (id(history), list(history), copy.deepcopy(history.history)),
        plain({name: getattr(net, name) for name in ("classes_", "loss_", "engine_", "_params", "_built", "seed")}),
    )


def plain(named):
    if not isinstance(named, dict):
        return named
    return {name: (a.dtype, a.tobytes()) if isinstance(a, np.ndarray) else a for name, a in named.items()}


def refuses(call, exception, words):
    """Assert that the call raises this very exception, with all the words in its message."""
    with pytest.raises(exception) as caught:
        call()
    assert caught.type is exception, caught.value
    assert [word for word in words if str(word) not in str(caught.value)] == [], caught.value


def refuses_and_keeps(kind, bad, exception, words):
    make, _ = KINDS[kind]
    for times in (0, 1):
        net = make()
        for _ in range(times):
            fit(net, kind)
        before = snapshot(net)
        refuses(lambda net=net: bad(net), exception, words)
        assert snapshot(net) == before
        fit(net, kind)
        assert net.params.tobytes() == trained(kind, times + 1)


def put(a, place, value):
    a = np.array(a, dtype=np.float64)
    a[place] = value
    return a


def objects(*rows):
    a = np.empty(len(rows), dtype=object)
    a[:] = rows
    return a


LATE = DenseLayer(2, 2)
NeuralNetwork([LATE])


def chain(*layers, loss="categorical_crossentropy"):
    return lambda: NeuralNetwork([copy.deepcopy(layer) for layer in layers], loss, random_state=5)
