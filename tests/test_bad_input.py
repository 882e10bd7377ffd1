"""Bad input: each row of the tables is refused with the right exception, in words that name the argument and the value.

A refused call changes nothing: the network is compared before and after, and a good fit after it gives the bits that it
gives without the bad call, on a network that was never fitted and on one that was.
"""

import contextlib
import copy
import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from neural import (
    ActivationLayer,
    Adam,
    AdamW,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    DenseLayer,
    DropoutLayer,
    EarlyStopping,
    Layer,
    Loss,
    NeuralNetwork,
    activations,
    datasets,
    losses,
    metrics,
)
from neural.callbacks import Callback
from neural.errors import ModelFileError, TrainingDiverged
from neural.optimizers import SGD
from neural.schedules import Cosine, OneCycle, Schedule, Step

rng = np.random.default_rng(12)
X = rng.integers(-8, 9, (12, 4)).astype(np.float32)  # whole, so that every type of number holds them exactly
LABELS = np.arange(12) % 3
TEXT = np.array(["cow", "dog", "eel"])[LABELS]
BITS = LABELS % 2
VALUES = X[:, 0] / 4
ONE_HOT = np.eye(3)[LABELS]
WEIGHTS = np.arange(12) % 4
NAN, INF = float("nan"), float("inf")


def network(n_out, activation, loss, n_in=None):
    layers = [DenseLayer(n_in, 5, "relu"), DropoutLayer(0.2), DenseLayer(None, n_out), ActivationLayer(activation)]
    return NeuralNetwork(layers, loss, random_state=3)


KINDS = {  # a network that does not know its widths yet, and good targets for it
    "softmax": (lambda: network(3, "softmax", "categorical_crossentropy"), LABELS),
    "text": (lambda: network(3, "softmax", "categorical_crossentropy"), TEXT),
    "four": (lambda: network(3, "softmax", "categorical_crossentropy", n_in=4), LABELS),
    "sigmoid": (lambda: network(1, "sigmoid", "binary_crossentropy"), BITS),
    "linear": (lambda: network(1, "linear", "mse"), VALUES),
}


def fit(net, kind, **other):
    given = {"X": X, "y": KINDS[kind][1], "epochs": 2, "batch_size": 5, "verbose": 0, "optimizer": "adam", **other}
    return net.fit(given.pop("X"), given.pop("y"), **given)


@functools.cache
def trained(kind, times):
    net = KINDS[kind][0]()
    for _ in range(times):
        fit(net, kind)
    return net.params.tobytes()


def snapshot(net):
    """Return all that a network is, for comparison."""
    state, history = net.state, net.history_
    return (
        [(id(layer), plain(getattr(layer, "__dict__", layer))) for layer in net.layers],
        plain({**vars(state), "memory": plain(state.memory)}),
        (id(history), list(history), copy.deepcopy(history.history)),
        plain({name: getattr(net, name) for name in ("classes_", "loss_", "engine_", "_params", "_built", "seed")}),
    )


def plain(named):
    if not isinstance(named, dict):
        return named
    return {name: (a.dtype, a.tobytes()) if isinstance(a, np.ndarray) else a for name, a in named.items()}


def refuses(call, exception, words):
    """Assert that the call raises this very exception, with all the words in its message."""
    with pytest.raises(exception) as caught:
        call()
    assert caught.type is exception, caught.value
    assert [word for word in words if str(word) not in str(caught.value)] == [], caught.value


def refuses_and_keeps(kind, bad, exception, words):
    make, _ = KINDS[kind]
    for times in (0, 1):
        net = make()
        for _ in range(times):
            fit(net, kind)
        before = snapshot(net)
        refuses(lambda net=net: bad(net), exception, words)
        assert snapshot(net) == before
        fit(net, kind)
        assert net.params.tobytes() == trained(kind, times + 1)


def put(a, place, value):
    a = np.array(a, dtype=np.float64)
    a[place] = value
    return a


def objects(*rows):
    a = np.empty(len(rows), dtype=object)
    a[:] = rows
    return a


# --- X, y and sample_weight: the same rows at every door -------------------------------------------------------------
masked = np.ma.masked_array(X, mask=np.arange(48).reshape(12, 4) == 9)
dated = np.array(["2020-01-01"] * 48, "datetime64[D]").reshape(12, 4)
missing = pd.DataFrame({"a": pd.array([1, None] * 6, "Int64"), "b": range(12)})

