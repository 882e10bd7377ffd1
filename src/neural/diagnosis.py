"""The doctor: what is wrong with a network, in plain words, each finding with its number, its cause and the next step.

A check is a function of a :class:`~neural.checkup.Case` that yields findings, and a row of CHECKS; its limits stand
above it. Where all is well it yields nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural import significance
from neural.checkup import Case, case_of
from neural.errors import check_number, sentence
from neural.layers import ActivationLayer, DenseLayer
from neural.metrics import METRICS
from neural.models import Judged, network_of
from neural.normalization import BatchNorm, LayerNorm

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its ``name``, what was found, the ``number`` that says so, why, and what to do."""

    name: str
    found: str
    number: float
    cause: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.name}: {self.found}\n    Cause: {self.cause}\n    Next: {self.next_step}"


class Diagnosis(list[Finding]):
    """The findings, in the order of CHECKS; empty where all is well. ``names``: what they are called."""

    @property
    def names(self) -> list[str]:
        """The names of the findings."""
        return [finding.name for finding in self]

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or f"Nothing found. {len(CHECKS)} checks were made."

    __repr__ = __str__


Findings = Iterator[Finding]

# Inputs ---------------------------------------------------------------------------------------------------------------

LARGE = 20.0  # root mean square of a column as the first layer sees it
UNEVEN = 1000.0  # between the spreads of two columns
FEW_COLUMNS = 32  # beyond, columns that are 0 throughout are the border of an image


def _normalized(case: Case) -> bool:
    return isinstance(case.net.leaves[0], BatchNorm | LayerNorm)


def unscaled_inputs(case: Case) -> Findings:
    """Columns far from the size of 1, or of very different sizes."""
    if _normalized(case):
        return
    X = case.features.astype(np.float64)
    sizes, spreads = np.sqrt(np.square(X).mean(axis=0)), X.std(axis=0)
    spreads = spreads[spreads > 0]
    worst = int(sizes.argmax())
    cause = "Sums of such inputs are far out on every activation, and no one learning rate suits all weights."
    step = "Subtract each column's mean and divide by its standard deviation; for images, input_scale=1/255."
    if sizes[worst] > LARGE:
        found = f"column {worst} has a typical size of {sizes[worst]:.4g}, where about 1 is wanted."
        yield Finding("unscaled inputs", found, float(sizes[worst]), cause, step)
    elif len(spreads) and (ratio := float(spreads.max() / spreads.min())) > UNEVEN and len(X.T) < FEW_COLUMNS:
        found = f"one column's standard deviation is {ratio:.4g} times another's."
        yield Finding("unscaled inputs", found, ratio, cause, step)


def constant_inputs(case: Case) -> Findings:
    """Columns that are the same in every training row."""
    X = case.X
    constant = (X == X[0]).all(axis=0)
    if X.shape[1] >= FEW_COLUMNS:
        constant &= X[0] != 0
    columns = np.flatnonzero(constant)
    if len(X) > 1 and len(columns):
        found = f"{len(columns)} of {X.shape[1]} columns are the same in every training row, first column {columns[0]}."
        cause = "What does not vary says nothing, and its weights stay as they were drawn."
        yield Finding("constant inputs", found, float(len(columns)), cause, "Leave these columns out.")


def duplicate_rows(case: Case) -> Findings:
    """Test rows that are training rows: more than repeats within the training rows explain."""
    if case.X_test is None:
        return
    train, test = (np.ascontiguousarray(X, dtype=np.float64) for X in (case.X, case.X_test))
    keys = [row.tobytes() for row in train]
    known = set(keys)
    shared = sum(row.tobytes() in known for row in test) / len(test)
    within = 1 - len(known) / len(keys)
    if shared > 0.005 + 2 * within and shared * len(test) >= 2:
        found = f"{shared:.1%} of the test rows are training rows too; {within:.1%} repeat among the training rows."
        cause = "The split was made after rows were copied, or the same rows were put on both sides."
        step = "Drop repeated rows before the split: test figures are better than they would be on new rows."
        yield Finding("duplicate rows", found, shared, cause, step)


PURE = 0.99  # of the rows of a column's narrow bins are of one class
NEXT_BEST = 0.95  # what any other column may have for that to stand out
ROWS_A_BIN = 10


