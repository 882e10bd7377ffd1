"""Fits to streams: the bits of a fit in memory where the window has all rows, and those of an uninterrupted fit."""

import copy
import pickle
import threading

import numpy as np
import pytest

from neural import (
    EMA,
    SWA,
    Augment,
    BinaryCrossentropy,
    Callback,
    CategoricalCrossentropy,
    DenseLayer,
    DropoutLayer,
    EarlyStopping,
    NeuralNetwork,
    TrainingDiverged,
    core,
    load,
    stream,
)
from neural.windows import Stream, window_order
from tests.small_network import first_crossing

N, K = 500, 4
rng = np.random.default_rng(5)
X = rng.normal(size=(N, K))
LABELS = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 1)
NAMES = np.array(["ant", "bee", "cat"])[LABELS]
WEIGHTS = rng.uniform(0.5, 2, N)
ENGINES = ["numpy"] + (["core"] if core._core is not None else [])
each_engine = pytest.mark.parametrize("engine", ENGINES)
READER = "neural reads ahead"


class Stop(Exception):
    """Somebody pulls the plug."""


class StopsAt(Callback):
    def __init__(self, update=None):
        self.update, self.made = update, 0

    def on_batch_end(self, training):
        self.made += 1
        if self.made == self.update:
            raise Stop


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name == READER] == []


def network(seed=0, **settings):
    layers = [DenseLayer(K, 9, "relu"), DropoutLayer(0.2), DenseLayer(9, 3, "softmax")]
    return NeuralNetwork(layers, CategoricalCrossentropy(l2=0.01), random_state=seed, **settings)


def fit(net, *rows, **settings):
    given = {"epochs": 4, "learning_rate": 0.05, "batch_size": 16, "optimizer": "adam", "verbose": 0}
    return net.fit(*rows, **given | settings)


def rows_of(window, y=LABELS, weights=None):
    return stream.arrays(X, y, weights, window=window)


def without_seconds(history):
    return {name: values for name, values in history.history.items() if name != "seconds"}


# --- the same as in memory -------------------------------------------------------------------------------------------
@each_engine
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"schedule": "cosine", "average": SWA(0.5)},
        {"optimizer": "sgd", "average": EMA(0.9), "batch_size": 7},
        {"augment": Augment((2, 2), flip=True)},
        {"class_weight": {0: 2, 2: 0.5}},
        {"shuffle": False},
        {"batch_size": None},
    ],
    ids=str,
)
def test_a_window_of_all_rows_gives_the_bits_of_a_fit_in_memory(engine, weights, settings):
    one, other = network(engine=engine), network(engine=engine)
    given = {} if weights is None else {"sample_weight": weights}
    history = fit(one, X, LABELS, **given, **settings)
    got = fit(other, rows_of(10**6, LABELS, weights), **settings)
    assert one.params.tobytes() == other.params.tobytes()
    for name in ("loss", "data_loss", "penalty", "learning_rate"):
        np.testing.assert_allclose(got[name], history[name], rtol=1e-6)
    assert (other.state.step, other.state.epoch) == (one.state.step, one.state.epoch)


@each_engine
def test_smaller_windows_are_a_shuffle_of_chunks_and_of_rows_within_windows(engine):
    """The order that is promised, given to a fit in memory, gives the same bits."""
    rows, one, other = rows_of(100), network(engine=engine), network(engine=engine)
    size = rows.rows_at_once(16)
    assert size == 112

    def order(epoch, n):
        chunks = rows.chunk_order(one.seed, epoch, size)
        starts = np.append(0, np.cumsum(rows.counts))
        lying = np.concatenate([np.arange(starts[chunk], starts[chunk + 1]) for chunk in chunks])
        parts = [lying[start : start + size] for start in range(0, n, size)]
        return np.concatenate([p[window_order(one.seed, epoch, k, len(p))] for k, p in enumerate(parts)])

    assert sorted(order(3, N)) == list(range(N))
    assert order(0, N).tolist() != order(1, N).tolist()
    fit(one, X, LABELS, shuffle=order)
    fit(other, rows)
    assert one.params.tobytes() == other.params.tobytes()


def test_unshuffled_windows_of_any_size_are_the_rows_as_they_lie():
    straight = network()
    fit(straight, X, LABELS, shuffle=False)
    for window in (16, 100, 499):
        net = network()
        fit(net, rows_of(window), shuffle=False)
        assert net.params.tobytes() == straight.params.tobytes()


