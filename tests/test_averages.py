"""Averages of weights: their formulas, alike on both engines; who sees which weights, and how the next fit goes on."""

import copy
import pickle

import numpy as np
import pytest

from neural import (
    EMA,
    SGD,
    SWA,
    Average,
    BatchNorm,
    Callback,
    Checkpoint,
    DenseLayer,
    EarlyStopping,
    NeuralNetwork,
    TrainingDiverged,
)
from neural.averages import Averaging
from tests.engines import ENGINES, needs_core
from tests.small_network import LABELS, X, fit, network

each_engine = pytest.mark.parametrize("engine", ENGINES)
AVERAGES = [EMA(0.9), SWA(0.5), SWA(2), SWA(0, "update"), SWA(0.3, "update")]


class Watch(Callback):
    """Keeps the raw weights after each update, and those that are shown at the end of each epoch."""

    def on_train_begin(self, training):
        self.raw, self.shown = [], []

    def on_batch_end(self, training):
        self.raw.append(training.network.params.copy())

    def on_epoch_end(self, training):
        self.shown.append(training.network.params.copy())


def watched(average, engine, epochs=4, **settings):
    """Return a network, and what a fit of six updates an epoch has shown."""
    net, watch = network(engine=engine, dtype="float64"), Watch()
    fit(net, epochs, average=average, callbacks=watch, **settings)
    return net, np.array(watch.raw), np.array(watch.shown)


# --- the formulas ----------------------------------------------------------------------------------------------------
@each_engine
def test_the_exponential_mean_is_the_weighted_mean_of_all_updates(engine):
    net, raw, shown = watched(EMA(0.9), engine)
    for epoch in range(4):
        seen = raw[: 6 * epoch + 6]
        share = 0.9 ** np.arange(len(seen))[::-1]
        np.testing.assert_allclose(shown[epoch], share @ seen / share.sum(), rtol=1e-12, atol=1e-14)
    assert np.array_equal(net.params, shown[-1])


@each_engine
@pytest.mark.parametrize(
    ("average", "entering"),  # by epoch: the updates whose mean is shown, the last one's weights if there are none
    [
        (SWA(0.5), [[5], [11], [17], [17, 23]]),
        (SWA(1), [[5], [11], [11, 17], [11, 17, 23]]),
        (SWA(0.5, "update"), [[5], [11], range(12, 18), range(12, 24)]),
        (SWA(0), [[5], [5, 11], [5, 11, 17], [5, 11, 17, 23]]),
    ],
    ids=str,
)
def test_the_plain_mean_is_that_of_the_last_part(engine, average, entering):
    _, raw, shown = watched(average, engine)
    for epoch, updates in enumerate(entering):
        np.testing.assert_allclose(shown[epoch], raw[list(updates)].mean(axis=0), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (np.nan, "Got nan"),
        (1.5, "Got 1.5"),
        (0, "Got 0.0"),
        (-0.1, "Got -0.1"),
        (np.ones(2), "of shape"),
        ("a", "numb"),
    ],
)
def test_a_share_is_looked_at(share, words):
    class Odd(Average):
        def share(self, n):
            return share

    net = network()
    with pytest.raises((TypeError, ValueError), match=f"Odd.*{words}"):
        fit(net, average=Odd())
    assert net.params.tobytes() == network().params.tobytes()


def test_the_first_weights_are_the_mean_whatever_the_share():
    class Half(Average):
        def share(self, n):
            return np.full(len(n), 0.5)

    assert Averaging(Half(), 0, 0, 4, 2).shares(0, 4, 0).tolist() == [1, 0.5, 0.5, 0.5]
    assert Averaging(Half(), 0, 0, 4, 2).shares(2, 2, 2).tolist() == [0.5, 0.5]


@each_engine
@pytest.mark.parametrize("average", AVERAGES, ids=str)
def test_training_itself_is_as_without_an_average(engine, average):
    net, plain = network(engine=engine), network(engine=engine)
    history, other = fit(net, average=average, optimizer="adam"), fit(plain, optimizer="adam")
    assert history == other
    assert np.array_equal(net.state.raw, plain.params)
    assert not np.array_equal(net.params, plain.params)


