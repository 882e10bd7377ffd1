"""Sample weights, and the metrics of agreement beyond chance, against scikit-learn and by hand."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from neural import metrics

FOUND = settings(derandomize=True, deadline=None, max_examples=60)
pytestmark = pytest.mark.filterwarnings(
    "ignore:y_pred contains classes",
    "ignore:A single label was found",
    "ignore::sklearn.exceptions.UndefinedMetricWarning",
)


@st.composite
def weighed(draw, zeros=True):
    """Return labels, predictions, and weights or None: with classes that a side lacks, and predictions of one class."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, c = draw(st.integers(1, 40)), draw(st.integers(1, 5))
    y_true, y_pred = rng.integers(0, draw(st.integers(1, c)), n), rng.integers(0, c, n)
    if draw(st.booleans()):
        y_pred[:] = y_pred[0]
    kinds = {"none": None, "real": rng.random(n) + 0.01, "counts": rng.integers(1, 4, n)}
    if zeros:
        kinds["zeros"] = np.r_[1.5, rng.integers(0, 2, n - 1) * rng.random(n - 1)]
    return y_true, y_pred, kinds[draw(st.sampled_from(sorted(kinds)))]


def near(expected):
    return pytest.approx(expected, rel=1e-12, abs=1e-12)


# Against scikit-learn


@FOUND
@given(weighed())
def test_accuracy_and_agreement_equal_scikit_learn(data):
    y, p, w = data
    given = {"sample_weight": w}
    assert metrics.accuracy(y, p, **given) == near(sk.accuracy_score(y, p, **given))
    assert metrics.balanced_accuracy(y, p, **given) == near(sk.balanced_accuracy_score(y, p, **given))
    assert metrics.matthews_correlation(y, p, **given) == near(sk.matthews_corrcoef(y, p, **given))
    ours = metrics.confusion_matrix(y, p, **given)
    assert ours.dtype == (np.int64 if w is None else np.float64)
    np.testing.assert_allclose(ours, sk.confusion_matrix(y, p, **given), rtol=1e-12)


@FOUND
@given(weighed(zeros=False))
def test_weighted_averages_equal_scikit_learn(data):
    y, p, w = data
    for average in ("macro", "micro", "weighted", None):
        theirs = sk.precision_recall_fscore_support(y, p, average=average, zero_division=0, sample_weight=w)[:3]
        for name, expected in zip(("precision", "recall", "f1_score"), theirs, strict=True):
            ours = getattr(metrics, name)(y, p, average=average, sample_weight=w)
            np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


@FOUND
@given(weighed(), st.sampled_from([None, "linear", "quadratic"]))
def test_kappa_equals_scikit_learn(data, weights):
    y, p, w = data
    expected = sk.cohen_kappa_score(y, p, weights=weights, sample_weight=w)
    if np.isnan(expected):
        with pytest.raises(ValueError, match="of at least two classes between them"):
            metrics.cohen_kappa(y, p, weights=weights, sample_weight=w)
    else:
        assert metrics.cohen_kappa(y, p, weights=weights, sample_weight=w) == near(expected)


@FOUND
@given(st.integers(0, 2**32 - 1), st.sampled_from([None, "linear", "quadratic"]))
def test_kappa_of_chosen_labels_equals_scikit_learn(seed, weights):
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 4, (2, 30))
    for labels in ([3, 0, 1], [0, 1, 2, 3, 4, 5]):  # some left out, in another order; some that never occur
        ours = metrics.cohen_kappa(y, p, weights=weights, labels=labels)
        assert ours == near(sk.cohen_kappa_score(y, p, weights=weights, labels=labels))


@FOUND
@given(weighed(zeros=False))
def test_adjusted_balanced_accuracy_equals_scikit_learn(data):
    y, p, w = data
    if len(set(y)) == 1:
        with pytest.raises(ValueError, match="at least two classes for adjusted=True"):
            metrics.balanced_accuracy(y, p, adjusted=True, sample_weight=w)
    else:
        ours = metrics.balanced_accuracy(y, p, adjusted=True, sample_weight=w)
        assert ours == near(sk.balanced_accuracy_score(y, p, adjusted=True, sample_weight=w))


# By hand


def test_a_weight_of_two_is_the_row_twice_and_of_zero_the_row_left_out():
    rng = np.random.default_rng(0)
    y, p, w = rng.integers(0, 3, 20), rng.integers(0, 3, 20), rng.integers(0, 3, 20)
    rows = np.repeat(np.arange(20), w)
    for name in ("accuracy", "precision", "recall", "f1_score", "balanced_accuracy", "cohen_kappa"):
        function = getattr(metrics, name)
        assert function(y, p, sample_weight=w) == near(function(y[rows], p[rows]))
    # Of a class that has rows of weight 0 alone no mean is taken, where scikit-learn takes 0.
    assert metrics.recall([0, 1, 2], [0, 1, 2], sample_weight=[1, 1, 0]) == 1.0


def test_known_agreement():
    y, p = [1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0, 0, 0]  # TP 2, FP 1, FN 1, TN 4
    assert metrics.balanced_accuracy(y, p) == near((2 / 3 + 4 / 5) / 2)
    assert metrics.matthews_correlation(y, p) == near((2 * 4 - 1 * 1) / np.sqrt(3 * 3 * 5 * 5))
    expected_hits = (3 * 3 + 5 * 5) / 64
    assert metrics.cohen_kappa(y, p) == near((6 / 8 - expected_hits) / (1 - expected_hits))
    assert metrics.cohen_kappa(["a", "b"], ["b", "a"]) == -1.0
    assert metrics.matthews_correlation(["a", "b"], ["b", "a"]) == -1.0


def test_correlation_with_one_class_is_exactly_0_whatever_the_weights():
    w = np.random.default_rng(0).random(50)
    y = np.random.default_rng(1).integers(0, 3, 50)
    assert metrics.matthews_correlation(y, np.zeros(50), sample_weight=w) == 0.0
    assert metrics.matthews_correlation(np.zeros(50), y, sample_weight=w) == 0.0


def test_the_scale_of_kappa_is_that_of_the_columns():
    y, p = [0, 0, 3, 3], [0, 3, 3, 2]
    of_columns = metrics.cohen_kappa(y, np.eye(4)[p], weights="linear")
    assert of_columns == metrics.cohen_kappa(y, p, weights="linear", labels=range(4))
    assert of_columns != metrics.cohen_kappa(y, p, weights="linear")  # labels as they occur: 0, 2, 3


def test_refusals():
    with pytest.raises(ValueError, match=r"weights must be one of 'linear', 'quadratic'.*Did you mean 'linear'"):
        metrics.cohen_kappa([0, 1], [0, 1], weights="linar")
    with pytest.raises(TypeError, match=r"weights must be .*Got 2"):
        metrics.cohen_kappa([0, 1], [0, 1], weights=2)
    with pytest.raises(ValueError, match=r"sample_weight must be of shape \(2,\)"):
        metrics.accuracy([0, 1], [0, 1], sample_weight=[1, 2, 3])
    with pytest.raises(ValueError, match=r"sample_weight must be at least 0. Got -1"):
        metrics.confusion_matrix([0, 1], [0, 1], sample_weight=[1, -1])
    with pytest.raises(ValueError, match="for one sample at least"):
        metrics.precision([0, 1], [0, 1], sample_weight=[0, 0])
    with pytest.raises(ValueError, match="sample_weight must be finite"):
        metrics.recall([0, 1], [0, 1], sample_weight=[0, np.nan])
