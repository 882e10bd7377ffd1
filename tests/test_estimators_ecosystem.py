"""The estimators among what people use them with: searches, pipelines, frames, callbacks, files, workers."""

import os
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import DecisionBoundaryDisplay, PartialDependenceDisplay, permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    learning_curve,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from neural import (
    AdamW,
    DenseLayer,
    DropoutLayer,
    MLPClassifier,
    MLPRegressor,
    NeuralNetwork,
    TabularRegressor,
    n_threads,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, KINDS = load_iris(return_X_y=True)
y = np.array(["setosa", "versicolor", "virginica"])[KINDS]
COLUMNS = ["a", "b", "c", "d"]
FRAMES = {
    "pandas": lambda rows, names=COLUMNS: pd.DataFrame(rows, columns=names),
    "polars": lambda rows, names=COLUMNS: pl.DataFrame(rows, schema=names),
    "pyarrow": lambda rows, names=COLUMNS: pa.table({name: rows[:, k] for k, name in enumerate(names)}),
}


def small(kind=MLPClassifier, **arguments):
    return kind(**{"hidden_layer_sizes": 8, "max_iter": 5, "random_state": 0, **arguments})


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(small(), {"alpha": [0, 1]}, cv=2),
        RandomizedSearchCV(small(), {"alpha": [0, 1, 2]}, n_iter=2, cv=2, random_state=0),
        HalvingGridSearchCV(small(), {"alpha": [0, 1, 2]}, cv=2, random_state=0),
        HalvingRandomSearchCV(small(), {"alpha": [0, 1]}, resource="max_iter", max_resources=9, cv=2, random_state=0),
        CalibratedClassifierCV(small(), cv=2),
        CalibratedClassifierCV(small(loss="hinge"), cv=2),
    ],
    ids=lambda search: type(search).__name__,
)
def test_searches_and_calibration(search):
    assert search.fit(X, y).predict(X).shape == y.shape


def test_validation_and_inspection():
    network = small(max_iter=30).fit(X, y)
    assert cross_val_predict(small(), X, y, cv=3, method="predict_proba").shape == (150, 3)
    sizes = {"train_sizes": [0.5, 1.0], "shuffle": True, "random_state": 0, "exploit_incremental_learning": True}
    assert learning_curve(small(), X, y, cv=2, **sizes)[1].shape == (2, 2)
    assert permutation_importance(network, X, y, n_repeats=2, random_state=0).importances.shape == (4, 2)
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    PartialDependenceDisplay.from_estimator(network, X, [0], target="setosa", grid_resolution=5)
    DecisionBoundaryDisplay.from_estimator(small().fit(X[:, :2], y), X[:, :2], grid_resolution=5)
    pyplot.close("all")


def test_the_same_bits_for_any_number_of_jobs():
    def best(n_jobs):
        search = GridSearchCV(small(dropout=0.2), {"alpha": [0.0, 1.0]}, cv=2, n_jobs=n_jobs)
        return search.fit(X, y).best_estimator_

    one, two = best(1), best(2)
    with joblib.parallel_backend("threading"):
        threads = best(2)
    for other in (two, threads):
        np.testing.assert_array_equal(other.coefs_[0], one.coefs_[0])


def test_one_thread_in_a_worker():
    for how in ("threads", "processes"):
        assert joblib.Parallel(2, prefer=how)(joblib.delayed(n_threads)() for _ in range(2)) == [1, 1]


def test_clone_keeps_what_was_given():
    network = small(hidden_layer_sizes=[DenseLayer(None, 8, "gelu"), DropoutLayer(0.1)], solver=AdamW())
    first, second = clone(network).fit(X, y), clone(network).fit(X, y)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert network.hidden_layer_sizes[0].n_in is None


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_frames(make):
    frame = make(X)
    network = small().fit(frame, y, X_val=frame, y_val=y)
    assert list(network.feature_names_in_) == COLUMNS
    np.testing.assert_array_equal(network.predict_proba(frame), small().fit(X, y).predict_proba(X))
    with pytest.raises(ValueError, match="feature names should match"):
        network.predict(make(X, COLUMNS[::-1]))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        network.predict(X)


def test_labels_of_every_kind():
    kinds = (pd.Series(y), pl.Series(y), pa.array(list(y)), pd.Series(y, dtype="category"), y.astype(object), list(y))
    for labels in kinds:
        assert set(small().fit(X, labels).predict(X)) <= set(y)


def test_mixed_columns_and_set_output():
    frame = pd.DataFrame({"length": X[:, 0], "width": X[:, 1], "colour": np.where(KINDS % 2, "red", "blue")})
    columns = ColumnTransformer([("n", StandardScaler(), ["length", "width"]), ("c", OneHotEncoder(), ["colour"])])
    assert make_pipeline(columns, small(max_iter=50, learning_rate_init=0.05)).fit(frame, y).score(frame, y) > 0.7
    scaler = StandardScaler().set_output(transform="polars")
    assert make_pipeline(scaler, small()).fit(X, y)[-1].n_features_in_ == 4


def test_arrays_of_other_libraries():
    found = small().fit(X, KINDS).predict(X)
    strict = pytest.importorskip("array_api_strict")
    libraries = [strict.asarray]
    if "torch" in sys.modules:
        libraries.append(sys.modules["torch"].tensor)
    for asarray in libraries:
        for dispatch in {False, "SCIPY_ARRAY_API" in os.environ}:
            with sklearn.config_context(array_api_dispatch=dispatch):
                network = small().fit(asarray(X), asarray(KINDS))
                np.testing.assert_array_equal(network.predict(asarray(X)), found)


