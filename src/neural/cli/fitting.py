"""From a table and a recipe to a network on the table's own numbers: guess, divide, scale, train, fold, score."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neural import AdamW, DenseLayer, DropoutLayer, EarlyStopping, History, NeuralNetwork, ReduceOnPlateau, row_weights
from neural.cli.recipe import Recipe
from neural.cli.scores import MetricScore, scores
from neural.errors import sentence
from neural.folding import fold_inputs, fold_outputs
from neural.guessing import CATEGORY, LEFT_OUT, NUMBER, SAID, Guess, check_column, guess_columns, guess_task
from neural.streams import stream
from neural.table_files import read_table
from neural.tables import Columns, Encoded, Number, codes_of, count, measured, numbers_of, text, texts_of

Array = np.ndarray[Any, Any]
FEWEST_ROWS = 10
WIDEST_INPUT = 20_000
INTERRUPTED = "Ctrl-C ended it"


@dataclass(frozen=True)
class TrainingPlan:
    """What is to be trained: the recipe with nothing open, the guesses, and the rows of each part."""

    recipe: Recipe
    guesses: tuple[Guess, ...]
    table: Any  # without the rows whose target is missing
    labels: Array | None  # the classes, text, sorted
    targets: Array  # (n,) column numbers or values
    train: Array  # row numbers
    validation: Array
    test: Array
    columns: Columns
    remarks: tuple[str, ...]
    weights: Array | None = None  # (n,), above 0

    @property
    def scored(self) -> Array:
        """The rows to score on: those of the test, or of the validation where there are none."""
        return self.test if len(self.test) else self.validation

    @property
    def typical(self) -> float:
        """What a guess without a model would say."""
        y, weights = self.targets[self.train], row_weights.of_rows(self.weights, self.train)
        return float(np.bincount(y, weights).argmax()) if self.labels is not None else row_weights.mean(y, weights)


@dataclass(frozen=True)
class Outcome:
    """What came of it: the network on the table's own numbers, how it got there, and what it is worth."""

    plan: TrainingPlan
    net: NeuralNetwork
    history: History
    best_epoch: int
    truth: Array
    outputs: Array
    scores: tuple[MetricScore, ...]

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training."""
        return self.history.stopped == INTERRUPTED


# --- before the training -------------------------------------------------------------------------------------------
def plan_of(table: Any, recipe: Recipe) -> TrainingPlan:
    """Return what is to be trained on a table; ValueError for one that cannot be learned from."""
    _check_rows(len(table))
    weights = None if recipe.weight is None else weights_of(table, recipe.weight, recipe.target)
    known = table if weights is None else table.drop(columns=_apart(recipe))
    table, weights, left_out = _with_weight(known, weights)
    task, why = guess_task(table, recipe.target, recipe.task)
    guesses = guess_columns(known, recipe.target, recipe.drop, recipe.category, recipe.number)
    there, remarks = _with_target(table, recipe.target, task)
    table, weights = table[there], row_weights.of_rows(weights, there)
    labels, targets = _targets(table[recipe.target], task)
    parts = divide(targets if task == "classes" else np.zeros(len(targets), int), recipe)
    kinds = [(guess.name, guess.kind) for guess in guesses if guess.kind != LEFT_OUT]
    table = table[[name for name, _ in kinds]].assign(**_as_numbers(table, kinds))  # read once, not for each part
    columns = measured(table.iloc[parts[0]], recipe.target, task, kinds)
    if not 0 < len(columns.inputs) <= WIDEST_INPUT:
        rule = f"between 1 and {WIDEST_INPUT} inputs for the network"
        raise ValueError(sentence("the table", rule, len(columns.inputs), "Choose its columns with --drop."))
    named = {kind: tuple(g.name for g in guesses if g.kind == kind) for kind in (LEFT_OUT, CATEGORY, NUMBER)}
    settled = replace(recipe, task=task, drop=named[LEFT_OUT], category=named[CATEGORY], number=named[NUMBER])
    said = [Guess(recipe.target, "target", f"{task}: {why}")]
    said += [] if recipe.weight is None else [Guess(recipe.weight, "weight", SAID)]
    return TrainingPlan(
        settled.for_rows(len(parts[0])), (*said, *guesses), table, labels, targets, *parts, columns,
        (*left_out, *remarks), weights,
    )  # fmt: skip


def weights_of(table: Any, name: str, target: str) -> Array:
    """Return a column as the weights of rows; ValueError for one that is the target, or that cannot be such."""
    check_column(table, name, "column of weights")
    if name == target:
        raise ValueError(sentence("the column of weights", "another than the target", name))
    found = numbers_of(table[name])
    odd = np.flatnonzero(np.isnan(found))
    if len(odd):
        value, step = table[name].iloc[odd[0]], f"See row {odd[0]}, counted from 0. A row that weighs 0 is left out."
        raise ValueError(sentence(f"the column of weights {name!r}", "numbers, none missing", value, step))
    try:
        return np.asarray(row_weights.checked(found, len(found)))
    except ValueError as error:
        raise ValueError(f"the column of weights {name!r}: {error}") from None


def _apart(recipe: Recipe) -> str:
    """Return the column of weights; ValueError if it is named as another kind, too."""
    name = str(recipe.weight)
    if name in (*recipe.drop, *recipe.category, *recipe.number):
        raise ValueError(sentence("a column", "named once: as weight, dropped, category or number", name))
    return name


def _with_weight(table: Any, weights: Array | None) -> tuple[Any, Array | None, tuple[str, ...]]:
    """Return the rows that weigh more than 0, their weights, and what to say of the others."""
    if weights is None or weights.all():
        return table, weights, ()
    kept = weights > 0
    return table[kept], weights[kept], (f"{count(int((~kept).sum()), 'row')} that weigh 0 left out.",)


def _with_target(table: Any, target: str, task: str) -> tuple[Array, tuple[str, ...]]:
    """Return which rows have a target, and what to say of the others."""
    there = table[target].notna().to_numpy()
    if task == "values":
        there = there & ~np.isnan(numbers_of(table[target]))
    lost = int((~there).sum())
    _check_rows(int(there.sum()))
    return there, (f"{count(lost, 'row')} without a target left out.",) if lost else ()


def _as_numbers(table: Any, kinds: Sequence[tuple[str, str]]) -> dict[str, Array]:
    return {name: numbers_of(table[name]) for name, kind in kinds if kind == NUMBER}


def _check_rows(n: int) -> None:
    if n < FEWEST_ROWS:
        raise ValueError(sentence("the table", f"of at least {FEWEST_ROWS} rows that have a target", n))


def _targets(series: Any, task: str) -> tuple[Array | None, Array]:
    if task == "values":
        return None, numbers_of(series)
    labels, codes = np.unique(texts_of(series).to_numpy().astype(np.str_), return_inverse=True)
    return labels, codes.astype(np.int64)


def divide(codes: Array, recipe: Recipe) -> tuple[Array, Array, Array]:
    """Return the numbers of the rows to train, validate and test on, each with about the same share of every class.

    >>> parts = divide(np.array([0, 1] * 10), Recipe("data.csv", "y"))
    >>> [len(part) for part in parts], [int(part.sum() % 2) for part in parts]
    ([14, 4, 2], [1, 0, 1])
    """
    order = stream(recipe.seed, "split").permutation(len(codes))
    shuffled = codes[order]
    by_class = np.argsort(shuffled, kind="stable")
    counts = np.bincount(codes)
    firsts = np.cumsum(counts) - counts
    place = np.empty(len(codes))
    place[by_class] = (np.arange(len(codes)) - firsts[shuffled[by_class]] + 0.5) / counts[shuffled[by_class]]
    test, held = place < recipe.test, place < recipe.test + recipe.validation
    parts = tuple(np.sort(order[chosen]) for chosen in (~held, held & ~test, test))
    if not len(parts[1]):
        what = f"{recipe.validation} of {count(len(codes), 'row')}"
        raise ValueError(
            sentence("validation", "a fraction that leaves rows to validate on", what, "Give a larger one.")
        )
    return parts  # type: ignore[return-value]


# --- the training --------------------------------------------------------------------------------------------------
def fit(plan: TrainingPlan, callbacks: Sequence[Any] = ()) -> Outcome:
    """Train by the plan; Ctrl-C ends it with the best so far, and raises if there is none."""
    recipe = plan.recipe
    X = {part: plan.columns.encode(plan.table.iloc[rows]).rows for part, rows in _parts(plan).items()}
    y = {part: plan.targets[rows] for part, rows in _parts(plan).items()}
    mean, scale = scales(plan.columns, X["train"])
    of_y = (0.0, 1.0) if plan.labels is not None else (float(y["train"].mean()), deviation(y["train"]) or 1.0)
    weights = {part: row_weights.of_rows(plan.weights, rows) for part, rows in _parts(plan).items()}
    net = network(recipe, X["train"].shape[1], 0 if plan.labels is None else len(plan.labels))
    scaled = {part: (X[part] - mean) / scale for part in X}
    goals = {part: y[part] if plan.labels is not None else (y[part] - of_y[0]) / of_y[1] for part in y}
    patience = int(recipe.patience or 0)
    best = EarlyStopping("val_loss", patience=patience)
    slower = ReduceOnPlateau("val_loss", drop=0.5, patience=max(1, patience // 3))
    options: dict[str, Any] = {"optimizer": AdamW() if recipe.optimizer == "adamw" else recipe.optimizer}
    options |= {"validation_data": (scaled["validation"], goals["validation"], weights["validation"]), "verbose": 0}
    options |= {"sample_weight": weights["train"]}
    options |= {"callbacks": [best, slower, *callbacks], "batch_size": recipe.batch_size}
    try:
        net.fit(scaled["train"], goals["train"], recipe.epochs, recipe.learning_rate, **options)
    except KeyboardInterrupt:
        if not best.best_epoch:
            raise
        net.params[:] = best.best_params
        net.history_.stopped = INTERRUPTED
    fold_inputs(net, mean, scale)
    if plan.labels is None:
        fold_outputs(net, np.array([of_y[0]]), np.array([of_y[1]]))
    else:
        net.classes_ = plan.labels
    outputs = net.predict(X["scored"])
    found = scores(str(recipe.task), y["scored"], outputs, plan.typical, weights["scored"])
    return Outcome(plan, net, net.history_, best.best_epoch, y["scored"], outputs, tuple(found))


def _parts(plan: TrainingPlan) -> dict[str, Array]:
    return {"train": plan.train, "validation": plan.validation, "scored": plan.scored}


def scales(columns: Columns, rows: Array) -> tuple[Array, Array]:
    """Return mean and deviation of the inputs that are numbers of the table; 0 and 1 for those that are 0 or 1."""
    mean, scale, start = np.zeros(rows.shape[1]), np.ones(rows.shape[1]), 0
    for column in columns.columns:
        if isinstance(column, Number):
            mean[start], spread = rows[:, start].mean(), deviation(rows[:, start])
            scale[start] = spread if spread > 1e-12 * abs(mean[start]) else 1.0
        start += len(column.inputs)
    return mean, scale


def deviation(values: Array) -> float:
    """Return the standard deviation, also of numbers whose squares are beyond what a float can hold."""
    largest = float(np.abs(values).max())
    return float((values / largest).std()) * largest if largest > 0 else 0.0


def network(recipe: Recipe, n_in: int, n_classes: int) -> NeuralNetwork:
    """Return the network of a recipe: hidden layers, each with its dropout; softmax, or one value for 0 classes."""
    layers: list[Any] = []
    width = n_in
    for n in recipe.hidden or ():
        layers += [DenseLayer(width, n, recipe.activation), *([DropoutLayer(recipe.dropout)] if recipe.dropout else [])]
        width = n
    last = DenseLayer(width, n_classes, "softmax") if n_classes else DenseLayer(width, 1)
    loss = "categorical_crossentropy" if n_classes else "mse"
    return NeuralNetwork([*layers, last], loss, dtype="float64", random_state=recipe.seed)


# --- a table of data ------------------------------------------------------------------------------------------------
def read(path: str) -> tuple[Any, str | None]:
    """Return the table and its file's SHA-256; None for what cannot be read twice: stdin, a pipe."""
    frame = read_table(path)
    if not os.path.isfile(path):
        return frame, None
    with open(path, "rb") as file:
        return frame, hashlib.file_digest(file, "sha256").hexdigest()


