"""What the core makes of e^x, log x and tanh x, and of numbers too small to matter."""

import numpy as np
import pytest

from neural import MSE, Adagrad, Adam, DenseLayer, NAdam, NeuralNetwork, RMSProp, TrainingDiverged, core

pytestmark = pytest.mark.skipif(core._core is None, reason="this installation has no compiled core")

rng = np.random.default_rng(0)
ANY = np.concatenate([rng.normal(size=20_000) * 4, rng.uniform(-700, 700, 20_000), rng.normal(size=2_000) * 1e-9])
POSITIVE = np.concatenate([10 ** rng.uniform(-37, 300, 20_000), 1 + rng.normal(size=20_000) * 1e-3])
ODD = np.array([0.0, -0.0, 5e-324, -5e-324, 1e-310, 709.78, 709.79, -708.5, -745.1, -745.2, np.inf, -np.inf, np.nan])
FUNCTIONS = {"exponential": (np.exp, ANY), "tanh": (np.tanh, ANY), "log": (np.log, POSITIVE)}


def made(name, z):
    """Return the core's activation of each number, in float64."""
    a = np.empty_like(z)
    core._core.Network64.activation(core.FAMILIES[0].index(name), 0.0, z[None], a[None])
    return a


@pytest.mark.parametrize("name", FUNCTIONS)
def test_they_are_right_to_the_last_digits(name):
    function, z = FUNCTIONS[name]
    right = function(z)
    assert np.max(np.abs(made(name, z) - right) / np.spacing(np.abs(right))) <= 3


@pytest.mark.parametrize("name", ["exponential", "tanh"])
def test_where_numbers_end(name):
    with np.errstate(over="ignore"):
        right = FUNCTIONS[name][0](ODD)
    found = made(name, ODD)
    np.testing.assert_allclose(found, right, rtol=1e-15, atol=5e-324)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(right))


def fitted(rule, size, engine, **settings):
    """Return a network after a few updates along gradients of about ``size``, and what its optimizer remembers."""
    X = np.random.default_rng(1).normal(size=(64, 8)).astype(np.float32)
    loss = MSE()
    loss.factor = size
    net = NeuralNetwork([DenseLayer(8, 48, "relu"), DenseLayer(48, 1)], use_loss=loss, random_state=0, engine=engine)
    net.fit(X, X[:, :1], epochs=3, batch_size=16, optimizer=rule, verbose=0, **settings)
    return net, np.concatenate(list(net.state.memory.values()))


@pytest.mark.parametrize("threads", [1, 2])
def test_nothing_is_kept_that_is_too_small_for_a_normal_number(threads, monkeypatch):
    monkeypatch.setenv("NEURAL_FLOPS_FOR_THREADS", "0")
    smallest = np.finfo(np.float32).tiny
    by_numpy = np.abs(fitted(Adam(), 1e-19, "numpy")[1])
    assert np.any((by_numpy > 0) & (by_numpy < smallest))  # so there is something to be left out
    sizes = np.abs(fitted(Adam(), 1e-19, "core", n_threads=threads)[1])
    assert np.any(sizes > 0)
    assert not np.any((sizes > 0) & (sizes < smallest))
    assert np.float32(1e-30) * np.float32(1e-10) > 0  # for everybody else it is as it was


@pytest.mark.parametrize("engine", ["numpy", "core"])
@pytest.mark.parametrize("rule", [Adam(), NAdam(), RMSProp(), Adagrad()], ids=lambda rule: type(rule).__name__)
def test_squares_beyond_all_numbers_are_said(rule, engine):
    with np.errstate(over="ignore"), pytest.raises(TrainingDiverged):
        fitted(rule, 1e22, engine)


@pytest.mark.parametrize("rule", [Adam(), NAdam(), RMSProp(), Adagrad()], ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("size", [1e-30, 1e-12, 1, 1e12])
def test_steps_are_those_of_numpy_whatever_the_size_of_the_gradient(rule, size):
    np.testing.assert_allclose(
        fitted(rule, size, "core")[0].params, fitted(rule, size, "numpy")[0].params, rtol=1e-4, atol=1e-5
    )


def test_float32_e_to_the_x_is_right_up_to_where_numbers_end():
    z = np.linspace(88, 88.72, 1000).astype(np.float32)
    a = np.empty_like(z)
    core._core.Network32.activation(core.FAMILIES[0].index("exponential"), 0.0, z[None], a[None])
    np.testing.assert_allclose(a, np.exp(z.astype(np.float64)), rtol=1e-5)


def test_an_epsilon_too_small_for_a_normal_number_ends_in_no_nan():
    X = np.random.default_rng(1).normal(size=(64, 8)).astype(np.float32)
    net = NeuralNetwork([DenseLayer(8, 16, "relu"), DenseLayer(16, 1)], "mse", random_state=0, engine="core")
    X[:, 0] = 0  # whose weights have no gradient
    net.fit(X, X[:, 1:2], epochs=2, batch_size=16, optimizer=Adam(epsilon=1e-40), verbose=0)
    assert np.isfinite(net.params).all()
