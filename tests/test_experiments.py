"""The experiments as data, and what runs and compares them."""

from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import neural
from neural import experiments as ex
from neural.datasets import make_moons
from neural.metrics import accuracy
from tests.small_demo import full_results, quick_results, shortened, small_images


def by_name(table):
    return {experiment.name: experiment for experiment in table}


def test_the_table_holds_the_networks_of_the_assignment():
    table = by_name(ex.experiments())
    for name in ("sigmoid", "relu"):
        for key, hidden in ((name, (25,)), (f"{name}_two", (25, 25))):
            e = table[key]
            assert (e.activation, e.hidden, e.rows, e.epochs) == (name, hidden, None, 500)
            assert (e.learning_rate, e.batch_size, e.l2, e.init, e.bias_init) == (0.1, 128, 0.1, "random", "random")
            assert e.optimizer == "sgd"
        assert table[f"{name}_10k"] == replace(
            table[name], name=f"{name}_10k", title=table[f"{name}_10k"].title, rows=10_000, l2=0.0, starts=5
        )
    moons, package = table["moons"], table["package"]
    assert (moons.hidden, moons.activation, moons.l2, moons.epochs, moons.batch_size) == (
        (25, 25),
        "relu",
        0.1,
        100,
        64,
    )
    assert (package.learning_rate, package.batch_size, package.epochs, package.collect) == (0.01, 128, 500, True)


def test_names_and_documented_rows_are_known():
    for table in (ex.experiments(), ex.experiments(quick=True)):
        assert len(by_name(table)) == len(table)
        assert {e.document for e in table} == {*ex.DOCUMENT, ""}
    assert {check.run for check in ex.CHECKS} <= set(by_name(ex.TABLE))
    assert {check.measure for check in ex.CHECKS} <= set(ex.MEASURES)


def test_a_quick_table_is_short_and_holds_nothing_twice():
    quick = ex.experiments(quick=True)
    assert len({ex._settings(e) for e in quick}) == len(quick)
    images = [e for e in quick if e.data == "fashion"]
    assert all(e.rows == ex.QUICK_ROWS and e.epochs == ex.QUICK_EPOCHS for e in images)
    assert any(e.collect for e in quick), "the callback of the package's example must run in a quick run too"


def test_pairs_differ_in_one_setting_alone():
    found = {(setting, a.name, b.name) for setting, a, b in ex.pairs(ex.TABLE)}
    assert {("activation", "sigmoid", "relu"), ("hidden", "relu", "relu_two"), ("l2", "relu", "relu_no_l2")} <= found
    assert ("rows", "relu_10k", "relu_no_l2") in found
    assert not any({"sigmoid", "relu_two"} == {a, b} for _, a, b in found)
    assert not any("moons" in (a, b) for _, a, b in found)


@pytest.mark.parametrize("name", ["sigmoid", "relu_two", "moons"])
def test_networks_are_built_as_the_table_says(name):
    e = by_name(ex.TABLE)[name]
    n_inputs = 5 if e.data == "moons" else 36
    net = ex.network(e, n_inputs, 3, seed=7)
    net.build()
    widths = (n_inputs, *e.hidden, 1 if e.data == "moons" else 3)
    assert [w.shape for w in net.weights] == [(b, a) for a, b in pairwise(widths)]
    assert net.loss_.l2 == e.l2
    assert net.input_scale == (None if e.data == "moons" else 1 / 255)
    assert net.layers[-1].activation_name == ("sigmoid" if e.data == "moons" else "softmax")
    random_biases = [np.any(b != 0) for b in net.biases]
    assert all(random_biases) if e.bias_init == "random" else not any(random_biases)


def test_moons_are_fresh_points_and_the_best_rule_is_at_its_known_height():
    X, _, X_test, y_test = ex.moons(0)
    assert (X.shape, X_test.shape) == ((500, 2), (10_000, 2))
    assert not np.isin(X[:, 0], X_test[:, 0]).any()
    np.testing.assert_array_equal(X_test, make_moons(10_000, noise=0.3, random_state=1)[0])
    assert 0.905 < ex.best_moons_accuracy(X_test, y_test) < 0.925
    assert ex.best_moons_accuracy(X_test, 1 - y_test) < 0.1


def test_the_best_rule_for_moons_is_right_without_noise():
    assert ex.best_moons_accuracy(*make_moons(200, random_state=0)) == 1.0


def test_a_run_is_scored_on_the_rows_it_was_trained_on_and_on_the_others():
    run, images = quick_results().middle("relu"), small_images()
    rows = run.experiment.rows
    assert run.train.rows == len(images.X_train[:rows])
    assert run.test.accuracy == accuracy(images.y_test, run.net.predict(images.X_test))
    assert run.train.accuracy == accuracy(images.y_train[:rows], run.net.predict(images.X_train[:rows]))
    assert run.test.low < run.test.accuracy < run.test.high
    assert run.test.cost == run.net.evaluate(images.X_test, images.y_test)["loss"]
    assert run.test.right == run.correct.sum()


def test_costs_are_those_of_the_history():
    run = quick_results().middle("relu")
    history = run.history
    np.testing.assert_allclose(history["loss"], np.add(history["data_loss"], history["penalty"]))
    assert min(history["penalty"]) > 0
    assert (run.cost(), run.cost(1), run.cost(491)) == tuple(history["data_loss"][k] for k in (-1, 0, -1))
    assert max(quick_results().middle("relu_10k").history["penalty"]) == 0


