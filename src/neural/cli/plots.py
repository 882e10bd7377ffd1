"""``neural plot``: the curves of a history, or a model's mistakes on a table."""

from __future__ import annotations

import io
import os
from typing import Annotated, Any

import typer

from neural import atomic
from neural.cli.answers import Answer, Json, Quiet
from neural.cli.fitting import columns_of, predicted, truth_of
from neural.cli.models import history_of, load
from neural.cli.predict import remark
from neural.cli.recipe import HISTORY
from neural.errors import look_up, sentence
from neural.table_files import read_table

FORMATS = ("png", "svg", "pdf")
CURVES = ("loss", "val_loss")


def plot(
    what: Annotated[str, typer.Argument(help="The folder of a run, its history.csv, or a model, with --data.")],
    data: Annotated[str | None, typer.Option("--data", "-d", help="A table: draw the mistakes on it.")] = None,
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="A .png, .svg or .pdf (default: curves.png, mistakes.png).")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="The loss on a logarithmic axis.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw the losses, or a model's mistakes.

    The loss over the epochs; with --data the confusion matrix, or predicted against true values.
    """
    answer = Answer(as_json, quiet)
    out = out or ("curves.png" if data is None else "mistakes.png")
    suffix = os.path.splitext(out)[1].lower().removeprefix(".")
    look_up("the suffix of a picture", suffix, dict.fromkeys(FORMATS))
    atomic.file_path(out)  # an error now is better than one after the drawing
    figure = curves(what, log) if data is None else _mistakes(what, data, answer)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix)
    atomic.write(out, [buffer.getvalue()])
    answer.document({"file": out})
    answer.text(out)


def curves(path: str, log: bool) -> Any:
    """Return the figure of the losses in a history's CSV file, ours or that of CSVLogger."""
    from neural.plotting import plot_history

    if os.path.isfile(path) and not path.endswith(".csv"):
        raise ValueError(
            sentence(
                "What is drawn", "a run's folder, or its history.csv", path, "For a model's mistakes add --data TABLE."
            )
        )
    series = history_of(os.path.join(path, HISTORY) if os.path.isdir(path) else path, CURVES)
    return plot_history(series, key=CURVES[0], log=log)


def _mistakes(model: str, data: str, answer: Answer) -> Any:
    from neural.cli.report import mistakes

    net = load(model)
    frame = read_table(data)
    there, truth, _ = truth_of(net, frame)
    columns = columns_of(net)
    if not len(truth):
        raise ValueError(f"The table must have rows whose {columns.target!r} the model knows. Got none.")
    encoded, outputs = predicted(net, frame[there])
    remark(answer, encoded)
    return mistakes(columns.target, net.classes_ if columns.task == "classes" else None, truth, outputs)
