"""Many networks at once: each as if it were alone, whatever the threads; and what is said of them."""

import copy
import math
import threading

import numpy as np
import pytest

from neural import Checkpoint, DenseLayer, EarlyStopping, NeuralNetwork, many, stream
from neural.errors import TrainingDiverged
from neural.loggers import CSVLogger
from neural.many import combinations, cross_validate, folds_of, grid, halving, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
SETTINGS = {"epochs": 4, "learning_rate": 0.05, "batch_size": 8}


def make(random_state=0, width=5, **other):
    layers = [DenseLayer(3, width, "tanh"), DenseLayer(width, 1, "sigmoid")]
    return NeuralNetwork(layers, "binary_crossentropy", random_state=random_state, **other)


def alone(choice=None, **settings):
    net = make(**(choice or {}))
    net.fit(X, Y, **{**SETTINGS, **settings}, verbose=0)
    return net.params.tobytes()


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_each_is_bit_for_bit_as_if_it_were_alone(n_threads, engine):
    each = [{"learning_rate": 0.1}, {"optimizer": "adam"}, {"epochs": 2}, {}]
    runs = train([make(k, engine=engine) for k in range(4)], X, Y, each, n_threads=n_threads, **SETTINGS)
    assert [run.network.params.tobytes() for run in runs] == [
        alone({"random_state": k, "engine": engine}, **settings) for k, settings in enumerate(each)
    ]
    assert [len(run.history) for run in runs] == [4, 4, 2, 4]


def test_choices_go_to_the_network_or_to_fit():
    runs = grid(make, {"width": [2, 4], "learning_rate": [0.1, 0.2], "random_state": [0, 1]}, X, Y, **SETTINGS)
    assert len(runs) == 8
    run = runs[5]
    assert run.choice == {"width": 4, "learning_rate": 0.1, "random_state": 1}
    assert run.network.params.tobytes() == alone({"width": 4, "random_state": 1}, learning_rate=0.1)


def test_a_network_is_copied_and_stays_as_it_is():
    net = make()
    runs = grid(net, {"learning_rate": [0.1, 0.2]}, X, Y, **SETTINGS)
    assert net._params is None
    assert runs[1].network.params.tobytes() == alone(learning_rate=0.2)


def test_a_sample_of_the_grid_is_drawn_once_for_a_seed():
    choices = {"a": list(range(10)), "b": list(range(10))}
    drawn = combinations(choices, 7, random_state=3)
    assert len({tuple(one.values()) for one in drawn}) == 7
    assert drawn == combinations(choices, 7, random_state=3) != combinations(choices, 7, random_state=4)


def test_each_has_a_patience_of_its_own():
    stopping = EarlyStopping("val_loss", patience=1)
    rates = [1e-9, 0.3, 30.0]
    runs = grid(make, {"learning_rate": rates}, X, Y, epochs=30, validation_data=(X, Y), callbacks=stopping)
    assert len({id(run.callbacks[0]) for run in runs}) == 3
    assert stopping.best_epoch == 0
    for run, rate in zip(runs, rates, strict=True):
        lone = EarlyStopping("val_loss", patience=1)
        net = make()
        history = net.fit(X, Y, 30, rate, validation_data=(X, Y), callbacks=lone, verbose=0)
        assert run.network.params.tobytes() == net.params.tobytes()
        assert run.history["val_loss"] == history["val_loss"]
        assert run.value("val_loss") == lone.best


def test_divergence_is_noted_and_the_others_go_on():
    layers = [[DenseLayer(3, 4, "relu"), DenseLayer(4, 1)] for _ in range(3)]
    networks = [NeuralNetwork(one, "mse", random_state=0) for one in layers]
    runs = train(networks, X, Y, [{}, {"learning_rate": 1e30}, {}], epochs=3)
    assert [type(run.error) for run in runs] == [type(None), TrainingDiverged, type(None)]
    assert runs[0].network.params.tobytes() == runs[2].network.params.tobytes()
    assert math.isnan(runs[1].value("loss"))
    assert runs.best("loss") is runs[0]
    assert runs.table()[1]["error"].startswith("Training diverged") or "epoch" in runs.table()[1]["error"]
    assert str(runs).splitlines()[2].endswith("diverged in epoch 2")
    assert repr(runs[1]) == "Run(learning_rate=1e+30): diverged in epoch 2"
    assert repr(runs[0]).startswith("Run(): loss 0.")
    everything = train([copy.deepcopy(networks[0])], X, Y, epochs=3, learning_rate=1e30)
    with pytest.raises(ValueError, match="Every fit ended in an error"):
        everything.best("loss")