def test_two_fits_are_one():
    one, other = network(), network()
    fit(one, rows_of(100), epochs=4)
    for _ in range(2):
        fit(other, rows_of(100), epochs=2)
    assert one.params.tobytes() == other.params.tobytes()


def test_slices_change_no_bit(monkeypatch):
    nets, histories = [network() for _ in range(2)], []
    for net, seconds in zip(nets, (1e-9, 100.0), strict=True):  # an update a crossing, and all of a window in one
        monkeypatch.setattr("neural.training.SLICE_SECONDS", seconds)
        histories.append(without_seconds(fit(net, rows_of(100, LABELS, WEIGHTS))))
    assert nets[0].params.tobytes() == nets[1].params.tobytes()
    assert histories[0] == histories[1]


# --- classes, validation, metrics ------------------------------------------------------------------------------------
def test_text_targets_are_classes():
    plain, net = network(), network()
    fit(plain, rows_of(100))
    fit(net, rows_of(100, NAMES), validation_data=(X, NAMES), metrics="accuracy")
    assert net.params.tobytes() == plain.params.tobytes()
    assert net.classes_.tolist() == ["ant", "bee", "cat"]
    few = rows_of(50, np.where(NAMES == "bee", "cat", NAMES))  # two of the network's three classes
    assert net.evaluate(few)["loss"] == pytest.approx(net.evaluate(X, np.where(LABELS == 1, 2, LABELS))["loss"])


def test_two_text_classes_for_one_output():
    y = np.where(LABELS > 0, "yes", "no")
    layers = [DenseLayer(K, 5, "tanh"), DenseLayer(5, 1, "sigmoid")]
    nets = [NeuralNetwork(copy.deepcopy(layers), BinaryCrossentropy(), random_state=0) for _ in range(2)]
    fit(nets[0], X, y)
    fit(nets[1], rows_of(1000, y))
    assert nets[0].params.tobytes() == nets[1].params.tobytes()
    assert nets[1].classes_.tolist() == ["no", "yes"]


@pytest.mark.parametrize("kind", ["stream", "arrays"])
def test_validation_and_metrics_are_as_in_memory(kind):
    one, other = network(), network()
    settings = {"metrics": ["accuracy", "f1_score"], "callbacks": [EarlyStopping("val_loss", patience=1)]}
    held = (X[:100], LABELS[:100], WEIGHTS[:100])
    history = fit(one, X, LABELS, validation_data=held, **settings)
    given = stream.arrays(*held, window=16) if kind == "stream" else held
    got = fit(other, rows_of(1000), validation_data=given, **settings)
    for name in set(history.keys()) - {"seconds"}:
        np.testing.assert_allclose(got[name], history[name], rtol=1e-6)
    mixed = network()
    got = fit(mixed, X, LABELS, validation_data=given, **settings)  # a stream beside rows in memory
    np.testing.assert_allclose(got["val_accuracy"], history["val_accuracy"])


@each_engine
def test_predict_and_evaluate(engine):
    net = network(engine=engine)
    fit(net, X, LABELS)
    rows = rows_of(64, NAMES, WEIGHTS)
    np.testing.assert_allclose(net.predict(rows), net.predict(X), rtol=1e-5)
    np.testing.assert_allclose(net.predict(stream.arrays(X, window=64)), net.predict(X), rtol=1e-5)
    want = net.evaluate(X, NAMES, "accuracy", sample_weight=WEIGHTS)
    assert net.evaluate(rows, metrics="accuracy") == pytest.approx(want)


def test_callbacks_see_rows_as_they_lie():
    seen = []

    class Looks(Callback):
        def on_epoch_end(self, training):
            assert training.true.tolist() == LABELS.tolist()
            np.testing.assert_allclose(training.predicted(), training.network.predict(X), rtol=1e-5)
            seen.append(training.fraction)

    fit(network(), rows_of(64), callbacks=Looks())
    assert seen == [0.25, 0.5, 0.75, 1]


def test_several_targets_and_bytes():
    pixels, values = rng.integers(0, 256, (N, K), dtype=np.uint8), X[:, :2]
    nets = [NeuralNetwork([DenseLayer(K, 2)], "mse", input_scale=1 / 255, random_state=0) for _ in range(2)]
    fit(nets[0], pixels, values)
    fit(nets[1], stream.arrays(pixels, values, window=1000))
    assert nets[0].params.tobytes() == nets[1].params.tobytes()


