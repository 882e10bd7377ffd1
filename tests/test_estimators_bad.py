"""Bad arguments and data of every kind: the right exception, which names what was wrong, and the value."""

import re
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from neural import DenseLayer, MLPClassifier, MLPRegressor, Quantile

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
rng = np.random.RandomState(0)
X, y = rng.randn(12, 3), np.arange(12) % 2
NAN, INF, TEXT = X.copy(), X.copy(), X.astype(object)
NAN[2, 1], INF[4, 0], TEXT[1, 1] = np.nan, np.inf, "many"


def with_nan(values):
    values = np.asarray(values, dtype=float).copy()
    values[3] = np.nan
    return values


ROWS = {  # X as fit, partial_fit, predict, predict_proba and score refuse it, and what they say
    "one row, flat": (X[0], "Expected 2D array, got 1D array"),
    "images": (np.zeros((12, 3, 3)), "Found array with dim 3|expected <= 2"),
    "a number": (3.0, "Expected 2D array, got scalar array"),
    "None": (None, "got scalar array|None|must be"),
    "no rows": (np.zeros((0, 3)), r"0 sample\(s\) \(shape=\(0, 3\)\)"),
    "no features": (np.zeros((12, 0)), r"0 feature\(s\) \(shape=\(12, 0\)\)"),
    "nan": (NAN, "Input X contains NaN"),
    "inf": (INF, "Input X contains infinity"),
    "nan in float32": (NAN.astype(np.float32), "Input X contains NaN"),
    "nan, sparse": (sparse.csr_matrix(NAN), "Input X contains NaN"),
    "nan in a frame": (pd.DataFrame(NAN, columns=list("abc")), "Input X contains NaN"),
    "complex": (X + 1j, "Complex data not supported"),
    "text": (np.full((12, 3), "many"), "could not convert string to float|'many'"),
    "a text among numbers": (TEXT, "could not convert string to float: 'many'"),
    "ragged": ([[1, 2, 3], [1, 2]], "inhomogeneous|sequence"),
    "dictionaries": (np.full((12, 3), {}), r"dict|float\(\)|argument must be"),
    "a frame of text": (pd.DataFrame({"a": ["many"] * 12, "b": 1, "c": 2}), "'many'"),
    "a list of lists of None": ([[None, 1, 2]] * 12, "NaN|NoneType"),
}
OTHER_WIDTHS = {
    "two features": (X[:, :2], "X has 2 features, but MLP.* is expecting 3 features"),
    "four features": (np.hstack([X, X[:, :1]]), "X has 4 features, but MLP.* is expecting 3 features"),
    "two features, sparse": (sparse.csr_matrix(X[:, :2]), "X has 2 features"),
}
TARGETS = {  # y as both refuse it
    "short": (y[:5], r"inconsistent numbers of samples: \[12, 5\]"),
    "long": (np.zeros(13), r"inconsistent numbers of samples: \[12, 13\]"),
    "None": (None, "requires y to be passed, but the target y is None"),
    "nan": (with_nan(y), "Input y contains NaN|Input contains NaN"),
    "inf": (np.where(np.arange(12) == 3, np.inf, y), "Input y contains infinity|Input contains infinity"),
    "three axes": (np.zeros((12, 2, 2)), "dim 3|3D|ndim"),
    "a number": (1.0, "should be a 1d array|scalar|Singleton|got an array of shape"),
    "nothing": ([], "inconsistent|minimum of 1|0 sample"),
}
OF_CLASSES = {  # y as the classifier refuses it
    "values": (rng.randn(12), "Unknown label type: continuous"),
    "several values": (rng.randn(12, 2), "Unknown label type|continuous-multioutput|[Mm]ultioutput"),
    "several classes": (np.arange(24).reshape(12, 2), "[Mm]ultioutput"),
    "text and numbers": (np.array(["a", 1] * 6, dtype=object), "str|mix|uniformly strings or numbers"),
}
OF_VALUES = {"text": (np.array(["many"] * 12), "y must be numbers. Got 'many'")}
WEIGHTS = {
    "short": (np.ones(5), r"sample_weight.shape == \(5,\), expected \(12,\)"),
    "a matrix": (np.ones((12, 2)), "[Ss]ample weights must be 1D"),
    "nan": (with_nan(np.ones(12)), "Input sample_weight contains NaN"),
    "below 0": (np.where(np.arange(12) == 3, -1.0, 1), "Negative values in data passed to `sample_weight`"),
    "all 0": (np.zeros(12), "[Ss]ample weights? .*non-zero|all zero|zero"),
    "text": (np.array(["much"] * 12), "could not convert string to float|much"),
    "complex": (np.ones(12) * 1j, "Complex data not supported"),
}
ARGUMENTS = {  # of both classes: each a value and what is said of it beside its name
    "hidden_layer_sizes": [(0, "0"), (-3, "-3"), ((5, 0), "5, 0"), ((5, -1), "-1"), ((2.5,), "2.5"),
                           ("many", "many"), (None, "None"), ([[3]], r"\[3\]"), ((True,), "True"),
                           ([DenseLayer(None, 3), 3], "DenseLayer")],
    "activation": [("rleu", "rleu"), (3, "3"), (None, "None"), (["relu", "relu"], "relu")],
    "solver": [("sdg", "sdg"), (None, "None"), (3, "3"), (MLPClassifier, "MLPClassifier")],
    "alpha": [(-1.0, "-1.0"), ("much", "much"), (np.nan, "nan"), (None, "None")],
    "batch_size": [(0, "0"), (-1, "-1"), (2.5, "2.5"), ("all", "all"), (None, "None")],
    "learning_rate": [("fast", "fast"), (0.1, "0.1"), (None, "None")],
    "learning_rate_init": [(0, "0"), (-0.1, "-0.1"), ("slow", "slow"), (np.nan, "nan")],
    "power_t": [(-1.0, "-1.0"), ("x", "x")],
    "max_iter": [(0, "0"), (-1, "-1"), (1.5, "1.5"), (None, "None")],
    "shuffle": [(2, "2"), ("yes", "yes"), (None, "None")],
    "random_state": [(-1, "-1"), ("seed", "seed"), (0.5, "0.5"), (np.random.default_rng(0), "Generator")],
    "tol": [(-1e-4, "-0.0001"), ("small", "small"), (None, "None")],
    "verbose": [("loud", "loud"), (-1, "-1")],
    "warm_start": [(None, "None"), ("yes", "yes")],
    "momentum": [(1.5, "1.5"), (-0.1, "-0.1"), ("x", "x")],
    "nesterovs_momentum": [(None, "None"), (3, "3")],
    "early_stopping": [(None, "None"), ("yes", "yes")],
    "validation_fraction": [(1.0, "1.0"), (-0.1, "-0.1"), ("x", "x")],
    "beta_1": [(1.0, "1.0"), (-0.1, "-0.1")],
    "beta_2": [(1.0, "1.0"), (-0.1, "-0.1")],
    "epsilon": [(0.0, "0.0"), (-1.0, "-1.0")],
    "n_iter_no_change": [(0, "0"), (2.5, "2.5"), (None, "None")],
    "max_fun": [(0, "0"), (1.5, "1.5")],
    "loss": [("log_lss", "log_lss"), (3, "3"), (None, "None")],
    "dropout": [(1.0, "1.0"), (-0.1, "-0.1"), ("x", "x"), ([0.1, 0.2], "0.1, 0.2")],
    "input_dropout": [(1.0, "1.0"), (None, "None")],
    "batch_norm": [(None, "None"), ("yes", "yes")],
    "layer_norm": [(None, "None"), (2, "2")],
    "residual": [(None, "None"), (True, "True")],
    "scoring": [("acuracy", "acuracy"), (3, "3")],
    "callbacks": [(3, "3"), (["many"], "many")],
    "time_limit": [(0, "0"), (-1, "-1"), ("x", "x")],
    "n_threads": [(0, "0"), (1.5, "1.5")],
    "ema": [(0.0, "0.0"), (1.0, "1.0"), ("emma", "emma")],
    "input_scale": [("x", "x"), (np.nan, "nan")],
    "engine": [("gpu", "gpu"), (None, "None")],
}  # fmt: skip
OF_THE_CLASSIFIER = {
    "label_smoothing": [(1.5, "1.5"), (-0.1, "-0.1"), ("x", "x")],
    "class_weight": [("even", "even"), (3, "3"), ({5: 1.0}, "5"), ({0: -1.0}, "-1.0"), ({0: 0, 1: 0}, "0: 0")],
    "loss": [("squared_error", "squared_error"), (Quantile([0.1, 0.9]), "0.9")],
}
KINDS = (MLPClassifier, MLPRegressor)


