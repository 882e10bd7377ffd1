"""Random networks over all tables, for the tests that run over everything."""

import itertools

import numpy as np

from neural import (
    AverageLayer,
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
from neural.engine import NumpyEngine, Workspace
from neural.gradcheck import KINK, kink_distance
from neural.layer import Mode
from neural.layers import LAYERS, ActivationLayer
from neural.losses import LOSSES

FAR, STEEP = 20, 1e3  # values and slopes beyond which a finite difference steps over kinks and bends
INITS = ("he", "xavier", "random")


def allowed(loss, activation):
    """Return whether the loss may follow the activation, as the loss itself says."""
    try:
        loss().check_output(ACTIVATIONS[activation]())
    except ValueError:
        return False
    return True


PAIRS = [(a, loss) for loss in LOSSES for a in ACTIVATIONS if allowed(LOSSES[loss], a)]


def labels(rng, n, k):
    return rng.integers(0, k, n)


def labels_or_distributions(rng, n, k):
    return rng.dirichlet(np.ones(k), n) if rng.random() < 0.3 else labels(rng, n, k)


def answers(rng, n, k):
    return rng.integers(0, 2, (n, k))


def answers_or_probabilities(rng, n, k):
    return rng.random((n, k)) if rng.random() < 0.3 else answers(rng, n, k)


def values(rng, n, k):
    return rng.normal(size=(n, k))


TARGETS = {  # of each loss, (rows, targets in a row)
    "categorical_crossentropy": labels_or_distributions,
    "categorical_focal": labels_or_distributions,
    "categorical_hinge": labels,
    "binary_crossentropy": answers_or_probabilities,
    "binary_focal": answers_or_probabilities,
    "hinge": answers,
    "squared_hinge": answers,
    "mse": values,
    "mae": values,
    "huber": values,
    "log_cosh": values,
    "quantile": values,
    "poisson": lambda rng, n, k: rng.poisson(1.5, (n, k)),
    "gamma": lambda rng, n, k: rng.gamma(2, size=(n, k)),
    "gaussian_nll": values,
}
SETTINGS = {  # of those that have some, for ``k`` outputs
    "categorical_crossentropy": lambda rng, k: {"label_smoothing": rng.choice([0, 0.1])},
    "binary_crossentropy": lambda rng, k: {"label_smoothing": rng.choice([0, 0.1])},
    "categorical_focal": lambda rng, k: {
        "gamma": rng.choice([0, 0.5, 2]), "alpha": [None, rng.random(k).tolist()][rng.integers(2)],
    },
    "binary_focal": lambda rng, k: {"gamma": rng.choice([0, 0.5, 2]), "alpha": [None, 0.25][rng.integers(2)]},
    "huber": lambda rng, k: {"delta": rng.choice([0.5, 1, 2])},
    "quantile": lambda rng, k: {"quantiles": [0.3, [0.1, 0.9]][k % 2 == 0]},
}  # fmt: skip


def with_settings(rng, loss, k, l2=0.0):
    """Return a loss of that name with settings drawn for ``k`` outputs."""
    return LOSSES[loss](l2=l2, **SETTINGS.get(loss, lambda rng, k: {})(rng, k))


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
    last = [ActivationLayer(activation)]
    if activation in ("log", "logit"):  # of shares, as they are for
        last.insert(0, ActivationLayer("softmax"))
    extra = {
        "DenseLayer": lambda: [DenseLayer(n_in, width, activation, **settings)],
        "ActivationLayer": lambda: [dense, *last],
        "DropoutLayer": lambda: [dense, *last, DropoutLayer(0.3)],
        "GaussianNoise": lambda: [dense, *last, GaussianNoise(0.2)],
        "PReLU": lambda: [dense, PReLU(0.3)],
        "BatchNorm": lambda: [dense, BatchNorm(epsilon=0.1), *last],
        "LayerNorm": lambda: [dense, LayerNorm(epsilon=0.1), *last],
        "Residual": lambda: [
            dense,
            Residual([LayerNorm(epsilon=0.1), DenseLayer(width, 3, activation), DenseLayer(3, width, **settings)]),
        ],
        "AverageLayer": lambda: [
            AverageLayer(
                [[DenseLayer(n_in, 3, activation), DenseLayer(3, width, **settings)], [LayerNorm(epsilon=0.1), dense]]
            )
        ],
    }
    return extra[kind]()


def gentle(net, X, y, weights):
    """Return whether finite differences can be trusted: a step must not grow much on its way, as in exponentials."""
    program, data = net.prepared(X, y, weights)
    x, sizes = data.X, []
    with np.errstate(all="ignore"):
        for layer, own in Workspace(program).layers:
            z, (x, _) = x, layer.forward(x, own, Mode(True))
            logarithm = isinstance(layer, ActivationLayer) and layer.function.name in ("log", "logit")  # flat far out
            sizes.append(np.abs(layer.function.activation_prime(z) if logarithm else x).max())
    cost, *slopes = (np.abs(found).max() for found in NumpyEngine().gradient(program, data, Mode(True)))
    return bool(np.max(sizes) < FAR and np.max(slopes) < STEEP and cost < STEEP)  # its rounding counts as well


def draw(seed, case=None):
    """Return a random network, X, y and weights, none of it near a kink. ``case`` fixes (activation, loss)."""
    rng = np.random.default_rng(seed)
    last, loss = PAIRS[seed % len(PAIRS)] if case is None else case
    for attempt in range(1000):
        widths = rng.integers(1, 6, rng.integers(0, 5) + 2).tolist()
        if last == "softmax" or loss.startswith("categorical"):
            widths[-1] = max(widths[-1], 2)
        if loss == "gaussian_nll":
            widths[-1] += widths[-1] % 2
        layers = []
        for n_in, width in itertools.pairwise(widths[:-1]):
            layers += block(rng, rng.choice(list(LAYERS)), n_in, width)
        layers.append(DenseLayer(widths[-2], widths[-1], last, init="random", bias_init="random"))
        chosen = with_settings(rng, loss, widths[-1], rng.choice([0, 0.2]))
        net = NeuralNetwork(layers, chosen, dtype="float64", random_state=seed * 101 + attempt)
        n = int(rng.integers(1, 7))
        X, y = rng.normal(size=(n, widths[0])), TARGETS[loss](rng, n, chosen.n_targets(widths[-1]))
        weights = rng.uniform(0.1, 2, n) if rng.random() < 0.5 else None
        if gentle(net, X, y, weights) and kink_distance(net, X, y, training=True) > KINK:
            return net, X, y, weights
    raise AssertionError(f"seed {seed}: no network away from kinks in 1000 draws")
