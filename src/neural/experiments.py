"""The experiments of the course assignment that the package grew from, as a table; what runs and compares them.

Everything here uses the package as a user would. Nothing is printed but headings and the package's own progress;
:mod:`neural.report` writes the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from neural.callbacks import History, Progress
from neural.datasets import ImageData, make_moons, quadratic_features
from neural.layers import DenseLayer
from neural.losses import BinaryCrossentropy, CategoricalCrossentropy
from neural.metrics import Metrics
from neural.nn import NeuralNetwork
from neural.significance import mcnemar, paired_interval, wilson_interval

Array = np.ndarray[Any, Any]


# The table ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Experiment:
    """The settings of one network. ``rows`` are the first so many (None: all); ``starts`` counts the seeds tried.

    The starts are odd in number, so that one is in the middle. ``document`` names the row of DOCUMENT that it stands
    beside, ``collect`` turns on the callback that gathers metrics, ``pictures`` the pictures of its results.
    """

    name: str
    title: str
    activation: str
    hidden: tuple[int, ...] = (25,)
    data: str = "fashion"
    rows: int | None = None
    epochs: int = 500
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    batch_size: int = 128
    l2: float = 0.0
    init: str = "random"
    bias_init: str = "random"
    starts: int = 1
    collect: bool = False
    pictures: bool = True
    document: str = ""


SETTINGS = (
    "data", "activation", "hidden", "rows", "l2", "learning_rate", "init", "bias_init", "epochs", "batch_size",
    "optimizer",
)  # fmt: skip
COMPARED = ("activation", "hidden", "l2", "rows")  # two networks that differ in one of these alone are compared

FIRST_ROWS = 10_000  # the document's training rows, as its decimals show
_own: dict[str, Any] = {"init": "auto", "bias_init": "zeros"}  # what the package does if nothing is said

TABLE = (
    Experiment("sigmoid", "Sigmoid", "sigmoid", l2=0.1, starts=3, document="sigmoid"),
    Experiment("relu", "ReLU", "relu", l2=0.1, starts=3, document="relu"),
    Experiment("sigmoid_two", "Sigmoid, two hidden layers", "sigmoid", (25, 25), l2=0.1),
    Experiment("relu_two", "ReLU, two hidden layers", "relu", (25, 25), l2=0.1),
    Experiment("sigmoid_10k", "Sigmoid, first 10,000 rows, no penalty", "sigmoid", rows=FIRST_ROWS, starts=5,
               document="sigmoid"),
    Experiment("relu_10k", "ReLU, first 10,000 rows, no penalty", "relu", rows=FIRST_ROWS, starts=5, document="relu"),
    Experiment("sigmoid_no_l2", "Sigmoid, no penalty", "sigmoid"),
    Experiment("relu_no_l2", "ReLU, no penalty", "relu"),
    Experiment("moons", "Moons", "relu", (25, 25), "moons", epochs=100, batch_size=64, l2=0.1, starts=5,
               document="moons", **_own),
    Experiment("package_10k", "Package example, first 10,000 rows", "relu", rows=FIRST_ROWS, learning_rate=0.01,
               pictures=False, document="package", **_own),
    Experiment("package", "Package example", "relu", learning_rate=0.01, collect=True, document="package", **_own),
)  # fmt: skip

# What a quick run leaves of it: under a minute on two cores, and enough to see each part at work.
QUICK_ROWS, QUICK_EPOCHS, QUICK_STARTS = 10_000, 40, 3
QUICK_PICTURES = ("sigmoid", "relu")


def experiments(quick: bool = False) -> tuple[Experiment, ...]:
    """Return the table; for a quick run with fewer rows, epochs and starts, without what is then the same twice.

    >>> len(experiments()), len(experiments(quick=True))
    (11, 8)
    """
    if not quick:
        return TABLE
    kept: dict[tuple[Any, ...], Experiment] = {}
    for experiment in map(_shortened, TABLE):
        same = kept.get(settings := _settings(experiment))
        kept[settings] = experiment if same is None else replace(same, collect=same.collect or experiment.collect)
    return tuple(kept.values())


def _shortened(full: Experiment) -> Experiment:
    short = replace(full, starts=min(full.starts, QUICK_STARTS), pictures=full.name in QUICK_PICTURES)
    if full.data != "fashion":
        return short  # its rows and epochs take less than a second
    rows = min(full.rows or QUICK_ROWS, QUICK_ROWS)
    return replace(short, rows=rows, epochs=min(full.epochs, QUICK_EPOCHS))


def _settings(experiment: Experiment) -> tuple[Any, ...]:
    return tuple(getattr(experiment, name) for name in SETTINGS)


# The document's figures, to stand beside ours -------------------------------------------------------------------------


@dataclass(frozen=True)
class Documented:
    """Figures of the document: the last cost is that of ``epoch`` (None: the last)."""

    title: str
    first_cost: float
    last_cost: float
    train_accuracy: float
    test_accuracy: float | None = None
    epoch: int | None = None


DOCUMENT = {
    "sigmoid": Documented("Sigmoid", 1.768, 0.2224, 0.9283, 0.8333),
    "relu": Documented("ReLU", 1.224, 0.1653, 0.9419, 0.9),
    "moons": Documented("Moons", 0.347, 0.1734, 0.936),
    "package": Documented("Package example", 1.793, 0.2477, 0.9159, 0.9, epoch=491),
}
DOCUMENT_TEST_ROWS = 30  # inferred: the smallest set on which 0.8333 and 0.9 are both possible

# Data, networks, runs -------------------------------------------------------------------------------------------------

MOONS_NOISE = 0.30
MOONS_ROWS, HELD_OUT_ROWS = 500, 10_000


class Split(NamedTuple):
    """Rows to train on and rows that training never sees."""

    X_train: Array
    y_train: Array
    X_test: Array
    y_test: Array


def moons(seed: int) -> Split:
    """Return 500 points as in the document, and 10,000 fresh ones from another seed; X (n, 2)."""
    X, y = make_moons(MOONS_ROWS, noise=MOONS_NOISE, random_state=seed)
    return Split(X, y, *make_moons(HELD_OUT_ROWS, noise=MOONS_NOISE, random_state=seed + 1))


def best_moons_accuracy(X: Array, y: Array) -> float:
    """Return the accuracy on these points of the best rule there is, one that knows how they were made.

    A moon is a half circle, blurred by a normal distribution: p(x | class) is the mean of N(x; a, noise^2) over the
    points a of its arc, and the rule takes the likelier class (Bayes).
    """
    angle = np.linspace(0, np.pi, 500)
    arcs = (np.cos(angle), np.sin(angle)), (1 - np.cos(angle), 0.5 - np.sin(angle))
    squares = [(X[:, :1] - a1) ** 2 + (X[:, 1:] - a2) ** 2 for a1, a2 in arcs]
    upper, lower = (np.exp(-square / (2 * MOONS_NOISE**2)).mean(axis=1) for square in squares)
    return float(np.mean((lower > upper) == y))


def load(experiment: Experiment, images: ImageData, seed: int) -> Split:
    """Return the rows of an experiment as the network gets them."""
    if experiment.data == "moons":
        points = moons(seed)
        features = (quadratic_features(points.X_train), quadratic_features(points.X_test))
        return Split(features[0], points.y_train, features[1], points.y_test)
    rows = slice(experiment.rows)
    return Split(images.X_train[rows], images.y_train[rows], images.X_test, images.y_test)


def network(experiment: Experiment, n_inputs: int, n_classes: int, seed: int) -> NeuralNetwork:
    """Return the untrained network: softmax and categorical cross-entropy for images, sigmoid and binary for moons."""
    widths = (n_inputs, *experiment.hidden)
    start: Any = {"init": experiment.init, "bias_init": experiment.bias_init}
    layers = [DenseLayer(n_in, n_out, experiment.activation, **start) for n_in, n_out in pairwise(widths)]
    if experiment.data == "moons":
        layers.append(DenseLayer(widths[-1], 1, "sigmoid", **start))
        return NeuralNetwork(layers, BinaryCrossentropy(l2=experiment.l2), random_state=seed)
    layers.append(DenseLayer(widths[-1], n_classes, "softmax", **start))
    return NeuralNetwork(layers, CategoricalCrossentropy(l2=experiment.l2), input_scale=1 / 255, random_state=seed)


@dataclass(frozen=True)
class Score:
    """How a network does on some rows: ``cost`` without penalty, and the 95 % Wilson interval of the accuracy."""

    rows: int
    right: int
    accuracy: float
    low: float
    high: float
    cost: float


@dataclass(frozen=True)
class Run:
    """A trained network and its numbers; ``outputs`` are its probabilities for the test rows."""

    experiment: Experiment
    seed: int
    seconds: float
    history: dict[str, list[float]]
    train: Score
    test: Score
    net: NeuralNetwork = field(repr=False, compare=False)
    outputs: Array = field(repr=False, compare=False)
    correct: Array = field(repr=False, compare=False)

    def cost(self, epoch: int | None = None) -> float:
        """Return the cost without penalty of an epoch, counted from 1; the last if None or if there are fewer."""
        costs = self.history["data_loss"]
        return costs[min(epoch or len(costs), len(costs)) - 1]


class Collector:
    """The document's callback: precision, accuracy, recall and F1 of all training rows, once an epoch.

    >>> collect = Collector()
    >>> collect(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]), 0.3, 1)
    >>> collect.metrics["accuracy"]
    [1.0]
    """

    FUNCTIONS: dict[str, Callable[..., Any]] = {  # noqa: RUF012
        "precision": Metrics.precision,
        "accuracy": Metrics.accuracy,
        "recall": Metrics.recall,
        "f1_score": Metrics.f1_score,
    }

    def __init__(self) -> None:
        self.metrics: dict[str, list[float]] = {name: [] for name in self.FUNCTIONS}

    def __call__(self, true: Array, predicted: Array, loss: float, epoch: int) -> None:
        classes = Metrics.predict_classes(predicted)
        for name, function in self.FUNCTIONS.items():
            self.metrics[name].append(float(function(true, classes)))


LINES_EVERY = 50  # epochs between two lines of progress, where it is no live bar


def run(experiment: Experiment, split: Split, seed: int, progress: bool = True) -> Run:
    """Train one network from one seed, and score it."""
    net = network(experiment, split.X_train.shape[1], int(split.y_train.max()) + 1, seed)
    collector = Collector() if experiment.collect else None
    started = time.perf_counter()
    lines = [Progress(every=LINES_EVERY)] if progress else []
    history = fit(net, experiment, split, callback=collector, callbacks=lines)
    seconds = time.perf_counter() - started
    series = {name: history[name] for name in ("loss", "data_loss", "penalty", "seconds")}
    outputs = net.predict(split.X_test)
    correct = Metrics.predict_classes(outputs) == split.y_test
    train = score(net, split.X_train, split.y_train)
    test = score(net, split.X_test, split.y_test)
    series |= collector.metrics if collector else {}
    return Run(experiment, seed, seconds, series, train, test, net, outputs, correct)


def fit(net: NeuralNetwork, experiment: Experiment, split: Split, **hooks: Any) -> History:
    """Fit a network as the experiment says."""
    return net.fit(
        split.X_train, split.y_train, experiment.epochs, experiment.learning_rate, experiment.batch_size,
        optimizer=experiment.optimizer, verbose=0, **hooks,
    )  # fmt: skip


def score(net: NeuralNetwork, X: Array, y: Array) -> Score:
    """Return accuracy and cost of a network on rows X with labels y."""
    right = int(np.count_nonzero(Metrics.predict_classes(net.predict(X)) == y))
    low, high = wilson_interval(right, len(y))
    return Score(len(y), right, right / len(y), low, high, net.evaluate(X, y)["loss"])


# Comparisons and checks -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """Two networks on the same test rows. ``difference`` is the accuracy of b less that of a, with its 95 % interval.

    ``setting`` is the one in which they differ; ``only_a`` and ``only_b`` count the rows that one alone has right.
    """

    setting: str
    a: str
    b: str
    rows: int
    only_a: int
    only_b: int
    p_value: float
    difference: float
    low: float
    high: float


def compare(setting: str, a: Run, b: Run) -> Comparison:
    """Return McNemar's exact test of two runs, and the interval of the difference in accuracy."""
    only_a, only_b, p_value = mcnemar(a.correct, b.correct)
    n = len(a.correct)
    low, high = paired_interval(only_a, only_b, n)
    names = a.experiment.name, b.experiment.name
    return Comparison(setting, *names, n, only_a, only_b, p_value, (only_b - only_a) / n, low, high)


