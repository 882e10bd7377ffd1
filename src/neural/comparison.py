"""Is one model better than another? Tests on the same rows, intervals, and how many rows a difference would need.

A difference counts as shown only where its p-value, corrected for all pairs that were looked at, is below 1 - level.
What is compared are models as they stand: another start or another training set would add to the intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from neural import canvas, metrics, notebook, significance
from neural.errors import check_number, sentence
from neural.metrics import Metric
from neural.models import Judged, judged
from neural.streams import seed_from

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]
POWER = 0.8  # with which the rows that would be needed show the difference


@dataclass(frozen=True)
class Score:
    """One model's number on ``rows`` rows, with its interval."""

    name: str
    value: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Pair:
    """Two models: the score of b less that of a, its interval, and the p-value, alone and among all pairs (Holm).

    ``rows_needed`` would show a difference of this size four times out of five; None where that cannot be said.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    p_value: float
    adjusted: float
    test: str
    rows_needed: int | None = None


@dataclass(frozen=True)
class Comparison:
    """What :func:`compare` returns; as text a table and what can be concluded from it."""

    metric: str
    scores: tuple[Score, ...]
    pairs: tuple[Pair, ...]
    level: float
    higher_is_better: bool | None = True

    def shown(self, pair: Pair) -> bool:
        """Return whether this pair's difference is shown."""
        return pair.adjusted < 1 - self.level

    @property
    def conclusions(self) -> list[str]:
        """A sentence for each pair."""
        return [self._conclusion(pair) for pair in self.pairs]

    def _conclusion(self, pair: Pair) -> str:
        p = p_text(pair.adjusted) + (f" ({pair.test}{', corrected for all pairs' if len(self.pairs) > 1 else ''})")
        if self.shown(pair) and self.higher_is_better is None:
            return f"{pair.a} and {pair.b} are not alike: {self._size(pair)}, {p}."
        if self.shown(pair):
            better, worse = (pair.b, pair.a) if (pair.difference > 0) == self.higher_is_better else (pair.a, pair.b)
            return f"{better} is better than {worse} on rows like these: {self._size(pair)}, {p}."
        if pair.difference == 0:
            return f"{pair.a} and {pair.b}: nothing is shown, their {self.metric} is the same here."
        needed = "" if pair.rows_needed is None else (
            f" To show a difference of this size four times out of five takes about {pair.rows_needed:,} test rows"
            f"{' for each' if 'Fisher' in pair.test else ''}; there are {self.rows:,}."
        )  # fmt: skip
        return f"{pair.a} and {pair.b}: nothing is shown. {self._size(pair)}, {p}.{needed}"

    def _size(self, pair: Pair) -> str:
        text = f"{self.metric} differs by {abs(pair.difference):.3g}"
        signs = (pair.low, pair.high) if pair.difference > 0 else (-pair.high, -pair.low)
        return f"{text} ({self.level:.0%} interval {signs[0]:.3g} to {signs[1]:.3g})"

    @property
    def rows(self) -> int:
        """The test rows; of models with rows of their own, the fewest."""
        return min(score.rows for score in self.scores)

    def _repr_html_(self) -> str:
        return notebook.as_printed(str(self), wrap=True)

    def __str__(self) -> str:
        wide = max(len(score.name) for score in self.scores)
        lines = [f"{'':{wide}}  {self.metric:>10}  {self.level:.0%} interval"]
        lines += [f"{s.name:{wide}}  {s.value:10.4f}  {s.low:.4f} to {s.high:.4f}" for s in self.scores]
        return "\n".join([*lines, "", *self.conclusions])

    __repr__ = __str__

    @canvas.style()
    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw each model's number with its interval."""
        figure, axes = canvas.panel(ax, 5.6, 0.9 + 0.4 * len(self.scores))
        for k, score in enumerate(reversed(self.scores)):
            axes.plot([score.low, score.high], [k, k], color=canvas.COLOURS[0], linewidth=2)
            axes.plot(score.value, k, "o", color=canvas.COLOURS[0])
        axes.set_yticks(range(len(self.scores)), [score.name for score in reversed(self.scores)])
        axes.set_ylim(-0.6, len(self.scores) - 0.4)
        axes.set_xlabel(f"{self.metric.replace('_', ' ').capitalize()}, {self.level:.0%} interval")
        axes.grid(True, axis="x", color="0.9", linewidth=0.8)
        return figure


