"""Fits that are saved, killed and go on: they end in the bits of one that was not."""

import contextlib
import os

import numpy as np
import pytest

import neural
from neural import (
    Callback,
    DenseLayer,
    EarlyStopping,
    ModelFileError,
    NeuralNetwork,
    Warmup,
    model_file,
)
from neural.loggers import CSVLogger, JSONLogger
from neural.optimizers import OPTIMIZERS
from tests.model_files import changed
from tests.small_fit import fit, network, watched
from tests.small_network import LABELS, X

STEPWISE = [name for name in OPTIMIZERS if not OPTIMIZERS[name].whole]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


class Stop(Exception):
    """Somebody pulls the plug."""


class StopsAt(Callback):
    """Ends the process, as far as the fit can tell, after so many updates."""

    def __init__(self, update=None):
        self.update = update

    def on_train_begin(self, training):
        self.made = 0

    def on_batch_end(self, training):
        self.made += 1
        if self.made == self.update:
            raise Stop


class Interrupts(StopsAt):
    """Ctrl-C after so many updates."""

    def on_batch_end(self, training):
        try:
            super().on_batch_end(training)
        except Stop:
            raise KeyboardInterrupt from None


def run_in_pieces(path, stops, make, **settings):
    """Return the network and history of a fit that is stopped again and again, each time in another 'process'."""
    for stop in stops:
        with pytest.raises(Stop):
            fit(make(), *settings.get("with_", list)(), StopsAt(stop), checkpoint=path, resume=True, **pick(settings))
    net = make()
    history = fit(net, *settings.get("with_", list)(), StopsAt(), checkpoint=path, resume=True, **pick(settings))
    return net, history


def pick(settings):
    return {name: value for name, value in settings.items() if name != "with_"}


def without_seconds(history):
    return {name: values for name, values in history.history.items() if name != "seconds"}


