"""A small fit with all that a checkpoint has to keep: dropout, a schedule, callbacks that remember."""

import neural
from neural import (
    BatchNorm,
    Checkpoint,
    DenseLayer,
    DropoutLayer,
    EarlyStopping,
    NeuralNetwork,
    ReduceOnPlateau,
    Warmup,
)
from tests.small_network import LABELS, X


def network(seed=0, **settings):
    layers = [
        DenseLayer(4, 9, "relu"),
        BatchNorm(),
        DropoutLayer(0.2),
        DenseLayer(9, 6, "tanh"),
        DenseLayer(6, 3, "softmax"),
    ]
    return NeuralNetwork(layers, neural.CategoricalCrossentropy(l2=0.01), random_state=seed, **settings)


def fit(net, *more, **settings):
    given = {
        "epochs": 6, "learning_rate": 0.05, "batch_size": 16, "verbose": 0, "callbacks": list(more),
        "schedule": Warmup(3, then="cosine"), "optimizer": "adam",
    }  # fmt: skip
    return net.fit(X, LABELS, **given | settings)


def watched():
    plateau = ReduceOnPlateau("val_loss", drop=0.5, patience=1)
    return [EarlyStopping("val_accuracy", patience=4), plateau, Checkpoint("val_loss")]
