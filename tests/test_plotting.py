"""Each picture has the parts it should, and says what is wrong with its input."""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.figure import Figure  # noqa: E402

from neural import plotting  # noqa: E402
from neural.callbacks import History  # noqa: E402
from neural.plotting import (  # noqa: E402
    plot_confusion,
    plot_decision_boundary,
    plot_history,
    plot_metrics,
)
from tests.pictures import (  # noqa: E402
    HALF,
    NAMES,
    POINTS,
    Model,
    Recorded,
    X,
    sigmoid_of_first,
    three_ways,
    titles,
)

TWO = Recorded(loss=[3.0, 2.0], val_loss=[3.5, 2.5])


@pytest.mark.parametrize(
    ("histories", "options", "expected"),
    [
        ([3.0, 2.0], {}, {"": [3, 2]}),
        (TWO, {}, {"": [3, 2]}),
        (np.array([3.0, 2.0]), {"labels": ["net"]}, {"net": [3, 2]}),
        ([[3.0, 2.0], (1.0,)], {}, {"network 1": [3, 2], "network 2": [1]}),
        ({"a": [3.0, 2.0], "b": TWO}, {}, {"a": [3, 2], "b": [3, 2]}),
        (TWO, {"key": "val_loss"}, {"": [3.5, 2.5]}),
        (TWO, {"key": ["loss", "val_loss"]}, {"loss": [3, 2], "val_loss": [3.5, 2.5]}),
        ({"a": TWO}, {"key": ["loss", "val_loss"]}, {"a, loss": [3, 2], "a, val_loss": [3.5, 2.5]}),
        ([TWO, TWO], {"key": ["loss"], "labels": ["p", "q"]}, {"p": [3, 2], "q": [3, 2]}),
    ],
)
def test_history_draws_each_curve(histories, options, expected):
    (axes,) = plot_history(histories, **options).axes
    legend = axes.get_legend()
    assert [list(line.get_ydata()) for line in axes.lines] == list(expected.values())
    assert [list(line.get_xdata()) for line in axes.lines] == [list(range(1, len(v) + 1)) for v in expected.values()]
    assert ([text.get_text() for text in legend.get_texts()] if legend else [""]) == list(expected)


def test_the_axis_of_a_history_follows_its_key():
    history = History()
    history.record({"loss": 0.5, "val_loss": 0.6, "accuracy": 0.7, "val_f1_score": 0.4})
    assert history.plot("accuracy").axes[0].get_ylabel() == "Accuracy"
    assert history.plot("loss", "val_loss").axes[0].get_ylabel() == "Loss"
    assert history.plot("loss", "accuracy").axes[0].get_ylabel() == ""
    assert plot_history(history, key="val_f1_score").axes[0].get_ylabel() == "F1 score"
    assert history.plot(ylabel="J").axes[0].get_ylabel() == "J"


def test_history_names_its_axes():
    (axes,) = plot_history([3.0, 2.0]).axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("Epochs", "Loss", "linear")
    (axes,) = plot_history([3.0, 2.0], xlabel="t", ylabel="J", log=True).axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("t", "J", "log")


def test_history_tells_curves_apart_without_colour_once_colours_repeat():
    (axes,) = plot_history([[2.0, 1.0]] * 20).axes
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 20


def test_history_marks_a_single_epoch():
    (axes,) = plot_history([2.0]).axes
    assert axes.lines[0].get_marker() == "o"
    axes.figure.draw_without_rendering()
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]


@pytest.mark.parametrize(
    ("histories", "options", "message"),
    [
        ([], {}, "each history must be a list of at least one number"),
        ({}, {}, "each history must be"),
        ({"a": []}, {}, "each history must be"),
        ([[[1.0]]], {}, "each history must be a list of numbers"),
        ([1.0], {"key": "val_loss"}, "key must be a series that every history holds. Got 'val_loss'"),
        (TWO, {"key": "accuracy"}, "key must be"),
        ([1.0], {"labels": ["a", "b"]}, "labels must be a list of 1, one for each curve"),
        ([1.0], {"labels": "a"}, "labels must be a list"),
    ],
)
def test_history_refuses(histories, options, message):
    with pytest.raises(ValueError, match=message):
        plot_history(histories, **options)


