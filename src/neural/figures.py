"""The pictures of the report: which there are, under which names, and what each shows in words."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neural import plotting
from neural.datasets import ImageData
from neural.experiments import MOONS_NOISE, Collector, Results, Run, moons, pairs
from neural.metrics import Metrics
from neural.page import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COST = "Cross Entropy Loss"  # without penalty
IMAGES_SHOWN = 25  # random test images
MISTAKES_SHOWN = 10
IDLE = 0.01  # of the largest weight: a unit whose weights are all smaller is blank in the picture
COLOURS = 256  # of a saved picture: no difference is to be seen, at a third of the size

# The document's names of its pictures; all others have names that speak.
DOCUMENT_NAMES = {
    "costs_sigmoid_relu": "0102",
    "predicted_relu": "0103",
    "costs_moons": "0201",
    "boundary_moons": "0202",
}
METRIC_TITLES = {"precision": "Precision", "accuracy": "Accuracy", "recall": "Recall", "f1_score": "F1 score"}


@dataclass(frozen=True)
class Drawing:
    """A figure with its place in the report: ``part`` is the name of an experiment, or ``"data"`` or ``"costs"``."""

    part: str
    picture: Picture
    figure: Figure


def file_name(name: str) -> str:
    """Return the file of a picture, under the document's name where it has one.

    >>> file_name("predicted_relu"), file_name("predicted_sigmoid")
    ('0103.png', 'predicted_sigmoid.png')
    """
    return f"{DOCUMENT_NAMES.get(name, name)}.png"


def draw(results: Results, images: ImageData) -> Iterator[Drawing]:
    """Yield all pictures of the report, one after the other, so that no more than one is in memory."""
    yield _samples(results, images)
    yield from _cost_curves(results)
    for experiment in results.table:
        run = results.middle(experiment.name)
        if experiment.data == "moons":
            yield from _moons(run, results.seed)
        elif experiment.pictures:
            yield from _of_images(run, images)
        if experiment.collect:
            yield _metrics(run)


def _drawing(part: str, name: str, figure: Figure, alt: str, caption: str) -> Drawing:
    return Drawing(part, Picture(file_name(name), alt, caption), figure)


def _samples(results: Results, images: ImageData) -> Drawing:
    pair = (images.X_train, images.y_train)
    figure = plotting.plot_grid(
        4, pair, random_state=results.seed, image_shape=images.image_shape, class_names=images.class_names
    )
    names = ", ".join(images.class_names)
    return _drawing(
        "data", "0101", figure, f"Four random training images of each class: {names}.",
        "Random training images, a column for each class.",
    )  # fmt: skip


def _cost_curves(results: Results) -> Iterator[Drawing]:
    """Yield the curves of the two activations in one axes, for each setting in which both were run."""
    for setting, a, b in pairs(results.table):
        if setting != "activation":
            continue
        curves = {e.title: results.middle(e.name).history["data_loss"] for e in (a, b)}
        figure = plotting.plot_history(curves, ylabel=COST)
        ends = " and ".join(f"{values[-1]:.3f} for {title}" for title, values in curves.items())
        yield _drawing(
            "costs", f"costs_{a.name}_{b.name}", figure, f"Cost over {a.epochs} epochs; it ends at {ends}.",
            f"{a.title} against {b.title}: the cross-entropy of the training rows, without penalty.",
        )  # fmt: skip


def _of_images(run: Run, images: ImageData) -> Iterator[Drawing]:
    e, wrong = run.experiment, run.test.rows - run.test.right
    texts = {
        "predicted": (
            f"{IMAGES_SHOWN} random test images with the class predicted and the true one.",
            f"{e.title}: random test images. Wrong predictions have a cross and a thick frame.",
        ),
        "confusion": (
            f"Confusion matrix of {run.test.rows} test rows, of which {run.test.right} are on the diagonal.",
            f"{e.title}: confusion matrix of the test rows, true classes in rows. {_most_confused(run, images)}",
        ),
        "mistakes": (
            "The test images predicted wrongly with most confidence.",
            f"{e.title}: the worst of {wrong:,} mistakes, those made with most confidence.",
        ),
        "weights": (
            f"The weights of the {e.hidden[0]} units of the first layer as images.",
            f"{e.title}: the weights of the first layer. Red excites, blue inhibits, white is zero." + _idle(run),
        ),
    }
    for kind, (alt, caption) in texts.items():
        yield _drawing(e.name, f"{kind}_{e.name}", OF_IMAGES[kind](run, images), alt, caption)


def _predicted(run: Run, images: ImageData) -> Figure:
    return plotting.plot_random_images(
        images.X_test, images.y_test, IMAGES_SHOWN, run.outputs,
        random_state=0,  # the same images for every network
        image_shape=images.image_shape, class_names=images.class_names,
    )  # fmt: skip


def _confusion(run: Run, images: ImageData) -> Figure:
    return plotting.plot_confusion(_matrix(run, images), images.class_names)


def _matrix(run: Run, images: ImageData) -> Any:
    labels = range(len(images.class_names))
    return Metrics.confusion_matrix(images.y_test, Metrics.predict_classes(run.outputs), labels=list(labels))


def _most_confused(run: Run, images: ImageData) -> str:
    matrix = _matrix(run, images)
    np.fill_diagonal(matrix, 0)
    true, predicted = np.unravel_index(np.argmax(matrix), matrix.shape)
    names = images.class_names
    return f"The commonest mistake, {matrix[true, predicted]} times: {names[true]} taken for {names[predicted]}."


def _idle(run: Run) -> str:
    """Return how many units the penalty has left without weights, if any: they have a blank picture."""
    largest = np.abs(run.net.weights[0]).max(axis=1)
    idle = np.count_nonzero(largest < IDLE * largest.max())
    return f" Of the {len(largest)} units, {idle} lost their weights to the penalty." if idle else ""


def _mistakes(run: Run, images: ImageData) -> Figure:
    return plotting.plot_worst_mistakes(
        images.X_test, images.y_test, run.outputs, MISTAKES_SHOWN,
        image_shape=images.image_shape, class_names=images.class_names,
    )  # fmt: skip


def _weights(run: Run, images: ImageData) -> Figure:
    return plotting.plot_weights(run.net.weights[0], image_shape=images.image_shape)


OF_IMAGES: dict[str, Callable[[Run, ImageData], Figure]] = {
    "predicted": _predicted,
    "confusion": _confusion,
    "mistakes": _mistakes,
    "weights": _weights,
}


def _moons(run: Run, seed: int) -> Iterator[Drawing]:
    e = run.experiment
    costs = run.history["data_loss"]
    yield _drawing(
        e.name, f"costs_{e.name}", plotting.plot_history(costs, ylabel=COST),
        f"Cost over {e.epochs} epochs, from {costs[0]:.3f} to {costs[-1]:.3f}.",
        "Moons: the cross-entropy of the training points, without penalty.",
    )  # fmt: skip
    X, y, _, _ = moons(seed)
    yield _drawing(
        e.name, f"boundary_{e.name}", plotting.plot_decision_boundary(run.net, X, y),
        f"The {len(y)} training points and the line on which the network gives both classes the same probability.",
        f"Moons with noise {MOONS_NOISE}: the training points on what the network predicts over the plane. "
        "Far from the points the line means nothing.",
    )  # fmt: skip


def _metrics(run: Run) -> Drawing:
    series = {METRIC_TITLES[name]: run.history[name] for name in Collector.FUNCTIONS}
    ends = ", ".join(f"{title} {values[-1]:.3f}" for title, values in series.items())
    return _drawing(
        run.experiment.name, "metrics", plotting.plot_metrics(series), f"Four metrics over the epochs, at last {ends}.",
        "Package example: the metrics that the callback collected, of all training rows after each epoch.",
    )  # fmt: skip


def save(figure: Any, path: Path) -> None:
    """Write a figure as a small PNG file."""
    from PIL import Image  # matplotlib itself needs it

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    with Image.open(buffer) as picture:
        # The methods that go by how often a colour occurs lose the ends of a colour bar; dithering puts grain on areas.
        method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
        small = picture.convert("RGB").quantize(COLOURS, method=method, dither=dither)
        small.save(path, format="PNG", optimize=True)