DATA = [
    # X
    ("X nan", "softmax", {"X": put(X, (2, 1), NAN)}, ValueError, ["X", "finite", "nan", "row 2, column 1"]),
    ("X inf", "softmax", {"X": put(X, (11, 3), INF)}, ValueError, ["X", "finite", "inf", "row 11, column 3"]),
    ("X -inf", "softmax", {"X": put(X, 0, -INF)}, ValueError, ["X", "finite", "-inf"]),
    ("X nan float32", "softmax", {"X": put(X, 3, NAN).astype("f4")}, ValueError, ["X", "nan", "row 3"]),
    ("X nan float16", "softmax", {"X": put(X, 3, NAN).astype("f2")}, ValueError, ["X", "nan", "row 3"]),
    ("X beyond float32", "softmax", {"X": put(X, (4, 0), 1e300)}, ValueError, ["X", "float32", "1e+300", "row 4"]),
    ("X below float32", "softmax", {"X": put(X, (4, 0), -1e39)}, ValueError, ["X", "float32", "-1e+39", "row 4"]),
    ("X whole beyond float32", "softmax", {"X": [[10**60] * 4] * 12}, ValueError, ["X", "float32", "1e+60"]),
    ("X whole beyond float64", "softmax", {"X": [[10**400] * 4] * 12}, ValueError, ["X", "1000"]),
    ("X []", "softmax", {"X": []}, ValueError, ["X", "(0,)"]),
    ("X no rows", "softmax", {"X": X[:0]}, ValueError, ["X", "(0, 4)"]),
    ("X no columns", "softmax", {"X": X[:, :0]}, ValueError, ["X", "(12, 0)"]),
    ("X number", "softmax", {"X": 5.0}, ValueError, ["X", "shape ()"]),
    ("X None", "softmax", {"X": None}, TypeError, ["X", "None"]),
    ("X one-dimensional", "softmax", {"X": X[0]}, ValueError, ["X", "(4,)", "reshape(1, -1)"]),
    ("X three-dimensional", "softmax", {"X": X.reshape(12, 2, 2)}, ValueError, ["X", "(12, 2, 2)"]),
    ("X narrow", "four", {"X": X[:, :3]}, ValueError, ["X", "(n, 4)", "(12, 3)"]),
    ("X wide", "four", {"X": np.hstack([X, X])}, ValueError, ["X", "(n, 4)", "(12, 8)"]),
    ("X words", "softmax", {"X": [["a", "b"]] * 12}, TypeError, ["X", "numbers", "'a'"]),
    ("X word", "softmax", {"X": "data.csv"}, TypeError, ["X", "numbers", "'data.csv'"]),
    ("X digits as text", "softmax", {"X": [["1", "2"]] * 12}, TypeError, ["X", "numbers", "'1'"]),
    ("X number and word", "softmax", {"X": [[1.0, "b"]] * 12}, TypeError, ["X", "'b'"]),
    ("X frame with a word", "softmax", {"X": pd.DataFrame({"a": [1.0] * 12, "b": "w"})}, TypeError, ["X", "'w'"]),
    ("X frame with NA", "softmax", {"X": missing}, TypeError, ["X", "<NA>"]),
    ("X bytes", "softmax", {"X": np.full((12, 4), b"w")}, TypeError, ["X", "numbers", "w"]),
    ("X complex", "softmax", {"X": X + 1j}, TypeError, ["X", "numbers", "complex"]),
    ("X dates", "softmax", {"X": dated}, TypeError, ["X", "numbers", "datetime64"]),
    ("X times", "softmax", {"X": dated - dated[0, 0]}, TypeError, ["X", "numbers", "timedelta64"]),
    ("X record", "softmax", {"X": np.zeros((12, 4), "f4,f4")}, TypeError, ["X", "numbers", "f4"]),
    ("X ragged", "softmax", {"X": [[1, 2, 3, 4], [5, 6]]}, ValueError, ["X", "one length", "[5, 6]"]),
    ("X ragged objects", "softmax", {"X": objects([1, 2, 3, 4], [5, 6])}, TypeError, ["X", "[1, 2, 3, 4]"]),
    ("X set", "softmax", {"X": {1, 2}}, TypeError, ["X", "numbers", "{1, 2}"]),
    ("X dictionary", "softmax", {"X": {"a": 1}}, TypeError, ["X", "numbers", "{'a': 1}"]),
    ("X generator", "softmax", {"X": (row for row in X)}, TypeError, ["X", "numbers", "generator"]),
    ("X class", "softmax", {"X": float}, TypeError, ["X", "numbers", "float"]),
    ("X masked", "softmax", {"X": masked}, ValueError, ["X", "masked", "row 2, column 1"]),
    ("X sparse", "softmax", {"X": scipy.sparse.csr_array(X)}, TypeError, ["X", "sparse", "toarray"]),
    # y for classes
    ("y nan", "softmax", {"y": put(LABELS, 5, NAN)}, ValueError, ["y", "finite", "nan", "row 5"]),
    ("y inf", "softmax", {"y": put(LABELS, 5, INF)}, ValueError, ["y", "finite", "inf", "row 5"]),
    ("y 1e300", "softmax", {"y": put(LABELS, 5, 1e300)}, ValueError, ["y", "1e+300"]),
    ("y empty", "softmax", {"y": []}, ValueError, ["X and y", "12 and 0"]),
    ("y short", "softmax", {"y": LABELS[:11]}, ValueError, ["X and y", "12 and 11"]),
    ("y long", "softmax", {"y": np.append(LABELS, 0)}, ValueError, ["X and y", "12 and 13"]),
    ("y None", "softmax", {"y": None}, TypeError, ["y", "None"]),
    ("y number", "softmax", {"y": 1}, ValueError, ["y", "shape ()"]),
    ("y three-dimensional", "softmax", {"y": ONE_HOT[None]}, ValueError, ["y", "(1, 12, 3)"]),
    ("y in a row", "softmax", {"y": LABELS[None]}, ValueError, ["y", "(1, 12)"]),
    ("label -1", "softmax", {"y": put(LABELS, 5, -1)}, ValueError, ["y", "0 to 2", "-1"]),
    ("label 3 of 3", "softmax", {"y": put(LABELS, 5, 3)}, ValueError, ["y", "0 to 2", "Got 3"]),
    ("label 1.5", "softmax", {"y": put(LABELS, 5, 1.5)}, ValueError, ["y", "0 to 2", "1.5"]),
    ("ten labels for three", "softmax", {"y": np.arange(12) % 10}, ValueError, ["y", "0 to 2", "3 outputs", "Got 3"]),
    ("one-hot of 4", "softmax", {"y": np.eye(4)[LABELS]}, ValueError, ["y", "(n, 3)", "(12, 4)"]),
    ("one-hot sums to 2", "softmax", {"y": put(ONE_HOT, 4, [1, 1, 0])}, ValueError, ["y", "1.0, 1.0, 0.0", "row 4"]),
    ("one-hot sums to 0", "softmax", {"y": put(ONE_HOT, 4, 0)}, ValueError, ["y", "0.0, 0.0, 0.0", "row 4"]),
    ("one-hot below 0", "softmax", {"y": put(ONE_HOT, 4, [2, -1, 0])}, ValueError, ["y", "2.0, -1.0, 0.0", "row 4"]),
    ("one-hot nan", "softmax", {"y": put(ONE_HOT, (4, 2), NAN)}, ValueError, ["y", "nan", "row 4, column 2"]),
    ("y complex", "softmax", {"y": LABELS + 0j}, TypeError, ["y", "numbers", "complex"]),
    ("y dates", "softmax", {"y": dated[:, 0]}, TypeError, ["y", "numbers", "datetime64"]),
    ("y ragged", "softmax", {"y": [[1, 0, 0], [1, 0]]}, ValueError, ["y", "one length", "[1, 0]"]),
    ("y text and None", "text", {"y": [*TEXT[:11], None]}, TypeError, ["y", "all text", "None"]),
    ("y text and nan", "text", {"y": [*TEXT[:11], NAN]}, TypeError, ["y", "all text", "nan"]),
    ("y text and a number", "text", {"y": [*TEXT[:11], 7]}, TypeError, ["y", "all text", "7"]),
    ("y series with NA", "text", {"y": pd.Series([*TEXT[:11], None])}, TypeError, ["y", "all text", "nan"]),
    ("y four texts", "text", {"y": [*TEXT[:11], "fox"]}, ValueError, ["y", "fox", "cow, dog, eel"]),
    # y for yes or no
    ("bit 2", "sigmoid", {"y": put(BITS, 7, 2)}, ValueError, ["y", "0 to 1", "2"]),
    ("bit -0.1", "sigmoid", {"y": put(BITS, 7, -0.1)}, ValueError, ["y", "0 to 1", "-0.1"]),
    ("bit nan", "sigmoid", {"y": put(BITS, 7, NAN)}, ValueError, ["y", "finite", "nan", "row 7"]),
    ("three texts for yes or no", "sigmoid", {"y": TEXT}, ValueError, ["y", "2 different", "cow, dog, eel"]),
    ("bits (n, 2)", "sigmoid", {"y": np.eye(2)[BITS]}, ValueError, ["y", "(n, 1)", "(12, 2)"]),
    # y for values
    ("values of text", "linear", {"y": TEXT}, TypeError, ["y", "numbers", "'cow'"]),
    ("values (n, 2)", "linear", {"y": np.ones((12, 2))}, ValueError, ["y", "(n, 1)", "(12, 2)"]),
    ("values in a row", "linear", {"y": VALUES[None]}, ValueError, ["y", "(n, 1)", "(1, 12)"]),
    ("values nan", "linear", {"y": put(VALUES, 7, NAN)}, ValueError, ["y", "finite", "nan", "row 7"]),
    ("values None", "linear", {"y": None}, TypeError, ["y", "None"]),
    ("values beyond float32", "linear", {"y": put(VALUES, 7, 1e300)}, ValueError, ["y", "float32", "1e+300", "row 7"]),
    # sample_weight
    ("weight nan", "softmax", {"sample_weight": put(WEIGHTS, 1, NAN)}, ValueError, ["sample_weight", "nan", "row 1"]),
    ("weight inf", "softmax", {"sample_weight": put(WEIGHTS, 1, INF)}, ValueError, ["sample_weight", "inf", "row 1"]),
    ("weight 1e300", "softmax", {"sample_weight": put(WEIGHTS, 1, 1e300)}, ValueError,
     ["sample_weight", "float32", "1e+300", "row 1"]),
    ("weights sum to infinity", "softmax", {"sample_weight": np.full(12, 3e38)}, ValueError,
     ["sample_weight", "sum", "e+39"]),
    ("weight -1", "softmax", {"sample_weight": put(WEIGHTS, 1, -1)}, ValueError, ["sample_weight", "-1", "row 1"]),
    ("weights 0", "softmax", {"sample_weight": np.zeros(12)}, ValueError, ["sample_weight", "above 0", "Got 0.0"]),
    ("weights 1e-60", "softmax", {"sample_weight": np.full(12, 1e-60)}, ValueError, ["sample_weight", "1e-60"]),
    ("weights short", "softmax", {"sample_weight": WEIGHTS[:5]}, ValueError, ["sample_weight", "(12,)", "(5,)"]),
    ("weights (n, 1)", "softmax", {"sample_weight": WEIGHTS[:, None]}, ValueError, ["sample_weight", "(12, 1)"]),
    ("weights number", "softmax", {"sample_weight": 2.0}, ValueError, ["sample_weight", "(12,)", "shape ()"]),
    ("weights text", "softmax", {"sample_weight": "balanced"}, TypeError, ["sample_weight", "'balanced'"]),
    ("weights complex", "softmax", {"sample_weight": WEIGHTS + 0j}, TypeError, ["sample_weight", "complex"]),
]  # fmt: skip


def at_fit(net, kind, given):
    fit(net, kind, **given)


def at_validation(net, kind, given):
    both = {"X": X, "y": KINDS[kind][1], **given}
    fit(net, kind, validation_data=tuple(both.values()))


def at_evaluate(net, kind, given):
    net.evaluate(**{"X": X, "y": KINDS[kind][1], **given})


def at_gradient(net, kind, given):
    net.loss_and_gradient(**{"X": X, "y": KINDS[kind][1], **given})


def at_predict(net, kind, given):
    net.predict(**given)


DOORS = {
    "fit": at_fit,
    "validation": at_validation,
    "evaluate": at_evaluate,
    "gradient": at_gradient,
    "predict": at_predict,
}
CASES = [(name, *row) for name in DOORS for row in DATA if name != "predict" or list(row[2]) == ["X"]]


@pytest.mark.parametrize(
    ("door", "kind", "given", "exception", "words"),
    [pytest.param(door, *row, id=f"{door}: {label}") for door, label, *row in CASES],
)
def test_bad_data(door, kind, given, exception, words):
    if door == "validation":
        words = [*words, "validation_data"] if kind != "four" else ["validation_data", "X", str(given["X"].shape)]
    refuses_and_keeps(kind, lambda net: DOORS[door](net, kind, given), exception, words)


# --- the other arguments of the network's methods --------------------------------------------------------------------
class Hook(Callback):
    pass


def a_metric(y_true, y_pred):
    return y_pred


def loss(y_true, y_pred):
    return 0.0


def fits(**given):
    return lambda net: fit(net, "softmax", **given)


LATE = DenseLayer(2, 2)
NeuralNetwork([LATE])

