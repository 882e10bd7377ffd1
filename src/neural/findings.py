"""What can be concluded from the results, in sentences that the numbers choose.

No result stands in this file: every claim hangs on a p-value, an interval or a count of starts. The wording is about
the networks that were trained and the rows that they were tried on, and says where that does not carry further.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from neural.comparison import Comparison as ModelComparison
from neural.comparison import compare_counts, p_text
from neural.experiments import (
    DOCUMENT,
    DOCUMENT_TEST_ROWS,
    FIRST_ROWS,
    HELD_OUT_ROWS,
    Comparison,
    Experiment,
    Results,
    Run,
    middle,
    typical,
)
from neural.significance import wilson_interval
from neural.speed import AIM, Speed, whole

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
    """Return how far the seed alone moves a test accuracy: the widest range over the starts of any one network.

    Of the networks for images that have the activation of one of the two compared.
    """
    activations = {results.middle(name).experiment.activation for name in (found.a, found.b)}
    groups = [runs for runs in results.runs.values() if runs[0].experiment.data == "fashion"]
    return max(_range(runs) for runs in groups if runs[0].experiment.activation in activations)


def _range(runs: Iterable[Run]) -> float:
    accuracies = [run.test.accuracy for run in runs]
    return max(accuracies) - min(accuracies)


def shown(found: Comparison, results: Results) -> int:
    """Return 1 if b was shown to be the better choice, -1 if a was, 0 if neither.

    For that the test rows must tell the two networks apart, and the difference must be more than the seed's doing: the
    same way round in every start or, where one of the two has no more than one, larger than :func:`seed_spread`.
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
        "Only one right", "p", "Test cost", "Over-fit in points",
    ]  # fmt: skip


