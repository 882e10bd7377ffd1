"""Each picture has the parts it should, and says what is wrong with its input."""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.colors import same_color  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from neural import plotting  # noqa: E402
from neural.callbacks import History  # noqa: E402
from neural.canvas import VERMILLION  # noqa: E402
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

SHAPE = (4, 4)
X = (8 * np.arange(30)[:, None] + np.arange(16) % 8).astype(np.uint8)  # no two rows are equal
Y = np.arange(30) % 3
NAMES = ("cat", "dog", "cow")
POINTS = np.random.default_rng(0).normal(size=(40, 2))
HALF = (POINTS[:, 0] > 0).astype(int)


class Frame:
    """As much of a data frame as plot_grid may use."""

    def __init__(self, columns, values):
        self.columns, self.values = columns, values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def __getitem__(self, name):
        return self.values[:, self.columns.index(name)]


class Recorded(list):
    """A list of losses that also gives its series by name, as ``fit`` returns it."""

    def __init__(self, **series):
        super().__init__(series["loss"])
        self.series = series

    def __getitem__(self, key):
        return self.series[key] if isinstance(key, str) else super().__getitem__(key)


class Model:
    """Predicts ``function(X)`` and remembers what it was given."""

    def __init__(self, function, **attributes):
        self.function, self.given = function, []
        self.__dict__.update(attributes)

    def predict(self, X):
        self.given.append(X)
        return self.function(X)


def sigmoid_of_first(X):
    return 1 / (1 + np.exp(-3 * X[:, :1]))


def three_ways(X):
    scores = np.exp(np.column_stack([X[:, 0], -X[:, 0], 2 * X[:, 1]]))
    return scores / scores.sum(axis=1, keepdims=True)


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def below(figure):
    return [axes.get_xlabel() for axes in figure.axes]


def pictures(figure):
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_inputs_are_not_changed():
    X_, y, p = X.copy(), Y.copy(), np.eye(3)[Y[::-1]]
    points, matrix, weights = POINTS.copy(), np.array([[1, 2], [3, 4]]), X[:3].astype(float)
    inputs = [X_, y, p, points, matrix, weights]
    for array in inputs:
        array.flags.writeable = False
    plot_grid(2, (X_, y), image_shape=SHAPE)
    plot_random_images(X_, y, 3, p, image_shape=SHAPE)
    plot_worst_mistakes(X_, y, p, image_shape=SHAPE)
    plot_weights(weights, image_shape=SHAPE)
    plot_confusion(matrix, normalize=True)
    plot_decision_boundary(Model(sigmoid_of_first, n_inputs=2), points, HALF, steps=5)


# Images ---------------------------------------------------------------------------------------------------------------


def test_grid_has_a_column_for_each_class():
    figure = plot_grid(4, (X, Y), image_shape=SHAPE, random_state=0, class_names=NAMES)
    assert titles(figure) == [*NAMES, *[""] * 9]
    for i, picture in enumerate(pictures(figure)):
        row = np.flatnonzero((np.asarray(picture).ravel() == X).all(axis=1))
        assert Y[row[0]] == i % 3


def test_grid_shows_no_image_twice():
    shown = {np.asarray(p).tobytes() for p in pictures(plot_grid(10, (X, Y), image_shape=SHAPE, class_names=None))}
    assert len(shown) == 30


@pytest.mark.parametrize("at", [0, 16])
def test_grid_reads_a_data_frame_with_its_label_anywhere(at):
    columns = [f"pixel{i}" for i in range(1, 17)]
    columns.insert(at, "label")
    frame = Frame(columns, np.insert(X.astype(int), at, Y, axis=1))
    ours, theirs = (plot_grid(3, data, image_shape=SHAPE, random_state=1) for data in (frame, (X, Y)))
    np.testing.assert_array_equal(pictures(ours), pictures(theirs))
    assert titles(ours)[:3] == ["T-shirt/top", "Trouser", "Pullover"]


def test_grid_reads_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"pixel{i}" for i in range(1, 17)])
    frame.insert(0, "label", np.array(NAMES)[Y])
    figure = plot_grid(1, frame, image_shape=SHAPE, random_state=1)
    assert titles(figure) == ["cat", "cow", "dog"]