ARGUMENTS = [
    # fit
    ("epochs 0", fits(epochs=0), ValueError, ["epochs", "at least 1", "Got 0"]),
    ("epochs -3", fits(epochs=-3), ValueError, ["epochs", "-3"]),
    ("epochs 1.5", fits(epochs=1.5), TypeError, ["epochs", "whole", "1.5"]),
    ("epochs True", fits(epochs=True), TypeError, ["epochs", "whole", "True"]),
    ("epochs text", fits(epochs="3"), TypeError, ["epochs", "whole", "'3'"]),
    ("epochs None", fits(epochs=None), TypeError, ["epochs", "whole", "None"]),
    ("epochs nan", fits(epochs=NAN), TypeError, ["epochs", "whole", "nan"]),
    ("rate -0.1", fits(learning_rate=-0.1), ValueError, ["learning_rate", "at least 0", "-0.1"]),
    ("rate nan", fits(learning_rate=NAN), ValueError, ["learning_rate", "finite", "nan"]),
    ("rate inf", fits(learning_rate=INF), ValueError, ["learning_rate", "finite", "inf"]),
    ("rate 10**400", fits(learning_rate=10**400), ValueError, ["learning_rate", "finite", "1000"]),
    ("rate text", fits(learning_rate="fast"), TypeError, ["learning_rate", "'fast'"]),
    ("rate None", fits(learning_rate=None), TypeError, ["learning_rate", "None"]),
    ("rate True", fits(learning_rate=True), TypeError, ["learning_rate", "True"]),
    ("rate array", fits(learning_rate=np.ones(2)), TypeError, ["learning_rate", "(2,)"]),
    ("batch_size 0", fits(batch_size=0), ValueError, ["batch_size", "at least 1", "Got 0"]),
    ("batch_size -5", fits(batch_size=-5), ValueError, ["batch_size", "-5"]),
    ("batch_size 2.5", fits(batch_size=2.5), TypeError, ["batch_size", "whole", "2.5"]),
    ("batch_size text", fits(batch_size="all"), TypeError, ["batch_size", "whole", "'all'"]),
    ("batch_size True", fits(batch_size=True), TypeError, ["batch_size", "whole", "True"]),
    ("optimizer name", fits(optimizer="adm"), ValueError, ["optimizer", "'adm'", "Did you mean 'adam'?"]),
    ("optimizer number", fits(optimizer=5), TypeError, ["optimizer", "'sgd'", "Got 5"]),
    ("optimizer None", fits(optimizer=None), TypeError, ["optimizer", "None"]),
    ("schedule name", fits(schedule="cosin"), ValueError, ["schedule", "'cosin'", "Did you mean 'cosine'?"]),
    ("schedule number", fits(schedule=0.5), TypeError, ["schedule", "0.5"]),
    ("validation_split few", fits(validation_split=0.01), ValueError, ["validation_split", "12", "0.01"]),
    ("validation_split 1", fits(validation_split=1), ValueError, ["validation_split", "12", "Got 1"]),
    ("validation_split 1.5", fits(validation_split=1.5), ValueError, ["validation_split", "1.5"]),
    ("validation_split -0.1", fits(validation_split=-0.1), ValueError, ["validation_split", "-0.1"]),
    ("validation_split nan", fits(validation_split=NAN), ValueError, ["validation_split", "nan"]),
    ("validation_split text", fits(validation_split="0.2"), TypeError, ["validation_split", "'0.2'"]),
    ("validation_split True", fits(validation_split=True), TypeError, ["validation_split", "True"]),
    ("validation twice", fits(validation_split=0.5, validation_data=(X, LABELS)), ValueError,
     ["validation_data", "validation_split", "both"]),
    ("validation without weight", fits(validation_split=0.5, sample_weight=put(np.zeros(12), 3, 1)), ValueError,
     ["sample_weight", "validation_split", "(12,)"]),
    ("validation_data array", fits(validation_data=X), TypeError, ["validation_data", "(X, y)", "(12, 4)"]),
    ("validation_data X alone", fits(validation_data=(X,)), ValueError, ["validation_data", "(X, y)"]),
    ("validation_data of four", fits(validation_data=(1, 2, 3, 4)), ValueError, ["validation_data", "(1, 2, 3, 4)"]),
    ("validation_data text", fits(validation_data="XY"), TypeError, ["validation_data", "'XY'"]),
    ("validation_data wide", fits(validation_data=(X[:, :2], LABELS)), ValueError,
     ["validation_data", "X", "(n, 4)", "(12, 2)"]),
    ("metrics name", fits(metrics="accurracy"), ValueError, ["metric", "'accurracy'", "Did you mean 'accuracy'?"]),
    ("metrics names", fits(metrics=["f1", "recal"]), ValueError, ["metric", "'recal'", "Did you mean 'recall'?"]),
    ("metrics number", fits(metrics=5), TypeError, ["metrics", "Got 5"]),
    ("metrics numbers", fits(metrics=[5]), TypeError, ["metric", "Got 5"]),
    ("metrics called loss", fits(metrics=[loss]), ValueError, ["metrics", "'loss'"]),
    ("metrics of one name", fits(metrics=[lambda t, p: 0, lambda t, p: 1]), ValueError, ["metrics", "'<lambda>'"]),
    ("metrics for values", fits(metrics="r2"), ValueError, ["metric r2_score", "(12, 3)"]),
    ("callbacks number", fits(callbacks=5), TypeError, ["callbacks", "Got 5"]),
    ("callbacks text", fits(callbacks="early"), TypeError, ["callbacks", "'early'"]),
    ("callbacks texts", fits(callbacks=["early"]), TypeError, ["callback", "on_epoch_end", "'early'"]),
    ("callbacks class", fits(callbacks=[float]), TypeError, ["callback", "on_epoch_end", "float"]),
    ("callback number", fits(callback=5), TypeError, ["callback", "(true, predicted, loss, epoch)", "Got 5"]),
    ("monitor name", fits(callbacks=EarlyStopping("los", mode="min")), ValueError,
     ["monitor", "'los'", "Did you mean 'loss'?"]),
    ("monitor without validation", fits(callbacks=[Hook(), EarlyStopping()]), ValueError,
     ["monitor", "'val_loss'", "validation_data"]),
    ("monitor without metric", fits(callbacks=EarlyStopping("accuracy")), ValueError, ["monitor", "'accuracy'"]),
    ("verbose 7", fits(verbose=7), ValueError, ["verbose", "0, 1", "7"]),
    ("verbose text", fits(verbose="yes"), ValueError, ["verbose", "'yes'"]),
    ("verbose None", fits(verbose=None), ValueError, ["verbose", "None"]),
    ("verbose array", fits(verbose=np.ones(2)), ValueError, ["verbose", "(2,)"]),
    ("n_threads 0", fits(n_threads=0), ValueError, ["n_threads", "at least 1", "Got 0"]),
    ("n_threads 1.5", fits(n_threads=1.5), TypeError, ["n_threads", "whole", "1.5"]),
    ("n_threads text", fits(n_threads="all"), TypeError, ["n_threads", "whole", "'all'"]),
    ("unknown argument", fits(epoch=3), TypeError, ["epoch"]),
    # evaluate
    ("evaluate: metric name", lambda net: net.evaluate(X, LABELS, "f2"), ValueError, ["metric", "'f1'", "Got 'f2'"]),
    ("evaluate: metrics number", lambda net: net.evaluate(X, LABELS, 5), TypeError, ["metrics", "Got 5"]),
    # add and use_loss
    ("add a class", lambda net: net.add(DenseLayer), TypeError, ["layer", "DenseLayer(784, 25)", "DenseLayer"]),
    ("add text", lambda net: net.add("relu"), TypeError, ["layer", "'relu'"]),
    ("add None", lambda net: net.add(None), TypeError, ["layer", "None"]),
    ("add twice", lambda net: net.add(net.layers[0]), ValueError, ["layer", "once", "this network already"]),
    ("add another's", lambda net: net.add(LATE), ValueError, ["layer", "DenseLayer", "another network"]),
    ("loss name", lambda net: net.use_loss("binary_crossentrpy"), ValueError,
     ["loss", "'binary_crossentrpy'", "Did you mean 'binary_crossentropy'?"]),
    ("loss number", lambda net: net.use_loss(5), TypeError, ["loss", "'mse'", "Got 5"]),
    ("loss None", lambda net: net.use_loss(None), TypeError, ["loss", "None"]),
    ("loss class", lambda net: net.use_loss(float), TypeError, ["loss", "float"]),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "exception", "words"), [pytest.param(*row, id=label) for label, *row in ARGUMENTS])
def test_bad_arguments(bad, exception, words):
    refuses_and_keeps("softmax", bad, exception, words)


def test_metric_of_classes_for_values():
    refuses_and_keeps(
        "linear", lambda net: fit(net, "linear", metrics="recall"), ValueError, ["metric recall", "(12,)"]
    )


# --- networks that cannot be trained as they are ---------------------------------------------------------------------
def chain(*layers, loss="categorical_crossentropy"):
    return lambda: NeuralNetwork([copy.deepcopy(layer) for layer in layers], loss, random_state=5)


def mse(net):
    net.use_loss("mse")


def with_attribute(name, value):
    def make():
        net = chain(DenseLayer(None, 3), loss="mse")()
        setattr(net.loss_ if name == "loss l2" else net.layers[0], name.split()[-1], value)
        return net

    def repair(net):
        setattr(net.loss_ if name == "loss l2" else net.layers[0], name.split()[-1], 0)

    return make, repair


def with_layer(layer):
    def make():
        net = chain(DenseLayer(None, 3), loss="mse")()
        net.layers.append(net.layers[0] if layer == "twice" else layer)
        return net

    return make, lambda net: net.layers.pop()


def from_start(start):
    def repair(net):
        net.layers[1].init = "he"

    return chain(DenseLayer(None, 5), DenseLayer(None, 3, init=start), loss="mse"), repair