def pairs(table: Sequence[Experiment]) -> Iterator[tuple[str, Experiment, Experiment]]:
    """Yield (setting, a, b) for every two experiments that differ in one of COMPARED and in no other setting."""
    for a, b in combinations(table, 2):
        different = [name for name in SETTINGS if getattr(a, name) != getattr(b, name)]
        if len(different) == 1 and different[0] in COMPARED:
            yield different[0], a, b


@dataclass(frozen=True)
class Check:
    """What a full run must reach: ``low`` <= the median over the starts of ``run`` <= ``high``."""

    run: str
    measure: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Checked:
    """A check and what came out."""

    check: Check
    value: float
    passed: bool


MEASURES: dict[str, Callable[[Run], float]] = {
    "first cost": lambda run: run.cost(1),
    "last cost": lambda run: run.cost(),
    "train accuracy": lambda run: run.train.accuracy,
    "test accuracy": lambda run: run.test.accuracy,
    "test cost": lambda run: run.test.cost,
}


def _near(value: float) -> dict[str, float]:
    return {"low": 0.85 * value, "high": 1.15 * value}


CHECKS = (
    Check("relu", "last cost", high=0.30),
    Check("relu", "test accuracy", low=0.85),
    Check("sigmoid_10k", "last cost", **_near(DOCUMENT["sigmoid"].last_cost)),
    Check("relu_10k", "last cost", **_near(DOCUMENT["relu"].last_cost)),
)


