"""Callbacks: their hooks, early stopping, the live bar, the history."""

import io
import pickle

import numpy as np
import pytest

from neural import (
    Callback,
    Checkpoint,
    DenseLayer,
    EarlyStopping,
    History,
    Layer,
    ModelFileError,
    NeuralNetwork,
    ReduceOnPlateau,
)
from neural.callbacks import Progress
from neural.updates import Updates
from tests.small_network import LABELS, X, first_crossing, fit, network


def test_hooks_are_called_in_order():
    calls = []

    class Recorder:
        def __getattr__(self, name):
            if not name.startswith("on_"):
                raise AttributeError(name)
            return lambda training: calls.append(name)

    fit(network(), 1, callbacks=[Recorder()])
    assert calls == ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"]


def test_early_stopping_restores_the_best():
    stopping = EarlyStopping("val_loss", patience=3)
    net = network()
    history = fit(net, 200, learning_rate=0.5, validation_data=(X[:20], 2 - LABELS[:20]), callbacks=stopping)
    assert len(history) == stopping.stopped_epoch == stopping.best_epoch + 3
    assert stopping.best == min(history["val_loss"])
    assert net.evaluate(X[:20], 2 - LABELS[:20])["loss"] == stopping.best


def test_early_stopping_on_a_metric_that_should_rise():
    stopping = EarlyStopping("accuracy", patience=2)
    history = fit(network(), 100, metrics="accuracy", callbacks=[stopping])
    assert stopping.best == max(history["accuracy"])


class Scripted(Callback):
    """Puts these numbers in place of the costs, for callbacks behind it."""

    def __init__(self, *costs):
        self.costs = costs

    def on_epoch_end(self, training):
        training.numbers["loss"] = self.costs[training.epoch - 1]


@pytest.mark.parametrize(
    ("min_delta", "best_epoch", "epochs"),
    [(0.0, 4, 6), (0.125, 2, 4), (0.25, 1, 3)],  # 1 - 0.75 is 0.25, which is not more than 0.25
)
def test_less_than_min_delta_is_no_improvement(min_delta, best_epoch, epochs):
    stopping = EarlyStopping("loss", patience=2, min_delta=min_delta)
    costs = Scripted(1.0, 0.75, 0.75, 0.6875, 0.6875, 0.6875, 0.0)
    history = fit(network(), 7, callbacks=[costs, stopping])
    assert (stopping.best_epoch, len(history), stopping.stopped_epoch) == (best_epoch, epochs, epochs)


@pytest.mark.parametrize("restore_best", [True, False])
def test_the_weights_are_the_best_or_the_last(restore_best):
    stopping, net = EarlyStopping("loss", patience=2, restore_best=restore_best), network()
    fit(net, 9, callbacks=[Scripted(1.0, 0.5, 0.75, 0.75), stopping])
    twin = network()
    fit(twin, 2 if restore_best else 4)
    assert net.params.tobytes() == twin.params.tobytes()


def test_a_callback_may_stop_the_fit():
    class Stop(Callback):
        def on_epoch_end(self, training):
            if training.epoch == 2:
                training.stop("enough")

    assert len(fit(network(), 9, callbacks=Stop)) == 2


def test_a_live_bar_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    fit(network(), 3, callbacks=[Progress(file=out)])
    last = out.getvalue().split("\r")[-1]
    assert "Epoch 3-3 [########################] cost: " in last
    assert last.rstrip().endswith("rate 0.1, 0 s left")


def test_history_is_a_list_with_names_and_survives_pickle():
    history = fit(network(), 3)
    assert history == list(history)
    assert history["loss"] == list(history)
    assert [d + p for d, p in zip(history["data_loss"], history["penalty"], strict=True)] == pytest.approx(
        list(history)
    )
    again = pickle.loads(pickle.dumps(history))
    assert isinstance(again, History)
    assert again["penalty"] == history["penalty"]
    with pytest.raises(KeyError, match="'val_loss'"):
        history["val_loss"]


# --- the rate, by how training goes ----------------------------------------------------------------------------------
def test_the_rate_drops_on_a_plateau():
    lower = ReduceOnPlateau("loss", drop=0.5, patience=2, min_delta=0.1)
    costs = Scripted(1.0, 0.75, 0.75, 0.75, 0.5, 0.5, 0.45, 0.5, 0.5)
    history = fit(network(), 9, learning_rate=0.1, callbacks=[costs, lower])
    assert history["learning_rate"] == [0.1] * 4 + [0.05] * 3 + [0.025] * 2
    assert (lower.reduced, lower.best, lower.best_epoch, lower.factor) == ([4, 7, 9], 0.5, 5, 0.125)


def test_the_rate_does_not_drop_below_its_end():
    lower = ReduceOnPlateau("loss", drop=0.1, patience=1, end=0.05)
    fit(network(), 5, callbacks=[Scripted(*[1.0] * 5), lower])
    assert (lower.factor, lower.reduced) == (0.1, [2])


