"""The network and its training: seeds, copies, going on, validation, weights, callbacks, divergence, interruption."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from neural import (
    SGD,
    ActivationLayer,
    Adam,
    Callback,
    CategoricalCrossentropy,
    DenseLayer,
    EarlyStopping,
    Layer,
    NeuralNetwork,
    TrainingDiverged,
)
from neural.optimizers import OPTIMIZERS
from neural.parameters import row_length
from neural.schedules import SCHEDULES, Schedule
from tests.small_network import LABELS, X, first_crossing, fit, network

RNG = np.random.default_rng(1)


# --- one seed ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("optimizer", [*sorted(OPTIMIZERS.keys() - {"lbfgs"}), SGD(0.9), SGD(0.9, nesterov=True)])
def test_the_same_seed_gives_the_same_bits_and_two_fits_of_five_are_one_of_ten(optimizer):
    once, again, halves = network(), network(), network()
    history = fit(once, 10, optimizer=optimizer)
    assert fit(again, 10, optimizer=optimizer) == history
    parts = fit(halves, 5, optimizer=optimizer) + fit(halves, 5, optimizer=optimizer)
    assert parts == history
    assert once.params.tobytes() == again.params.tobytes() == halves.params.tobytes()


def test_another_seed_gives_another_network():
    assert not np.array_equal(network(0).params, network(1).params)


def test_the_streams_are_separate():
    """Dropout more or less does not change the start or the order of the rows."""
    plain = NeuralNetwork(
        [DenseLayer(4, 20, "relu"), DenseLayer(20, 3, "softmax")], "categorical_crossentropy", random_state=0
    )
    np.testing.assert_array_equal(network().weights[0], plain.weights[0])


def test_reading_weights_early_changes_nothing():
    early, late = network(), network()
    assert early.layers[2].weights.shape == (3, 20)
    early.layers[0].weights.sum()
    assert fit(early) == fit(late)


def test_weights_are_drawn_once():
    layer = DenseLayer(4, 3)
    before = layer.weights.copy()
    NeuralNetwork([layer], "mse", dtype="float64", random_state=5).build()
    np.testing.assert_array_equal(layer.weights, before)


def test_a_slice_of_any_length_gives_the_same_bits():
    class EachBatch(Callback):
        def on_batch_end(self, training):
            self.count = getattr(self, "count", 0) + 1

    watcher, whole, cut = EachBatch(), network(), network()
    assert fit(whole) == fit(cut, callbacks=watcher)
    assert whole.params.tobytes() == cut.params.tobytes()
    assert watcher.count == 5 * 6


# --- one vector ----------------------------------------------------------------------------------------------------
def is_view(net):
    return all(np.shares_memory(values, net.params) for values in (*net.weights, *net.biases))


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
@pytest.mark.parametrize("trained", [False, True])
def test_copies_have_views_of_their_own_and_go_on_alike(clone, trained):
    net = network()
    net.build()
    if trained:
        fit(net, optimizer="adam")
    twin = clone(net)
    assert is_view(net)
    assert is_view(twin)
    assert not np.shares_memory(net.params, twin.params)
    assert net.params.tobytes() == twin.params.tobytes()
    assert fit(net, optimizer="adam") == fit(twin, optimizer="adam")
    assert net.params.tobytes() == twin.params.tobytes()


def test_a_layer_copied_out_of_a_network_keeps_its_values():
    net = network()
    fit(net)
    layer = copy.deepcopy(net.layers[0])
    np.testing.assert_array_equal(layer.weights, net.weights[0])
    assert not np.shares_memory(layer.weights, net.params)
    NeuralNetwork([layer, DenseLayer(20, 1)], "mse").build()


def test_the_layout_is_padded_and_padding_stays_zero():
    net = NeuralNetwork([DenseLayer(130, 5, "tanh"), DenseLayer(5, 2)], "mse", random_state=0).build()
    net.fit(np.ones((8, 130)), np.ones((8, 2)), epochs=3, optimizer="adam", verbose=0)
    assert net.params.ctypes.data % 64 == 0
    assert net.weights[0].strides == (row_length(130) * 4, 4)
    assert all(values.ctypes.data % 64 == 0 for values in (*net.weights, *net.biases))
    used = sum(np.count_nonzero(v) for v in (*net.weights, *net.biases))
    assert np.count_nonzero(net.params) == used
    assert (row_length(784), row_length(1024), row_length(128), row_length(64)) == (784, 1040, 144, 64)


def test_assigning_copies_into_the_view():
    net = network().build()
    value = np.ones((20, 4))
    net.layers[0].weights = value
    net.layers[0].biases = np.arange(20.0).reshape(20, 1)
    assert is_view(net)
    value[:] = 7
    assert net.params[:4].tolist() == [1, 1, 1, 1]
    assert net.layers[0].biases[3, 0] == 3


def test_n_in_is_found_out_at_the_first_fit():
    net = NeuralNetwork([DenseLayer(None, 6, "relu"), DenseLayer(None, 3, "softmax")], "categorical_crossentropy")
    assert "?" in str(net)
    fit(net)
    assert [w.shape for w in net.weights] == [(6, 4), (3, 6)]


def test_a_layer_added_later_keeps_what_was_learned():
    net = NeuralNetwork([DenseLayer(4, 3, "tanh")], "mse", random_state=0)
    net.fit(X, np.eye(3)[LABELS], epochs=2, verbose=0)
    learned = net.weights[0].copy()
    net.add(DenseLayer(3, 1))
    net.fit(X, LABELS, epochs=0 + 1, learning_rate=0.0, verbose=0)
    np.testing.assert_array_equal(net.weights[0], learned)
    assert is_view(net)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_dtype_a_network(dtype):
    net = network(dtype=dtype)
    fit(net)
    assert net.params.dtype == net.predict(X).dtype == dtype


# --- data ----------------------------------------------------------------------------------------------------------
def test_uint8_is_scaled_a_batch_at_a_time_like_floats_beforehand():
    pixels = RNG.integers(0, 256, (90, 4)).astype(np.uint8)
    scaled, floats = network(input_scale=1 / 255), network()
    given = pixels.astype(np.float32) * np.float32(1 / 255)
    a = scaled.fit(pixels, LABELS, epochs=3, verbose=0)
    b = floats.fit(given, LABELS, epochs=3, verbose=0)
    assert a == b
    np.testing.assert_array_equal(scaled.predict(pixels), floats.predict(given))


def test_uint8_is_not_divided_unasked():
    net = NeuralNetwork([DenseLayer(2, 1, init="ones")], "mse")
    np.testing.assert_array_equal(net.predict(np.array([[3, 4]], dtype=np.uint8)), [[7]])


def test_weight_two_is_the_row_twice():
    weights = RNG.integers(1, 4, 90)
    order = np.repeat(np.arange(90), weights)
    layers = [DenseLayer(4, 5, "tanh"), DenseLayer(5, 3, "softmax")]
    one, other = (
        NeuralNetwork(copy.deepcopy(layers), "categorical_crossentropy", dtype="float64", random_state=0) for _ in "ab"
    )
    J, g, _ = one.loss_and_gradient(X, LABELS, weights)
    J2, g2, _ = other.loss_and_gradient(X[order], LABELS[order])
    assert pytest.approx(J2, rel=1e-12) == J
    np.testing.assert_allclose(g, g2, atol=1e-14)
    a = one.fit(X, LABELS, epochs=4, batch_size=None, sample_weight=weights, verbose=0)
    b = other.fit(X[order], LABELS[order], epochs=4, batch_size=None, verbose=0)
    np.testing.assert_allclose(a, b, rtol=1e-12)


def test_weight_zero_is_no_row():
    weights = np.ones(90)
    weights[60:] = 0
    net, short = network(dtype="float64"), network(dtype="float64")
    every, some = net.evaluate(X, LABELS, sample_weight=weights), short.evaluate(X[:60], LABELS[:60])
    assert every == pytest.approx(some, rel=1e-12)


def test_validation_data_and_fraction():
    net = network()
    history = fit(net, validation_data=(X[:30], LABELS[:30]), metrics="accuracy")
    found = net.evaluate(X[:30], LABELS[:30], "accuracy")
    assert history["val_loss"][-1] == found["loss"]
    assert history["val_accuracy"][-1] == found["accuracy"]
    split = fit(network(), validation_split=0.3, metrics=["accuracy", "f1_score"])
    assert len(split["val_f1_score"]) == 5
    assert fit(network(), validation_split=0.3, metrics=["accuracy", "f1_score"]).history.keys() == split.history.keys()


def test_rows_held_out_are_not_trained_on():
    """The costs met are those of the other rows: at rate 0, their mean."""
    net = NeuralNetwork([DenseLayer(4, 1)], "mse", dtype="float64", random_state=0)
    history = net.fit(X, X[:, 0], epochs=1, learning_rate=0.0, validation_split=0.2, verbose=0)
    every = net.evaluate(X, X[:, 0])["loss"]
    assert 72 / 90 * history["data_loss"][0] + 18 / 90 * history["val_loss"][0] == pytest.approx(every, rel=1e-12)


def test_metrics_by_name_class_and_function():
    from neural import Accuracy

    def rows_seen(y_true, y_pred):
        return len(y_true) + y_pred.shape[1]

    history = fit(network(), metrics=["accuracy", Accuracy, rows_seen])
    assert history["rows_seen"] == [93] * 5
    assert history["accuracy"][-1] > 0.3


def test_a_metric_is_in_the_history_under_the_name_it_was_asked_for_by():
    net = network()
    history = fit(net, validation_data=(X, LABELS), metrics=["f1", "f1_score"], callbacks=EarlyStopping("val_f1"))
    assert history["f1"] == history["f1_score"]
    assert history["val_f1"] == history["val_f1_score"]
    assert net.evaluate(X, LABELS, "f1")["f1"] == max(history["val_f1"])
    with pytest.raises(KeyError, match=r"one of 'data_loss', 'f1', 'f1_score'.*Got 'recall'"):
        history["recall"]
    values = NeuralNetwork([DenseLayer(4, 1)], "mse", random_state=0).fit(X, X[:, 0], metrics="r2", epochs=1, verbose=0)
    assert len(values["r2"]) == 1


def test_text_labels():
    names = np.array(["ant", "bee", "cat"])
    net, numbers = network(), network()
    assert net.fit(X, names[LABELS], verbose=0) == numbers.fit(X, LABELS, verbose=0)
    assert net.classes_.tolist() == ["ant", "bee", "cat"]
    assert net.evaluate(X[:1], names[LABELS[:1]]) == numbers.evaluate(X[:1], LABELS[:1])


# --- schedules and optimizers --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_the_rate_follows_the_schedule(name):
    class Rates(Callback):
        seen = ()

        def on_batch_end(self, training):
            self.seen = (*self.seen, training.rate)

    rates = Rates()
    fit(network(), 12, schedule=name, callbacks=[rates])
    want = 0.1 * SCHEDULES[name]().factors(np.arange(72), 72, 6)
    np.testing.assert_allclose(rates.seen, want, rtol=1e-15)


def test_known_schedules():
    steps = np.array([0, 25, 50, 75, 99])
    np.testing.assert_allclose(SCHEDULES["cosine"]().factors(steps, 100, 10), (1 + np.cos(np.pi * steps / 100)) / 2)
    np.testing.assert_allclose(
        SCHEDULES["step"](0.5, every=3).factors(steps, 100, 10), 0.5 ** np.array([0, 0, 1, 2, 3])
    )
    up_down = SCHEDULES["one_cycle"]().factors(np.arange(100), 100, 10)
    assert up_down.argmax() == 30
    assert (up_down[0], up_down.max()) == (0.04, 1.0)


def test_momentum_and_nesterov_by_hand():
    """Two steps on J = w^2 / 2, whose gradient is w, worked out on paper: rate 0.1, momentum 0.5, w = 1."""
    for nesterov, want in ((False, (0.9, 0.76)), (True, (0.85, 0.6975))):
        w, v = np.array([1.0]), np.zeros(1)
        for step, value in enumerate(want, 1):
            SGD(0.5, nesterov=nesterov).update(w, w.copy(), 0.1, step, v)
            assert w[0] == pytest.approx(value, rel=1e-12)


def test_adam_by_hand():
    """As in the paper's algorithm 1, written out with b1 = 0.5, b2 = 0.75 and gradients 1 and 3."""
    w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    adam = Adam(beta1=0.5, beta2=0.75)
    adam.update(w, np.array([1.0]), 0.1, 1, m, v)
    assert w[0] == pytest.approx(0.9, rel=1e-7)
    adam.update(w, np.array([3.0]), 0.1, 2, m, v)
    m_hat, v_hat = (0.25 + 1.5) / 0.75, (0.1875 + 2.25) / 0.4375
    assert w[0] == pytest.approx(0.9 - 0.1 * m_hat / v_hat**0.5, rel=1e-7)


