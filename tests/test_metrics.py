"""The metrics against scikit-learn, the forms of input, and the refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from neural import DenseLayer, EarlyStopping, NeuralNetwork, metrics
from neural.metrics import ALIASES, METRICS, Metric, Metrics, resolve

AVERAGED = {"precision": 0, "recall": 1, "f1_score": 2}  # place in scikit-learn's precision_recall_fscore_support
FOUND = settings(derandomize=True, deadline=None, max_examples=150)

names = st.one_of(st.integers(-3, 12), st.booleans().map(int)), st.text("abcXYZ é0", min_size=1, max_size=4)


@st.composite
def two_labellings(draw):
    """Two lists of labels: ints or strings, often of one class, and with classes that one of them lacks."""
    pool = draw(st.lists(draw(st.sampled_from(names)), min_size=1, max_size=5, unique=True))
    n = draw(st.integers(1, 40))
    sides = [draw(st.lists(st.sampled_from(pool), min_size=1, unique=True)) for _ in range(2)]
    return tuple(draw(st.lists(st.sampled_from(side), min_size=n, max_size=n)) for side in sides)


def reference(y_true, y_pred, average, **options):
    return sk.precision_recall_fscore_support(y_true, y_pred, average=average, zero_division=0, **options)[:3]


def all_three(y_true, y_pred, average="auto"):
    return [getattr(metrics, name)(y_true, y_pred, average=average) for name in AVERAGED]


# Against scikit-learn


@FOUND
@given(two_labellings())
def test_averages_equal_scikit_learn(labels):
    y_true, y_pred = labels
    for average in ("macro", "micro", "weighted", None):
        ours = all_three(y_true, y_pred, average)
        np.testing.assert_allclose(ours, reference(y_true, y_pred, average), rtol=0, atol=1e-12)
        assert all(type(value) is (np.ndarray if average is None else float) for value in ours)


@FOUND
@given(two_labellings())
def test_auto_is_binary_for_two_labels_and_macro_for_more(labels):
    y_true, y_pred = labels
    found = sorted(set(y_true) | set(y_pred))
    if len(found) == 2:
        options = {"average": "binary", "pos_label": found[1]}
    elif found in ([0], [-1]):
        options = {"average": "binary", "pos_label": 1}
    else:
        options = {"average": "macro"}
    np.testing.assert_allclose(all_three(y_true, y_pred), reference(y_true, y_pred, **options), rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@FOUND
@given(two_labellings())
def test_accuracy_and_confusion_matrix_equal_scikit_learn(labels):
    y_true, y_pred = labels
    assert metrics.accuracy(y_true, y_pred) == pytest.approx(sk.accuracy_score(y_true, y_pred), abs=1e-12)
    ours = metrics.confusion_matrix(y_true, y_pred)
    assert ours.dtype == np.int64
    np.testing.assert_array_equal(ours, sk.confusion_matrix(y_true, y_pred))
    chosen = [y_true[0], *sorted(set(y_pred) - {y_true[0]}, reverse=True)][:3]
    np.testing.assert_array_equal(
        metrics.confusion_matrix(y_true, y_pred, labels=chosen), sk.confusion_matrix(y_true, y_pred, labels=chosen)
    )


@FOUND
@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_one_hot_and_probabilities_equal_labels(n, n_classes, seed):
    rng = np.random.default_rng(seed)
    y, scores = rng.integers(0, n_classes, n), rng.random((n, n_classes))
    predicted = scores.argmax(axis=1)
    one_hot = np.eye(n_classes)[y]
    for average in ("macro", "micro", "weighted"):
        expected = reference(y, predicted, average)
        for y_true in (one_hot, one_hot.astype(bool), one_hot.astype(np.uint8), pd.DataFrame(one_hot.astype(bool)), y):
            np.testing.assert_allclose(all_three(y_true, scores, average), expected, rtol=0, atol=1e-12)
            assert metrics.accuracy(y_true, scores) == pytest.approx(np.mean(y == predicted), abs=1e-12)


@FOUND
@given(st.integers(2, 30), st.sampled_from([(), (1,), (3,)]), st.integers(0, 2**32 - 1), st.booleans())
def test_regression_equals_scikit_learn(n, outputs, seed, constant):
    rng = np.random.default_rng(seed)
    y = rng.integers(-3, 4, (n, *outputs)).astype(float)
    p = np.where(rng.random(y.shape) < 0.5, y, y + rng.normal(size=y.shape))
    if constant:
        y[...] = 2
    pairs = (("r2_score", "r2_score"), ("mean_squared_error",) * 2, ("mean_absolute_error",) * 2)
    for ours, theirs in pairs:
        expected = getattr(sk, theirs)(y, p)
        assert getattr(metrics, ours)(y, p) == pytest.approx(expected, rel=1e-12, abs=1e-12)


# By hand


def test_known_counts():
    y_true, y_pred = [1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0, 0, 0]  # TP 2, FP 1, FN 1, TN 4
    assert metrics.accuracy(y_true, y_pred) == 6 / 8
    assert all_three(y_true, y_pred) == [2 / 3, 2 / 3, 2 / 3]
    np.testing.assert_array_equal(metrics.confusion_matrix(y_true, y_pred), [[4, 1], [1, 2]])


def test_the_positive_class_of_two_is_the_larger_label():
    assert metrics.precision([3, 5, 5], [5, 5, 3]) == 1 / 2
    assert metrics.recall(["yes", "no", "no"], ["yes", "yes", "no"]) == 1.0
    assert metrics.recall([-1, 1, 1], [-1, -1, 1]) == 1 / 2


@pytest.mark.parametrize(("label", "expected"), [(1, 1.0), (0, 0.0), (-1, 0.0), (7, 1.0), ("a", 1.0)])
def test_one_class_alone(label, expected):
    assert all_three([label] * 3, [label] * 3) == [expected] * 3
    assert all_three([label] * 3, [label] * 3, "macro") == [1.0] * 3


def test_probabilities_of_many_classes_stay_macro_where_two_occur():
    y_true, y_pred = np.eye(4)[[0, 0, 3]], np.eye(4)[[0, 3, 3]]
    assert metrics.recall(y_true, y_pred) == (1 / 2 + 1) / 2
    assert metrics.recall([0, 0, 3], [0, 3, 3]) == 1.0
    assert metrics.recall(y_true, y_pred, average="binary") == 1.0


def test_confusion_matrix_of_chosen_labels():
    np.testing.assert_array_equal(
        metrics.confusion_matrix([0, 2], [0, 0], labels=range(3)), [[1, 0, 0], [0] * 3, [1, 0, 0]]
    )
    np.testing.assert_array_equal(metrics.confusion_matrix(list("abb"), list("bba"), labels=["b"]), [[1]])


def test_r2_of_a_constant_target():
    assert metrics.r2_score([2, 2], [2, 2]) == 1.0
    assert metrics.r2_score([2, 2], [2, 3]) == 0.0
    assert metrics.r2_score([0.1] * 3, [0.2] * 3) == 0.0  # the mean of three 0.1 is not 0.1
    assert metrics.r2_score([5.0], [5.0]) == 1.0
    assert metrics.r2_score([[1, 1], [1, 2]], [[1, 1], [2, 2]]) == 0.5


# Forms of input


LABELS, OTHER = np.array([0, 1, 1, 0, 1, 0]), np.array([0, 1, 0, 0, 1, 1])
FORMS = {
    "list": list,
    "column": lambda y: y[:, None],
    "bool": lambda y: y.astype(bool),
    "float": lambda y: y.astype(float),
    "float16 column": lambda y: y[:, None].astype(np.float16),
    "uint8": lambda y: y.astype(np.uint8),
    "objects": lambda y: y.astype(object),
    "big-endian": lambda y: y.astype(">i4"),
    "read-only stride": lambda y: np.broadcast_to(np.repeat(y, 2)[:, None], (12, 1))[::2],
    "Series": lambda y: pd.Series(y, index=range(10, 10 + len(y))),
    "nullable Series": lambda y: pd.Series(y, dtype="Int64"),
    "categories": lambda y: pd.Series(y).astype("category"),
    "DataFrame": lambda y: pd.DataFrame({"y": y}),
    "one-hot": lambda y: np.eye(2)[y],
    "dummies": lambda y: pd.get_dummies(pd.Series(y)),
}


@pytest.mark.parametrize("predicted", FORMS)
@pytest.mark.parametrize("true", FORMS)
def test_every_form_meets_every_other(true, predicted):
    y_true, y_pred = FORMS[true](LABELS), FORMS[predicted](OTHER)
    assert metrics.accuracy(y_true, y_pred) == 4 / 6  # a broadcast (n, n) would give another number
    assert all_three(y_true, y_pred) == [2 / 3] * 3
    np.testing.assert_array_equal(metrics.confusion_matrix(y_true, y_pred), [[2, 1], [1, 2]])


@pytest.mark.parametrize("form", ["list", "column", "objects", "Series", "categories", "DataFrame"])
def test_string_labels(form):
    words = np.array(["no", "yes"])
    assert metrics.f1_score(FORMS[form](words[LABELS]), words[OTHER]) == 2 / 3


def test_bytes_are_text_as_they_are_in_fit():
    words = np.array(["no", "yes"])
    assert metrics.f1_score(words.astype("S")[LABELS], words[OTHER]) == 2 / 3


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_probabilities_of_class_one(shape):
    p = np.array([0.2, 0.9, 0.5, 0.1, 0.51, 1.0], dtype=np.float32).reshape(shape)
    assert metrics.accuracy(LABELS, p) == 4 / 6
    assert metrics.accuracy(np.eye(2)[LABELS], p) == 4 / 6
    assert metrics.precision(LABELS, p) == 2 / 3


def test_whole_floats_are_labels():
    assert metrics.accuracy([0, 1, 2], [0.0, 1.0, 1.0]) == 2 / 3
    assert metrics.accuracy(pd.Series([0.0, 1.0, 2.0]), [[0.0], [1.0], [2.0]]) == 1.0


def test_soft_targets_count_as_their_largest_class():
    assert metrics.accuracy(np.array([[0.9, 0.1], [0.4, 0.6]], dtype=np.float16), [0, 1]) == 1.0


@pytest.mark.parametrize(
    ("y_pred", "expected"),
    [
        ([[0.1, 0.9], [0.5, 0.5]], [1, 0]),
        ([[0.5], [0.6]], [0, 1]),
        ([0.5, 0.6, -3.0, 4.0], [0, 1, 0, 1]),
        ([4, 2, -1], [4, 2, -1]),
        (np.array([[7], [9]], dtype=np.uint8), [7, 9]),
        ([True, False], [1, 0]),
        (np.eye(3, dtype=bool), [0, 1, 2]),
    ],
)
def test_predict_classes(y_pred, expected):
    classes = metrics.predict_classes(y_pred)
    assert classes.dtype == np.int64
    np.testing.assert_array_equal(classes, expected)


def test_inputs_are_left_alone():
    y_true, y_pred = np.eye(3)[[0, 1, 2]], np.random.default_rng(0).dirichlet(np.ones(3), 3)
    before = y_true.copy(), y_pred.copy()
    for row in METRICS.values():
        row.function(y_true, y_pred)
    labels = LABELS.copy()
    metrics.predict_classes(labels)[:] = 9
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_array_equal((y_true, y_pred), before)


# Refusals

BAD_PAIRS = {
    "lengths": ([0, 1], [0, 1, 1], "y_pred must be as long as y_true, 2 rows"),
    "empty": ([], [], "at least one row"),
    "no columns": (np.zeros((3, 0)), [0, 1, 0], "at least one row"),
    "one number": (1, 1, r"shape \(n,\) or \(n, k\)"),
    "three axes": (np.zeros((2, 2, 2)), [0, 1], r"shape \(2, 2, 2\)"),
    "ragged": ([[0], [0, 1]], [0, 1], "y_true must be an array whose rows are of one length"),
    "NaN label": ([0, np.nan], [0, 1], "y_true must be finite. Got nan. See row 1."),
    "NaN probability": ([0, 1], [[0.5, 0.5], [np.nan, 1]], "y_pred must be finite. Got nan. See row 1, column 0."),
    "NaN in a frame": ([0, 1], pd.DataFrame({"a": [0, 1], "b": [1, np.nan]}), "Got nan. See row 1, column 'b'."),
    "infinite label": ([0, np.inf], [0, 1], "y_true must be finite"),
    "words against numbers": (["a", "b"], [0, 1], "of the kind of y_true"),
    "words against probabilities": (["a", "b"], [[0.1, 0.9], [0.2, 0.8]], "classes.predict_classes"),
    "words against scores": (["a", "b"], [0.1, 0.9], "y_pred must be labels, or"),
    "table of words": ([["a", "b"], ["c", "d"]], [0, 1], "single column"),
    "multilabel": ([[1, 1, 0], [0, 1, 0]], [0, 1], "multilabel"),
    "no class in a row": (np.zeros((2, 3), dtype=np.uint8), [0, 1], "multilabel"),
    "huge one-hot": (np.full((2, 3), 1e308), [0, 1], "y_true must be one-hot"),
    "negative one-hot": ([[0.8, -0.3, 0.5], [1, 0, 0]], [0, 1], "y_true must be one-hot"),
    "real-valued truth": ([0.5, 1.5], [0, 1], "y_true must be labels: whole numbers or strings.*r2_score"),
    "huge floats": ([1e300, 0.0], [0, 1], "y_true must be labels"),
    "scores of more than two classes": ([0, 1, 2], [0.1, 0.7, 2.2], "y_pred must be labels, or"),
}


BAD_TYPES = {
    "missing word": (["a", None], ["a", "b"], "y_true must be all numbers or all text. Got None. See row 1."),
    "NaN among words": (["a", np.nan], ["a", "b"], "Got nan. See row 1."),
    "words and numbers in one list": ([0, 1], ["a", 1], "y_pred must be all numbers or all text. Got 1. See row 1."),
    "numbers and words in one list": ([1, "a"], [0, 1], "Got 'a'. See row 1."),
    "missing number in a frame": (
        pd.DataFrame({"y": [0, None]}, dtype=object),
        [0, 1],
        "Got (None|nan). See row 1, column 'y'.",
    ),
    "complex": ([1j, 2], [0, 1], "y_true must be an array of numbers"),
    "dates": (np.array(["2026-01-01"] * 2, dtype="M8[D]"), [0, 1], "y_true must be an array of numbers"),
}


@pytest.mark.parametrize("name", ["accuracy", "confusion_matrix", "r2_score", *AVERAGED])
@pytest.mark.parametrize("case", BAD_TYPES)
def test_other_types_are_refused(case, name):
    y_true, y_pred, message = BAD_TYPES[case]
    with pytest.raises(TypeError, match=message):
        getattr(metrics, name)(y_true, y_pred)


def test_a_missing_number_of_pandas_is_refused():
    with pytest.raises((TypeError, ValueError), match=r"Got (nan|<NA>)\. See row 1\."):  # pandas 3 gives NaN, 2 <NA>
        metrics.accuracy(pd.Series([1, None], dtype="Int64"), [0, 1])


@pytest.mark.parametrize("name", ["accuracy", "confusion_matrix", *AVERAGED])
@pytest.mark.parametrize("case", BAD_PAIRS)
def test_class_metrics_refuse(case, name):
    y_true, y_pred, message = BAD_PAIRS[case]
    with np.errstate(over="raise"), pytest.raises(ValueError, match=message):
        getattr(metrics, name)(y_true, y_pred)


@pytest.mark.parametrize("name", ["r2_score", "mean_squared_error", "mean_absolute_error"])
def test_regression_refuses(name):
    function = getattr(metrics, name)
    with pytest.raises(ValueError, match="as long as y_true, 3 rows"):
        function([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="as wide as y_true, 1 columns"):
        function([1, 2, 3], np.ones((3, 3)))
    with pytest.raises(ValueError, match="y_pred must be finite"):
        function([1, 2], [1, np.nan])
    with pytest.raises(TypeError, match="y_pred must be made of numbers"):
        function([1, 2], ["1", "2"])


def test_column_against_flat_never_broadcasts_in_regression():
    y = np.array([1.0, 2, 3])
    assert metrics.mean_squared_error(y, y[:, None]) == 0
    assert metrics.r2_score(y[:, None], y) == 1


def test_averages_are_looked_up():
    with pytest.raises(ValueError, match="Did you mean 'macro'"):
        metrics.precision([0, 1], [0, 1], average="marco")
    with pytest.raises(TypeError, match=r"'weighted' or None\. Got 2"):
        metrics.recall([0, 1], [0, 1], average=2)
    with pytest.raises(ValueError, match="average must be other than 'binary' for 3 classes"):
        metrics.f1_score([0, 1, 2], [0, 1, 1], average="binary")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 0], "different"),
        ([8, 9], "at least one is in y_true"),
        (["a"], "of the kind of y_true"),
        ([], "at least one row"),
    ],
)
def test_confusion_matrix_refuses_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        metrics.confusion_matrix([0, 1], [1, 1], labels=labels)


def test_predict_classes_refuses():
    with pytest.raises(ValueError, match="finite"):
        metrics.predict_classes([[0.1, np.nan]])
    with pytest.raises(TypeError, match="made of numbers"):
        metrics.predict_classes(["a", "b"])


# Names


def test_class_names_and_static_methods_are_the_functions():
    assert metrics.Accuracy([0, 1], [0, 0]) == 0.5
    assert type(metrics.F1Score([0, 1, 2], [0, 1, 1])) is float
    for name in ("accuracy", "precision", "recall", "f1_score", "r2_score", "confusion_matrix", "predict_classes"):
        assert getattr(Metrics, name) is getattr(metrics, name)
        assert getattr(Metrics(), name) is getattr(metrics, name)


@pytest.mark.parametrize("name", METRICS)
def test_rows_of_the_table(name):
    row = METRICS[name]
    assert row.name == name
    assert resolve(name) is resolve(row) is row
    assert resolve(row.function) == replace(row, name=ALIASES.get(name, name))
    y = np.arange(12) % 3
    right, wrong = np.eye(3)[y], np.eye(3)[(y + np.r_[2, 1, 1, 1, 2, 2, 1, 0, 2, 1, 2, 1]) % 3]
    truth = right if row.takes == "values" else y
    perfect, poor = row.function(truth, right), row.function(truth, wrong)
    assert type(perfect) is type(poor) is float
    assert (perfect > poor) == row.higher_is_better
    assert getattr(Metrics, row.function.__name__) is row.function is getattr(metrics, row.function.__name__)


def test_every_name_is_in_the_table_or_on_the_list():
    assert set(ALIASES.values()) <= METRICS.keys() - ALIASES.keys()
    functions = {row.function for row in METRICS.values()} | {metrics.confusion_matrix, metrics.predict_classes}
    assert {value.__func__ for value in vars(Metrics).values() if isinstance(value, staticmethod)} == functions


def names_that_take(*kinds):
    return [name for name, row in METRICS.items() if row.takes in kinds]


NETWORKS = {  # the link, the loss, the targets, and the metrics that suit them
    "two classes": ("sigmoid", "binary_crossentropy", 1, set(names_that_take("labels", "probabilities"))),
    "three classes": ("softmax", "categorical_crossentropy", 3, set(names_that_take("labels", "probabilities"))),
    "values": ("linear", "mse", 1, set(names_that_take("values"))),
}


@pytest.mark.parametrize("case", NETWORKS)
def test_every_name_in_fit_evaluate_and_history(case):
    link, loss, n_out, names = NETWORKS[case]
    if n_out == 1:
        names = {name for name in names if METRICS[name].function is not metrics.top_k_accuracy}  # of two the best two
    X = np.random.default_rng(0).normal(size=(60, 4))
    y = X[:, 0] if loss == "mse" else (X[:, 0] > 0).astype(int) + (X[:, 1] > 0 if n_out == 3 else 0)
    net = NeuralNetwork([DenseLayer(4, n_out, link)], loss, random_state=0)
    history = net.fit(X, y, epochs=2, metrics=sorted(names), validation_data=(X, y), verbose=0)
    outputs = net.predict(X)
    found = net.evaluate(X, y, sorted(names))
    for name in names:
        assert history[name] == history[f"val_{name}"]
        assert history[name][-1] == pytest.approx(found[name], rel=1e-6)
        predicted = outputs if METRICS[name].takes == "probabilities" or n_out > 1 else outputs[:, 0]
        if METRICS[name].takes == "labels":
            predicted = metrics.predict_classes(outputs)
        assert found[name] == pytest.approx(METRICS[name].function(y, predicted), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("monitor", ["val_auc", "val_log_loss"])
def test_early_stopping_knows_which_way_is_better(monitor):
    assert EarlyStopping(monitor).mode == ("max" if monitor == "val_auc" else "min")


def test_resolve():
    assert resolve(metrics.Precision) is resolve(Metrics.precision) is METRICS["precision"]
    assert resolve("Accuracy") is METRICS["accuracy"]

    def top_two(y_true, y_pred):
        return 0.0

    class Hits:
        def __call__(self, y_true, y_pred):
            return 1

    assert resolve(top_two) == Metric("top_two", top_two, "outputs", None)
    assert resolve(Hits()).name == "Hits"
    with pytest.raises(ValueError, match=r"metric must be one of .*Did you mean 'accuracy'"):
        resolve("acuracy")
    with pytest.raises(TypeError, match="a name, or a function"):
        resolve(3)
