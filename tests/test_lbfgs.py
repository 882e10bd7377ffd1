"""Fits by L-BFGS: where they end, beside SciPy on its own; what callbacks see; what is refused."""

import sys

import numpy as np
import pytest

from neural import (
    LBFGS,
    DenseLayer,
    DropoutLayer,
    EarlyStopping,
    EngineUnavailable,
    NeuralNetwork,
    TrainingDiverged,
)
from neural.callbacks import Callback
from tests.engines import ENGINES, needs_core

scipy_optimize = pytest.importorskip("scipy.optimize")

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
LABELS = rng.integers(0, 3, 60)
VALUES = X @ [1.0, -2.0, 0.5, 3.0] + 0.3 * rng.normal(size=60) + 2


def deep(dtype="float64", engine="auto", **settings):
    layers = [DenseLayer(4, 8, "tanh", **settings), DenseLayer(8, 3, "softmax", **settings)]
    return NeuralNetwork(layers, "categorical_crossentropy", dtype=dtype, engine=engine, random_state=0)


def fit(net, y=LABELS, epochs=200, **settings):
    return net.fit(X, y, epochs=epochs, **{"optimizer": "lbfgs", "verbose": 0, **settings})


# --- where it ends -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ENGINES)
def test_a_line_is_that_of_least_squares(engine):
    net = NeuralNetwork([DenseLayer(4, 1)], "mse", dtype="float64", engine=engine, random_state=0)
    fit(net, VALUES, optimizer=LBFGS(tol=1e-10))
    want = np.linalg.lstsq(np.column_stack([X, np.ones(60)]), VALUES, rcond=None)[0]
    np.testing.assert_allclose([*net.weights[0][0], net.biases[0][0, 0]], want, rtol=1e-8)
    assert net.engine_ == engine