@pytest.mark.parametrize(
    ("optimizer", "every"), [*((name, 0.3) for name in STEPWISE), *(("adam", every) for every in (1, 2, 0.5, 0.1))]
)
def test_every_optimizer_goes_on_to_the_same_bits(optimizer, every, tmp_path):
    straight, settings = network(), {"optimizer": optimizer, "every": every}
    history = fit(straight, StopsAt(), optimizer=optimizer)
    net, again = run_in_pieces(tmp_path / "run", [8, 3, 15], network, **settings)
    assert net.params.tobytes() == straight.params.tobytes()
    assert without_seconds(again) == without_seconds(history)
    assert list(again) == list(history)
    for name, vector in straight.state.memory.items():
        assert net.state.memory[name].tobytes() == vector.tobytes()
    for name in ("epoch", "step", "updates", "seed"):
        assert getattr(net.state, name) == getattr(straight.state, name)
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize("engine", ["numpy", "core"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_on_both_engines_and_dtypes(engine, dtype, tmp_path):
    if engine == "core":
        pytest.importorskip("neural._core")

    def make():
        return network(engine=engine, dtype=dtype)

    straight = make()
    fit(straight)
    net, _ = run_in_pieces(tmp_path / "run", [9], make, every=0.3)
    assert net.params.tobytes() == straight.params.tobytes()


def test_short_epochs_that_are_run_together_are_saved_between(tmp_path):
    straight = network()
    fit(straight, epochs=40)
    net = network()
    fit(net, epochs=40, checkpoint=tmp_path / "run", every=7)
    assert net.params.tobytes() == straight.params.tobytes()


def test_a_seed_that_nobody_knows_is_kept(tmp_path):
    """The rows held out are drawn from it too."""
    first = network(seed=None)
    with pytest.raises(Stop):
        fit(first, StopsAt(9), validation_split=0.3, checkpoint=tmp_path / "run", every=0.5)
    seed = first.seed
    ends = []
    for _ in range(2):
        net = network(seed=None)
        (tmp_path / "copy").write_bytes((tmp_path / "run").read_bytes())
        fit(net, StopsAt(), validation_split=0.3, checkpoint=tmp_path / "copy", every=0.5, resume=True)
        ends.append(net.params.tobytes())
        assert net.seed == net.state.seed == seed
    assert ends[0] == ends[1]


@pytest.mark.parametrize("stops", [[2], [13], [30, 4], [5, 5, 5]], ids=str)
def test_callbacks_remember(stops, tmp_path):
    settings = {"validation_split": 0.3, "metrics": "accuracy", "epochs": 25, "optimizer": "sgd", "learning_rate": 0.2}
    straight, ours, theirs = network(), watched(), []

    def with_():
        theirs[:] = watched()
        return theirs

    history = fit(straight, *ours, StopsAt(), **settings)
    net, again = run_in_pieces(tmp_path / "run", stops, network, with_=with_, **settings)
    assert net.params.tobytes() == straight.params.tobytes()
    assert without_seconds(again) == without_seconds(history)
    assert again.stopped == history.stopped
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.state().keys() == other.state().keys()
        for name, value in mine.state().items():
            np.testing.assert_array_equal(other.state()[name], value)


MORE = {
    "ema": {"average": neural.EMA(0.9)},
    "swa": {"average": neural.SWA(0.4)},
    "swa by update": {"average": neural.SWA(0.2, "update")},
    "balanced": {"sampling": "balanced"},
    "augmented": {"augment": neural.Augment((2, 2), flip=True, shift=1)},
    "clipped": {"optimizer": neural.Adam(clip_norm=0.1)},
    "weighted": {"class_weight": "balanced", "sample_weight": np.arange(90) % 3 + 1.0},
}


@pytest.mark.parametrize("every", [1, 0.4])
@pytest.mark.parametrize("name", MORE)
def test_whatever_else_a_fit_is_asked_for(name, every, tmp_path):
    settings = {"validation_split": 0.3, **MORE[name]}
    straight = network()
    history = fit(straight, EarlyStopping("val_loss", patience=2), StopsAt(), **settings)
    net, again = run_in_pieces(
        tmp_path / "run",
        [7, 6],
        network,
        with_=lambda: [EarlyStopping("val_loss", patience=2)],
        every=every,
        **settings,
    )
    assert without_seconds(again) == without_seconds(history)
    assert net.params.tobytes() == straight.params.tobytes()
    loaded = neural.load(tmp_path / "run")
    assert loaded.params.tobytes() == straight.params.tobytes()
    for each in (straight, net, loaded):
        fit(each, epochs=2, **settings)
        assert each.params.tobytes() == straight.params.tobytes()


def test_another_average_or_augmentation_is_refused(tmp_path):
    settings = {"average": neural.EMA(0.9), "augment": neural.Augment((2, 2), flip=True)}
    with pytest.raises(Stop):
        fit(network(), StopsAt(7), checkpoint=tmp_path / "run", **settings)
    for name, other in {
        "average": neural.EMA(0.8),
        "augment": neural.Augment((2, 2), shift=1),
        "sampler": None,
    }.items():
        changed = {**settings, name: other} if name != "sampler" else {**settings, "sampling": "balanced"}
        with pytest.raises(ValueError, match=f"^{name}.* must be as in the fit that goes on"):
            fit(network(), StopsAt(), checkpoint=tmp_path / "run", resume=True, **changed)


def test_a_users_own_callback_remembers_what_it_says(tmp_path):
    class Counts(Callback):
        def __init__(self):
            self.epochs, self.seen = 0, np.zeros(3)

        def on_epoch_end(self, training):
            self.epochs += 1
            self.seen[self.epochs % 3] += 1

        def state(self):
            return {"epochs": self.epochs, "seen": self.seen}

    counts = []

    def with_():
        counts[:] = [Counts()]
        return counts

    run_in_pieces(tmp_path / "run", [8, 9], network, with_=with_)
    assert counts[0].epochs == 6
    assert counts[0].seen.tolist() == [2, 2, 2]


class Keeps(Callback):
    """Remembers what it is given, and what it was given back."""

    def __init__(self, kept):
        self.kept, self.back = kept, None

    def state(self):
        return self.kept

    def restore_state(self, state):
        self.back = state


ODD_STATES = [
    {"kind": "mine", "more": np.arange(3.0)}, {"kind": "activation", "name": "relu", "settings": {}},
    {"vector": 3}, {"vector": "training.state.memory.mean"}, {"tensor": "x", "shape": [2]}, {"float": "inf"},
    {"names": [["a", 1]]}, {"inner": {"names": 1}, "one": {"kind": {"vector": [1, 2]}}},
    {"best_params": np.arange(3.0), "none": np.zeros((0, 2))}, {"a.b": 1, "a": {"b": 2}}, {"low": -np.inf, "": 0},
]  # fmt: skip


@pytest.mark.parametrize("state", ODD_STATES, ids=str)
def test_a_state_comes_back_whatever_its_names_are(state, tmp_path):
    net, after = NeuralNetwork([DenseLayer(4, 1)], "mse", random_state=0), Keeps({})
    net.fit(X, LABELS, 2, callbacks=Keeps(state), checkpoint=tmp_path / "run", verbose=0)
    other = NeuralNetwork([DenseLayer(4, 1)], "mse", random_state=0)
    other.fit(X, LABELS, 2, callbacks=after, checkpoint=tmp_path / "run", resume=True, verbose=0)
    np.testing.assert_equal(after.back, state)


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ({1: 2}, TypeError, "a name in training.fit.callbacks.0Keeps must be text"),
        ({"a": np.array(["x"])}, TypeError, "0Keeps.a must be an array of numbers"),
        ({"a": np.array([1j])}, TypeError, "an array of numbers"),
        ({"a.b": np.ones(1), "a": {"b": np.ones(2)}}, ValueError, "the names in a state must be different"),
        ({"a": [{"kind": 1}]}, TypeError, "numbers, text, lists"),
    ],
)
def test_a_state_that_cannot_be_kept_is_refused(state, error, words, tmp_path):
    net = NeuralNetwork([DenseLayer(4, 1)], "mse", random_state=0)
    with pytest.raises(error, match=words):
        net.fit(X, LABELS, 2, callbacks=Keeps(state), checkpoint=tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", [CSVLogger, JSONLogger])
def test_logs_hold_every_epoch_once(kind, tmp_path):
    run_in_pieces(tmp_path / "run", [9, 8, 7], network, with_=lambda: [kind(tmp_path / "log")], every=2)
    lines = (tmp_path / "log").read_text().splitlines()[kind is CSVLogger :]
    assert [line.split(",")[0].strip('{"epoch: ') for line in lines] == [str(n) for n in range(1, 7)]


def test_a_fit_that_is_over_is_not_run_again(tmp_path):
    net, again = network(), network()
    history = fit(net, *watched()[:1], metrics="accuracy", validation_split=0.2, checkpoint=tmp_path / "run")
    found = fit(
        again, *watched()[:1], metrics="accuracy", validation_split=0.2, checkpoint=tmp_path / "run", resume=True
    )
    assert again.params.tobytes() == net.params.tobytes()
    assert found.history == history.history  # its seconds too


def test_load_reads_a_checkpoint_and_fit_goes_on_with_its_memory(tmp_path):
    net = network()
    fit(net, checkpoint=tmp_path / "run")
    again = neural.load(tmp_path / "run")
    assert again.state.optimizer == net.state.optimizer
    for each in (net, again):
        fit(each, epochs=2)
    assert again.params.tobytes() == net.params.tobytes()


def test_a_second_fit_has_its_own_checkpoint(tmp_path):
    def make():
        net = network()
        fit(net, epochs=2)
        return net

    straight = make()
    fit(straight)
    net, _ = run_in_pieces(tmp_path / "run", [8], make)
    assert net.params.tobytes() == straight.params.tobytes()
    assert net.state.epoch == 8


def test_a_time_limit_ends_a_call_and_not_the_fit(tmp_path, monkeypatch):
    straight = network()
    fit(straight)
    net = network()
    history = fit(net, StopsAt(), time_limit=1e-9, checkpoint=tmp_path / "run")
    assert len(history) == 1
    assert "time limit" in history.stopped
    again = network()
    history = fit(again, StopsAt(), checkpoint=tmp_path / "run", resume=True)
    assert len(history) == 6
    assert again.params.tobytes() == straight.params.tobytes()


@pytest.mark.parametrize("average", [None, "ema"])
def test_a_time_limit_does_not_bring_back_the_best_weights_for_what_goes_on(tmp_path, average):
    class Waits(Callback):
        numbers_only = True

        def on_epoch_end(self, training):
            if training.epoch == 4:
                training.interrupt("enough for today")

    settings = {"learning_rate": 0.5, "average": average}  # so large that the best epoch is not the last
    straight, net, again = network(), network(), network()
    best = fit(straight, EarlyStopping("loss", patience=6), StopsAt(), **settings)
    history = fit(net, EarlyStopping("loss", patience=6), Waits(), checkpoint=tmp_path / "run", **settings)
    assert (len(history), history.stopped) == (4, "enough for today")
    settings["callbacks"] = [EarlyStopping("loss", patience=6), Waits()]
    history = fit(again, checkpoint=tmp_path / "run", resume=True, **settings)
    assert history["loss"] == best["loss"]
    assert np.argmin(best["loss"][:4]) < 3
    assert again.params.tobytes() == straight.params.tobytes()


def test_without_resume_it_begins_anew(tmp_path):
    with pytest.raises(Stop):
        fit(network(), StopsAt(9), checkpoint=tmp_path / "run")
    net = network()
    assert len(fit(net, StopsAt(), checkpoint=tmp_path / "run")) == 6
    assert model_file.read(tmp_path / "run").network["epoch"] == 6


# --- refusals ------------------------------------------------------------------------------------------------------
@pytest.fixture
def half(tmp_path):
    with pytest.raises(Stop):
        fit(network(), StopsAt(9), checkpoint=tmp_path / "run")
    return tmp_path / "run"


OTHERWISE = {
    "epochs": {"epochs": 7},
    "learning_rate": {"learning_rate": 0.04},
    "batch_size": {"batch_size": 8},
    "optimizer": {"optimizer": neural.Adam(0.8)},
    "schedule": {"schedule": "cosine"},
    "metrics": {"metrics": "accuracy"},
    "callbacks": {"callbacks": [EarlyStopping("loss"), StopsAt()]},
    "the training data": {"sample_weight": np.ones(90)},
    "the validation data": {"validation_data": (X, LABELS)},
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_another_fit_is_refused(name, half):
    net, before = network().build(), half.read_bytes()
    was = net.params.tobytes()
    with pytest.raises(ValueError, match=f"^{name}.* must be as in the fit that goes on"):
        fit(net, StopsAt(), checkpoint=half, resume=True, **OTHERWISE[name])
    assert net.params.tobytes() == was
    assert half.read_bytes() == before


def test_another_network_or_other_rows_are_refused(half):
    net = NeuralNetwork([DenseLayer(4, 3, "softmax")], "categorical_crossentropy")
    with pytest.raises(ValueError, match=r"^layers must be as in the fit that goes on, \['DenseLayer', .*Got \['Dense"):
        fit(net, StopsAt(), checkpoint=half, resume=True)
    net = network().build()
    net.layers[0].l2 = 0.25
    with pytest.raises(
        ValueError, match=r"^layers\[0\].l2 must be as in the fit that goes on, 0.0. Got 0.25. To begin"
    ):
        fit(net, StopsAt(), checkpoint=half, resume=True)
    with pytest.raises(ValueError, match=r"^random_state must be as in the fit that goes on. Got one of another seed"):
        fit(network(seed=1), StopsAt(), checkpoint=half, resume=True)
    with pytest.raises(ValueError, match="the training data must be as in the fit"):
        network().fit(X + 1, LABELS, 6, 0.05, 16, optimizer="adam", schedule=Warmup(3, then="cosine"), verbose=0,
                      callbacks=[StopsAt()], checkpoint=half, resume=True)  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"every": 0}, ValueError, "every"), ({"every": 1.5}, TypeError, "every"),
        ({"every": -0.5}, ValueError, "every"),
        ({"every": "1"}, TypeError, "every"), ({"every": True}, TypeError, "every"),
        ({"every": float("nan")}, ValueError, "every"), ({"resume": 1}, TypeError, "resume"),
        ({"checkpoint": "not there/run"}, ValueError, "folder"), ({"checkpoint": 3}, TypeError, "path"),
    ],
)  # fmt: skip
def test_bad_arguments(settings, error, words, tmp_path):
    net = network()
    with pytest.raises(error, match=words):
        fit(net, **{"checkpoint": tmp_path / "run", **settings})
    assert list(tmp_path.iterdir()) == []
    assert len(net.history_) == 0


