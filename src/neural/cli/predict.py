"""``neural predict`` and ``neural evaluate``: a model on the rows of a table."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import numpy as np
import typer

from neural import atomic
from neural.cli.answers import DONE, FAILED, Answer, Json, Quiet, plain, table
from neural.cli.fitting import columns_of, predicted, truth_of, weights_of
from neural.cli.models import Model, load
from neural.cli.scores import NAMES, MetricScore, scores
from neural.errors import look_up, sentence
from neural.table_files import read_table
from neural.tables import Encoded, count

Data = Annotated[str, typer.Argument(help="CSV, TSV, .parquet, .npz or .npy; - is stdin.")]
BLOCK = 65_536  # rows written at a time
PREDICTION = "prediction"


def predict(
    model: Model,
    data: Data,
    out: Annotated[str | None, typer.Option("--out", "-o", help="The CSV file to write (default: stdout).")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="The columns of the table first.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict the rows of a table.

    Writes CSV, or with --json an object a line: the class and the probability of each, or the value.
    """
    answer = Answer(as_json, quiet)
    net = load(model)
    frame = read_table(data)
    encoded, outputs = predicted(net, frame)
    remark(answer, encoded)
    lines = _json_lines(net, outputs) if as_json else _csv_lines(net, outputs, frame if keep else None)
    if out not in (None, "-"):
        atomic.write(out, (line.encode() for line in lines))
        answer.note(f"{count(len(outputs), 'prediction')} written to {out}.")
        return
    for line in lines:
        sys.stdout.write(line)


def remark(answer: Answer, encoded: Encoded) -> None:
    """Say what had to be made up."""
    for text in encoded.remarks:
        answer.note(f"neural: {text}")


def _answers(net: Any, outputs: np.ndarray) -> tuple[list[str], Iterator[list[Any]]]:
    """Return the names of what is predicted, and a row of it for each row."""
    if columns_of(net).task == "values":
        return [PREDICTION], ([value] for value in outputs[:, 0].tolist())
    labels = [str(label) for label in net.classes_]
    best = outputs.argmax(axis=1)
    rows = ([labels[k], *row] for k, row in zip(best.tolist(), outputs.tolist(), strict=True))
    return [PREDICTION, *(f"p_{label}" for label in labels)], rows


def _csv_lines(net: Any, outputs: np.ndarray, kept: Any) -> Iterator[str]:
    names, rows = _answers(net, outputs)
    if kept is not None:
        clash = [name for name in names if name in kept.columns]
        if clash:
            step = "Leave out --keep, or call it something else."
            raise ValueError(sentence("a column of the table", "none of those that are written", clash[0], step))
        names = [*map(str, kept.columns), *names]
        before = kept.astype(object).where(kept.notna(), "").itertuples(index=False)
        rows = ([*first, *row] for first, row in zip(before, rows, strict=True))
    return _in_blocks(names, rows)


def _in_blocks(names: list[str], rows: Iterable[list[Any]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for number, row in enumerate(rows, 1):
        writer.writerow(row)
        if number % BLOCK == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _json_lines(net: Any, outputs: np.ndarray) -> Iterator[str]:
    names, rows = _answers(net, outputs)
    for row in rows:
        found: dict[str, Any] = {PREDICTION: row[0]}
        if len(row) > 1:
            found["probabilities"] = {
                name.removeprefix("p_"): value for name, value in zip(names[1:], row[1:], strict=True)
            }
        yield json.dumps(plain(found), ensure_ascii=False) + "\n"


# --- evaluate ------------------------------------------------------------------------------------------------------
def evaluate(
    model: Model,
    data: Data,
    weight: Annotated[str | None, typer.Option(help="A column of the rows' weights.")] = None,
    at_least: Annotated[list[str] | None, typer.Option(metavar="METRIC=NUMBER", help="Exit code 1 below it.")] = None,
    at_most: Annotated[list[str] | None, typer.Option(metavar="METRIC=NUMBER", help="Exit code 1 above it.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Measure a model on a table that has the target.

    Metrics with their 95 % intervals; exit code 1 where one is beyond a limit.
    """
    answer = Answer(as_json, quiet)
    limits = [(name, limit, 1) for name, limit in map(_limit, at_least or ())]
    limits += [(name, limit, -1) for name, limit in map(_limit, at_most or ())]
    net = load(model)
    frame = read_table(data)
    there, truth, unknown = truth_of(net, frame)
    weights = None if weight is None else weights_of(frame, weight, columns_of(net).target)[there]
    if not len(truth):
        raise ValueError(f"The table must have rows whose {columns_of(net).target!r} the model knows. Got none.")
    if weights is not None and not weights.any():
        raise ValueError(sentence(f"the column of weights {weight!r}", "above 0 for a row whose target is known", 0))
    encoded, outputs = predicted(net, frame[there])
    remark(answer, encoded)
    found = scores(columns_of(net).task, truth, outputs, weights=weights)
    remarks = [f"{count(unknown, 'row')} with a target that was not there in training left out."] if unknown else []
    missed = _missed(found, limits)
    answer.text(" ".join([f"{count(len(truth), 'row')}.", *remarks]))
    answer.text(table([("metric", "value", "95 % interval"), *(score.texts[:3] for score in found)]))
    metrics = {score.name: {"value": score.value, "low": score.low, "high": score.high} for score in found}
    answer.document({"rows": len(truth), "metrics": metrics, "remarks": remarks, "missed": missed})
    for text in missed:
        print(f"neural: {text}", file=sys.stderr)
    return FAILED if missed else DONE


def _limit(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    look_up("metric", name.strip(), dict.fromkeys(NAMES))
    try:
        limit = float(number)
    except ValueError:
        limit = np.nan
    if not np.isfinite(limit):
        raise ValueError(sentence("a limit", "such as accuracy=0.9", text))
    return name.strip(), limit


def _missed(found: list[MetricScore], limits: list[tuple[str, float, int]]) -> list[str]:
    """Return a sentence for each limit that is not kept."""
    values = {score.name: score.value for score in found}
    missed = []
    for name, limit, sign in limits:
        if name not in values:
            raise ValueError(sentence(f"{name} on these rows", "one of " + ", ".join(values), "not defined"))
        if sign * values[name] < sign * limit:
            missed.append(
                f"{name} is {values[name]:.4g}, and should be {'at least' if sign > 0 else 'at most'} {limit:g}."
            )
    return missed