def p_text(p_value: float) -> str:
    """Return a p-value as it is written.

    >>> p_text(0.7134), p_text(0.00321), p_text(3e-9)
    ('p = 0.71', 'p = 0.0032', 'p < 0.0001')
    """
    if p_value < 1e-4:
        return "p < 0.0001"
    return f"p = {p_value:.2f}" if p_value >= 0.095 else f"p = {p_value:.2g}"


# Models on the same rows ----------------------------------------------------------------------------------------------


def compare(
    models: Mapping[str, Any] | Sequence[Any],
    X: Any,
    y: Any,
    metric: Any = None,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: Any = None,
) -> Comparison:
    """Compare two models or more on the same rows, that none of them was trained on or chosen by.

    Accuracy: Wilson's intervals, McNemar's exact test, and the interval of Agresti and Min. Any other metric: bootstrap
    intervals, of the difference over the same resamples, and a test that swaps what two models say of a row at random
    (E. S. Edgington, Randomization Tests, 1987).

    Parameters
    ----------
    models : {name: model}, or a list. A model has ``predict_proba`` or ``predict``; what it predicted, an array, does
        as well, and then X may be None.
    metric : a name or function of metrics.py; None is accuracy for classes and mse for values.
    level : of the intervals; all pairs together claim a difference that is not there with probability 1 - level.

    >>> y = np.arange(30) % 2
    >>> sigmoid, relu = y.copy(), y.copy()
    >>> sigmoid[:5], relu[3:6] = 1 - y[:5], 1 - y[3:6]   # 25 and 27 right
    >>> print(compare({"sigmoid": sigmoid, "ReLU": relu}, None, y))
               accuracy  95% interval
    sigmoid      0.8333  0.6644 to 0.9266
    ReLU         0.9000  0.7438 to 0.9654
    <BLANKLINE>
    sigmoid and ReLU: nothing is shown. accuracy differs by 0.0667 (95% interval -0.0727 to 0.198), p = 0.62 \
(McNemar's exact test). To show a difference of this size four times out of five takes about 234 test rows; there \
are 30.
    """
    named = _named(models)
    level = significance.inside("level", level)
    n_resamples = check_number("n_resamples", n_resamples, low=10, whole=True)
    asked = [judged(model, X, y) for _, model in named]
    if len({one.classifies for one in asked}) > 1:
        raise ValueError(sentence("models", "all classifiers or none of them", [name for name, _ in named]))
    chosen = metrics.resolve(("accuracy" if asked[0].classifies else "mse") if metric is None else metric)
    names = [name for name, _ in named]
    if chosen.function is metrics.accuracy:
        if not asked[0].classifies:
            raise ValueError(sentence("metric", "one of values, such as 'mse', for models of values", chosen.name))
        return _accuracies(names, [one.right for one in asked], level)
    return _by_resampling(names, asked, chosen, level, n_resamples, seed_from(random_state))


def _named(models: Any) -> list[tuple[str, Any]]:
    if isinstance(models, Mapping):
        found = [(str(name), model) for name, model in models.items()]
    elif isinstance(models, list | tuple):
        found = [(f"model {k}", model) for k, model in enumerate(models, 1)]
    else:
        raise TypeError(sentence("models", "a dictionary from names to models, or a list of models", models))
    if len(found) < 2:
        raise ValueError(sentence("models", "at least two", models))
    return found


def _accuracies(names: list[str], right: list[Array], level: float) -> Comparison:
    n = len(right[0])
    counts = [int(np.count_nonzero(one)) for one in right]
    scores = [
        Score(name, k / n, *significance.wilson_interval(k, n, level), n) for name, k in zip(names, counts, strict=True)
    ]
    pairs = []
    for i, j in combinations(range(len(names)), 2):
        only_a, only_b, p_value = significance.mcnemar(right[i], right[j])
        needed = None if only_a == only_b else significance.rows_needed_paired(only_a / n, only_b / n, POWER, level)
        low, high = significance.paired_interval(only_a, only_b, n, level)
        pairs.append(
            Pair(names[i], names[j], (only_b - only_a) / n, low, high, p_value, p_value, "McNemar's exact test", needed)
        )
    return Comparison("accuracy", tuple(scores), _corrected(pairs), level)


def _corrected(pairs: list[Pair]) -> tuple[Pair, ...]:
    adjusted = significance.holm([pair.p_value for pair in pairs])
    return tuple(Pair(**{**vars(pair), "adjusted": float(p)}) for pair, p in zip(pairs, adjusted, strict=True))


