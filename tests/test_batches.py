"""Batches that come one after the other: the bits of fit, whatever gives them, and what is said of a bad one."""

import threading

import numpy as np
import pytest

from neural import EMA, SWA, Augment, Callback, Cosine, DenseLayer, NeuralNetwork, TrainingDiverged, core, stream
from neural.streams import epoch_order
from tests.small_network import LABELS, X, fit, network

ENGINES = ["numpy"] + (["core"] if core._core is not None else [])
each_engine = pytest.mark.parametrize("engine", ENGINES)
WEIGHTS = np.random.default_rng(3).uniform(0.5, 2, 90)
NAMES = np.array(["ant", "bee", "cat"])


class Loader:
    """Gives the batches that fit would take, epoch after epoch, of a network of seed 0."""

    def __init__(self, *arrays, size=16):
        self.arrays, self.size, self.seed, self.epochs = arrays, size, network().seed, 0

    def __len__(self):
        return -(-len(self.arrays[0]) // self.size)

    def __iter__(self):
        order = epoch_order(self.seed, self.epochs, len(self.arrays[0]))
        self.epochs += 1
        for start in range(0, len(order), self.size):
            rows = order[start : start + self.size]
            yield tuple(array[rows] for array in self.arrays)


def streamed(net, batches, epochs=5, **settings):
    return net.fit(batches, epochs=epochs, learning_rate=0.1, verbose=0, **settings)


def numbers(net):
    state = net.state
    return net.params.tobytes(), state.epoch, state.step, state.updates, [m.tobytes() for m in state.memory.values()]


# --- the same as fit -------------------------------------------------------------------------------------------------
@each_engine
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adam", "schedule": "cosine", "average": "swa"},
        {"optimizer": "adamw", "average": EMA(0.9)},
        {"augment": Augment((2, 2), flip=True)},
        {"class_weight": {0: 2, 2: 0.5}},
    ],
    ids=str,
)
def test_the_batches_of_fit_give_its_bits(engine, weights, settings):
    """With dropout, a penalty, and a last batch that is short."""
    one, other = network(engine=engine), network(engine=engine)
    history = fit(one, sample_weight=weights, **settings)
    arrays = (X, LABELS) if weights is None else (X, LABELS, weights)
    got = streamed(other, Loader(*arrays), **settings)
    assert numbers(one) == numbers(other)
    for name in ("loss", "data_loss", "penalty", "learning_rate"):
        np.testing.assert_allclose(got[name], history[name], rtol=1e-6)
    assert streamed(other, Loader(*arrays), **settings)  # and goes on


GIVEN = {
    "a loader": Loader(X, LABELS),
    "a list": list(Loader(X, LABELS)),
    "lists in a tuple": tuple((rows.tolist(), y.tolist()) for rows, y in Loader(X, LABELS)),
    "a function": lambda: iter(Loader(X, LABELS)),
}


@pytest.mark.parametrize("batches", GIVEN.values(), ids=GIVEN)
def test_whatever_gives_them(batches):
    nets = network(), network()
    for net, given in zip(nets, (batches, list(Loader(X, LABELS))), strict=True):
        if isinstance(given, Loader):
            given.epochs = 0
        streamed(net, given, epochs=1)
    assert numbers(nets[0]) == numbers(nets[1])


def test_a_generator_does_for_one_epoch():
    net, twin = network(), network()
    streamed(net, (batch for batch in Loader(X, LABELS)), epochs=1)
    streamed(twin, Loader(X, LABELS), epochs=1)
    assert numbers(net) == numbers(twin)


@each_engine
def test_metrics_callbacks_and_validation_are_as_usual(engine):
    class Ends(Callback):
        def __init__(self):
            self.batches, self.epochs = 0, 0

        def on_batch_end(self, training):
            self.batches += 1

        def on_epoch_end(self, training):
            self.epochs += 1
            assert (training.predicted().argmax(axis=1) == training.true).mean() == training.numbers["accuracy"]
            assert training.fraction == self.epochs / 4

    net, ends, seen = network(engine=engine), Ends(), []
    batches, function = list(Loader(X, LABELS)), lambda true, predicted, loss, epoch: seen.append(len(true))
    history = streamed(
        net, batches, 4, metrics="accuracy", validation_data=(X, LABELS), callbacks=[ends, function], average="ema"
    )
    assert (ends.batches, ends.epochs, seen) == (24, 4, [90] * 4)
    np.testing.assert_allclose(history["accuracy"], history["val_accuracy"])
    assert history["val_loss"][-1] == pytest.approx(net.evaluate(X, LABELS)["loss"], rel=1e-6)
    assert history[-1] < history[0]


