"""``neural train``: from a table to a model, its report, and the file that repeats it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from neural import atomic
from neural.cli.answers import DONE, STOPPED, Answer, Json, Quiet, table
from neural.cli.fitting import Outcome, TrainingPlan, fit, plan_of, read
from neural.cli.recipe import HISTORY, MODEL, REPEAT, REPORT, Recipe, from_toml
from neural.cli.telling import described, document, doubt, ended, judged_on, score_rows
from neural.errors import sentence
from neural.table_files import read_table


def train(
    data: Annotated[
        str, typer.Argument(help="CSV, TSV, .parquet, .npz or .npy; - is stdin; or run.toml, to repeat it.")
    ],
    target: Annotated[str | None, typer.Option("--target", "-t", help="The column to predict.")] = None,
    out: Annotated[str | None, typer.Option("--out", "-o", help="The folder to write to (default: run).")] = None,
    task: Annotated[str | None, typer.Option(help="classes or values (default: guessed).")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A column to leave out; again for more.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="A column that holds categories.")] = None,
    number: Annotated[list[str] | None, typer.Option(help="A column that holds numbers.")] = None,
    weight: Annotated[str | None, typer.Option(help="A column of weights: 2 is as the row twice, 0 as none.")] = None,
    hidden: Annotated[str | None, typer.Option(help="Widths of the hidden layers: 64,32; 0 for none.")] = None,
    activation: Annotated[str | None, typer.Option(help="Of the hidden layers (default: relu).")] = None,
    dropout: Annotated[float | None, typer.Option(help="The share of units dropped (default: 0).")] = None,
    optimizer: Annotated[str | None, typer.Option(help="(default: adamw)")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="(default: 0.003)")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows an update (default: by the number of rows).")] = None,
    epochs: Annotated[int | None, typer.Option(help="At most so many (default: 500).")] = None,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without improvement before it ends (default: by the number of rows).")
    ] = None,
    validation: Annotated[float | None, typer.Option(help="The share of rows to stop by (default: 0.15).")] = None,
    test: Annotated[float | None, typer.Option(help="The share of rows to judge by (default: 0.15).")] = None,
    seed: Annotated[int | None, typer.Option(help="All random numbers follow from it (default: 0).")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Train a network on a table.

    What every column is, is guessed and said; --task, --drop, --category and --number overrule it. Writes a folder with
    the model, its history, a report to look at, and run.toml, which repeats the run bit for bit.
    """
    given = {
        name: value for name, value in locals().items() if value is not None and name in Recipe.__dataclass_fields__
    }
    given |= {name: tuple(given[name]) for name in ("drop", "category", "number") if name in given}
    given |= {"hidden": _widths(hidden)} if hidden is not None else {}
    answer = Answer(as_json, quiet)
    recipe = _recipe(data, given)
    check_out(recipe.out)
    frame, digest = read(recipe.data)
    if recipe.data_sha256 not in (None, digest):
        answer.note(f"neural: {recipe.data} has changed since the run that is repeated.")
    plan = plan_of(frame, recipe)
    answer.text(_guessed(plan))
    outcome = fit(plan, _callbacks(answer))
    from neural.cli.report import write

    write(outcome, digest, Path(recipe.out))
    answer.text(_told(outcome))
    answer.document(document(outcome))
    if doubt(outcome):
        answer.note(f"neural: {doubt(outcome)} Ask: neural doctor {recipe.out} {recipe.data}")
    if outcome.interrupted:
        answer.note(f"neural: Ctrl-C ended the training; what was best so far is kept. {_to_the_end(recipe)}".rstrip())
    return STOPPED if outcome.interrupted else DONE


def _recipe(data: str, given: dict[str, Any]) -> Recipe:
    if data.lower().endswith(".toml"):
        del given["data"]
        return from_toml(data, given)
    if "target" not in given:
        step = "Give it: --target COLUMN."
        if data != "-" and os.path.isfile(data):
            names = list(map(str, read_table(data).columns))
            step = f"Its columns are {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}. {step}"
        elif data != "-":
            read_table(data)  # says that there is none
        raise ValueError(f"The column to predict must be named. {step}")
    return Recipe(**given)


def _to_the_end(recipe: Recipe) -> str:
    """Return how a run that was cut short is made anew, to its end; nothing where its data cannot be read again."""
    if recipe.data == "-":
        return ""
    again = ["neural", "train", os.path.join(recipe.out, REPEAT), "--epochs", str(recipe.epochs), "--out", recipe.out]
    return f"To train to the end, anew: {shlex.join(again)}"


def _widths(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 9 for part in parts):
        raise ValueError(sentence("--hidden", "widths with commas between them, such as 64,32, or 0 for none", text))
    return () if parts == ["0"] else tuple(map(int, parts))


def check_out(folder: str) -> None:
    """Raise, before the training, if the folder cannot be written to. Nothing is made yet."""
    place = Path(folder)
    while not place.exists() and not place.is_symlink():
        place = place.parent
    if not place.is_dir():
        raise ValueError(sentence("--out", "a folder, or a name that is not taken", folder))
    atomic.check_folder(place)


def _callbacks(answer: Answer) -> list[Any]:
    if not answer.live:
        return []
    from neural.cli.progress import Bar

    return [Bar()]


# --- what is said --------------------------------------------------------------------------------------------------
def _guessed(plan: TrainingPlan) -> str:
    train, validation, test = (f"{len(part):,}" for part in (plan.train, plan.validation, plan.test))
    rows = f"{train} rows to train on, {validation} to stop by, {test} to judge by"
    return "\n".join(
        [
            "What the columns are taken for (--task, --drop, --category, --number overrule it):",
            table([(guess.name, guess.kind, guess.why) for guess in plan.guesses]),
            *plan.remarks,
            f"{rows}; {described(plan)}.",
            "",
        ]
    )


def _told(outcome: Outcome) -> str:
    folder = outcome.plan.recipe.out
    return "\n".join(
        [
            ended(outcome),
            f"{judged_on(outcome.plan)}:",
            table(score_rows(outcome)),
            "",
            f"Written to {folder}: {MODEL}, {REPORT} (look at this first), {HISTORY}, {REPEAT} (repeats the run).",
            f"Next: neural predict {folder} NEW.csv, or neural export {folder} model.onnx",
        ]
    )
