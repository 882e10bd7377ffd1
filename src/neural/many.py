"""Many networks at once: lists of them, grids of settings, folds, and successive halving.

Each fit has a thread of its own, as many at a time as there are threads; the core lets go of the interpreter, and all
read the same X and y where they are. Every network comes out bit for bit as if it had been fitted alone.
"""

from __future__ import annotations

import copy
import itertools
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neural import atomic, inputs, metrics, notebook, optimizers, threads
from neural.callbacks import Cancelled, EarlyStopping, History
from neural.datasets import take
from neural.errors import TrainingDiverged, check_number, guess, one_of, sentence
from neural.many_inputs import (
    FIT,
    OF_ONE,
    OF_ROWS,
    check_in_memory,
    check_make,
    check_names,
    check_weights,
    choices_of,
    row_numbers,
)
from neural.nn import NeuralNetwork
from neural.row_weights import of_rows
from neural.streams import stream

Make = NeuralNetwork | Callable[..., NeuralNetwork]


@dataclass(repr=False)
class Run:
    """One network of many: what was chosen for it, and what became of it.

    ``error`` is the TrainingDiverged that ended its fit, or None; the others went on. ``scores`` are those of rows held
    out, by name.
    """

    network: NeuralNetwork
    choice: dict[str, Any]
    history: History = field(default_factory=History)
    scores: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: TrainingDiverged | None = None
    callbacks: list[Any] = field(default_factory=list, repr=False)

    def __repr__(self) -> str:
        """Show what was chosen and what came of it, in a line."""
        chosen = ", ".join(f"{name}={value!r}" for name, value in self.choice.items())
        if self.error is not None:
            return f"Run({chosen}): {_shortly(self.error)}"
        names = [name for name in self.history.history if name not in ("seconds", "learning_rate")]
        numbers = {**{name: self.value(name) for name in names}, **self.scores}
        return f"Run({chosen}): " + ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())

    def value(self, name: str) -> float:
        """Return a score, or a number of the history as it was when the network had the weights that it has now.

        NaN for a fit that ended in an error.
        """
        if name in self.scores:
            return self.scores[name]
        if self.error is not None:
            return math.nan
        return float(self.history[name][self._epoch])

    @property
    def _epoch(self) -> int:
        back = [c for c in self.callbacks if isinstance(c, EarlyStopping) and c.restore_best and c.best_epoch]
        return back[0].best_epoch - 1 if back else -1


class Runs(list[Run]):
    """The networks in the order in which they were asked for; printed as a table.

    >>> from neural import DenseLayer
    >>> X, y = np.eye(4), np.arange(4.0)
    >>> def make(width, random_state):
    ...     layers = [DenseLayer(4, width, "relu"), DenseLayer(width, 1)]
    ...     return NeuralNetwork(layers, "mse", random_state=random_state)
    >>> runs = grid(make, {"width": [2, 20], "learning_rate": [0.01, 0.1]}, X, y, epochs=50)
    >>> runs.best("loss").choice
    {'width': 20, 'learning_rate': 0.1}
    """

    def table(self) -> list[dict[str, Any]]:
        """Return a dictionary for each network: its choice, the last numbers of its history, its scores."""
        return [self._row(run) for run in self]

    def _row(self, run: Run) -> dict[str, Any]:
        numbers = {} if run.error else {name: run.value(name) for name in run.history.keys() if name != "seconds"}  # noqa: SIM118
        same = {"epochs": len(run.history), **numbers, **run.scores, "seconds": run.seconds}
        return {**run.choice, **same, "error": "" if run.error is None else str(run.error)}

    def best(self, by: str = "val_loss") -> Run:
        """Return the run with the least ``by``, or the greatest where more is better; the first of equals.

        ValueError if no fit has come to an end, or none has recorded it.
        """
        return self.ranked(by)[0]

    def ranked(self, by: str = "val_loss") -> list[Run]:
        """Return the runs that came to an end, the best by ``by`` first."""
        recorded = {name for run in self for name in (*run.history.history, *run.scores)} - {"seconds"}
        if recorded and by not in recorded:
            step = f"{guess(by, recorded)} Ask fit for others by metrics=, and for val_ by validation_split=.".strip()
            raise ValueError(sentence("by", f"what was recorded, {one_of(recorded)}", by, step))
        sign = -1 if more_is_better(by) else 1
        done = [run for run in self if not math.isnan(run.value(by))]
        if not done:
            raise ValueError(f"Every fit ended in an error. The first: {self[0].error if self else 'there was none'}")
        return sorted(done, key=lambda run: sign * run.value(by))

    def mean(self, name: str) -> tuple[float, float]:
        """Return the mean of a number over the runs, and its standard deviation (n - 1)."""
        values = np.array([run.value(name) for run in self])
        return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0

    def _repr_html_(self) -> str:
        return notebook.as_printed(str(self))

    def __str__(self) -> str:
        shown = [{**self._row(run), "error": run.error and _shortly(run.error)} for run in self]
        rows = [{name: _text(value) for name, value in row.items()} for row in shown]
        names = [name for name in dict.fromkeys(itertools.chain(*rows)) if any(row.get(name) for row in rows)]
        cells = [names, *[[row.get(name, "") for name in names] for row in rows]]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join("  ".join(map(str.rjust, line, widths)).rstrip() for line in cells)


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _shortly(error: TrainingDiverged) -> str:
    return f"diverged in epoch {error.epoch}"


