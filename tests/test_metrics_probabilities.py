"""Log loss, Brier score, calibration, top-k and the areas: against scikit-learn, plain loops and by hand."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from neural import metrics

FOUND = settings(derandomize=True, deadline=None, max_examples=60)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:sklearn")
OF_PROBABILITIES = ("log_loss", "brier_score", "expected_calibration_error")
OF_SCORES = ("roc_auc", "average_precision")


def near(expected):
    return pytest.approx(expected, rel=1e-12, abs=1e-12)


@st.composite
def predicted(draw, low=3, high=5):
    """Return true columns, probabilities (n, K), weights or None, and K: ties, zeros, constants, missing classes."""
    rng, k, n = (
        np.random.default_rng(draw(st.integers(0, 2**32 - 1))),
        draw(st.integers(low, high)),
        draw(st.integers(1, 40)),
    )
    y = rng.integers(0, draw(st.integers(1, k)), n)
    counts = rng.integers(0, draw(st.sampled_from([2, 4, 1000])), (n, k))  # few values: many ties
    counts[counts.sum(axis=1) == 0] = 1
    if draw(st.booleans()):
        counts[:] = counts[0]
    kinds = {"none": None, "real": rng.random(n) + 0.01, "zeros": np.r_[1.5, rng.integers(0, 2, n - 1)]}
    return y, counts / counts.sum(axis=1, keepdims=True), kinds[draw(st.sampled_from(sorted(kinds)))], k


def or_refused(function, expected, *args, **options):
    """Check that what scikit-learn calls NaN is refused, and anything else is equal."""
    if np.isnan(expected).any():
        with pytest.raises(ValueError, match=r"y_true must be of rows of each of the . classes, with weight above 0"):
            function(*args, **options)
    else:
        np.testing.assert_allclose(function(*args, **options), expected, rtol=1e-12, atol=1e-12)


# Against scikit-learn


@FOUND
@given(predicted())
def test_of_many_classes_equal_scikit_learn(data):
    y, p, w, k = data
    given = {"labels": range(k), "sample_weight": w}
    assert metrics.log_loss(y, p, sample_weight=w) == near(sk.log_loss(y, p, **given))
    assert metrics.brier_score(y, p, sample_weight=w) == near(sk.brier_score_loss(y, p, **given))
    for top in range(1, k):
        assert metrics.top_k_accuracy(y, p, k=top, sample_weight=w) == near(
            sk.top_k_accuracy_score(y, p, k=top, **given)
        )


@FOUND
@given(predicted(2, 2))
def test_of_two_classes_equal_scikit_learn(data):
    y, p, w, _ = data
    one = p[:, 1]
    for ours in (one, one[:, None], p):
        assert metrics.log_loss(y, ours, sample_weight=w) == near(sk.log_loss(y, one, labels=[0, 1], sample_weight=w))
        expected = sk.brier_score_loss(y, one, sample_weight=w, pos_label=1)
        assert metrics.brier_score(y, ours, sample_weight=w) == near(expected)
    expected = sk.top_k_accuracy_score(y, one, k=1, labels=[0, 1], sample_weight=w)
    assert metrics.top_k_accuracy(y, one, k=1, sample_weight=w) == near(expected)


@FOUND
@given(predicted(2, 2))
def test_areas_of_two_classes_equal_scikit_learn(data):
    y, p, w, _ = data
    kept = np.ones(len(y), bool) if w is None else w > 0
    both, scores = len(set(y[kept])) == 2, np.log(p[:, 1] + 0.01)
    expected = sk.roc_auc_score(y, scores, sample_weight=w) if both else np.nan
    for ours in (scores, scores[:, None], np.c_[-scores, scores]):
        or_refused(metrics.roc_auc, expected, y, ours, sample_weight=w)
    # Without a positive row scikit-learn says 0.
    expected = sk.average_precision_score(y, scores, sample_weight=w) if 1 in y[kept] else np.nan
    or_refused(metrics.average_precision, expected, y, scores, sample_weight=w)


@FOUND
@given(predicted())
def test_areas_one_against_the_rest_equal_scikit_learn(data):
    y, p, w, k = data
    kept = np.ones(len(y), bool) if w is None else w > 0
    some, every = len(set(y[kept])) > 1, len(set(y[kept])) == k
    one_hot = np.eye(k, dtype=int)[y]
    for average in ("macro", "weighted", None):
        given = {"average": average, "sample_weight": w}
        there = every or (some and average == "weighted")
        expected = sk.roc_auc_score(y, p, multi_class="ovr", labels=range(k), **given) if there else np.nan
        or_refused(metrics.roc_auc, expected, y, p, **given)
        there = every or average == "weighted"  # of a class without rows scikit-learn says 0
        expected = sk.average_precision_score(one_hot, p, **given) if there else np.nan
        or_refused(metrics.average_precision, expected, y, p, **given)


@FOUND
@given(predicted(), st.sampled_from(["macro", "weighted"]))
def test_areas_one_against_one_equal_scikit_learn(data, average):
    y, p, _, k = data
    expected = np.nan
    if len(set(y)) > 1:
        expected = sk.roc_auc_score(y, p, multi_class="ovo", labels=range(k), average=average)
    or_refused(metrics.roc_auc, expected, y, p, multi_class="ovo", average=average)


# By hand


def calibration_by_loop(y, p, n_bins, w):
    total = 0.0
    for m in range(1, n_bins + 1):
        rows = [i for i in range(len(y)) if (m - 1) / n_bins < max(p[i]) <= m / n_bins]
        hits = sum(w[i] * (list(p[i]).index(max(p[i])) == y[i]) for i in rows)
        total += abs(hits - sum(w[i] * max(p[i]) for i in rows))
    return total / sum(w)


@FOUND
@given(predicted(low=2), st.sampled_from([1, 2, 10, 15]))
def test_calibration_equals_a_plain_loop(data, n_bins):
    y, p, w, _ = data
    ours = metrics.expected_calibration_error(y, p, n_bins=n_bins, sample_weight=w)
    assert ours == near(calibration_by_loop(y, p, n_bins, np.ones(len(y)) if w is None else w))


def test_known_values():
    y, p = [0, 1, 1], [[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]]
    assert metrics.log_loss(y, p) == near(-np.log(0.8 * 0.4 * 0.9) / 3)
    assert metrics.brier_score(y, p) == near((0.04 + 0.36 + 0.01) / 3)
    # two bins: all above 1/2, two of three right, mean confidence 2.3 / 3
    assert metrics.expected_calibration_error(y, p, n_bins=2) == near(0.1)
    assert metrics.roc_auc(y, p) == 1.0
    assert metrics.roc_auc([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]) == 0.5
    assert metrics.roc_auc([0, 1, 0, 1], [-1e308, 1e308, 0, 1e308]) == 1.0  # their difference overflows
    assert metrics.average_precision([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]) == 0.5
    assert metrics.log_loss([1], [0.0]) == near(-np.log(np.finfo(float).eps))
    assert metrics.log_loss([1], np.zeros(1, np.float32)) == near(-np.log(float(np.finfo(np.float32).eps)))


def test_of_equal_scores_the_later_column_is_ahead():
    flat = np.full((4, 4), 0.25)
    assert [metrics.top_k_accuracy(range(4), flat, k=k) for k in (1, 2, 3)] == [1 / 4, 2 / 4, 3 / 4]
    assert metrics.top_k_accuracy([3, 3, 3, 3], flat, k=1) == 1.0
    assert metrics.accuracy([3, 3, 3, 3], flat) == 0.0


def test_one_against_one_takes_weights_that_scikit_learn_refuses():
    rng = np.random.default_rng(0)
    y, p, w = rng.integers(0, 3, 40), rng.dirichlet(np.ones(3), 40), rng.integers(0, 3, 40)
    rows = np.repeat(np.arange(40), w)
    for average in ("macro", "weighted"):
        given = {"multi_class": "ovo", "average": average}
        assert metrics.roc_auc(y, p, sample_weight=w, **given) == near(metrics.roc_auc(y[rows], p[rows], **given))


# Forms of input


@pytest.mark.parametrize("name", [*OF_PROBABILITIES, *OF_SCORES, "top_k_accuracy"])
def test_the_classes_of_columns(name):
    rng, function = np.random.default_rng(0), getattr(metrics, name)
    y, p = np.r_[0, 1, 2, rng.integers(0, 3, 20)], rng.dirichlet(np.ones(3), 23)
    words = np.array(["ant", "bee", "cat"])
    expected = function(y, p)
    for form in (np.eye(3)[y], pd.get_dummies(pd.Series(y)), words[y], y + 1, y.astype(float), pd.Series(y)):
        assert function(form, p) == expected
    assert function(words[y], p[:, ::-1], labels=words[::-1]) == pytest.approx(function(2 - y, p[:, ::-1]), rel=1e-12)
    few = np.minimum(y, 1)
    given = {"average": "weighted"} if name in OF_SCORES else {}
    assert function(words[few], p, labels=words, **given) == function(few, p, **given)
    with pytest.raises(ValueError, match=r"labels must be the classes of the 3 columns.*Got \['ant', 'bee'\]. Pass"):
        function(words[few], p)
    with pytest.raises(ValueError, match=r"labels must be the classes of the 3 columns.*Got \[0, 1\]\.$"):
        function(few, p, labels=[0, 1])
    with pytest.raises(ValueError, match=r"made of the labels \['ant', 'bee', 'dog'\]. Got 'cat'. See row 2"):
        function(words[y], p, labels=["ant", "bee", "dog"])
    with pytest.raises(ValueError, match="one-hot with 3 columns"):
        function(np.eye(4)[y], p)


def test_the_second_of_two_labels_is_positive():
    p = [0.1, 0.4, 0.35, 0.8]
    for y in ([0, 0, 1, 1], [-1, -1, 1, 1], [1, 1, 2, 2], ["no", "no", "yes", "yes"], [False, False, True, True]):
        assert metrics.roc_auc(y, p) == 0.75
        assert metrics.brier_score(y, p) == near(np.mean(np.square([0.1, 0.4, 0.65, 0.2])))


# Refusals


@pytest.mark.parametrize("name", OF_PROBABILITIES)
@pytest.mark.parametrize(
    ("y_pred", "message"),
    [
        ([[0.5, 0.4], [0.5, 0.5]], "y_pred must be probabilities: every row sums to 1. Got 0.9. See row 0"),
        ([[1.5, -0.5], [0.5, 0.5]], "y_pred must be probabilities, from 0 to 1. Got -0.5. Scores go to roc_auc"),
        ([0.5, 3.0], "y_pred must be probabilities, from 0 to 1. Got -2.0"),
        ([0.5, np.nan], "y_pred must be finite. Got nan. See row 1"),
        ([0.5, 0.5, 0.5], "as long as y_true, 2 rows"),
    ],
)
def test_what_is_no_probability_is_refused(name, y_pred, message):
    with pytest.raises(ValueError, match=message):
        getattr(metrics, name)([0, 1], y_pred)


def test_other_refusals():
    p = np.full((3, 3), 1 / 3)
    with pytest.raises(TypeError, match="y_pred must be made of numbers"):
        metrics.log_loss([0, 1], ["0", "1"])
    with pytest.raises(ValueError, match="y_true must be labels"):
        metrics.roc_auc([0.5, 1.5], [0.5, 0.5])
    with pytest.raises(ValueError, match=r"k must be below the number of classes, 3. Got 3"):
        metrics.top_k_accuracy([0, 1, 2], p, k=3)
    with pytest.raises(ValueError, match="k must be a whole number of at least 1"):
        metrics.top_k_accuracy([0, 1, 2], p, k=0)
    with pytest.raises(ValueError, match="n_bins must be a whole number of at least 1"):
        metrics.expected_calibration_error([0, 1, 2], p, n_bins=0)
    with pytest.raises(ValueError, match="multi_class must be one of 'ovo', 'ovr'"):
        metrics.roc_auc([0, 1, 2], p, multi_class="raise")
    with pytest.raises(ValueError, match="Did you mean 'macro'"):
        metrics.average_precision([0, 1, 2], p, average="marco")
    with pytest.raises(TypeError, match=r"average must be one of 'macro', 'weighted'\. Got None"):
        metrics.roc_auc([0, 1, 2], p, multi_class="ovo", average=None)
    with pytest.raises(ValueError, match=r"of rows of each of the 2 classes, with weight above 0\. Got \[1\]\.$"):
        metrics.roc_auc([1, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match=r"each of the 3 classes.*Got \[0, 1\]. average='weighted' passes"):
        metrics.average_precision([0, 1, 1], p)
