"""How fast the demo trains, beside the course's algorithm: the same start, rows, order and updates, turn by turn."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from neural.course import Course
from neural.datasets import ImageData
from neural.experiments import Experiment, Results, Split, blas_threads, fit, load, network
from neural.layers import DenseLayer
from neural.nn import NeuralNetwork
from neural.streams import epoch_order
from neural.threads import n_threads

Array = np.ndarray[Any, Any]

AIM = 10  # times as fast as the course's algorithm
MEASURED = ("sigmoid", "relu", "moons")  # the document's networks, by their names in the table
REPEATS = 5
FAR_BEHIND = 2  # times the best: the course's algorithm is then no more tried with so many BLAS threads
REST = 0.1  # seconds before each timing: for so long the threads of a BLAS may look for work, in the way of others
SAME = 1e-3  # relative difference of the costs: float32 beside float64


@dataclass(frozen=True)
class Speed:
    """Seconds an epoch of one network by the course's algorithm and by ``fit``, measured several times in turn.

    ``course_threads`` of BLAS suit the course's algorithm best (None: nobody could ask), ``threads`` are the most that
    ``engine`` uses. The costs are of the training rows after the epochs timed, computed alike.
    """

    experiment: Experiment
    rows: int
    course: tuple[float, ...]
    course_threads: int | None
    course_cost: float
    ours: tuple[float, ...]
    engine: str
    threads: int | None
    cost: float

    @property
    def course_seconds(self) -> float:
        """The median of the course's algorithm."""
        return median(self.course)

    @property
    def our_seconds(self) -> float:
        """The median of ``fit``."""
        return median(self.ours)

    @property
    def ratio(self) -> float:
        """How many times as fast ``fit`` is."""
        return self.course_seconds / self.our_seconds

    @property
    def ratios(self) -> list[float]:
        """The same for each turn."""
        return [theirs / ours for theirs, ours in zip(self.course, self.ours, strict=True)]

    @property
    def agrees(self) -> bool:
        """Whether both came to the same cost, and so have done the same work."""
        return abs(self.cost - self.course_cost) <= SAME * self.course_cost


def measure(
    table: Sequence[Experiment], images: ImageData, seed: int = 0, tell: Callable[[str], None] | None = print
) -> tuple[Speed, ...]:
    """Time the document's networks at the settings that they have in the table.

    Without the penalty, which did nothing in the document; one epoch of the images, all of the moons.
    """
    if tell:
        tell("Timing the course's algorithm and fit in turn")
    found = []
    for experiment in table:
        if experiment.name in MEASURED:
            timed = replace(experiment, l2=0.0, epochs=1 if experiment.data == "fashion" else experiment.epochs)
            found.append(compare(timed, load(timed, images, seed), seed))
            if tell:
                tell(f"{timed.title}: {found[-1].course_seconds:.2g} s an epoch, {found[-1].our_seconds:.2g} s by fit")
    return tuple(found)


def compare(experiment: Experiment, split: Split, seed: int = 0, repeats: int = REPEATS) -> Speed:
    """Train one network by both, ``repeats`` times from the same start, and return what an epoch took.

    The course's algorithm has its data in float64 before the clock starts, and as many BLAS threads as suit it best.
    """
    n_inputs, n_classes = split.X_train.shape[1], int(split.y_train.max()) + 1
    net = network(experiment, n_inputs, n_classes, seed).build(n_inputs)
    dense = [layer for layer in net.layers if isinstance(layer, DenseLayer)]
    X, Y = _as_the_course_has_them(net, split)
    orders = [epoch_order(net.seed, epoch, len(X)) for epoch in range(experiment.epochs)]

    def by_course(threads: int | None) -> tuple[list[tuple[Array, Array]], float]:
        theirs = Course(net.weights, net.biases, [layer.activation_name for layer in dense])
        seconds = _seconds(threads, _epochs, theirs, X, Y, orders, experiment)
        return list(zip(theirs.weights, theirs.biases, strict=True)), seconds  # its layers hold on to all rows

    counts = _thread_counts()
    by_course(counts[0])  # the first touch of the memory takes longer
    course: dict[int | None, list[float]] = {threads: [] for threads in counts}
    ours = []
    for _ in range(repeats):
        for threads, times in course.items():
            learned, seconds = by_course(threads)
            times.append(seconds / experiment.epochs)
        course = _without_the_slow(course)
        twin = copy.deepcopy(net)
        ours.append(_seconds(1, fit, twin, experiment, split) / experiment.epochs)
    best = min(course, key=lambda threads: median(course[threads]))
    for layer, (W, b) in zip(dense, learned, strict=True):
        layer.weights, layer.biases = W, b
    costs = [one.evaluate(split.X_train, split.y_train)["loss"] for one in (net, twin)]
    engine = str(twin.engine_)
    most = n_threads() if engine == "core" else counts[0]
    return Speed(experiment, len(X), tuple(course[best]), best, costs[0], tuple(ours), engine, most, costs[1])


def _without_the_slow(course: dict[int | None, list[float]]) -> dict[int | None, list[float]]:
    """Leave out numbers of threads that were far behind each time: on a busy machine they may take minutes.

    Once is no reason: another process may have had the machine just then.
    """
    best = min(min(times) for times in course.values())
    return {threads: times for threads, times in course.items() if len(times) < 2 or min(times) <= FAR_BEHIND * best}


def _as_the_course_has_them(net: NeuralNetwork, split: Split) -> tuple[Array, Array]:
    """Return the rows, scaled, and their targets, one-hot or 0 and 1 in a column, all in float64."""
    X = np.multiply(split.X_train, 1.0 if net.input_scale is None else net.input_scale, dtype=np.float64)
    n_outputs = len(net.biases[-1])
    Y = split.y_train[:, None].astype(np.float64) if n_outputs == 1 else np.eye(n_outputs)[split.y_train]
    return X, Y


def _epochs(course: Course, X: Array, Y: Array, orders: Sequence[Array], experiment: Experiment) -> None:
    for order in orders:
        course.epoch(X, Y, order, experiment.batch_size, experiment.learning_rate)


def _seconds(threads: int | None, function: Callable[..., Any], *given: Any) -> float:
    with blas_threads(threads):
        time.sleep(REST)
        started = time.perf_counter()
        function(*given)
        return time.perf_counter() - started


def _thread_counts() -> tuple[int | None, ...]:
    """Return the numbers of BLAS threads to try: one, and what it takes of itself; None alone if nobody can ask it."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return (None,)
    found = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return tuple(sorted({1, max(found)})) if found else (None,)


def whole(speeds: Sequence[Speed], results: Results) -> tuple[float, float]:
    """Return the seconds of all epochs of the results, and those that the course's algorithm would have taken.

    At the speeds measured, in proportion to the rows; a network with a second hidden layer counts as if it had one, so
    the second number is rather too small.
    """
    a_row = {_kind(speed.experiment): speed.course_seconds / speed.rows for speed in speeds}
    runs = [run for starts in results.runs.values() for run in starts if _kind(run.experiment) in a_row]
    ours = sum(sum(run.history["seconds"]) for run in runs)
    return ours, sum(run.train.rows * run.experiment.epochs * a_row[_kind(run.experiment)] for run in runs)


def _kind(experiment: Experiment) -> tuple[str, str]:
    return experiment.data, experiment.activation
