"""Writes tests/golden: model files that every later version has to load, and what they predict.

python -m tests.golden VERSION    (once for each version of the package whose files differ; those there are stay)
"""

import json
import sys
from pathlib import Path

import numpy as np

import neural
from neural import DenseLayer, NeuralNetwork

FOLDER = Path(__file__).parent / "golden"


def exact(dtype):
    """Return a network whose arithmetic is exact in any order: small whole numbers over powers of 2, and ReLU."""
    rng = np.random.default_rng(0)
    layers = [DenseLayer(4, 8, "relu"), DenseLayer(8, 8, "leaky_relu"), DenseLayer(8, 2)]
    layers[1] = DenseLayer(8, 8, neural.LeakyReLU(0.25))
    net = NeuralNetwork(layers, "mse", dtype=dtype, input_scale=0.5, random_state=0)
    for layer in layers:
        layer.weights = rng.integers(-8, 9, layer.weights.shape) / 8
        layer.biases = rng.integers(-8, 9, layer.biases.shape) / 8
    return net


def of_all_layers():
    rng = np.random.default_rng(1)
    block = neural.Residual([neural.LayerNorm(), DenseLayer(6, 6, "gelu")])
    layers = [
        *(DenseLayer(4, 6, "silu", init="orthogonal", l2=0.1, max_norm=4), neural.BatchNorm(), neural.PReLU()),
        *(block, neural.GaussianNoise(0.1), neural.DropoutLayer(0.2), neural.LayerNorm(), DenseLayer(6, 3)),
        neural.ActivationLayer("softmax"),
    ]
    loss = neural.CategoricalCrossentropy(l2=0.01, label_smoothing=0.1)
    net = NeuralNetwork(layers, loss, dtype="float64", engine="numpy", random_state=3)
    X, y = rng.normal(size=(60, 4)), np.array(["ant", "bee", "cicada"])[np.arange(60) % 3]
    net.fit(X, y, epochs=3, optimizer="adam", metrics="accuracy", verbose=0)
    return net


def of_chains():
    """Return a network of chains side by side, packed from others."""
    nets = [NeuralNetwork([DenseLayer(4, 3, "tanh"), DenseLayer(3, 2, "softmax")], "cross_entropy", dtype="float64",
                          random_state=k).build() for k in range(2)]  # fmt: skip
    return neural.ensemble(nets)


def of_tables():
    """Return a network of the layers for tables and of members that share their weights."""
    layers = [
        neural.OnColumns([neural.PiecewiseEmbedding([[-1, 0, 1]])], first=1),
        neural.OnColumns([neural.Embedding([3], 2)], last=1),
        *(neural.Scaling(0.5, 0.25), neural.PeriodicEmbedding(2, frequencies=2)),
        *(neural.EnsembleDense(4, 2, "tanh", first=True), neural.EnsembleDense(2, 2)),
        neural.MeanOfMembers(2, "softmax"),
    ]
    return NeuralNetwork(layers, "cross_entropy", dtype="float64", engine="numpy", random_state=5).build(4)


def of_a_fit(path):
    """Return a network that was fitted with a checkpoint at ``path``."""
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(40, 4)), rng.integers(0, 2, 40)
    layers = [DenseLayer(4, 5, "tanh"), neural.DropoutLayer(0.1), DenseLayer(5, 1, "sigmoid")]
    net = NeuralNetwork(layers, "binary_crossentropy", dtype="float64", engine="numpy", random_state=4)
    watched = [neural.EarlyStopping("val_loss", 3), neural.ReduceOnPlateau("val_loss")]
    net.fit(X, y, 4, optimizer="adam", average="ema", validation_split=0.2, callbacks=watched, verbose=0,
            checkpoint=path)  # fmt: skip
    return net


def in_hex(rows):
    return [[float(value).hex() for value in row] for row in rows]


def write(name, net, *, save=True):
    X = np.random.default_rng(2).integers(-8, 9, (5, 4)) / 4
    if save:
        net.save(FOLDER / f"{name}.safetensors")
    found = {
        "X": in_hex(X),
        "outputs": in_hex(net.predict(X)),
        "layers": [layer.describe() for layer in net.layers],
        "classes": None if net.classes_ is None else net.classes_.tolist(),
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    made = {
        "exact-float32": lambda path: exact("float32"),
        "exact-float64": lambda path: exact("float64"),
        "all-layers": lambda path: of_all_layers(),
        "chains": lambda path: of_chains(),
        "tables": lambda path: of_tables(),
        "checkpoint": of_a_fit,
    }
    for name, make in made.items():
        path = FOLDER / f"{sys.argv[1]}-{name}.safetensors"
        if not path.exists():
            write(path.stem, make(path), save=name != "checkpoint")
