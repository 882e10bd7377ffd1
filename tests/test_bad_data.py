"""Bad data is refused at every door, in words that name the argument and the value; odd data gives the same bits.

A refused call changes nothing: the network is compared before and after, and a good fit after it gives the bits that it
gives without the bad call, on a network that was never fitted and on one that was.
"""

import copy

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from neural import (
    DenseLayer,
    NeuralNetwork,
)
from tests.refusals import (
    BITS,
    INF,
    KINDS,
    LABELS,
    NAN,
    ONE_HOT,
    TEXT,
    VALUES,
    WEIGHTS,
    X,
    fit,
    objects,
    put,
    refuses_and_keeps,
    trained,
)

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
    ("X frame with a word", "softmax", {"X": pd.DataFrame({"a": [1.0] * 12, "b": "w"})}, TypeError,
     ["X", "'w'", "row 0, column 'b'"]),
    ("X frame with NA", "softmax", {"X": missing}, TypeError, ["X", "<NA>", "row 1, column 'a'"]),
    ("X frame with nan", "softmax", {"X": pd.DataFrame(put(X, (7, 2), NAN), columns=list("abcd"))}, ValueError,
     ["X", "finite", "nan", "row 7, column 'c'"]),
    ("X frame beyond float32", "softmax", {"X": pd.DataFrame(put(X, (7, 2), 1e300), columns=[*range(5, 9)])},
     ValueError, ["X", "float32", "1e+300", "row 7, column 7"]),
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
    ("values frame with nan", "linear", {"y": pd.DataFrame({"price": put(VALUES, 7, NAN)})}, ValueError,
     ["y", "nan", "row 7, column 'price'"]),
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
