import copy

import numpy as np
import pytest

from neural import BatchNorm, DenseLayer, NeuralNetwork
from neural.folding import fold_inputs, fold_outputs


def network(n_out=2, activation=None, dtype="float64", **settings):
    layers = [DenseLayer(3, 5, "gelu"), DenseLayer(5, n_out, activation)]
    return NeuralNetwork(layers, "mse", dtype=dtype, random_state=0, **settings).build()


@pytest.mark.parametrize("far", [0.0, 1e3, 1e8])
def test_inputs_and_outputs_are_those_of_the_scaled_network(far):
    rng = np.random.default_rng(0)
    mean, scale = far + rng.normal(size=3), np.array([1e-3, 1.0, 1e4])
    X = mean + scale * rng.normal(size=(50, 3))
    net = network()
    before = net.predict((X - mean) / scale) * [2.0, 1e5] + [7.0, -1e6]
    net = copy.deepcopy(net)
    fold_inputs(net, mean, scale)
    fold_outputs(net, np.array([7.0, -1e6]), np.array([2.0, 1e5]))
    rounding = 1e-12 * (1 + far / scale.min())
    np.testing.assert_allclose(net.predict(X), before, rtol=rounding, atol=1e5 * rounding)


def test_one_layer_takes_both():
    net = NeuralNetwork([DenseLayer(1, 1, init="ones")], "mse", dtype="float64")
    fold_inputs(net, np.array([3.0]), np.array([2.0]))
    fold_outputs(net, np.array([10.0]), np.array([4.0]))
    assert net.predict([[5.0]]) == 14.0


@pytest.mark.parametrize(
    "net",
    [
        network(dtype="float32"),
        network(input_scale=0.5),
        NeuralNetwork([DenseLayer(3, 5, bias=False), DenseLayer(5, 1)], "mse", dtype="float64"),
        NeuralNetwork([BatchNorm(), DenseLayer(3, 1)], "mse", dtype="float64"),
    ],
)
def test_a_first_layer_that_cannot_is_refused(net):
    with pytest.raises(ValueError, match="the layer to fold scales into must be"):
        fold_inputs(net, np.zeros(3), np.ones(3))


def test_an_activation_after_the_last_layer_is_refused():
    with pytest.raises(ValueError, match="without activation"):
        fold_outputs(network(activation="tanh"), np.zeros(2), np.ones(2))
