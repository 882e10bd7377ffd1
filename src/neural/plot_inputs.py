"""What the plots take: images, labels, probabilities, histories and models, brought into one form or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from neural import canvas
from neural.canvas import Array
from neural.errors import sentence
from neural.inputs import array, numbers, numeric

ImageShape = tuple[int, int]
Names = Sequence[str] | None

HISTORY = "what fit returns, or a list of numbers"
HISTORIES = f"{HISTORY}; or a list or dict of several"


# Images and points ----------------------------------------------------------------------------------------------------


def labelled_images(df: Any, image_shape: ImageShape) -> tuple[Array, Array]:
    """Split a data frame with a column ``label``, or a pair (X, y), into images and labels."""
    if hasattr(df, "columns"):
        columns = list(df.columns)
        if "label" not in columns:
            raise ValueError(sentence("df", "a data frame with a column 'label'", columns, "Or pass a pair (X, y)."))
        at, values = columns.index("label"), np.asarray(df)
        pixels = values[:, 1:] if at == 0 else np.delete(values, at, axis=1)  # the usual case copies nothing
        df = _quickly_numeric(pixels), df["label"]
    elif not isinstance(df, tuple | list) or len(df) != 2:
        raise TypeError(sentence("df", "a data frame with a column 'label', or a pair (X, y)", df))
    X, y = images(df[0], image_shape), labels(df[1])
    same_length(X, "y", y)
    return X, y


def _quickly_numeric(pixels: Array) -> Array:
    """Return objects as floats, as the pixels beside text labels are; if they are not all numbers, as they come."""
    try:
        return pixels.astype(float) if pixels.dtype == object else pixels
    except (TypeError, ValueError):
        return pixels


def images(X: Any, image_shape: ImageShape) -> Array:
    """Return images (n_samples, n_pixels), which may hold NaN."""
    found = numeric("X", X)
    if found.ndim < 2 or len(found) == 0:
        raise ValueError(sentence("X", "an array (n_samples, n_pixels) of at least one row", found))
    found = found.reshape(len(found), -1)
    canvas.check_image_shape(image_shape, found.shape[1])
    return found


def weights(W: Any) -> Array:
    """Return the weights (n_units, n_pixels) of a layer."""
    found = numbers("weights", W)
    if found.ndim != 2 or found.size == 0:
        raise ValueError(sentence("weights", "an array (n_units, n_pixels)", found, "Pass net.weights[0]."))
    return found


def points(X: Any) -> Array:
    """Return points (n_samples, 2), float32 or float64."""
    found = numbers("X", X)
    found = found if found.dtype == np.float32 else found.astype(float)
    if found.ndim != 2 or found.shape[1] != 2 or len(found) == 0:
        raise ValueError(
            sentence("X", "an array (n_samples, 2)", found, "Pass two columns; transform makes the others.")
        )
    return found


def same_length(X: Array, what: str, values: Array) -> None:
    """Raise ValueError unless ``values`` has an entry for each row of X."""
    if values.ndim == 0 or len(values) != len(X):
        raise ValueError(sentence(what, f"of one entry for each of the {len(X)} rows of X", values))


# Labels and probabilities ---------------------------------------------------------------------------------------------


def labels(y: Any, what: str = "y") -> Array:
    """Return labels (n_samples,) from labels, a column of them, or one-hot; whole numbers become integers."""
    found = array(what, y)
    if found.ndim == 2:
        found = found.argmax(axis=1) if found.shape[1] > 1 else found[:, 0]
    if found.ndim != 1 or len(found) == 0:
        raise ValueError(sentence(what, "labels (n_samples,) or one-hot (n_samples, n_classes)", found))
    if found.dtype.kind == "f" and not (np.isfinite(found).all() and np.all(found == np.floor(found))):
        return found
    return found.astype(np.int64) if found.dtype.kind in "fb" else found


def are_labels(outputs: Array) -> bool:
    """Tell labels from probabilities: text, integers, or (n,) whole numbers."""
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return False
    return outputs.dtype.kind != "f" or (outputs.ndim == 1 and labels(outputs).dtype.kind == "i")


def scores(outputs: Any) -> Array:
    """Return probabilities (n_samples, n_classes); those of two classes may come as (n,) or (n, 1)."""
    found = numbers("probabilities", outputs).astype(float)
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim != 2 or found.shape[1] == 0:
        raise ValueError(sentence("probabilities", "an array (n_samples, n_classes) or (n_samples, 1)", found))
    return np.hstack([1 - found, found]) if found.shape[1] == 1 else found


def classes(y: Array, n_classes: int, given: Any = None) -> Array:
    """Return the label of each column of probabilities: what the model says, its number, or the sorted labels."""
    if given is not None and len(given) == n_classes and np.isin(y, given).all():
        return np.asarray(given)
    if y.dtype.kind in "iu" and y.min() >= 0 and y.max() < n_classes:
        return np.arange(n_classes)
    found: Array = np.unique(y)
    if len(found) != n_classes:
        rule = (
            f"column numbers below {n_classes}, or {n_classes} different labels, one for each column of probabilities"
        )
        raise ValueError(sentence("y", rule, found.tolist()))
    return found


def predictions(outputs: Any, y: Array, given: Any = None) -> Array:
    """Return labels of the kind that ``y`` has, from labels, column numbers or probabilities."""
    outputs = array("predictions", outputs)
    if not are_labels(outputs):
        probabilities = scores(outputs)
        chosen: Array = classes(y, probabilities.shape[1], given)[probabilities.argmax(axis=1)]
        return chosen
    found = labels(outputs, "predictions")
    if found.dtype.kind in "iu" and y.dtype.kind not in "iu":
        found = (np.unique(y) if given is None else np.asarray(given))[found]
    return found


def predictor(model: Any, *methods: str) -> Callable[[Array], Array]:
    """Return the first of these methods that a model has, as a function that must give a row for each row."""
    function = next(filter(callable, (getattr(model, name, None) for name in methods)), None)
    if function is None or isinstance(model, type):
        raise TypeError(sentence("model", "an object with a method predict", model))

    def predict(X: Array) -> Array:
        outputs = array("what the model predicts", function(X))
        if outputs.ndim == 0 or len(outputs) != len(X):
            raise ValueError(sentence("what the model predicts", f"of one row for each of {len(X)}", outputs))
        return outputs

    return predict


# Names ----------------------------------------------------------------------------------------------------------------


def names(found: Array, class_names: Names) -> list[str]:
    """Return the name of each label: ``class_names[label]`` for integers, the label itself for others."""
    if class_names is None or found.dtype.kind not in "iu":
        return [str(label) for label in found]
    if not hasattr(class_names, "__len__"):
        raise TypeError(sentence("class_names", "a list of names, or None", class_names))
    if found.min() < 0 or found.max() >= len(class_names):
        rule = f"a name for each label, here {found.min()} to {found.max()}"
        raise ValueError(sentence("class_names", rule, list(class_names), "class_names=None writes the labels."))
    return [str(class_names[label]) for label in found]


def one_for_each(what: str, texts: Sequence[Any], n: int, thing: str) -> list[str]:
    """Return ``n`` texts, one for each thing."""
    if isinstance(texts, str) or not hasattr(texts, "__len__") or len(texts) != n:
        raise ValueError(sentence(what, f"a list of {n}, one for each {thing}", texts))
    return [str(text) for text in texts]


# Histories and matrices -----------------------------------------------------------------------------------------------


def named_histories(what: str, histories: Any, word: str) -> list[tuple[str, Any]]:
    """Return (name, history) pairs from one history, a list of several, or a dict; one alone needs no name."""
    if not _is_list(histories):
        step = "Pass its history_." if hasattr(histories, "history_") else ""
        raise TypeError(sentence(what, HISTORIES, histories, step))
    if isinstance(histories, Mapping):
        named = [(str(name), history) for name, history in histories.items()]
    elif all(map(_is_list, histories)):
        named = [(f"{word} {i}", history) for i, history in enumerate(histories, 1)]
    else:
        named = [("", histories)]
    for _, history in named:
        if not _is_list(history):
            raise TypeError(sentence("each history", HISTORY, history))
    if not named or any(len(history) == 0 for _, history in named):
        raise ValueError(sentence("each history", "a list of at least one number", histories))
    return named


def _is_list(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str) and getattr(value, "ndim", 1) > 0


def keys(key: Any) -> list[str]:
    """Return one name or several as a list."""
    found = [key] if isinstance(key, str) else list(key) if _is_list(key) else []
    if not found or not all(isinstance(name, str) for name in found):
        raise TypeError(sentence("key", "a name in the histories, or a list of names", key))
    return found


def series(history: Any, key: str) -> Array:
    """Return ``history[key]``; a plain list of numbers is its own "loss"."""
    try:
        values = history[key]
    except (KeyError, IndexError, TypeError):
        if key != "loss":
            hint = "A plain list of numbers is its own 'loss' and holds nothing else."
            raise ValueError(sentence("key", "a series that every history holds", key, hint)) from None
        values = history
    found = numeric("each history", values)
    if found.ndim != 1:
        raise ValueError(sentence("each history", "a list of numbers", found))
    return found.astype(float)


def counts(matrix: Any) -> Array:
    """Return a confusion matrix (n_classes, n_classes) as floats."""
    found = numbers("matrix", matrix).astype(float)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or found.size == 0:
        step = "Make it with confusion_matrix(y_true, y_pred)."
        raise ValueError(sentence("matrix", "square, (n_classes, n_classes)", found, step))
    if found.min() < 0:
        raise ValueError(sentence("matrix", "made of counts of at least 0", found.min().item()))
    return found
