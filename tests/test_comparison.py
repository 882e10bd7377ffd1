"""Comparisons: the document's own case, tests against SciPy, and false alarms and coverage by simulation."""

import numpy as np
import pytest
from scipy import stats

from neural import NeuralNetwork, compare, compare_counts
from neural.comparison import Comparison
from neural.metrics import log_loss
from neural.significance import (
    corrected_resampled_t,
    holm,
    paired_interval,
    rows_needed,
    rows_needed_paired,
    student_p,
    unpaired_interval,
    wilcoxon,
    wilson_interval,
)
from tests.patients import fitted


def test_the_documents_own_case_shows_nothing_and_says_how_many_rows_would():
    found = compare_counts({"sigmoid": (25, 30), "ReLU": (27, 30)})
    assert not found.shown(found.pairs[0])
    (text,) = found.conclusions
    assert text.startswith("sigmoid and ReLU: nothing is shown.")
    assert "takes about 407 test rows for each; there are 30." in text
    assert "p = 0.71 (Fisher's exact test)" in text
    assert found.scores[0].low == pytest.approx(0.664, abs=5e-4)


def predictions(rng, y, accuracy, k=2):
    wrong = (y + rng.integers(1, k, len(y))) % k if k > 2 else 1 - y
    return np.where(rng.random(len(y)) < accuracy, y, wrong)


def test_two_models_on_the_same_rows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 2000)
    found = compare({"good": predictions(rng, y, 0.9, 3), "better": predictions(rng, y, 0.95, 3)}, None, y)
    (pair,) = found.pairs
    a, b = found.scores
    assert pair.difference == pytest.approx(b.value - a.value)
    assert pair.low < pair.difference < pair.high
    assert found.shown(pair)
    assert found.conclusions[0].startswith("better is better than good on rows like these: accuracy differs by")
    assert (a.low, a.high) == wilson_interval(round(a.value * 2000), 2000)


def test_models_probabilities_and_labels_are_all_answers():
    net, _, _, X, y = fitted("iris")
    p = net.predict(X)
    found = compare({"network": net, "probabilities": p, "labels": p.argmax(axis=1)}, X, y)
    assert len(found.pairs) == 3
    assert {score.value for score in found.scores} == {found.scores[0].value}
    assert all("nothing is shown, their accuracy is the same here" in text for text in found.conclusions)
    assert all(pair.rows_needed is None for pair in found.pairs)


def test_estimators_with_text_labels():
    linear = pytest.importorskip("sklearn.linear_model")
    from sklearn.svm import LinearSVC

    _, X, y, X_test, y_test = fitted("iris")
    names = np.array(["a", "b", "c"])
    models = [linear.LogisticRegression().fit(X, names[y]), LinearSVC().fit(X, names[y])]
    found = compare(models, X_test, names[y_test])
    assert [score.name for score in found.scores] == ["model 1", "model 2"]
    assert found.scores[0].value == pytest.approx(models[0].score(X_test, names[y_test]))
    assert found.scores[1].value == pytest.approx(models[1].score(X_test, names[y_test]))


def test_answers_in_one_column_and_in_two_and_targets_of_all_forms():
    net, _, _, X, y = fitted("moons")
    p = net.predict(X)
    for metric in ("accuracy", "log_loss"):
        found = compare([p, np.hstack([1 - p, p])], None, y, metric, n_resamples=20, random_state=0)
        assert found.scores[0].value == pytest.approx(found.scores[1].value)
    iris, X, y, *_ = fitted("iris")
    iris.fit(X, np.array(["a", "b", "c"])[y], epochs=1, verbose=0)
    forms = [y, np.eye(3)[y], np.array(["a", "b", "c"])[y]]
    assert len({compare([iris, iris], X, form).scores[0].value for form in forms}) == 1


def test_the_level_is_shared_among_all_pairs():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 300)
    found = compare({str(k): predictions(rng, y, 0.8) for k in range(4)}, None, y)
    np.testing.assert_allclose([p.adjusted for p in found.pairs], holm([p.p_value for p in found.pairs]))


def test_any_metric_by_resampling():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 400)
    sure = np.clip(np.where(y == 1, 0.7, 0.3) + 0.2 * rng.normal(size=400), 0.01, 0.99)
    unsure = 0.5 + 0.3 * (sure - 0.5)
    found = compare({"sure": sure, "unsure": unsure}, None, y, "log_loss", random_state=0, n_resamples=300)
    assert [s.value for s in found.scores] == pytest.approx([log_loss(y, sure), log_loss(y, unsure)])
    assert found.higher_is_better is False
    assert found.conclusions[0].startswith("sure is better than unsure")
    assert found == compare({"sure": sure, "unsure": unsure}, None, y, "log_loss", random_state=0, n_resamples=300)


