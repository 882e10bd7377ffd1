"""The estimators against scikit-learn's own, number by number, and what they have besides."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import sklearn.neural_network as theirs
from scipy import sparse
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification, make_regression

import neural
from neural import (
    AdamW,
    BatchNorm,
    DenseLayer,
    DropoutLayer,
    GaussianNLL,
    MLPClassifier,
    MLPRegressor,
    Quantile,
    sources,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The cost rose"),
]
DIGITS, LABELS = (values[:500] for values in load_digits(return_X_y=True))
DIGITS = DIGITS / 16
IRIS, KINDS = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[KINDS]
ROWS, VALUES = make_regression(203, 7, n_targets=3, noise=1, random_state=0)
VALUES /= VALUES.std()
MANY, SEVERAL = make_multilabel_classification(120, 8, n_classes=4, random_state=0)
COUNTS = np.random.RandomState(0).randint(1, 9, 203)


def small(kind=MLPClassifier, **arguments):
    return kind(**{"hidden_layer_sizes": 8, "max_iter": 5, "random_state": 0, **arguments})


def pair(kind, X, y, weights=None, **arguments):
    """Return scikit-learn's network and ours after the same fit."""
    return [small(getattr(where, kind), **arguments).fit(X, y, weights) for where in (theirs, neural)]


# --- the same as there ---------------------------------------------------------------------------------------------
SETTINGS = {
    "adam": {},
    "adam, large epsilon": {"epsilon": 0.1, "beta_1": 0.5},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.1},
    "plain momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.1},
    "no momentum": {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.1},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5, "power_t": 0.3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.5, "tol": 0.05,
                 "n_iter_no_change": 2},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 3},
    "in order": {"shuffle": False},
    "small batches": {"batch_size": 33},
    "logistic, two layers": {"activation": "logistic", "hidden_layer_sizes": (9, 7)},
    "tanh": {"activation": "tanh", "alpha": 1.0},
    "identity, no hidden layer": {"activation": "identity", "hidden_layer_sizes": ()},
    "converges": {"tol": 0.1, "n_iter_no_change": 3},
}  # fmt: skip


def assert_same(one, other, tolerance=1e-9):
    np.testing.assert_allclose(other.loss_curve_, one.loss_curve_, rtol=tolerance)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(other, name) == getattr(one, name), name
    for name in ("best_loss_", "loss_", "best_validation_score_", "validation_scores_"):
        found, wanted = getattr(other, name), getattr(one, name)
        assert (found is None) == (wanted is None), name
        if wanted is not None:
            np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
    for mine, own in zip(other.coefs_ + other.intercepts_, one.coefs_ + one.intercepts_, strict=True):
        np.testing.assert_allclose(mine, own, atol=tolerance)
        assert mine.dtype == own.dtype


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_same_random_state_is_the_same_fit(name, weighted):
    weights = np.arange(len(LABELS)) % 4 if weighted else None
    assert_same(*pair("MLPClassifier", DIGITS, LABELS, weights, **{"max_iter": 12, **SETTINGS[name]}))


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("y", [VALUES, VALUES[:, 0]], ids=["three targets", "one"])
def test_values(loss, y):
    y = np.exp(y) if loss == "poisson" else y
    for arguments in ({}, {"early_stopping": True}, {"solver": "sgd", "batch_size": 50}):
        assert_same(*pair("MLPRegressor", ROWS, y, COUNTS, loss=loss, **arguments))


def test_two_classes_several_labels_and_one_class():
    one, other = pair("MLPClassifier", IRIS[:100], NAMES[:100])
    assert_same(one, other)
    np.testing.assert_array_equal(other.predict(IRIS), one.predict(IRIS))
    np.testing.assert_allclose(other.predict_proba(IRIS), one.predict_proba(IRIS), rtol=1e-9)
    np.testing.assert_allclose(other.predict_log_proba(IRIS), one.predict_log_proba(IRIS), rtol=1e-9)
    one, other = pair("MLPClassifier", MANY, SEVERAL, early_stopping=True)
    assert_same(one, other)
    np.testing.assert_array_equal(other.predict(MANY), one.predict(MANY))
    np.testing.assert_array_equal(
        small().fit(MANY, sparse.csr_matrix(SEVERAL)).predict(MANY), small().fit(MANY, SEVERAL).predict(MANY)
    )
    alone = small().fit(IRIS, np.repeat("rose", 150))
    assert list(alone.predict(IRIS[:2])) == ["rose"] * 2
    assert alone.predict_proba(IRIS).shape == (150, 1)