def test_probabilities_that_are_certain_in_some_windows():
    certain = np.eye(3)[LABELS]
    soft = np.where(np.arange(N)[:, None] < 250, certain, 0.9 * certain + 0.1 / 3)
    for y in (certain, soft):
        one, other = network(), network()
        history = fit(one, X, y, shuffle=False, metrics="accuracy")
        got = fit(other, stream.arrays(X, y, window=64), shuffle=False, metrics="accuracy")
        np.testing.assert_allclose(other.params, one.params, rtol=1e-4, atol=1e-6)
        assert got["accuracy"] == history["accuracy"]


def test_windows_without_weight_and_rows_without():
    """A stretch of rows may weigh nothing; all of them may not."""
    weights = (np.arange(N) >= 300).astype(float)
    one, other = network(), network()
    fit(one, X, LABELS, shuffle=False, sample_weight=weights)
    fit(other, rows_of(32, LABELS, weights), shuffle=False)
    assert one.params.tobytes() == other.params.tobytes()
    net = network().build()
    with pytest.raises(ValueError, match="sample_weight must be above 0 for one sample at least"):
        fit(net, rows_of(32, LABELS, weights * 0))
    assert net.params.tobytes() == network().build().params.tobytes()


# --- going on --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("every", [1, 0.4, 0.05])
@pytest.mark.parametrize("stops", [[3], [40], [33, 30, 5], [64, 31]], ids=str)
def test_a_fit_goes_on_to_the_same_bits(every, stops, tmp_path):
    settings = {"schedule": "cosine", "average": SWA(0.2, "update"), "validation_data": rows_of(50)}
    straight, rows = network(), rows_of(64, NAMES, WEIGHTS)
    history = fit(straight, rows, callbacks=StopsAt(), **settings)
    saving = {"checkpoint": tmp_path / "run", "every": every, "resume": True} | settings
    for stop in stops:
        with pytest.raises(Stop):
            fit(network(), rows, callbacks=StopsAt(stop), **saving)
    net = network()
    again = fit(net, rows, callbacks=StopsAt(), **saving)
    assert net.params.tobytes() == straight.params.tobytes()
    assert without_seconds(again) == without_seconds(history)
    assert list(again) == list(history)
    assert load(tmp_path / "run").params.tobytes() == straight.params.tobytes()


def test_slices_change_no_bit_of_a_fit_that_goes_on(tmp_path, monkeypatch):
    straight, rows = network(), rows_of(100, LABELS, WEIGHTS)
    history = fit(straight, rows, callbacks=StopsAt())
    first_crossing(monkeypatch, 3)
    with pytest.raises(Stop):
        fit(network(), rows, callbacks=StopsAt(45), checkpoint=tmp_path / "run", every=0.3)
    monkeypatch.undo()
    net = network()
    again = fit(net, rows, callbacks=StopsAt(), checkpoint=tmp_path / "run", every=0.3, resume=True)
    assert net.params.tobytes() == straight.params.tobytes()
    assert without_seconds(again) == without_seconds(history)


OTHERWISE = {
    "another window": stream.arrays(X, LABELS, window=65),
    "other rows": stream.arrays(X + 1, LABELS, window=64),
    "other targets": stream.arrays(X, (LABELS + 1) % 3, window=64),
    "weights": stream.arrays(X, LABELS, np.ones(N), window=64),
}


@pytest.mark.parametrize("rows", OTHERWISE.values(), ids=OTHERWISE)
def test_another_stream_is_refused(rows, tmp_path):
    with pytest.raises(Stop):
        fit(network(), rows_of(64), callbacks=StopsAt(40), checkpoint=tmp_path / "run")
    net = network().build()
    before = net.params.tobytes()
    with pytest.raises(ValueError, match="the training data must be as in the fit that goes on"):
        fit(net, rows, callbacks=StopsAt(), checkpoint=tmp_path / "run", resume=True)
    assert net.params.tobytes() == before