def leaking_column(case: Case) -> Findings:
    """A column that gives the target away by itself, as no other does."""
    X, y = case.features.astype(np.float64), case.train.truth
    if X.shape[1] < 2 or len(X) < 5 * ROWS_A_BIN or (not case.train.classifies and y.shape[1] != 1):
        return
    of = _purity if case.train.classifies else _correlation
    strengths = np.array([of(column, y.ravel()) for column in X.T])
    best, base = int(strengths.argmax()), _purity(np.zeros(len(X)), y) if case.train.classifies else 0.0
    if strengths[best] > PURE > 0.95 > base and np.delete(strengths, best).max() < NEXT_BEST:
        found = f"column {best} alone tells {strengths[best]:.1%} of the training targets; the next best {np.sort(strengths)[-2]:.1%}."
        cause = "It was most likely made from the target, or is known only after it."
        step = "Ask where it comes from; leave it out if it will not be there when the network is used."
        yield Finding("leaking column", found, float(strengths[best]), cause, step)


def _purity(column: Array, classes: Array) -> float:
    """Return the share of rows of the commonest class of their bin, bins of ROWS_A_BIN rows by rank, ties together."""
    order = np.argsort(column, kind="stable")
    values, classes = column[order], classes[order]
    cuts = np.arange(0, len(values), ROWS_A_BIN)
    starts = np.unique(np.searchsorted(values, values[cuts], side="left"))
    bins = np.searchsorted(starts, np.arange(len(values)), side="right") - 1
    table = np.zeros((len(starts), int(classes.max()) + 1))
    np.add.at(table, (bins, classes), 1)
    return float(table.max(axis=1).sum() / len(values))


def _correlation(column: Array, y: Array) -> float:
    spread = column.std() * y.std()
    return 0.0 if spread == 0 else float(abs(((column - column.mean()) * (y - y.mean())).mean() / spread))


RARE, MISSED = 0.1, 0.5  # share of a class, and its recall


def imbalance(case: Case) -> Findings:
    """A rare class that is mostly missed."""
    if not case.train.classifies:
        return
    seen = case.test or case.train
    shares = np.bincount(case.labels) / len(case.labels)
    for k, share in enumerate(shares):
        mine = seen.truth == k
        if not 0 < share < RARE or np.count_nonzero(mine) < 5:
            continue
        recall = float(seen.right[mine].mean())
        if recall < MISSED and seen.right.mean() > recall + 0.3:
            found = f"class {k} is {share:.1%} of the training rows, and {recall:.0%} of its rows are recognized."
            cause = "A loss that is a mean over rows gains little from so few."
            step = "fit(class_weight='balanced'), and judge by balanced_accuracy or average_precision."
            yield Finding("imbalance", found, recall, cause, step)


# The network ----------------------------------------------------------------------------------------------------------

FLAT = 0.01  # of an activation's largest slope
ALWAYS = 0.99  # of the rows
MANY = 0.4  # of a layer's units


def stuck_units(case: Case) -> Findings:
    """Units whose activation is flat for nearly every row, so that no error passes: dead, or saturated."""
    for where, layer, slopes in case.slopes:
        steepest = float(np.abs(layer.function.activation_prime(np.linspace(-3, 3, 61))).max())
        stuck = (np.abs(slopes) < FLAT * steepest).mean(axis=0) >= ALWAYS
        count = int(stuck.sum())
        if count < max(2, MANY * len(stuck)):
            continue
        dead = layer.function.relu_like or layer.function.range[0] == 0 and layer.function.range[1] == np.inf
        name, effect = ("dead units", "give 0") if dead else ("saturated units", "are at an end of their range")
        found = f"{where}: {count} of {len(stuck)} units {effect} for at least {ALWAYS:.0%} of the rows."
        cause = "Their inputs are far out: a learning rate that was too high, large inputs, or a start with large weights."
        step = "Scale the inputs, start anew with init='auto' and a third of the learning rate" + (
            ", or use 'leaky_relu' or 'elu'." if dead else ", or use 'relu' in hidden layers."
        )
        yield Finding(name, found, count / len(stuck), cause, step)


VANISHED, EXPLODED = 1e-4, 1e3  # of the error of the last layer, in the first


def gradients_by_layer(case: Case) -> Findings:
    """Errors that die out or grow on their way back."""
    if len(case.errors) < 2:
        return
    (first, size), (last, end) = case.errors[0], case.errors[-1]
    ratio = size / end if end else 1.0
    if VANISHED <= ratio <= EXPLODED:
        return
    vanishing = ratio < VANISHED
    found = f"the error dJ/dz of {first} is {ratio:.2g} times that of {last}."
    slopes = "small weights or flat activations" if vanishing else "large weights"
    cause = f"On its way back it is multiplied by W and f'(z) of each layer; with {slopes} it {'shrinks' if vanishing else 'grows'}."
    step = "Use 'relu' with init='auto', BatchNorm or Residual, or fewer layers."
    step = step if vanishing else "Start with init='auto', and hold it with Adam(clip_norm=1) or BatchNorm."
    yield Finding(f"{'vanishing' if vanishing else 'exploding'} gradients", found, ratio, cause, step)


