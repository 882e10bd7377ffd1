"""A small network with dropout, and three classes of rows for it."""

import numpy as np

from neural import CategoricalCrossentropy, DenseLayer, DropoutLayer, NeuralNetwork
from neural.core import CoreEngine
from neural.engine import NumpyEngine
from neural.training import SLICE_SECONDS

X = np.random.default_rng(0).normal(size=(90, 4))
LABELS = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 1)


def network(seed=0, **settings):
    layers = [DenseLayer(4, 20, "relu"), DropoutLayer(0.2), DenseLayer(20, 3, "softmax")]
    return NeuralNetwork(layers, CategoricalCrossentropy(l2=0.01), random_state=seed, **settings)


def fit(net, epochs=5, y=LABELS, **settings):
    return net.fit(X, y, **{"epochs": epochs, "learning_rate": 0.1, "batch_size": 16, "verbose": 0} | settings)


def first_crossing(monkeypatch, updates):
    """Have the first crossing of each fit make so many updates, on either engine."""
    for engine in (NumpyEngine, CoreEngine):
        monkeypatch.setattr(engine, "update_seconds", lambda *given: SLICE_SECONDS / (updates + 0.5))