@pytest.mark.parametrize(
    ("metrics", "given", "expected"),
    [
        ([[0.1, 0.2], [0.3, 0.4]], ["P", "R"], ["P", "R"]),
        ([[0.1, 0.2], [0.3, 0.4]], None, ["metric 1", "metric 2"]),
        ({"P": [0.1], "R": [0.2], "F": [0.3]}, None, ["P", "R", "F"]),
        ([0.1, 0.2], ["P"], ["P"]),
    ],
)
def test_metrics_are_a_row_of_panels(metrics, given, expected):
    figure = plot_metrics(metrics, given)
    assert titles(figure) == expected
    assert len({axes.get_subplotspec().rowspan.start for axes in figure.axes}) == 1


def test_metrics_draws_the_numbers():
    figure = plot_metrics([[0.1, 0.2], [0.3, 0.4]], ["P", "R"])
    assert [list(axes.lines[0].get_ydata()) for axes in figure.axes] == [[0.1, 0.2], [0.3, 0.4]]


@pytest.mark.parametrize(("metrics", "names"), [([], None), ([[1.0]], ["a", "b"]), ([[]], None)])
def test_metrics_refuses(metrics, names):
    with pytest.raises(ValueError, match="must be"):
        plot_metrics(metrics, names)


# Results --------------------------------------------------------------------------------------------------------------