def layered(engine, dtype="float64"):
    layers = [
        DenseLayer(4, 20, "relu", max_norm=0.8),
        BatchNorm(),
        DenseLayer(20, 7, "tanh"),
        BatchNorm(),
        DenseLayer(7, 3, "softmax"),
    ]
    return NeuralNetwork(layers, "categorical_crossentropy", dtype=dtype, engine=engine, random_state=1)


@needs_core
@pytest.mark.parametrize("average", AVERAGES, ids=str)
@pytest.mark.parametrize("clip", [None, 0.5])  # by both ways of the core to an update
def test_engines_agree(average, clip):
    nets = [layered(engine) for engine in ENGINES]
    for net in nets:
        if clip is None:
            net.layers[0].max_norm = None
        fit(net, optimizer=SGD(0.9, clip_norm=clip), average=average)
        net.layers[2].rate_factor = net.layers[3].rate_factor = 0
        fit(net, optimizer=SGD(0.9, clip_norm=clip), average=average)
    np.testing.assert_allclose(nets[1].params, nets[0].params, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(nets[1].state.raw, nets[0].state.raw, rtol=1e-9, atol=1e-12)


@needs_core
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("clip", [None, 0.5])
def test_threads_change_no_bit(dtype, clip, monkeypatch):
    monkeypatch.setenv("NEURAL_FLOPS_FOR_THREADS", "0")
    found = set()
    for threads in (1, 2, 3):
        net = layered("core", dtype)
        fit(net, optimizer=SGD(clip_norm=clip), average="ema", n_threads=threads)
        found.add(net.params.tobytes())
    assert len(found) == 1


# --- who sees what ---------------------------------------------------------------------------------------------------
@each_engine
def test_what_is_measured_is_what_is_kept(engine):
    net = network(engine=engine)
    best, stopping = Checkpoint("val_loss"), EarlyStopping("val_loss", patience=2)
    history = fit(
        net, 8, average=EMA(0.8), validation_data=(X[:40], LABELS[:40]), metrics="accuracy", callbacks=[best, stopping]
    )
    found = best.restore(net).evaluate(X[:40], LABELS[:40], "accuracy")
    assert found["loss"] == pytest.approx(min(history["val_loss"]), rel=1e-6)
    assert found["accuracy"] == pytest.approx(history["val_accuracy"][best.best_epoch - 1])
    np.testing.assert_array_equal(best.best_params, stopping.best_params)


def test_a_callback_may_change_what_is_shown_and_training_goes_on_from_there():
    class Set(Callback):
        def on_epoch_end(self, training):
            if training.epoch == 2:
                training.network.params[:] = start

    start = fit(network(), 1) and network().build().params.copy()
    net, twin = network(), network()
    fit(net, 3, average=EMA(0.9), callbacks=Set())
    twin.build()
    twin.state.epoch, twin.state.step = 2, 12
    fit(twin, 1, average=EMA(0.9))
    assert net.params.tobytes() == twin.params.tobytes()


# --- the next fit ----------------------------------------------------------------------------------------------------
@each_engine
@pytest.mark.parametrize("average", [EMA(0.9), SWA(2), SWA(7), SWA(0, "update")], ids=str)
@pytest.mark.parametrize("carry", [lambda net: net, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_two_fits_are_one(engine, average, carry):
    one, two = network(engine=engine), network(engine=engine)
    fit(one, 10, average=average, optimizer="adam")
    fit(two, 5, average=average, optimizer="adam")
    two = carry(two)
    fit(two, 5, average=average, optimizer="adam")
    assert one.params.tobytes() == two.params.tobytes()
    assert one.state.raw.tobytes() == two.state.raw.tobytes()


def test_a_fraction_is_of_each_fit():
    net, watch = network(), Watch()
    fit(net, 2, average=SWA(0.5))
    fit(net, 4, average=SWA(0.5), callbacks=watch)
    np.testing.assert_allclose(watch.shown[-1], (watch.raw[17] + watch.raw[23]) / 2, rtol=1e-5, atol=1e-7)


def test_what_a_user_puts_in_counts():
    net, twin = network(), network()
    for fitted in (net, twin):
        fit(fitted, 2, average="ema")
    for fitted, average in ((net, EMA()), (twin, None)):
        fitted.layers[0].weights = np.ones((20, 4))
        fit(fitted, 1, average=average)
    assert np.array_equal(net.state.raw, twin.params)


@pytest.mark.parametrize("average", [None, EMA(0.5), SWA(0)])
def test_another_average_goes_on_from_what_is_shown(average):
    net, twin = network(), network()
    fit(net, 2, average="ema")
    twin.build().params[:] = net.params
    twin.state.epoch, twin.state.step = 2, 12
    for fitted in (net, twin):
        fit(fitted, 2, average=average)
    assert net.params.tobytes() == twin.params.tobytes()


@each_engine
def test_a_layer_that_is_frozen_keeps_what_is_shown(engine):
    net = layered(engine)
    fit(net, 3, average=EMA(0.9))
    net.layers[2].rate_factor = 0
    before = net.layers[2].weights.copy()
    fit(net, 3, average=EMA(0.9))
    assert np.array_equal(net.layers[2].weights, before)


# --- fits that do not end well ---------------------------------------------------------------------------------------
@each_engine
def test_after_ctrl_c_it_is_as_after_the_last_whole_epoch(engine):
    class Interrupt(Callback):
        def on_batch_end(self, training):
            if training.done == 15:
                raise KeyboardInterrupt

    net, twin = network(engine=engine), network(engine=engine)
    with pytest.raises(KeyboardInterrupt):
        fit(net, average="ema", callbacks=Interrupt())
    fit(twin, 2, average="ema")
    assert net.params.tobytes() == twin.params.tobytes()
    for fitted in (net, twin):
        fit(fitted, 2, average="ema")
    assert net.params.tobytes() == twin.params.tobytes()


@each_engine
def test_a_fit_that_diverges_leaves_the_last_finite_mean(engine):
    net = NeuralNetwork([DenseLayer(4, 3)], "mse", engine=engine, random_state=0)
    fit(net, 2, X[:, :3], average="ema")
    with pytest.raises(TrainingDiverged):
        fit(net, 400, X[:, :3], average="ema", learning_rate=50)
    assert np.isfinite(net.params).all()
    assert np.isfinite(net.state.raw).all()
    assert np.array_equal(net.params, net.state.mean)


def test_an_epoch_that_fails_in_a_callback_leaves_the_mean():
    class Fail(Callback):
        def on_epoch_end(self, training):
            if training.epoch == 2:
                raise RuntimeError("enough")

    net, twin = network(), network()
    with pytest.raises(RuntimeError, match="enough"):
        fit(net, average="ema", callbacks=Fail())
    fit(twin, 2, average="ema")
    assert net.params.tobytes() == twin.params.tobytes()


# --- what is refused -------------------------------------------------------------------------------------------------
def lbfgs(**settings):
    fit(NeuralNetwork([DenseLayer(4, 3)], "mse", random_state=0), y=X[:, :3], optimizer="lbfgs", **settings)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: EMA(1), ValueError, "decay must be above 0 and below 1"),
        (lambda: EMA(0), ValueError, "decay must be"),
        (lambda: EMA(float("nan")), ValueError, "decay must be"),
        (lambda: EMA("0.9"), TypeError, "decay must be"),
        (lambda: SWA(-1), ValueError, "start must be"),
        (lambda: SWA(1.5), ValueError, "start must be a fraction below 1"),
        (lambda: SWA(True), TypeError, "start must be"),
        (lambda: SWA(each="batch"), ValueError, "each must be one of 'epoch', 'update'"),
        (lambda: fit(network(), average="ewa"), ValueError, "Did you mean"),
        (lambda: fit(network(), average=0.99), TypeError, "average must be None, one of 'ema', 'swa', or an Average"),
        (lambda: lbfgs(average="ema"), ValueError, "average must be None with LBFGS"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