def test_lbfgs_comes_to_the_same_cost():
    one, other = pair("MLPClassifier", IRIS, KINDS, solver="lbfgs", max_iter=20)
    assert other.loss_ == pytest.approx(one.loss_, rel=1e-6)
    assert other.n_iter_ == one.n_iter_ == 20
    one, other = pair("MLPRegressor", ROWS, VALUES[:, 0], COUNTS, solver="lbfgs", max_iter=20)
    assert other.loss_ == pytest.approx(one.loss_, rel=1e-6)


def test_float32_stays_and_is_not_copied():
    X = np.ascontiguousarray(DIGITS, dtype=np.float32)
    one, other = pair("MLPClassifier", X, LABELS)
    assert_same(one, other, tolerance=1e-4)
    assert other.predict_proba(X).dtype == np.float32
    assert other._checked(X, LABELS, reset=False)[0] is X


def test_rows_of_another_dtype_go_on_in_that_of_the_first():
    network = small(warm_start=True).fit(IRIS.astype(np.float32), NAMES)
    network.fit(IRIS, NAMES, sample_weight=np.ones(150))
    network.partial_fit((IRIS * 10).astype(np.uint8), NAMES, sample_weight=np.ones(150))
    assert network.coefs_[0].dtype == np.float32


def test_the_same_warnings_and_words(capsys):
    for where in (theirs, neural):
        with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger than sample size"):
            where.MLPClassifier(batch_size=1000, max_iter=1, random_state=0).fit(IRIS, KINDS)
        small(where.MLPClassifier, verbose=True, early_stopping=True, tol=1.0, n_iter_no_change=2, max_iter=9).fit(
            IRIS, KINDS
        )
        small(where.MLPClassifier, verbose=True, solver="sgd", learning_rate="adaptive", tol=1.0, n_iter_no_change=1,
              max_iter=40).fit(IRIS, KINDS)  # fmt: skip
        print("----")
    one, other, _ = capsys.readouterr().out.split("----\n")
    assert one == other
    assert "Learning rate too small. Stopping." in one
    assert "Setting learning rate to 0.000200" in one


def test_weights_may_be_assigned():
    one, other = (
        small(where.MLPClassifier, warm_start=True, max_iter=2).fit(IRIS, KINDS) for where in (theirs, neural)
    )
    for network in (one, other):
        network.coefs_[0] = np.full((4, 8), 0.1)
        network.intercepts_ = [np.full(8, 0.2), np.zeros(3)]
    np.testing.assert_allclose(other.predict_proba(IRIS), one.predict_proba(IRIS), rtol=1e-9)
    np.testing.assert_allclose(
        pickle.loads(pickle.dumps(other)).predict_proba(IRIS), one.predict_proba(IRIS), rtol=1e-9
    )
    assert_same(one.fit(IRIS, KINDS), other.fit(IRIS, KINDS))
    other.coefs_ = other.coefs_[:1]
    with pytest.raises(ValueError, match="coefs_ must be a list of 2"):
        other.predict(IRIS)


