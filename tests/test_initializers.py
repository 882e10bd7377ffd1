"""How parameters start: variances and bounds, orthogonality, values given, and what "auto" stands for."""

import pickle

import numpy as np
import pytest

from neural import ActivationLayer, DenseLayer, NeuralNetwork
from neural.activations import ACTIVATIONS
from neural.initializers import INITIALIZERS, Constant, Given, Orthogonal, TruncatedNormal, resolve

N_IN, N_OUT = 300, 200
VARIANCES = {
    "he": 2 / N_IN, "he_normal": 2 / N_IN, "he_uniform": 2 / N_IN, "lecun_normal": 1 / N_IN, "lecun_uniform": 1 / N_IN,
    "xavier": 2 / (N_IN + N_OUT), "xavier_uniform": 2 / (N_IN + N_OUT), "xavier_normal": 2 / (N_IN + N_OUT),
    "glorot": 2 / (N_IN + N_OUT), "glorot_uniform": 2 / (N_IN + N_OUT), "glorot_normal": 2 / (N_IN + N_OUT),
    "kaiming_normal": 2 / N_IN, "kaiming_uniform": 2 / N_IN, "random": 1 / 3, "orthogonal": 1 / N_IN,
    "truncated_normal": 0.05**2 * 0.7737413035499232,  # 1 - 2 c phi(c) / (2 Phi(c) - 1) at c = 2
    "zeros": 0, "ones": 0,
}  # fmt: skip
BOUNDS = {
    "he_uniform": (6 / N_IN) ** 0.5, "lecun_uniform": (3 / N_IN) ** 0.5, "xavier": (6 / (N_IN + N_OUT)) ** 0.5,
    "random": 1, "truncated_normal": 0.1,
}  # fmt: skip


def drawn(spec, shape=(N_OUT, N_IN)):
    return resolve("init", spec)(np.random.default_rng(0), shape, N_IN, N_OUT)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_mean_and_variance(name):
    W = drawn(name)
    assert W.shape == (N_OUT, N_IN)
    assert W.dtype == np.float64
    assert W.var() == pytest.approx(VARIANCES[name], rel=0.02)
    assert W.mean() == pytest.approx(float(name == "ones"), abs=5 * (W.var() / W.size) ** 0.5)


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds(name):
    most = np.abs(drawn(name)).max()
    assert 0.999 * BOUNDS[name] < most <= BOUNDS[name]


@pytest.mark.parametrize("name", ["he", "lecun_normal", "xavier_normal"])
def test_normal_ones_have_tails(name):
    assert np.abs(drawn(name)).max() > 3.5 * VARIANCES[name] ** 0.5


@pytest.mark.parametrize("shape", [(1, 1), (7, 7), (3, 8), (8, 3), (1, 5)])
def test_orthogonal(shape):
    W = drawn(Orthogonal(2.0), shape)
    few = W if shape[0] <= shape[1] else W.T
    np.testing.assert_allclose(few @ few.T, 4 * np.eye(min(shape)), atol=1e-14)


def test_orthogonal_matrices_are_all_equally_likely():
    """Without the fix of signs, Q[0, 0] of a QR decomposition by reflections is never above 0."""
    rng = np.random.default_rng(0)
    corners = np.array([Orthogonal()(rng, (3, 3), 3, 3)[0, 0] for _ in range(2000)])
    assert abs(corners.mean()) < 4 * (1 / 3 / 2000) ** 0.5
    assert corners.var() == pytest.approx(1 / 3, rel=0.1)


def test_with_a_setting():
    assert (drawn(Constant(0.1), (4,)) == 0.1).all()
    assert np.abs(drawn(TruncatedNormal(0.1, cut=1))).max() <= 0.1
    assert Orthogonal(2.0) == Orthogonal(2.0) != Orthogonal()
    for make in (lambda: TruncatedNormal(0), lambda: Orthogonal(-1), lambda: Constant(np.nan)):
        with pytest.raises(ValueError, match="must be a finite number"):
            make()


def test_an_orthogonal_bias_is_refused():
    with pytest.raises(ValueError, match="an orthogonal start must be of a matrix"):
        DenseLayer(3, 2, bias_init="orthogonal").biases  # noqa: B018


def test_values_given_are_copied():
    W = np.arange(6.0).reshape(2, 3)
    layer = DenseLayer(3, 2, init=W, bias_init=np.array([[1.0], [2.0]]))
    W[...] = -1
    np.testing.assert_array_equal(layer.weights, np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(layer.biases, [[1], [2]])
    np.testing.assert_array_equal(DenseLayer(3, 2, bias_init=[3, 4]).biases, [[3], [4]])
    again = DenseLayer(3, 2, init=layer.weights, bias_init=layer.biases)
    assert again == DenseLayer(3, 2, init=np.arange(6).reshape(2, 3), bias_init=layer.biases) == layer
    assert again != DenseLayer(3, 2, init=np.ones((2, 3)), bias_init=layer.biases)
    assert pickle.loads(pickle.dumps(again)) == again
    assert hash(Given([1.0])) == hash(Given([1]))


def test_values_given_in_another_shape_or_not_finite_are_refused():
    with pytest.raises(ValueError, match=r"weights must be of shape \(2, 3\)"):
        NeuralNetwork([DenseLayer(3, 2, init=np.ones((3, 2)))], "mse").build()
    with pytest.raises(ValueError, match="init must be finite"):
        DenseLayer(3, 2, init=[[np.nan] * 3] * 2)


def test_functions_of_two_and_of_four():
    def two(rng, shape):
        return rng.uniform(0, 1, shape)

    def four(rng, shape, n_in, n_out):
        return np.full(shape, n_in + 10 * n_out)

    assert DenseLayer(3, 2, init=two, random_state=0).weights.min() > 0
    assert (DenseLayer(3, 2, init=four).weights == 23).all()
    assert DenseLayer(3, 2, init=two) == DenseLayer(3, 2, init=two)


AUTO = {
    "relu": "he", "leaky_relu": "he", "relu6": "he", "elu": "he", "hard_swish": "he", "gelu": "he", "gelu_tanh": "he",
    "silu": "he", "mish": "he", "selu": "lecun_normal", "linear": "xavier", "softplus": "xavier", "tanh": "xavier",
    "smooth_clip": "xavier",
    "softsign": "xavier", "sigmoid": "xavier", "hard_sigmoid": "xavier", "softmax": "xavier", "exponential": "xavier",
    "log": "xavier", "logit": "xavier",
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_auto(name):
    auto = NeuralNetwork([DenseLayer(40, 30, name)], "mse", random_state=0).build()
    behind = NeuralNetwork([DenseLayer(40, 30), ActivationLayer(name)], "mse", random_state=0).build()
    named = NeuralNetwork([DenseLayer(40, 30, name, init=AUTO[name])], "mse", random_state=0).build()
    np.testing.assert_array_equal(auto.params, named.params)
    np.testing.assert_array_equal(behind.params, named.params)
