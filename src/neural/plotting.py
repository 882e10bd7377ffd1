"""Pictures of data, training and results; each function returns a matplotlib Figure and none calls ``show()``.

Save a figure with ``figure.savefig("name.png")``, or end a notebook cell with it. It is a plain Figure that pyplot does
not know, so ``plt.show()`` does not show it and nothing has to be closed. Functions with one panel draw into ``ax`` if
that is given. No message rests on colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from neural import canvas
from neural import plot_inputs as take
from neural.canvas import COLOURS, MARKERS, Array
from neural.datasets import FASHION_CLASSES, quadratic_features
from neural.errors import check_number, sentence
from neural.inputs import array
from neural.plot_inputs import ImageShape, Names
from neural.streams import seed_from

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DASHES = ("-", "--", ":", "-.")
MOST_NUMBERED_CLASSES = 20  # a confusion matrix of more has no room for numbers
MOST_NAMED_CLASSES = 50  # of still more only every second or third is named
MOST_STEPS = 1000  # of the grid of a decision boundary: a million rows
BLOCK_ROWS = 50_000  # of the grid predicted at a time: a few tens of MB in a small network


# Images ---------------------------------------------------------------------------------------------------------------


@canvas.style()
def plot_grid(
    n: int,
    df: Any,
    *,
    random_state: Any = None,
    image_shape: ImageShape = (28, 28),
    class_names: Names = FASHION_CLASSES,
) -> Figure:
    """Draw ``n`` rows of random sample images, a column for each class with its name on top.

    ``df`` is a data frame with a column ``label`` and a column for each pixel, or a pair (X, y). With
    ``class_names=None`` the labels themselves are written. A class with fewer than ``n`` images leaves places empty.

    >>> X, y = np.eye(4), [0, 1, 0, 1]
    >>> figure = plot_grid(2, (X, y), image_shape=(2, 2), random_state=0)
    >>> [axes.get_title() for axes in figure.axes]
    ['T-shirt/top', 'Trouser', '', '']
    """
    X, y = take.labelled_images(df, image_shape)
    classes, counts = np.unique(y, return_counts=True)
    names = take.names(classes, class_names)
    n = canvas.tile_count(n, counts.max(), classes=len(classes))
    rng = np.random.default_rng(seed_from(random_state))
    chosen = [rng.permutation(np.flatnonzero(y == label))[:n] for label in classes]
    scale = canvas.gray(X[np.concatenate(chosen)])
    figure, places = canvas.tiles(n * len(classes), len(classes), image_shape, names, header=0.25)
    for i, axes in enumerate(places):
        row, column = divmod(i, len(classes))
        if row == 0:
            axes.set_title(names[column], fontsize=9)
        if row < len(chosen[column]):
            axes.imshow(X[chosen[column][row]].reshape(image_shape), **scale)
        else:
            axes.set_axis_off()
    return figure


@canvas.style()
def plot_random_images(
    X: Any, y: Any, n: int, predictions: Any = None,
    *, model: Any = None, random_state: Any = None, image_shape: ImageShape = (28, 28), class_names: Names = None,
) -> Figure:  # fmt: skip
    """Draw ``n`` random images with ``Predicted:`` above and ``True:`` below; wrong ones have a cross and a red frame.

    ``X`` is (n_samples, n_pixels); ``y`` labels (n_samples,) or one-hot (n_samples, n_classes). ``predictions`` are
    labels (n_samples,), probabilities (n_samples, n_classes) or (n_samples, 1), or a model whose ``predict`` gives
    one of these; ``model=`` is the same as a model given there. Without either only the true labels are written.

    >>> figure = plot_random_images(np.eye(4), [0, 1, 1, 0], 4, [0, 1, 1, 1], image_shape=(2, 2), random_state=0)
    >>> sorted(axes.get_title() for axes in figure.axes)
    ['Predicted: 0', 'Predicted: 1', 'Predicted: 1', '× Predicted: 1']
    """
    if model is not None and predictions is not None:
        raise ValueError(sentence("predictions", "None where a model is given", predictions, "Pass one of the two."))
    X, y = take.images(X, image_shape), take.labels(y)
    take.same_length(X, "y", y)
    n = canvas.tile_count(n, len(X))
    rows = np.random.default_rng(seed_from(random_state)).permutation(len(X))[:n]
    below = [f"True: {name}" for name in take.names(y[rows], class_names)]
    if model is None and hasattr(predictions, "predict"):
        model, predictions = predictions, None
    if model is None and predictions is None:
        return canvas.captioned(X[rows], image_shape, [""] * n, below, np.zeros(n, dtype=bool))
    if model is not None:
        outputs = take.predictor(model, "predict")(X[rows])
    else:
        outputs = array("predictions", predictions)
        take.same_length(X, "predictions", outputs)
        outputs = outputs[rows]
    predicted = take.predictions(outputs, y, getattr(model, "classes_", None))
    above = [f"Predicted: {name}" for name in take.names(predicted, class_names)]
    return canvas.captioned(X[rows], image_shape, above, below, predicted != y[rows])


@canvas.style()
def plot_worst_mistakes(
    X: Any, y: Any, probabilities: Any, n: int = 10, *, image_shape: ImageShape = (28, 28), class_names: Names = None
) -> Figure:
    """Draw the ``n`` images that were predicted wrongly with most confidence, the worst first.

    ``probabilities`` is (n_samples, n_classes), or (n_samples, 1) for two classes; beside each label stands the
    probability that it was given. Without any mistake the figure says so.

    >>> figure = plot_worst_mistakes(np.eye(4), [0, 0, 1, 1], [0.1, 0.8, 0.9, 0.3], image_shape=(2, 2))
    >>> [axes.get_title() for axes in figure.axes]
    ['× Predicted: 1 (80%)', '× Predicted: 0 (70%)']
    """
    X, y, scores = take.images(X, image_shape), take.labels(y), take.scores(probabilities)
    take.same_length(X, "y", y)
    take.same_length(X, "probabilities", scores)
    classes = take.classes(y, scores.shape[1])
    true, predicted = np.searchsorted(classes, y), scores.argmax(axis=1)
    wrong = np.flatnonzero(predicted != true)
    n = canvas.tile_count(n, len(wrong))
    if n == 0:
        return canvas.remark("No mistakes: every prediction is right.")
    worst = np.argsort(-scores[wrong, predicted[wrong]], kind="stable")  # of equals, the first rows
    rows = wrong[worst[:n]]

    def captions(word: str, of: Array) -> list[str]:
        names = take.names(classes[of], class_names)
        return [f"{word}: {name} ({score:.0%})" for name, score in zip(names, scores[rows, of], strict=True)]

    above, below = captions("Predicted", predicted[rows]), captions("True", true[rows])
    return canvas.captioned(X[rows], image_shape, above, below, np.ones(n, dtype=bool))


@canvas.style()
def plot_weights(
    weights: Any, *, image_shape: ImageShape = (28, 28), columns: int | None = None, names: Names = None
) -> Figure:
    """Draw the weights (n_units, n_pixels) of a first layer as images, one for each unit.

    All share one scale with its zero in the middle: where a weight is red a bright pixel excites the unit, where it is
    blue it inhibits, white is zero. ``names`` are the titles, by default the number of the unit, from 1.

    >>> figure = plot_weights(np.array([[1, -2, 0, 0], [0, 0, 3, 4]]), image_shape=(2, 2))
    >>> figure.axes[0].images[0].get_clim()
    (-4.0, 4.0)
    """
    weights = take.weights(weights)
    canvas.check_image_shape(image_shape, weights.shape[1])
    n = canvas.tile_count(len(weights), len(weights))
    columns = canvas.across(n) if columns is None else min(n, check_number("columns", columns, low=1, whole=True))
    titles = [str(unit) for unit in range(1, n + 1)] if names is None else take.one_for_each("names", names, n, "unit")
    high = float(np.nanmax(np.abs(weights))) or 1.0  # all zero: any scale does
    figure, places = canvas.tiles(n, columns, image_shape, titles, above=0.25, right=0.9)
    for axes, row, title in zip(places, weights, titles, strict=True):
        image = axes.imshow(row.reshape(image_shape), cmap="RdBu_r", vmin=-high, vmax=high)
        axes.set_title(title, fontsize=9, pad=3)
    width = figure.get_figwidth()
    bar = figure.add_axes((1 - 0.8 / width, 0.15, 0.13 / width, 0.7))
    figure.colorbar(image, cax=bar)
    canvas.plain_ticks(bar, size=8)
    return figure


# Training -------------------------------------------------------------------------------------------------------------


@canvas.style()
def plot_history(
    histories: Any, *, key: str | Sequence[str] = "loss", labels: Sequence[str] | None = None, ax: Axes | None = None,
    ylabel: str | None = None, xlabel: str = "Epochs", log: bool = False,
) -> Figure:  # fmt: skip
    """Draw the loss curves of one or several networks in one axes, with a legend.

    ``histories`` is what ``fit`` returned, a list of numbers, a list of several of these, or a dict from label to
    history. ``key`` names the series to draw of each, or several: ``key=["loss", "val_loss"]``. ``labels`` holds one
    for each curve. Epochs count from 1. ``log`` makes the vertical axis logarithmic; its name follows ``key``.

    >>> figure = plot_history({"sigmoid": [1.7, 0.9, 0.5], "ReLU": [1.2, 0.6, 0.4]})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['sigmoid', 'ReLU']
    """
    named = take.named_histories("histories", histories, "network")
    keys = take.keys(key)
    curves = [(i, j) for i in range(len(named)) for j in range(len(keys))]
    parts = [(named[i][0], keys[j] if len(keys) > 1 else "") for i, j in curves]
    texts = [", ".join(filter(None, part)) for part in parts]
    if labels is not None:
        texts = take.one_for_each("labels", labels, len(curves), "curve")
    series = [take.series(named[i][1], keys[j]) for i, j in curves]
    figure, axes = canvas.panel(ax, 6.4, 4.2)
    for (i, j), values, text in zip(curves, series, texts, strict=True):
        colour = j if len(named) == 1 else i  # colour tells networks apart, the dash series
        canvas.curve(axes, values, colour, DASHES[(j + colour // len(COLOURS)) % len(DASHES)], text)
    axes.set(xlabel=xlabel, ylabel=canvas.axis_name(keys) if ylabel is None else ylabel)
    if log:
        axes.set_yscale("log")
    if any(texts):
        axes.legend()
    return figure


@canvas.style()
def plot_metrics(metrics: Any, titles: Sequence[str] | None = None) -> Figure:
    """Draw a row of panels, one for each metric over the epochs.

    ``metrics`` is a list of lists of numbers, or a dict from title to list.

    >>> figure = plot_metrics([[0.5, 0.7], [0.4, 0.6]], ["Accuracy", "F1 score"])
    >>> [axes.get_title() for axes in figure.axes]
    ['Accuracy', 'F1 score']
    """
    named = take.named_histories("metrics", metrics, "metric")
    titles = (
        [name for name, _ in named] if titles is None else take.one_for_each("titles", titles, len(named), "metric")
    )
    series = [take.series(values, "loss") for _, values in named]
    figure = canvas.new_figure(3.4 * len(named), 3.0)
    for i, axes in enumerate(canvas.panels(figure, len(named))):
        canvas.curve(axes, series[i], i, "-", titles[i])
        axes.set(title=titles[i], xlabel="Epochs")
    return figure


# Results --------------------------------------------------------------------------------------------------------------


@canvas.style()
def plot_decision_boundary(
    model: Any, X: Any, y: Any, *, transform: Callable[[Array], Array] | None = None, steps: int = 200,
    margin: float = 0.5, ax: Axes | None = None, class_names: Names = None,
) -> Figure:  # fmt: skip
    """Draw what ``model`` predicts over the plane, with the points ``X`` (n_samples, 2) of the classes ``y`` on it.

    Two classes: the probability of the second in steps of a tenth, and the line where it is 0.5. More: the region of
    each class. The plane reaches ``margin`` beyond the points, in their unit, and is cut into ``steps`` by ``steps``
    places, 1000 at most. ``transform`` makes the model's inputs from the two columns: by default the quadratic
    features for a model of 5 inputs, and nothing for others.

    >>> class Left:
    ...     n_inputs = 2
    ...     def predict(self, X):
    ...         return 1 / (1 + np.exp(X[:, :1]))
    >>> figure = plot_decision_boundary(Left(), [[-1, 0], [1, 0]], [1, 0], steps=20)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['probability 0.5', '0', '1']
    """
    X, y = take.points(X), take.labels(y)
    take.same_length(X, "y", y)
    if transform is not None and not callable(transform):
        raise TypeError(sentence("transform", "a function from (n, 2) to the model's inputs, or None", transform))
    steps = min(check_number("steps", steps, low=2, whole=True), MOST_STEPS)
    margin = check_number("margin", margin, low=0)
    sides = [np.linspace(column.min() - margin, column.max() + margin, steps, dtype=X.dtype) for column in X.T]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    scores, classes = _grid_scores(model, transform or _default_transform(model, X), grid, y)
    names = take.names(classes, class_names)
    figure, axes = canvas.panel(ax, 6.4, 4.8)
    fill = canvas.fill_probability if len(classes) == 2 else canvas.fill_regions
    fill(axes, sides, scores.T.reshape(-1, steps, steps))
    for k, name in enumerate(names):
        x1, x2 = X[y == classes[k]].T
        look: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)]}
        axes.scatter(x1, x2, s=26, edgecolors="white", linewidths=0.6, label=name, zorder=3, **look)
    axes.set(xlabel="$x_1$", ylabel="$x_2$", xlim=sides[0][[0, -1]].tolist(), ylim=sides[1][[0, -1]].tolist())
    beside = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)}  # where it hides no point
    axes.legend(**(beside if ax is None else {"loc": "upper right", "frameon": True}))
    return figure


def _default_transform(model: Any, X: Array) -> Callable[[Array], Array]:
    """Return the quadratic features for a model of 5 inputs; one that does not say is tried on a row."""
    n_inputs = getattr(model, "n_inputs", None) or getattr(model, "n_features_in_", None)
    if n_inputs is None:
        try:
            take.predictor(model, "predict")(X[:1])
        except ValueError:
            n_inputs = 5
    return quadratic_features if n_inputs == 5 else lambda X: X


def _grid_scores(model: Any, transform: Callable[[Array], Array], grid: Array, y: Array) -> tuple[Array, Array]:
    """Return probabilities (n_places, n_classes) and the classes; labels that a model predicts become one-hot."""
    predict = take.predictor(model, "predict_proba", "predict")
    blocks = [grid[start : start + BLOCK_ROWS] for start in range(0, len(grid), BLOCK_ROWS)]
    outputs = np.concatenate([predict(np.asarray(transform(block), dtype=grid.dtype)) for block in blocks])
    given = getattr(model, "classes_", None)
    if not take.are_labels(outputs):
        scores = take.scores(outputs)
        return scores, take.classes(y, scores.shape[1], given)
    labels = take.labels(outputs)
    classes = np.union1d(y, labels) if given is None else np.asarray(given)
    return (labels[:, None] == classes).astype(float), classes


@canvas.style()
def plot_confusion(
    matrix: Any, class_names: Names = None, *, normalize: bool = False, ax: Axes | None = None
) -> Figure:
    """Draw a confusion matrix (n_classes, n_classes): rows are the true classes, columns the predicted ones.

    ``normalize`` writes the share of the row in place of the count. The colour is the square root of the share in both
    cases, so that rare mistakes show beside a strong diagonal and large classes do not drown small ones.

    >>> figure = plot_confusion([[8, 2], [1, 9]], ["cat", "dog"], normalize=True)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.80', '0.20', '0.10', '0.90']
    """
    from matplotlib.colors import PowerNorm

    counts = take.counts(matrix)
    n = len(counts)
    numbered = n <= MOST_NUMBERED_CLASSES
    names = take.one_for_each("class_names", range(n) if class_names is None else class_names, n, "class")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), np.finfo(float).tiny)  # an empty row has shares 0
    side = max(2.6, 0.55 * min(n, MOST_NUMBERED_CLASSES))
    figure, axes = canvas.panel(ax, side + 1.2, side + 1.0)
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
    slant: Any = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names)) > 4 else {}
    every = math.ceil(n / MOST_NAMED_CLASSES)
    axes.set_xticks(range(0, n, every), names[::every], **slant)
    axes.set_yticks(range(0, n, every), names[::every])
    axes.tick_params(length=0, labelsize=9 if numbered else 6)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="Predicted", ylabel="True")
    if numbered:
        canvas.number_cells(axes, shares, shares if normalize else counts, "{:.2f}" if normalize else "{:.6g}")
    else:
        bar = figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
        canvas.plain_ticks(bar.ax)
    return figure
