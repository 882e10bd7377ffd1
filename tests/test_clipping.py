"""Gradients clipped by norm and by value, weights constrained: on both engines."""

from dataclasses import dataclass

import numpy as np
import pytest

from neural import LBFGS, SGD, Adam, BatchNorm, DenseLayer, NeuralNetwork, RMSProp
from tests.engines import ENGINES, needs_core, threads_change_no_bit

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(90, 6)) * 3, RNG.normal(size=90) * 10


def network(engine, dtype="float64", **settings):
    layers = [DenseLayer(6, 20, "tanh", **settings), BatchNorm(), DenseLayer(20, 9, "relu", l2=0.5), DenseLayer(9, 1)]
    return NeuralNetwork(layers, "mse", dtype=dtype, engine=engine, random_state=0).build()


@pytest.mark.parametrize("engine", ENGINES)
def test_one_update_by_norm_is_the_gradient_scaled(engine):
    net = network(engine)
    before, gradient = net.params.copy(), net.loss_and_gradient(X, y, training=True)[1]
    norm = np.linalg.norm(gradient)
    assert norm > 1
    net.fit(X, y, epochs=1, batch_size=None, learning_rate=0.1, optimizer=SGD(clip_norm=1.0), verbose=0)
    moved = [net.views(net.params - before)[k]["weights"] for k in (0, 2, 3)]
    want = [net.views(-0.1 * gradient / norm)[k]["weights"] for k in (0, 2, 3)]
    for a, b in zip(moved, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_update_by_value_is_the_gradient_held(engine):
    net = network(engine)
    before, gradient = net.params.copy(), net.loss_and_gradient(X, y, training=True)[1]
    net.fit(X, y, epochs=1, batch_size=None, learning_rate=0.1, optimizer=SGD(clip_value=0.05), verbose=0)
    for k in (0, 2, 3):
        want = -0.1 * np.clip(net.views(gradient)[k]["weights"], -0.05, 0.05)
        np.testing.assert_allclose(net.views(net.params - before)[k]["weights"], want, rtol=1e-9, atol=1e-14)
    assert np.abs(gradient).max() > 0.05


def test_a_small_gradient_is_left_alone():
    nets = [network("numpy"), network("numpy")]
    for net, optimizer in zip(nets, (SGD(), SGD(clip_norm=1e9, clip_value=1e9)), strict=True):
        net.fit(X, y, epochs=2, learning_rate=0.001, optimizer=optimizer, verbose=0)
    assert np.array_equal(nets[0].params, nets[1].params)


@needs_core
@pytest.mark.parametrize("optimizer", [SGD(0.9, clip_norm=0.5), Adam(clip_value=0.01), Adam(clip_norm=2.0)], ids=str)
def test_engines_agree_after_many_updates(optimizer):
    nets = [network(engine, max_norm=0.7, non_negative=True) for engine in ENGINES]
    for net in nets:
        net.layers[2].rate_factor = 0.5
        net.fit(X, y, epochs=12, batch_size=20, learning_rate=0.02, optimizer=optimizer, verbose=0)
    np.testing.assert_allclose(nets[1].params, nets[0].params, rtol=1e-8, atol=1e-10)


@needs_core
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_change_no_bit(dtype):
    optimizer = Adam(clip_norm=0.5)
    threads_change_no_bit(
        lambda: network("core", dtype, max_norm=0.7), X, y, epochs=3, batch_size=20, optimizer=optimizer
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_constraints_hold_after_fit(engine):
    net = network(engine, max_norm=0.5, non_negative=True)
    net.fit(X, y, epochs=5, batch_size=20, learning_rate=0.05, verbose=0)
    W = net.layers[0].weights
    assert W.min() == 0
    norms = np.linalg.norm(W, axis=1)
    assert norms.max() == pytest.approx(0.5)
    assert net.layers[2].weights.min() < 0


@dataclass(frozen=True)
class Careless(SGD):
    def __post_init__(self):
        pass


def test_what_is_set_is_shown():
    assert repr(SGD(0.9, clip_norm=1.0)) == "SGD(momentum=0.9, nesterov=False, clip_norm=1.0)"
    assert repr(RMSProp(clip_value=0.5)) == "RMSProp(rho=0.9, epsilon=1e-08, momentum=0.0, clip_value=0.5)"
    assert repr(Adam()) == "Adam(beta1=0.9, beta2=0.999, epsilon=1e-08)"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DenseLayer(2, 1, max_norm=0), "max_norm must be"),
        (lambda: DenseLayer(2, 1, non_negative=1), "non_negative must be True or False"),
        (lambda: Adam(clip_norm=-1.0), "clip_norm must be"),
        (lambda: SGD(clip_value=0), "clip_value must be"),
        (lambda: LBFGS(clip_value="1"), "clip_value must be"),
        (lambda: network("numpy").fit(X, y, optimizer=Careless(clip_norm=float("nan"))), "clip_norm must be"),
    ],
)
def test_what_is_refused(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()


def test_lbfgs_does_not_clip():
    pytest.importorskip("scipy")
    net = NeuralNetwork([DenseLayer(6, 1)], "mse", random_state=0)
    with pytest.raises(ValueError, match="gradients are clipped or weights constrained"):
        net.fit(X, y, optimizer=LBFGS(clip_norm=1.0), verbose=0)
    net = NeuralNetwork([DenseLayer(6, 1, non_negative=True)], "mse", random_state=0)
    with pytest.raises(ValueError, match="gradients are clipped or weights constrained"):
        net.fit(X, y, optimizer="lbfgs", verbose=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_norm_whose_square_is_beyond_float32(engine):
    net = NeuralNetwork(
        [DenseLayer(6, 3, max_norm=1.0, init=lambda rng, shape: np.full(shape, 1e25))],
        "mse",
        engine=engine,
        random_state=0,
    )
    net.fit(X * 1e-20, X[:, :3], epochs=1, learning_rate=1e-9, batch_size=16, verbose=0)
    np.testing.assert_allclose(np.linalg.norm(net.weights[0], axis=1), 1, rtol=1e-5)