def test_text_labels_are_those_of_the_first_batch():
    net, plain = network(), network()
    batches = [(X, NAMES[LABELS]), (X[LABELS == 1], NAMES[LABELS[LABELS == 1]])]
    streamed(net, batches, 2)
    streamed(plain, [(X, LABELS), (X[LABELS == 1], LABELS[LABELS == 1])], 2)
    assert numbers(net) == numbers(plain)
    assert net.classes_.tolist() == ["ant", "bee", "cat"]


def test_a_loader_of_a_stream_has_no_length():
    class Stream(Loader):
        def __len__(self):
            raise TypeError("a stream")

    net, twin = network(), network()
    streamed(net, Stream(X, LABELS))
    streamed(twin, Loader(X, LABELS))
    assert numbers(net) == numbers(twin)


def test_the_number_of_batches_may_change_where_nothing_depends_on_it():
    calls = []

    def grow():
        calls.append(None)
        return (batch for batch in list(Loader(X, LABELS))[: len(calls)])

    net = network()
    streamed(net, grow, 3, schedule=lambda step: 1 / (1 + step), average="ema")
    assert net.state.step == 1 + 2 + 3


# --- going on --------------------------------------------------------------------------------------------------------
class Stop(Exception):
    """Somebody pulls the plug."""


class StopsAt(Callback):
    def __init__(self, update=None):
        self.update = update

    def on_batch_end(self, training):
        if training.done == self.update:
            raise Stop


class Told(Loader):
    """Is told the epoch, in place of counting."""

    def set_epoch(self, epoch):
        self.epochs = epoch


def told(epoch):
    loader = Loader(X, LABELS)
    loader.epochs = epoch
    return iter(loader)


class WithoutLength(Loader):
    __len__ = None


LOADERS = {
    "counts": lambda: Loader(X, LABELS),
    "is told": lambda: Told(X, LABELS),
    "a function that is told": lambda: told,
    "a list": lambda: list(Loader(X, LABELS)),
    "read ahead": lambda: stream.ahead(Loader(X, LABELS)),
    "told, read ahead": lambda: stream.ahead(Told(X, LABELS)),
    "a function that is told, read ahead": lambda: stream.ahead(told),
    "no length": lambda: WithoutLength(X, LABELS),
}


@pytest.mark.parametrize("every", [1, 0.4])
@pytest.mark.parametrize("metrics", [(), "accuracy"], ids=str)
@pytest.mark.parametrize("name", LOADERS)
def test_a_fit_goes_on_to_the_same_bits(name, every, metrics, tmp_path):
    """With a second pass each epoch too, which a loader that counts its passes has to be brought through again."""
    straight, make, settings = network(), LOADERS[name], {"optimizer": "adam", "metrics": metrics}
    if every < 1 and (name == "no length" or "function" in name):
        with pytest.raises(ValueError, match=r"every must be a number of epochs, as these batches have no len\(\)"):
            streamed(network(), make(), checkpoint=tmp_path / "run", every=every)
        return
    history = streamed(straight, make(), callbacks=StopsAt(), **settings)
    saving = {"checkpoint": tmp_path / "run", "every": every, "resume": True}
    for stop in (9, 22):
        with pytest.raises(Stop):
            streamed(network(), make(), callbacks=StopsAt(stop), **saving, **settings)
    net = network()
    again = streamed(net, make(), callbacks=StopsAt(), **saving, **settings)
    assert numbers(net) == numbers(straight)
    assert list(again) == list(history)
    assert {n: v for n, v in again.history.items() if n != "seconds"} == {
        n: v for n, v in history.history.items() if n != "seconds"
    }
    with pytest.raises(ValueError, match="the training data must be as in the fit that goes on"):
        streamed(network(), [(X[:16] + 1, LABELS[:16])], callbacks=StopsAt(), **saving, **settings)