def more_is_better(name: str) -> bool:
    """Return whether a greater number of this name is the better one; ValueError for one nobody knows."""
    name = name.removeprefix("val_")
    if name in ("loss", "data_loss"):
        return False
    if name not in metrics.METRICS:
        raise ValueError(sentence("by", f"a loss, or {one_of(metrics.METRICS)}", name, guess(name, metrics.METRICS)))
    return bool(metrics.METRICS[name].higher_is_better)


# --- what is asked for ---------------------------------------------------------------------------------------------
def train(
    networks: Iterable[NeuralNetwork],
    X: Any,
    y: Any,
    each: Iterable[Mapping[str, Any]] | None = None,
    *,
    n_threads: int | None = None,
    **fit: Any,
) -> Runs:
    """Fit networks to the same rows, all threads at work; ``each`` has arguments of ``fit`` for one network alone.

    Arguments of ``fit`` for all of them go by name; besides them ``each`` may have ``rows``, the numbers of the rows
    that this network is fitted to, and ``validation_rows``, of those by which it is watched; and ``checkpoint``,
    ``every`` and ``resume``, with a file of its own. ``sample_weight`` is of all rows of X, and weighs those by which a
    network is watched, too. Callbacks are copied, so that each network has its own patience. A fit that diverges is
    noted, and the others go on; any other error ends them all, and names the network. Ctrl-C ends them within an
    epoch.

    >>> from neural import DenseLayer
    >>> networks = [NeuralNetwork([DenseLayer(1, 1)], "mse", random_state=seed) for seed in range(3)]
    >>> runs = train(networks, [[0.0], [1.0]], [1.0, 3.0], epochs=100, learning_rate=0.3)
    >>> [run.network.predict([[2.0]]).round(2).item() for run in runs]
    [5.0, 5.0, 5.0]
    """
    if isinstance(networks, NeuralNetwork) or not isinstance(networks, Iterable):
        raise TypeError(sentence("networks", "a list of NeuralNetwork objects", networks))
    networks = list(networks)
    for network in networks:
        if not isinstance(network, NeuralNetwork):
            raise TypeError(sentence("networks", "NeuralNetwork objects", network))
    if len({id(network) for network in networks}) < len(networks):
        raise ValueError("networks must be different objects. Got one of them twice. Copy it: copy.deepcopy(net).")
    choices = choices_of(each, len(networks))
    given = [one.get("checkpoint") for one in choices]
    files = [os.path.realpath(atomic.place_of("checkpoint", path)) for path in given if path is not None]
    if twice := [file for number, file in enumerate(files) if file in files[:number]]:
        raise ValueError(sentence("checkpoint", "a file of its own for each network", twice[0]))
    check_names(fit, FIT)
    jobs = []
    for net, choice in zip(networks, choices, strict=True):
        own = {name: value for name, value in choice.items() if name not in OF_ROWS}
        check_names(own, (*FIT, *OF_ONE))
        if any(choice.get(name) is not None for name in OF_ROWS):
            check_in_memory(X, y)
        rows, watched = (row_numbers(name, choice.get(name), len(X)) for name in OF_ROWS)
        if watched is not None and {"validation_data", "validation_split"} & {**fit, **own}.keys():
            step = "Leave out validation_data and validation_split."
            raise ValueError(sentence("validation_rows", "the only rows by which a network is watched", watched, step))
        jobs.append(_Job(Run(net, own), X, y, {**fit, **own}, rows, watched))
    return _all(jobs, n_threads)


