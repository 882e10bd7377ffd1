"""The table of a network's layers, as text and as HTML."""

from __future__ import annotations

from typing import Any

from neural.columns import Splice
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


def rows(layers: list[Layer]) -> tuple[list[list[str]], Any]:
    """Return a row of texts for the input and each layer, and the number of parameters in all (None if not known)."""
    width = _first_width(layers)
    total: Any
    table, total = [["Input", _text(width), _shape(width), "", "", "", "0", ""]], 0
    for layer in layers:
        after = getattr(layer, "n_out", None) if width is None or _is_open(layer) else layer.width_after(width)
        shapes = _shapes(layer)
        count = None if shapes is None else layer.trainable_params
        table.append(_row(layer, width, after, shapes or {}, count))
        total, width = None if None in (total, count) else total + count, after
    return table, total


def _is_open(layer: Layer) -> bool:
    """Return whether a layer's outputs depend on a width besides that of its inputs that is not known yet."""
    return isinstance(layer, Splice) and layer._split._width is None


def _shapes(layer: Layer) -> Any:
    """Return the shapes of a layer's parameters; None as long as its width is not known."""
    try:
        shapes = layer.shapes()
    except ValueError:  # which says so
        return None
    return None if any(None in shape for shape in shapes.values()) else shapes


def _row(layer: Layer, width: int | None, after: int | None, shapes: Any, count: int | None) -> list[str]:
    weights, biases = shapes.get("weights"), shapes.get("biases")
    activation = layer.function.name if hasattr(layer, "function") else ""
    kind, bias_shape = type(layer).__name__, _text(biases and (biases[0], 1), "")
    return [kind, _text(after), _shape(width), _shape(after), _text(weights, ""), bias_shape, _text(count), activation]


def _first_width(layers: list[Layer]) -> int | None:
    for layer in layers:
        if hasattr(layer, "n_in"):
            return layer.n_in
        if not layer.keeps_width:
            break
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
        f"Total params {_text(total)}",
    ]
    return "\n".join(lines)


def html(layers: list[Layer]) -> str:
    """Return the table as HTML."""
    import html as escaping  # with its table of all entities: only where it is shown

    table, total = rows(layers)

    def line(cells: Any, tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escaping.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    head, body = line(COLUMNS, "th"), "".join(line(row, "td") for row in table)
    return f"<table><caption>{TITLE}</caption>{head}{body}</table><p>Total params {_text(total)}</p>"