def test_values_are_compared_by_mse():
    rng = np.random.default_rng(3)
    y = rng.normal(size=200)
    found = compare({"near": y + 0.1 * rng.normal(size=200), "far": y + rng.normal(size=200)}, None, y, n_resamples=200)
    assert found.metric == "mse"
    assert found.conclusions[0].startswith("near is better than far")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (({"a": [0, 1]}, None, [0, 1]), ValueError, "models must be at least two"),
        (("ab", None, [0, 1]), TypeError, "models must be a dictionary"),
        (({"a": [0, 1], "b": [0, 1, 1]}, None, [0, 1]), ValueError, "y must be as long"),
        (({"a": [0, 1], "b": [0, 1]}, None, []), ValueError, "y must be of one entry"),
        (({"a": [0, 1], "b": [0, np.nan]}, None, [0, 1]), ValueError, "finite"),
        (([fitted("iris")[0]] * 2, None, [0, 1]), TypeError, "X must be rows for the models"),
        (([NeuralNetwork, NeuralNetwork], [[1.0]], [0]), TypeError, "model must be an object with a method predict"),
        (({"a": [0, 1], "b": ["x", "y"]}, None, [0, 1]), ValueError, "y must be made of"),
    ],
)
def test_what_it_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        compare(*arguments)


def test_counts_that_it_refuses():
    with pytest.raises(ValueError, match=r"the counts of a must be \(right, rows\)"):
        compare_counts({"a": 3, "b": (3, 4)})
    with pytest.raises(ValueError, match="successes must be"):
        compare_counts({"a": (5, 4), "b": (3, 4)})


def test_it_is_a_table_and_a_picture():
    pytest.importorskip("matplotlib")
    found = compare_counts({"sigmoid": (25, 30), "ReLU": (27, 30)})
    assert isinstance(found, Comparison)
    assert [line.split()[0] for line in str(found).splitlines()[1:3]] == ["sigmoid", "ReLU"]
    axes = found.plot().axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["ReLU", "sigmoid"]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [found.scores[1].low, found.scores[1].high])


# Tests over folds and data sets ---------------------------------------------------------------------------------------


def test_students_t_is_scipys():
    for degrees in range(1, 41):
        for t in (0, 0.1, 1, -2, 5, 12):
            assert student_p(t, degrees) == pytest.approx(2 * stats.t.sf(abs(t), degrees), abs=1e-13)


def test_the_corrected_t_test_is_its_formula():
    rng = np.random.default_rng(0)
    d = rng.normal(0.02, 0.03, 15)
    t = d.mean() / np.sqrt((1 / 15 + 0.25) * d.var(ddof=1))
    found = corrected_resampled_t(d, 0.25)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(t), 14))
    assert found.low == pytest.approx(d.mean() - stats.t.ppf(0.975, 14) * d.mean() / t)
    assert corrected_resampled_t([0.0, 0.0], 0.1).p_value == 1
    assert corrected_resampled_t([0.1, 0.1], 0.1).p_value == 0


@pytest.mark.parametrize("n", [1, 4, 9, 30, 199])
def test_wilcoxon_is_scipys(n):
    d = np.random.default_rng(n).normal(0.3, 1, n)
    found = wilcoxon(d)
    assert found.p_value == pytest.approx(stats.wilcoxon(d, method="exact").pvalue, abs=1e-12)


def test_wilcoxon_with_ties_zeros_and_many():
    rounded = np.round(np.random.default_rng(0).normal(0.2, 1, 600), 1)
    theirs = stats.wilcoxon(rounded, method="approx", correction=False)
    assert wilcoxon(rounded).p_value == pytest.approx(theirs.pvalue)
    assert wilcoxon([0.0, 0.0]) == (0.0, 0, 1.0)
    ranks = np.array([1.5, 1.5, 3.5, 3.5])  # of 1, 1, 2, 2: each sign as likely as the other
    sums = np.array([ranks[np.array(signs) == 1].sum() for signs in np.ndindex(2, 2, 2, 2)])
    assert wilcoxon([-1, 1, 2, 2]).p_value == pytest.approx(2 * np.mean(sums <= 1.5))
    assert wilcoxon([1, 1, -2, 2]).p_value == pytest.approx(2 * np.mean(sums <= 3.5))


