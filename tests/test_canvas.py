"""What holds for every picture: it can be saved and shown, no text is cut or covered, and no trace is left behind."""

import builtins
import io
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.figure import Figure  # noqa: E402

from neural.plotting import (  # noqa: E402
    plot_confusion,
    plot_decision_boundary,
    plot_grid,
    plot_history,
    plot_metrics,
    plot_random_images,
    plot_weights,
    plot_worst_mistakes,
)
from tests.pictures import HALF, POINTS, SHAPE, X, Y  # noqa: E402


class Model:
    """Two columns in; one probability or ``n_outputs`` of them out."""

    n_inputs = 2

    def __init__(self, n_outputs):
        self.n_outputs = n_outputs

    def predict(self, X):
        scores = np.exp(np.column_stack([X[:, 0], -X[:, 0], 2 * X[:, 1]]))[:, : max(2, self.n_outputs)]
        return (scores / scores.sum(axis=1, keepdims=True))[:, : self.n_outputs]


PICTURES = {
    "grid": lambda: plot_grid(2, (X, Y), image_shape=SHAPE, random_state=0),
    "random images": lambda: plot_random_images(X, Y, 6, Y[::-1], image_shape=SHAPE, random_state=0),
    "worst mistakes": lambda: plot_worst_mistakes(X, Y, np.eye(3)[Y[::-1]], 4, image_shape=SHAPE),
    "no mistakes": lambda: plot_worst_mistakes(X, Y, np.eye(3)[Y], image_shape=SHAPE),
    "weights": lambda: plot_weights(X[:7] - 50.0, image_shape=SHAPE),
    "history": lambda: plot_history([3.0, 2.0, 1.0]),
    "metrics": lambda: plot_metrics([[0.1, 0.4], [0.2, 0.3]]),
    "boundary of two": lambda: plot_decision_boundary(Model(1), POINTS, HALF, steps=20),
    "boundary of three": lambda: plot_decision_boundary(Model(3), POINTS, HALF, steps=20),
    "confusion": lambda: plot_confusion([[5, 1], [2, 7]]),
    "large confusion": lambda: plot_confusion(np.eye(60)),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("form", ["png", "svg"])
def test_each_is_a_figure_that_can_be_saved(name, form):
    file = io.BytesIO()
    figure = PICTURES[name]()
    assert isinstance(figure, Figure)
    figure.savefig(file, format=form)
    assert file.getvalue().startswith(b"\x89PNG" if form == "png" else b"<?xml")


@pytest.mark.parametrize("name", PICTURES)
def test_each_shows_itself_in_a_notebook_and_can_be_pickled(name):
    figure = pickle.loads(pickle.dumps(PICTURES[name]()))
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", PICTURES)
def test_the_callers_settings_stay(name):
    with matplotlib.rc_context({"font.size": 17}):
        before = dict(matplotlib.rcParams)
        PICTURES[name]()
        assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", PICTURES)
def test_texts_are_inside_the_figure_and_apart(name):
    figure = PICTURES[name]()
    figure.draw_without_rendering()
    renderer = figure._get_renderer()
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text().strip()]
    boxes = [text.get_window_extent(renderer) for text in texts]
    ticks = {id(label) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in _all_labels(axis)}
    whole = figure.bbox.padded(1)
    for text, box in zip(texts, boxes, strict=True):
        inside = whole.x0 <= box.x0 and whole.y0 <= box.y0 and box.x1 <= whole.x1 and box.y1 <= whole.y1
        assert inside or id(text) in ticks, f"{text.get_text()!r} is cut"  # ticks beyond the limits are not drawn
    captions = [(t, b) for t, b in zip(texts, boxes, strict=True) if id(t) not in ticks]
    for i, (text, box) in enumerate(captions):
        for other, other_box in captions[:i]:
            assert not box.overlaps(other_box), f"{text.get_text()!r} covers {other.get_text()!r}"


def _all_labels(axis):
    return [label for tick in [*axis.majorTicks, *axis.minorTicks] for label in (tick.label1, tick.label2)]


def test_pyplot_is_not_loaded_and_nothing_is_shown():
    code = (
        "import sys, neural.plotting as p; assert 'matplotlib' not in sys.modules;"
        "p.plot_history([1.0, 0.5]).savefig(__import__('io').BytesIO());"
        "p.plot_confusion([[1, 0], [0, 1]]);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_threads_leave_the_settings_alone():
    before, failures = dict(matplotlib.rcParams), []

    def draw():
        try:
            for _ in range(3):
                plot_history([[2.0, 1.0], [1.0, 0.5]])
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert dict(matplotlib.rcParams) == before


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r'plots need matplotlib: pip install "neural-dense\[plot\]"'):
        plot_history([1.0])
