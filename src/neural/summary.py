"""The table of a network's layers, as text and as HTML."""

from __future__ import annotations

import html as escaping
from typing import Any

from neural.layer import Layer

TITLE = "Summary of the Neural Network"
COLUMNS = (
    "Layer (type)",
    "Neurons #",
    "Input Shape",
    "Output Shape",
    "Weights shape",
    "Bias shape",
    "Param #",
    "Activation",
)


def rows(layers: list[Layer]) -> tuple[list[list[str]], int]:
    """Return a row of texts for the input and each layer, and the number of parameters in all."""
    width = _first_width(layers)
    table, total = [["Input", _text(width), _shape(width), "", "", "", "0", ""]], 0
    for layer in layers:
        after = layer.width_after(width) if width is not None else getattr(layer, "n_out", None)
        row, count = _row(layer, width, after)
        table.append(row)
        total, width = total + count, after
    return table, total


def _row(layer: Layer, width: int | None, after: int | None) -> tuple[list[str], int]:
    shapes: Any = {}
    if getattr(layer, "n_in", 0) is not None:
        shapes = layer.shapes()
    weights, biases = shapes.get("weights"), shapes.get("biases")
    count = layer.trainable_params if shapes else 0
    activation = layer.function.name if hasattr(layer, "function") else ""
    return [
        type(layer).__name__,
        _text(after),
        _shape(width),
        _shape(after),
        _text(weights, ""),
        _text(biases and (biases[0], 1), ""),
        str(count) if shapes or getattr(layer, "n_in", 0) is not None else "?",
        activation,
    ], count


def _first_width(layers: list[Layer]) -> int | None:
    for layer in layers:
        if hasattr(layer, "n_in"):
            return layer.n_in
    return layers[0]._width if layers else None


def _text(value: Any, missing: str = "?") -> str:
    return missing if value is None else str(value)


def _shape(width: int | None) -> str:
    return f"({_text(width)}, None)"


def text(layers: list[Layer]) -> str:
    """Return the table as text, the title above it and ``Total params`` below."""
    table, total = rows(layers)
    wide = [max(len(row[k]) for row in [list(COLUMNS), *table]) for k in range(len(COLUMNS))]
    rule = "=" * (sum(wide) + 2 * (len(wide) - 1))

    def line(row: Any) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip()

    lines = [
        TITLE.center(len(rule)).rstrip(),
        rule,
        line(COLUMNS),
        rule,
        *map(line, table),
        rule,
        f"Total params {total}",
    ]
    return "\n".join(lines)


def html(layers: list[Layer]) -> str:
    """Return the table as HTML."""
    table, total = rows(layers)

    def line(cells: Any, tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escaping.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    head, body = line(COLUMNS, "th"), "".join(line(row, "td") for row in table)
    return f"<table><caption>{TITLE}</caption>{head}{body}</table><p>Total params {total}</p>"
