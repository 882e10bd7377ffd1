"""Intervals: Wilson's against SciPy, the bootstrap against a plain loop over rows, and how often both hold."""

from contextlib import suppress
from functools import partial
from statistics import NormalDist
from unittest.mock import patch

import numpy as np
import pytest
from scipy.stats import binomtest

from neural import intervals, metrics
from neural.streams import seed_from

LEVELS = (0.5, 0.9, 0.95, 0.99)


def near(expected):
    return pytest.approx(expected, rel=1e-12, abs=1e-12)


def wilson(successes, trials, level=0.95):
    return tuple(binomtest(successes, trials).proportion_ci(level, method="wilson"))


# Wilson


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("n", [1, 2, 7, 200])
def test_accuracy_has_the_interval_of_scipy(n, level):
    for hits in {0, 1, n // 3, n}:
        y_pred = np.r_[np.ones(hits, int), np.zeros(n - hits, int)]
        value, low, high = metrics.accuracy(np.ones(n, int), y_pred, interval=True, level=level)
        assert (value, low, high) == near((hits / n, *wilson(hits, n, level)))
        assert {type(value), type(low), type(high)} == {float}


def test_proportions_of_part_of_the_rows():
    y, p = [1] * 6 + [0] * 14, [1] * 4 + [0] * 2 + [1] * 5 + [0] * 9  # TP 4, FN 2, FP 5, TN 9
    assert metrics.recall(y, p, interval=True) == near((4 / 6, *wilson(4, 6)))
    assert metrics.precision(y, p, interval=True) == near((4 / 9, *wilson(4, 9)))
    assert metrics.precision(y, p, average="micro", interval=True) == near((13 / 20, *wilson(13, 20)))
    value, low, high = metrics.recall(y, p, average=None, interval=True)
    expected = [(9 / 14, *wilson(9, 14)), (4 / 6, *wilson(4, 6))]
    np.testing.assert_allclose(np.array([value, low, high]).T, expected, rtol=1e-12)


def test_of_no_rows_anything_may_be_true():
    assert metrics.precision([0, 1], [0, 0], interval=True) == (0.0, 0.0, 1.0)
    assert metrics.recall([0, 0], [0, 0], interval=True) == (0.0, 0.0, 1.0)


def test_top_k_has_the_interval_of_scipy():
    p = np.random.default_rng(0).dirichlet(np.ones(5), 40)
    found = metrics.top_k_accuracy(np.arange(40) % 5, p, k=3, interval=True)
    assert found == near((found.value, *wilson(round(40 * found.value), 40)))


# The bootstrap

RNG = np.random.default_rng(1)
N, DRAWS = 25, 60
THREE, PREDICTED = RNG.integers(0, 3, N), RNG.integers(0, 3, N)
P3, TWO, P2 = RNG.dirichlet(np.ones(3), N).round(1), RNG.integers(0, 2, N), RNG.random(N).round(1)
P3 = P3 / P3.sum(axis=1, keepdims=True)
RARE = np.r_[2, RNG.integers(0, 2, N - 1)]  # one row of class 2: many draws lack it
Y, Q = RNG.normal(size=(2, N, 2)).round(1)
CASES = {
    "precision macro": (metrics.precision, THREE, PREDICTED),
    "precision of a rare class": (partial(metrics.precision, average="macro"), RARE, RARE[::-1]),
    "recall weighted": (partial(metrics.recall, average="weighted"), THREE, PREDICTED),
    "f1 binary": (partial(metrics.f1_score, average="binary"), TWO, TWO[::-1]),
    "f1 micro": (partial(metrics.f1_score, average="micro"), RARE, PREDICTED),
    "balanced accuracy": (metrics.balanced_accuracy, RARE, PREDICTED),
    "adjusted": (partial(metrics.balanced_accuracy, adjusted=True), THREE, PREDICTED),
    "correlation": (metrics.matthews_correlation, RARE, PREDICTED),
    "kappa": (partial(metrics.cohen_kappa, labels=range(3), weights="quadratic"), THREE, PREDICTED),
    "log loss": (metrics.log_loss, THREE, P3),
    "brier": (metrics.brier_score, RARE, P3),
    "calibration": (metrics.expected_calibration_error, THREE, P3),
    "area": (metrics.roc_auc, TWO, P2),
    "area one against the rest": (metrics.roc_auc, RARE, P3),
    "area weighted": (partial(metrics.roc_auc, average="weighted"), RARE, P3),
    "area one against one": (partial(metrics.roc_auc, multi_class="ovo"), RARE, P3),
    "area one against one, weighted": (partial(metrics.roc_auc, multi_class="ovo", average="weighted"), RARE, P3),
    "average precision": (metrics.average_precision, TWO, P2),
    "average precision of three": (metrics.average_precision, THREE, P3),
    "mse": (metrics.mean_squared_error, Y, Q),
    "rmse": (metrics.root_mean_squared_error, Y, Q),
    "mae": (metrics.mean_absolute_error, Y, Q),
    "median": (metrics.median_absolute_error, Y, Q),
    "pinball": (partial(metrics.pinball_loss, alpha=0.2), Y, Q),
    "r2": (metrics.r2_score, Y, Q),
    "explained variance": (partial(metrics.explained_variance, multioutput=[1, 3]), Y, Q),
}


def one_by_one(function, y, p, level):
    """Return what the bootstrap is by definition: the function of rows drawn, draw by draw."""
    drawn = np.random.default_rng(seed_from(7)).integers(N, size=(DRAWS, N))
    found = []
    for rows in drawn:
        with suppress(ValueError):  # undefined: left out
            found.append(function(np.asarray(y)[rows], p[rows]))
    assert len(found) > DRAWS / 3
    return np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0)


