"""What a model makes of one feature: partial dependence, the curve of each row, and what is lost without it.

For any model with ``predict_proba`` or ``predict``. Each moves one feature and leaves the others where they are: where
features go together, it asks of rows that never occur.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neural import canvas, metrics
from neural.errors import check_number, sentence
from neural.inputs import array, column_names, numbers
from neural.models import Judged, classes_of, judged, outputs_of
from neural.preprocessing import names_of
from neural.streams import seed_from

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]
MOST_ROWS = 200_000  # predicted at a time
MOST_CURVES = 100  # drawn: beyond, they are one grey area


@dataclass(frozen=True)
class Dependence:
    """What :func:`partial_dependence` returns: ``curves`` (n, g) of each row over ``grid`` (g,), and their mean."""

    feature: str
    grid: Array
    curves: Array
    output: str

    @property
    def mean(self) -> Array:
        """The partial dependence (J. H. Friedman, Ann. Stat. 29 (2001), section 8.2)."""
        return np.asarray(self.curves.mean(axis=0))

    @canvas.style()
    def plot(self, *, centred: bool = False, ax: Axes | None = None) -> Figure:
        """Draw the mean over some of the rows' own curves; ``centred``: all of them from 0 on."""
        figure, axes = canvas.panel(ax, 5.6, 3.8)
        curves = self.curves - self.curves[:, :1] if centred else self.curves
        every = -(-len(curves) // MOST_CURVES)
        axes.plot(self.grid, curves[::every].T, color="0.75", linewidth=0.6)
        axes.plot(self.grid, curves.mean(axis=0), color=canvas.VERMILLION, linewidth=2.5, label="mean of all rows")
        axes.plot([], [], color="0.75", label="one row" if every == 1 else f"one row in {every}")
        axes.set(xlabel=self.feature, ylabel=f"{self.output}{', from the first place' if centred else ''}")
        axes.legend()
        return figure


def partial_dependence(
    model: Any, X: Any, feature: Any, *, grid: Any = 40, target: Any = None, feature_names: Any = None
) -> Dependence:
    """Return what a model predicts for every row of X as one feature moves over a grid: individual curves, and a mean.

    Parameters
    ----------
    feature : its number, or its name in a data frame.
    grid : the places, or how many of them: then quantiles of the column, from its least value to its largest.
    target : the output: a class label or column number. None is the only one, or of two classes the second.

    >>> class Square:
    ...     def predict(self, X):
    ...         return X[:, 0] ** 2 + X[:, 1]
    >>> found = partial_dependence(Square(), np.array([[0.0, 1.0], [2.0, 3.0]]), 0, grid=[0, 1, 2])
    >>> found.curves, found.mean
    (array([[1., 2., 5.],
           [3., 4., 7.]]), array([2., 3., 6.]))
    """
    column, width, n = _column(X, feature), _width(X), len(X)
    places = _grid(_values(X, column), grid)
    each = max(1, MOST_ROWS // n)
    parts = []
    for start in range(0, len(places), each):
        part = places[start : start + each]
        asked = outputs_of(model, _replaced(X, column, np.repeat(part, n), len(part)))
        if asked.ndim == 1:
            rule = "probabilities or values, not labels"
            raise ValueError(sentence("what the model predicts", rule, asked, "Give a model with predict_proba."))
        parts.append(asked.reshape(len(part), n, -1))
    found = np.concatenate(parts)
    k, name = _output(model, target, found.shape[2])
    return Dependence(names_of(X, width, feature_names)[column], places, found[:, :, k].T.copy(), name)


def _output(model: Any, target: Any, n_out: int) -> tuple[int, str]:
    classes = classes_of(model)
    if target is None:
        if n_out > 2:
            raise ValueError(sentence("target", f"given where there are {n_out} outputs", None))
        return n_out - 1, "Prediction" if classes is None else f"Probability of {classes[-1]}"
    known = list(range(max(n_out, 2))) if classes is None else classes.tolist()
    if target not in known:
        raise ValueError(sentence("target", f"one of {known}", target))
    k = known.index(target)
    if k >= n_out or (n_out == 1 and len(known) == 2 and k == 0):
        raise ValueError(sentence("target", f"{known[1]}, as the one output is about it", target))
    return k, f"Output {target}" if classes is None else f"Probability of {target}"


def _column(X: Any, feature: Any) -> int:
    names, width = column_names(X), _width(X)
    if isinstance(feature, str):
        if feature not in names:
            raise ValueError(
                sentence("feature", f"a column of X, one of {list(names)}" if names else "a number", feature)
            )
        return names.index(feature)
    return int(check_number("feature", feature, low=0, high=width - 1, whole=True))


def _values(X: Any, column: int) -> Array:
    values = X[column_names(X)[column]] if column_names(X) else np.asarray(X)[:, column]
    return np.asarray(values)


def _grid(values: Array, grid: Any) -> Array:
    if np.ndim(grid) == 1 and len(grid):
        found = array("grid", grid)
        return found if found.dtype.kind == "U" else numbers("grid", found)
    count = check_number("grid", grid, low=2, whole=True)
    if values.dtype.kind not in "biuf":
        return np.unique(values)
    found = np.unique(np.quantile(numbers("the column", values), np.linspace(0, 1, count)))
    return found if values.dtype.kind == "f" else np.unique(values) if len(np.unique(values)) <= count else found


def _replaced(X: Any, column: int, values: Array, times: int = 1) -> Any:
    """Return X ``times`` times over, with other values in a column."""
    if not column_names(X):
        rows = np.tile(np.asarray(X), (times, 1))
        rows = rows.astype(np.result_type(rows, values), copy=False)
        rows[:, column] = values
        return rows
    import pandas

    rows = pandas.concat([X] * times, ignore_index=True)
    return rows.assign(**{column_names(X)[column]: values})


# Permutation importance -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Importance:
    """What :func:`permutation_importance` returns: how much the metric is worse, ``losses`` (features, repeats)."""

    metric: str
    score: float
    losses: Array
    feature_names: tuple[str, ...]

    @property
    def mean(self) -> Array:
        """The mean loss of each feature, (features,)."""
        return np.asarray(self.losses.mean(axis=1))

    @property
    def spread(self) -> Array:
        """The standard deviation over the repeats, (features,)."""
        return np.asarray(self.losses.std(axis=1, ddof=1) if self.losses.shape[1] > 1 else np.zeros(len(self.losses)))

    def __str__(self) -> str:
        order, mean, spread = np.argsort(-self.mean, kind="stable"), self.mean, self.spread
        width = max(map(len, self.feature_names))
        lines = [f"{self.feature_names[k]:{width}}  {mean[k]:8.4f} +- {spread[k]:.4f}" for k in order]
        return "\n".join([f"{self.metric} is {self.score:.4g}; with a column dealt out anew it is worse by", *lines])

    __repr__ = __str__

    @canvas.style()
    def plot(self, n: int = 15, ax: Axes | None = None) -> Figure:
        """Draw the ``n`` features that matter most, with the range over the repeats."""
        n = min(check_number("n", n, low=1, whole=True), len(self.losses))
        order = np.argsort(-self.mean, kind="stable")[:n][::-1]
        figure, axes = canvas.panel(ax, 6.0, 1.0 + 0.3 * n)
        axes.barh(range(n), self.mean[order], color=canvas.COLOURS[0], height=0.7)
        axes.hlines(range(n), self.losses[order].min(axis=1), self.losses[order].max(axis=1), color=canvas.INK)
        axes.set_yticks(range(n), [self.feature_names[k] for k in order])
        axes.set_xlabel(f"{self.metric.replace('_', ' ').capitalize()} is worse by (of {self.score:.3g})")
        axes.axvline(0, color=canvas.INK, linewidth=0.8)
        axes.locator_params(axis="x", nbins=6)
        return figure


def permutation_importance(
    model: Any,
    X: Any,
    y: Any,
    metric: Any = None,
    *,
    repeats: int = 10,
    feature_names: Any = None,
    random_state: Any = None,
) -> Importance:
    """Return how much worse a metric gets when one feature's values are dealt out anew among the rows.

    On rows that the model was not trained on. ``metric``: a name or function of metrics.py; None is accuracy for
    classes and r2_score for values. Source: L. Breiman, Mach. Learn. 45 (2001), section 10.

    >>> class First:
    ...     def predict(self, X):
    ...         return X[:, 0]
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> found = permutation_importance(First(), X, X[:, 0], random_state=0)
    >>> found.score, bool(found.mean[0] > 1), float(found.mean[1])
    (1.0, True, 0.0)
    """
    repeats, width = check_number("repeats", repeats, low=1, whole=True), _width(X)
    names, rng = names_of(X, width, feature_names), np.random.default_rng(seed_from(random_state))
    base = judged(model, X, y)
    chosen = metrics.resolve(("accuracy" if base.classifies else "r2_score") if metric is None else metric)
    score = base.score(chosen)
    sign = -1 if chosen.higher_is_better is False else 1
    losses = np.empty((width, repeats))
    for column in range(width):
        values = _values(X, column)
        for k in range(repeats):
            moved: Judged = judged(model, _replaced(X, column, values[rng.permutation(len(values))]), y)
            losses[column, k] = sign * (score - moved.score(chosen))
    return Importance(chosen.name, score, losses, names)


def _width(X: Any) -> int:
    if np.ndim(X) != 2 or 0 in np.shape(X):
        raise ValueError(sentence("X", "of shape (samples, features), neither of them 0", X))
    return int(np.shape(X)[1])