STRUCTURES = [  # a network, how it is made good for MSE, and what fit, evaluate and loss_and_gradient say
    ("no layers", (chain(loss="mse"), lambda net: net.add(DenseLayer(None, 3))), ValueError, ["layer", "none"]),
    ("no loss", (chain(DenseLayer(None, 3), loss=None), mse), ValueError, ["no loss", "use_loss"]),
    ("categorical after tanh", (chain(DenseLayer(4, 3, "tanh")), mse), ValueError,
     ["CategoricalCrossentropy", "from 0 to 1", "tanh", "softmax"]),
    ("categorical after relu", (chain(DenseLayer(4, 3, "relu")), mse), ValueError,
     ["CategoricalCrossentropy", "from 0 to 1", "relu", "softmax"]),
    ("categorical after linear", (chain(DenseLayer(4, 3), ActivationLayer("linear")), mse), ValueError,
     ["CategoricalCrossentropy", "from 0 to 1", "linear", "softmax"]),
    ("categorical after nothing", (chain(DenseLayer(4, 3)), mse), ValueError,
     ["CategoricalCrossentropy", "from 0 to 1", "no activation", "softmax"]),
    ("categorical after dropout", (chain(DenseLayer(4, 3, "softmax"), DropoutLayer(0.5)), mse), ValueError,
     ["CategoricalCrossentropy", "no activation", "softmax"]),
    ("binary after tanh", (chain(DenseLayer(4, 3, "tanh"), loss="binary_crossentropy"), mse), ValueError,
     ["BinaryCrossentropy", "from 0 to 1", "tanh", "sigmoid"]),
    ("binary after softmax", (chain(DenseLayer(4, 3, "softmax"), loss="binary_crossentropy"), mse), ValueError,
     ["BinaryCrossentropy", "softmax", "CategoricalCrossentropy"]),
    ("layers that do not fit", with_layer(DenseLayer(6, 3)), ValueError, ["layer 2", "width 6", "Got 3"]),
    ("a layer twice", with_layer("twice"), ValueError, ["layer", "once", "this network already"]),
    ("a layer of another", with_layer(LATE), ValueError, ["layer", "once", "another network"]),
    ("a text among layers", with_layer("relu"), TypeError, ["layer", "DenseLayer(784, 25)", "'relu'"]),
    ("l2 nan", with_attribute("l2", NAN), ValueError, ["l2 of DenseLayer of 3 units", "nan"]),
    ("l1 -1", with_attribute("l1", -1), ValueError, ["l1 of DenseLayer of 3 units", "at least 0", "-1"]),
    ("loss l2 text", with_attribute("loss l2", "x"), TypeError, ["l2 of the loss", "'x'"]),
    ("start of another shape", from_start(lambda *given: np.ones(2)), ValueError, ["weights", "(3, 5)", "(2,)"]),
    ("start with nan", from_start(lambda *given: np.full((3, 5), NAN)), ValueError, ["weights", "finite", "nan"]),
    ("start of text", from_start(lambda *given: "he"), TypeError, ["weights", "numbers", "'he'"]),
    ("start beyond float32", from_start(lambda *given: np.full((3, 5), 1e300)), ValueError,
     ["of 3 units", "float32", "1e+300"]),
]  # fmt: skip


@pytest.mark.parametrize("door", ["fit", "evaluate", "loss_and_gradient"])
@pytest.mark.parametrize(
    ("network", "exception", "words"), [pytest.param(*row, id=label) for label, *row in STRUCTURES]
)
def test_bad_networks(network, exception, words, door):
    make, repair = network
    tried, fresh = make(), make()
    before = snapshot(tried)
    refuses(lambda: getattr(tried, door)(X, X[:, :3]), exception, words)
    assert snapshot(tried) == before
    for net in (tried, fresh):
        repair(net)
        net.fit(X, X[:, :3], epochs=2, verbose=0)
    assert tried.params.tobytes() == fresh.params.tobytes()


# --- constructors and functions --------------------------------------------------------------------------------------
def stays(layers, *more, **options):
    return lambda: NeuralNetwork(layers, *more, **options)


def of_wrong_shape(z):
    return z[:, :2] if z.ndim == 2 and z.shape[1] > 2 else z