def test_folds_are_a_partition_with_shares():
    y = np.repeat(["a", "b"], [20, 40])
    folds = folds_of(y, 5, random_state=1)
    assert sorted(np.concatenate(folds).tolist()) == list(range(60))
    assert {(np.sum(y[fold] == "a"), np.sum(y[fold] == "b")) for fold in folds} == {(4, 8)}
    values = folds_of(np.linspace(0, 1, 60), 7)
    assert {len(fold) for fold in values} == {8, 9}


def test_cross_validation_scores_what_was_held_out():
    runs = cross_validate(make, X, Y, folds=3, metrics=["accuracy"], **SETTINGS)
    for run, fold in zip(runs, folds_of(Y, 3), strict=True):
        rest = np.setdiff1d(np.arange(len(X)), fold)
        net = make()
        net.fit(X[rest], Y[rest], **SETTINGS, verbose=0)
        assert run.network.params.tobytes() == net.params.tobytes()
        assert run.scores == net.evaluate(X[fold], Y[fold], ["accuracy"])
    values = [run.scores["accuracy"] for run in runs]
    assert runs.mean("accuracy") == (pytest.approx(np.mean(values)), pytest.approx(np.std(values, ddof=1)))


def test_cross_validation_takes_data_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abc"))
    found = cross_validate(make, frame, pandas.Series(Y), folds=3, **SETTINGS)
    same = cross_validate(make, X, Y, folds=3, **SETTINGS)
    assert [run.scores for run in found] == [run.scores for run in same]


def test_halving_gives_most_epochs_to_the_best_which_is_as_if_alone():
    rates = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 1e30]
    runs = halving(make, {"learning_rate": rates}, X, Y, epochs=18, by="loss", batch_size=8)
    assert [len(run.history) for run in runs] == [18, 6, 6, 2, 2, 2, 2, 2, 2]
    assert runs.best("loss") is runs[0]
    assert runs[0].network.params.tobytes() == alone(epochs=18, learning_rate=runs[0].choice["learning_rate"])


def test_the_table():
    runs = grid(make, {"learning_rate": [0.1, 0.2]}, X, Y, validation_data=(X, Y), metrics="accuracy", **SETTINGS)
    first, *rest = str(runs).splitlines()
    assert first.split()[:4] == ["learning_rate", "epochs", "loss", "data_loss"]
    assert len(rest) == 2
    assert {"val_accuracy", "val_loss", "seconds"} <= set(runs.table()[0])
    assert runs.best("val_accuracy").value("val_accuracy") == max(run.value("val_accuracy") for run in runs)


def test_ctrl_c_ends_all(monkeypatch):
    def interrupted(futures, return_when):
        started.wait()
        raise KeyboardInterrupt

    started = threading.Event()
    monkeypatch.setattr(many, "wait", interrupted)
    networks = [make(k) for k in range(3)]
    with pytest.raises(KeyboardInterrupt):
        train(networks, X, Y, epochs=10**6, callbacks=lambda *_: started.set(), n_threads=2)
    assert all(len(net.history_) < 10**6 for net in networks)
    assert not any(net._fitting for net in networks)