@pytest.mark.parametrize("engine", ENGINES)
def test_logistic_regression_ends_where_scipy_alone_ends(engine):
    """Three classes, l2 on the weights: convex, so there is one minimum, here of a cost written out anew."""

    def cost(x):
        W, b = x[:12].reshape(3, 4), x[12:]
        Z = X @ W.T + b
        p = np.exp(Z - Z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        d = (p - np.eye(3)[LABELS]) / 60
        J = -np.log(p[np.arange(60), LABELS]).mean() + 0.5 * (W**2).sum() / 2 / 60
        return J, np.concatenate([(d.T @ X + 0.5 * W / 60).ravel(), d.sum(axis=0)])

    found = scipy_optimize.minimize(cost, np.zeros(15), jac=True, method="BFGS", options={"gtol": 1e-10})
    net = NeuralNetwork(
        [DenseLayer(4, 3, "softmax", init="zeros", l2=0.5)],
        "categorical_crossentropy",
        dtype="float64",
        engine=engine,
        random_state=0,
    )
    history = fit(net, optimizer=LBFGS(tol=1e-10))
    assert history[-1] == pytest.approx(found.fun, rel=1e-12)
    np.testing.assert_allclose(net.weights[0], found.x[:12].reshape(3, 4), atol=1e-7)
    J, gradient, _ = net.loss_and_gradient(X, LABELS)
    assert history[-1] == pytest.approx(J, rel=1e-14)
    assert np.abs(gradient).max() < 1e-7


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_cost_falls_with_every_iteration_and_is_the_sum_of_its_parts(dtype):
    net = deep(dtype, l1=0.01, l2=0.1)
    before = net.loss_and_gradient(X, LABELS)[0]
    history = fit(net, epochs=40)
    assert 5 < len(history) <= 40
    assert (np.diff([before, *history]) < 0).all()
    np.testing.assert_allclose(np.add(history["data_loss"], history["penalty"]), history, rtol=1e-12)
    assert min(history["penalty"]) > 0
    assert set(history["learning_rate"]) == {1.0}
    assert history[-1] == pytest.approx(net.loss_and_gradient(X, LABELS)[0], rel=1e-6)
    assert (net.state.updates, net.state.epoch, net.state.step) == (len(history), 0, 0)


@needs_core
def test_the_engines_go_the_same_way():
    weights = rng.random(60)
    ways = [fit(deep(engine=engine, l2=0.1), epochs=20, sample_weight=weights) for engine in ENGINES]
    np.testing.assert_allclose(*ways, rtol=1e-9)


def test_batch_size_rate_and_schedule_are_not_used():
    ways = [
        fit(deep(l2=1.0), epochs=10, batch_size=size, learning_rate=rate, schedule=schedule)
        for size, rate, schedule in ((None, 0.01, None), (7, 100.0, "cosine"))
    ]
    assert ways[0] == ways[1]


def test_at_the_minimum_another_fit_changes_nothing():
    net = NeuralNetwork([DenseLayer(4, 1)], "mse", dtype="float64", random_state=0)
    fit(net, VALUES)
    before, cost = net.params.copy(), net.history_[-1]
    history = fit(net, VALUES)
    assert history == [pytest.approx(cost)]
    np.testing.assert_array_equal(net.params, before)


# --- what is seen --------------------------------------------------------------------------------------------------
class Seen(Callback):
    def __init__(self):
        self.calls, self.params = [], []

    def on_epoch_begin(self, training):
        self.calls.append(("begin", training.epoch))

    def on_epoch_end(self, training):
        assert training.predicted().shape == (60, 3)
        self.calls.append(("end", training.epoch))
        self.params.append(training.network.params.copy())

    def on_train_end(self, training):
        self.calls.append(("over", training.epoch))


def test_callbacks_metrics_and_validation():
    seen, net = Seen(), deep()
    history = fit(net, epochs=4, callbacks=[seen], metrics="accuracy", validation_data=(X[:20], LABELS[:20]))
    assert seen.calls == [*((what, k) for k in range(1, 5) for what in ("begin", "end")), ("over", 4)]
    assert len(history["accuracy"]) == len(history["val_loss"]) == 4
    assert history["val_loss"][-1] == pytest.approx(net.evaluate(X[:20], LABELS[:20])["loss"])
    np.testing.assert_array_equal(seen.params[-1], net.params)


def test_early_stopping_ends_it_and_brings_back_the_best():
    seen = Seen()
    stop = EarlyStopping("loss", patience=2, min_delta=0.05)
    net = deep()
    history = fit(net, callbacks=[stop, seen])
    assert stop.stopped_epoch == len(history) == stop.best_epoch + 2
    np.testing.assert_array_equal(net.params, seen.params[stop.best_epoch - 1])


@pytest.mark.parametrize(
    ("settings", "epochs", "line"),
    [
        ({"tol": 1e-3}, 500, "is at a minimum as far as tol and dtype can tell."),
        ({"max_fun": 3}, 500, "max_fun evaluations of the cost, now "),
        ({}, 11, "Epoch 11-11 ====="),
    ],
)
def test_the_last_line_says_why_it_ended(capsys, settings, epochs, line):
    fit(deep(l2=1.0), epochs=epochs, optimizer=LBFGS(**settings), verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"Epoch 1-{epochs} =========> cost: ")
    assert line in lines[-1]


def test_an_error_in_a_callback_leaves_the_weights_of_its_iteration():
    class Broken(Seen):
        def on_epoch_end(self, training):
            super().on_epoch_end(training)
            if training.epoch == 3:
                raise KeyboardInterrupt

    broken, net = Broken(), deep()
    with pytest.raises(KeyboardInterrupt):
        fit(net, callbacks=[broken])
    np.testing.assert_array_equal(net.params, broken.params[-1])
    assert len(net.history_) == 3
    fit(net, epochs=1)


# --- what is refused -----------------------------------------------------------------------------------------------
def test_a_cost_that_is_not_finite_is_placed():
    net = NeuralNetwork([DenseLayer(4, 1)], "mse", random_state=0).build()
    before = net.params.copy()
    with pytest.raises(TrainingDiverged, match="the cost or its gradient became infinite or NaN in epoch 1"):
        net.fit(X * 1e30, VALUES, optimizer="lbfgs", verbose=0)
    np.testing.assert_array_equal(net.params, before)


def test_dropout_is_refused_and_nothing_has_changed():
    net = NeuralNetwork([DenseLayer(None, 8), DropoutLayer(0.3), DenseLayer(8, 1)], "mse", random_state=0)
    with pytest.raises(ValueError, match=r"optimizer must be one that bears noise.*LBFGS.*set their rate to 0"):
        fit(net)
    assert (net.layers[0].n_in, net.engine_, net.state.optimizer) == (None, None, None)
    net.layers[1].dropout_rate = 0.0
    assert len(fit(net, epochs=2)) == 2


def test_without_scipy_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    net = NeuralNetwork([DenseLayer(None, 3, "softmax")], "categorical_crossentropy", random_state=0)
    with pytest.raises(EngineUnavailable, match=r"neural-dense\[lbfgs\]"):
        fit(net)
    assert (net.layers[0].n_in, net.engine_, net.state.optimizer) == (None, None, None)


def test_single_updates_are_not_its_own():
    from neural.rate_range import lr_range_test

    net = NeuralNetwork([DenseLayer(2, 1)], "mse", random_state=0)
    X, y = np.array([[1.0, 2.0], [0.0, 1.0]]), [1.0, 2.0]
    with pytest.raises(ValueError, match="one that goes update by update"):
        net.train_on_batch(X, y, optimizer="lbfgs")
    with pytest.raises(ValueError, match="one that goes update by update"):
        lr_range_test(net, X, y, optimizer="lbfgs")
