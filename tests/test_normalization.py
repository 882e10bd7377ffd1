"""Normalization, residual blocks, noise, trained slopes, and layers with a rate of their own: on both engines."""

import copy

import numpy as np
import pytest

from neural import (
    SGD,
    ActivationLayer,
    Adam,
    BatchNorm,
    DenseLayer,
    DropoutLayer,
    GaussianNoise,
    LayerNorm,
    NeuralNetwork,
    PReLU,
    Residual,
)
from neural.streams import normals
from tests.engines import ENGINES, needs_core, threads_change_no_bit, trained_alike

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(90, 6)), RNG.integers(0, 3, 90)


def everything(engine="auto", dtype="float64", rate=None):
    layers = [
        GaussianNoise(0.1),
        DenseLayer(6, 20, "relu"),
        BatchNorm(),
        Residual([LayerNorm(), DenseLayer(20, 9, "tanh"), DropoutLayer(0.2), DenseLayer(9, 20)]),
        PReLU(),
        BatchNorm(0.3),
        DenseLayer(20, 3, "softmax"),
    ]
    return NeuralNetwork(layers, "categorical_crossentropy", dtype=dtype, engine=engine, random_state=1)


@needs_core
@pytest.mark.parametrize("optimizer", ["sgd", Adam()])
def test_engines_agree_after_fifty_updates_running_means_included(optimizer):
    trained_alike(everything, X, y, epochs=10, batch_size=20, learning_rate=0.05, optimizer=optimizer)


@needs_core
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_change_no_bit_where_the_batch_is_normalized(dtype):
    threads_change_no_bit(lambda: everything("core", dtype), X, y, epochs=4, batch_size=25)


