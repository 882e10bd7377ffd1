"""``neural doctor``: what is wrong with a model of ``neural train``, judged as the training saw it."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np
import typer

from neural import DenseLayer, History, NeuralNetwork
from neural import doctor as diagnose
from neural.cli.answers import DONE, FAILED, Answer, Json, Quiet
from neural.cli.fitting import columns_of, deviation, plan_of, read, scales, truth_of
from neural.cli.models import Model, history_of, load, path_of
from neural.cli.recipe import HISTORY, REPEAT, from_toml
from neural.folding import fold_inputs, fold_outputs
from neural.table_files import read_table
from neural.tables import count

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Rows:
    """Rows for a network, its inputs (n, inputs) and its targets (n,), column numbers or values; and whose they are."""

    X: Array
    y: Array
    what: str
    remarks: tuple[str, ...] = ()  # what had to be made up


def doctor(
    model: Model,
    data: Annotated[str, typer.Argument(help="The table it was trained on.")],
    test: Annotated[str | None, typer.Option("--test", help="A table it was not trained on.")] = None,
    claim: Annotated[
        float | None, typer.Option(help="A difference in accuracy that the rows not trained on are to show.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Say what is wrong with a model.

    Each finding with its number, its cause and the next step; exit code 1 where there is one. Beside run.toml, and on
    the same data, the rows of the training and those kept aside are known; else all rows of the table count as trained
    on.
    """
    answer = Answer(as_json, quiet)
    path, net = path_of(model), load(model)
    frame, digest = read(data)
    trained, aside = divided(net, os.path.join(os.path.dirname(path), REPEAT), frame, digest) or (
        rows_of(net, frame, data),
        None,
    )
    if test is not None:
        aside = rows_of(net, read_table(test), test)
    answer.text(f"Trained on: {trained.what}. Not trained on: {aside.what if aside else 'none, so less can be seen'}.")
    for text in (*trained.remarks, *(aside.remarks if aside else ())):
        answer.note(f"neural: {text}")
    if not aside:
        answer.note("neural: --test TABLE gives rows that it was not trained on.")
    found = diagnose(
        *as_trained(net, trained, aside),
        history=history_beside(path),
        claim=claim,
        feature_names=columns_of(net).inputs,
    )
    answer.text(str(found))
    answer.document({"trained_on": len(trained.y), "tested_on": len(aside.y) if aside else 0,
                     "findings": [asdict(finding) for finding in found]})  # fmt: skip
    return FAILED if found else DONE


def rows_of(net: NeuralNetwork, frame: Any, name: str) -> Rows:
    """Return the rows of a table whose target the model knows; ValueError if there are none."""
    there, truth, _ = truth_of(net, frame)
    if not len(truth):
        raise ValueError(f"{name} must have rows whose {columns_of(net).target!r} the model knows. Got none.")
    encoded, name = columns_of(net).encode(frame[there]), "the standard input" if name == "-" else name
    return Rows(encoded.rows, truth, f"{count(len(truth), 'row')} of {name}", tuple(encoded.remarks))


def divided(net: NeuralNetwork, settings: str, frame: Any, digest: str | None) -> tuple[Rows, Rows] | None:
    """Return the rows that the run was trained and scored on; None where that is not known of this table."""
    if digest is None or not os.path.exists(settings):
        return None
    recipe = from_toml(settings, {})
    if recipe.data_sha256 != digest:
        return None
    plan = plan_of(frame, recipe)
    if plan.columns != columns_of(net):  # another model, beside which this file happens to lie
        return None
    X = plan.columns.encode(plan.table).rows
    aside = "kept to judge by" if len(plan.test) else "kept to stop by"
    return (
        Rows(X[plan.train], plan.targets[plan.train], count(len(plan.train), "row")),
        Rows(X[plan.scored], plan.targets[plan.scored], f"{count(len(plan.scored), 'row')} {aside}"),
    )


def as_trained(net: NeuralNetwork, trained: Rows, aside: Rows | None) -> tuple[Any, ...]:
    """Return network and rows for the doctor, with the scales that were folded into the network taken out again.

    The training saw (x - mean) / deviation, and so it is what its weights, costs and updates have to be judged by. A
    network of TabularClassifier and the like has its scales in layers of their own, and takes the rows as they are.
    """
    if not isinstance(net.layers[0], DenseLayer):
        return net, *(array for part in (trained, aside) if part for array in (part.X, part.y))
    mean, scale = scales(columns_of(net), trained.X)
    fold_inputs(net, -mean / scale, 1 / scale)
    middle, width = 0.0, 1.0
    if columns_of(net).task == "values":
        middle, width = float(trained.y.mean()), deviation(trained.y) or 1.0
        fold_outputs(net, np.array([-middle / width]), np.array([1 / width]))
    parts = [((part.X - mean) / scale, (part.y - middle) / width if net.classes_ is None else part.y)
             for part in (trained, aside) if part]  # fmt: skip
    return net, *(array for part in parts for array in part)


def history_beside(path: str) -> History | None:
    """Return the history that lies beside a model; None where there is none.

    Without ``val_loss``: what it did after the best epoch says nothing of the network, which is that of the best.
    """
    file = os.path.join(os.path.dirname(path), HISTORY)
    if not os.path.exists(file):
        return None
    series, history = history_of(file, ("loss", "learning_rate")), History()
    for numbers in zip(*series.values(), strict=True):
        history.record(dict(zip(series, numbers, strict=True)))
    return history
