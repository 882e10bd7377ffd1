"""What the tests of Dask clusters share: rows, a network, a fit to them in partitions, and how it ends early."""

import dask.array as da
import numpy as np

from neural import Callback, CategoricalCrossentropy, DenseLayer, DropoutLayer, NeuralNetwork
from neural.distributed import fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(203, 4)).astype(np.float32)
LABELS = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 1)
NAMES = np.array(["ash", "birch", "cedar"])[LABELS]
SETTINGS = {"epochs": 3, "learning_rate": 0.05, "batch_size": 16, "verbose": 0, "every": 3, "optimizer": "adam"}
QUIET = {"dashboard_address": ":0", "threads_per_worker": 1, "n_workers": 2}


def network(seed=0, layers=None, loss=None, **settings):
    layers = layers or [DenseLayer(4, 9, "relu"), DropoutLayer(0.2), DenseLayer(9, 3, "softmax")]
    return NeuralNetwork(layers, loss or CategoricalCrossentropy(l2=0.01), random_state=seed, **settings)


def trained(client, X_=None, y=None, net=None, **settings):
    net = net or network()
    given = da.from_array(X, chunks=(50, 4)) if X_ is None else X_
    targets = da.from_array(LABELS, chunks=50) if y is None else y
    history = fit(net, given, targets, **{"client": client, "workers": 3, **SETTINGS, **settings})
    return net, history


def same(one, other):
    return np.array_equal(one.params, other.params)


class Stop(Exception):
    pass


class StopsAt(Callback):
    def __init__(self, rounds):
        self.rounds = rounds

    def on_batch_end(self, training):
        self.rounds -= 1
        if self.rounds == 0:
            raise Stop
