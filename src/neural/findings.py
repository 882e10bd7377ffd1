"""What can be concluded from the results, in sentences that the numbers choose.

No result stands in this file: every claim hangs on a p-value, an interval or a count of starts. The wording is about
the networks that were trained and the rows that they were tried on, and says where that does not carry further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from neural.experiments import (
    DOCUMENT,
    DOCUMENT_TEST_ROWS,
    HELD_OUT_ROWS,
    Comparison,
    Experiment,
    Results,
    Run,
)
from neural.significance import fisher_exact, rows_needed, wilson_interval

LEVEL = 0.05  # of all comparisons together

QUESTIONS = {
    "activation": "ReLU or sigmoid?",
    "l2": "What did the penalty do?",
    "hidden": "One hidden layer or two?",
    "rows": "What did more rows do?",
}


# Numbers as words -----------------------------------------------------------------------------------------------------


def points(difference: float) -> str:
    """Return a difference of accuracies in points of a hundred, with its sign.

    >>> points(0.0123), points(-0.004)
    ('+1.23', '−0.40')
    """
    return f"{100 * difference:+.2f}".replace("-", "−")


def p_text(p_value: float) -> str:
    """Return a p-value as it is written.

    >>> p_text(0.7134), p_text(0.00321), p_text(3e-9)
    ('p = 0.71', 'p = 0.0032', 'p < 0.0001')
    """
    if p_value < 1e-4:
        return "p < 0.0001"
    return f"p = {p_value:.2f}" if p_value >= 0.095 else f"p = {p_value:.2g}"


def interval(low: float, high: float) -> str:
    """Return an interval of accuracies.

    >>> interval(0.66436, 0.92656)
    '0.664 to 0.927'
    """
    return f"{low:.3f} to {high:.3f}"


# Two networks ---------------------------------------------------------------------------------------------------------


def level(results: Results) -> float:
    """Return what a p-value must stay below: LEVEL shared among all comparisons of the page (Bonferroni)."""
    return LEVEL / max(1, len(results.comparisons))


def starts_ahead(found: Comparison, results: Results) -> tuple[int, int]:
    """Return in how many starts b is ahead of a in the test, and how many starts both have."""
    both = list(zip(results.runs[found.a], results.runs[found.b], strict=False))
    return sum(b.test.accuracy > a.test.accuracy for a, b in both), len(both)


def seed_spread(found: Comparison, results: Results) -> float:
    """Return how far the seed alone moves the test accuracy: the widest range over starts, 0 if there are none.

    Of the two networks compared where one has several starts, else of all networks for images.
    """
    own = [runs for runs in (results.runs[found.a], results.runs[found.b]) if len(runs) > 1]
    others = [runs for runs in results.runs.values() if runs[0].experiment.data == "fashion"]
    return max(_range(run.test.accuracy for run in runs) for runs in own or others)


def _range(values: Iterable[float]) -> float:
    values = list(values)
    return max(values) - min(values)


def shown(found: Comparison, results: Results) -> int:
    """Return 1 if b was shown to be the better choice, -1 if a was, 0 if neither.

    For that the test rows must tell the two networks apart, and the difference must be more than the seed's doing: the
    same way round in every start or, where there is one start, larger than :func:`seed_spread`.
    """
    if found.p_value >= level(results):
        return 0
    sign = 1 if found.difference > 0 else -1
    ahead, starts = starts_ahead(found, results)
    if starts > 1:
        return sign if ahead == (starts if sign > 0 else 0) else 0
    return sign if abs(found.difference) > seed_spread(found, results) else 0


def comparison_head(setting: str, results: Results) -> list[str]:
    """Return the head of the table of comparisons in one setting."""
    found = next(each for each in results.comparisons if each.setting == setting)
    second, first = sides(found, results)
    return [
        "Network", f"Accuracy with {second}", f"with {first}", "Difference in points", "95 % interval",
        "Right with one alone", "p", "Test cost", "Training less test accuracy",
    ]  # fmt: skip


def comparison_row(found: Comparison, results: Results) -> list[str]:
    """Return the numbers of one comparison; where there are two, those of b come first."""
    a, b = results.first(found.a), results.first(found.b)
    gaps = (100 * (run.train.accuracy - run.test.accuracy) for run in (b, a))
    return [
        _context(found, results),
        f"{b.test.accuracy:.4f}",
        f"{a.test.accuracy:.4f}",
        points(found.difference),
        f"{points(found.low)} to {points(found.high)}",
        f"{found.only_b}, {found.only_a}",
        p_text(found.p_value).removeprefix("p = ").removeprefix("p "),
        f"{b.test.cost:.3f}, {a.test.cost:.3f}",
        ", ".join(f"{gap:.1f}" for gap in gaps),
    ]


def meaning(found: Comparison, results: Results) -> str:
    """Return what one comparison of two networks shows."""
    context = _context(found, results)
    if found.p_value >= level(results):
        return f"{context}: these test rows do not tell the two networks apart."
    second, first = sides(found, results)
    up = found.difference > 0
    better = f"{context}: the better network is the one with {second if up else first}"
    ahead, starts = starts_ahead(found, results)
    if starts > 1:
        decides = "" if shown(found, results) else ": the seed decides"
        return f"{better}, which is ahead in {ahead if up else starts - ahead} of {starts} starts{decides}."
    more = "more" if shown(found, results) else "no more"
    return f"{better}, by {more} than the {100 * seed_spread(found, results):.2f} points that the seed alone makes."


def compared(setting: str, results: Results) -> list[Comparison]:
    """Return the comparisons of networks that differ in this setting."""
    return [each for each in results.comparisons if each.setting == setting]


def verdict(setting: str, results: Results) -> str:
    """Return what the comparisons in one setting come to together; nothing if there is none."""
    found = compared(setting, results)
    if not found:
        return ""
    outcomes = [shown(each, results) for each in found]
    up, down = outcomes.count(1), outcomes.count(-1)
    second, first = sides(found[0], results)
    if up == down == 0:
        return f"No difference between {first} and {second} was shown."
    if up and down:
        return f"It depends: better with {second} in {up} of {len(found)} comparisons, with {first} in {down}."
    ahead, count = (second, up) if up else (first, down)
    where = (
        "everywhere it was tried" if count == len(found) else f"in {count} of {len(found)} comparisons, open elsewhere"
    )
    return f"Better with {ahead} {where}."


SIDES: dict[str, Callable[[Experiment], str]] = {
    "activation": lambda e: {"relu": "ReLU"}.get(e.activation, e.activation),
    "l2": lambda e: f"l2 = {e.l2:g}",
    "hidden": lambda e: {1: "one hidden layer", 2: "two hidden layers"}.get(len(e.hidden), f"{len(e.hidden)} layers"),
    "rows": lambda e: "all rows" if e.rows is None else f"the first {e.rows:,} rows",
}


def sides(found: Comparison, results: Results) -> tuple[str, str]:
    """Return what b and a are called where the setting in which they differ is all that counts."""
    words = SIDES[found.setting]
    return words(results.first(found.b).experiment), words(results.first(found.a).experiment)


def _context(found: Comparison, results: Results) -> str:
    """Return what the two networks have in common, from the shorter of their titles."""
    title = min((results.first(name).experiment.title for name in (found.a, found.b)), key=len)
    if found.setting != "activation":
        return title
    common = title.partition(", ")[2] or "one hidden layer"
    return common[0].upper() + common[1:]


# The document ---------------------------------------------------------------------------------------------------------


def document_test() -> list[str]:
    """Return what the document's own test accuracies can carry."""
    n = DOCUMENT_TEST_ROWS
    accuracies = [DOCUMENT[name].test_accuracy or 0.0 for name in ("sigmoid", "relu")]
    right = [round(accuracy * n) for accuracy in accuracies]
    p_value = fisher_exact(right[0], n - right[0], right[1], n - right[1])
    low, high = (interval(*wilson_interval(k, n)) for k in right)
    needed = rows_needed(*(k / n for k in right))
    verdict = "shows a difference" if p_value < LEVEL else "does not show that either is better"
    return [
        f"The sizes of the document's subsets are not stated; they are inferred from its decimals. Its training "
        f"accuracies have four decimals, as of 10,000 rows, and its test accuracies, {accuracies[0]} and "
        f"{accuracies[1]}, are {right[0]} and {right[1]} of {n}, or the same shares of a multiple of {n}; most likely "
        f"it was {n}.",
        f"{right[0]} of {n} has a 95 % interval of {low}, {right[1]} of {n} one of {high}. Fisher's exact test gives "
        f"{p_text(p_value)}: that {verdict}.",
        f"To tell accuracies of {right[0] / n:.3f} and {right[1] / n:.3f} apart four times out of five takes about "
        f"{needed} test rows for each network.",
    ]


