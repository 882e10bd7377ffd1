"""``neural inspect``: what is in a model file, read as data; nothing of it is run."""

from __future__ import annotations

import itertools
import math
from typing import Any

from neural import model_file
from neural.cli.answers import Answer, Json, Quiet, table
from neural.cli.models import Model, path_of
from neural.errors import ModelFileError
from neural.tables import Code, Columns

USUAL = (None, 0.0, False, True, "auto", "zeros")  # settings that say nothing


def inspect(model: Model, as_json: Json = False, quiet: Quiet = False) -> None:
    """Say what is in a model file.

    Layers, parameters, classes, columns, metrics, versions: the file is read and checked as data, no code is run.
    """
    answer = Answer(as_json, quiet)
    path = path_of(model)
    contents = model_file.read(path)
    try:
        columns = None if contents.columns is None else Columns.from_plain(contents.columns)
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from None
    found = described(contents, columns)
    answer.document(found)
    answer.text(_lines(path, found, columns))


def described(contents: model_file.Contents, columns: Columns | None) -> dict[str, Any]:
    """Return what a model file says as what JSON can hold."""
    about = contents.network
    parameters = {name: list(values.shape) for name, values in contents.tensors.items() if name.startswith("layer")}
    return {
        "dtype": about["dtype"],
        "inputs": about["n_inputs"],
        "layers": about["layers"],
        "loss": about["loss"],
        "parameters": sum(map(math.prod, parameters.values())),
        "shapes": parameters,
        "classes": None if contents.classes is None else contents.classes.get("labels"),
        "columns": contents.columns,
        "input_names": None if columns is None else columns.inputs,
        "metrics": contents.metrics,
        "versions": contents.versions,
        "epochs": about["epoch"] or None,  # 0: not by fit, but made of others, imported, or not trained at all
    }


def _lines(path: str, found: dict[str, Any], columns: Columns | None) -> str:
    epochs = "" if found["epochs"] is None else f"{found['epochs']} epochs, "
    parts = [
        f"{path}: {found['parameters']:,} parameters in {found['dtype']}, {found['inputs']} inputs, "
        f"{epochs}loss {_name(found['loss'])}",
        "Layers:",
        table([(str(number), *_layer(layer)) for number, layer in enumerate(_list(found["layers"]), 1)]),
    ]
    if found["classes"] is not None:
        parts += [f"Classes: {', '.join(map(str, _list(found['classes'])))}"]
    if columns is not None:
        rows = [(column.name, _kind(column)) for column in columns.columns]
        parts += [f"Predicts {columns.target} ({columns.task}) from:", table(rows)]
    if found["metrics"]:
        parts += ["Metrics: " + ", ".join(f"{name} {value:.4g}" for name, value in found["metrics"].items())]
    return "\n".join([*parts, "Written by " + ", ".join(f"{k} {v}" for k, v in found["versions"].items())])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _name(part: Any) -> str:
    return str(part.get("name")) if isinstance(part, dict) else str(part)


def _layer(layer: Any) -> tuple[str, str]:
    """Return a layer's name and its settings; inner layers by name."""
    settings = layer.get("settings", {}) if isinstance(layer, dict) else {}
    given = settings.items() if isinstance(settings, dict) else ()
    shown = {name: _short(value) for name, value in given if not any(_is(value, usual) for usual in USUAL)}
    return _name(layer), ", ".join(f"{name} {value}" for name, value in shown.items())


def _is(value: Any, usual: Any) -> bool:
    return value is usual or (not isinstance(usual, bool) and bool(value == usual))  # True is 1, as of n_out


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("name", value))
    if not isinstance(value, list):
        return str(value)
    runs = [(text, len([*same])) for text, same in itertools.groupby(map(_short, value))]
    return "[" + ", ".join(text if n == 1 else f"{n} x {text}" for text, n in runs) + "]"


def _kind(column: Any) -> str:
    if isinstance(column, Code):
        numbers = ", ".join(f"{k} for {value}" for k, value in enumerate(column.values))
        return f"category, as a number: {numbers}; -1 for any other"
    if hasattr(column, "values"):
        return f"category: {', '.join(column.values)}"
    beside = ", and a 1 beside it" if column.missing else ""
    return f"number from {column.low:.6g} to {column.high:.6g}; {column.mean:.6g} where it is missing{beside}"