def made(kind, **arguments):
    return kind(hidden_layer_sizes=4, max_iter=2, random_state=0, **arguments)


def refused(call, what):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert re.search(what, str(caught.value)), str(caught.value)


FIRST = {MLPClassifier: {"classes": [0, 1]}, MLPRegressor: {}}
FITTED = {kind: made(kind).fit(X, y) for kind in KINDS}
ROW_CALLS = {
    "fit": lambda kind, rows: made(kind).fit(rows, y),
    "partial_fit": lambda kind, rows: made(kind).partial_fit(rows, y, **FIRST[kind]),
    "predict": lambda kind, rows: FITTED[kind].predict(rows),
    "predict_proba": lambda kind, rows: FITTED[MLPClassifier].predict_proba(rows),
    "score": lambda kind, rows: FITTED[kind].score(rows, y),
}
ROW_TABLE = [
    (call, kind, name)
    for (call, kind, name) in product(ROW_CALLS, KINDS, {**ROWS, **OTHER_WIDTHS})
    if not (call in ("fit", "partial_fit") and name in OTHER_WIDTHS)
    and not (call == "predict_proba" and kind is MLPRegressor)
]
TARGET_TABLE = [
    (call, kind, name, what)
    for kind, own in ((MLPClassifier, OF_CLASSES), (MLPRegressor, OF_VALUES))
    for call in ("fit", "partial_fit")
    for name, what in {**TARGETS, **own}.items()
]
ARGUMENT_TABLE = [
    (kind, name, value, said)
    for kind, table in ((MLPClassifier, (ARGUMENTS, OF_THE_CLASSIFIER)), (MLPRegressor, (ARGUMENTS,)))
    for part in table
    for name, pairs in part.items()
    for value, said in pairs
]


