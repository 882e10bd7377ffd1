"""What the plots are drawn on: the style, figures, axes, tiles for images, colours.

Figures are made without pyplot, which would keep each of them alive until it is closed and is not for threads.
Colours are those of Okabe and Ito (2008, "Color Universal Design"), told apart by colour-blind readers too.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from neural.errors import check_number, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

INK, VERMILLION = "0.2", "#D55E00"
COLOURS = ("#0072B2", "#E69F00", "#009E73", VERMILLION, "#CC79A7", "#56B4E9", "#000000", "#F0E442")
MARKERS = "os^DvPX"  # seven markers and eight colours: 56 classes before a pair comes again
STYLE: Any = {
    "figure.dpi": 120,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": "0.6",
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.h_pad": 0.1,  # inches
    "figure.constrained_layout.w_pad": 0.1,
    "font.size": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "text.color": INK,
    "text.usetex": False,  # names of classes may hold % and _
}

INCH_OF_IMAGE = 1.1  # the longer side of an image
MOST_TILES = 1000  # each image is an axes of its own; a thousand take seconds
INCH_OF_LETTER = 0.072  # mean width of a letter at 9 points, generously

_drawing = threading.RLock()  # matplotlib's settings belong to the whole program


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of this file; the caller's own settings are back afterwards. Also a decorator."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError('plots need matplotlib: pip install "neural-dense[plot]"') from error
    with _drawing, matplotlib.rc_context(STYLE):
        yield


# Figures and axes -----------------------------------------------------------------------------------------------------


def new_figure(width: float, height: float, layout: Any = "constrained") -> Figure:
    """Return a figure of so many inches that shows itself in a notebook, even in one that has not loaded pyplot."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    figure._repr_png_ = partial(_png, figure)  # type: ignore[attr-defined]
    return figure


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def axis_name(keys: Sequence[str]) -> str:
    """Return the name of an axis for series of a history: that of the one quantity they share, or none.

    >>> axis_name(["loss", "val_loss"]), axis_name(["val_f1_score"]), axis_name(["loss", "accuracy"])
    ('Loss', 'F1 score', '')
    """
    names = {key.removeprefix("val_") for key in keys}
    if names <= {"loss", "data_loss"}:
        return "Loss"
    return names.pop().replace("_", " ").capitalize() if len(names) == 1 else ""


def panel(ax: Axes | None, width: float, height: float) -> tuple[Figure, Axes]:
    """Return the caller's axes and their figure, or new ones of so many inches."""
    if ax is not None:
        if not hasattr(ax, "figure"):
            raise TypeError(sentence("ax", "matplotlib's axes, one of them", ax))
        return ax.figure.figure, ax  # of a subfigure, the whole figure
    figure = new_figure(width, height)
    return figure, panels(figure, 1)[0]


def panels(figure: Figure, n: int) -> list[Axes]:
    """Return a row of ``n`` axes."""
    row: list[Axes] = list(figure.subplots(1, n, squeeze=False)[0])
    for axes in row:
        plain_ticks(axes)
        axes.grid(False)
    return row


def plain_ticks(axes: Axes, size: int = 9) -> None:
    """Style ticks for good: matplotlib makes most of them only when it draws, when :func:`style` has ended."""
    axes.tick_params(labelsize=size, color="0.6", labelcolor=INK)


# Images ---------------------------------------------------------------------------------------------------------------


def tile_count(n: Any, rows: int, classes: int = 1) -> int:
    """Return ``n``, or ``rows`` if there are fewer; refuses more images than a figure can hold."""
    count: int = min(check_number("n", n, low=1, whole=True), int(rows))
    if count * classes > MOST_TILES:
        raise ValueError(sentence("the number of images", f"{MOST_TILES} at most", count * classes, "Draw fewer."))
    return count


def across(n: int) -> int:
    """Return how many of ``n`` images go into a row: five, or so many that the whole is a square."""
    return min(n, max(5, math.ceil(math.sqrt(n))))


def check_image_shape(image_shape: Any, n_pixels: int) -> None:
    """Refuse an ``image_shape`` that is not (height, width) of so many pixels."""
    whole = isinstance(image_shape, tuple | list) and all(isinstance(part, int | np.integer) for part in image_shape)
    if not whole or len(image_shape) != 2 or min(image_shape) < 1 or math.prod(image_shape) != n_pixels:
        side = math.isqrt(n_pixels)
        rule = f"(height, width) of {n_pixels} pixels, as there are columns"
        hint = f"Try image_shape=({side}, {side})." if side * side == n_pixels else ""
        raise ValueError(sentence("image_shape", rule, image_shape, hint))


