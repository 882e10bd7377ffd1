"""What a notebook shows: pictures that are well-formed and say what they hold, and progress on a page."""

import json
import math
import subprocess
import sys
import types
from xml.etree import ElementTree

import numpy as np
import pytest

from neural import DenseLayer, History, NeuralNetwork, compare_counts, doctor, notebook
from neural.many import train
from neural.rate_range import RateRange, lr_range_test

X, y = np.linspace(-1, 1, 40).reshape(-1, 1), np.linspace(-1, 1, 40)


def network():
    return NeuralNetwork([DenseLayer(1, 3, "tanh"), DenseLayer(3, 1)], "mse", random_state=0)


def parsed(html):
    """Return HTML read as XML, which refuses a tag that is not closed."""
    return ElementTree.fromstring(f"<div>{html.replace('&#9632;', '')}</div>")


def points(html):
    """Return the numbers of all curves."""
    paths = [each.get("d") for each in parsed(html).iter("{http://www.w3.org/2000/svg}path")]
    curves = [path.replace("M", " ").replace("L", " ").split() for path in paths if "L" in path]
    return [[float(number) for number in curve] for curve in curves]


def test_a_history_shows_its_ends_its_least_and_its_most():
    history = History()
    for loss, val_loss in ((3.0, 4.0), (1.0, 2.5), (2.0, 3.5)):
        history.record({"loss": loss, "val_loss": val_loss, "seconds": 0.5})
    page = parsed(history._repr_html_())
    rows = [["".join(cell.itertext()) for cell in row] for row in page.iter("tr")]
    assert rows[1][:5] == ["loss", "3", "2", "1", "3"]
    assert rows[2][:5] == ["val_loss", "4", "3.5", "2.5", "4"]
    assert "3 epochs, 1.5 s" in history._repr_html_()


def test_a_curve_goes_down_where_the_numbers_do():
    (curve,) = points(notebook.chart({"loss": [4.0, 2.0, 1.0]}))
    across, down = curve[::2], curve[1::2]
    assert across == sorted(across)
    assert down == sorted(down)  # pixels count from the top


@pytest.mark.parametrize(
    "values",
    [[1.0], [1.0, 1.0], [math.nan, 1.0, math.inf], [-1e308, 1e308], [math.nan], [0.5] * 5000, [1e-320, 2e-320]],
)
def test_any_numbers_make_a_picture(values):
    history = History()
    for value in values:
        history.record({"loss": value, "<b>": value})
    for html in (history._repr_html_(), notebook.chart({"<loss>": values}), notebook.spark(values)):
        paths = "".join(each.get("d", "") for each in parsed(html).iter())
        assert "nan" not in paths
        assert "inf" not in paths
        assert "<b>" not in html
        assert len(html) < 60_000


def test_a_history_of_nothing_and_of_a_fit_that_stopped():
    assert "No epoch" in History()._repr_html_()
    history = History([1.0])
    history.stopped = "enough & more"
    assert "1 epoch; stopped: enough &amp; more" in history._repr_html_()


def test_a_range_test_shows_its_suggestion_if_it_has_one():
    found = lr_range_test(network(), X, y, steps=60)
    assert f"Suggestion: {found.suggestion:.4g}" in found._repr_html_()
    assert "stroke-dasharray" in found._repr_html_()
    parsed(found._repr_html_())
    risen = RateRange(np.array([0.1, 1.0]), np.array([1.0, 2.0]))
    assert "No suggestion" in risen._repr_html_()


class Screen:
    """Stands for IPython.display: remembers what is shown, and how often it was written anew."""

    def __init__(self, monkeypatch, kernel):
        self.pages = []
        shell = types.SimpleNamespace(kernel=kernel)
        ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
        ipython.get_ipython = lambda: shell
        display.display, ipython.display = self.display, display
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setitem(sys.modules, "IPython.display", display)

    def display(self, page, display_id, raw=False):
        assert display_id is True
        assert raw
        self.pages.append([page["text/html"]])
        return types.SimpleNamespace(update=self.update)

    def update(self, page, raw=False):
        assert raw
        self.pages[-1].append(page["text/html"])


def test_in_a_notebook_progress_is_one_place_on_the_page(monkeypatch, capsys):
    screen = Screen(monkeypatch, kernel=object())
    network().fit(X, y, epochs=30, learning_rate=0.1)
    (page,) = screen.pages
    assert 'value="1.000"' in page[-1]
    assert "Epoch 30-30" in page[-1]
    assert points(page[-1])
    assert capsys.readouterr().out == ""
    network().fit(X, y, epochs=3, verbose=0)
    assert len(screen.pages) == 1


def test_ipython_on_a_terminal_is_no_notebook(monkeypatch, capsys):
    screen = Screen(monkeypatch, kernel=None)
    network().fit(X, y, epochs=3)
    assert screen.pages == []
    assert "Epoch 3-3" in capsys.readouterr().out


def test_a_half_imported_ipython_does_no_harm(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    assert notebook.place() is None


def test_without_a_notebook_ipython_is_not_imported():
    code = "import json, sys, neural; net = neural.NeuralNetwork([neural.DenseLayer(1, 1)], 'mse'); "
    code += "net.fit([[1.0]], [1.0], epochs=2); print(json.dumps('IPython' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) is False


def test_comparisons_findings_and_many_runs_are_shown_as_they_print():
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    net = NeuralNetwork([DenseLayer(2, 1, "sigmoid")], "binary_crossentropy", random_state=0)
    for shown in (compare_counts({"a<b": (25, 30), "c": (27, 30)}), train([net], X, y, epochs=2), doctor(net, X, y)):
        page = shown._repr_html_()
        assert page.startswith("<pre")
        assert page.count("\n") == str(shown).count("\n")
        assert "a<b" not in page
