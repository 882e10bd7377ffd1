"""Fits and predictions on a Dask cluster: the bits, rounds, predictions, searches of scikit-learn."""

import warnings
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("distributed")

import dask.array as da
import dask.dataframe as dd
import joblib
import pandas as pd
from distributed import Client
from sklearn.model_selection import GridSearchCV

import neural
from neural import (
    MSE,
    Adam,
    BatchNorm,
    Callback,
    DenseLayer,
    EarlyStopping,
    MLPClassifier,
    NeuralNetwork,
    TrainingDiverged,
)
from neural.callbacks import Progress
from neural.distributed import fit, predict
from neural.engine import Data
from neural.partitions import shares
from neural.rounds import Outcome, Outer, Plan, Round, mean, order_of, seed_of
from tests.cluster import LABELS, NAMES, QUIET, RNG, SETTINGS, Stop, StopsAt, X, network, same, trained


@pytest.fixture(scope="module")
def client():
    with Client(processes=False, **QUIET) as client:
        yield client


# --- the bits ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("every", [1, 3, None])
@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_one_worker_gives_the_bits_of_fit(client, every, engine):
    net, history = trained(client, net=network(engine=engine), workers=1, every=every)
    alone = network(engine=engine)
    expected = alone.fit(X, LABELS, **{name: value for name, value in SETTINGS.items() if name != "every"})
    assert same(net, alone)
    np.testing.assert_allclose(history, expected, rtol=1e-12)
    assert net.engine_ == alone.engine_


def test_the_bits_follow_from_seed_and_workers_not_from_partitions_or_threads(client):
    net, history = trained(client)
    again, found = trained(client, da.from_array(X, chunks=(29, 4)), da.from_array(LABELS, chunks=29))
    assert same(net, again)
    assert history == found
    assert not same(net, trained(client, workers=2)[0])
    assert not same(net, trained(client, net=network(seed=1))[0])


def test_frames_lists_and_arrays_give_the_same_bits(client):
    expected, _ = trained(client)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=LABELS)
    cut = [0, 1, 90, 90, 203]
    parts = [slice(*pair) for pair in pairwise(cut)]  # one of one row, one of none
    for given, targets in [
        (dd.from_pandas(frame, npartitions=4), "kind"),
        ([X[part] for part in parts], [LABELS[part] for part in parts]),
        (X, LABELS),
    ]:
        assert same(trained(client, given, targets)[0], expected)
    rows = dd.from_pandas(frame, npartitions=3)
    net, _ = trained(client, rows.drop(columns="kind").to_dask_array(), rows["kind"].to_dask_array())
    assert same(net, expected)  # of unknown chunk sizes


def test_a_round_of_one_update_of_sgd_is_an_update_with_the_batches_of_all(client):
    """With equal shares in order, the mean of w - rate g is w - rate mean g; so too with momentum, which is linear."""
    layers = [DenseLayer(4, 5, "tanh"), DenseLayer(5, 3, "softmax")]
    rows, given = X[:192].astype(np.float64), {"learning_rate": 0.1, "optimizer": neural.SGD(0.9), "epochs": 1}
    net = network(layers=layers, dtype="float64")
    fit(net, rows, LABELS[:192], batch_size=16, workers=2, every=1, client=client, verbose=0, **given)
    alone = network(layers=[DenseLayer(4, 5, "tanh"), DenseLayer(5, 3, "softmax")], dtype="float64")
    orders = [order_of(seed_of(alone.seed, worker), 0, 96).reshape(-1, 16) + 96 * worker for worker in (0, 1)]
    order = np.hstack(orders).reshape(-1)
    alone._loss.l2 = net._loss.l2 * 2  # over twice the rows
    alone.fit(rows, LABELS[:192], batch_size=32, shuffle=lambda epoch, n: order, verbose=0, **given)
    np.testing.assert_allclose(net.params, alone.params, rtol=1e-12, atol=1e-14)


def test_two_fits_are_one(client):
    once, _ = trained(client, epochs=4)
    twice, _ = trained(client, epochs=2)
    trained(client, net=twice, epochs=2)
    assert same(once, twice)


def test_weights_of_rows_count(client):
    weights = np.where(LABELS == 2, 3.0, 1.0)
    net, history = trained(client, sample_weight=da.from_array(weights, chunks=50), workers=1)
    alone = network()
    expected = alone.fit(X, LABELS, 3, 0.05, 16, optimizer="adam", sample_weight=weights, verbose=0)
    assert same(net, alone)
    np.testing.assert_allclose(history, expected, rtol=1e-12)
    assert not same(net, trained(client, workers=1)[0])


@pytest.mark.filterwarnings("ignore:All rows of worker")
def test_labels_are_those_of_all_partitions(client):
    order = np.argsort(NAMES, kind="stable")  # each name in few partitions
    net, _ = trained(client, da.from_array(X[order], chunks=(40, 4)), da.from_array(NAMES[order], chunks=40))
    assert net.classes_.tolist() == ["ash", "birch", "cedar"]
    by_number, _ = trained(client, da.from_array(X[order], chunks=(40, 4)), da.from_array(LABELS[order], chunks=40))
    assert same(net, by_number)


