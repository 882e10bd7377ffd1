"""The sentences about the results: that numbers choose them."""

from dataclasses import replace

import pytest

from neural import findings
from neural.experiments import Score
from tests.small_demo import full_results, quick_results


def with_score(run, right, rows=10_000):
    score = Score(rows, right, right / rows, right / rows - 0.008, right / rows + 0.008, 0.5)
    return replace(run, test=score)


def scored(results, rights):
    """Return the results with these counts of right test rows, a list for each network: one for each start."""
    runs = {
        name: tuple(with_score(run, right) for run, right in zip(results.runs[name], rights[name], strict=True))
        if name in rights
        else tuple(with_score(run, 8000) for run in results.runs[name])
        for name in results.runs
    }
    return replace(results, runs=runs)


def with_p(results, setting, p_value, difference):
    changed = [
        replace(c, p_value=p_value, difference=difference) if c.setting == setting else replace(c, p_value=1.0)
        for c in results.comparisons
    ]
    return replace(results, comparisons=tuple(changed))


def test_nothing_is_claimed_where_the_rows_do_not_tell():
    results = with_p(quick_results(), "activation", 0.4, 0.02)
    assert (
        findings.verdict("activation", results) == "No difference in test accuracy between sigmoid and ReLU was shown."
    )
    sentences = [findings.meaning(c, results) for c in findings.compared("activation", results)]
    assert all("do not tell the two networks apart" in sentence for sentence in sentences)


def test_a_difference_that_holds_in_every_start_is_claimed():
    rights = {"sigmoid": [8000, 8001, 8002], "relu": [8300, 8301, 8302]}
    results = with_p(scored(quick_results(), rights), "activation", 1e-6, 0.03)
    only = [c for c in results.comparisons if c.a == "sigmoid" and c.setting == "activation"]
    results = replace(results, comparisons=tuple(only))
    assert findings.verdict("activation", results) == "Better with ReLU in the one comparison."
    assert "the one with ReLU, which is ahead in 3 of 3 starts." in findings.meaning(only[0], results)


def test_the_other_way_round_the_other_one_is_named():
    rights = {"sigmoid": [8300, 8301, 8302], "relu": [8000, 8001, 8002]}
    results = with_p(scored(quick_results(), rights), "activation", 1e-6, -0.03)
    results = replace(results, comparisons=results.comparisons[:1])
    assert findings.verdict("activation", results) == "Better with sigmoid in the one comparison."
    assert "the one with sigmoid" in findings.meaning(results.comparisons[0], results)


def test_a_difference_that_a_seed_turns_round_is_not_claimed():
    rights = {"sigmoid": [8000, 8200, 8100], "relu": [8300, 8100, 8200]}
    results = with_p(scored(quick_results(), rights), "activation", 1e-6, 0.03)
    results = replace(results, comparisons=results.comparisons[:1])
    assert findings.shown(results.comparisons[0], results) == 0
    assert "ahead in 2 of 3 starts: the seed decides." in findings.meaning(results.comparisons[0], results)
    assert findings.verdict("activation", results).startswith("No difference")


@pytest.mark.parametrize(
    ("difference", "outcome", "words"),
    [(0.03, 1, "by 3.00 points, more than"), (0.01, 0, "by 1.00 points, but not by more than")],
)
def test_one_start_must_beat_the_spread_of_seeds(difference, outcome, words):
    rights = {
        "sigmoid": [8000, 8100, 8050],
        "sigmoid_10k": [8000, 8200, 8100],
        "relu": [8000, 8500, 8100],
        "moons": [1000, 9000, 5000],
    }
    results = with_p(scored(quick_results(), rights), "hidden", 1e-6, difference)
    found = findings.compared("hidden", results)[0]
    assert (found.a, found.b) == ("sigmoid", "sigmoid_two")
    assert findings.seed_spread(found, results) == pytest.approx(0.02)
    assert findings.shown(found, results) == outcome
    assert f"{words} the 2.00 that a seed can make." in findings.meaning(found, results)


