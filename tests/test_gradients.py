"""Every backward against finite differences, in float64, over random networks."""

import numpy as np
import pytest

from neural import DenseLayer, Layer, NeuralError, NeuralNetwork
from neural.activations import ACTIVATIONS
from neural.gradcheck import check_gradient, kink_distance
from neural.layers import LAYERS
from neural.losses import LOSSES
from tests.networks import PAIRS, draw

TOLERANCE = 1e-6


def worst(seeds):
    """Return the networks whose gradient is off, as (seed, check, network)."""
    bad = []
    for seed in seeds:
        net, X, y, weights = draw(seed)
        check = check_gradient(net, X, y, weights, training=True, random_state=seed)
        if not check.error <= TOLERANCE:
            bad.append((seed, check, net))
    return bad


@pytest.mark.parametrize("part", range(10))
def test_random_networks(part):
    assert worst(range(part * 50, part * 50 + 50)) == []


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(200))
def test_twenty_thousand_random_networks(part):
    assert worst(range(500 + part * 100, 600 + part * 100)) == []


def test_the_draws_cover_every_row_of_every_table():
    layers, seen = set(), set()
    for seed in range(300):
        net, *_ = draw(seed)
        layers |= {type(layer).__name__ for layer in [*net.layers, *net.leaves]}
        hidden = {
            part.function.name for layer in net.layers[:-1] for part in layer.expanded() if hasattr(part, "function")
        }
        seen |= hidden
    assert layers >= set(LAYERS)
    assert seen >= set(ACTIVATIONS)
    assert {loss for _, loss in PAIRS} == set(LOSSES)
    assert {name for name, _ in PAIRS} == set(ACTIVATIONS)


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_each_activation_before_each_loss_it_may_precede(activation, loss):
    for seed in range(3):
        net, X, y, weights = draw(1000 + seed, case=(activation, loss))
        assert check_gradient(net, X, y, weights, training=True).error <= TOLERANCE


def test_many_parameters_are_checked_in_random_directions():
    net = NeuralNetwork(
        [DenseLayer(30, 40, "tanh"), DenseLayer(40, 3, "softmax")], "categorical_crossentropy", random_state=1
    )
    rng = np.random.default_rng(0)
    assert check_gradient(net, rng.normal(size=(8, 30)), rng.integers(0, 3, 8)).error <= TOLERANCE


class WrongSign(DenseLayer):
    def backward(self, dy, cache, own, grads):
        dx = super().backward(dy, cache, own, grads)
        grads.biases *= -1
        return dx


def test_a_wrong_backward_is_found():
    net = NeuralNetwork([WrongSign(2, 3), DenseLayer(3, 1)], "mse", random_state=0)
    with pytest.raises(NeuralError, match="must agree with finite differences"):
        check_gradient(net, [[1.0, 2.0]], [1.0], tolerance=1e-6)


class Scale(Layer):
    """y = gain * x: a user's own layer."""

    def shapes(self):
        return {"gain": (self._width,)}

    def initialize(self, name, shape, rng):
        return rng.uniform(0.5, 1.5, shape)

    def forward(self, x, own, mode):
        return x * own.gain, x

    def backward(self, dy, cache, own, grads):
        grads.gain[...] = (dy * cache).sum(axis=0)
        return dy * own.gain


def test_a_users_own_layer_is_checked_and_trained_like_ours():
    net = NeuralNetwork([Scale(), DenseLayer(None, 4, "tanh"), Scale(), DenseLayer(4, 1)], "mse", random_state=0)
    X = np.random.default_rng(0).normal(size=(20, 3))
    y = X @ [1.0, 2.0, 3.0]
    assert check_gradient(net, X, y).error <= TOLERANCE
    history = net.fit(X, y, epochs=50, learning_rate=0.1, batch_size=5, verbose=0)
    assert history[-1] < history[0] / 5
    assert net.layers[0].parameter("gain").shape == (3,)


def test_the_check_changes_nothing():
    net, X, y, weights = draw(3)
    before = net.params.copy(), X.copy()
    check_gradient(net, X, y, weights)
    assert np.array_equal(net.params, before[0])
    assert np.array_equal(X, before[1])


def test_kinks_are_seen():
    net = NeuralNetwork([DenseLayer(1, 1, "relu"), DenseLayer(1, 1)], "mae", dtype="float64", random_state=0).build()
    net.layers[0].weights, net.layers[0].biases = [[1.0]], [[0.0]]
    net.layers[1].weights, net.layers[1].biases = [[1.0]], [[0.0]]
    assert kink_distance(net, [[0.25]], [2.0]) == 0.25  # the ReLU
    assert kink_distance(net, [[3.0]], [2.9]) == pytest.approx(0.1)  # the loss


def test_a_gradient_of_nothing_is_right():
    """Under softmax, the MAE of a row whose errors cancel does not depend on the scores."""
    net = NeuralNetwork([DenseLayer(3, 2, "softmax")], "mae", random_state=0)
    check = check_gradient(net, [[0.5, -1.0, 2.0], [1.0, 0.0, 0.5]], [[-1.0, -2.0], [-3.0, -0.5]])  # all errors above 0
    assert check.norm > 0  # what rounding leaves
    assert max(check.norm, check.numeric_norm) < 1e-9
    assert check.error == 0
