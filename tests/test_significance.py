"""Intervals and exact tests against scipy.stats, and the refusals."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from neural.significance import McNemar, fisher_exact, mcnemar, rows_needed, wilson_interval

FOUND = settings(derandomize=True, deadline=None, max_examples=200)
counts = st.integers(0, 40)


@FOUND
@given(
    st.data(), st.one_of(st.integers(1, 50), st.integers(1, 100_000)), st.sampled_from([0.5, 0.8, 0.95, 0.99, 0.9999])
)
def test_wilson_equals_scipy(data, n, confidence):
    successes = data.draw(st.integers(0, n))
    low, high = wilson_interval(successes, n, confidence)
    expected = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-10, abs=1e-10)
    assert 0 <= low <= successes / n <= high <= 1


def test_wilson_at_the_ends():
    assert wilson_interval(0, 10)[0] == 0.0
    assert wilson_interval(10, 10)[1] == 1.0
    assert wilson_interval(0, 10)[1] == pytest.approx(1 - wilson_interval(10, 10)[0])


def models(only_a, only_b, both=3, neither=2):
    a = np.repeat([True, False, True, False], [only_a, only_b, both, neither])
    b = np.repeat([False, True, True, False], [only_a, only_b, both, neither])
    return a, b


@FOUND
@given(counts, counts)
@example(0, 0)
@example(0, 1)
@example(400, 480)
@example(9_000, 9_400)
def test_mcnemar_equals_the_binomial_test(only_a, only_b):
    result = mcnemar(*models(only_a, only_b))
    expected = stats.binomtest(only_a, only_a + only_b, 0.5).pvalue if only_a + only_b else 1.0
    assert result[:2] == (only_a, only_b)
    assert result.p_value == pytest.approx(expected, rel=1e-10, abs=1e-300)


@pytest.mark.parametrize(("only_a", "only_b"), [(4_800, 5_200), (1_000, 2_500), (24_700, 25_300)])
def test_mcnemar_is_exact_for_many_rows(only_a, only_b):
    n = only_a + only_b
    term = tail = comb(n, only_a)
    for i in range(only_a, max(0, only_a - 3_000), -1):  # what lies below is less than 1e-20 of it
        term = term * i // (n - i + 1)
        tail += term
    expected = float(Fraction(2 * tail, 2**n))
    assert mcnemar(*models(only_a, only_b)).p_value == pytest.approx(expected, rel=1e-12)


def test_mcnemar_returns_plain_numbers_and_no_more_than_one():
    result = mcnemar(*models(5, 5))
    assert result == McNemar(5, 5, 1.0)
    assert [type(value) for value in result] == [int, int, float]
    assert mcnemar([1.0, 0.0], [0, 1]) == McNemar(1, 1, 1.0)


@FOUND
@given(counts, counts, counts, counts)
@example(0, 0, 0, 0)
@example(0, 5, 0, 7)
@example(8_340, 1_660, 8_560, 1_440)
@example(2_000, 0, 0, 2_000)
def test_fisher_equals_scipy(a, b, c, d):
    expected = stats.fisher_exact([[a, b], [c, d]]).pvalue
    assert fisher_exact(a, b, c, d) == pytest.approx(expected, rel=1e-10, abs=1e-300)


@FOUND
@given(counts, counts, counts, counts)
def test_fisher_is_symmetric(a, b, c, d):
    p = fisher_exact(a, b, c, d)
    for table in ((c, d, a, b), (b, a, d, c), (a, c, b, d)):
        assert fisher_exact(*table) == pytest.approx(p, rel=1e-12)


def test_25_of_30_against_27_of_30_shows_nothing():
    assert round(fisher_exact(25, 5, 27, 3), 2) == 0.71
    assert rows_needed(25 / 30, 27 / 30) > 30


# The first three are in the help page of R's power.prop.test, which solves the same equation: n = 76.7; "at least
# n = 74"; n = 50 has power 0.740. The last is a textbook example, 387.3.
@pytest.mark.parametrize(
    ("p_a", "p_b", "power", "expected"),
    [(0.5, 0.75, 0.9, 77), (0.9, 1.0, 0.8, 74), (0.5, 0.75, 0.74, 50), (0.5, 0.6, 0.8, 388)],
)
def test_rows_needed(p_a, p_b, power, expected):
    assert rows_needed(p_a, p_b, power) == rows_needed(p_b, p_a, power) == expected


def test_rows_needed_gives_the_power_it_promises():
    n = rows_needed(0.80, 0.85)
    rng = np.random.default_rng(0)
    a, b = rng.binomial(n, 0.80, 20_000) / n, rng.binomial(n, 0.85, 20_000) / n
    q = (a + b) / 2
    found = np.abs(a - b) > 1.959964 * np.sqrt(2 * q * (1 - q) / n)
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def test_more_confidence_or_power_needs_more_rows():
    base = rows_needed(0.85, 0.87)
    assert rows_needed(0.85, 0.87, power=0.9) > base
    assert rows_needed(0.85, 0.87, confidence=0.99) > base
    assert rows_needed(0.85, 0.86) > base


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: wilson_interval(31, 30), ValueError, "successes must be a whole number"),
        (lambda: wilson_interval(-1, 30), ValueError, "successes must be"),
        (lambda: wilson_interval(0, 0), ValueError, "n must be a whole number of at least 1"),
        (lambda: wilson_interval(0.5, 30), TypeError, "successes must be"),
        (lambda: wilson_interval(1, 30, confidence=1), ValueError, "confidence must be a number between 0 and 1"),
        (lambda: wilson_interval(1, 30, confidence=95), ValueError, "confidence must be"),
        (lambda: mcnemar([1, 0], [1]), ValueError, "correct_b must be as long as correct_a, 2 rows"),
        (lambda: mcnemar([], []), ValueError, "at least one row"),
        (lambda: mcnemar([[1, 0]], [[1, 0]]), ValueError, r"correct_a must be an array of shape \(n,\)"),
        (lambda: mcnemar([3, 2], [1, 0]), ValueError, "y_true == y_pred"),
        (lambda: mcnemar([1, 0], ["a", "b"]), ValueError, "correct_b must be true or false"),
        (lambda: mcnemar([1, np.nan], [1, 0]), ValueError, "correct_a must be true or false"),
        (lambda: fisher_exact(1, 2, -1, 4), ValueError, "c must be a whole number"),
        (lambda: fisher_exact(1, 2.0, 1, 4), TypeError, "b must be a whole number"),
        (lambda: rows_needed(0.8, 0.8), ValueError, "p_b must be different from p_a"),
        (lambda: rows_needed(0.8, 1.2), ValueError, "p_b must be"),
        (lambda: rows_needed(0.8, 0.9, power=0), ValueError, "power must be"),
        (lambda: rows_needed("0.8", 0.9), TypeError, "p_a must be"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