def test_where_the_comparisons_disagree_the_verdict_names_them():
    rights = {name: [8000, 8001, 8002] for name in ("sigmoid", "sigmoid_10k")}
    rights |= {"relu": [8300, 8301, 8302], "relu_10k": [7700, 7701, 7702]}
    results = scored(quick_results(), rights)
    p_values = {"sigmoid": (1e-6, 0.03), "sigmoid_10k": (1e-6, -0.03), "sigmoid_two": (0.5, 0.01)}
    found = [c for c in results.comparisons if c.setting == "activation"]
    changed = [replace(c, p_value=p_values[c.a][0], difference=p_values[c.a][1]) for c in found]
    assert findings.verdict("activation", replace(results, comparisons=tuple(changed))) == (
        "Better with ReLU: one hidden layer, l2 = 0.1. Better with sigmoid: first 10,000 rows, no penalty. "
        "Not shown: two hidden layers, l2 = 0.1."
    )


def test_the_level_is_shared_among_all_comparisons():
    results = quick_results()
    assert findings.level(results) == 0.05 / len(results.comparisons)
    between = (findings.level(results) + 0.05) / 2
    changed = with_p(results, "activation", between, 0.5)
    assert findings.shown(findings.compared("activation", changed)[0], changed) == 0


def test_a_setting_that_was_not_compared_has_no_verdict():
    assert findings.verdict("rows", quick_results()) == ""
    assert findings.verdict("rows", full_results()) != ""


def test_rows_and_heads_of_comparisons_fit():
    results = full_results()
    for setting in findings.QUESTIONS:
        head = findings.comparison_head(setting, results)
        for found in findings.compared(setting, results):
            assert len(findings.comparison_row(found, results)) == len(head)


def test_the_document_compared_25_with_27_of_30():
    text = " ".join([*findings.document_test(), findings.document_verdict()])
    for part in (
        "25 and 27 of 30",
        "0.664 to 0.927",
        "p = 0.71",
        "no difference between the two is shown",
        "407",
        "most likely",
    ):
        assert part in text


def test_moons_are_called_over_fit_only_where_they_are():
    results = quick_results()
    run = results.middle("moons")

    def sentences(train, test):
        scores = [Score(n, k, k / n, k / n - 0.02, k / n + 0.02, 0.2) for n, k in ((500, train), (10_000, test))]
        runs = {**results.runs, "moons": (replace(run, train=scores[0], test=scores[1]),)}
        return findings.moons(replace(results, runs=runs, best_moons={"train": 0.91, "test": 0.915}))[2]

    assert sentences(490, 9000).startswith("Its own points it knows far better")
    assert "8 more right than the best rule" in sentences(463, 9150)
    assert "no over-fit is seen" in sentences(450, 9000)
    assert (
        "its accuracy is 3.50 points below the best rule's, and the upper end of its interval 1.50 points."
        in sentences(450, 8800)
    )


def test_reproduction_names_the_ratio_in_a_full_run_alone():
    assert findings.reproduction(quick_results()) == []
    sentences = findings.reproduction(full_results())
    assert [s.split(":")[0] for s in sentences] == [
        "Sigmoid, first 10,000 rows, no penalty",
        "ReLU, first 10,000 rows, no penalty",
        "Package example, first 10,000 rows",
    ]
    costs = sorted(run.cost() for run in full_results().runs["relu_10k"])
    assert f"median cost {costs[2]:.4f}" in sentences[1]
    assert f"{costs[2] / 0.1653 - 1:.1%} higher" in sentences[1]
    low, high = findings.wilson_interval(27, 30)
    assert f"the document's interval, {low:.3f} to {high:.3f}." in sentences[1]
    firsts = [run.cost(1) for run in full_results().runs["relu_10k"]]
    outside = not min(firsts) <= 1.224 <= max(firsts)
    assert (f"ours is {min(firsts):.3f} to {max(firsts):.3f}, the document's 1.224." in sentences[1]) == outside
