"""A model on the command line: its file, or the folder of a run."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

import neural
from neural.cli.recipe import MODEL

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
