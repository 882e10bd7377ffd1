"""What may be wrong with what came out: each check takes a :class:`~neural.checkup.Case`, its limits above it."""

from __future__ import annotations

import numpy as np

from neural import significance
from neural.checkup import ENOUGH_EPOCHS, Array, Case, Finding, Findings
from neural.metrics import METRICS
from neural.models import Judged

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
        cause = (
            "The inputs say nothing of the target, or the network cannot take it in: too small, too short a fit, a "
            "penalty too large."
        )
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
        text = (
            f"its mean confidence on test rows is {confidence.mean():.3f} and {seen.right.mean():.3f} are right; "
            f"calibration error {found:.3f}, where chance makes {np.mean(by_chance):.3f}."
        )
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
            found = (
                f"to show a difference of {case.claim:g} in accuracy four times out of five takes about {needed:,} "
                f"test rows; there are {n:,}."
            )
            yield Finding("test set too small", found, float(needed), cause, "Test on more rows, or claim less.")
    elif (high - low) / 2 > WIDE:
        found = f"accuracy {k / n:.3f} on {n} test rows has a 95 % interval of {low:.3f} to {high:.3f}."
        step = f"For half that width about {4 * n} rows are needed; compare models by cross-validation until then."
        yield Finding("test set too small", found, (high - low) / 2, cause, step)