# --- where it does not end well --------------------------------------------------------------------------------------
class Breaks(Stream):
    """A stream that raises in its thread, after so many pieces."""

    what, names, target, window = "broken", tuple("abcd"), ("y",), 64

    def __init__(self, error, after):
        self.error, self.left, self.counts = error, after, np.full(10, 50)
        self.dtypes = {"X": None, "y": np.int64}

    def read(self, chunk, start):
        self.left -= 1
        if self.left < 0:
            raise self.error
        rows = slice(50 * chunk + start, 50 * chunk + 50)
        yield stream.Piece(X[rows], LABELS[rows])

    def where(self, chunk, row):
        return f"row {50 * chunk + row}"

    def digest(self):
        return ""


@each_engine
@pytest.mark.parametrize("error", [OSError("the disk is gone"), KeyboardInterrupt(), MemoryError()], ids=repr)
def test_what_breaks_in_the_thread_leaves_the_last_whole_epoch(engine, error):
    net, twin = network(engine=engine), network(engine=engine)
    with pytest.raises(type(error)) as caught:
        fit(net, Breaks(error, 35))  # ten for the first rows, ten an epoch
    assert caught.value is error
    fit(twin, Breaks(error, 100), epochs=2)
    assert net.params.tobytes() == twin.params.tobytes()
    assert (net.state.epoch, len(net.history_)) == (2, 2)
    fit(net, Breaks(error, 100), epochs=1)


@each_engine
def test_ctrl_c_in_the_fit_ends_the_thread(engine):
    class Interrupts(Callback):
        def on_batch_end(self, training):
            if training.done == 40:
                raise KeyboardInterrupt

    net, twin = network(engine=engine), network(engine=engine)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit(net, rows_of(32), callbacks=Interrupts())
    assert READER not in [thread.name for thread in threading.enumerate()]
    assert caught.value is not None  # its frames are held, and the thread has ended all the same
    fit(twin, rows_of(32), epochs=1)
    assert net.params.tobytes() == twin.params.tobytes()


@each_engine
@pytest.mark.parametrize("window", [16, 48, 10**6])
def test_divergence_is_seen_in_the_same_place_as_in_memory(engine, window):
    """Also where it is the last update of a window that went too far."""
    places = []
    for rows in ((X * 100, X[:, 0]), (stream.arrays(X * 100, X[:, 0], window=window),)):
        net = NeuralNetwork([DenseLayer(K, 8, "relu"), DenseLayer(8, 1)], "mse", engine=engine, random_state=0)
        with pytest.raises(TrainingDiverged) as caught:
            fit(net, *rows, epochs=50, learning_rate=10.0, optimizer="sgd", shuffle=False)
        places.append((caught.value.epoch, caught.value.batch, caught.value.layer, net.params.tobytes()))
    assert places[0] == places[1]


def test_a_source_that_has_become_shorter_or_longer():
    for counts in (np.full(9, 50), np.array([50, 60, 50])):
        rows = Breaks(None, 100)
        rows.counts = counts + (np.arange(len(counts)) == 1) * (5 if len(counts) == 9 else -20)
        net = network()
        with pytest.raises(ValueError, match=r"row 50 must be as it was: \d+ rows in this place"):
            fit(net, rows)
        assert net.state.step == 0


# --- bad rows and bad calls ------------------------------------------------------------------------------------------
def changed(row, column, value):
    bad = X.copy()
    bad[row, column] = value
    return bad


def late(values, row, value):
    bad = np.array(values, dtype=np.asarray(values).dtype)
    bad[row] = value
    return bad


