"""What a notebook shows: curves as SVG, tables, and a place on the page that is written anew. Without matplotlib."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

COLOURS = ("#1f83c4", "#d9730d", "#0f9d76", "#b3579a")  # to be told apart, on white and on black
MOST_POINTS = 300  # of a curve: more than it is wide
LEFT, BELOW = 52, 20  # pixels for the numbers at the axes
CELL = "text-align:right;padding:2px 10px"


def as_printed(text: str, *, wrap: bool = False) -> str:
    """Return text with its columns under one another, as a notebook shows it; ``wrap`` where it has long sentences.

    >>> as_printed("a < b")
    '<pre style="white-space:pre">a &lt; b</pre>'
    """
    return f'<pre style="white-space:{"pre-wrap" if wrap else "pre"}">{escape(text)}</pre>'


def place() -> Any:
    """Return a place on the page, whose ``update(html)`` writes it anew, if this runs in a notebook; else None.

    IPython is asked only where it is running already.

    >>> place() is None
    True
    """
    ask = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    return None if getattr(ask(), "kernel", None) is None else Place()


class Place:
    """A place on the page of a notebook, made when it is first written."""

    def __init__(self) -> None:
        self._shown: Any = None

    def update(self, html: str) -> None:
        """Show this in place of what was there."""
        from IPython.display import display

        show: Any = display  # IPython's own is not typed
        page: Any = {"text/html": html, "text/plain": ""}
        if self._shown is None:
            self._shown = show(page, display_id=True, raw=True)
        else:
            self._shown.update(page, raw=True)


def number(value: float) -> str:
    """Return a number with four digits.

    >>> number(0.73162), number(1234567.0), number(math.nan)
    ('0.7316', '1.235e+06', 'nan')
    """
    return f"{value:.4g}"


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose cells are HTML already, but for its caption, its head and the first cell of a row."""
    first = "".join(f'<th style="{CELL}">{escape(cell)}</th>' for cell in head)
    body = "".join(_row(row) for row in rows)
    return f"<table><caption>{escape(caption)}</caption><tr>{first}</tr>{body}</table>"


def _row(cells: Sequence[str]) -> str:
    name, *others = cells
    values = "".join(f'<td style="{CELL}">{cell}</td>' for cell in others)
    return f'<tr><th style="{CELL};text-align:left">{escape(name)}</th>{values}</tr>'


def escape(text: str) -> str:
    """Return text as HTML."""
    import html  # with its table of all entities: only where it is shown

    return html.escape(text)


def spark(values: Sequence[float]) -> str:
    """Return a curve as high as a line of text, without axes."""
    return _picture({"": values}, _counted(values), (120, 20), "")


def chart(
    series: Mapping[str, Sequence[float]],
    x: Sequence[float] | None = None,
    *,
    log: bool = False,
    x_name: str = "Epoch",
    mark: float | None = None,
) -> str:
    """Return curves over ``x``, counted from 1 if it is None, as SVG, with the ends of both axes and a legend.

    With ``log`` x is on a logarithmic scale; ``mark`` is an x at which a dashed line stands.
    """
    across = _counted(max(series.values(), key=len)) if x is None else np.asarray(x, float)
    finite = np.concatenate([np.asarray(values, float) for values in series.values()])
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return ""
    wide, high = 420, 150
    low, top, first, last = (number(v) for v in (finite.min(), finite.max(), across[0], across[-1]))
    ends = [
        _text(LEFT - 6, 10, "end", top),
        _text(LEFT - 6, high, "end", low),
        _text(LEFT, high + 16, "start", first),
        _text(LEFT + wide, high + 16, "end", last),
        _text(LEFT + wide / 2, high + 16, "middle", x_name),
    ]
    named = (f'<span style="color:{_colour(k)}">&#9632; {escape(name)}</span>' for k, name in enumerate(series))
    axes = f'<path d="M{LEFT} 0V{high}H{LEFT + wide}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>'
    drawn = _picture(series, across, (wide, high), "".join([axes, *ends]), log, mark)
    return f'<div>{drawn}<div style="font:11px sans-serif;padding-left:{LEFT}px">{" ".join(named)}</div></div>'


def _counted(values: Sequence[float]) -> np.ndarray:
    return np.arange(1.0, len(values) + 1)


def _colour(k: int) -> str:
    return COLOURS[k % len(COLOURS)]


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="currentColor">{escape(text)}</text>'


def _picture(
    series: Mapping[str, Sequence[float]],
    across: np.ndarray,
    size: tuple[int, int],
    around: str,
    log: bool = False,
    mark: float | None = None,
) -> str:
    """Return an SVG of the curves; with something around them there is room for it."""
    left, below = (LEFT, BELOW) if around else (2, 0)
    wide, high = size
    places = np.log(across) if log else across
    both = np.concatenate([np.asarray(values, float) for values in series.values()])
    to_x = _scale(places, left, left + wide)
    to_y = _scale(both, high - 2, 2)
    heights = [to_y(np.asarray(values, float)) for values in series.values()]
    drawn = [_line(to_x(places), height, _colour(k)) for k, height in enumerate(heights)]
    if mark is not None:
        at = float(to_x(np.array([math.log(mark) if log else mark]))[0])
        drawn.append(f'<path d="M{at:.1f} 0V{high}" stroke="{_colour(len(series))}" stroke-dasharray="4 3"/>')
    width, height = left + wide + 4, high + below
    said = escape(", ".join(filter(None, series)) or "curve")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{said}" style="max-width:100%;height:auto;font:11px sans-serif">{around}'
        f"{''.join(drawn)}</svg>"
    )


def _scale(values: np.ndarray, start: float, end: float) -> Any:
    """Return the function from values to pixels: their least to ``start``, their most to ``end``."""
    finite = values[np.isfinite(values)]
    low, top = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    span = top / 2 - low / 2 or 1.0  # halves: the whole span may be more than float64 has
    return lambda some: start + (some / 2 - low / 2) / span * (end - start)


def _line(x: np.ndarray, y: np.ndarray, colour: str) -> str:
    """Return a curve, broken where a value is not finite; a value alone is a dot."""
    shown = np.unique(np.linspace(0, max(len(y) - 1, 0), min(len(y), MOST_POINTS)).round().astype(int))
    pieces: list[list[str]] = [[]]
    for k in shown:
        if math.isfinite(y[k]):
            pieces[-1].append(f"{x[k]:.1f} {y[k]:.1f}")
        elif pieces[-1]:
            pieces.append([])
    path = "".join("M" + "L".join(piece if len(piece) > 1 else piece * 2) for piece in pieces if piece)
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linecap="round"/>'