def grid(
    make: Make,
    choices: Mapping[str, Sequence[Any]],
    X: Any,
    y: Any,
    *,
    sample: int | None = None,
    random_state: int = 0,
    n_threads: int | None = None,
    **fit: Any,
) -> Runs:
    """Fit a network for each combination of the choices, or for ``sample`` of them, drawn without replacement.

    ``make`` is a network, to be copied, or a function that makes one. What ``fit`` knows among the choices goes there,
    the rest to ``make``, which also gets ``random_state`` unless that is among the choices: so seeds can be compared.

    >>> from neural import DenseLayer
    >>> net = NeuralNetwork([DenseLayer(1, 1)], "mse", random_state=0)
    >>> print(len(grid(net, {"learning_rate": [0.1, 0.3], "batch_size": [1, 2]}, [[0.0], [1.0]], [1.0, 3.0])))
    4
    """
    check_names(fit, FIT)
    jobs = _jobs(make, combinations(choices, sample, random_state), X, y, fit, random_state)
    return _all(jobs, n_threads)


def combinations(
    choices: Mapping[str, Sequence[Any]], sample: int | None = None, random_state: int = 0
) -> list[dict[str, Any]]:
    """Return every combination of the choices, the last name fastest, or ``sample`` of them in the same order.

    >>> combinations({"a": [1, 2], "b": ["x", "y"]})[:2]
    [{'a': 1, 'b': 'x'}, {'a': 1, 'b': 'y'}]
    """
    if not isinstance(choices, Mapping) or not choices:
        raise TypeError(sentence("choices", "a dictionary from names to lists of values", choices))
    for name, values in choices.items():
        if not isinstance(name, str):
            raise TypeError(sentence("the names of choices", "text", name))
        if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray | range) or not len(values):
            raise TypeError(sentence(f"choices of {name!r}", "a list of one value or more", values))
    found = [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]
    if sample is None:
        return found
    check_number("sample", sample, low=1, high=len(found), whole=True)
    return [found[k] for k in np.sort(stream(random_state, "split").permutation(len(found))[:sample])]


def cross_validate(
    make: Make,
    X: Any,
    y: Any,
    *,
    folds: int = 5,
    metrics: Any = (),
    random_state: int = 0,
    n_threads: int | None = None,
    **fit: Any,
) -> Runs:
    """Fit a network on the rows outside each fold, and score it on the fold: ``scores`` has ``loss`` and the metrics.

    Labels have their share in every fold. ``runs.mean("accuracy")`` is the mean and its deviation over the folds. Each
    fold's rows are copied while it is fitted.

    >>> from neural import DenseLayer
    >>> from neural.datasets import make_moons
    >>> X, y = make_moons(200, noise=0.2, random_state=0)
    >>> net = NeuralNetwork([DenseLayer(2, 16, "relu"), DenseLayer(16, 1, "sigmoid")], "binary_crossentropy")
    >>> runs = cross_validate(net, X, y, metrics="accuracy", epochs=100, learning_rate=0.01, optimizer="adam")
    >>> runs.mean("accuracy")[0] > 0.85
    True
    """
    check_names(fit, FIT)
    parts = folds_of(y, folds, random_state)
    rows = np.arange(len(y))
    inputs.same_length(X=X, y=y)
    jobs = _jobs(make, [{} for _ in parts], X, y, fit, random_state)
    for number, (part, job) in enumerate(zip(parts, jobs, strict=True)):
        job.run.choice = {"fold": number}
        job.rows, job.held_out, job.metrics = np.setdiff1d(rows, part), part, metrics
    return _all(jobs, n_threads)