# --- read ahead ------------------------------------------------------------------------------------------------------
def readers():
    return [thread for thread in threading.enumerate() if thread.name == "neural reads ahead"]


def test_batches_that_are_read_ahead_have_the_bits_of_those_that_are_not():
    one, other = network(), network()
    streamed(one, Loader(X, LABELS), metrics="accuracy", schedule="cosine")
    streamed(other, stream.ahead(Loader(X, LABELS)), metrics="accuracy", schedule="cosine")
    assert numbers(one) == numbers(other)
    assert readers() == []


def test_no_more_is_read_than_was_asked_for():
    given, most = [], []

    def batches():
        for number in range(10):
            given.append(number)
            yield number

    for number in stream.ahead(batches, 3):
        most.append(len(given) - number)
        assert len(given) <= number + 1 + 3
    assert max(most) <= 4
    assert readers() == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_what_breaks_ahead_is_raised_in_its_place(error):
    def failing():
        yield from list(Loader(X, LABELS))[:3]
        raise error("the disk is gone")

    net = network()
    with pytest.raises(error, match="the disk is gone") as caught:
        streamed(net, stream.ahead(failing))
    assert readers() == []
    assert caught.value
    with pytest.raises(Stop) as caught:
        streamed(net, stream.ahead(Loader(X, LABELS)), callbacks=StopsAt(2))
    assert readers() == []
    assert caught.value


def test_what_cannot_be_read_ahead():
    for given, error in ((3, TypeError), ([], ValueError)):
        with pytest.raises(error):
            streamed(network(), stream.ahead(given))
    with pytest.raises(ValueError, match="count"):
        stream.ahead([], 0)


# --- where it does not end well --------------------------------------------------------------------------------------
@each_engine
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_loader_that_fails_leaves_the_last_whole_epoch(engine, error):
    calls = []

    def failing():
        calls.append(None)
        yield from list(Loader(X, LABELS))[:3]
        if len(calls) == 3:
            raise error

    net, twin = network(engine=engine), network(engine=engine)
    with pytest.raises(error):
        streamed(net, failing, optimizer="adam")
    calls.clear()
    streamed(twin, failing, 2, optimizer="adam")
    assert numbers(net) == numbers(twin)


@each_engine
def test_divergence_is_seen_in_the_same_place_as_in_fit(engine):
    places = []
    for batches in (None, Loader(X * 100, X[:, 0])):
        net = NeuralNetwork([DenseLayer(4, 8, "relu"), DenseLayer(8, 1)], "mse", engine=engine, random_state=0)
        given = (X * 100, X[:, 0]) if batches is None else (batches,)
        with pytest.raises(TrainingDiverged) as caught:
            net.fit(*given, epochs=50, learning_rate=10.0, batch_size=16, verbose=0)
        places.append((caught.value.epoch, caught.value.batch, caught.value.layer, net.params.tobytes()))
    assert places[0] == places[1]


HOLE = np.where(np.arange(20).reshape(5, 4) == 13, np.nan, X[:5])


@pytest.mark.parametrize(
    ("late", "words"),
    [
        ((HOLE, LABELS[:5]), "batch 2 of epoch 1: X must be finite. Got nan. See row 3, column 1"),
        ((X[:5, :3], LABELS[:5]), r"batch 2 of epoch 1: X must be of shape \(n, 4\)"),
        ((X[:5], LABELS[:4]), "batch 2 of epoch 1: X and y must be of one length"),
        ((X[:5], LABELS[:5] + 9), "batch 2 of epoch 1: y must be"),
        ((X[:5],), r"batch 2 of epoch 1 must be \(X, y\) or \(X, y, sample_weight\)"),
        (X[:5], r"batch 2 of epoch 1 must be \(X, y\)"),
    ],
)
def test_a_bad_batch_is_named_and_the_epoch_undone(late, words):
    net = network()
    with pytest.raises((TypeError, ValueError), match=words):
        streamed(net, [(X, LABELS), late])
    assert net.params.tobytes() == network().params.tobytes()
    assert (net.state.step, net.state.epoch) == (0, 0)


# --- what is refused -------------------------------------------------------------------------------------------------
BATCHES = list(Loader(X, LABELS))