def test_weight_decay_spares_the_biases():
    net = NeuralNetwork([DenseLayer(4, 1, bias_init="ones")], "mse", dtype="float64", random_state=0)
    before = net.weights[0].copy()
    y = net.predict(X)[:, 0]  # no error, so no gradient
    net.fit(X, y, epochs=1, batch_size=None, learning_rate=0.5, optimizer="adamw", verbose=0)
    np.testing.assert_allclose(net.weights[0], before * (1 - 0.5 * 0.01), rtol=1e-12)
    assert net.biases[0][0, 0] == 1


def test_another_optimizer_starts_with_a_fresh_memory():
    net = network()
    fit(net, optimizer="adam")
    fit(net, optimizer=Adam(beta1=0.5))
    assert net.state.updates == 30
    assert net.state.step == 60


# --- what goes wrong -----------------------------------------------------------------------------------------------
def numbers(net):
    memory = {name: vector.tobytes() for name, vector in net.state.memory.items()}
    return net.params.tobytes(), net.state.step, net.state.updates, memory


@pytest.mark.parametrize("optimizer", ["sgd", SGD(0.9)])
def test_divergence_names_the_place_and_the_weights_are_finite(optimizer):
    net = NeuralNetwork([DenseLayer(4, 8, "relu"), DenseLayer(8, 1)], "mse", random_state=0)
    with pytest.raises(TrainingDiverged, match="learning rate 1e") as caught:
        net.fit(X * 100, X[:, 0], epochs=50, learning_rate=1e6, optimizer=optimizer, verbose=0)
    error = caught.value
    assert np.isfinite(net.params).all()
    assert error.epoch >= 1
    assert error.batch >= 1
    assert "layer" in error.layer or "loss" in error.layer
    assert net.state.step == max(0, (error.epoch - 1) * 2 + error.batch - 2)  # before the update that went too far
    assert len(net.history_) == error.epoch - 1
    assert pickle.loads(pickle.dumps(error)).layer == error.layer
    net.fit(X, X[:, 0], epochs=1, learning_rate=1e-9, verbose=0)