def test_other_arrays_of_the_user_are_refused(tmp_path):
    for start, complaint in (
        (1, None),
        (1, None),
        (2, "The arrays that the layers were made with must be as in the fit"),
    ):
        net = NeuralNetwork([DenseLayer(4, 1, init=np.full((1, 4), start))], "mse", random_state=0)
        refused = pytest.raises(ValueError, match=complaint) if complaint else contextlib.nullcontext()
        with refused:
            net.fit(X, X[:, 0], 2, checkpoint=tmp_path / "run", resume=True, verbose=0)


def test_there_is_nothing_to_go_on_from_without_a_file():
    with pytest.raises(ValueError, match="resume must be False without a checkpoint"):
        fit(network(), resume=True)


def test_l_bfgs_is_refused(tmp_path):
    pytest.importorskip("scipy")
    net = NeuralNetwork([DenseLayer(4, 3, "softmax")], "categorical_crossentropy", random_state=0)
    with pytest.raises(ValueError, match="checkpoint must be None"):
        fit(net, optimizer="lbfgs", checkpoint=tmp_path / "run")


def test_a_model_is_no_checkpoint(tmp_path):
    net = network()
    net.save(tmp_path / "run") if net.build() else None
    with pytest.raises(ValueError, match="the file of a fit"):
        fit(net, checkpoint=tmp_path / "run", resume=True)


