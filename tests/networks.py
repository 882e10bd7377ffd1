"""Random networks over all tables, for the tests that run over everything."""

import itertools

import numpy as np

from neural import (
    BatchNorm,
    DenseLayer,
    DropoutLayer,
    GaussianNoise,
    LayerNorm,
    NeuralNetwork,
    PReLU,
    Residual,
)
from neural.activations import ACTIVATIONS
from neural.gradcheck import KINK, kink_distance
from neural.layers import LAYERS, ActivationLayer
from neural.losses import LOSSES

INITS = ("he", "xavier", "random")


def allowed(loss, activation):
    """Return whether the loss may follow the activation, as the loss itself says."""
    try:
        loss().check_output(ACTIVATIONS[activation]())
    except ValueError:
        return False
    return True


PAIRS = [(a, loss) for loss in LOSSES for a in ACTIVATIONS if allowed(LOSSES[loss], a)]


def targets(rng, loss, n, k):
    if loss == "categorical_crossentropy":
        soft = rng.dirichlet(np.ones(k), n)
        return soft if rng.random() < 0.3 else rng.integers(0, k, n)
    if loss == "binary_crossentropy":
        return rng.random((n, k)) if rng.random() < 0.3 else rng.integers(0, 2, (n, k))
    return rng.normal(size=(n, k))


def block(rng, kind, n_in, width):
    """Return the layers that stand for one hidden layer of a kind, the dense one last where widths change."""
    activation = rng.choice(list(ACTIVATIONS))
    settings = {
        "bias": rng.random() < 0.8,
        "init": rng.choice(INITS),
        "bias_init": rng.choice(["zeros", "random"]),
        "l1": rng.choice([0, 0.01]),
        "l2": rng.choice([0, 0.1]),
    }
    dense = DenseLayer(n_in, width, **settings)
    extra = {
        "DenseLayer": lambda: [DenseLayer(n_in, width, activation, **settings)],
        "ActivationLayer": lambda: [dense, ActivationLayer(activation)],
        "DropoutLayer": lambda: [dense, ActivationLayer(activation), DropoutLayer(0.3)],
        "GaussianNoise": lambda: [dense, ActivationLayer(activation), GaussianNoise(0.2)],
        "PReLU": lambda: [dense, PReLU(0.3)],
        "BatchNorm": lambda: [dense, BatchNorm(epsilon=0.1), ActivationLayer(activation)],
        "LayerNorm": lambda: [dense, LayerNorm(epsilon=0.1), ActivationLayer(activation)],
        "Residual": lambda: [
            dense,
            Residual([LayerNorm(epsilon=0.1), DenseLayer(width, 3, activation), DenseLayer(3, width, **settings)]),
        ],
    }
    return extra[kind]()


def draw(seed, case=None):
    """Return a random network, X, y and weights, none of it near a kink. ``case`` fixes (activation, loss)."""
    rng = np.random.default_rng(seed)
    last, loss = PAIRS[seed % len(PAIRS)] if case is None else case
    for attempt in range(100):
        widths = rng.integers(1, 6, rng.integers(0, 5) + 2).tolist()
        if last == "softmax" or loss == "categorical_crossentropy":
            widths[-1] = max(widths[-1], 2)
        layers = []
        for n_in, width in itertools.pairwise(widths[:-1]):
            layers += block(rng, rng.choice(list(LAYERS)), n_in, width)
        layers.append(DenseLayer(widths[-2], widths[-1], last, init="random", bias_init="random"))
        net = NeuralNetwork(
            layers, LOSSES[loss](l2=rng.choice([0, 0.2])), dtype="float64", random_state=seed * 101 + attempt
        )
        n = int(rng.integers(1, 7))
        X, y = rng.normal(size=(n, widths[0])), targets(rng, loss, n, widths[-1])
        weights = rng.uniform(0.1, 2, n) if rng.random() < 0.5 else None
        if kink_distance(net, X, y, training=True) > KINK:
            return net, X, y, weights
    raise AssertionError(f"seed {seed}: no network away from kinks in 100 draws")