def test_divergence_ends_in_the_same_state_whatever_the_slices():
    ends = []
    for callbacks in ((), (type("Each", (Callback,), {"on_batch_end": lambda self, training: None}),)):
        net = NeuralNetwork([DenseLayer(4, 8, "relu"), DenseLayer(8, 1)], "mse", random_state=0)
        with pytest.raises(TrainingDiverged):
            net.fit(X * 100, X[:, 0], epochs=50, learning_rate=10.0, batch_size=9, callbacks=callbacks, verbose=0)
        ends.append(numbers(net))
    assert ends[0] == ends[1]


class Jump(Schedule):
    """One update far too large, the last of the three epochs that run in the first crossing."""

    def factors(self, step, steps, per_epoch):
        return np.where(step == 3 * per_epoch - 1, 1e25, 1.0)


@pytest.mark.parametrize("engine", ["auto", "numpy"])
def test_an_update_that_went_too_far_is_undone_though_it_ended_a_crossing(engine, monkeypatch):
    ends = []
    first_crossing(monkeypatch, 28)
    for callbacks in ((), (type("Each", (Callback,), {"on_batch_end": lambda self, training: None}),)):
        net = NeuralNetwork([DenseLayer(4, 8, "relu"), DenseLayer(8, 1)], "mse", random_state=0, engine=engine)
        settings = {"epochs": 9, "learning_rate": 0.01, "batch_size": 10, "schedule": Jump(), "callbacks": callbacks}
        with pytest.raises(TrainingDiverged) as caught:
            net.fit(X[:88], X[:88, 0], verbose=0, **settings)
        assert (caught.value.epoch, caught.value.batch) == (4, 1)
        assert np.isfinite(net.evaluate(X, X[:, 0])["loss"])
        ends.append(numbers(net))
    assert ends[0] == ends[1]