def test_a_plateau_multiplies_what_the_schedule_says():
    lower = ReduceOnPlateau("loss", drop=0.5, patience=2)
    settings = {"schedule": "polynomial", "callbacks": [Scripted(*[1.0] * 6), lower]}
    rates = fit(network(), 6, **settings)["learning_rate"]
    plain = fit(network(), 6, schedule="polynomial")["learning_rate"]
    np.testing.assert_allclose(rates, np.array(plain) * [1, 1, 1, 0.5, 0.5, 0.25], rtol=1e-12)


@pytest.mark.parametrize("kind", [ReduceOnPlateau, Checkpoint])
def test_two_fits_watched_are_as_one_twice_as_long(kind):
    def watch():
        return kind("loss", min_delta=0.02) if kind is Checkpoint else kind("loss", 0.3, 2, min_delta=0.02)

    once, twice, whole, parts = network(), network(), watch(), watch()
    history = fit(once, 16, callbacks=whole)
    assert fit(twice, 7, callbacks=parts) + fit(twice, 9, callbacks=parts) == history
    assert once.params.tobytes() == twice.params.tobytes()
    assert (parts.best, parts.best_epoch) == (whole.best, whole.best_epoch)
    fit(network(), 1, callbacks=parts)
    assert parts.epochs == parts.best_epoch == 1  # of another network: anew


def test_a_callback_may_set_the_rate():
    class Halving(Callback):
        def on_batch_end(self, training):
            training.rate_factor *= 0.5

    assert fit(network(), 2, callbacks=Halving)["learning_rate"] == [0.1 * 0.5**5, 0.1 * 0.5**11]

    class Wrong(Callback):
        def on_epoch_end(self, training):
            training.rate_factor = -1.0

    net, twin = network(), network()
    with pytest.raises(ValueError, match=r"training.rate_factor must be a finite number of at least 0. Got -1"):
        fit(net, 3, callbacks=Wrong)
    fit(twin, 1)
    assert net.params.tobytes() == twin.params.tobytes()