def typical(runs: Sequence[Run], measure: str) -> float:
    """Return the median over the starts of a measure, by its name in MEASURES."""
    return median(MEASURES[measure](run) for run in runs)


def middle(runs: Sequence[Run]) -> Run:
    """Return the run with the median test accuracy; the first of those that share it."""
    return sorted(runs, key=lambda run: run.test.accuracy)[(len(runs) - 1) // 2]


def check(wanted: Check, runs: Sequence[Run]) -> Checked:
    """Return whether the runs satisfy a check."""
    value = typical(runs, wanted.measure)
    above = wanted.low is None or value >= wanted.low
    return Checked(wanted, value, above and (wanted.high is None or value <= wanted.high))


# All of them ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Results:
    """Everything that the report says.

    ``runs[name]`` holds a run for each start; checks are those of a full run; ``one_thread``: BLAS was held to one.
    """

    quick: bool
    seed: int
    started: str
    seconds: float
    table: tuple[Experiment, ...]
    runs: dict[str, tuple[Run, ...]]
    comparisons: tuple[Comparison, ...]
    checks: tuple[Checked, ...]
    best_moons: dict[str, float]
    one_thread: bool

    def middle(self, name: str) -> Run:
        """Return the run of the start with the median test accuracy."""
        return middle(self.runs[name])


def run_all(
    table: Sequence[Experiment],
    images: ImageData,
    seed: int = 0,
    *,
    quick: bool = False,
    tell: Callable[[str], None] | None = print,
) -> Results:
    """Run every experiment, start k from seed + k, and compare them; ``tell`` gets the headings (None: silence)."""
    started, clock = time.strftime("%Y-%m-%d %H:%M"), time.perf_counter()
    runs: dict[str, tuple[Run, ...]] = {}
    with blas_threads(1) as limited:
        for number, experiment in enumerate(table):
            if tell:
                left = _time_left(table, number, len(images.X_train), time.perf_counter() - clock)
                tell(f"\nRun {number + 1} of {len(table)}: {experiment.title}{left}")
            runs[experiment.name] = _all_starts(experiment, load(experiment, images, seed), seed, tell)
    comparisons = tuple(compare(setting, middle(runs[a.name]), middle(runs[b.name])) for setting, a, b in pairs(table))
    checks = () if quick else tuple(check(wanted, runs[wanted.run]) for wanted in CHECKS if wanted.run in runs)
    points = moons(seed)
    best = {
        "train": best_moons_accuracy(points.X_train, points.y_train),
        "test": best_moons_accuracy(points.X_test, points.y_test),
    }
    seconds = time.perf_counter() - clock
    return Results(
        quick, seed, started, seconds, tuple(table), runs, comparisons, checks, best, one_thread=limited is not None
    )


def _all_starts(experiment: Experiment, split: Split, seed: int, tell: Callable[[str], None] | None) -> tuple[Run, ...]:
    runs = []
    for k in range(experiment.starts):
        if tell and experiment.starts > 1:
            tell(f"Start {k + 1} of {experiment.starts}, {len(split.X_train):,} rows, {experiment.epochs} epochs")
        elif tell:
            tell(f"{len(split.X_train):,} rows, {experiment.epochs} epochs")
        runs.append(run(experiment, split, seed + k, progress=tell is not None))
    if tell:
        tell(_outcome(runs))
    return tuple(runs)


def blas_threads(n: int | None) -> AbstractContextManager[Any]:
    """Hold BLAS to ``n`` threads where threadpoolctl is there to do it; None leaves it alone.

    The networks get one: their matrices are so small that a second thread costs more than it gives, on a busy machine
    ten times more; and with one the numbers do not hang on how many cores there are.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    return nullcontext() if n is None else threadpool_limits(n, user_api="blas")  # not the core: it knows when more pay


def _outcome(runs: Sequence[Run]) -> str:
    last, train, test = (typical(runs, name) for name in ("last cost", "train accuracy", "test accuracy"))
    begin = "Medians: cost" if len(runs) > 1 else "Cost"
    seconds = sum(run.seconds for run in runs)
    return (
        f"{begin} {last:.4f} without penalty, accuracy {train:.4f} in training and {test:.4f} in the test, "
        f"{seconds:.0f} s"
    )


def _time_left(table: Sequence[Experiment], done: int, all_rows: int, seconds: float) -> str:
    """Return an estimate in words from what has been done: time goes with rows, epochs and starts."""
    work = [_work(experiment, all_rows) for experiment in table]
    if done == 0:
        return ""
    left = seconds * sum(work[done:]) / sum(work[:done])
    return f", about {left / 60:.0f} min left in all" if left >= 90 else f", about {left:.0f} s left in all"


def _work(experiment: Experiment, all_rows: int) -> int:
    rows = MOONS_ROWS if experiment.data == "moons" else min(experiment.rows or all_rows, all_rows)
    return rows * experiment.epochs * experiment.starts