def folds_of(y: Any, folds: int, random_state: int = 0) -> list[np.ndarray]:
    """Return the row numbers of each fold, at random; where y is labels (n,), each label has its share in every fold.

    >>> [fold.tolist() for fold in folds_of([0, 0, 0, 1, 1, 1], 3)]
    [[0, 4], [1, 5], [2, 3]]
    """
    labels = np.asarray(y)
    if not labels.ndim:
        raise TypeError(sentence("y", "targets, one for each row", y))
    n = len(labels)
    check_number("folds", folds, low=2, high=n, whole=True)
    check_number("random_state", random_state, low=0, whole=True)
    order = stream(random_state, "split").permutation(n)
    if labels.ndim == 1 and labels.dtype.kind != "f":
        order = order[np.argsort(labels[order], kind="stable")]
    return [np.sort(order[k::folds]) for k in range(folds)]


def halving(
    make: Make,
    choices: Mapping[str, Sequence[Any]],
    X: Any,
    y: Any,
    *,
    epochs: int,
    factor: int = 3,
    by: str = "val_loss",
    sample: int | None = None,
    random_state: int = 0,
    n_threads: int | None = None,
    **fit: Any,
) -> Runs:
    """Fit all combinations for a few epochs, go on with the best of them, and so on; return all, best first.

    Of n networks the best n / ``factor`` by ``by`` go on for ``factor`` times as many epochs, until those that are left
    have had ``epochs`` (Jamieson and Talwalkar, Non-stochastic best arm identification, 2016). A network goes on where
    it was, so without callbacks the winner is bit for bit the one that ``epochs`` at once would have given; schedules,
    averages and time limits would start anew, and are refused.
    """
    check_names(fit, FIT)
    for name in ("schedule", "average", "time_limit"):
        if name in fit or name in choices:
            raise ValueError(f"halving takes no {name}, as each round is a fit of its own. Leave it out, or use grid.")
    check_number("factor", factor, low=2, whole=True)
    left = _jobs(make, combinations(choices, sample, random_state), X, y, fit, random_state)
    rounds = max(0, math.floor(math.log(len(left), factor) + 1e-9))
    ends = [max(1, round(check_number("epochs", epochs, low=1, whole=True) / factor**k)) for k in range(rounds, -1, -1)]
    more_is_better(by)
    out: list[Run] = []
    for end in ends:
        for job in left:
            job.fit = {**job.fit, "epochs": max(0, end - len(job.run.history))}
        waiting = [job for job in left if job.fit["epochs"]]  # none where two rounds end alike
        if waiting:
            _all(waiting, n_threads)
        runs = Runs([job.run for job in left])
        ranked = runs.ranked(by)
        keep = len(left) if end == ends[-1] else max(1, len(left) // factor)
        out = [*ranked[keep:], *[run for run in runs if run.error], *out]
        left = [job for run in ranked[:keep] for job in left if job.run is run]
    return Runs([*[job.run for job in left], *out])


# --- how it is done ------------------------------------------------------------------------------------------------
@dataclass
class _Job:
    run: Run
    X: Any
    y: Any
    fit: dict[str, Any]
    rows: np.ndarray | None = None
    watched: np.ndarray | None = None
    held_out: np.ndarray | None = None
    metrics: Any = ()


def _jobs(
    make: Make, choices: Iterable[dict[str, Any]], X: Any, y: Any, fit: dict[str, Any], seed: int
) -> list[_Job]:  # fmt: skip
    """Return a job for each choice, with a network of its own."""
    check_number("random_state", seed, low=0, whole=True)
    jobs = [_job(make, choice, X, y, fit, seed) for choice in choices]
    if len({id(job.run.network) for job in jobs}) < len(jobs):
        rule = "a function that returns a new NeuralNetwork each time"
        raise ValueError(sentence("make", rule, make, "The same one came twice: make it within the function."))
    return jobs


def _job(make: Make, choice: dict[str, Any], X: Any, y: Any, fit: dict[str, Any], seed: int) -> _Job:
    for_fit = {name: value for name, value in choice.items() if name in FIT}
    for_network = {name: value for name, value in choice.items() if name not in FIT}
    if isinstance(make, NeuralNetwork):
        if for_network:
            step = "Give a function that makes the network from them."
            raise TypeError(sentence("choices", f"of {one_of(FIT)}, for a network", next(iter(for_network)), step))
        network = copy.deepcopy(make)
    else:
        given = {"random_state": seed, **for_network}
        check_make(make, given)
        network = make(**given)
        if not isinstance(network, NeuralNetwork):
            raise TypeError(sentence("make", "a NeuralNetwork, or a function that returns a new one", network))
    return _Job(Run(network, choice), X, y, {**fit, **for_fit})


def _all(jobs: list[_Job], n_threads: int | None) -> Runs:
    """Run the fits, so many at a time; the first error but divergence ends them all."""
    if not jobs:
        raise ValueError("networks must be one or more. Got none.")
    if len(jobs) > 1:
        _refuse_files(jobs)
    _check_weights(jobs)
    most = threads.n_threads() if n_threads is None else check_number("n_threads", n_threads, low=1, whole=True)
    workers = min(most, len(jobs))
    told = threading.Event()
    ends = [event for event in (told, threads.told()) if event is not None]  # ours, and that of the search around us
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(_one, job, most // workers, ends) for job in jobs]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            for number, future in enumerate(futures):
                error = future.exception() if future.done() else None
                if error is not None:
                    raise _named(error, number)
        except BaseException:
            told.set()
            for future in futures:
                future.cancel()
            raise
    return Runs([job.run for job in jobs])


def _refuse_files(jobs: list[_Job]) -> None:
    """Raise ValueError for callbacks that write to a file: many networks would write over one another."""
    for job in jobs:
        given = job.fit.get("callbacks", ())
        for callback in given if isinstance(given, list | tuple) else [given]:
            if getattr(callback, "path", None) is not None or getattr(callback, "folder", None) is not None:
                step = "Look at each run's history, or save its network."
                raise ValueError(sentence("callbacks", "without files, for many networks", callback, step))


def _check_weights(jobs: list[_Job]) -> None:
    """Raise for the weights of any network, before one of them is trained."""
    for number, job in enumerate(jobs):
        parts = [rows for rows in (job.rows, job.watched, job.held_out) if rows is not None]
        try:
            check_weights(job.fit.get("sample_weight"), job.y, parts, job.run.network.dtype)
        except (TypeError, ValueError) as error:
            raise _named(error, number) from None


def _named(error: BaseException, number: int) -> BaseException:
    if isinstance(error, TypeError | ValueError):
        return type(error)(f"network {number}: {error}")
    return error


def _one(job: _Job, n_threads: int, ends: Iterable[threading.Event]) -> None:
    run, started = job.run, time.perf_counter()
    settings = {"verbose": 0, **job.fit}
    if run.network._engine_for(optimizers.resolve(settings.get("optimizer", "sgd"))).name == "core":
        settings["n_threads"] = n_threads  # on the other it would need threadpoolctl
    if not run.callbacks:
        given = settings.get("callbacks", ())
        run.callbacks = copy.deepcopy(list(given) if isinstance(given, list | tuple) else [given])
    settings["callbacks"] = [*run.callbacks, *map(Cancelled, ends)]
    X, y = job.X, job.y
    if job.rows is not None:
        X, y, settings["sample_weight"] = _part(job, job.rows)
    if job.watched is not None:
        settings["validation_data"] = _part(job, job.watched)
    try:
        history = run.network.fit(X, y, **settings)
    except TrainingDiverged as error:
        run.error, history = error, run.network.history_
    run.history = _joined(run.history, history)
    if job.held_out is not None and run.error is None:
        X, y, weights = _part(job, job.held_out)
        run.scores = run.network.evaluate(X, y, job.metrics, sample_weight=weights)
    run.seconds += time.perf_counter() - started


def _part(job: _Job, rows: np.ndarray) -> tuple[Any, Any, np.ndarray | None]:
    """Return X, y and the weights, if there are any, of some of the rows of all networks."""
    given = job.fit.get("sample_weight")
    weights = None if given is None else inputs.weights(given, len(job.y), np.float64)
    return take(job.X, rows), take(job.y, rows), of_rows(weights, rows)


def _joined(before: History, after: History) -> History:
    """Return the history of two fits as one."""
    found = History()
    for part in (before, after):
        found.record_all(part.history)
        found.stopped = part.stopped
    return found