def test_rows_sorted_by_class_are_warned_of(client):
    order = np.argsort(LABELS, kind="stable")
    with pytest.warns(UserWarning, match=r"All rows of worker 0 are of one class. Shuffle"):
        trained(client, X[order], LABELS[order])


# --- rounds --------------------------------------------------------------------------------------------------------
def test_the_mean_leaves_alone_what_all_agree_on_and_weighs_the_rest():
    same_for_all = RNG.normal(size=5)
    parts = [Outcome(w, np.stack([same_for_all, np.full(5, w)]), 1.0, 0.5) for w in (1.0, 2.0, 7.0)]
    found = mean(parts)
    assert np.array_equal(found.vectors[0], same_for_all)
    np.testing.assert_allclose(found.vectors[1], 54 / 10)
    assert (found.weight, found.loss, found.penalty) == (10.0, 3.0, 1.5)
    assert np.array_equal(mean([Outcome(0.0, np.ones((1, 2)), 0, 0)] * 2).vectors, np.ones((1, 2)))


def test_the_outer_step_by_hand():
    net = NeuralNetwork([DenseLayer(1, 1, init="zeros")], "mse", dtype="float64")
    outer, program = Outer(rate=0.5, momentum=0.5), net.program(1)
    place = program.rates[0][0].start
    for found, expected in [(-1.0, -0.75), (-1.75, -1.625)]:
        # d = 1, v = 1: 0 - (1 + 1/2) / 2; then d = 1, v = 1/2 + 1 = 3/2: -3/4 - (1 + 3/4) / 2
        moved = program.params.copy()
        moved[place] = found
        outer.step(program, moved)
        assert program.params[place] == expected


def test_running_means_are_averaged_even_with_outer_momentum(client):
    def layers():
        return [DenseLayer(4, 5, "relu"), BatchNorm(), DenseLayer(5, 3, "softmax")]

    net, _ = trained(client, net=network(layers=layers()), outer_momentum=0.9, outer_rate=0.7)
    assert (net.views(net.params)[1]["running_variance"] > 0).all()
    assert not same(net, trained(client, net=network(layers=layers()))[0])


def test_frozen_layers_and_bounds_hold(client):
    layers = [DenseLayer(4, 9, "relu"), DenseLayer(9, 9, "relu", max_norm=0.5), DenseLayer(9, 3, "softmax")]
    net = network(layers=layers, dtype="float64").build(4)
    layers[0].rate_factor, before = 0, layers[0].weights.copy()
    trained(client, net=net, outer_momentum=0.9)
    assert np.array_equal(layers[0].weights, before)
    assert np.linalg.norm(layers[1].weights, axis=1).max() < 0.5 + 1e-12


def test_a_round_is_a_function_of_its_arguments():
    net = network()
    plan, data = Plan(net, Adam(), 16), Data(X, LABELS)
    vectors = np.stack([net.params, *[np.zeros_like(net.params)] * 2])
    given, before = Round(vectors, np.full(5, 0.1), 7, 2, 40, 40, 3), net.params.copy()
    first, again = plan.run(data, 4, given), plan.run(data, 4, given)
    assert np.array_equal(first.vectors, again.vectors)
    assert np.array_equal(net.params, before)
    assert not np.array_equal(first.vectors, plan.run(data, 5, given).vectors)


def test_shares_are_even_and_in_order():
    for rows, workers in [([3, 0, 5], 2), ([1] * 7, 3), ([10], 4), ([0, 0, 9, 1], 10)]:
        dealt = shares(rows, workers)
        taken = [(part, row) for share in dealt for part, start, end in share for row in range(start, end)]
        assert taken == [(part, row) for part, count in enumerate(rows) for row in range(count)]
        sizes = [sum(end - start for _, start, end in share) for share in dealt]
        assert max(sizes) - min(sizes) <= 1


# --- what a fit has besides ----------------------------------------------------------------------------------------
def test_validation_metrics_callbacks_and_progress(client, capsys):
    seen = []

    class Watch(Callback):
        def on_batch_end(self, training):
            seen.append(round(training.fraction, 3))

        def on_epoch_end(self, training):
            assert set(training.numbers) == set(training.names)

    stop = EarlyStopping("val_loss", patience=1)
    held_out = da.from_array(X, chunks=50), da.from_array(LABELS, chunks=50)
    net, history = trained(
        client, epochs=40, learning_rate=0.5, metrics="accuracy", validation_data=held_out,
        callbacks=[stop, Watch(), Progress(1)],
    )  # fmt: skip
    assert len(history) < 40
    assert stop.best == min(history["val_loss"]) == pytest.approx(net.evaluate(X, LABELS)["loss"])
    assert seen[:2] == [round(3 / 200, 3), round(5 / 200, 3)]  # 68 rows: five updates, three and two
    assert "accuracy" not in history
    assert "Epoch 1-40" in capsys.readouterr().out


