"""Searches in threads: the bits of one fit after the other, a thread of the core each, errors, Ctrl-C, nesting."""

import os
import signal
import threading
import time
import warnings
from collections import Counter
from typing import ClassVar

import joblib
import numpy as np
import pytest
from joblib.parallel import get_active_backend
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import neural
from neural import MLPClassifier, MLPRegressor, TabularClassifier, searching

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, y = load_iris(return_X_y=True)


def small(kind=MLPClassifier, **arguments):
    return kind(**{"hidden_layer_sizes": 8, "max_iter": 5, "batch_size": 16, "random_state": 0, **arguments})


def searches():
    return [
        GridSearchCV(small(dropout=0.2), {"alpha": [0.0, 1.0], "activation": ["tanh", "relu"]}, cv=3),
        RandomizedSearchCV(small(MLPRegressor), {"alpha": [0, 1, 2]}, n_iter=2, cv=2, random_state=0),
        HalvingGridSearchCV(small(), {"alpha": [0, 1, 2]}, cv=2, random_state=0),
        GridSearchCV(make_pipeline(StandardScaler(), small()), {"mlpclassifier__alpha": [0.0, 1.0]}, cv=3),
        GridSearchCV(small(early_stopping=True), {"validation_fraction": [0.2, 0.4]}, cv=2, scoring="neg_log_loss"),
    ]


class Recorder:
    """A callback that is told where each fit takes place, whatever is copied."""

    seen: ClassVar[list] = []

    def on_train_begin(self, training):
        self.seen.append((threading.current_thread().name, training.engine.most or neural.n_threads()))


# --- the same ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", range(5), ids=["grid", "random", "halving", "pipeline", "early"])
def test_the_bits_of_one_after_the_other(number):
    alone, together = searches()[number].fit(X, y), searches()[number]
    with searching(3):
        together.fit(X, y)
    for name, numbers in alone.cv_results_.items():
        if not name.endswith("_time"):
            np.testing.assert_array_equal(numbers, together.cv_results_[name])
    assert together.best_params_ == alone.best_params_
    ways = [each.best_estimator_[-1] if number == 3 else each.best_estimator_ for each in (alone, together)]
    for one, other in zip(ways[0].coefs_, ways[1].coefs_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_cross_validation_of_functions_that_cannot_be_pickled():
    network = small(callbacks=lambda *_: None)
    with searching(2):
        together = cross_val_score(network, X, y, cv=4)
    np.testing.assert_array_equal(together, cross_val_score(network, X, y, cv=4))


def test_tables_too():
    def scores():
        return cross_val_score(TabularClassifier(time_limit=None, random_state=0), X[::5], y[::5], cv=2)

    alone = scores()
    with searching(2):
        np.testing.assert_array_equal(scores(), alone)


# --- where it runs -------------------------------------------------------------------------------------------------
def test_fits_are_in_threads_of_the_core_each():
    Recorder.seen.clear()
    with searching(2):
        cross_val_score(small(callbacks=Recorder()), X, y, cv=3)
        cross_val_score(small(callbacks=Recorder(), n_threads=2), X, y, cv=3)
    names, threads = zip(*Recorder.seen, strict=True)
    assert all(name.startswith("neural searches") for name in names)
    assert threads == (1, 1, 1, 2, 2, 2)  # who asks for more gets it
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("neural searches")]


def test_how_many():
    def at_a_time(n_jobs):
        return joblib.effective_n_jobs(n_jobs)

    with searching(3):
        assert [at_a_time(n_jobs) for n_jobs in (None, -1, -2, -9, 1, 5)] == [3, 3, 2, 1, 1, 5]
        with pytest.raises(ValueError, match="n_jobs must be None, -1 or a number of threads"):
            cross_val_score(small(), X, y, n_jobs=0)
    with searching():
        assert at_a_time(None) == neural.n_threads()
    assert at_a_time(None) == 1
    for bad, kind in ((0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError), ("2", TypeError)):
        with pytest.raises(kind, match="n_threads must be a whole number of at least 1"), searching(bad):
            pass


def test_one_thread_is_one_after_the_other():
    Recorder.seen.clear()
    with searching(1):
        cross_val_score(small(callbacks=Recorder()), X, y, cv=2)
    assert {name for name, _ in Recorder.seen} == {threading.current_thread().name}


def test_a_search_within_a_search_runs_in_its_thread():
    inner = GridSearchCV(small(callbacks=Recorder()), {"alpha": [0.0, 1.0]}, cv=2)
    alone = cross_val_score(inner, X, y, cv=2)
    Recorder.seen.clear()
    with searching(2):
        np.testing.assert_array_equal(cross_val_score(inner, X, y, cv=2), alone)
    assert len(Recorder.seen) == 2 * 5
    assert {threads for _, threads in Recorder.seen} == {1}
    assert len({name for name, _ in Recorder.seen}) <= 2
    with searching(2):  # the outer one runs one after the other: the inner one has the threads
        np.testing.assert_array_equal(cross_val_score(inner, X, y, cv=2, n_jobs=1), alone)


def test_afterwards_all_is_as_before():
    before, filters = type(get_active_backend()[0]), list(warnings.filters)
    with pytest.raises(ZeroDivisionError), searching(2):
        1 / 0  # noqa: B018
    with searching(4):
        for _ in range(3):
            cross_val_score(small(), X, y, cv=8)
    assert type(get_active_backend()[0]) is before
    assert warnings.filters == filters


# --- what goes wrong -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cv", [2, 7])
def test_errors_come_through(cv):
    search = GridSearchCV(small(), {"alpha": [0.0, -1.0]}, cv=cv, error_score="raise")
    with searching(2):
        with pytest.raises(ValueError, match="'alpha' parameter of MLPClassifier must be"):
            search.fit(X, y)
        assert cross_val_score(small(), X, y, cv=2).shape == (2,)  # and it goes on
        with pytest.warns((FitFailedWarning, UserWarning), match="fits failed|non-finite"):
            assert np.isnan(search.set_params(error_score=np.nan).fit(X, y).cv_results_["mean_test_score"]).sum() == 1


@pytest.mark.parametrize("inner", [False, True], ids=["a search", "one within another"])
def test_ctrl_c_ends_all_fits_within_an_epoch(inner, ctrl_c):
    epochs, told = Counter(), threading.Event()

    def interrupt(*_):
        epochs[threading.current_thread().name] += 1
        if len(epochs) == 2 and min(epochs.values()) >= 20 and not told.is_set():  # both threads are at work
            told.set()
            os.kill(os.getpid(), signal.SIGINT)

    endless = small(callbacks=interrupt, max_iter=10**6, n_iter_no_change=np.inf)
    if inner:
        endless = GridSearchCV(endless, {"alpha": [0.0, 1.0]}, cv=2)
    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt), searching(2):
        cross_val_score(endless, X, y, cv=4)
    assert time.perf_counter() - started < 30
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("neural searches")]
