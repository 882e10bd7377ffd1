"""What is told of a training, in words and as JSON."""

from __future__ import annotations

import os
from typing import Any

from neural.cli.fitting import Outcome, TrainingPlan
from neural.cli.recipe import HISTORY, MODEL, REPEAT, REPORT
from neural.tables import count


def described(plan: TrainingPlan) -> str:
    """Return the network in a few words."""
    widths = (len(plan.columns.inputs), *(plan.recipe.hidden or ()), 1 if plan.labels is None else len(plan.labels))
    return f"a network of {' - '.join(map(str, widths))}"


def ended(outcome: Outcome) -> str:
    """Return how the training ended."""
    why = outcome.history.stopped or "all epochs done"
    return f"Trained {count(len(outcome.history), 'epoch')}; the best was epoch {outcome.best_epoch} ({why})."


def judged_on(plan: TrainingPlan) -> str:
    """Return which rows the metrics are of."""
    weighted = "" if plan.recipe.weight is None else f", weighted by {plan.recipe.weight!r}"
    if len(plan.test):
        return f"On {count(len(plan.test), 'row')} that the training never saw{weighted}"
    return f"On the {count(len(plan.validation), 'row')} that the training stopped by, so rather too good{weighted}"


def typical_of(outcome: Outcome) -> str:
    """Return what a guess without a model would be."""
    return "always the most frequent" if outcome.plan.labels is not None else "always the mean"


def doubt(outcome: Outcome) -> str:
    """Return a warning where no metric shows that the model is better than such a guess; else nothing."""
    if any(score.is_better for score in outcome.scores):
        return ""
    target = outcome.plan.recipe.target
    reasons = f"these columns may not tell {target!r}, or the rows are too few, or the training went wrong"
    return f"No metric is surely better than {typical_of(outcome)}: {reasons}."


def score_rows(outcome: Outcome) -> list[tuple[str, ...]]:
    """Return the metrics as rows of text, under their head."""
    return [("metric", "value", "95 % interval", typical_of(outcome)), *(score.texts for score in outcome.scores)]


def document(outcome: Outcome) -> dict[str, Any]:
    """Return all that is told as what JSON can hold."""
    plan = outcome.plan
    files = {name: os.path.join(plan.recipe.out, name) for name in (MODEL, HISTORY, REPORT, REPEAT)}
    return {
        "task": plan.recipe.task,
        "columns": [{"name": g.name, "kind": g.kind, "why": g.why} for g in plan.guesses],
        "weight": plan.recipe.weight,
        "inputs": plan.columns.inputs,
        "classes": None if plan.labels is None else plan.labels.tolist(),
        "remarks": list(plan.remarks),
        "rows": {"train": len(plan.train), "validation": len(plan.validation), "test": len(plan.test)},
        "hidden": plan.recipe.hidden,
        "epochs": len(outcome.history),
        "best_epoch": outcome.best_epoch,
        "stopped": outcome.history.stopped,
        "metrics": {
            s.name: {"value": s.value, "low": s.low, "high": s.high, "baseline": s.baseline} for s in outcome.scores
        },
        "doubt": doubt(outcome),
        "files": files,
    }