@pytest.mark.parametrize("save_every", [1, 0.4])
def test_a_fit_that_ends_early_goes_on_to_the_same_bits(client, tmp_path, save_every):
    given = {"checkpoint": tmp_path / "run", "resume": True, "save_every": save_every, "outer_momentum": 0.5}
    expected, history = trained(client, outer_momentum=0.5, callbacks=StopsAt(-1))
    for rounds in (3, 1, 2):
        with pytest.raises(Stop):
            trained(client, callbacks=StopsAt(rounds), **given)
    net, found = trained(client, callbacks=StopsAt(-1), **given)
    assert same(net, expected)
    assert found == history
    with pytest.raises(ValueError, match=r"workers must be as in the fit that goes on, 3. Got 2"):
        trained(client, callbacks=StopsAt(-1), workers=2, **given)
    with pytest.raises(ValueError, match=r"the training data must be as in the fit that goes on"):
        trained(client, X + 1, LABELS, callbacks=StopsAt(-1), **given)


def test_an_error_on_the_way_leaves_the_last_whole_epoch(client):
    net, _ = trained(client, epochs=1, callbacks=StopsAt(-1))
    other = network()
    with pytest.raises(Stop):
        trained(client, net=other, callbacks=StopsAt(3))
    assert same(net, other)
    assert other.state.epoch == 1


def test_divergence_is_named_and_undone(client):
    net = network(layers=[DenseLayer(4, 4), DenseLayer(4, 1)], loss=MSE())
    with pytest.raises(TrainingDiverged, match=r"in epoch 1, batch .* on worker 0, at learning rate 1e\+10") as caught:
        trained(client, X * 100, LABELS, net=net, learning_rate=1e10, optimizer="sgd", epochs=9)
    assert caught.value.epoch == 1
    assert np.isfinite(net.params).all()


# --- predictions ---------------------------------------------------------------------------------------------------
def test_predictions_are_lazy_and_the_same_chunk_by_chunk():
    net = network()
    rows = da.from_array(X, chunks=((50, 0, 1, 152), 2))
    outputs = predict(net, rows)
    expected = net.predict(X)
    net.params[:] = 0  # after the call: what is computed is the network as it was
    assert outputs.dtype == np.float32
    assert outputs.shape == (203, 3)
    assert np.array_equal(outputs.compute(scheduler="threads"), expected)
    assert not net.params.any()


def test_the_network_travels_once():
    graph = predict(network(), da.from_array(X, chunks=(10, 4))).__dask_graph__()
    assert len([key for key in graph.to_dict() if "network-" in str(key)]) == 1


def test_frames_keep_their_index_and_name_their_classes():
    net = network()
    net.fit(X, NAMES, 1, verbose=0)
    frame = pd.DataFrame(X, columns=list("abcd"), index=np.arange(203) * 2)
    outputs = predict(net, dd.from_pandas(frame, npartitions=3))
    assert list(outputs.columns) == ["ash", "birch", "cedar"]
    found = outputs.compute(scheduler="synchronous")
    assert np.array_equal(found.to_numpy(), net.predict(X))
    assert found.index.equals(frame.index)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (X, TypeError, "X must be a Dask array or frame. Got an array of float32"),
        (da.ones((9, 5), chunks=3), ValueError, r"X must be of shape \(n, 4\), as the first layer takes 4 features"),
        (da.ones(9, chunks=3), ValueError, r"X must be of shape \(samples, features\)"),
        (dd.from_pandas(pd.DataFrame({"a": [1.0]}), npartitions=1), ValueError, r"Got \['a'\]"),
    ],
)
def test_predictions_that_cannot_be_are_refused_at_once(rows, error, message):
    with pytest.raises(error, match=message):
        predict(network(), rows)


def test_a_chunk_with_a_fault_is_named():
    bad = X.copy()
    bad[120, 2] = np.nan
    with pytest.raises(ValueError, match=r"chunk 2: X must be finite. Got nan. See row 20, column 2"):
        predict(network(), da.from_array(bad, chunks=(50, 4))).compute(scheduler="threads")
    frame = pd.DataFrame(bad, columns=list("abcd"))
    with pytest.raises(ValueError, match=r"chunk 1: X must be finite. Got nan."):
        predict(network(), dd.from_pandas(frame, npartitions=2)).compute(scheduler="threads")


# --- searches of scikit-learn --------------------------------------------------------------------------------------
def test_searches_go_to_the_workers_and_take_one_thread_each(client):
    from joblib import parallel_config

    network = MLPClassifier(hidden_layer_sizes=(5,), max_iter=5, random_state=0)
    search = GridSearchCV(network, {"alpha": [1e-4, 1.0]}, cv=2, refit=False, return_train_score=True)
    with warnings.catch_warnings(action="ignore"):
        with parallel_config(backend="dask"):
            search.fit(X, LABELS)
            threads = joblib.Parallel()(joblib.delayed(neural.n_threads)() for _ in range(2))
        here = GridSearchCV(network, {"alpha": [1e-4, 1.0]}, cv=2, refit=False, return_train_score=True)
        here.fit(X, LABELS)
    assert threads == [1, 1]
    for name in ("mean_test_score", "mean_train_score"):
        assert np.array_equal(search.cv_results_[name], here.cv_results_[name])