def test_grid_leaves_places_empty_where_a_class_is_small():
    figure = plot_grid(99, (X[:5], [0, 0, 0, 0, 1]), image_shape=SHAPE)
    assert len(figure.axes) == 8
    assert len(pictures(figure)) == 5


@pytest.mark.parametrize(
    ("n", "df", "names", "message"),
    [
        (0, (X, Y), NAMES, "n must be a whole number of at least 1. Got 0"),
        (2, Frame(["a"], X), NAMES, "df must be a data frame with a column 'label'"),
        (2, (X, Y[:-1]), NAMES, "y must be of one entry for each of the 30 rows"),
        (2, (X[:0], Y[:0]), NAMES, "X must be"),
        (2, (X, Y), NAMES[:2], "class_names must be a name for each label, here 0 to 2"),
        (600, (np.zeros((1200, 16)), np.arange(1200) % 2), NAMES, "the number of images must be 1000 at most"),
    ],
)
def test_grid_refuses(n, df, names, message):
    with pytest.raises(ValueError, match=message):
        plot_grid(n, df, image_shape=SHAPE, class_names=names)


def test_grid_refuses_other_things():
    with pytest.raises(TypeError, match=r"or a pair \(X, y\)"):
        plot_grid(2, X, image_shape=SHAPE)


@pytest.mark.parametrize("draw", [
    lambda seed: plot_grid(2, (X, Y), image_shape=SHAPE, random_state=seed),
    lambda seed: plot_random_images(X, Y, 6, image_shape=SHAPE, random_state=seed),
])  # fmt: skip
def test_random_state_decides(draw):
    first, again, other = (np.stack(pictures(draw(seed))) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("y", [Y, Y[:, None], np.eye(3)[Y], np.eye(3, dtype=bool)[Y], Y.astype(float), list(Y)])
@pytest.mark.parametrize("predictions", [
    Y[::-1], Y[::-1].astype(float), Y[::-1, None], np.eye(3)[Y[::-1]],
    Model(lambda rows: np.eye(3)[2 - Y[_row_of(rows)]]),
])  # fmt: skip
def test_wrong_predictions_are_marked(y, predictions):
    figure = plot_random_images(X, y, 30, predictions, image_shape=SHAPE, class_names=NAMES, random_state=0)
    for axes in figure.axes:
        row = _row_of(axes.images[0].get_array().reshape(1, -1))[0]
        true, predicted = NAMES[Y[row]], NAMES[Y[::-1][row]]
        wrong = true != predicted
        assert axes.get_xlabel() == f"True: {true}"
        assert axes.get_title() == f"{'× ' * wrong}Predicted: {predicted}"
        assert same_color(axes.spines["left"].get_edgecolor(), VERMILLION) == wrong
        assert (axes.spines["left"].get_linewidth() > 2) == wrong


def _row_of(images):
    return [int(np.flatnonzero((image == X).all(axis=1))[0]) for image in np.asarray(images)]


def test_a_model_predicts_the_chosen_rows_only():
    model = Model(lambda rows: np.eye(3)[Y[_row_of(rows)]])
    figure = plot_random_images(X, Y, 6, model=model, image_shape=SHAPE)
    assert [len(rows) for rows in model.given] == [6]
    assert not any("×" in title for title in titles(figure))


def test_predictions_of_two_classes_may_be_one_column():
    figure = plot_random_images(X[:2], [0, 1], 2, [[0.4], [0.3]], image_shape=SHAPE, random_state=0)
    assert sorted(titles(figure)) == ["Predicted: 0", "× Predicted: 0"]


@pytest.mark.parametrize("predictions", [np.eye(3)[[0, 1, 1]], [0, 1, 1], ["cat", "cow", "cow"]])
def test_labels_may_be_text(predictions):
    y = np.array(["cat", "cow", "dog"], dtype=object)
    figure = plot_random_images(X[:3], y, 3, predictions, image_shape=SHAPE)
    assert sorted(zip(below(figure), titles(figure), strict=True)) == [
        ("True: cat", "Predicted: cat"),
        ("True: cow", "Predicted: cow"),
        ("True: dog", "× Predicted: cow"),
    ]


def test_a_model_that_names_its_classes_is_heard():
    model = Model(lambda rows: np.eye(3)[Y[_row_of(rows)]], classes_=NAMES)
    figure = plot_random_images(X[:2], ["cat", "cow"], 2, model, image_shape=SHAPE)
    assert sorted(zip(below(figure), titles(figure), strict=True)) == [
        ("True: cat", "Predicted: cat"),
        ("True: cow", "× Predicted: dog"),
    ]


def test_without_predictions_only_the_truth_is_written():
    figure = plot_random_images(X, Y, 99, image_shape=SHAPE)
    assert titles(figure) == [""] * 30
    assert all(text.startswith("True: ") for text in below(figure))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_shape": (28, 28)}, r"image_shape must be \(height, width\) of 16 pixels.*Try image_shape=\(4, 4\)"),
        ({"image_shape": (2, 2, 4)}, "image_shape must be"),
        ({"image_shape": (-4, -4)}, "image_shape must be"),
        ({"n": 0}, "n must be"),
        ({"X": X[0]}, r"X must be an array \(n_samples, n_pixels\)"),
        ({"y": Y[:4]}, "y must be of one entry"),
        ({"predictions": Y[:4]}, "predictions must be of one entry"),
        ({"predictions": np.eye(2)[Y % 2]}, "y must be column numbers below 2"),
        ({"predictions": Y, "model": Model(len)}, "predictions must be None where a model is given"),
        ({"class_names": NAMES[:1]}, "class_names must be a name for each label"),
        ({"random_state": -1}, "random_state must be"),
    ],
)
def test_random_images_refuses(change, message):
    arguments = {"X": X, "y": Y, "n": 30, "image_shape": SHAPE, **change}
    with pytest.raises(ValueError, match=message):
        plot_random_images(**arguments)