class Interrupting(DenseLayer):
    left = 10**9

    def forward(self, x, own, mode):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return super().forward(x, own, mode)


def test_an_interrupted_fit_leaves_whole_updates_and_its_history():
    net = NeuralNetwork([Interrupting(4, 3, "softmax")], "categorical_crossentropy", random_state=0)
    net.layers[0].left = 7 * 2 + 4  # the third epoch: six updates an epoch, and the prediction for the callback
    with pytest.raises(KeyboardInterrupt):
        fit(net, optimizer="adam", callback=lambda *args: None)  # somebody listens, so epochs are run one by one
    twin = NeuralNetwork([DenseLayer(4, 3, "softmax")], "categorical_crossentropy", random_state=0, engine="numpy")
    history = fit(twin, 2, optimizer="adam")
    assert numbers(net) == numbers(twin)
    assert net.history_ == history
    net.layers[0].left = 10**9
    assert fit(net, 3, optimizer="adam") == fit(twin, 3, optimizer="adam")


def test_engine_is_named():
    net = network(engine="numpy")
    fit(net)
    assert net.engine_ == "numpy"


def test_zeros_for_hidden_weights_warn():
    net = NeuralNetwork([DenseLayer(4, 3, "tanh", init="zeros"), DenseLayer(3, 1, init="zeros")], "mse")
    with pytest.warns(UserWarning, match="makes all units of the hidden DenseLayer of 3 units equal"):
        net.build()


