"""Pictures of images and of weights as images have the parts they should, and say what is wrong with their input."""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.colors import same_color  # noqa: E402

from neural.canvas import VERMILLION  # noqa: E402
from neural.plotting import (  # noqa: E402
    plot_confusion,
    plot_decision_boundary,
    plot_grid,
    plot_random_images,
    plot_weights,
    plot_worst_mistakes,
)
from tests.pictures import (  # noqa: E402
    HALF,
    NAMES,
    POINTS,
    SHAPE,
    Frame,
    Model,
    X,
    Y,
    below,
    pictures,
    sigmoid_of_first,
    titles,
)


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