def test_what_the_tests_refuse():
    with pytest.raises(ValueError, match="differences must be"):
        corrected_resampled_t([0.1], 0.1)
    with pytest.raises(ValueError, match="all finite"):
        wilcoxon([0.1, np.nan])
    with pytest.raises(TypeError, match="differences must be numbers"):
        wilcoxon(["a"])
    with pytest.raises(ValueError, match="No test set shows"):
        rows_needed_paired(0.1, 0.1)


# By simulation --------------------------------------------------------------------------------------------------------


def paired_draws(rng, times, n, p_only_a, p_only_b, p_both=0.6):
    return rng.multinomial(n, [p_only_a, p_only_b, p_both, 1 - p_both - p_only_a - p_only_b], times)


def covered(ends, truth):
    return np.mean([low <= truth <= high for low, high in ends])


@pytest.mark.parametrize(("n", "p"), [(30, 0.9), (100, 0.5), (300, 0.97)])
def test_wilsons_interval_covers(n, p):
    k = np.random.default_rng(0).binomial(n, p, 2000)
    assert 0.93 < covered([wilson_interval(int(i), n) for i in k], p) < 0.98


@pytest.mark.parametrize(("n", "a", "b"), [(30, 0.05, 0.15), (200, 0.05, 0.05), (1000, 0.02, 0.04)])
def test_the_paired_interval_covers(n, a, b):
    draws = paired_draws(np.random.default_rng(0), 2000, n, a, b)
    assert 0.935 < covered([paired_interval(int(i), int(j), n) for i, j, _, _ in draws], b - a) < 0.99


@pytest.mark.parametrize(("n", "a", "b"), [(30, 0.8, 0.9), (200, 0.5, 0.5), (100, 0.95, 0.99)])
def test_the_unpaired_interval_covers(n, a, b):
    rng = np.random.default_rng(0)
    ends = [unpaired_interval(int(i), n, int(j), n) for i, j in zip(rng.binomial(n, a, 2000), rng.binomial(n, b, 2000),
                                                                     strict=True)]  # fmt: skip
    assert 0.935 < covered(ends, b - a) < 0.985


def alarms(times, n, seed):
    """Return how often compare shows something about three models that are equally good."""
    rng, shown = np.random.default_rng(seed), 0
    for _ in range(times):
        y = rng.integers(0, 2, n)
        found = compare([predictions(rng, y, 0.8) for _ in range(3)], None, y)
        shown += any(found.shown(pair) for pair in found.pairs)
    return shown / times


def test_false_alarms_of_all_pairs_together_stay_below_the_level():
    assert alarms(400, 100, 0) < 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5


@pytest.mark.nightly
@pytest.mark.parametrize("n", [30, 300, 2000])
def test_false_alarms_of_many_draws(n):
    assert alarms(4000, n, 1) < 0.05 + 2 * (0.05 * 0.95 / 4000) ** 0.5


def test_the_rows_that_are_needed_show_the_difference_four_times_of_five():
    rng, a, b = np.random.default_rng(0), 0.05, 0.12
    n = rows_needed_paired(a, b)
    draws = paired_draws(rng, 1000, n, a, b)
    power = np.mean([stats.binomtest(int(i), int(i + j)).pvalue < 0.05 for i, j, _, _ in draws])
    assert 0.72 < power < 0.85
    n = rows_needed(0.8, 0.9)
    one, two = rng.binomial(n, 0.8, 500), rng.binomial(n, 0.9, 500)
    power = np.mean([stats.fisher_exact([[i, n - i], [j, n - j]]).pvalue < 0.05 for i, j in zip(one, two, strict=True)])
    assert 0.7 < power < 0.86


def swapped(times, n_resamples, seed):
    """Return the p-values of pairs of models that are equally good."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(times):
        y = rng.normal(size=40)
        models = [y + rng.normal(size=40) for _ in range(2)]
        found.append(compare(models, None, y, n_resamples=n_resamples, random_state=rng).pairs[0].p_value)
    return np.array(found)


def test_the_swapping_test_keeps_its_level():
    found = swapped(60, 40, 0)
    assert np.mean(found < 0.05) < 0.05 + 2 * (0.05 * 0.95 / 60) ** 0.5
    assert 0.3 < np.mean(found < 0.5) < 0.7


@pytest.mark.nightly
def test_the_swapping_test_keeps_its_level_over_many_draws():
    found = swapped(500, 200, 1)
    for level in (0.05, 0.2, 0.5):
        assert abs(np.mean(found < level) - level) < 3 * (level * (1 - level) / 500) ** 0.5
