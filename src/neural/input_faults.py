"""What may be wrong with the rows: each check a function of a :class:`~neural.checkup.Case`, its limits above it."""

from __future__ import annotations

from typing import Any

import numpy as np

from neural.checkup import Case, Finding, Findings
from neural.embeddings import Embedding
from neural.layers import ActivationLayer, DenseLayer
from neural.normalization import BatchNorm, LayerNorm, Scaling

Array = np.ndarray[Any, Any]

LARGE = 20.0  # root mean square of a column as the first layer sees it
UNEVEN = 1000.0  # between the spreads of two columns
FEW_COLUMNS = 32  # beyond, columns that are 0 throughout are the border of an image


def _normalized(case: Case) -> bool:
    """Return whether the network scales its inputs itself, or looks them up, before anything else."""
    for leaf in case.net.leaves:
        if isinstance(leaf, BatchNorm | LayerNorm | Embedding) or (
            isinstance(leaf, Scaling) and leaf.centre is not None
        ):
            return True
        if isinstance(leaf, DenseLayer | ActivationLayer):
            return False
    return False


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
        found = f"{case.column(worst)} has a typical size of {sizes[worst]:.4g}, where about 1 is wanted."
        yield Finding("unscaled inputs", found, float(sizes[worst]), cause, step)
    elif len(spreads) and (ratio := float(spreads.max() / spreads.min())) > UNEVEN and len(X.T) < FEW_COLUMNS:
        found = f"one column's standard deviation is {ratio:.4g} times another's."
        yield Finding("unscaled inputs", found, ratio, cause, step)


def constant_inputs(case: Case) -> Findings:
    """Columns that are the same in every training row."""
    X = case.X
    constant = (X[0] == X).all(axis=0)
    if X.shape[1] >= FEW_COLUMNS:
        constant &= X[0] != 0
    columns = np.flatnonzero(constant)
    if len(X) > 1 and len(columns):
        first = case.column(columns[0])
        found = f"{len(columns)} of {X.shape[1]} columns are the same in every training row, first {first}."
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
    X, y = case.features[case.sample].astype(np.float64), case.train.truth[case.sample]
    if X.shape[1] < 2 or len(X) < 5 * ROWS_A_BIN or (not case.train.classifies and y.shape[1] != 1):
        return
    of = _purity if case.train.classifies else _correlation
    strengths = np.array([of(column, y.ravel()) for column in X.T])
    best, base = int(strengths.argmax()), _purity(np.zeros(len(X)), y) if case.train.classifies else 0.0
    if strengths[best] > PURE > 0.95 > base and np.delete(strengths, best).max() < NEXT_BEST:
        share, others = strengths[best], np.sort(strengths)[-2]
        found = f"{case.column(best)} alone tells {share:.1%} of the training targets; the next best {others:.1%}."
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
    k = int(classes.max()) + 1
    table = np.bincount(bins * k + classes, minlength=len(starts) * k).reshape(-1, k)
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
