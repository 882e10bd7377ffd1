"""Twenty healthy networks, and a healthy one for each fault to be planted in."""

import itertools

import numpy as np

from neural import (
    BatchNorm,
    DenseLayer,
    DropoutLayer,
    LayerNorm,
    NeuralNetwork,
    PReLU,
    Quantile,
    Residual,
)
from neural.datasets import make_circles, make_moons, make_spirals, make_xor, train_test_split


def scaled(X_train, X_test):
    mean, spread = X_train.mean(axis=0), X_train.std(axis=0)
    spread[spread == 0] = 1
    return (X_train - mean) / spread, (X_test - mean) / spread


def split(X, y, scale=True):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    return (*(scaled(X_train, X_test) if scale else (X_train, X_test)), y_train, y_test)


def layers(widths, hidden, last):
    n = len(widths) - 1
    return [DenseLayer(a, b, hidden if k < n - 1 else last) for k, (a, b) in enumerate(itertools.pairwise(widths))]


def chain(seed, widths, hidden, last, loss, **options):
    return NeuralNetwork(layers(widths, hidden, last), loss, random_state=seed, **options)


def waves(n=600, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 2))
    return X, np.sin(2 * X[:, 0]) + 0.5 * X[:, 1] + noise * rng.normal(size=n)


def straight():
    X, _ = waves()
    return X, X @ [1.0, -2.0] + 0.3


def two_values():
    X, y = waves()
    return X, np.column_stack([y, X[:, 0] ** 2])


def counts():
    X, y = waves()
    return X, np.random.default_rng(0).poisson(np.exp(y))


def blobs(n=900, k=4, width=6, spread=1.0, seed=0, shares=None):
    rng = np.random.default_rng(seed)
    centres = 1.6 * rng.normal(size=(k, width))
    y = rng.choice(k, n, p=shares)
    return centres[y] + spread * rng.normal(size=(n, width)), y


def pixels(n=800, seed=0):
    """Images of 8 x 8: bars, upright or level, on noise, with a dark border; uint8."""
    rng = np.random.default_rng(seed)
    X, y = rng.integers(0, 60, (n, 8, 8)), rng.integers(0, 2, n)
    for image, upright, place in zip(X, y, rng.integers(2, 6, n), strict=True):
        if upright:
            image[1:7, place] += 120
        else:
            image[place, 1:7] += 120
    X[:, [0, -1]] = X[:, :, [0, -1]] = 0
    return X.reshape(n, -1).astype(np.uint8), y


def sklearn_data(name):
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return (X, y / 100) if name == "diabetes" else (X, y)