def test_the_tables_are_long():
    assert len(ROW_TABLE) + len(TARGET_TABLE) + 4 * len(WEIGHTS) + len(ARGUMENT_TABLE) >= 150


@pytest.mark.parametrize(("call", "kind", "name"), ROW_TABLE)
def test_bad_rows(call, kind, name):
    rows, what = {**ROWS, **OTHER_WIDTHS}[name]
    refused(lambda: ROW_CALLS[call](kind, rows), what)


@pytest.mark.parametrize(("call", "kind", "name", "row"), TARGET_TABLE)
def test_bad_targets(call, kind, name, row):
    more = FIRST[kind] if call == "partial_fit" else {}
    refused(lambda: getattr(made(kind), call)(X, row[0], **more), row[1])


@pytest.mark.parametrize(("call", "kind", "name"), list(product(("fit", "partial_fit"), KINDS, WEIGHTS)))
def test_bad_weights(call, kind, name):
    weights, what = WEIGHTS[name]
    more = FIRST[kind] if call == "partial_fit" else {}
    refused(lambda: getattr(made(kind), call)(X, y, sample_weight=weights, **more), what)


@pytest.mark.parametrize(("kind", "name", "value", "said"), ARGUMENT_TABLE)
def test_bad_arguments(kind, name, value, said):
    estimator = kind(**{"max_iter": 2, name: value})
    with pytest.raises((ValueError, TypeError)) as caught:
        estimator.fit(X, y)
    assert name.removesuffix("s") in str(caught.value)
    assert re.search(said, str(caught.value)), str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_fit_leaves_the_last_one(kind):
    network = made(kind).fit(X, y)
    before = network.predict(X)
    for change, rows in (({}, NAN), ({"solver": "sdg"}, X), ({"hidden_layer_sizes": (0,)}, X), ({"callbacks": 3}, X)):
        with pytest.raises((ValueError, TypeError)):
            network.set_params(**change).fit(rows, y)
        network.set_params(solver="adam", hidden_layer_sizes=4, callbacks=None)
        np.testing.assert_array_equal(network.predict(X), before)


def test_what_goes_with_what():
    refused(lambda: made(MLPClassifier).fit(X, y, X_val=X), "X_val and y_val must be given both")
    refused(lambda: made(MLPClassifier).fit(X, y, X_val=X[:, :2], y_val=y), "2 features")
    refused(lambda: made(MLPClassifier).fit(X, y, X_val=NAN, y_val=y), "NaN")
    refused(lambda: made(MLPClassifier).partial_fit(X, y), "classes must be passed on the first call")
    refused(lambda: made(MLPClassifier).partial_fit(X, y + 1, classes=[0, 1]), "classes not in `self.classes_`")
    refused(lambda: made(MLPClassifier, class_weight="balanced").partial_fit(X, y, classes=[0, 1]), "class_weight")
    refused(lambda: made(MLPClassifier, loss="binary_focal").fit(X, np.arange(12) % 3), "loss must be one of classes")
    refused(lambda: made(MLPRegressor, solver="lbfgs", dropout=0.1).fit(X, y), "solver must be .*'adam'.*dropout")
    refused(lambda: made(MLPRegressor, loss="poisson").fit(X, -y - 1.0), "y must be at least 0 for Poisson")
    for name in ("predict_proba", "predict_log_proba"):
        with pytest.raises(AttributeError):
            getattr(made(MLPClassifier, loss="hinge"), name)
    with pytest.raises(AttributeError) as caught:
        _ = made(MLPClassifier, solver="lbfgs").partial_fit
    assert "partial_fit is only available for stochastic optimizers" in str(caught.value.__cause__)
