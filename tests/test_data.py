"""What fit is given: weights of classes against those of rows, files mapped into memory, targets left out."""

import tracemalloc

import numpy as np
import pytest

from neural import MSE, Callback, DenseLayer, NeuralNetwork
from neural.data import by_row
from tests.small_network import LABELS, X, fit, network

NAMES = np.array(["ant", "bee", "cat"])
YES = (LABELS == 2).astype(int)
BALANCED = (90 / (3 * np.bincount(LABELS)))[LABELS]


def binary():
    return NeuralNetwork([DenseLayer(4, 1, "sigmoid")], "binary_crossentropy", random_state=0)


# --- weights of classes ----------------------------------------------------------------------------------------------
def test_balanced_is_scikit_learns():
    compute = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    want = compute("balanced", classes=np.unique(LABELS), y=LABELS)[LABELS]
    np.testing.assert_allclose(by_row("balanced", LABELS, np.arange(3), ""), want, rtol=1e-15)
    there = np.where(LABELS == 1, 2, LABELS)  # a class of the network of which there is no row does not count
    want = compute("balanced", classes=np.unique(there), y=there)[there // 2]
    np.testing.assert_allclose(by_row("balanced", there, np.arange(3), ""), want, rtol=1e-15)


@pytest.mark.parametrize("engine", ["auto", "numpy"])
@pytest.mark.parametrize(
    ("y", "class_weight", "rows"),
    [
        (LABELS, "balanced", BALANCED),
        (NAMES[LABELS], "balanced", BALANCED),
        (np.eye(3)[LABELS], "balanced", BALANCED),
        (LABELS, {0: 2, 2: 0.25}, np.array([2, 1, 0.25])[LABELS]),
        (NAMES[LABELS], {"cat": 5}, np.array([1, 1, 5])[LABELS]),
        (LABELS, {np.int64(1): 0}, np.array([1, 0, 1])[LABELS]),
        (LABELS, {}, np.ones(90)),
    ],
)
def test_weights_of_classes_are_weights_of_their_rows(y, class_weight, rows, engine):
    one, other = network(engine=engine), network(engine=engine)
    assert fit(one, y=y, class_weight=class_weight) == fit(other, sample_weight=rows)
    assert one.params.tobytes() == other.params.tobytes()


@pytest.mark.parametrize("y", [YES, YES.astype(bool)[:, None], np.where(YES, "yes", "no")])
def test_weights_of_two_classes(y):
    text = np.asarray(y).dtype.kind == "U"
    for class_weight, rows in (
        ("balanced", (90 / (2 * np.bincount(YES)))[YES]),
        ({"yes" if text else 1: 4}, np.where(YES, 4, 1)),
    ):
        one, other = binary(), binary()
        assert fit(one, y=y, class_weight=class_weight) == fit(other, y=YES, sample_weight=rows)
        assert one.params.tobytes() == other.params.tobytes()


def test_weights_of_classes_multiply_those_of_rows():
    rows = np.random.default_rng(0).integers(1, 4, 90)
    one, other = network(), network()
    fit(one, class_weight={0: 2, 1: 0.5}, sample_weight=rows)
    fit(other, sample_weight=rows * np.array([2, 0.5, 1])[LABELS])
    assert one.params.tobytes() == other.params.tobytes()


def test_weights_of_classes_are_for_training_alone():
    settings = {"epochs": 1, "learning_rate": 0.0, "validation_data": (X[:40], LABELS[:40])}
    plain, weighted = fit(network(), **settings), fit(network(), class_weight={0: 9}, **settings)
    assert plain["val_loss"] == weighted["val_loss"]
    assert plain["data_loss"] != weighted["data_loss"]
    split = [
        fit(network(), 1, validation_split=0.3, learning_rate=0.0, **more) for more in ({}, {"class_weight": {0: 9}})
    ]
    assert split[0]["val_loss"] == split[1]["val_loss"]


def test_two_fits_with_weights_of_classes_are_one():
    once, twice = network(), network()
    history = fit(once, 6, class_weight="balanced")
    assert fit(twice, 3, class_weight="balanced") + fit(twice, 3, class_weight="balanced") == history
    assert once.params.tobytes() == twice.params.tobytes()


class OwnLoss:
    def loss(self, y_true, y_pred):
        return np.mean((y_pred - y_true) ** 2)

    def loss_prime(self, y_true, y_pred):
        return 2 * (y_pred - y_true) / y_true.size


REFUSED = [
    (MSE, X[:, 0], 1, "balanced", ValueError, r"class_weight must be None for MSE here.* Give sample_weight"),
    ("mae", X[:, 0], 1, {0: 1}, ValueError, r"class_weight must be None for MAE here"),
    ("binary_crossentropy", np.eye(2)[YES], 2, "balanced", ValueError, "not one class a row"),
    ("binary_crossentropy", YES, 1, "balance", ValueError, r"class_weight must be None, 'balanced', or a dict"),
    ("binary_crossentropy", YES, 1, [1, 2], TypeError, r"class_weight must be None, 'balanced', or a dict.*\[1, 2\]"),
    ("binary_crossentropy", YES, 1, {2: 1}, ValueError, r"a class in class_weight must be one of 0, 1. Got 2"),
    ("binary_crossentropy", YES, 1, {1: -1}, ValueError, r"class_weight of 1 must be .* at least 0. Got -1"),
    ("binary_crossentropy", YES, 1, {1: float("nan")}, ValueError, r"class_weight of 1 must be a finite number"),
    ("binary_crossentropy", YES, 1, {1: "heavy"}, TypeError, r"class_weight of 1 must be"),
    ("binary_crossentropy", YES, 1, {0: 0, 1: 0}, ValueError, "above 0 in float32 for one sample at least"),
    (OwnLoss, LABELS, 3, "balanced", ValueError, "class_weight needs a loss with a value a row. Got OwnLoss"),
]


@pytest.mark.parametrize(("loss", "y", "n_out", "class_weight", "error", "words"), REFUSED)
def test_weights_that_mean_nothing_are_refused(loss, y, n_out, class_weight, error, words):
    link = "sigmoid" if loss == "binary_crossentropy" else None
    net = NeuralNetwork([DenseLayer(4, n_out, link)], loss, random_state=0).build()
    before = net.params.tobytes()
    with pytest.raises(error, match=words):
        fit(net, y=y, class_weight=class_weight)
    assert net.params.tobytes() == before
    assert net.state.step == 0


# --- files mapped into memory ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ["auto", "numpy"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_mapped_file_is_read_where_it_is(dtype, engine, tmp_path):
    n, width = 40_000, 100
    rng = np.random.default_rng(0)
    mapped = np.memmap(tmp_path / "X", dtype=dtype, mode="w+", shape=(n, width))
    mapped[:] = rng.integers(0, 256, mapped.shape, dtype=np.uint8)
    mapped.flush()
    mapped = np.memmap(tmp_path / "X", dtype=dtype, mode="r", shape=(n, width))
    y = rng.integers(0, 2, n).astype(np.float32)

    def fitted(given, **settings):
        layers = [DenseLayer(width, 4, "relu"), DenseLayer(4, 1, "sigmoid")]
        net = NeuralNetwork(layers, "binary_crossentropy", input_scale=1 / 255, random_state=0, engine=engine)
        net.fit(given, y, epochs=2, verbose=0, **settings)
        return net

    class Sees(Callback):
        def on_train_begin(self, training):
            self.shared = np.shares_memory(training.data.X, mapped)

    sees = Sees()
    tracemalloc.start()
    try:
        net = fitted(mapped, callbacks=sees)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sees.shared
    assert peak < mapped.nbytes
    assert net.params.tobytes() == fitted(np.array(mapped)).params.tobytes()


def test_targets_left_out_are_asked_for():
    with pytest.raises(TypeError, match=r"y must be .*Got None"):
        network().fit(X)
    with pytest.raises(TypeError, match=r"y must be .*Got None"):
        network().fit(X.tolist())