def legend_of(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


@pytest.mark.parametrize("y", [HALF, HALF[:, None], np.eye(2)[HALF], HALF.astype(bool)])
def test_boundary_of_two_classes(y):
    model = Model(sigmoid_of_first, n_inputs=2)
    (axes,) = plot_decision_boundary(model, POINTS, y, steps=30, margin=1.0, class_names=NAMES).axes
    assert legend_of(axes) == ["probability 0.5", "cat", "dog"]
    assert axes.get_xlim() == pytest.approx((POINTS[:, 0].min() - 1, POINTS[:, 0].max() + 1))
    assert axes.get_ylim() == pytest.approx((POINTS[:, 1].min() - 1, POINTS[:, 1].max() + 1))
    _, line, *scatters = axes.collections
    np.testing.assert_allclose(line.get_paths()[0].vertices[:, 0], 0, atol=1e-2)
    for k, scatter in enumerate(scatters):
        np.testing.assert_array_equal(scatter.get_offsets(), POINTS[k == HALF])


def test_boundary_without_a_crossing_draws_no_line():
    model = Model(lambda X: np.full((len(X), 1), 0.9), n_inputs=2)
    (axes,) = plot_decision_boundary(model, POINTS, HALF, steps=5).axes
    assert legend_of(axes) == ["0", "1"]


@pytest.mark.parametrize("function", [three_ways, lambda X: three_ways(X).argmax(axis=1)])
def test_boundary_of_three_classes(function):
    y = three_ways(POINTS).argmax(axis=1)
    (axes,) = plot_decision_boundary(Model(function, n_inputs=2), POINTS, y, steps=200).axes
    assert legend_of(axes) == ["0", "1", "2"]
    scatters = axes.collections[-3:]
    regions = [c for c in axes.collections[:-3] if len(c.get_facecolor())]
    assert len(regions) == 3
    for region, scatter in zip(regions, scatters, strict=True):
        inside = region.get_paths()[0].contains_points(scatter.get_offsets())
        assert inside.mean() > 0.9  # a few points lie within a place of the boundary


def test_boundary_of_text_labels():
    names = np.array(["left", "right"])
    for model in (Model(sigmoid_of_first, n_inputs=2), Model(lambda X: names[(X[:, 0] > 0).astype(int)], n_inputs=2)):
        (axes,) = plot_decision_boundary(model, POINTS, names[HALF], steps=20).axes
        assert legend_of(axes)[-2:] == ["left", "right"]


@pytest.mark.parametrize(
    ("attributes", "columns"),
    [({"n_inputs": 5}, 5), ({"n_inputs": 2}, 2), ({"n_features_in_": 5}, 5), ({}, 5), ({}, 2)],
)
def test_boundary_finds_the_features(attributes, columns):
    def function(X):
        if X.shape[1] != columns:
            raise ValueError(X.shape)
        return sigmoid_of_first(X)

    model = Model(function, **attributes)
    plot_decision_boundary(model, POINTS, HALF, steps=5)
    x1, x2 = model.given[-1][:, :2].T
    if columns == 5:
        np.testing.assert_allclose(model.given[-1], np.column_stack([x1, x2, x1**2, x2**2, x1 * x2]))


def test_boundary_takes_a_transform_over_the_default():
    model = Model(sigmoid_of_first, n_inputs=5)
    plot_decision_boundary(model, POINTS, HALF, steps=5, transform=lambda X: X[:, :1] * 7)
    assert model.given[-1].shape == (25, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_boundary_grid_is_bounded_and_predicted_in_blocks(monkeypatch, dtype):
    monkeypatch.setattr(plotting, "MOST_STEPS", 30)
    monkeypatch.setattr(plotting, "BLOCK_ROWS", 64)
    model = Model(sigmoid_of_first, n_inputs=2)
    plot_decision_boundary(model, POINTS.astype(dtype), HALF, steps=10**9)
    assert sum(map(len, model.given)) == 900
    assert max(map(len, model.given)) == 64
    assert {block.dtype for block in model.given} == {np.dtype(dtype)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": X}, r"X must be an array \(n_samples, 2\)"),
        ({"X": np.full((40, 2), np.nan)}, "X must be finite"),
        ({"y": HALF[:3]}, "y must be of one entry"),
        ({"y": np.arange(40)}, "y must be column numbers below 2"),
        ({"steps": 1}, "steps must be"),
        ({"margin": -1}, "margin must be"),
        ({"class_names": ["a"]}, "class_names must be"),
    ],
)
def test_boundary_refuses(change, message):
    arguments = {"X": POINTS, "y": HALF, "steps": 5, **change}
    with pytest.raises(ValueError, match=message):
        plot_decision_boundary(Model(sigmoid_of_first, n_inputs=2), **arguments)


def test_confusion_writes_counts_with_the_truth_in_rows():
    (axes,) = plot_confusion([[5, 1, 0], [0, 7, 0], [0, 12345, 2]], NAMES).axes
    assert {text.get_position(): text.get_text() for text in axes.texts}[1, 2] == "12345"  # (column, row)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NAMES)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Predicted", "True")


def test_confusion_normalizes_rows_and_keeps_empty_ones():
    (axes,) = plot_confusion([[3, 1], [0, 0]], normalize=True).axes
    assert [text.get_text() for text in axes.texts] == ["0.75", "0.25", "0.00", "0.00"]


def test_confusion_of_many_classes_has_a_scale_and_no_numbers():
    axes, bar = plot_confusion(np.eye(120)).axes
    assert not axes.texts
    assert len(axes.get_xticks()) == 40
    assert "share" in bar.get_ylabel()


@pytest.mark.parametrize(
    ("matrix", "names", "message"),
    [
        ([[1, 2, 3], [4, 5, 6]], None, "matrix must be square"),
        ([], None, "matrix must be square"),
        ([[1, -1], [0, 1]], None, "at least 0"),
        ([[1, np.nan], [0, 1]], None, "finite"),
        ([[1, 0], [0, 1]], NAMES, "class_names must be a list of 2, one for each class"),
    ],
)
def test_confusion_refuses(matrix, names, message):
    with pytest.raises(ValueError, match=message):
        plot_confusion(matrix, names)


@pytest.mark.parametrize("draw", [
    lambda ax: plot_history([1.0, 0.5], ax=ax),
    lambda ax: plot_decision_boundary(Model(sigmoid_of_first, n_inputs=2), POINTS, HALF, steps=5, ax=ax),
    lambda ax: plot_confusion([[1, 0], [0, 1]], ax=ax),
])  # fmt: skip
def test_the_callers_axes_are_drawn_in(draw):
    figure = Figure()
    left, right = figure.subfigures(1, 2)
    assert draw(right.subplots()) is figure
    assert not left.axes
    assert figure.axes[0].has_data()


def test_a_model_with_probabilities_alone_has_a_boundary():
    class Proba:
        n_inputs = 2

        def predict_proba(self, X):
            return np.hstack([1 - sigmoid_of_first(X), sigmoid_of_first(X)])

    (axes,) = plot_decision_boundary(Proba(), POINTS, HALF, steps=5).axes
    assert legend_of(axes) == ["probability 0.5", "0", "1"]