def reproduction(results: Results) -> list[str]:
    """Return how near our costs come to the document's, for networks with its settings and rows."""
    return [sentence for name in ("sigmoid_10k", "relu_10k", "package_10k") for sentence in _near(name, results)]


def _near(name: str, results: Results) -> Iterator[str]:
    if name not in results.runs or results.quick:
        return
    runs = results.runs[name]
    e = runs[0].experiment
    theirs = DOCUMENT[e.document]
    costs = sorted(run.cost(theirs.epoch) for run in runs)
    middle = costs[len(costs) // 2]
    ratio = middle / theirs.last_cost - 1
    at = f"at epoch {theirs.epoch}" if theirs.epoch else "at the end"
    span = f", from {costs[0]:.4f} to {costs[-1]:.4f} over {len(costs)} starts" if len(costs) > 1 else ""
    yield (
        f"{e.title}: {'median ' if span else ''}cost {middle:.4f} {at}{span}; the document has {theirs.last_cost:.4f}, "
        f"so ours is {abs(ratio):.1%} {'higher' if ratio > 0 else 'lower'}."
    )


# One network ----------------------------------------------------------------------------------------------------------


def moons(results: Results) -> list[str]:
    """Return whether the network has learned the noise of its points."""
    runs = results.runs.get("moons")
    if not runs:
        return []
    run, best = runs[0], results.best_moons
    return [
        f"On its own {run.train.rows} points the network has {run.train.accuracy:.4f}, on {HELD_OUT_ROWS:,} fresh "
        f"ones {run.test.accuracy:.4f} (95 % interval {interval(run.test.low, run.test.high)}).",
        f"The moons overlap. The best rule there is, one that knows how the points were made, has {best['test']:.4f} "
        f"on the fresh points, and {best['train']:.4f} on the {run.train.rows}: no classifier can be expected to do "
        f"better, and whatever a network has above that on its own points is noise that it has learned.",
        _moons_verdict(run, best),
        _documented_moons(run, best["test"]),
    ]


def _moons_verdict(run: Run, best: dict[str, float]) -> str:
    more = run.train.right - round(best["train"] * run.train.rows)
    if run.train.low > run.test.accuracy:
        first = (
            f"Its own points it knows far better than fresh ones ({more:+d} of them against the best rule): over-fit."
        )
    elif more > 0:
        first = f"On its own points it has {more} more right than the best rule: no more over-fit than chance allows."
    else:
        first = "On its own points it has no more right than the best rule: no over-fit is seen."
    reach = "reaches" if run.test.high >= best["test"] else "stays below"
    short = 100 * (best["test"] - run.test.accuracy)
    return f"{first} On fresh points its interval {reach} the best rule, {short:.2f} points away."


def _documented_moons(run: Run, best: float) -> str:
    theirs = DOCUMENT["moons"].train_accuracy
    low, high = wilson_interval(round(theirs * run.train.rows), run.train.rows)
    tail = (
        "lies inside it, so the figure may be the luck of those points as well as over-fit"
        if low <= best <= high
        else "lies outside it: over-fit"
    )
    return (
        f"The document's {theirs} was measured on the training points alone. As {run.train.rows} rows it has a 95 % "
        f"interval of {interval(low, high)}; {best:.3f}, the best possible, {tail}. It says nothing of new points."
    )


def limits(results: Results) -> list[str]:
    """Return what the tests of this page do not cover."""
    single = sum(len(runs) == 1 for runs in results.runs.values())
    return [
        f"{single} of the {len(results.runs)} networks were trained from one seed alone. A p-value compares two "
        "networks as they came out, not two ways of making networks: another seed, or the same one some epochs later, "
        "may turn a small difference round. A few starts show that this happens, not how often.",
        f"{len(results.comparisons)} comparisons share the level of {LEVEL}: a p-value counts as a difference below "
        f"{level(results):.2g}.",
        "The test rows were not used to choose anything, but all comparisons use the same ones.",
        "The learning rate, the width and the number of epochs are the document's. A network tuned for itself could do "
        "better; nothing here says which activation is better at its best.",
    ]