# --- going on ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("more", [{}, {"dropout": 0.2}, {"learning_rate": "invscaling", "learning_rate_init": 0.1}])
def test_calls_of_partial_fit_are_the_epochs_of_fit(solver, more):
    whole = small(solver=solver, tol=0, **more).fit(IRIS, NAMES)
    parts = small(solver=solver, tol=0, **more)
    for k in range(5):
        parts.partial_fit(IRIS, NAMES, classes=np.unique(NAMES))
        if k == 2:
            parts = pickle.loads(pickle.dumps(parts))
    assert parts.loss_curve_ == whole.loss_curve_
    for one, other in zip(whole.coefs_, parts.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (parts.n_iter_, parts.t_) == (1, 5 * 150)


def test_other_layers_on_old_weights_are_refused():
    network = small(warm_start=True).fit(IRIS, KINDS)
    network.set_params(alpha=10.0).fit(IRIS, KINDS)
    assert len(network.loss_curve_) == 10
    assert network._network.loss_.l2 == 10.0
    with pytest.raises(ValueError, match="the network's layers must be as in the fit before"):
        network.set_params(hidden_layer_sizes=9).fit(IRIS, KINDS)


def test_copies_go_on_by_themselves():
    network = small().fit(IRIS, KINDS)
    before = network.predict_proba(IRIS)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        np.testing.assert_array_equal(other.predict_proba(IRIS), before)
        other.partial_fit(IRIS, KINDS)
        assert not np.array_equal(other.coefs_[0], network.coefs_[0])
        assert other.coefs_[0].base is not None  # a view of its own network
    np.testing.assert_array_equal(network.predict_proba(IRIS), before)


def test_ctrl_c_ends_the_fit_with_a_warning():
    def interrupt(true, predicted, loss, epoch):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        network = small(callbacks=interrupt, max_iter=9).fit(IRIS, KINDS)
    assert network.n_iter_ == 3
    assert network.predict(IRIS).shape == (150,)


def test_what_diverges():
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        small(MLPRegressor, solver="sgd", learning_rate_init=1e6, max_iter=50).fit(IRIS, KINDS)


# --- what they have besides ----------------------------------------------------------------------------------------
BESIDES = {
    "activations": {"activation": ["gelu", "tanh"], "hidden_layer_sizes": (8, 6)},
    "an activation of one's own": {"activation": np.tanh},
    "layers": {"hidden_layer_sizes": [DenseLayer(None, 8, "silu"), BatchNorm(), DropoutLayer(0.1), DenseLayer(8, 6)]},
    "dropout": {"dropout": 0.2, "input_dropout": 0.1},
    "dropout by layer": {"dropout": [0.0, 0.3], "hidden_layer_sizes": (8, 6)},
    "batch_norm": {"batch_norm": True},
    "layer_norm": {"layer_norm": True},
    "residual": {"residual": True, "hidden_layer_sizes": (8, 8, 8), "batch_norm": True},
    "label_smoothing": {"label_smoothing": 0.1},
    "focal": {"loss": "focal"},
    "a loss object": {"loss": neural.CategoricalFocal(gamma=1.0)},
    "hinge": {"loss": "hinge"},
    "class_weight": {"class_weight": {"virginica": 5.0}},
    "balanced": {"class_weight": "balanced"},
    "adamw": {"solver": AdamW(weight_decay=0.1)},
    "muon": {"solver": "muon"},
    "cosine": {"learning_rate": "cosine"},
    "a schedule of one's own": {"learning_rate": lambda step: 1 / (1 + step)},
    "a scorer": {"early_stopping": True, "scoring": "f1_macro"},
    "a scorer of one's own": {"early_stopping": True, "scoring": lambda network, X, y: network.score(X, y)},
    "input_scale": {"input_scale": 0.1},
    "ema": {"ema": 0.9},
    "swa": {"ema": "swa"},
}  # fmt: skip


@pytest.mark.parametrize("name", BESIDES)
@pytest.mark.parametrize("engine", ["auto", "numpy"])
def test_besides(name, engine):
    X, y = IRIS[:130], NAMES[:130]
    plain = small(max_iter=8, engine=engine).fit(X, y)
    network = small(max_iter=8, engine=engine, **BESIDES[name]).fit(X, y)
    again = small(max_iter=8, engine=engine, **copy.deepcopy(BESIDES[name])).fit(X, y)
    np.testing.assert_array_equal(network.coefs_[0], again.coefs_[0])
    assert not np.array_equal(network.coefs_[0], plain.coefs_[0])
    assert network.predict(X).shape == y.shape
    assert network.n_layers_ == len(network.coefs_) + 1
    if "own" not in name:  # functions of a test do not pickle
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(network))._outputs(X), network._outputs(X))