# --- the best, kept --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("to_file", [False, True])
def test_a_checkpoint_keeps_the_best_epoch_and_gives_it_back(to_file, tmp_path):
    path = tmp_path / "best.npz" if to_file else None
    checkpoint, net, twin = Checkpoint("loss", path), network(), network()
    fit(net, 5, callbacks=[Scripted(1.0, 0.5, 0.25, 0.75, 0.5), checkpoint])
    fit(twin, 3)
    assert (checkpoint.best, checkpoint.best_epoch) == (0.25, 3)
    assert net.params.tobytes() != twin.params.tobytes()
    if to_file:
        assert [file.name for file in tmp_path.iterdir()] == ["best.npz"]
        with np.load(path) as file:
            assert {name: file[name].shape for name in file.files} == {
                "layer1.weights": (20, 4), "layer1.biases": (20,), "layer3.weights": (3, 20), "layer3.biases": (3,)
            }  # fmt: skip
        checkpoint = Checkpoint("loss", path)  # another program's
    assert checkpoint.restore(net) is net
    assert net.params.tobytes() == twin.params.tobytes()


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path, monkeypatch):
    path, net = tmp_path / "best.npz", network()
    fit(net, 1, callbacks=Checkpoint("loss", path))
    before = path.read_bytes()

    def full(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        fit(net, 1, callbacks=Checkpoint("loss", path))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["best.npz"]


@pytest.mark.parametrize(
    ("write", "error", "words"),
    [
        (lambda path: path.write_text("no arrays"), ModelFileError, "best.npz is no .npz file of parameters"),
        (lambda path: np.save(path.open("wb"), np.ones(3)), ModelFileError, "best.npz is no .npz file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), ModelFileError, "best.npz is no .npz file"),
        (lambda path: np.savez(path, **{"layer1.weights": np.ones((20, 4))}), ValueError, "the parameters in .*best"),
        (lambda path: put(path, "layer3.biases", np.nan), ModelFileError, "layer3.biases must be finite"),
        (lambda path: put(path, "layer3.biases", 1e300), ValueError, "layer3.biases in .* range of float32"),
        (lambda path: path.unlink(), FileNotFoundError, "best.npz"),
    ],
)
def test_a_damaged_file_is_refused_and_changes_nothing(write, error, words, tmp_path):
    path, net = tmp_path / "best.npz", network()
    fit(net, 2, callbacks=Checkpoint("loss", path))
    before = net.params.tobytes()
    write(path)
    with pytest.raises(error, match=words):
        Checkpoint("loss", path).restore(net)
    assert net.params.tobytes() == before


def put(path, name, value):
    with np.load(path) as file:
        arrays = {key: file[key].astype(np.float64) for key in file.files}
    arrays[name][...] = value
    np.savez(path, **arrays)


def test_a_checkpoint_is_refused_where_it_cannot_be_of_use(tmp_path):
    with pytest.raises(ValueError, match="path must be a file in a folder that is there"):
        fit(network(), callbacks=Checkpoint("loss", tmp_path / "nowhere" / "best.npz"))
    with pytest.raises(ValueError, match="Did you mean 'loss'"):
        fit(network(), callbacks=Checkpoint("los", mode="min"))
    with pytest.raises(ValueError, match=r"parameters must be those of a fit of this network. Got None"):
        Checkpoint("loss").restore(network())


# --- time ------------------------------------------------------------------------------------------------------------
class Clock(Callback):
    """A clock that stands, but for ten seconds at the beginning of each epoch."""

    now = 0.0

    def perf_counter(self):
        return self.now

    def on_epoch_begin(self, training):
        self.now += 10


def test_a_fit_ends_with_the_epoch_in_which_time_is_over(monkeypatch):
    clock, out, net, twin = Clock(), io.StringIO(), network(), network()
    monkeypatch.setattr("neural.training.time", clock)
    history = fit(net, 9, time_limit=25, callbacks=[clock, Progress(file=out)])
    assert history.stopped == "the time limit of 25 s is over"
    assert "Stopped after epoch 3: the time limit of 25 s is over." in out.getvalue()
    assert history == fit(twin, 3)
    assert net.params.tobytes() == twin.params.tobytes()
    assert fit(net, 6) == fit(twin, 6)
    assert pickle.loads(pickle.dumps(history)).stopped == history.stopped
    assert fit(network(), 3, time_limit=25, callbacks=clock).stopped == ""  # over with its last epoch: not stopped


def test_a_time_limit_where_many_epochs_are_run_at_once(monkeypatch):
    class Running(Clock):
        def perf_counter(self):
            self.now += 1
            return self.now

    monkeypatch.setattr("neural.training.time", Running())
    first_crossing(monkeypatch, 30)
    net, twin = network(), network()
    history = fit(net, 500, time_limit=100)
    assert 0 < len(history) < 500
    assert "time limit" in history.stopped
    assert fit(twin, len(history)) == history
    assert net.params.tobytes() == twin.params.tobytes()


def test_a_layer_of_ones_own_may_be_slow_when_time_is_limited(monkeypatch):
    """Nothing is known of it before its first updates, so they are few."""
    clock = Clock()

    class Slow(Layer):
        def forward(self, x, own, mode):
            clock.now += 1
            return x * 1.0, None

        def backward(self, dy, cache, own, grads):
            return dy

    monkeypatch.setattr("neural.training.time", clock)
    net = NeuralNetwork([Slow(), DenseLayer(4, 1)], "mse", random_state=0)
    history = net.fit(X, X[:, 0], 400, 1e-3, None, time_limit=35, verbose=0)
    assert 35 <= len(history) <= 40
    assert "time limit" in history.stopped


@pytest.mark.parametrize(
    ("limit", "error"), [(0, ValueError), (-1, ValueError), (float("nan"), ValueError), ("5", TypeError)]
)
def test_a_time_limit_is_a_number_above_0(limit, error):
    with pytest.raises(error, match="time_limit must be a finite number above 0"):
        fit(network(), time_limit=limit)


def test_early_stopping_says_so_in_the_history():
    history = fit(network(), 9, callbacks=[Scripted(1.0, *[2.0] * 8), EarlyStopping("loss", patience=2)])
    assert history.stopped == "loss has not improved since epoch 1, 1"
    assert fit(network(), 2).stopped == ""


def test_callbacks_of_numbers_alone_do_not_keep_the_core_from_many_epochs_at_once(monkeypatch):
    crossings = []
    cross = Updates._cross
    monkeypatch.setattr(Updates, "_cross", lambda *given: crossings.append(1) or cross(*given))

    class Numbers(Callback):
        numbers_only = True
        seen = ()

        def on_epoch_end(self, training):
            self.seen = (*self.seen, (training.epoch, training.numbers["loss"]))

    numbers = Numbers()
    history = fit(network(), 20, callbacks=numbers)
    assert numbers.seen == tuple(enumerate(history, 1))
    assert len(crossings) < 20


def test_epochs_of_which_nobody_is_told_are_recorded_as_if_somebody_were():
    class Numbers(Callback):
        numbers_only = True

    told, untold = network(), network()
    given = {"optimizer": "adam", "schedule": "cosine"}
    of_told, of_untold = fit(told, 40, callbacks=Numbers(), **given), fit(untold, 40, **given)
    assert of_told == of_untold
    assert of_told.keys() == of_untold.keys()
    for name in set(of_told.keys()) - {"seconds"}:
        assert of_told[name] == of_untold[name], name
    assert len(of_untold["seconds"]) == 40
