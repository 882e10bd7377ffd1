"""Pictures of explanations: bars for tables, colours over images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neural import canvas
from neural.errors import check_number, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]
FOR, AGAINST = canvas.VERMILLION, canvas.COLOURS[0]
SHARP = 99.5  # percentile of the sizes at which colours are full: single pixels must not make the rest white


@canvas.style()
def bars(found: Any, row: int | None, n: int, ax: Axes | None) -> Figure:
    """Draw the ``n`` largest values of one row, or mean sizes over all rows, the largest on top."""
    n = min(check_number("n", n, low=1, whole=True), found.values.shape[1])
    if row is not None:
        row = check_number("row", row, low=0, high=len(found) - 1, whole=True)
    sizes = np.abs(found.values).mean(axis=0) if row is None else found.values[row]
    order = np.argsort(-np.abs(sizes), kind="stable")[:n][::-1]
    names = [found.feature_names[k] for k in order]
    if row is not None:
        names = [f"{name} = {_short(found.data[row, k])}" for name, k in zip(names, order, strict=True)]
    figure, axes = canvas.panel(ax, 6.0, 1.0 + 0.3 * n)
    colours = [FOR if sizes[k] > 0 or row is None else AGAINST for k in order]
    axes.barh(range(n), sizes[order], color=colours if row is not None else canvas.COLOURS[0], height=0.7)
    axes.set_yticks(range(n), names)
    axes.axvline(0, color=canvas.INK, linewidth=0.8)
    axes.locator_params(axis="x", nbins=6)
    mean = f"Mean size of the values ({found.method})"
    axes.set_xlabel(mean if row is None else _what(found, row))
    return figure


def _what(found: Any, row: int) -> str:
    if found.base_values is None:
        return f"Output {found.targets[row]} ({found.method})"
    base, output = found.base_values[row], found.outputs[row]
    return f"Output {found.targets[row]}: from {base:.3g} at the baseline to {output:.3g} ({found.method})"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, int | float | np.number) else str(value)[:20]


@canvas.style()
def overlays(found: Any, image_shape: tuple[int, int], n: int, titles: Any) -> Figure:
    """Draw rows as grey pictures with their values in colour over them, one scale of colour for each picture."""
    canvas.check_image_shape(image_shape, found.values.shape[1])
    n = canvas.tile_count(n, len(found))
    if titles is not None and (isinstance(titles, str) or len(titles) < n):
        raise ValueError(sentence("titles", f"a list of {n}, one for each picture", titles))
    texts = [f"output {k}" for k in found.targets[:n]] if titles is None else [str(text) for text in titles[:n]]
    figure, places = canvas.tiles(n, canvas.across(n), image_shape, texts, above=0.25, below=0.05)
    least, most = np.nanmin(found.data[:n]), np.nanmax(found.data[:n])
    scale = {"cmap": "gray_r", "vmin": least, "vmax": 2.5 * most - 1.5 * least}  # pale: colours lie over it
    for k, axes in enumerate(places):
        values = found.values[k].reshape(image_shape)
        high = float(np.percentile(np.abs(values), SHARP)) or float(np.abs(values).max()) or 1.0
        strength = np.clip(np.abs(values) / high, 0, 1)
        axes.imshow(found.data[k].reshape(image_shape), **scale)
        axes.imshow(values, cmap="RdBu_r", vmin=-high, vmax=high, alpha=strength)
        axes.set_title(texts[k], fontsize=9, pad=4)
    return figure