def test_predictions_from_many_threads_are_those_of_one():
    net = network()
    fit(net)
    want = net.predict(X)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(net.predict, [X] * 200):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("n", [1, 2])
def test_blas_has_as_many_threads_as_asked_for(n):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    seen = set()

    class Looking(DenseLayer):
        def forward(self, x, own, mode):
            found = (pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas")
            seen.update(found)
            return super().forward(x, own, mode)

    net = NeuralNetwork([Looking(4, 3, "softmax")], "categorical_crossentropy", random_state=0)
    before = threadpoolctl.threadpool_info()
    fit(net, 2, n_threads=n)
    assert net.engine_ == "numpy"
    assert seen <= {n}
    assert seen or not any(pool["user_api"] == "blas" for pool in before)
    assert threadpoolctl.threadpool_info() == before


def test_a_layer_put_in_where_another_was_starts_otherwise():
    net = NeuralNetwork([DenseLayer(4, 4), DenseLayer(4, 4)], "mse", random_state=0)
    net.layers.pop(0)
    net.add(DenseLayer(4, 4))
    net.build()
    assert not np.array_equal(net.weights[0], net.weights[1])


@pytest.mark.parametrize("engine", ["auto", "numpy"])
def test_more_rows_than_are_predicted_at_a_time(engine):
    rows = np.random.default_rng(1).normal(size=(3000, 4))
    y = np.random.default_rng(2).integers(0, 3, 3000)
    net = network(engine=engine, dtype="float64")
    parts = [net.predict(rows[k : k + 100]) for k in range(0, 3000, 100)]
    np.testing.assert_allclose(net.predict(rows), np.concatenate(parts), rtol=1e-12)
    costs = [net.evaluate(rows[k : k + 100], y[k : k + 100])["loss"] for k in range(0, 3000, 100)]
    assert net.evaluate(rows, y)["loss"] == pytest.approx(np.mean(costs), rel=1e-12)


def test_an_output_layer_of_zeros_does_not_warn(recwarn):
    layers = [DenseLayer(4, 3, "tanh"), DenseLayer(3, 2, init="zeros")]
    NeuralNetwork([*layers, ActivationLayer("softmax")], "categorical_crossentropy").build()
    assert len(recwarn) == 0


def test_a_users_layer_is_in_the_summary_before_its_width_is_known():
    class Gain(Layer):
        def shapes(self):
            return {"gain": (self._width,)}

    assert "Total params ?" in str(NeuralNetwork([Gain(), DenseLayer(None, 2)], "mse"))


def test_a_layers_own_l2_stands_before_the_losss():
    own, none = DenseLayer(4, 3, l2=0.5), DenseLayer(3, 3, "softmax")
    net = NeuralNetwork([own, none], CategoricalCrossentropy(l2=0.2), dtype="float64", random_state=0).build()
    penalty = (0.5 * np.sum(own.weights**2) + 0.2 * np.sum(none.weights**2)) / (2 * 90)
    assert net.loss_and_gradient(X, LABELS)[0] - net.evaluate(X, LABELS)["loss"] == pytest.approx(penalty, rel=1e-10)