BCE, CCE = "binary_crossentropy", "categorical_crossentropy"
HEALTHY = {  # data, network, settings of fit
    "moons": (
        lambda: split(*make_moons(800, noise=0.2, random_state=0)),
        lambda seed: chain(seed, (2, 16, 1), "relu", "sigmoid", BCE),
        {"learning_rate": 0.02, "optimizer": "adam"},
    ),
    "circles": (
        lambda: split(*make_circles(800, noise=0.1, random_state=0)),
        lambda seed: chain(seed, (2, 16, 1), "tanh", "sigmoid", BCE),
        {"learning_rate": 0.05, "optimizer": "adam", "epochs": 100},
    ),
    "spirals": (
        lambda: split(*make_spirals(900, random_state=0)),
        lambda seed: chain(seed, (2, 32, 32, 1), "elu", "sigmoid", BCE),
        {"learning_rate": 0.01, "optimizer": "adam"},
    ),
    "xor": (
        lambda: split(*make_xor(800, noise=0.1, random_state=0)),
        lambda seed: chain(seed, (2, 16, 1), "leaky_relu", "sigmoid", BCE),
        {"learning_rate": 0.02, "optimizer": "adam"},
    ),
    "iris": (
        lambda: split(*sklearn_data("iris")),
        lambda seed: chain(seed, (4, 8, 3), "tanh", "softmax", CCE),
        {"learning_rate": 0.1, "batch_size": 16},
    ),
    "wine": (
        lambda: split(*sklearn_data("wine")),
        lambda seed: chain(seed, (13, 8, 3), "relu", "softmax", CCE),
        {"learning_rate": 0.05, "batch_size": 16},
    ),
    "cancer": (
        lambda: split(*sklearn_data("breast_cancer")),
        lambda seed: chain(seed, (30, 8, 1), "relu", "sigmoid", BCE),
        {"learning_rate": 0.05},
    ),
    "digits": (
        lambda: split(*sklearn_data("digits"), scale=False),
        lambda seed: chain(seed, (64, 25, 10), "relu", "softmax", CCE, input_scale=1 / 16),
        {"learning_rate": 0.1, "epochs": 40},
    ),
    "diabetes": (
        lambda: split(*sklearn_data("diabetes")),
        lambda seed: chain(seed, (10, 8, 1), "relu", None, "mse"),
        {"learning_rate": 0.02, "epochs": 15},
    ),
    "waves": (
        lambda: split(*waves()),
        lambda seed: chain(seed, (2, 24, 1), "tanh", None, "mse"),
        {"learning_rate": 0.02, "optimizer": "adam"},
    ),
    "straight": (
        lambda: split(*straight()),
        lambda seed: chain(seed, (2, 1), None, None, "mse"),
        {"learning_rate": 0.05},
    ),
    "two_values": (
        lambda: split(*two_values()),
        lambda seed: chain(seed, (2, 32, 2), "silu", None, "huber"),
        {"learning_rate": 0.02, "optimizer": "adam"},
    ),
    "sigmoid": (
        lambda: split(*blobs()),
        lambda seed: chain(seed, (6, 16, 4), "sigmoid", "softmax", CCE),
        {"learning_rate": 0.5},
    ),
    "batchnorm": (
        lambda: split(*blobs(k=3)),
        lambda seed: NeuralNetwork(
            [DenseLayer(6, 16), BatchNorm(), *layers((16, 3), None, "softmax")], CCE, random_state=seed
        ),
        {"learning_rate": 0.05},
    ),
    "residual": (
        lambda: split(*blobs(k=3)),
        lambda seed: NeuralNetwork(
            [
                DenseLayer(6, 16, "relu"),
                Residual([LayerNorm(), DenseLayer(16, 16, "relu"), DenseLayer(16, 16)]),
                DenseLayer(16, 3, "softmax"),
            ],
            CCE,
            random_state=seed,
        ),
        {"learning_rate": 0.02},
    ),
    "dropout": (
        lambda: split(*blobs()),
        lambda seed: NeuralNetwork(
            [DenseLayer(6, 32, "relu"), DropoutLayer(0.2), DenseLayer(32, 4, "softmax")], CCE, random_state=seed
        ),
        {"learning_rate": 0.05},
    ),
    "counts": (
        lambda: split(*counts()),
        lambda seed: chain(seed, (2, 16, 1), "relu", "exponential", "poisson"),
        {"learning_rate": 0.01, "optimizer": "adam"},
    ),
    "quantiles": (
        lambda: split(*waves(noise=0.4)),
        lambda seed: chain(seed, (2, 24, 2), "relu", None, Quantile([0.1, 0.9])),
        {"learning_rate": 0.01, "optimizer": "adam"},
    ),
    "hinge": (
        lambda: split(*blobs(k=3)),
        lambda seed: NeuralNetwork(
            [DenseLayer(6, 12), PReLU(), DenseLayer(12, 3)], "categorical_hinge", random_state=seed
        ),
        {"learning_rate": 0.02},
    ),
    "images": (
        lambda: split(*pixels(), scale=False),
        lambda seed: chain(seed, (64, 16, 1), "relu", "sigmoid", BCE, input_scale=1 / 255),
        {"learning_rate": 0.1, "epochs": 40},
    ),
}


def fitted(name, seed=0):
    """Return a network of the table, fitted, and its rows."""
    data, net, settings = HEALTHY[name]
    X, X_test, y, y_test = data()
    net = net(seed)
    net.fit(X, y, **{"epochs": 60, "batch_size": 32, "verbose": 0, **settings})
    return net, X, y, X_test, y_test