# --- a model and a table -------------------------------------------------------------------------------------------
def predicted(net: NeuralNetwork, table: Any) -> tuple[Encoded, Array]:
    """Return the encoded rows of a table, with remarks, and the network's outputs."""
    encoded = columns_of(net).encode(table)
    return encoded, net.predict(encoded.rows)


def columns_of(net: NeuralNetwork) -> Columns:
    """Return how the model takes a table; ValueError for a network that was not trained on one."""
    columns = getattr(net, "columns_", None)
    if columns is None:
        step = "Its file has no columns: predict with neural.load(...).predict(X) in Python."
        raise ValueError(f"The model must be one that neural train has written. {step}")
    if len(columns.inputs) != net.n_inputs:
        rule = f"{net.n_inputs} inputs, as the network has"
        raise ValueError(sentence("the columns of the model", rule, len(columns.inputs)))
    return columns


def truth_of(net: NeuralNetwork, table: Any, rows: Any = None) -> tuple[Array, Array, int]:
    """Return which rows have a target that the model knows, what it is there, and how many others are unknown."""
    columns = columns_of(net)
    if columns.target not in table.columns:
        raise ValueError(f"The table must have the target {columns.target!r} to be evaluated on. It is not there.")
    series = table[columns.target]
    if columns.task == "values":
        values = numbers_of(series)
        there = ~np.isnan(values)
        return there, values[there], int((series.notna().to_numpy() & ~there).sum())
    texts = texts_of(series)
    codes = codes_of([text(label) for label in np.asarray(net.classes_).tolist()], texts)
    return codes >= 0, codes[codes >= 0], int((texts.notna().to_numpy() & (codes < 0)).sum())