def test_losses_of_values():
    x = np.linspace(-1, 1, 400)[:, None]
    y = x[:, 0] + (0.1 + 0.4 * (x[:, 0] > 0)) * np.random.RandomState(0).randn(400)
    network = small(MLPRegressor, loss=Quantile([0.1, 0.5, 0.9]), max_iter=150, learning_rate_init=0.02, tol=0).fit(
        x, y
    )
    low, middle, high = network.predict_outputs(x).T
    np.testing.assert_array_equal(network.predict(x), middle)
    assert 0.7 < np.mean((low < y) & (y < high)) < 0.9
    spread = small(MLPRegressor, loss=GaussianNLL(), max_iter=150, learning_rate_init=0.02, tol=0).fit(x, y)
    assert np.exp(spread.predict_outputs(x)[:, 1] / 2)[300] > 2 * np.exp(spread.predict_outputs(x)[:, 1] / 2)[100]
    assert small(MLPRegressor, loss=Quantile([0.1, 0.9])).fit(ROWS, VALUES).predict_outputs(ROWS).shape == (203, 6)
    for loss in ("mse", "huber", "mae", "log_cosh"):
        assert small(MLPRegressor, loss=loss).fit(ROWS, VALUES).predict(ROWS).shape == (203, 3)


def test_a_loss_of_ones_own():
    class Quartic:
        def loss(self, y_true, y_pred):
            return np.mean((y_pred - y_true) ** 4)

        def loss_prime(self, y_true, y_pred):
            return 4 * (y_pred - y_true) ** 3 / y_true.size

    network = small(MLPRegressor, loss=Quartic(), max_iter=30).fit(IRIS, KINDS / 2)
    assert network.loss_curve_[-1] < network.loss_curve_[0]


def test_validation_data_are_scored_and_the_best_comes_back():
    part = np.arange(150) % 3 == 0
    network = small(max_iter=6).fit(IRIS, NAMES, X_val=IRIS[part], y_val=NAMES[part])
    assert len(network.validation_scores_) == 6
    assert network.best_loss_ is not None
    stopped = small(early_stopping=True, max_iter=60, n_iter_no_change=5, learning_rate_init=0.05)
    stopped.fit(IRIS, NAMES, X_val=IRIS[part], y_val=NAMES[part])
    assert stopped.score(IRIS[part], NAMES[part]) == stopped.best_validation_score_ == max(stopped.validation_scores_)
    assert stopped.best_loss_ is None


def test_the_mean_of_weights_is_kept_scored_and_gone_on_from():
    plain, mean = (
        small(max_iter=20).fit(IRIS, NAMES),
        small(max_iter=20, ema=0.5).fit(IRIS, NAMES, X_val=IRIS, y_val=NAMES),
    )
    assert mean.score(IRIS, NAMES) == mean.validation_scores_[-1]
    assert mean.loss_curve_ == plain.loss_curve_  # training goes by the raw weights
    assert 0 < np.abs(mean.coefs_[0] - plain.coefs_[0]).max() < 0.1
    parts = small(ema=0.5)
    for _ in range(20):
        parts = pickle.loads(pickle.dumps(parts.partial_fit(IRIS, NAMES, classes=np.unique(NAMES))))
    np.testing.assert_array_equal(parts.coefs_[0], mean.coefs_[0])
    stopped = small(ema=0.5, early_stopping=True, max_iter=60, learning_rate_init=0.05)
    stopped.fit(IRIS, NAMES, X_val=IRIS, y_val=NAMES)
    assert stopped.score(IRIS, NAMES) == stopped.best_validation_score_


def test_class_weights_are_sample_weights():
    weights = np.where(NAMES == "setosa", 3.0, 1.0)
    one = small(class_weight={"setosa": 3.0}).fit(IRIS, NAMES)
    other = small().fit(IRIS, NAMES, sample_weight=weights)
    np.testing.assert_array_equal(one.coefs_[0], other.coefs_[0])


def test_several_epochs_in_one_crossing_are_those_one_by_one():
    crossed = small(max_iter=200, tol=0.02, learning_rate_init=0.02).fit(IRIS, KINDS)
    one_by_one = small(max_iter=200, tol=0.02, learning_rate_init=0.02, callbacks=lambda *of_epoch: None).fit(
        IRIS, KINDS
    )
    assert crossed.loss_curve_ == one_by_one.loss_curve_
    assert crossed.n_iter_ < 200


def test_time_limit_callbacks_and_history():
    seen = []
    network = small(callbacks=lambda true, predicted, loss, epoch: seen.append(epoch)).fit(IRIS, KINDS)
    assert seen == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(network.history_["loss"], network.loss_curve_)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert small(time_limit=1e-9, max_iter=10_000).fit(IRIS, KINDS).n_iter_ < 10_000