VALUE_LOSSES = ("mse", "mae", "huber", "log_cosh")


def unsuitable_loss(case: Case) -> Findings:
    """A loss or an output that does not suit the targets."""
    last = case.net._formulas()[-1][1]
    function = last.function if isinstance(last, ActivationLayer) else None
    y, n_out = case.prepared[1].y, case.net.n_outputs()
    name = "none" if function is None else function.name
    if name == "softmax" and n_out == 1:
        step = "Use 'sigmoid' with BinaryCrossentropy, or two units."
        yield Finding("unsuitable output", "the last layer is a softmax of one unit, which is always 1.", 1.0, "A softmax shares 1 among its units.", step)
    if case.loss.name not in VALUE_LOSSES:
        return
    binary = bool(np.isin(y, (0, 1)).all())
    low, high = (-np.inf, np.inf) if function is None else function.range
    outside = float(np.mean((y < low) | (y > high)))
    if outside > 0:
        found = f"{outside:.1%} of the targets lie outside {low:g} to {high:g}, all that {name} can give."
        step = "End the network without an activation, or scale the targets into that range."
        yield Finding("unsuitable output", found, outside, f"The last layer is {name}.", step)
    elif binary and len(np.unique(y)) == 2 and (name in ("softmax", "sigmoid") or n_out == 1):
        entropy = "CategoricalCrossentropy" if n_out > 1 else "BinaryCrossentropy"
        found = f"all targets are 0 or 1, and the loss is {case.loss.describe()}."
        cause = "They are classes. Squared or absolute errors hardly move an output that is surely wrong, and are no likelihood."
        link = "softmax" if n_out > 1 else "sigmoid"
        yield Finding("unsuitable loss", found, 1.0, cause, f"Use {entropy}, with '{link}' at the end.")


# Training -------------------------------------------------------------------------------------------------------------

ENOUGH_EPOCHS = 6
RESTLESS = 0.03  # of the first cost: mean change from epoch to epoch in the second half
HUGE_STEP = 0.5  # of |W| in one update
STILL = 0.01  # of the first cost: what it has moved in all
TINY_STEP = 1e-4


def rate_too_high(case: Case) -> Findings:
    """A cost that jumps or ends higher than it began, or updates as large as the weights."""
    costs = case.epochs("loss")
    if len(costs) < ENOUGH_EPOCHS or costs[0] <= 0:
        return
    late = costs[len(costs) // 2 :]
    turns = np.diff(np.sign(np.diff(late)))
    jumps = float(np.abs(np.diff(late)).mean() / costs[0]) if (turns != 0).sum() >= 2 else 0.0
    step, reasons = case.update_ratio, []
    if jumps > RESTLESS:
        reasons.append(f"from epoch to epoch the cost jumps by {jumps:.1%} of the first one, on and on")
    if costs[-1] > costs[0]:
        reasons.append(f"the cost has risen from {costs[0]:.4g} to {costs[-1]:.4g}")
    if step is not None and step > HUGE_STEP:
        reasons.append(f"one update changes a layer's weights by {step:.0%}")
    if reasons:
        number = max(jumps, float(costs[-1] / costs[0]) if costs[-1] > costs[0] else 0.0, step or 0.0)
        cause = "Each step goes beyond the place it is meant for."
        advice = "Divide the learning rate by 3 to 10; neural.rate_range.lr_range_test finds one."
        yield Finding("learning rate too high", f"{'; '.join(reasons)}.", number, cause, advice)


def rate_too_low(case: Case) -> Findings:
    """A cost that has hardly moved, or still falls as at the start."""
    costs = case.epochs("loss")
    if len(costs) < ENOUGH_EPOCHS or costs[0] <= 0:
        return
    middle = len(costs) // 2
    early, late = costs[0] - costs[middle], costs[middle] - costs[-1]
    moved, step = float((costs[0] - costs.min()) / costs[0]), case.update_ratio
    if moved < STILL and step is not None and step < TINY_STEP:
        found = f"the cost moved by {moved:.2%} in {len(costs)} epochs; one update changes no layer by more than {step:.1g}."
    elif 0 < early < 1.25 * late * middle / max(len(costs) - 1 - middle, 1) and late > STILL * costs[0]:
        found = f"the cost still falls as it did at first: by {early:.3g} in the first half of the epochs, {late:.3g} in the second."
    else:
        return
    step_on = "Try 3 to 10 times the learning rate (neural.rate_range.lr_range_test), or fit on for more epochs."
    yield Finding("learning rate too low", found, moved, "The steps are too small, or too few.", step_on)


WITHOUT_EFFECT = 1e-3  # of the cost


def penalty_without_effect(case: Case) -> Findings:
    """An l1 or l2 that is set and changes next to nothing."""
    penalties = [
        (name, float(getattr(each, name, 0)))
        for each in (case.loss, *case.net.leaves)
        for name in ("l1", "l2")
        if getattr(each, name, 0)
    ]
    costs, parts = case.epochs("loss"), case.epochs("penalty")
    if not penalties or not len(costs) or not len(parts) or costs[-1] <= 0:
        return
    share = float(parts[-1] / costs[-1])
    if share < WITHOUT_EFFECT:
        name, value = penalties[0]
        found = f"{name} = {value:g} makes {share:.2g} of the cost at the end."
        cause = "The penalty is divided by the rows of a batch: (l1 sum |W| + l2/2 sum W^2) / m."
        yield Finding("penalty without effect", found, share, cause, f"Try {name} = {value * 0.03 / max(share, 3e-8):.1g}, or leave it out.")


# Results --------------------------------------------------------------------------------------------------------------

NO_SKILL = 0.05


def _log_losses(seen: Judged) -> tuple[float, float] | None:
    """Return the log loss, and that of the classes' shares; None where the outputs are no probabilities."""
    try:
        own = float(METRICS["log_loss"].function(seen.truth, seen.outputs))
    except ValueError:
        return None
    shares = np.bincount(seen.truth) / len(seen.truth)
    return own, float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())


