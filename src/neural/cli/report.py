"""What a training writes: the model, its history, its report, and the settings that repeat it; all of them or none."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import neural
from neural import atomic, canvas
from neural.cli.fitting import Outcome
from neural.cli.recipe import HISTORY, MODEL, REPEAT, REPORT, toml
from neural.cli.telling import described, doubt, ended, judged_on, score_rows
from neural.figures import save
from neural.metrics import confusion_matrix
from neural.page import Block, Bullets, Fold, Heading, Picture, Table, Text, to_html
from neural.plotting import plot_confusion, plot_history

MOST_POINTS = 2000
COLUMNS_OF_HISTORY = ("loss", "val_loss", "learning_rate")  # not seconds: a repeated run is the same file
OWN = ("out", "data_sha256")  # settings that may differ where the run is the same
CURVES, MISTAKES = "curves.png", "mistakes.png"


def write(outcome: Outcome, digest: str | None, folder: Path) -> None:
    """Write the files of a run into its folder: elsewhere first, then each moved to its place, the report last."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = replace(outcome.plan.recipe, data_sha256=digest)
    if outcome.interrupted:
        recipe = replace(recipe, epochs=len(outcome.history))
    with tempfile.TemporaryDirectory() as drawn, atomic.together(folder, last=REPORT) as scratch:
        outcome.net.columns_ = outcome.plan.columns
        outcome.net.save(scratch / MODEL, metrics={score.name: score.value for score in outcome.scores})
        (scratch / HISTORY).write_text(history_text(outcome.history), encoding="utf-8", newline="")
        (scratch / REPEAT).write_text(recipe.to_toml(str(folder)), encoding="utf-8")
        (scratch / REPORT).write_text(page(outcome, Path(drawn)), encoding="utf-8")


def history_text(history: Any) -> str:
    """Return the history as CSV, a row an epoch, in as many digits as read back equal."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *COLUMNS_OF_HISTORY])
    series = zip(*(history[name] for name in COLUMNS_OF_HISTORY), strict=True)
    writer.writerows([epoch, *map(repr, map(float, numbers))] for epoch, numbers in enumerate(series, 1))
    return text.getvalue()


# --- the page ------------------------------------------------------------------------------------------------------
def page(outcome: Outcome, folder: Path) -> str:
    """Return the report as one HTML file; its pictures are made in ``folder``."""
    recipe = outcome.plan.recipe
    title = f"{recipe.target}, learned from {os.path.basename(recipe.data) if recipe.data != '-' else 'standard input'}"
    return to_html(
        title, f"neural {neural.__version__}; {described(outcome.plan)}", list(_blocks(outcome, folder)), folder
    )


def _blocks(outcome: Outcome, folder: Path) -> Iterator[Block]:
    plan = outcome.plan
    head, *rows = score_rows(outcome)
    yield Heading("How good it is")
    yield Table(f"{judged_on(plan)}.", head, rows)
    yield Text(
        "Other rows of the same kind would give other values. The intervals are made by a rule that, used on such rows "
        "again and again, holds the value of all rows of this kind in about 95 of 100 cases (confidence intervals)."
    )
    if doubt(outcome):
        yield Text(doubt(outcome))
    yield _mistakes(outcome, folder)
    yield Heading("What the columns were taken for")
    yield Table(
        "Each column, its kind, and why.", ("column", "kind", "why"), [(g.name, g.kind, g.why) for g in plan.guesses]
    )
    yield Bullets([*plan.remarks, "To overrule a guess: --task, --drop, --category, --number."])
    yield Heading("How it learned")
    yield Text(ended(outcome))
    yield _curves(outcome, folder)
    yield Heading("What it was trained with")
    named = {**vars(plan.recipe), "data": os.path.basename(plan.recipe.data)}
    settings = [(name, toml(value)) for name, value in named.items() if value not in (None, ()) and name not in OWN]
    yield Fold("All settings", [Table("As in run.toml, which repeats the run.", ("setting", "value"), settings)])
    yield Fold("The network's inputs, in order", [Bullets(plan.columns.inputs)])


def _curves(outcome: Outcome, folder: Path) -> Picture:
    curves = {"training": outcome.history["loss"], "validation": outcome.history["val_loss"]}
    unit = "cross-entropy" if outcome.plan.labels is not None else "squared error, of the target's variance"
    save(plot_history(curves, ylabel=f"Loss ({unit})"), folder / CURVES)
    alt = f"Two curves over {len(outcome.history)} epochs: the loss in training and in validation."
    return Picture(CURVES, alt, f"The loss of each epoch. The network is that of epoch {outcome.best_epoch}.")


def _mistakes(outcome: Outcome, folder: Path) -> Picture:
    save(mistakes(outcome.plan.recipe.target, outcome.plan.labels, outcome.truth, outcome.outputs), folder / MISTAKES)
    if outcome.plan.labels is not None:
        return Picture(MISTAKES, "A confusion matrix.", "Rows are the true classes, columns the predicted ones.")
    return Picture(MISTAKES, "Predicted against true values.", "A perfect network's points lie on the line.")


def mistakes(target: str, labels: Any, truth: Any, outputs: Any) -> Any:
    """Return a figure of a confusion matrix, or of predicted against true values."""
    if labels is not None:
        matrix = confusion_matrix(truth, outputs.argmax(axis=1), labels=np.arange(len(labels)))
        return plot_confusion(matrix, [str(label) for label in labels])
    return _against(target, truth[:: -(-len(truth) // MOST_POINTS)], outputs[:: -(-len(truth) // MOST_POINTS), 0])


@canvas.style()
def _against(target: str, truth: Any, values: Any) -> Any:
    figure, axes = canvas.panel(None, 5.0, 4.6)
    ends = [min(truth.min(), values.min()), max(truth.max(), values.max())]
    axes.plot(ends, ends, color="0.6", linewidth=1)
    axes.plot(truth, values, "o", color=canvas.COLOURS[0], markersize=3, alpha=0.5)
    axes.set(xlabel=f"True {target}", ylabel=f"Predicted {target}")
    return figure
