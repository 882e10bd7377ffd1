"""Callbacks: their hooks, early stopping, the live bar, the history."""

import io
import pickle

import pytest

from neural import Callback, EarlyStopping, History
from neural.callbacks import Progress
from tests.small_network import LABELS, X, fit, network


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