def test_callbacks_see_the_rows_that_are_scored():
    part = np.arange(150) % 3 == 0
    stop = neural.EarlyStopping("val_loss", patience=2)
    network = small(callbacks=stop, max_iter=300, learning_rate_init=0.3)
    network.fit(IRIS, NAMES, X_val=IRIS[part], y_val=NAMES[part])
    assert stop.stopped_epoch == network.n_iter_ < 300
    assert min(network.history_["val_loss"]) == stop.best
    with pytest.raises(ValueError, match="monitor must be one of"):
        small(callbacks=neural.EarlyStopping("val_loss")).fit(IRIS, NAMES)


def test_one_fit_at_a_time():
    def again(true, predicted, loss, epoch):
        with pytest.raises(RuntimeError, match="one fit at a time"):
            network.partial_fit(IRIS, KINDS)
        with pytest.raises(RuntimeError, match="one fit at a time"):
            network.fit(IRIS, KINDS)
        assert network.predict(IRIS).shape == (150,)

    network = small(callbacks=again)
    assert network.fit(IRIS, KINDS).n_iter_ == 5


# --- rows that are no dense array ----------------------------------------------------------------------------------
@pytest.mark.parametrize("arguments", [{}, {"solver": "sgd", "batch_size": 17}, {"early_stopping": True},
                                       {"solver": "lbfgs"}, {"engine": "numpy"}, {"shuffle": False}])  # fmt: skip
def test_sparse_rows_a_block_at_a_time(arguments, monkeypatch):
    monkeypatch.setattr(sources, "BLOCK_BYTES", 40 * 60 * 8)
    X = sparse.random(150, 60, 0.1, format="csr", random_state=0)
    y = np.asarray(X.sum(axis=1)).ravel() > 3
    weights = 1.0 + np.arange(150) % 2
    dense, thin = (small(**arguments).fit(rows, y, weights) for rows in (X.toarray(), X))
    np.testing.assert_allclose(thin.coefs_[0], dense.coefs_[0], atol=1e-12)
    np.testing.assert_allclose(thin.predict_proba(X.tocsc()), dense.predict_proba(X.toarray()), atol=1e-12)
    assert thin.score(X, y) == dense.score(X.toarray(), y)


def test_sparse_rows_are_never_dense_all_at_once(monkeypatch):
    monkeypatch.setattr(sources, "BLOCK_BYTES", 40 * 60 * 8)
    seen, take = [], sources.SparseRows.__getitem__

    def taken(self, rows):
        found = take(self, rows)
        seen.append(len(found))
        return found

    monkeypatch.setattr(sources.SparseRows, "__getitem__", taken)
    X = sparse.random(150, 60, 0.1, format="csr", random_state=0)
    for solver in ("adam", "lbfgs"):
        small(solver=solver, batch_size=10).fit(X, np.arange(150) % 2).predict(X)
    assert max(seen) == 40


def test_what_diverges_in_sparse_rows_is_found():
    X = sparse.random(90, 20, 0.5, format="csr", random_state=0)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        small(MLPRegressor, solver="sgd", learning_rate_init=1e9, max_iter=50).fit(X, np.arange(90.0))


def test_images_of_bytes_stay_bytes():
    images = (DIGITS * 255).astype(np.uint8)
    one = small(input_scale=1 / 255).fit(images, LABELS)
    other = small().fit(images / 255, LABELS)
    assert one._checked(images, LABELS, reset=False)[0] is images
    np.testing.assert_allclose(one.predict_proba(images), other.predict_proba(images / 255), rtol=1e-9)
    assert one.coefs_[0].dtype == np.float64


def test_scores_are_of_the_averaged_weights():
    X = np.random.default_rng(0).normal(size=(80, 3))
    y = X[:, 0] + X[:, 1] ** 2
    net = MLPRegressor(hidden_layer_sizes=(8,), max_iter=5, random_state=0, ema=0.9).fit(X, y, X_val=X, y_val=y)
    assert net.validation_scores_[-1] == pytest.approx(net.score(X, y), abs=1e-9)
    settings = {"hidden_layer_sizes": (8,), "early_stopping": True, "max_iter": 20, "random_state": 0}
    averaged, plain = MLPRegressor(ema=0.9, **settings).fit(X, y), MLPRegressor(**settings).fit(X, y)
    assert not np.array_equal(averaged.coefs_[0], plain.coefs_[0])
