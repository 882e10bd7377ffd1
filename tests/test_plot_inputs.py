"""A plot that is given something wrong says so in one sentence of the house's form, before anything is drawn."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from neural import DenseLayer, NeuralNetwork
from neural.callbacks import History
from neural.plotting import (
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
X, Y = np.arange(480).reshape(30, 16), np.arange(30) % 3
POINTS, HALF = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
TWO = History()
TWO.record({"loss": 3.0, "val_loss": 3.5})


class Frame:
    columns = ("label", "pixel")

    def __array__(self, dtype=None, copy=None):
        return np.array([[0, "a"]], dtype=object)

    def __getitem__(self, name):
        return [0]


class Model:
    n_inputs = 2

    def __init__(self, predict):
        self.predict = predict


NET = NeuralNetwork([DenseLayer(16, 3, "softmax")], "categorical_crossentropy", random_state=0)
RAGGED = [np.ones((2, 3)), np.ones((4, 2))]


def images(**given):
    return plot_random_images(**{"X": X, "y": Y, "n": 2, "image_shape": SHAPE, **given})


def mistakes(**given):
    return plot_worst_mistakes(**{"X": X, "y": Y, "probabilities": np.eye(3)[Y], "image_shape": SHAPE, **given})


def boundary(**given):
    model = Model(lambda X: 1 / (1 + np.exp(-X[:, :1])))
    return plot_decision_boundary(**{"model": model, "X": POINTS, "y": HALF, "steps": 5, **given})


WRONG = {  # calls with a wrong thing, and what the one sentence about it says
    "grid of None": (lambda: plot_grid(2, None), TypeError, "df must be .* Got None"),
    "grid of text": (lambda: plot_grid(2, (["a"], [0])), TypeError, "X must be numbers. Got 'a'"),
    "grid of text pixels": (lambda: plot_grid(2, Frame()), TypeError,
                            "X must be all numbers or all text|X must be numbers"),
    "images None": (lambda: images(X=None), TypeError, "X must be all numbers or all text. Got None"),
    "images text": (lambda: images(X=[["a", "b"]]), TypeError, "X must be numbers. Got 'a'"),
    "images ragged": (lambda: images(X=[[1, 2], [3]]), ValueError, "X must be an array whose rows are of one length"),
    "labels None": (lambda: images(y=None), TypeError, "y must be all numbers or all text. Got None"),
    "labels mixed": (lambda: images(y=["a", *Y[1:]]), TypeError, "y must be all numbers or all text. Got np.int64.1"),
    "predictions text": (lambda: images(predictions="relu"), ValueError, "predictions must be of one entry for each"),
    "predictions ragged": (lambda: images(predictions=RAGGED), ValueError, "predictions must be an array whose rows"),
    "predictions nan": (lambda: images(predictions=np.full((30, 3), np.nan)), ValueError, "probabilities must be fin"),
    "model without predict": (lambda: images(model=[1, 2]), TypeError, r"model must be an object .* Got \[1, 2\]"),
    "model a class": (lambda: images(model=NeuralNetwork), TypeError, "model must be an object with a method predict"),
    "model of one row": (lambda: images(model=Model(lambda X: X[:1])), ValueError,
                         "what the model predicts must be of one row for each of 2"),
    "model of nothing": (lambda: images(model=Model(lambda X: None)), TypeError, "what the model predicts must be"),
    "class_names number": (lambda: images(class_names=3), TypeError, "class_names must be a list of names.* Got 3"),
    "probabilities text": (lambda: mistakes(probabilities=["a"] * 30), TypeError, "probabilities must be numbers"),
    "probabilities nan": (lambda: mistakes(probabilities=[np.nan] * 30), ValueError, "probabilities must be finite"),
    "weights of all layers": (lambda: plot_weights(RAGGED), ValueError, "weights must be an array whose rows"),
    "weights a network": (lambda: plot_weights(NET), TypeError, "weights must be all numbers.* Got NeuralNetwork"),
    "weights text": (lambda: plot_weights([["a"]]), TypeError, "weights must be numbers. Got 'a'"),
    "weights nan": (lambda: plot_weights([[np.nan] * 16], image_shape=SHAPE), ValueError, "weights must be finite"),
    "names number": (lambda: plot_weights(X, image_shape=SHAPE, names=3), ValueError, "names must be a list of 30"),
    "history number": (lambda: plot_history(5), TypeError, "histories must be what fit returns.* Got 5"),
    "history None": (lambda: plot_history(None), TypeError, "histories must be what fit returns.* Got None"),
    "history text": (lambda: plot_history("loss"), TypeError, "histories must be what fit returns.* Got 'loss'"),
    "history a network": (lambda: plot_history(NET), TypeError, "histories must be.* Pass its history_"),
    "histories of numbers": (lambda: plot_history({"a": 1.0}), TypeError, "each history must be what fit.* Got 1.0"),
    "history of text": (lambda: plot_history(["a", "b"]), TypeError, "each history must be numbers. Got 'a'"),
    "history of networks": (lambda: plot_history([NET]), TypeError, "each history must be all numbers"),
    "key number": (lambda: plot_history(TWO, key=0), TypeError, "key must be a name in the histories.* Got 0"),
    "key of numbers": (lambda: plot_history(TWO, key=[0]), TypeError, r"key must be a name.* Got \[0\]"),
    "key none": (lambda: plot_history(TWO, key=[]), TypeError, "key must be a name in the histories"),
    "a list for a History": (lambda: plot_history([0.5], key="val_loss"), ValueError, "key must be.*A plain list"),
    "metrics number": (lambda: plot_metrics(5), TypeError, "metrics must be what fit returns.* Got 5"),
    "metrics of names": (lambda: plot_metrics({"a": "b"}), TypeError, "each history must be what fit.* Got 'b'"),
    "matrix text": (lambda: plot_confusion("ab"), TypeError, "matrix must be numbers. Got 'ab'"),
    "matrix labels": (lambda: plot_confusion(Y), ValueError, r"matrix must be square.* with confusion_matrix\("),
    "matrix ragged": (lambda: plot_confusion([[1, 2], [3]]), ValueError, "matrix must be an array whose rows"),
    "boundary model": (lambda: boundary(model=5), TypeError, "model must be an object with a method predict. Got 5"),
    "boundary transform": (lambda: boundary(transform=5), TypeError, "transform must be a function.* Got 5"),
    "boundary points text": (lambda: boundary(X=[["a", "b"]]), TypeError, "X must be numbers. Got 'a'"),
    "boundary of nan": (lambda: boundary(model=Model(lambda X: X[:, :1] * np.nan)), ValueError,
                        "probabilities must be finite"),
    "boundary of one row": (lambda: boundary(model=Model(lambda X: X[0])), ValueError,
                            "what the model predicts must be of one row for each of 25"),
    "ax": (lambda: plot_history([1.0], ax="left"), TypeError, "ax must be matplotlib's axes, one of them. Got 'left'"),
    "axes": (lambda: plot_confusion([[1]], ax=np.array([1, 2])), TypeError, "ax must be matplotlib's axes"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_things_are_refused_in_one_sentence(name):
    call, exception, words = WRONG[name]
    with pytest.raises(exception, match=words) as caught:
        call()
    assert caught.type is exception