BAD = {
    "nan": ((changed(333, 2, np.nan), LABELS), r"row 333: column 2 must be finite\. Got nan"),
    "infinite": ((changed(499, 0, np.inf), LABELS), r"row 499: column 0 must be finite\. Got inf"),
    "too large": ((changed(0, 3, 1e39), LABELS), r"row 0: column 3 must be within the range of float32.*Got 1e\+39"),
    "no class": ((X, late(LABELS, 321, 3)), r"row 321: y must be class numbers from 0 to 2"),
    "no weight": ((X, LABELS, late(WEIGHTS, 77, -1)), r"row 77: sample_weight must be at least 0\. Got -1"),
    "nan weight": ((X, LABELS, late(WEIGHTS, 78, np.nan)), r"row 78: sample_weight must be finite"),
    "nan target": ((X, late(LABELS.astype(float), 79, np.nan)), r"row 79: y must be finite"),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_named_and_nothing_has_happened(name, dtype):
    arrays, words = BAD[name]
    net = network().build()
    before = net.params.tobytes()
    if name == "too large" and dtype == np.float32:
        pytest.skip("it is infinite as float32")
    with np.errstate(over="ignore"), pytest.raises(ValueError, match=words):
        fit(net, stream.arrays(arrays[0].astype(dtype), *arrays[1:], window=128))
    assert net.params.tobytes() == before
    assert net.state.step == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"validation_split": 0.1}, "validation_split must be left out.*may be a stream"),
        ({"sample_weight": WEIGHTS}, "sample_weight must be left out"),
        ({"class_weight": "balanced"}, "class_weight must be left out"),
        ({"sampling": "balanced"}, "sampling must be left out"),
        ({"shuffle": lambda epoch, n: np.arange(n)}, "shuffle must be True or False"),
        ({"optimizer": "lbfgs"}, "update by update"),
        ({"batch_size": 65}, "batch_size must be at most the window of the stream, 64 rows. Got 65"),
        ({"batch_size": None}, "batch_size must be at most"),
        ({"y": LABELS}, "y must be left out"),
        ({"validation_data": stream.arrays(X[:, :2], LABELS)}, "a stream must be of 4 features, as the first layer"),
        ({"validation_data": stream.arrays(X)}, "target must be given"),
        ({"validation_data": stream.arrays(X, NAMES)}, None),
        ({"metrics": "accurcy"}, "Did you mean 'accuracy'"),
    ],
)
def test_what_is_refused_changes_nothing(settings, words):
    net = network().build()
    before = net.params.tobytes()
    y = settings.pop("y", None)
    if words is None:  # names of classes that the network does not have yet: its training rows are numbers
        words = "."
        settings["validation_data"] = stream.arrays(X, np.where(LABELS > 0, "a", "b"))
    with pytest.raises(ValueError, match=words):
        fit(net, rows_of(64), y, **settings) if y is not None else fit(net, rows_of(64), **settings)
    assert net.params.tobytes() == before


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "words"),
    [
        ((X[:, 0],), {}, ValueError, "X must be of shape"),
        ((X[:0],), {}, ValueError, "neither of them 0"),
        ((X, LABELS[:-1]), {}, ValueError, "of one length"),
        ((X, LABELS, WEIGHTS[:-1]), {}, ValueError, r"sample_weight must be of shape \(500,\)"),
        ((X, LABELS), {"window": 0}, ValueError, "window"),
        ((X, LABELS), {"window": 2.5}, TypeError, "window"),
        ((X, LABELS), {"window": True}, TypeError, "window"),
        ((X.astype(complex), LABELS), {}, TypeError, "X must be an array of numbers"),
        ((X, np.stack([NAMES, NAMES], 1)), {}, ValueError, "one column where it is text"),
        ((X, X[None]), {}, ValueError, "y must be of shape"),
    ],
)
def test_bad_arrays(arguments, settings, error, words):
    with pytest.raises(error, match=words):
        stream.arrays(*arguments, **settings)


def test_a_stream_without_targets_is_for_prediction():
    net = network()
    for use in (lambda: fit(net, stream.arrays(X)), lambda: net.evaluate(stream.arrays(X))):
        with pytest.raises(ValueError, match="target must be given"):
            use()
    with pytest.raises(TypeError, match=r"X must be rows in memory.*fit, predict and evaluate take a stream"):
        net.loss_and_gradient(rows_of(64), None)
    with pytest.raises(TypeError, match=r"the target 0: y must be numbers\. Got 'ant'"):
        NeuralNetwork([DenseLayer(K, 1)], "mse").fit(rows_of(64, NAMES), verbose=0)
    with pytest.raises(ValueError, match="the target 0: y must be of 2 different labels"):
        NeuralNetwork([DenseLayer(K, 2, "softmax")], "categorical_crossentropy").fit(rows_of(64, NAMES), verbose=0)


def test_streams_are_copied_and_pickled():
    rows = rows_of(64, NAMES)
    for again in (copy.deepcopy(rows), pickle.loads(pickle.dumps(rows))):
        one, other = network(), network()
        fit(one, rows, epochs=1)
        fit(other, again, epochs=1)
        assert one.params.tobytes() == other.params.tobytes()
        assert again.digest() == rows.digest()


def test_one_stream_for_two_fits_at_a_time():
    rows, nets, straight = rows_of(64), [network(), network()], network()
    fit(straight, rows)
    threads = [threading.Thread(target=fit, args=(net, rows)) for net in nets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [net.params.tobytes() for net in nets] == [straight.params.tobytes()] * 2