CALLS = [
    # NeuralNetwork
    ("dtype int32", stays([], dtype="int32"), ValueError, ["dtype", "'float32'", "'int32'"]),
    ("dtype None", stays([], dtype=None), ValueError, ["dtype", "'float32'", "None"]),
    ("engine gpu", stays([], engine="gpu"), ValueError, ["engine", "'numpy'", "'gpu'"]),
    ("engine None", stays([], engine=None), ValueError, ["engine", "'numpy'", "None"]),
    ("input_scale nan", stays([], input_scale=NAN), ValueError, ["input_scale", "finite", "nan"]),
    ("input_scale text", stays([], input_scale="1/255"), TypeError, ["input_scale", "'1/255'"]),
    ("random_state -1", stays([], random_state=-1), ValueError, ["random_state", "at least 0", "-1"]),
    ("random_state text", stays([], random_state="x"), TypeError, ["random_state", "whole number", "'x'"]),
    ("random_state 1.5", stays([], random_state=1.5), TypeError, ["random_state", "whole number", "1.5"]),
    ("layers a layer", stays(DenseLayer(4, 3)), TypeError, ["layers", "list", "DenseLayer"]),
    ("layers a number", stays(5), TypeError, ["layers", "list", "5"]),
    ("layers of a class", stays([DenseLayer]), TypeError, ["layer", "DenseLayer(784, 25)", "class"]),
    ("layers of text", stays(["relu"]), TypeError, ["layer", "'relu'"]),
    ("layers of another", stays([LATE]), ValueError, ["layer", "once", "another network"]),
    ("layers the same twice", stays([DenseLayer(2, 2)] * 2), ValueError, ["layer", "once", "this network already"]),
    ("use_loss name", stays([], "mze"), ValueError, ["loss", "'mze'", "Did you mean 'mse'?"]),
    ("params unknown width", lambda: NeuralNetwork([DenseLayer(None, 3)]).params, ValueError, ["width", "n_in"]),
    # layers
    ("n_out 0", lambda: DenseLayer(4, 0), ValueError, ["n_out", "at least 1", "Got 0"]),
    ("n_out None", lambda: DenseLayer(784), TypeError, ["n_out", "None"]),
    ("n_out text", lambda: DenseLayer(4, "relu"), TypeError, ["n_out", "'relu'"]),
    ("n_out 2.0", lambda: DenseLayer(4, 2.0), TypeError, ["n_out", "whole", "2.0"]),
    ("n_in 0", lambda: DenseLayer(0, 3), ValueError, ["n_in", "at least 1", "Got 0"]),
    ("n_in -1", lambda: DenseLayer(-1, 3), ValueError, ["n_in", "at least 1", "-1"]),
    ("n_in True", lambda: DenseLayer(True, 3), TypeError, ["n_in", "True"]),
    ("n_in twice", lambda: DenseLayer(4, 3, n_l_1=5), TypeError, ["n_in", "once", "4 and 5"]),
    ("l2 twice", lambda: DenseLayer(4, 3, 0.1, l2=0.2), TypeError, ["l2", "once", "0.1 and 0.2"]),
    ("l2 -1", lambda: DenseLayer(4, 3, -1), ValueError, ["l2", "at least 0", "-1"]),
    ("l1 nan", lambda: DenseLayer(4, 3, l1=NAN), ValueError, ["l1", "nan"]),
    ("l2 text", lambda: DenseLayer(4, 3, l2="x"), TypeError, ["l2", "'x'"]),
    ("bias text", lambda: DenseLayer(4, 3, bias="no"), TypeError, ["bias", "True or False", "'no'"]),
    ("bias too many", lambda: DenseLayer(4, 3, 0.1, True, "he"), TypeError, ["by keyword", "init"]),
    ("bias after activation", lambda: DenseLayer(4, 3, "relu", True), TypeError, ["by keyword", "bias"]),
    ("init name", lambda: DenseLayer(4, 3, init="xaver"), ValueError, ["init", "'xaver'", "Did you mean 'xavier'?"]),
    ("init array", lambda: DenseLayer(4, 3, init=np.ones((3, 4))), TypeError, ["init", "function", "(3, 4)"]),
    ("init number", lambda: DenseLayer(4, 3, init=0), TypeError, ["init", "'he'", "Got 0"]),
    ("bias_init name", lambda: DenseLayer(4, 3, bias_init="zeroes"), ValueError,
     ["bias_init", "'zeroes'", "Did you mean 'zeros'?"]),
    ("activation name", lambda: DenseLayer(4, 3, "rellu"), ValueError, ["activation", "'rellu'", "mean 'relu'?"]),
    ("activation type", lambda: DenseLayer(4, 3, float), TypeError, ["activation", "'relu'", "float"]),
    ("activation list", lambda: ActivationLayer(["relu"]), TypeError, ["activation", "'relu'", "['relu']"]),
    ("activation array", lambda: ActivationLayer(np.ones(3)), TypeError, ["activation", "'relu'", "(3,)"]),
    ("activation of nothing", lambda: ActivationLayer(lambda z: None), ValueError, ["activation", "numbers"]),
    ("activation of nan", lambda: ActivationLayer((lambda z: z * NAN, lambda z: z)), ValueError, ["activation", "nan"]),
    ("activation of another shape", lambda: ActivationLayer(of_wrong_shape), ValueError, ["activation", "(6, 2)"]),
    ("activation by hand, text", lambda: activations.ReLU.activation("x"), TypeError, ["z", "numbers", "'x'"]),
    ("activation by hand, complex", lambda: activations.Tanh()(1j), TypeError, ["z", "numbers", "complex"]),
    ("dropout_rate 1", lambda: DropoutLayer(1), ValueError, ["dropout_rate", "below 1", "Got 1"]),
    ("dropout_rate -0.1", lambda: DropoutLayer(-0.1), ValueError, ["dropout_rate", "at least 0", "-0.1"]),
    ("dropout_rate nan", lambda: DropoutLayer(NAN), ValueError, ["dropout_rate", "nan"]),
    ("dropout_rate text", lambda: DropoutLayer("half"), TypeError, ["dropout_rate", "'half'"]),
    # losses
    ("loss l2 -1", lambda: CategoricalCrossentropy(l2=-1), ValueError, ["l2", "at least 0", "-1"]),
    ("loss l2 text", lambda: BinaryCrossentropy("x"), TypeError, ["l2", "'x'"]),
    ("loss shapes", lambda: losses.MSE().loss(np.ones((2, 3)), np.ones((3, 2))), ValueError,
     ["y_true", "(3, 2)", "(2, 3)"]),
    ("loss_prime shapes", lambda: losses.MAE().loss_prime([1, 2, 3], [[1.0], [2.0]]), ValueError,
     ["y_true", "(2, 1)", "(3,)"]),
    ("loss of text", lambda: losses.MSE().loss(["a"], [1.0]), TypeError, ["y_true", "numbers", "'a'"]),
    ("loss of nan", lambda: losses.MSE().loss([NAN], [1.0]), ValueError, ["y_true", "finite", "nan"]),
    ("loss of numbers", lambda: losses.MSE().loss(1.0, 2.0), ValueError, ["y_pred", "(n_out, batch)", "shape ()"]),
    ("loss of nothing", lambda: losses.MSE().loss([], []), ValueError, ["y_pred", "empty", "(0,)"]),
    ("loss three-dimensional", lambda: losses.MSE().loss(ONE_HOT[None], ONE_HOT[None]), ValueError,
     ["y_pred", "(n_out, batch)", "(1, 12, 3)"]),
    ("loss ws", lambda: losses.MSE().loss([1.0], [1.0], "x"), TypeError, ["ws", "'x'"]),
    # optimizers, schedules, callbacks
    ("momentum 1", lambda: SGD(momentum=1), ValueError, ["momentum", "below 1", "Got 1"]),
    ("momentum text", lambda: SGD("x"), TypeError, ["momentum", "'x'"]),
    ("nesterov text", lambda: SGD(0.9, "yes"), TypeError, ["nesterov", "True or False", "'yes'"]),
    ("nesterov alone", lambda: SGD(nesterov=True), ValueError, ["momentum", "nesterov", "0"]),
    ("beta1 1", lambda: Adam(beta1=1), ValueError, ["beta1", "below 1", "Got 1"]),
    ("beta2 nan", lambda: Adam(beta2=NAN), ValueError, ["beta2", "nan"]),
    ("epsilon 0", lambda: Adam(epsilon=0), ValueError, ["epsilon", "above 0", "Got 0"]),
    ("weight_decay -1", lambda: AdamW(weight_decay=-1), ValueError, ["weight_decay", "at least 0", "-1"]),
    ("drop 0", lambda: Step(drop=0), ValueError, ["drop", "above 0", "Got 0"]),
    ("every 1.5", lambda: Step(every=1.5), TypeError, ["every", "whole", "1.5"]),
    ("end 2", lambda: Cosine(end=2), ValueError, ["end", "at most 1", "Got 2"]),
    ("rise nan", lambda: OneCycle(rise=NAN), ValueError, ["rise", "nan"]),
    ("patience -1", lambda: EarlyStopping(patience=-1), ValueError, ["patience", "at least 0", "-1"]),
    ("patience 1.5", lambda: EarlyStopping(patience=1.5), TypeError, ["patience", "whole", "1.5"]),
    ("min_delta nan", lambda: EarlyStopping(min_delta=NAN), ValueError, ["min_delta", "nan"]),
    ("mode", lambda: EarlyStopping(mode="lower"), ValueError, ["mode", "'min'", "'lower'"]),
    ("monitor without mode", lambda: EarlyStopping("val_mine"), ValueError, ["mode", "'min' or 'max'", "'val_mine'"]),
    ("monitor number", lambda: EarlyStopping(5), TypeError, ["monitor", "'val_loss'", "Got 5"]),
    # metrics
    ("metric lengths", lambda: metrics.accuracy([0, 1], [0, 1, 1]), ValueError, ["y_pred", "2 rows", "(3,)"]),
    ("metric of nothing", lambda: metrics.recall([], []), ValueError, ["y_true", "at least one row", "(0,)"]),
    ("metric of nan", lambda: metrics.precision([0, 1], [0, NAN]), ValueError, ["y_pred", "finite", "NaN"]),
    ("metric of values", lambda: metrics.f1_score([0.5, 1.5], [0, 1]), ValueError, ["y_true", "labels", "r2_score"]),
    ("metric of both", lambda: metrics.accuracy(["a", 1], ["a", "b"]), ValueError, ["y_true", "all strings", "Got 1"]),
    ("metric average", lambda: metrics.f1_score(LABELS, LABELS, average="makro"), ValueError,
     ["average", "'makro'", "Did you mean 'macro'?"]),
    ("metric of words", lambda: metrics.r2_score(["a"], ["b"]), TypeError, ["y_true", "numbers", "<U1"]),
    ("metric of dates", lambda: metrics.accuracy(dated[:, 0], dated[:, 0]), TypeError, ["y_true", "datetime64"]),
    ("confusion labels", lambda: metrics.confusion_matrix([0, 1], [0, 1], labels=[0, 0]), ValueError,
     ["labels", "different", "[0, 0]"]),
    # datasets
    ("n_samples 0", lambda: datasets.make_moons(0), ValueError, ["n_samples", "at least 1", "Got 0"]),
    ("n_samples text", lambda: datasets.make_xor("x"), TypeError, ["n_samples", "'x'"]),
    ("noise -1", lambda: datasets.make_circles(noise=-1), ValueError, ["noise", "at least 0", "-1"]),
    ("factor 1", lambda: datasets.make_circles(factor=1), ValueError, ["factor", "Got 1"]),
    ("classes 0", lambda: datasets.make_spirals(classes=0), ValueError, ["classes", "at least 1", "Got 0"]),
    ("toy random_state", lambda: datasets.make_moons(random_state="x"), TypeError, ["random_state", "'x'"]),
    ("test_fraction 0", lambda: datasets.train_test_split(X, test_fraction=0), ValueError, ["test_fraction", "Got 0"]),
    ("split lengths", lambda: datasets.train_test_split(X, LABELS[:3]), ValueError, ["arrays", "length", "[12, 3]"]),
    ("split of nothing", lambda: datasets.train_test_split(), ValueError, ["arrays", "one or more", "[]"]),
    ("quadratic width", lambda: datasets.quadratic_features(X), ValueError, ["X", "(n, 2)", "(12, 4)"]),
    ("one_hot -1", lambda: datasets.one_hot([0, -1]), ValueError, ["y", "from 0", "-1"]),
    ("one_hot 3 of 3", lambda: datasets.one_hot([0, 3], 3), ValueError, ["y", "0 to 2", "Got 3"]),
    ("one_hot 1.5", lambda: datasets.one_hot([0, 1.5]), TypeError, ["y", "whole", "float64"]),
    ("one_hot n_classes", lambda: datasets.one_hot([0], 0), ValueError, ["n_classes", "at least 1", "Got 0"]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "exception", "words"), [pytest.param(*row, id=label) for label, *row in CALLS])
def test_bad_calls(call, exception, words):
    refuses(call, exception, words)


@pytest.mark.parametrize("second", [DenseLayer, "relu", None, LATE, "twice"])
def test_a_network_that_does_not_come_to_be_keeps_no_layer(second):
    first = DenseLayer(4, 3, random_state=1)
    weights = copy.deepcopy(first).weights
    with pytest.raises((TypeError, ValueError)):
        NeuralNetwork([first, first if second == "twice" else second])
    with pytest.raises(ValueError, match="loss"):
        NeuralNetwork([first], "no such loss")
    assert np.array_equal(first.weights, weights)
    assert NeuralNetwork([first]).layers == [first]


def test_a_layer_that_does_not_fit_is_refused_and_free():
    net, bad = NeuralNetwork([DenseLayer(4, 8)], "mse"), DenseLayer(7, 3)
    refuses(lambda: net.add(bad), ValueError, ["layer 2", "of 3 units", "width 7", "Got 8"])
    assert len(net.layers) == 1
    assert NeuralNetwork([bad]).layers == [bad]
    first, good = DenseLayer(4, 8), DenseLayer(8, 3)
    refuses(lambda: NeuralNetwork([first, DenseLayer(9, 3)], "mse"), ValueError, ["layer 2", "width 9", "Got 8"])
    assert NeuralNetwork([first, good], "mse").layers == [first, good]


