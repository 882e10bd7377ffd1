"""The chart of benchmarks/tabular.py: each model's error on each set, beside the best of the others'."""

from __future__ import annotations

from pathlib import Path

import tabular_scores as scores
from chart import OURS, save
from matplotlib import colormaps
from matplotlib.figure import Figure
from tabular_models import MODELS


def draw(errors: scores.Errors, whole: list[str], path: Path) -> None:
    """Draw a row for each set, a dot for each model that has been there: its error over the least of the baselines'."""
    models = [model for model in MODELS if any(model in row for row in errors.values())]
    names = sorted(errors)
    figure = Figure(figsize=(10, 1.6 + 0.34 * len(names)), layout="constrained")
    ax = figure.subplots()
    colours = dict(zip([m for m in MODELS if MODELS[m].baseline], colormaps["Paired"].colors[::-1], strict=False))
    for model in models:
        ours = not MODELS[model].baseline
        least = {n: min(e for m, e in errors[n].items() if MODELS[m].baseline) for n in names if model in errors[n]}
        x = [(errors[n][model] + scores.SHIFT) / (least[n] + scores.SHIFT) for n in least]
        colour = [OURS] if ours else [colours[model]]
        marker = "DsP"[[m for m in models if not MODELS[m].baseline].index(model) % 3] if ours else "o"
        label = MODELS[model].title + ("" if model in whole else ", not everywhere")
        y = [names.index(n) for n in least]
        ax.scatter(x, y, 34, colour, marker=marker, label=label, zorder=3 if ours else 2, alpha=0.85)
    ax.axvline(1, color="black", lw=0.8)
    ax.set_xscale("log")
    ticks = [0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50]
    low, high = ax.get_xlim()
    ax.set_xticks([t for t in ticks if low <= t <= high], [f"{t:g}" for t in ticks if low <= t <= high])
    ax.set_xticks([], minor=True)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.grid(alpha=0.3)
    ax.set_xlabel(f"(error + {scores.SHIFT}) / (least error of the models of others + {scores.SHIFT})")
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    save(figure, "Errors on real tables, untuned models", [path])