def comparison_row(found: Comparison, results: Results) -> list[str]:
    """Return the numbers of one comparison; where there are two, those of b come first."""
    a, b = results.middle(found.a), results.middle(found.b)
    gaps = (100 * (run.train.accuracy - run.test.accuracy) for run in (b, a))
    return [
        _capital(_context(found, results)),
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
    context = _capital(_context(found, results))
    if found.p_value >= level(results):
        return f"{context}: these test rows do not tell the two networks apart."
    up = found.difference > 0
    better = f"{context}: the better network is the one with {sides(found, results)[0 if up else 1]}"
    ahead, starts = starts_ahead(found, results)
    if starts > 1:
        decides = "" if shown(found, results) else ": the seed decides"
        return f"{better}, which is ahead in {ahead if up else starts - ahead} of {starts} starts{decides}."
    than = "more than" if shown(found, results) else "but not by more than"
    difference, seed = (f"{100 * size:.2f}" for size in (abs(found.difference), seed_spread(found, results)))
    return f"{better}, by {difference} points, {than} the {seed} that a seed can make."


def compared(setting: str, results: Results) -> list[Comparison]:
    """Return the comparisons of networks that differ in this setting."""
    return [each for each in results.comparisons if each.setting == setting]


def verdict(setting: str, results: Results) -> str:
    """Return what the comparisons in one setting come to together; nothing if there is none."""
    found = compared(setting, results)
    if not found:
        return ""
    second, first = sides(found[0], results)
    outcomes = {f"Better with {second}": 1, f"Better with {first}": -1, "Not shown": 0}
    where = {words: [each for each in found if shown(each, results) == sign] for words, sign in outcomes.items()}
    where = {words: there for words, there in where.items() if there}
    if list(where) == ["Not shown"]:
        return f"No difference in test accuracy between {first} and {second} was shown."
    if len(where) == 1:
        times = {1: "the one comparison", 2: "both comparisons"}.get(len(found), f"all {len(found)} comparisons")
        return f"{next(iter(where))} in {times}."
    return " ".join(f"{words}: {_contexts(there, results)}." for words, there in where.items())


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _contexts(found: Iterable[Comparison], results: Results) -> str:
    return "; ".join(_context(each, results) for each in found)


SIDES: dict[str, Callable[[Experiment], str]] = {
    "activation": lambda e: {"relu": "ReLU"}.get(e.activation, e.activation),
    "l2": lambda e: f"l2 = {e.l2:g}",
    "hidden": lambda e: {1: "one hidden layer", 2: "two hidden layers"}.get(len(e.hidden), f"{len(e.hidden)} layers"),
    "rows": lambda e: "all rows" if e.rows is None else f"the first {e.rows:,} rows",
}


def sides(found: Comparison, results: Results) -> tuple[str, str]:
    """Return what b and a are called where the setting in which they differ is all that counts."""
    words = SIDES[found.setting]
    return words(results.middle(found.b).experiment), words(results.middle(found.a).experiment)


def _context(found: Comparison, results: Results) -> str:
    """Return what the two networks have in common, from the shorter of their titles."""
    title = min((results.middle(name).experiment.title for name in (found.a, found.b)), key=len)
    if found.setting != "activation":
        return title
    common = title.partition(", ")[2] or "one hidden layer"
    penalty = results.middle(found.a).experiment.l2
    return common + (f", l2 = {penalty:g}" if penalty else "")


# The document ---------------------------------------------------------------------------------------------------------


def document_counts() -> ModelComparison:
    """Return the document's two test accuracies compared, as counts of right rows."""
    n = DOCUMENT_TEST_ROWS
    rows = {"sigmoid": "sigmoid", "ReLU": "relu"}
    return compare_counts({name: (round((DOCUMENT[row].test_accuracy or 0.0) * n), n) for name, row in rows.items()})


def document_test() -> list[str]:
    """Return what the document's own test accuracies can carry."""
    n, found = DOCUMENT_TEST_ROWS, document_counts()
    a, b = found.scores
    low, high = (interval(score.low, score.high) for score in found.scores)
    right = [round(score.value * n) for score in found.scores]
    accuracies = [DOCUMENT[name].test_accuracy or 0.0 for name in ("sigmoid", "relu")]
    return [
        f"The document does not say how many rows it used. Its training accuracies have four decimals and no more: "
        f"that fits {FIRST_ROWS:,} rows. Its test accuracies, {accuracies[0]} and {accuracies[1]}, fit {right[0]} and "
        f"{right[1]} of {n}, or the same shares of a multiple of {n}; most likely it was {n}.",
        f"{right[0]} of {n} has a 95 % interval of {low}, {right[1]} of {n} one of {high}: they overlap widely.",
        f"To tell accuracies of {a.value:.3f} and {b.value:.3f} apart four times out of five takes about "
        f"{found.pairs[0].rows_needed} test rows for each network.",
    ]


def document_verdict() -> str:
    """Return whether the document's two test accuracies show a difference, by Fisher's exact test.

    >>> document_verdict()
    "Fisher's exact test gives p = 0.71: no difference between the two is shown."
    """
    found = document_counts()
    (pair,) = found.pairs
    shown = "a" if found.shown(pair) else "no"
    return f"{pair.test} gives {p_text(pair.p_value)}: {shown} difference between the two is shown."


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
    n = DOCUMENT_TEST_ROWS
    low, high = wilson_interval(round((theirs.test_accuracy or 0.0) * n), n)
    test = typical(runs, "test accuracy")
    firsts = sorted(run.cost(1) for run in runs)
    outside = not firsts[0] <= theirs.first_cost <= firsts[-1]
    first = (
        f" The first cost does not match: ours is {firsts[0]:.3f} to {firsts[-1]:.3f}, the document's "
        f"{theirs.first_cost:.3f}."
    )
    yield (
        f"{e.title}: {'median ' if span else ''}cost {middle:.4f} {at}{span}; the document has {theirs.last_cost:.4f}, "
        f"so ours is {abs(ratio):.1%} {'higher' if ratio > 0 else 'lower'}. Our test accuracy, {test:.4f}, is "
        f"{'inside' if low <= test <= high else 'outside'} the document's interval, {interval(low, high)}."
        + (first if span and outside else "")
    )


# One network ----------------------------------------------------------------------------------------------------------


def layers(run: Run) -> str:
    """Return the widths of a network, as 784-25-10."""
    weights = run.net.weights
    return "-".join(map(str, [weights[0].shape[1], *(w.shape[0] for w in weights)]))


def accuracy(runs: Sequence[Run]) -> str:
    """Return the accuracies of a network, of several starts the middle one, in a line."""
    run = middle(runs)
    many = f", median of {len(runs)} starts" if len(runs) > 1 else ""
    return (
        f"{run.experiment.title} ({layers(run)}, {run.train.rows:,} rows, l2 = {run.experiment.l2:g}{many}): test "
        f"accuracy {run.test.accuracy:.4f} (95 % interval {interval(run.test.low, run.test.high)}), training "
        f"accuracy {run.train.accuracy:.4f}."
    )


def moons(results: Results) -> list[str]:
    """Return whether the network has learned the noise of its points."""
    runs = results.runs.get("moons")
    if not runs:
        return []
    run, best = results.middle("moons"), results.best_moons
    return [
        f"On its own {run.train.rows} points the network has {run.train.accuracy:.4f}, on {HELD_OUT_ROWS:,} fresh "
        f"ones {run.test.accuracy:.4f} (95 % interval {interval(run.test.low, run.test.high)}).",
        f"The moons overlap. The best rule there is, one that knows how the points were made, has {best['test']:.4f} "
        f"on the fresh points, and {best['train']:.4f} on the {run.train.rows}: no classifier can be expected to do "
        "better on new points.",
        f"{_own_points(run, best['train'])} {_fresh_points(run, best['test'])}",
        _documented_moons(run, best["test"]),
    ]


def _own_points(run: Run, best: float) -> str:
    more = run.train.right - round(best * run.train.rows)
    if run.train.low > run.test.accuracy:
        return (
            f"Its own points it knows far better than fresh ones ({more:+d} of them against the best rule): over-fit."
        )
    if more > 0:
        return (
            f"On its own points the network has {more} more right than the best rule: a little over-fit or luck, "
            "too little to tell."
        )
    return "On its own points the network has no more right than the best rule: no over-fit is seen."


def _fresh_points(run: Run, best: float) -> str:
    if run.test.high >= best:
        return f"On fresh points the best rule's {best:.4f} lies within the network's interval."
    gap, least = (100 * (best - value) for value in (run.test.accuracy, run.test.high))
    return (
        f"On fresh points its accuracy is {gap:.2f} points below the best rule's, and the upper end of its interval "
        f"{least:.2f} points."
    )


def moons_short(results: Results) -> list[str]:
    """Return one line about the moons; none if they were not run."""
    if "moons" not in results.runs:
        return []
    test = results.middle("moons").test
    return [
        f"Moons: accuracy {test.accuracy:.4f} on {test.rows:,} fresh points (95 % interval "
        f"{interval(test.low, test.high)}); the best rule there is has {results.best_moons['test']:.4f}."
    ]


def _documented_moons(run: Run, best: float) -> str:
    theirs = DOCUMENT["moons"].train_accuracy
    low, high = wilson_interval(round(theirs * run.train.rows), run.train.rows)
    tail = (
        "lies inside it, so the figure may be the luck of those points as well as over-fit"
        if low <= best <= high
        else "lies outside it: over-fit"
    )
    return (
        "The document's points and starting weights are not known, so its costs need not be ours. Its accuracy, "
        f"{theirs}, was measured on the training points alone. As {run.train.rows} rows it has a 95 % interval of "
        f"{interval(low, high)}; {best:.3f}, the best possible, {tail}. It says nothing of new points."
    )


def limits(results: Results) -> list[str]:
    """Return what the tests of this page do not cover."""
    single = sum(len(runs) == 1 for runs in results.runs.values())
    return [
        f"{single} of the {len(results.runs)} networks were trained from one seed alone. A p-value compares two "
        "networks as they came out, not two ways of making networks: another seed, or the same one some epochs later, "
        "may turn a small difference round. A few starts show that this happens, not how often.",
        "The test rows chose nothing but which start is in the middle. All comparisons use the same ones.",
        "Accuracies are those of the weights after the last update; they may be worse than those of a few updates "
        "before.",
        "The learning rate, the width and the number of epochs are the document's. A network tuned for itself could do "
        "better; nothing here says which activation is better at its best.",
    ]


# Speed ----------------------------------------------------------------------------------------------------------------


def times(ratio: float) -> str:
    """Return how many times as fast in words, rounded down, so that 9.99 does not look like 10.

    >>> times(9.99), times(0.5), times(23.4)
    ('9.9', '0.5', '23.4')
    """
    return f"{math.floor(10 * ratio) / 10:.1f}"


def speed_verdict(speeds: Sequence[Speed]) -> str:
    """Return whether ``fit`` is at least AIM times as fast as the course's algorithm; one line."""
    odd = [each.experiment.title for each in speeds if not each.agrees]
    if odd:
        return f"fit and the course's algorithm came to different costs ({', '.join(odd)}): their times say nothing."
    groups = [each for each in speeds if each.ratio >= AIM], [each for each in speeds if each.ratio < AIM]
    reached, missed = (", ".join(f"{e.experiment.title} {times(e.ratio)}" for e in group) for group in groups)
    aim = f"fit is to be at least {AIM} times as fast as the course's algorithm on the same machine."
    if not missed:
        return f"{aim} That is reached: {reached} times."
    return f"{aim} That is not reached: {missed} times." + (f" It is reached by {reached}." if reached else "")


def speed_notes(speeds: Sequence[Speed], results: Results) -> list[str]:
    """Return what the times come to for the whole page, and which engine ran."""
    ours, theirs = whole(speeds, results)
    notes = [
        f"The epochs of all networks of this page took {ours:,.0f} s together. At these speeds, in "
        f"proportion to the rows, the course's algorithm would have taken {theirs:,.0f} s, {times(theirs / ours)} "
        "times as long; a second hidden layer is not counted."
    ]
    if any(each.engine != "core" for each in speeds):
        notes.append("fit ran on the NumPy engine: the compiled core is not there, or was not wanted.")
    return notes