# --- layers by hand --------------------------------------------------------------------------------------------------
def assign(name, value):
    return lambda layer: setattr(layer, name, value)


def backward(error, rate=0.1):
    def go(layer):
        layer.forward_propagation(X.T.astype(np.float64))
        layer.backward_propagation(error, rate)

    return go


ONES = np.ones((3, 12))
BY_HAND = [
    ("weights transposed", assign("weights", np.ones((4, 3))), ValueError, ["weights", "(3, 4)", "(4, 3)"]),
    ("weights number", assign("weights", 1.0), ValueError, ["weights", "(3, 4)", "shape ()"]),
    ("weights nan", assign("weights", put(np.ones((3, 4)), (1, 2), NAN)), ValueError,
     ["weights", "finite", "nan", "row 1, column 2"]),
    ("weights inf", assign("weights", put(np.ones((3, 4)), (1, 2), INF)), ValueError, ["weights", "finite", "inf"]),
    ("weights words", assign("weights", [["a"] * 4] * 3), TypeError, ["weights", "numbers", "'a'"]),
    ("weights complex", assign("weights", np.ones((3, 4)) * 1j), TypeError, ["weights", "numbers", "complex"]),
    ("weights ragged", assign("weights", [[1, 2], [3]]), ValueError, ["weights", "one length", "[3]"]),
    ("weights None", assign("weights", None), TypeError, ["weights", "None"]),
    ("biases in a row", assign("biases", np.ones((1, 3))), ValueError, ["biases", "(3, 1)", "(1, 3)"]),
    ("biases long", assign("biases", np.ones(4)), ValueError, ["biases", "(3, 1)", "(4,)"]),
    ("biases nan", assign("biases", [0, NAN, 0]), ValueError, ["biases", "finite", "nan", "row 1"]),
    ("biases text", assign("biases", "zeros"), TypeError, ["biases", "numbers", "'zeros'"]),
    ("forward one-dimensional", lambda layer: layer.forward_propagation(X[0]), ValueError,
     ["input of DenseLayer of 3 units", "(features, batch)", "(4,)"]),
    ("forward rows", lambda layer: layer.forward_propagation(X), ValueError, ["of 3 units", "width 4", "12"]),
    ("forward words", lambda layer: layer.forward_propagation([["a"] * 2] * 4), TypeError, ["of 3 units", "'a'"]),
    ("forward complex", lambda layer: layer.forward_propagation(X.T * 1j), TypeError, ["of 3 units", "complex"]),
    ("backward first", lambda layer: layer.backward_propagation(ONES, 0.1), ValueError,
     ["of 3 units", "forward_propagation before backward_propagation"]),
    ("backward shape", backward(ONES.T), ValueError, ["output_error", "(3, 12)", "(12, 3)"]),
    ("backward nan", backward(put(ONES, (2, 5), NAN)), ValueError, ["output_error", "nan", "row 2, column 5"]),
    ("backward words", backward([["a"]]), TypeError, ["output_error", "numbers", "'a'"]),
    ("backward rate -1", backward(ONES, -1), ValueError, ["learning_rate", "at least 0", "-1"]),
    ("backward rate nan", backward(ONES, NAN), ValueError, ["learning_rate", "finite", "nan"]),
    ("backward rate text", backward(ONES, "x"), TypeError, ["learning_rate", "'x'"]),
    ("backward rate True", backward(ONES, True), TypeError, ["learning_rate", "True"]),
    ("backward too far", backward(ONES * 1e300, 1e300), ValueError, ["learning_rate 1e+300", "inf"]),
]  # fmt: skip


@pytest.mark.parametrize("where", ["alone", "in a network"])
@pytest.mark.parametrize(("bad", "exception", "words"), [pytest.param(*row, id=label) for label, *row in BY_HAND])
def test_bad_use_by_hand(bad, exception, words, where):
    layer = DenseLayer(4, 3, "sigmoid", bias_init="random", random_state=2)
    if where == "in a network":
        NeuralNetwork([layer], "mse", dtype="float64", random_state=2).fit(X, ONE_HOT, epochs=1, verbose=0)
    before = layer.weights.copy(), layer.biases.copy()
    refuses(lambda: bad(layer), exception, words)
    assert all(map(np.array_equal, (layer.weights, layer.biases), before))


def test_no_biases_to_assign():
    layer = DenseLayer(4, 3, bias=False)
    refuses(lambda: setattr(layer, "biases", np.ones((3, 1))), ValueError, ["biases", "bias=False", "of 3 units"])
    assert np.array_equal(layer.biases, 0)


def test_weights_beyond_the_range_of_the_network():
    net = KINDS["four"][0]()
    fit(net, "four")
    before = net.params.tobytes()
    refuses(
        lambda: setattr(net.layers[0], "weights", np.full((5, 4), 1e300)), ValueError, ["weights", "float32", "1e+300"]
    )
    assert net.params.tobytes() == before


