"""A model on the command line: its file, or the folder of a run."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Annotated, Any

import typer

import neural
from neural.cli.recipe import MODEL
from neural.table_files import read_table
from neural.tables import numbers_of

Model = Annotated[str, typer.Argument(help=f"A model file, or the folder of a run, which has {MODEL}.")]


def path_of(model: str) -> str:
    """Return the path of the model's file; OSError or ValueError where there is none."""
    path = os.path.join(model, MODEL) if os.path.isdir(model) else model
    if not os.path.exists(path):
        inside = f" in the folder {model!r}" if path != model else ""
        name = MODEL if path != model else repr(model)
        raise FileNotFoundError(f"There is no model {name}{inside}. neural train makes one.")
    return path


def load(model: str) -> Any:
    """Return the network."""
    return neural.load(path_of(model))


def history_of(path: str, names: Iterable[str]) -> dict[str, list[float]]:
    """Return these series of a history's CSV file, ours or that of CSVLogger; ValueError without the cost."""
    frame = read_table(path)
    series = {name: numbers_of(frame[name]).tolist() for name in names if name in frame.columns}
    if "loss" not in series:
        raise ValueError(f"{path} must be the history of a training, with a column loss. It has none.")
    for name, values in series.items():
        if not all(map(math.isfinite, values)):
            raise ValueError(f"{path} must hold finite numbers in the column {name}. Something else is there.")
    return series