@pytest.mark.parametrize(
    ("batches", "settings", "error", "words"),
    [
        (iter(BATCHES), {}, TypeError, "batches must be there more than once, as each epoch takes a pass.*function"),
        (iter(BATCHES), {"epochs": 1, "metrics": "accuracy"}, TypeError, "a second pass"),
        (iter(BATCHES), {"epochs": 1, "callback": print}, TypeError, "a second pass"),
        (lambda: iter(BATCHES), {"schedule": "cosine"}, ValueError, r"schedule must be .* have no len\(\).*Cosine"),
        (lambda: iter(BATCHES), {"average": SWA()}, ValueError, r"average must be .* have no len\(\)"),
        (lambda: 5, {}, TypeError, "what the function of batches returns must be an iterator"),
        (lambda: iter(()), {}, ValueError, "the batches must be one at least"),
        ((), {}, ValueError, "X must be of shape"),
        ([(X, LABELS, WEIGHTS, 1)], {}, ValueError, "batch 1 of epoch 1 must be"),
        (list, {}, TypeError, "X must be"),
        ({"X": X}, {}, TypeError, "batch 1 of epoch 1 must be"),
        (BATCHES, {"sample_weight": WEIGHTS}, ValueError, "sample_weight must be left out.*A batch may be"),
        (BATCHES, {"validation_split": 0.1}, ValueError, "validation_split must be left out"),
        (BATCHES, {"sampling": "balanced"}, ValueError, "sampling must be left out"),
        (BATCHES, {"class_weight": "balanced"}, ValueError, "class_weight must be left out"),
        (BATCHES, {"class_weight": {7: 1}}, ValueError, "batch 1 of epoch 1: a class in class_weight"),
        (BATCHES, {"optimizer": "lbfgs"}, ValueError, "update by update"),
        (BATCHES, {"augment": Augment((3, 3))}, ValueError, "image_shape must be"),
        (BATCHES, {"schedule": lambda step: -1}, ValueError, "at least 0"),
    ],
)
def test_what_is_refused_changes_nothing(batches, settings, error, words):
    net = network()
    with pytest.raises(error, match=words):
        streamed(net, batches, **settings)
    assert net.params.tobytes() == network().params.tobytes()
    assert net.state.optimizer is None


def test_targets_beside_a_generator():
    with pytest.raises(TypeError, match="let it give pairs"):
        network().fit(iter(BATCHES), LABELS)


def test_a_function_that_gives_the_same_iterator_again():
    once, net = iter(BATCHES), network()
    with pytest.raises(ValueError, match=r"the batches of epoch 2 must be one at least.*a new iterator each time"):
        streamed(net, lambda: once)
    assert net.state.epoch == 1


def test_a_len_that_is_wrong():
    class Wrong(Loader):
        def __len__(self):
            return 7

    net = network().build()
    with pytest.raises(ValueError, match=r"as many as their len\(\) says, 7. Got 6"):
        streamed(net, Wrong(X, LABELS), schedule=Cosine())
    assert net.state.step == 0


@each_engine
def test_a_batch_whose_weights_are_all_0_is_what_it_is_within_rows_in_memory(engine):
    """Its own J is 0, and the optimizer goes on by its memory: the bits are those of the fit of all rows."""
    rng = np.random.default_rng(0)
    X, y, weights = rng.normal(size=(12, 3)), np.repeat([1, 0, 0, 1], 3), np.arange(12) % 4 + 1.0
    given = {"class_weight": {0: 0.0, 1: 2.0}, "optimizer": "adam", "epochs": 3, "learning_rate": 0.1, "verbose": 0}

    def net():
        layers = [DenseLayer(3, 4, "relu"), DenseLayer(4, 2, "softmax")]
        return NeuralNetwork(layers, "categorical_crossentropy", random_state=0, engine=engine)

    whole, loaded = net(), net()
    expected = whole.fit(X, y, batch_size=3, sample_weight=weights, shuffle=False, **given)
    parts = [(X[k : k + 3], y[k : k + 3], weights[k : k + 3]) for k in range(0, 12, 3)]
    found = loaded.fit(parts, **given)
    assert loaded.params.tobytes() == whole.params.tobytes()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    before = loaded.params.copy()
    with pytest.raises(ValueError, match="the weights of the batches must be above 0 for one sample of an epoch"):
        loaded.fit(parts[1:3], **given)
    np.testing.assert_array_equal(loaded.params, before)