def test_metadata_are_routed():
    with sklearn.config_context(enable_metadata_routing=True):
        network = small().set_fit_request(sample_weight=True, X_val=True, y_val=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        weights = 1.0 + np.arange(150) % 2
        whole = Pipeline([("scaler", scaler), ("network", network)])
        whole.fit(X, y, sample_weight=weights, X_val=X, y_val=y)
        assert len(whole[-1].validation_scores_) == 5
        plain = small().fit(StandardScaler().fit_transform(X), y, sample_weight=weights)
        np.testing.assert_array_equal(whole[-1].coefs_[0], plain.coefs_[0])


# --- scikit-learn's callbacks --------------------------------------------------------------------------------------
def test_a_scoring_monitor_alone_and_in_a_search():
    monitor = ScoringMonitor(scoring="accuracy")
    network = small().set_callbacks(monitor).fit(X, y)
    scores = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 5
    assert scores[-1] == network.score(X, y)
    monitor = ScoringMonitor(scoring="accuracy")
    pipeline = make_pipeline(StandardScaler(), small(max_iter=3).set_callbacks(monitor))
    GridSearchCV(pipeline, {"mlpclassifier__alpha": [0, 1]}, cv=2).fit(X, y)
    rows = monitor.get_logs().data
    assert sum(row["task_name"] == "epoch" for row in rows) == 3 * (2 * 2 + 1)
    monitor = ScoringMonitor(scoring="r2")
    small(MLPRegressor, solver="lbfgs").set_callbacks(monitor).fit(X, KINDS)
    assert sum(row["task_name"] == "epoch" for row in monitor.get_logs().data) == 5


def test_a_progress_bar_nests(capsys):
    pytest.importorskip("rich")
    pipeline = make_pipeline(StandardScaler(), small(max_iter=3))
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [0, 1]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    assert "MLPClassifier - fit" in capsys.readouterr().out


class Told:
    """A callback of scikit-learn's protocol that asks for an end after some epochs."""

    def __init__(self, most):
        self.most, self.calls = most, []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, fitted_estimator, X, y, metadata):
        self.calls.append(f"end {context.task_name}")
        self.last, self.metadata = fitted_estimator, metadata
        return self.calls.count("end epoch") == self.most


def test_a_callback_may_end_the_fit_and_keep_an_epochs_network():
    told, weights = Told(2), np.ones(150)
    network = small().set_callbacks(told).fit(X, y, weights)
    assert network.n_iter_ == 2
    assert told.calls == ["setup", "begin fit", *["begin epoch", "end epoch"] * 2, "end fit", "teardown"]
    assert told.metadata["sample_weight"] is weights
    before = told.last.predict_proba(X)
    np.testing.assert_array_equal(before, network.predict_proba(X))
    network.partial_fit(X, y)
    np.testing.assert_array_equal(told.last.predict_proba(X), before)


# --- files ---------------------------------------------------------------------------------------------------------
def test_joblib_maps_the_file_into_memory(tmp_path):
    network = small().fit(X, y)
    joblib.dump(network, tmp_path / "network")
    mapped = joblib.load(tmp_path / "network", mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict_proba(X), network.predict_proba(X))
    mapped.partial_fit(X, y)
    network.partial_fit(X, y)
    np.testing.assert_array_equal(mapped.predict_proba(X), network.predict_proba(X))


def test_skops():
    io = pytest.importorskip("skops.io")
    network = small().fit(X, y)
    file = io.dumps(network)
    trusted = io.get_untrusted_types(data=file)
    assert all(name.startswith(("neural.", "numpy.")) for name in trusted)
    loaded = io.loads(file, trusted=trusted)
    np.testing.assert_array_equal(loaded.predict_proba(X), network.predict_proba(X))
    loaded.partial_fit(X, y)


# --- without scikit-learn ------------------------------------------------------------------------------------------
def test_neural_without_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None; import neural\n"
        "try: neural.MLPClassifier\n"
        "except ImportError as error: print(error)\n"
        "try: from neural import MLPRegressor\n"
        "except ImportError as error: print(error)\n"
        "try: neural.MLPClasifier\n"
        "except AttributeError as error: print(error)\n"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path}
    )
    first, second, third = found.stdout.splitlines()
    assert first == 'MLPClassifier needs scikit-learn 1.9 or later. Install it: pip install "neural-dense[sklearn]".'
    assert second.startswith("MLPRegressor needs scikit-learn")
    assert third == "module 'neural' has no attribute 'MLPClasifier'"


@pytest.mark.parametrize(
    "take",
    [
        lambda lazy: NeuralNetwork([DenseLayer(2, 1)], "mse").fit(lazy, [1.0, 2.0]),
        lambda lazy: NeuralNetwork([DenseLayer(2, 1)], "mse").build().predict(lazy),
        lambda lazy: TabularRegressor().fit(lazy, [1.0, 2.0]),
    ],
)
def test_a_table_still_to_be_read_is_refused_without_a_look_at_its_columns(take):
    lazy = pl.LazyFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # polars warns of who asks for them
        with pytest.raises(TypeError, match=r"X must be a table in memory\. Got 'LazyFrame'. Call its method collect"):
            take(lazy)