def test_only_the_first_rows_are_used_where_the_table_says_so():
    images = small_images()
    e = replace(by_name(ex.TABLE)["relu"], rows=30)
    split = ex.load(e, images, 0)
    assert len(split.X_train) == len(split.y_train) == 30
    np.testing.assert_array_equal(split.X_train, images.X_train[:30])
    assert len(split.X_test) == len(images.X_test)


def test_starts_differ_in_the_seed_and_are_repeatable():
    results = quick_results()
    runs = results.runs["relu"]
    assert [run.seed for run in runs] == [0, 1, 2]
    assert runs[0].history["loss"] != runs[1].history["loss"]
    again = ex.run(runs[1].experiment, ex.load(runs[1].experiment, small_images(), 0), 1, progress=False)
    assert again.history["loss"] == pytest.approx(runs[1].history["loss"], rel=1e-5)


def test_the_middle_start_has_the_median_test_accuracy_and_is_the_one_compared():
    results = quick_results()
    for name, runs in results.runs.items():
        assert len(runs) % 2 == 1
        assert results.middle(name).test.accuracy == np.median([run.test.accuracy for run in runs])
    for c in results.comparisons:
        a, b = results.middle(c.a), results.middle(c.b)
        assert c.difference == pytest.approx(b.test.accuracy - a.test.accuracy)


def test_blas_is_held_to_one_thread_and_the_core_is_not():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    neural.set_threads(3)
    try:
        with ex.blas_threads(1):
            blas = [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
            assert set(blas) <= {1}
            assert neural.n_threads() == 3
    finally:
        neural.set_threads(None)


def test_the_results_say_whether_blas_was_held_to_one_thread(monkeypatch):
    table = shortened(ex.experiments(quick=True)[:1], 1)
    for limits in (nullcontext(), nullcontext("limits")):
        monkeypatch.setattr(ex, "blas_threads", lambda n, limits=limits: limits)
        results = ex.run_all(table, small_images(), quick=True, tell=None)
        assert results.one_thread == (limits.enter_result is not None)


def test_the_collector_gathers_four_metrics_an_epoch():
    runs = [run for run, *_ in quick_results().runs.values() if run.experiment.collect]
    (run,) = runs
    for name in ("precision", "accuracy", "recall", "f1_score"):
        assert len(run.history[name]) == run.experiment.epochs
    assert run.history["accuracy"][-1] == run.train.accuracy
    assert "accuracy" not in quick_results().middle("relu").history


def test_a_comparison_counts_the_rows_that_one_network_alone_has_right():
    run = quick_results().middle("relu")
    a = replace(run, correct=np.array([True, True, True, False, False]))
    b = replace(run, correct=np.array([True, False, False, True, False]))
    found = ex.compare("l2", a, b)
    assert (found.only_a, found.only_b, found.rows, found.p_value) == (2, 1, 5, 1.0)
    assert found.difference == pytest.approx(-0.2)
    # Half a row more in each of the four counts: of 7 rows 2.5 and 1.5 differ.
    half = 1.959964 * np.sqrt(4 - 1 / 7) / 7
    assert (found.low, found.high) == pytest.approx((-1 / 7 - half, -1 / 7 + half))


def test_every_pair_is_compared():
    results = quick_results()
    assert [(c.setting, c.a, c.b) for c in results.comparisons] == [
        (s, a.name, b.name) for s, a, b in ex.pairs(results.table)
    ]


def test_checks_take_the_median_of_the_starts_and_both_bounds():
    runs = full_results().runs["relu_10k"]
    costs = sorted(run.cost() for run in runs)
    assert len(costs) == 5
    assert ex.check(ex.Check("relu_10k", "last cost", high=costs[2]), runs) == ex.Checked(
        ex.Check("relu_10k", "last cost", high=costs[2]), costs[2], True
    )
    assert not ex.check(ex.Check("relu_10k", "last cost", high=costs[2] - 1e-9), runs).passed
    assert not ex.check(ex.Check("relu_10k", "last cost", low=costs[2] + 1e-9), runs).passed


def test_a_full_run_is_checked_and_a_quick_one_is_not():
    assert [each.check for each in full_results().checks] == list(ex.CHECKS)
    assert quick_results().checks == ()
    bounds = {(c.run, c.measure): (c.low, c.high) for c in ex.CHECKS}
    assert bounds["relu", "last cost"] == (None, 0.30)
    assert bounds["relu", "test accuracy"] == (0.85, None)
    assert bounds["relu_10k", "last cost"] == pytest.approx((0.85 * 0.1653, 1.15 * 0.1653))
    assert bounds["sigmoid_10k", "last cost"] == pytest.approx((0.85 * 0.2224, 1.15 * 0.2224))


def test_headings_say_which_run_it_is_and_estimate_the_time_left(capsys):
    lines = []
    table = shortened(ex.experiments(quick=True)[:2], 1)
    ex.run_all(table, small_images(), quick=True, tell=lines.append)
    text = "\n".join(lines)
    assert "Run 1 of 2: Sigmoid" in text
    assert "Run 2 of 2: ReLU, about 0 s left in all" in text
    assert "Start 2 of 3, 240 rows, 1 epochs" in text
    assert "Epoch 1-1 =========> cost:" in capsys.readouterr().out


def test_a_run_can_be_silent(capsys):
    ex.run_all(shortened(ex.experiments(quick=True)[:1], 1), small_images(), quick=True, tell=None)
    assert capsys.readouterr().out == ""