# Counts of right answers ----------------------------------------------------------------------------------------------


def compare_counts(counts: Mapping[str, tuple[int, int]], *, level: float = 0.95) -> Comparison:
    """Compare models of which only {name: (right, rows)} is known, by Fisher's exact test, as if on rows of their own.

    Newcombe's interval of the difference. On the same rows :func:`compare` sees more.

    >>> found = compare_counts({"sigmoid": (25, 30), "ReLU": (27, 30)})
    >>> found.pairs[0].rows_needed, round(found.pairs[0].p_value, 2)
    (407, 0.71)
    """
    level, named = significance.inside("level", level), _named(counts)
    for name, value in named:
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise ValueError(sentence(f"the counts of {name}", "(right, rows)", value))
    table = {name: (value[0], value[1]) for name, value in named}
    scores = tuple(Score(name, k / n, *significance.wilson_interval(k, n, level), n) for name, (k, n) in table.items())
    pairs = []
    for a, b in combinations(scores, 2):
        (k, n), (m, o) = table[a.name], table[b.name]
        p_value = significance.fisher_exact(k, n - k, m, o - m)
        needed = None if a.value == b.value else significance.rows_needed(a.value, b.value, POWER, level)
        interval = significance.unpaired_interval(k, n, m, o, level)
        difference = b.value - a.value
        pairs.append(Pair(a.name, b.name, difference, *interval, p_value, p_value, "Fisher's exact test", needed))
    return Comparison("accuracy", scores, _corrected(pairs), level)


# Any other metric -----------------------------------------------------------------------------------------------------


def _by_resampling(
    names: list[str], asked: list[Judged], metric: Metric, level: float, n_resamples: int, seed: int
) -> Comparison:
    n, rng = len(asked[0].truth), np.random.default_rng(seed)
    if len({one.outputs.shape for one in asked}) > 1:
        asked = [one.of_two_columns() for one in asked]
    if any(one.outputs.shape != asked[0].outputs.shape or (one.truth != asked[0].truth).any() for one in asked):
        shapes = [one.outputs.shape for one in asked]
        raise ValueError(
            sentence("what the models predict", f"of one shape and the same classes for {metric.name}", shapes)
        )
    values = np.array([one.score(metric) for one in asked])
    draws = _bootstrapped(asked, metric, n_resamples, rng)
    tails = [(1 - level) / 2, (1 + level) / 2]
    scores = tuple(
        Score(name, float(value), float(np.quantile(drawn, tails[0])), float(np.quantile(drawn, tails[1])), n)
        for name, value, drawn in zip(names, values, draws, strict=True)
    )
    pairs = []
    for i, j in combinations(range(len(names)), 2):
        low, high = np.quantile(draws[j] - draws[i], tails).tolist()
        p_value = _swapped_p(asked[i], asked[j], metric, n_resamples, rng)
        pairs.append(
            Pair(
                names[i], names[j], float(values[j] - values[i]), low, high, p_value, p_value, "rows swapped at random"
            )
        )
    return Comparison(metric.name, scores, _corrected(pairs), level, metric.higher_is_better)


def _bootstrapped(asked: list[Judged], metric: Metric, n_resamples: int, rng: np.random.Generator) -> Array:
    """Return the metric of each model, (models, n_resamples), of the same draws of rows; undefined draws left out."""
    n, found = len(asked[0].truth), []
    for _ in range(n_resamples):
        rows = rng.integers(n, size=n)
        try:
            found.append([Judged(one.truth[rows], one.outputs[rows], one.classifies).score(metric) for one in asked])
        except ValueError:  # such as a class without rows
            continue
    if len(found) < n_resamples / 2:
        raise ValueError(sentence("y", f"of rows enough that {metric.name} is defined for most draws of them", n))
    return np.array(found).T


def _swapped_p(a: Judged, b: Judged, metric: Metric, n_resamples: int, rng: np.random.Generator) -> float:
    """Return how often rows swapped between two models differ as much: (1 + times) / (1 + draws)."""
    observed = abs(b.score(metric) - a.score(metric))
    times = 0
    for _ in range(n_resamples):
        swap = rng.random(len(a.truth))[:, None] < 0.5
        one, other = np.where(swap, b.outputs, a.outputs), np.where(swap, a.outputs, b.outputs)
        times += abs(a.score(metric, one) - a.score(metric, other)) >= observed * (1 - 1e-12)
    return (1 + times) / (1 + n_resamples)
