"""A small network with dropout, and three classes of rows for it."""

import numpy as np

from neural import CategoricalCrossentropy, DenseLayer, DropoutLayer, NeuralNetwork

X = np.random.default_rng(0).normal(size=(90, 4))
LABELS = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 1)


def network(seed=0, **settings):
    layers = [DenseLayer(4, 20, "relu"), DropoutLayer(0.2), DenseLayer(20, 3, "softmax")]
    return NeuralNetwork(layers, CategoricalCrossentropy(l2=0.01), random_state=seed, **settings)


def fit(net, epochs=5, y=LABELS, **settings):
    return net.fit(X, y, **{"epochs": epochs, "learning_rate": 0.1, "batch_size": 16, "verbose": 0} | settings)