def underfitting(case: Case) -> Findings:
    """No better, on its own training rows, than an answer that does not look at the inputs."""
    seen, number = case.train, 0.0
    if seen.classifies and (both := _log_losses(seen)) is not None:
        number = 1 - both[0] / both[1] if both[1] else 1.0
        beside = f"log loss {both[0]:.4g}, where the shares of the classes alone give {both[1]:.4g}"
    elif seen.classifies:
        most = float(np.bincount(seen.truth).max() / len(seen.truth))
        number = float((seen.right.mean() - most) / (1 - most)) if most < 1 else 1.0
        beside = f"accuracy {seen.right.mean():.4g}, where the commonest class alone gives {most:.4g}"
    elif case.net.n_outputs() == seen.truth.shape[1]:
        number = float(METRICS["r2_score"].function(seen.truth, seen.outputs))
        beside = f"R2 = {number:.4g}, where the mean alone gives 0"
    else:
        return
    if number < NO_SKILL:
        found = f"on its training rows it has {beside}."
        cause = "The inputs say nothing of the target, or the network cannot take it in: too small, too short, held too tight."
        step = "Look at the rate first, then more epochs, wider layers, a smaller penalty; then at the data."
        yield Finding("underfitting", found, number, cause, step)


GAP, SURE_GAP, R2_GAP, RISEN = 0.1, 0.05, 0.2, 1.25


def overfitting(case: Case) -> Findings:
    """Much better on its own rows than on others."""
    cause = "It has learned its rows by heart, noise included."
    step = "More rows, a larger l2, DropoutLayer(0.3), fewer units, or EarlyStopping('val_loss')."
    values, test = case.epochs("val_loss"), case.test
    if len(values) >= ENOUGH_EPOCHS and not case.history.stopped and values[-1] > RISEN * values.min() > 0:
        best, rise = int(values.argmin()) + 1, float(values[-1] / values.min())
        found = f"val_loss was {values.min():.4g} at epoch {best} and is {values[-1]:.4g} now."
        yield Finding("overfitting", found, rise, cause, step)
    elif test is not None and test.classifies:
        k, m = int(case.train.right.sum()), int(test.right.sum())
        low, _ = significance.unpaired_interval(m, len(test.truth), k, len(case.train.truth))
        a, b = float(case.train.right.mean()), float(test.right.mean())
        if a - b > GAP and low > SURE_GAP:
            found = f"accuracy is {a:.3f} on training rows and {b:.3f} on test rows."
            yield Finding("overfitting", found, a - b, cause, step)
    elif test is not None and len(test.truth) > 20 and test.outputs.shape == test.truth.shape:
        a, b = (float(METRICS["r2_score"].function(seen.truth, seen.outputs)) for seen in (case.train, test))
        if a - b > R2_GAP:
            found = f"R2 is {a:.3f} on training rows and {b:.3f} on test rows."
            yield Finding("overfitting", found, a - b, cause, step)


MISCALIBRATED, DRAWS = 0.05, 400