def test_worst_mistakes_come_first():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.05, 0.95], [0.6, 0.4]])
    y = [0, 0, 1, 0, 1]
    for probabilities in (p, p[:, 1:], p[:, 1]):
        figure = plot_worst_mistakes(X[:5], y, probabilities, 2, image_shape=SHAPE, class_names=NAMES)
        assert titles(figure) == ["× Predicted: dog (95%)", "× Predicted: dog (80%)"]
        assert below(figure) == ["True: cat (5%)", "True: cat (20%)"]
        np.testing.assert_array_equal(np.reshape(pictures(figure), (2, -1)), X[[3, 1]])


def test_worst_mistakes_without_a_mistake():
    figure = plot_worst_mistakes(X, Y, np.eye(3)[Y], image_shape=SHAPE)
    assert "No mistakes" in figure.axes[0].texts[0].get_text()


@pytest.mark.parametrize(("n", "p"), [(0, np.eye(3)[Y]), (3, np.eye(3)[Y[:9]]), (3, np.zeros((30, 2, 2)))])
def test_worst_mistakes_refuses(n, p):
    with pytest.raises(ValueError, match="must be"):
        plot_worst_mistakes(X, Y, p, n, image_shape=SHAPE)


def test_weights_share_a_scale_around_zero():
    weights = np.random.default_rng(0).normal(size=(7, 16))
    figure = plot_weights(weights, image_shape=SHAPE, columns=3)
    *units, bar = figure.axes
    high = np.abs(weights).max()
    assert [axes.images[0].get_clim() for axes in units] == [(-high, high)] * 7
    assert [axes.get_title() for axes in units] == list("1234567")
    np.testing.assert_array_equal(units[4].images[0].get_array().ravel(), weights[4])
    assert len({round(axes.get_position().x0, 6) for axes in units}) == 3
    assert bar.get_ylim() == (-high, high)


def test_weights_of_zero_can_be_drawn():
    assert plot_weights(np.zeros((2, 16)), image_shape=SHAPE, names=["a", "b"]).axes[0].get_title() == "a"


@pytest.mark.parametrize(
    ("weights", "change", "message"),
    [
        (X[0], {}, "weights must be an array"),
        (X.T, {}, "image_shape must be"),
        (X, {"names": ["a"]}, "names must be a list of 30"),
        (X, {"columns": 0}, "columns must be"),
    ],
)
def test_weights_refuses(weights, change, message):
    with pytest.raises(ValueError, match=message):
        plot_weights(weights, **{"image_shape": SHAPE, **change})


# Training -------------------------------------------------------------------------------------------------------------

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