# --- damaged files ---------------------------------------------------------------------------------------------------
def idx(kind=8, shape=(2, 3), data=b"\1\2\3\4\5\6"):
    return bytes([0, 0, kind, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape) + data


FILES = [
    ("empty", datasets.read_idx, b"", ["an IDX file", "b''"]),
    ("another magic", datasets.read_idx, b"PK\3\4" + idx(), ["an IDX file", "PK"]),
    ("another type", datasets.read_idx, idx(kind=7), ["a known type", r"\x07"]),
    ("no dimensions", datasets.read_idx, idx(shape=()), ["dimensions", r"\x00"]),
    ("short header", datasets.read_idx, idx()[:9], ["2 dimensions", "end of the file"]),
    ("short", datasets.read_idx, idx()[:-1], ["18 bytes", "(2, 3)", "17"]),
    ("long", datasets.read_idx, idx() + b"\0", ["18 bytes", "(2, 3)", "more"]),
    ("wrong count", datasets.read_idx, idx(shape=(3, 3)), ["21 bytes", "(3, 3)", "18"]),
    ("huge count", datasets.read_idx, idx(shape=(2**32 - 1, 2**31)), ["(4294967295, 2147483648)", "18"]),
    ("zero count", datasets.read_idx, idx(shape=(0, 3), data=b""), ["shape", "(0, 3)"]),
    ("broken gzip", datasets.read_idx, b"\x1f\x8b\x08" + bytes(9), ["gzip"]),
    ("csv empty", datasets.read_csv_images, b"", ["line 1", "'label'", "''"]),
    ("csv no label", datasets.read_csv_images, b"a,b\n1,2\n", ["line 1", "'label'", "a,b"]),
    ("csv no rows", datasets.read_csv_images, b"label,p\n", ["a line for each image"]),
    ("csv pixel 256", datasets.read_csv_images, b"label,p\n1,256\n", ["line 2", "'p'", "255", "'256'"]),
    ("csv pixel text", datasets.read_csv_images, b"label,p\n1,2\n1,x\n", ["line 3", "'p'", "'x'"]),
    ("csv short line", datasets.read_csv_images, b"label,p\n1,2\n1\n", ["line 3", "2 numbers", "Got 1"]),
]  # fmt: skip


@pytest.mark.parametrize(("read", "data", "words"), [pytest.param(*row, id=label) for label, *row in FILES])
def test_damaged_files(read, data, words, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(data)
    refuses(lambda: read(path), ModelFileError, [str(path), *words])


# --- odd input that works --------------------------------------------------------------------------------------------
def read_only(a):
    a = np.array(a)
    a.flags.writeable = False
    return a


POSITIVE = (X + 8).astype(np.float32)
WHOLE = WEIGHTS + 1.0
ODD = [
    *[(f"X {t}", "softmax", {"X": X.astype(t)}, {"X": X}) for t in ("f2", "f8", "g", "i1", "i2", "i4", "i8")],
    *[(f"X {t}", "softmax", {"X": X.astype(t)}, {"X": X}) for t in (">f4", ">f8", ">i4", ">i2", ">f2", object)],
    *[(f"X {t}", "softmax", {"X": POSITIVE.astype(t)}, {"X": POSITIVE}) for t in ("u1", "u2", ">u2", "u4", "u8")],
    ("X bool", "softmax", {"X": X > 0}, {"X": (X > 0).astype("f4")}),
    ("X read-only", "softmax", {"X": read_only(X)}, {"X": X}),
    ("X Fortran", "softmax", {"X": np.asfortranarray(X)}, {"X": X}),
    ("X every other column", "softmax", {"X": np.repeat(X, 2, axis=1)[:, ::2]}, {"X": X}),
    ("X every other row", "softmax", {"X": np.repeat(X, 2, axis=0)[::2]}, {"X": X}),
    ("X backwards", "softmax", {"X": X[::-1, ::-1].copy()[::-1, ::-1]}, {"X": X}),
    ("X one value", "softmax", {"X": np.broadcast_to(np.float32(2), X.shape)}, {"X": np.full_like(X, 2)}),
    ("X lists", "softmax", {"X": X.tolist()}, {"X": X}),
    ("X list of arrays", "softmax", {"X": list(X)}, {"X": X}),
    ("X tuples", "softmax", {"X": tuple(map(tuple, X.tolist()))}, {"X": X}),
    ("X matrix", "softmax", {"X": np.asmatrix(X)}, {"X": X}),
    ("X nothing masked", "softmax", {"X": np.ma.masked_array(X, mask=False)}, {"X": X}),
    ("X frame", "softmax", {"X": pd.DataFrame(X)}, {"X": X}),
    ("X frame of types", "softmax", {"X": pd.DataFrame(X).astype({0: "i2", 1: "Int64", 2: "f8", 3: object})}, {"X": X}),
    *[(f"y {t}", "softmax", {"y": LABELS.astype(t)}, {}) for t in ("i1", "u1", ">i4", "u8", "f2", "f4", "f8", object)],
    ("y list", "softmax", {"y": LABELS.tolist()}, {}),
    ("y column", "softmax", {"y": LABELS[:, None]}, {}),
    ("y float column", "softmax", {"y": LABELS[:, None] * 1.0}, {}),
    ("y read-only", "softmax", {"y": read_only(LABELS)}, {}),
    ("y series", "softmax", {"y": pd.Series(LABELS, index=range(12, 0, -1))}, {}),
    ("y Int64 series", "softmax", {"y": pd.Series(LABELS, dtype="Int64")}, {}),
    ("y category", "softmax", {"y": pd.Series(LABELS, dtype="category")}, {}),
    ("y frame of one column", "softmax", {"y": pd.DataFrame({"y": LABELS})}, {}),
    *[(f"one-hot {t}", "softmax", {"y": ONE_HOT.astype(t)}, {}) for t in ("?", "i1", "u1", "f2", "f8", object)],
    ("one-hot list", "softmax", {"y": ONE_HOT.tolist()}, {}),
    ("one-hot Fortran", "softmax", {"y": np.asfortranarray(ONE_HOT)}, {}),
    ("get_dummies", "softmax", {"y": pd.get_dummies(pd.Series(TEXT))}, {}),
    ("get_dummies of numbers", "softmax", {"y": pd.get_dummies(pd.Series(TEXT), dtype=float)}, {}),
    ("text", "softmax", {"y": TEXT}, {}),
    ("text list", "softmax", {"y": TEXT.tolist()}, {}),
    ("text objects", "softmax", {"y": TEXT.astype(object)}, {}),
    ("text column", "softmax", {"y": TEXT[:, None]}, {}),
    ("text bytes", "softmax", {"y": TEXT.astype("S")}, {}),
    ("text big-endian", "softmax", {"y": TEXT.astype(">U3")}, {}),
    ("text series", "softmax", {"y": pd.Series(TEXT)}, {}),
    ("text category", "softmax", {"y": pd.Series(TEXT, dtype="category")}, {}),
    *[(f"bits {t}", "sigmoid", {"y": BITS.astype(t)}, {}) for t in ("?", "i1", "u1", "f2", ">f8", object)],
    ("bits column", "sigmoid", {"y": BITS[:, None]}, {}),
    ("bits as text", "sigmoid", {"y": np.where(BITS, "yes", "no")}, {}),
    ("bits of a frame", "sigmoid", {"y": pd.DataFrame({"y": BITS == 1})}, {}),
    *[(f"values {t}", "linear", {"y": VALUES.astype(t)}, {}) for t in ("f2", "f4", "f8", ">f4", object)],
    ("values column", "linear", {"y": VALUES[:, None]}, {}),
    ("values list", "linear", {"y": VALUES.tolist()}, {}),
    ("values series", "linear", {"y": pd.Series(VALUES)}, {}),
    ("whole values", "linear", {"y": LABELS}, {"y": LABELS * 1.0}),
    *[(f"weights {t}", "softmax", {"sample_weight": WHOLE.astype(t)}, {"sample_weight": WHOLE})
      for t in ("i1", "u8", "f2", "f4", ">f8", object)],
    ("weights list", "softmax", {"sample_weight": WHOLE.tolist()}, {"sample_weight": WHOLE}),
    ("weights series", "softmax", {"sample_weight": pd.Series(WHOLE)}, {"sample_weight": WHOLE}),
    ("weights bool", "softmax", {"sample_weight": WEIGHTS > 0}, {"sample_weight": (WEIGHTS > 0) * 1.0}),
    ("whole numbers of NumPy", "softmax", {"epochs": np.int8(2), "batch_size": np.uint16(5)}, {}),
    ("rate of NumPy", "softmax", {"learning_rate": np.float32(0.5)}, {"learning_rate": 0.5}),
    ("whole rate", "linear", {"learning_rate": 0}, {"learning_rate": 0.0}),
    ("batch of more than all", "softmax", {"batch_size": 99}, {"batch_size": None}),
    ("no metrics, no callbacks", "softmax", {"metrics": None, "callbacks": None}, {}),
    ("one metric", "softmax", {"metrics": "accuracy"}, {"metrics": ["accuracy"]}),
    ("verbose False", "softmax", {"verbose": False}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "odd", "usual"), [pytest.param(*row, id=label) for label, *row in ODD])
def test_odd_input_is_the_same(kind, odd, usual):
    nets = []
    for given in (odd, usual):
        net = KINDS[kind][0]()
        fit(net, kind, **given)
        data = {"X": X, "y": KINDS[kind][1], **given}
        again = {name: data[name] for name in ("X", "y", "sample_weight") if name in data}
        J, gradient, dX = net.loss_and_gradient(**again)
        results = net.predict(data["X"]), net.evaluate(**again)["loss"], J, gradient, dX
        nets.append([net.params, *results])
    assert all(map(np.array_equal, *nets))


def test_text_labels_are_numbered_in_order():
    net = KINDS["text"][0]()
    fit(net, "text")
    assert net.classes_.tolist() == ["cow", "dog", "eel"]
    assert net.params.tobytes() == trained("softmax", 1)


GIVEN = {
    "labels": {},
    "one-hot": {"y": ONE_HOT},
    "one batch": {"batch_size": None},
    "weights": {"sample_weight": WHOLE},
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_nothing_given_is_changed(given):
    given = {"X": X.copy(), "y": LABELS.copy(), **copy.deepcopy(given)}
    W, start = np.full((5, 4), 0.5, dtype=np.float32), np.full((3, 5), 0.25)
    W[0] = 1
    arrays = [W, start, *(a for a in given.values() if isinstance(a, np.ndarray))]
    before = [a.tobytes() for a in arrays]
    first = DenseLayer(4, 5, "relu")
    first.weights = W
    last = DenseLayer(5, 3, "softmax", init=lambda *given: start)

    def spoil(true, predicted, loss, epoch):
        true[:], predicted[:] = 0, 0

    def spoiling(true, predicted):
        true[:], predicted[:] = 0, 0
        return 0.0

    net = NeuralNetwork([first, last], "categorical_crossentropy", random_state=0)
    fit(net, "softmax", callback=spoil, metrics=[spoiling, "accuracy"], **given)
    data = {name: given[name] for name in ("X", "y", "sample_weight") if name in given}
    net.evaluate(**data), net.loss_and_gradient(**data), net.predict(given["X"])[:].fill(0)
    assert [a.tobytes() for a in arrays] == before
    layers = [DenseLayer(4, 5, "relu"), DenseLayer(5, 3, "softmax")]
    same = NeuralNetwork(layers, "categorical_crossentropy", random_state=0)
    same.layers[0].weights, same.layers[1].weights = W, start
    fit(same, "softmax", **given)
    assert net.params.tobytes() == same.params.tobytes()


# --- odd sequences ---------------------------------------------------------------------------------------------------
class Passing(Layer):
    """Passes everything on, and calls ``at`` with the number of the batch while training."""

    def __init__(self, at):
        self.at, self.batches = at, 0

    def forward(self, x, own, mode):
        self.batches += mode.training
        self.at(self.batches)
        return x, None

    def backward(self, dy, cache, own, grads):
        return dy


class Interrupt:
    """Raises at the n-th call."""

    def __init__(self, n):
        self.n = n

    def __call__(self, *given):
        self.n -= 1
        if self.n == 0:
            raise KeyboardInterrupt
        return 0.0


def hook(name, n):
    interrupt = Interrupt(n)
    return {"callbacks": type("Mine", (Callback,), {name: lambda self, training: interrupt()})()}


INTERRUPTS = {  # what is given to fit, and how many of its epochs of three batches are left
    "function": (lambda: {"callback": Interrupt(2)}, 2),
    "metric": (lambda: {"metrics": Interrupt(2)}, 2),
    "on_train_begin": (lambda: hook("on_train_begin", 1), 0),
    "on_epoch_begin": (lambda: hook("on_epoch_begin", 2), 1),
    "on_batch_end": (lambda: hook("on_batch_end", 5), 1),
    "on_epoch_end": (lambda: hook("on_epoch_end", 2), 2),
    "on_train_end": (lambda: hook("on_train_end", 1), 4),
    "layer": (dict, 1),
}


@pytest.mark.parametrize("name", INTERRUPTS)
def test_an_interrupted_fit_leaves_whole_epochs(name):
    given, epochs = INTERRUPTS[name]
    make = chain(DenseLayer(None, 5, "relu"), Passing(Interrupt(-1)), DenseLayer(None, 3, "softmax"))
    net, reference = make(), make()
    if name == "layer":
        net.layers[1].at = Interrupt(5)
    with pytest.raises(KeyboardInterrupt):
        fit(net, "softmax", **{"epochs": 4, **given()})
    if name == "layer":  # epochs that ran in one crossing with the interrupted one are undone with it
        epochs = len(net.history_)
    if epochs:
        fit(reference, "softmax", epochs=epochs)
    assert net.params.tobytes() == reference.build(4).params.tobytes()
    net.layers[1].at = Interrupt(-1)
    for either in (net, reference):
        fit(either, "softmax", epochs=1)
    assert plain(net.state.memory) == plain(reference.state.memory)
    assert net.params.tobytes() == reference.params.tobytes()


@pytest.mark.parametrize("rate", [1e3, 1e10, 1e38, 1e300])
@pytest.mark.parametrize("optimizer", [SGD(), SGD(0.9), SGD(0.9, nesterov=True), Adam(), AdamW()], ids=str)
def test_far_too_large_rates_are_not_silent(optimizer, rate):
    net = KINDS["linear"][0]()
    with contextlib.suppress(TrainingDiverged):
        fit(net, "linear", epochs=20, learning_rate=rate, optimizer=optimizer)
    assert np.isfinite(net.history_).all()
    assert all(np.isfinite(vector).all() for vector in (net.params, *net.state.memory.values()))
    assert np.isfinite(net.predict(X)).all()
    assert np.isfinite(net.evaluate(X, VALUES)["loss"])


@pytest.mark.parametrize("value", [NAN, INF])
def test_a_weight_spoilt_through_its_view_is_not_silent(value):
    net = KINDS["softmax"][0]()
    fit(net, "softmax")
    net.weights[0][:] = value
    for call in (
        net.predict,
        *(functools.partial(method, y=LABELS) for method in (net.evaluate, net.loss_and_gradient)),
    ):
        refuses(functools.partial(call, X), ValueError, ["finite", "nan"])
    with pytest.raises(TrainingDiverged):
        fit(net, "softmax")


def own_loss(loss, prime):
    return type("Own", (), {"loss": staticmethod(loss), "loss_prime": staticmethod(prime)})


OWN = [  # a loss or an activation of the user's own, and what fit says of it
    ("loss of rows", own_loss(lambda t, p: np.ones(3), lambda t, p: p - t), ValueError, ["Own.loss", "(3,)"]),
    ("loss of None", own_loss(lambda t, p: None, lambda t, p: p - t), TypeError, ["Own.loss", "None"]),
    ("loss of nan", own_loss(lambda t, p: NAN, lambda t, p: p - t), TrainingDiverged, ["the cost", "batch 1"]),
    ("loss_prime transposed", own_loss(lambda t, p: 0, lambda t, p: (p - t).T), ValueError,
     ["Own.loss_prime", "(3, 12)", "(12, 3)"]),
    ("loss_prime of text", own_loss(lambda t, p: 0, lambda t, p: "x"), TypeError, ["Own.loss_prime", "'x'"]),
    ("loss_prime of nan", own_loss(lambda t, p: 0, lambda t, p: p * NAN), TrainingDiverged, ["gradient of layer 1"]),
    ("activation of two rows", (lambda z: z[:2], lambda z: z), ValueError, ["activation", "(3, 12)", "(2, 12)"]),
    ("activation of text", (lambda z: "x", lambda z: z), TypeError, ["activation", "'x'"]),
    ("activation of nan for some", (lambda z: np.where(z > 0.1, NAN, z), lambda z: z), TrainingDiverged, ["layer 1"]),
    ("derivative of two rows", (lambda z: z, lambda z: np.ones((2, 12))), ValueError, ["(3, 12)", "(2, 12)"]),
    ("derivative of None", (lambda z: z, lambda z: None), TypeError, ["activation", "None"]),
    ("derivative of nan", (lambda z: z, lambda z: z * NAN), TrainingDiverged, ["the gradient of layer 1"]),
]  # fmt: skip


@pytest.mark.parametrize(("own", "exception", "words"), [pytest.param(*row, id=label) for label, *row in OWN])
def test_bad_functions_of_the_users_own(own, exception, words):
    activation, loss = (own, "mse") if isinstance(own, tuple) else (None, own)
    net = NeuralNetwork([DenseLayer(4, 3, activation)], loss, random_state=0)
    before = net.params.tobytes()
    refuses(lambda: fit(net, "softmax", y=ONE_HOT, batch_size=None), exception, words)
    assert net.params.tobytes() == before
    assert (net.state.epoch, net.state.step, net.state.updates) == (0, 0, 0)


RATES = [
    ("nan", lambda step: step * NAN, ValueError, ["schedule", "finite", "nan"]),
    ("below 0", lambda step: -np.ones(len(step)), ValueError, ["schedule", "at least 0", "-1.0"]),
    ("one", lambda step: 0.5, ValueError, ["schedule", "factors", "0.5"]),
    ("too many", lambda step: np.ones(77), ValueError, ["schedule", "factors", "1.0, 1.0"]),
    ("text", lambda step: "x", TypeError, ["schedule", "'x'"]),
]


@pytest.mark.parametrize(("rates", "exception", "words"), [pytest.param(*row, id=label) for label, *row in RATES])
def test_bad_schedules_of_the_users_own(rates, exception, words):
    net = KINDS["four"][0]()
    before = net.params.tobytes()
    own = type("Own", (Schedule,), {"factors": lambda self, step, steps, per_epoch: rates(step)})()
    refuses(lambda: fit(net, "four", schedule=own), exception, words)
    assert net.params.tobytes() == before


def test_one_fit_at_a_time_and_layers_stay():
    def again(true, predicted, loss, epoch):
        refuses(lambda: fit(net, "softmax"), RuntimeError, ["one fit at a time"])
        net.add(DenseLayer(3, 3))
        refuses(lambda: net.params, RuntimeError, ["layers", "fit"])
        net.layers.pop()
        fit(copy.deepcopy(net), "softmax")

    net = KINDS["softmax"][0]()
    fit(net, "softmax", callback=again)
    assert net.params.tobytes() == trained("softmax", 1)
    fit(net, "softmax")
    assert net.params.tobytes() == trained("softmax", 2)


def test_a_layer_put_in_the_place_of_another_is_trained():
    net = chain(DenseLayer(4, 5, "relu"), DenseLayer(5, 3, "softmax"))()
    fit(net, "softmax")
    for _ in range(5):  # a new layer may lie where the old one lay in memory
        net.layers.pop()
        net.layers.append(DenseLayer(5, 3, "softmax"))
        start = net.build().layers[1].weights.copy()
        fit(net, "softmax")
        assert np.shares_memory(net.params, net.layers[1].weights)
        assert not np.array_equal(net.layers[1].weights, start)
        assert net.state.updates == 6  # the optimizer began anew


def test_a_layer_taken_out_is_free():
    net = chain(DenseLayer(4, 5, "relu"), DenseLayer(5, 3, "softmax"))()
    fit(net, "softmax")
    layer = net.layers.pop()
    values = layer.weights.copy()
    other = NeuralNetwork([DenseLayer(4, 5), layer], "categorical_crossentropy")
    assert np.array_equal(other.weights[1], values)
    assert np.shares_memory(other.params, layer.weights)
    refuses(lambda: net.add(layer), ValueError, ["layer", "another network"])


def test_a_plain_copy_is_a_deep_one():
    net = KINDS["softmax"][0]()
    fit(net, "softmax")
    other = copy.copy(net)
    fit(other, "softmax")
    assert net.params.tobytes() == trained("softmax", 1)
    assert other.params.tobytes() == trained("softmax", 2)


def test_other_text_labels_for_another_width():
    net = KINDS["text"][0]()
    fit(net, "text")
    fit(net.add(DenseLayer(3, 2, "softmax")), "text", y=np.array(["ant", "bee"])[BITS])
    assert net.classes_.tolist() == ["ant", "bee"]
    refuses(lambda: fit(net, "text", y=TEXT), ValueError, ["y", "ant, bee", "cow"])


def test_l2_may_change_between_fits():
    class Own(Loss):
        def loss(self, y_true, y_pred):
            return np.mean((y_pred - y_true) ** 2) / 2

        def loss_prime(self, y_true, y_pred):
            return (y_pred - y_true) / y_true.size

    for loss in (losses.MSE(), Own()):
        net = network(1, "linear", loss)
        assert fit(net, "linear")["penalty"] == [0, 0]
        net.loss_.l2 = 0.5
        assert min(fit(net, "linear")["penalty"]) > 0


def test_an_infinite_validation_loss_is_not_silent():
    net = KINDS["linear"][0]()
    with pytest.warns(UserWarning, match="val_loss is inf in epoch 1"):
        fit(net, "linear", validation_data=(X * np.float32(1e25), VALUES), epochs=1)


def test_first_predictions_from_many_threads():
    net = NeuralNetwork([DenseLayer(None, 30, "relu"), DenseLayer(None, 3, "softmax")], random_state=0)
    expected = copy.deepcopy(net).predict(X)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: net.predict(X), range(32)))
    assert all(np.array_equal(outputs, expected) for outputs in found)
    assert np.shares_memory(net.params, net.weights[0])