def calibration(case: Case) -> Findings:
    """Probabilities farther from what happens than chance makes: judged on test rows."""
    seen = case.test
    if seen is None or not seen.classifies or _log_losses(seen) is None:
        return
    p = np.hstack([1 - seen.outputs, seen.outputs]) if seen.outputs.shape[1] == 1 else seen.outputs
    confidence, rng = p.max(axis=1), np.random.default_rng(0)
    bins = np.minimum((confidence * 15).astype(int), 14)

    def error(right: Array) -> float:
        return float(np.abs(np.bincount(bins, right - confidence, 15)).sum() / len(right))

    found, by_chance = error(seen.right), [error(rng.random(len(p)) < confidence) for _ in range(DRAWS)]
    if found > MISCALIBRATED and found > max(by_chance):
        sure = "too sure" if confidence.mean() > seen.right.mean() else "not sure enough"
        text = f"its mean confidence on test rows is {confidence.mean():.3f} and {seen.right.mean():.3f} are right; calibration error {found:.3f}, where chance makes {np.mean(by_chance):.3f}."
        step = "neural.calibration.calibrate(net, X_held_out, y_held_out) finds a temperature."
        yield Finding("calibration", text, found, f"It is {sure}, as networks trained for long mostly are.", step)


WIDE = 0.1  # half an interval of the accuracy


def small_test(case: Case) -> Findings:
    """Too few test rows for the difference that is claimed, or for any."""
    seen = case.test
    if seen is None or not seen.classifies:
        return
    n, k = len(seen.truth), int(seen.right.sum())
    low, high = significance.wilson_interval(k, n)
    cause = f"The standard error of an accuracy is sqrt(p (1 - p) / n), and n is {n}."
    if case.claim is not None:
        other = k / n - case.claim if k / n - case.claim >= 0 else k / n + case.claim
        needed = significance.rows_needed(k / n, min(other, 1.0))
        if needed > n:
            found = f"to show a difference of {case.claim:g} in accuracy four times out of five takes about {needed:,} test rows; there are {n:,}."
            yield Finding("test set too small", found, float(needed), cause, "Test on more rows, or claim less.")
    elif (high - low) / 2 > WIDE:
        found = f"accuracy {k / n:.3f} on {n} test rows has a 95 % interval of {low:.3f} to {high:.3f}."
        step = f"For half that width about {4 * n} rows are needed; compare models by cross-validation until then."
        yield Finding("test set too small", found, (high - low) / 2, cause, step)


# All of them ----------------------------------------------------------------------------------------------------------

CHECKS: dict[str, Callable[[Case], Findings]] = {
    row.__name__: row
    for row in (
        unscaled_inputs, constant_inputs, duplicate_rows, leaking_column, imbalance,
        stuck_units, gradients_by_layer, unsuitable_loss,
        rate_too_high, rate_too_low, penalty_without_effect,
        underfitting, overfitting, calibration, small_test,
    )
}  # fmt: skip


def doctor(
    model: Any,
    X: Any,
    y: Any,
    X_test: Any = None,
    y_test: Any = None,
    *,
    history: Any = None,
    claim: float | None = None,
) -> Diagnosis:
    """Return what is wrong with a network: findings in plain words, none where all is well. It changes nothing.

    Parameters
    ----------
    model : a network with a loss, or an estimator or pipeline with one inside.
    X, y : the rows it was trained on; ``X_test, y_test`` rows it was not, for what cannot be seen without them.
    history : what ``fit`` returned; None takes ``net.history_``, the last fit alone.
    claim : a difference in accuracy that the test rows are to show.

    >>> from neural import NeuralNetwork
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3)) * [1, 1, 5000]
    >>> net = NeuralNetwork([DenseLayer(3, 8, "relu"), DenseLayer(8, 1)], "mse", random_state=0)
    >>> doctor(net, X, X[:, 0] + X[:, 1]).names
    ['unscaled inputs', 'underfitting']
    """
    net, before = network_of(model)
    if net._loss is None:
        raise ValueError(sentence("model", "a network with a loss", model, "net.use_loss('categorical_crossentropy')."))
    if (X_test is None) != (y_test is None):
        raise ValueError(sentence("X_test and y_test", "given both or neither", (X_test, y_test)))
    if claim is not None:
        claim = check_number("claim", claim, low=0, high=1, strict=True)
    if before is not None:
        X, X_test = before.transform(X), None if X_test is None else before.transform(X_test)
    case = case_of(net, X, y, X_test, y_test, history, claim)
    with np.errstate(all="ignore"):
        return Diagnosis(finding for check in CHECKS.values() for finding in check(case))