@pytest.mark.parametrize("engine", ENGINES)
def test_running_means_move_in_fit_alone(engine):
    net = NeuralNetwork([BatchNorm(0.5), DenseLayer(2, 1)], "mse", dtype="float64", engine=engine, random_state=0)
    Z = np.array([[1.0, 4.0], [3.0, 8.0]])
    net.loss_and_gradient(Z, [0.0, 1.0], training=True)
    net.predict(Z)
    norm = net.layers[0]
    assert norm.parameter("running_mean").tolist() == [0, 0]
    net.fit(Z, [0.0, 1.0], epochs=1, batch_size=None, learning_rate=0, verbose=0)
    np.testing.assert_allclose(norm.parameter("running_mean"), [1.0, 3.0])  # half of the batch's
    np.testing.assert_allclose(norm.parameter("running_variance"), [0.5 + 1.0, 0.5 + 4.0])  # over m - 1
    want = (Z - [1.0, 3.0]) / np.sqrt(np.array([1.5, 4.5]) + 1e-5) @ net.layers[1].weights.T
    np.testing.assert_allclose(net.predict(Z), want, rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_frozen_layer_stays_and_a_slow_one_is_slow(engine):
    nets = []
    for factor in (1.0, 0.5, 0.0):
        net = NeuralNetwork([DenseLayer(6, 8, "tanh"), DenseLayer(8, 1)], "mse", engine=engine, random_state=0).build()
        net.layers[0].rate_factor = factor
        before = [copy.deepcopy(layer.weights) for layer in net.layers]
        net.fit(X, X[:, 0], epochs=1, batch_size=None, learning_rate=0.1, verbose=0)
        nets.append([np.abs(layer.weights - start).max() for layer, start in zip(net.layers, before, strict=True)])
    moved = np.array(nets)
    assert moved[0, 0] > 0
    assert moved[1, 0] == pytest.approx(moved[0, 0] / 2, rel=1e-4)
    assert moved[2, 0] == 0
    assert (moved[:, 1] > 0).all()


def test_a_frozen_layer_does_not_decay():
    net = NeuralNetwork([DenseLayer(6, 8, "tanh"), DenseLayer(8, 1)], "mse", random_state=0).build()
    net.layers[0].rate_factor = 0
    before = net.layers[0].weights.copy()
    net.fit(X, X[:, 0], epochs=2, optimizer="adamw", verbose=0)
    assert np.array_equal(net.layers[0].weights, before)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("clip", [None, 1e9])  # by both ways of the core to an update
def test_a_frozen_batch_norm_works_as_in_predict(engine, clip):
    """It normalizes by what it has learned, which does not move, in training too, as in Keras."""
    layers = [DenseLayer(6, 8, "tanh"), BatchNorm(), DenseLayer(8, 1)]
    net = NeuralNetwork(layers, "mse", dtype="float64", engine=engine, random_state=0)
    net.fit(X, X[:, 0], epochs=2, batch_size=8, verbose=0)
    net.layers[1].rate_factor = 0
    before = {name: net.layers[1].parameter(name).copy() for name in net.layers[1].shapes()}
    J, gradient, dx = net.loss_and_gradient(X, X[:, 0], training=True)
    want = net.loss_and_gradient(X, X[:, 0])
    assert pytest.approx(want[0], rel=1e-13) == J
    np.testing.assert_allclose(gradient, want[1], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(dx, want[2], rtol=1e-12, atol=1e-14)
    history = net.fit(X, X[:, 0], epochs=1, batch_size=None, optimizer=SGD(clip_norm=clip), verbose=0)
    assert history[0] == pytest.approx(J, rel=1e-12)
    net.fit(X, X[:, 0], epochs=2, batch_size=8, optimizer=SGD(clip_norm=clip), verbose=0)
    assert all(np.array_equal(net.layers[1].parameter(name), values) for name, values in before.items())
    assert not np.array_equal(net.views(gradient)[0]["weights"], 0)


def test_lbfgs_takes_a_frozen_batch_norm():
    pytest.importorskip("scipy")
    net = NeuralNetwork([DenseLayer(6, 4, "tanh"), BatchNorm(), DenseLayer(4, 1)], "mse", random_state=0)
    net.fit(X, X[:, 0], epochs=2, verbose=0)
    net.layers[1].rate_factor = 0
    history = net.fit(X, X[:, 0], epochs=5, optimizer="lbfgs", verbose=0)
    assert history[-1] < history[0]


def test_noise_is_normal_and_repeatable():
    draws = normals(7, 1, 2, (1000, 100))
    assert abs(draws.mean()) < 0.01
    assert abs(draws.std() - 1) < 0.01
    assert abs((draws**4).mean() - 3) < 0.1
    assert np.array_equal(draws, normals(7, 1, 2, (1000, 100)))
    assert np.isfinite(draws).all()


def test_a_residual_must_end_as_wide_as_it_began():
    with pytest.raises(ValueError, match=r"as wide as its input, 6\. Got 5"):
        NeuralNetwork([DenseLayer(6, 6), Residual([DenseLayer(6, 5)])], "mse").build()
    with pytest.raises(TypeError, match="layers must be a list of layers"):
        Residual([])


def test_a_residual_is_counted_copied_and_pickled_with_what_it_is_made_of():
    import pickle

    net = everything().build()
    twins = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    for twin in twins:
        assert np.array_equal(twin.params, net.params)
        assert np.array_equal(twin.predict(X), net.predict(X))
    block = net.layers[3]
    assert block.trainable_params == 20 * 2 + 20 * 9 + 9 + 9 * 20 + 20
    assert len(net.weights) == 4
    assert "Residual" in repr(net)


def test_a_layer_is_not_twice_in_a_network_hidden_in_a_residual():
    dense = DenseLayer(4, 4)
    with pytest.raises(ValueError, match="in one network, once"):
        NeuralNetwork([dense, Residual([dense])], "mse")


FIRST = {
    "BatchNorm": BatchNorm, "LayerNorm": LayerNorm, "PReLU": PReLU, "GaussianNoise": lambda: GaussianNoise(0.1),
    "DropoutLayer": lambda: DropoutLayer(0.3), "Residual": lambda: Residual([DenseLayer(None, 32), BatchNorm()]),
    "ActivationLayer": lambda: ActivationLayer("tanh"),
}  # fmt: skip


@needs_core
@pytest.mark.parametrize("kind", FIRST)
def test_rows_that_the_core_reads_where_they_are(kind):
    """Whole vectors of the network's own type: A[0] is X itself, whose rows lie closer than those of A[1]."""
    layers = [FIRST[kind](), DenseLayer(32, 5, "relu"), DenseLayer(5, 2)]
    net = NeuralNetwork(layers, "mse", random_state=0)
    Z = RNG.normal(size=(70, 32)).astype(np.float32)
    net.fit(Z, Z[:, :2], epochs=2, verbose=0)
    before = Z.copy()
    twins = [copy.deepcopy(net) for _ in ENGINES]
    twins[0].engine, twins[1].engine = ENGINES
    for rows in (Z, Z[:1]):
        np.testing.assert_allclose(twins[1].predict(rows), twins[0].predict(rows), rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(twins[1].predict(rows), twins[1].predict(rows.astype(np.float64)))
    assert np.array_equal(Z, before)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_residual_within_a_residual(engine):
    dense = [DenseLayer(4, 4) for _ in range(4)] + [DenseLayer(4, 2)]
    inner = Residual([dense[1], Residual([dense[2]]), dense[3]])
    net = NeuralNetwork([dense[0], inner, dense[4]], "mse", engine=engine, dtype="float64", random_state=0)
    Z = RNG.normal(size=(8, 4))

    def affine(layer, x):
        return x @ layer.weights.T + layer.biases.T

    got = net.predict(Z)
    a = affine(dense[0], Z)
    b = affine(dense[1], a)
    want = affine(dense[4], a + affine(dense[3], b + affine(dense[2], b)))
    np.testing.assert_allclose(got, want, rtol=1e-12)
    J, gradient, dx = net.loss_and_gradient(Z, Z[:, :2])
    net.engine = "numpy"
    J2, gradient2, dx2 = net.loss_and_gradient(Z, Z[:, :2])
    assert pytest.approx(J2) == J
    np.testing.assert_allclose(gradient, gradient2, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(dx, dx2, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_predict_sees_a_setting_that_was_changed(engine, kind):
    net = NeuralNetwork([DenseLayer(4, 4), kind(), DenseLayer(4, 2)], "mse", engine=engine, random_state=0)
    Z = RNG.normal(size=(8, 4)).astype(np.float32)
    before = net.predict(Z)
    net.layers[1].epsilon = 10.0
    after = net.predict(Z)
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_array_equal(after, copy.deepcopy(net).predict(Z))


def test_auto_starts_by_the_activation_behind_within_a_residual_too():
    layers = [DenseLayer(4, 400), ActivationLayer("relu"), DenseLayer(400, 4)]
    net = NeuralNetwork([Residual(layers)], "mse", random_state=0).build()
    assert net.weights[0].std() == pytest.approx((2 / 4) ** 0.5, rel=0.1)  # he


def test_an_optimizer_of_matrices_refuses_rates_of_layers_and_changes_nothing():
    net = NeuralNetwork([DenseLayer(4, 4), DenseLayer(4, 4), DenseLayer(4, 2)], "mse", random_state=0, engine="numpy")
    Z = RNG.normal(size=(8, 4))
    net.layers[0].rate_factor = 0
    history = net.fit(Z, Z[:, :2], epochs=2, optimizer="adam", verbose=0)
    with pytest.raises(ValueError, match="number by number"):
        net.fit(Z, Z[:, :2], epochs=2, optimizer="muon", verbose=0)
    assert net.history_ is history
    assert isinstance(net.state.optimizer, Adam)