@pytest.mark.parametrize("case", CASES)
def test_the_bootstrap_is_that_of_a_plain_loop(case):
    function, y, p = CASES[case]
    given = {"interval": True, "level": 0.8, "n_resamples": DRAWS, "random_state": 7}
    found = function(y, p, **given)
    assert found == near((function(y, p), *one_by_one(function, y, p, 0.8)))
    assert found.low < found.high
    with patch.object(intervals, "BLOCK", 2 * N):  # two draws at a time
        assert function(y, p, **given) == near(found)


def test_several_numbers_have_several_intervals():
    given = {"interval": True, "n_resamples": DRAWS, "random_state": 7}
    value, low, high = metrics.mean_absolute_error(Y, Q, multioutput="raw_values", **given)
    for k in range(2):
        assert (value[k], low[k], high[k]) == near(metrics.mean_absolute_error(Y[:, k], Q[:, k], **given))
    value, low, high = metrics.roc_auc(THREE, P3, average=None, **given)
    assert value.shape == low.shape == high.shape == (3,)


def test_with_weights_a_proportion_is_bootstrapped():
    given = {"interval": True, "n_resamples": 500, "random_state": 0}
    plain, ones = (
        metrics.accuracy(TWO, TWO[::-1], **given),
        metrics.accuracy(TWO, TWO[::-1], sample_weight=np.ones(N), **given),
    )
    assert plain.value == ones.value
    assert plain != ones
    assert plain == near((plain.value, *wilson(round(N * plain.value), N)))
    heavy = metrics.accuracy([0, 1], [0, 0], sample_weight=[0, 1], **given)  # draws without weight are left out
    assert heavy == (0.0, 0.0, 0.0)


def test_the_seed_is_all_that_it_depends_on():
    def found(random_state, **options):
        return metrics.roc_auc(TWO, P2, interval=True, n_resamples=50, random_state=random_state, **options)

    assert found(3) == found(3) == found(np.int64(3))
    assert found(3) != found(4)
    assert found(np.random.default_rng(0)) == found(np.random.default_rng(0))
    assert found(None) != found(None)
    narrow, wide = found(3, level=0.5), found(3, level=0.99)
    assert wide.low < narrow.low <= narrow.high < wide.high


def test_intervals_hold_about_as_often_as_they_say():
    """Scores of two normal classes a distance apart: the true area is known, as is accuracy at the middle."""
    rng, apart, held = np.random.default_rng(0), 1.0, {"area": 0, "accuracy": 0, "error": 0}
    area, right = NormalDist().cdf(apart / np.sqrt(2)), NormalDist().cdf(apart / 2)
    for k in range(200):
        y = np.repeat([0, 1], 60)
        scores = rng.normal(size=120) + apart * y
        given = {"interval": True, "level": 0.9, "n_resamples": 200, "random_state": k}
        _, low, high = metrics.roc_auc(y, scores, **given)
        held["area"] += low <= area <= high
        _, low, high = metrics.accuracy(y, (scores > apart / 2).astype(int), **given)
        held["accuracy"] += low <= right <= high
        _, low, high = metrics.mean_squared_error(apart * y, scores, **given)
        held["error"] += low <= 1 <= high
    # 180 expected; 3.5 standard deviations of 200 draws are 15, and bootstrapped intervals are a little short
    assert all(160 <= times <= 195 for times in held.values()), held


def test_refusals():
    for level in (0, 1, 95):
        with pytest.raises(ValueError, match=f"level must be a number between 0 and 1, both excluded. Got {level}"):
            metrics.accuracy([0, 1], [0, 1], interval=True, level=level)
        with pytest.raises(ValueError, match="level must be a number between 0 and 1"):
            metrics.r2_score([0, 1], [0, 1], interval=True, level=level)
    with pytest.raises(ValueError, match="n_resamples must be a whole number of at least 1"):
        metrics.r2_score([0, 1], [0, 1], interval=True, n_resamples=0)
    with pytest.raises(TypeError, match="random_state must be None"):
        metrics.r2_score([0, 1], [0, 1], interval=True, random_state="0")
    with pytest.raises(TypeError, match="levle"):
        metrics.accuracy([0, 1], [0, 1], levle=0.9)
    with pytest.raises(ValueError, match="each of the 2 classes"):
        metrics.roc_auc([1, 1], [0.1, 0.2], interval=True)