def tiles(
    n: int, columns: int, image_shape: tuple[int, int], texts: Sequence[str],
    *, header: float = 0.0, above: float = 0.06, below: float = 0.0, right: float = 0.1,
) -> tuple[Figure, list[Axes]]:  # fmt: skip
    """Return a figure and ``n`` axes for images, wide enough for ``texts`` at 9 points; all lengths in inches.

    Each place is computed: no automatic layout keeps a title from its neighbour's.
    """
    high, wide = np.array(image_shape) * INCH_OF_IMAGE / max(image_shape)
    cell_wide = max(wide, INCH_OF_LETTER * max(map(len, texts))) + 0.08
    cell_high = above + high + below
    width = 0.1 + columns * cell_wide + right
    height = 0.1 + header + math.ceil(n / columns) * cell_high
    figure = new_figure(width, height, layout="none")
    for i in range(n):
        row, column = divmod(i, columns)
        left = 0.1 + column * cell_wide + (cell_wide - wide) / 2
        bottom = height - header - row * cell_high - above - high
        axes = figure.add_axes((left / width, bottom / height, wide / width, high / height))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
    return figure, list(figure.axes)


def gray(images: Array) -> dict[str, Any]:
    """Return the settings of ``imshow`` for one scale of gray over all images of a figure."""
    return {"cmap": "gray", "vmin": np.nanmin(images), "vmax": np.nanmax(images)}


def captioned(
    images: Array, image_shape: tuple[int, int], above: Sequence[str], below: Sequence[str], wrong: Array
) -> Figure:
    """Draw images (n, n_pixels) with a text above and below each; a wrong one has a cross and a thick red frame."""
    above = [_short(f"× {text}" if bad else text) for text, bad in zip(above, wrong, strict=True)]
    below = [_short(text) for text in below]
    space = 0.3 if any(above) else 0.06
    figure, places = tiles(len(images), across(len(images)), image_shape, [*above, *below], above=space, below=0.28)
    scale = gray(images)
    for i, axes in enumerate(places):
        axes.imshow(images[i].reshape(image_shape), **scale)
        axes.set_title(above[i], fontsize=9, pad=4, color=VERMILLION if wrong[i] else INK)
        axes.set_xlabel(below[i], fontsize=9, labelpad=3)
        if wrong[i]:
            axes.spines[:].set(color=VERMILLION, linewidth=2.5)
    return figure


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def remark(text: str) -> Figure:
    """Return a figure that holds nothing but a sentence."""
    figure = new_figure(4.0, 1.0)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center")
    return figure


# Curves, regions, cells -----------------------------------------------------------------------------------------------


def curve(axes: Axes, values: Array, colour: int, dash: str, label: str) -> None:
    """Draw a number for each epoch, counted from 1."""
    from matplotlib.ticker import MaxNLocator

    alone = "o" if len(values) == 1 else None  # a line of one point cannot be seen
    epochs = range(1, len(values) + 1)
    axes.plot(epochs, values, dash, color=COLOURS[colour % len(COLOURS)], marker=alone, label=label)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.grid(True, axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def tint(k: int, share: float) -> tuple[float, float, float]:
    """Return the colour of class ``k`` mixed with white."""
    from matplotlib.colors import to_rgb

    red, green, blue = (1 - share + share * part for part in to_rgb(COLOURS[k % len(COLOURS)]))
    return red, green, blue


def fill_probability(axes: Axes, sides: Sequence[Array], maps: Array) -> None:
    """Fill with the probability of the second class in steps of a tenth, and draw the line of 0.5."""
    from matplotlib.colors import LinearSegmentedColormap

    blend = LinearSegmentedColormap.from_list("two classes", [tint(0, 0.55), (1.0, 1.0, 1.0), tint(1, 0.55)])
    axes.contourf(*sides, maps[1].clip(0, 1), levels=np.linspace(0, 1, 11), cmap=blend)
    if maps[1].min() < 0.5 < maps[1].max():
        axes.contour(*sides, maps[1], levels=[0.5], colors=INK, linewidths=1.5)
        axes.plot([], [], color=INK, linewidth=1.5, label="probability 0.5")


def fill_regions(axes: Axes, sides: Sequence[Array], maps: Array) -> None:
    """Fill the places where each class leads: where its score less the best of the others is above 0."""
    for k, score in enumerate(maps):
        lead = score - np.delete(maps, k, axis=0).max(axis=0, initial=maps.min())
        axes.contourf(*sides, lead, levels=[0, np.inf], colors=[tint(k, 0.35)])
        if lead.min() < 0 < lead.max():
            axes.contour(*sides, lead, levels=[0], colors="white", linewidths=1.0)


def number_cells(axes: Axes, shares: Array, values: Array, form: str) -> None:
    """Write ``values`` into the cells of a matrix, white where its share makes the cell dark."""
    for (row, column), share in np.ndenumerate(shares):
        ink = "white" if share > 0.4 else INK
        text = form.format(values[row, column])
        axes.text(column, row, text, ha="center", va="center", fontsize=8 if len(shares) > 5 else 10, color=ink)