BAD = {
    "no network": (lambda: train([], X, Y), ValueError, "one or more"),
    "one twice": (lambda: train([make()] * 2, X, Y), ValueError, "twice"),
    "not a network": (lambda: train([3], X, Y), TypeError, "networks must be NeuralNetwork"),
    "each too short": (lambda: train([make(), make()], X, Y, [{}]), ValueError, "each must be as many"),
    "unknown name": (lambda: train([make()], X, Y, lr=1), TypeError, "'lr'"),
    "unknown name for one": (lambda: train([make()], X, Y, [{"lr": 1}]), TypeError, "'lr'"),
    "a file for many": (lambda: train([make()], X, Y, checkpoint="run"), TypeError, "'checkpoint'"),
    "one file for two": (
        lambda: train([make(), make()], X, Y, [{"checkpoint": "run"}] * 2),
        ValueError,
        "checkpoint must be a file of its own",
    ),
    "bad rate": (lambda: train([make(), make()], X, Y, [{}, {"learning_rate": -1}]), ValueError, "network 1: learning"),
    "bad rows": (lambda: train([make()], X[:, :2], Y), ValueError, "network 0: X"),
    "no threads": (lambda: train([make()], X, Y, n_threads=0), ValueError, "n_threads"),
    "choices empty": (lambda: grid(make, {}, X, Y), TypeError, "choices"),
    "choices not lists": (lambda: grid(make, {"width": 3}, X, Y), TypeError, "'width'"),
    "choices text": (lambda: grid(make, {"optimizer": "adam"}, X, Y), TypeError, "'optimizer'"),
    "choice for a network": (lambda: grid(make(), {"width": [1]}, X, Y), TypeError, "'width'"),
    "make gives none": (lambda: grid(lambda random_state: 3, {"epochs": [1]}, X, Y), TypeError, "make must be"),
    "make takes no seed": (lambda: grid(lambda width: make(0, width), {"width": [1]}, X, Y), TypeError,
                           r"make must be a function that takes random_state, width by name. Got '<lambda>\(width\)'. "
                           "Let it take random_state, and hand it on"),
    "no seed, in folds": (lambda: cross_validate(lambda: make(), X, Y), TypeError, "Let it take random_state"),
    "no seed, in halving": (lambda: halving(lambda: make(), {"epochs": [1]}, X, Y, epochs=1), TypeError,
                            "Let it take random_state"),
    "make takes no such name": (lambda: grid(lambda width, random_state: make(), {"widht": [1]}, X, Y), TypeError,
                                "make must be .* takes random_state, widht by name.* Did you mean 'width'"),
    "fit takes no such name": (lambda: grid(lambda random_state: make(), {"learning_rat": [1]}, X, Y), TypeError,
                               "Did you mean 'learning_rate'"),
    "make takes more": (lambda: grid(lambda width, random_state: make(), {"epochs": [1]}, X, Y), TypeError,
                        "Give width among the choices, or by default"),
    "make is nothing to call": (lambda: grid(3, {"width": [1]}, X, Y), TypeError, "make must be a NeuralNetwork, or"),
    "odd names": (lambda: grid(make, {3: [1]}, X, Y), TypeError, "the names of choices must be text. Got 3"),
    "make gives one network": ((lambda net: lambda: grid(lambda random_state: net, {"epochs": [1, 2]}, X, Y))(make()),
                               ValueError, "make must be .* a new NeuralNetwork each time.* came twice"),
    "networks a number": (lambda: train(3, X, Y), TypeError, "networks must be a list"),
    "networks one": (lambda: train(make(), X, Y), TypeError, "networks must be a list"),
    "each of numbers": (lambda: train([make()], X, Y, [1]), TypeError, "each must be a list of dict.* Got 1"),
    "each a dictionary": (lambda: train([make()], X, Y, {"epochs": 1}), ValueError, "each must be as many .* a list"),
    "each a text": (lambda: train([make()], X, Y, "a"), TypeError, "each must be a list of dictionaries"),
    "a checkpoint of NUL": (lambda: train([make()], X, Y, [{"checkpoint": "a\0"}]), ValueError, "must be free of NUL"),
    "watched twice": (lambda: train([make()], X, Y, [{"validation_rows": [1]}], validation_split=0.5), ValueError,
                      "validation_rows must be the only"),
    "a seed of text": (lambda: grid(make, {"epochs": [1]}, X, Y, random_state="a"), TypeError, "random_state"),
    "half a seed": (lambda: cross_validate(make, X, Y, random_state=1.5), TypeError, "random_state"),
    "a seed below 0": (lambda: grid(make, {"epochs": [1]}, X, Y, random_state=-1), ValueError, "random_state"),
    "no targets": (lambda: cross_validate(make, X, None), TypeError, "y must be targets, one for each row. Got None"),
    "sample too large": (lambda: grid(make, {"width": [1, 2]}, X, Y, sample=3), ValueError, "sample"),
    "one fold": (lambda: cross_validate(make, X, Y, folds=1), ValueError, "folds"),
    "too many folds": (lambda: cross_validate(make, X, Y, folds=61), ValueError, "folds"),
    "lengths": (lambda: cross_validate(make, X, Y[:50]), ValueError, "60"),
    "schedule in halving": (lambda: halving(make, {"width": [1]}, X, Y, epochs=3, schedule="cosine"), ValueError,
                            "no schedule"),
    "by nothing known": (lambda: halving(make, {"width": [1]}, X, Y, epochs=3, by="luck"), ValueError, "'luck'"),
    "by what is not there": (lambda: grid(make, {"width": [1]}, X, Y, epochs=1).best(), ValueError,
                             "recorded, one of 'data_loss', .*Got 'val_loss'"),
    "by what is nearly there": (lambda: grid(make, {"width": [1]}, X, Y, epochs=1).best("los"), ValueError,
                                "Did you mean 'loss'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_refuses(case):
    call, kind, words = BAD[case]
    with pytest.raises(kind, match=words):
        call()


def test_rounds_of_halving_that_end_alike_are_one():
    runs = halving(make, {"learning_rate": [0.01 * k for k in range(1, 13)]}, X, Y, epochs=4, by="loss", batch_size=8)
    assert [len(run.history) for run in runs] == [4] + [1] * 11


def test_callbacks_that_write_files_are_refused(tmp_path):
    for callback in (Checkpoint("loss", tmp_path / "best.npz"), CSVLogger(tmp_path / "log.csv")):
        with pytest.raises(ValueError, match="callbacks must be without files"):
            train([make(0), make(1)], X, Y, callbacks=[callback], **SETTINGS)
    train([make(0)], X, Y, callbacks=[Checkpoint("loss", tmp_path / "best.npz")], **SETTINGS)
    assert (tmp_path / "best.npz").exists()


def test_each_network_may_have_rows_of_its_own():
    parts = np.arange(0, len(X), 2), np.arange(1, len(X), 2)
    each = [{"rows": parts[0], "validation_rows": parts[1]}, {"rows": parts[1], "validation_rows": parts[0]}]
    runs = train([make(), make()], X, Y, each, epochs=3)
    alone = make()
    history = alone.fit(X[parts[1]], Y[parts[1]], epochs=3, validation_data=(X[parts[0]], Y[parts[0]]), verbose=0)
    np.testing.assert_array_equal(runs[1].network.params, alone.params)
    assert runs[1].history["val_loss"] == history["val_loss"]


def test_weights_of_rows_go_with_them():
    parts, weights = (np.arange(0, len(X), 2), np.arange(1, len(X), 2)), np.arange(len(X)) % 3
    each = [{"rows": parts[0], "validation_rows": parts[1]}]
    runs = train([make()], X, Y, each, epochs=3, sample_weight=weights.tolist())
    alone, (mine, others) = make(), [(X[part], Y[part], weights[part]) for part in parts]
    history = alone.fit(*mine[:2], epochs=3, sample_weight=mine[2], validation_data=others, verbose=0)
    np.testing.assert_array_equal(runs[0].network.params, alone.params)
    assert runs[0].history["val_loss"] == history["val_loss"]
    with pytest.raises(ValueError, match=r"network 0: sample_weight must be of shape \(60,\)"):
        train([make()], X, Y, each, epochs=1, sample_weight=weights[parts[0]])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sample_weight": -np.ones(60)}, "network 1: sample_weight must be at least 0"),
        ({"sample_weight": np.ones(3)}, r"network 1: sample_weight must be of shape \(60,\)"),
        ({"sample_weight": np.arange(60) > 1, "rows": [0, 1]}, "network 1: sample_weight must be above 0"),
        ({"sample_weight": np.arange(60) > 1, "validation_rows": [0, 1]}, "network 1: sample_weight must be above 0"),
    ],
)
def test_bad_weights_of_one_network_are_refused_before_any_is_trained(given, words):
    networks = [make(), make()]
    with pytest.raises(ValueError, match=words):
        train(networks, X, Y, [{}, given], epochs=1, n_threads=1)
    assert not networks[0].history_


def test_rows_of_a_stream_are_not_chosen_by_number():
    rows = stream.arrays(X, Y)
    for given in ({"rows": [0]}, {"validation_rows": [0]}):
        for y in (None, Y):
            with pytest.raises(TypeError, match="X and y must be arrays, where rows are chosen by number"):
                train([make()], rows, y, [given], sample_weight=np.ones(60))
    with pytest.raises(ValueError, match="network 0: sample_weight must be left out where rows are streamed"):
        train([make()], rows, None, sample_weight=np.ones(60))


def test_folds_are_scored_with_their_weights():
    weights = np.arange(len(X)) % 3
    run = cross_validate(make(), X, Y, folds=2, epochs=2, sample_weight=weights)[0]
    mine = folds_of(Y, 2)[0]
    assert run.scores == run.network.evaluate(X[mine], Y[mine], sample_weight=weights[mine])


@pytest.mark.parametrize("rows", [[], [0.5], [[0]], [-1], [10**6]])
def test_rows_that_are_not_there(rows):
    for name in ("rows", "validation_rows"):
        with pytest.raises(ValueError, match=f"^{name} must be row numbers"):
            train([make()], X, Y, [{name: rows}], epochs=1)