def test_a_damaged_checkpoint_is_refused_and_stays(half):
    content = bytearray(half.read_bytes())
    content[-1] ^= 1
    half.write_bytes(content)
    with pytest.raises(ModelFileError, match="checksum"):
        fit(network(), StopsAt(), checkpoint=half, resume=True)
    assert half.read_bytes() == content


@pytest.mark.parametrize("where", ["state", "fit"])
@pytest.mark.parametrize(
    "value", [None, 3, "text", [], {}, {"vector": "x"}, {"vector": 3}, {"tensor": "y", "shape": [1]}]
)
def test_a_tampered_checkpoint_is_refused(where, value, half):
    content = half.read_bytes()
    half.write_bytes(changed(content, lambda h: h["__metadata__"]["training"].update({where: value})))
    net = network().build()
    before = net.params.tobytes()
    with pytest.raises(ModelFileError):
        fit(net, StopsAt(), checkpoint=half, resume=True)
    assert net.params.tobytes() == before


def test_other_settings_of_a_callback_are_refused(tmp_path):
    X, y, path = np.eye(4), np.arange(4.0), tmp_path / "run"
    for patience, complaint in ((3, None), (9, "patience=3")):
        net = NeuralNetwork([DenseLayer(4, 1)], "mse", random_state=0)
        stopping = EarlyStopping("loss", patience)
        if complaint is None:
            net.fit(X, y, 2, checkpoint=path, callbacks=stopping, verbose=0)
        else:
            with pytest.raises(ValueError, match=complaint):
                net.fit(X, y, 2, checkpoint=path, resume=True, callbacks=stopping, verbose=0)


def test_ctrl_c_says_how_to_go_on(tmp_path):
    path = str(tmp_path / "fit.run")
    with pytest.raises(KeyboardInterrupt) as found:
        fit(network(), Interrupts(3), checkpoint=path)
    said = f"The fit is saved in {path!r}: the same call with resume=True goes on from there."
    assert found.value.__notes__ == [said]
    with pytest.raises(KeyboardInterrupt) as found:
        fit(network(), Interrupts(3))
    assert not hasattr(found.value, "__notes__")
    with pytest.raises(Stop) as stopped:
        fit(network(), StopsAt(3), checkpoint=path)
    assert not hasattr(stopped.value, "__notes__")
