"""Streams are read across the ends of epochs: soon, no further than the fit, and not on after it."""

import copy
import pickle
import threading

import numpy as np
import pytest

from neural import Callback, DenseLayer, NeuralNetwork, stream
from neural.stream import ArrayRows

rng = np.random.default_rng(3)
X = rng.normal(size=(400, 3))
Y = X @ [1.0, -1.0, 0.5]


class Watched(ArrayRows):
    """Rows of arrays that write down which chunks are read."""

    def __init__(self, window):
        super().__init__(X, Y, None, window)
        self.read_chunks, self.changed = [], threading.Condition()

    def read(self, chunk, start):
        yield from super().read(chunk, start)
        with self.changed:
            self.read_chunks.append(chunk)
            self.changed.notify_all()

    def wait_for(self, count):
        with self.changed:
            return self.changed.wait_for(lambda: len(self.read_chunks) >= count, timeout=20)


class AtTheEnd(Callback):
    """Calls a function at the end of each epoch."""

    def __init__(self, function):
        self.function = function

    def on_epoch_end(self, training):
        self.function(training)


def fit(rows, epochs=3, **settings):
    net = NeuralNetwork([DenseLayer(3, 1)], "mse", random_state=0)
    net.fit(rows, epochs=epochs, batch_size=20, verbose=0, **settings)
    return net


def test_the_next_epoch_is_begun_while_one_ends_and_none_after_the_last():
    rows, seen = Watched(window=100), []
    n = len(rows.counts)  # a window has 16 of them; the first rows, here all of them, are looked at before

    def wait(training):
        more = training.epoch < 3
        seen.append(rows.wait_for(n + n * training.epoch + 16) if more else len(rows.read_chunks))

    fit(rows, callbacks=[AtTheEnd(wait)])
    assert seen == [True, True, 4 * n]
    assert len(rows.read_chunks) == 4 * n


@pytest.mark.parametrize("stops", [1, 2])
def test_a_fit_that_ends_early_reads_a_window_more_at_most(stops):
    rows = Watched(window=100)
    fit(rows, epochs=10**6, callbacks=[AtTheEnd(lambda training: training.epoch == stops and training.stop("enough"))])
    assert len(rows.read_chunks) <= (1 + stops) * len(rows.counts) + len(rows.counts) // 4 + 2
    assert not [thread for thread in threading.enumerate() if thread.name == "neural reads ahead"]


def test_what_looks_at_all_rows_in_between_changes_no_bit():
    settings = {"metrics": "r2", "validation_data": stream.arrays(X, Y, window=40)}
    assert fit(Watched(100), **settings).params.tobytes() == fit(Watched(100)).params.tobytes()


def test_a_cached_stream_that_has_been_read_is_copied_without_its_arrays(tmp_path):
    rows = stream.cached(stream.arrays(X, Y, window=100), tmp_path)
    net = fit(rows)
    for again in (copy.deepcopy(rows), pickle.loads(pickle.dumps(rows))):
        assert fit(again).params.tobytes() == net.params.tobytes()
    assert len(pickle.dumps(rows)) < len(pickle.dumps(rows.rows)) + 2000
