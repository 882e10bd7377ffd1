"""What the tests of pictures draw."""

import numpy as np

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
