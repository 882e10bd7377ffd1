"""The course's algorithm does the same work as fit; what is made of the times. No time itself is tested."""

from dataclasses import replace

import numpy as np
import pytest

from neural import BinaryCrossentropy, CategoricalCrossentropy, DenseLayer, NeuralNetwork, course, findings, speed
from neural.course import Course
from neural.experiments import experiments, load
from neural.streams import epoch_order
from tests.small_demo import quick_results, small_images

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 4))


@pytest.mark.parametrize("hidden", ["relu", "sigmoid"])
@pytest.mark.parametrize("last", ["softmax", "sigmoid"])
def test_the_courses_algorithm_takes_the_steps_of_fit(hidden, last):
    n_out, loss = (3, CategoricalCrossentropy()) if last == "softmax" else (1, BinaryCrossentropy())
    layers = [DenseLayer(4, 6, hidden), DenseLayer(6, 5, hidden), DenseLayer(5, n_out, last, bias_init="random")]
    net = NeuralNetwork(layers, loss, dtype="float64", random_state=0).build()
    y = RNG.integers(0, max(2, n_out), len(X))
    theirs = Course(net.weights, net.biases, [hidden, hidden, last])
    start, given = net.weights[0].copy(), X.copy()
    Y = np.eye(3)[y] if n_out == 3 else y[:, None].astype(float)
    costs = [theirs.epoch(given, Y, epoch_order(net.seed, epoch, 100), 16, 0.5) for epoch in range(3)]
    np.testing.assert_array_equal(net.weights[0], start)
    np.testing.assert_array_equal(given, X)
    history = net.fit(X, y, epochs=3, learning_rate=0.5, batch_size=16, verbose=0)
    assert costs == pytest.approx(history, rel=1e-8)  # the course adds 1e-10 within the logarithm
    for mine, other in zip((*net.weights, *net.biases), (*theirs.weights, *theirs.biases), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-7, atol=1e-9)


def compared(name="relu", repeats=2):
    experiment = replace({e.name: e for e in experiments(quick=True)}[name], l2=0.0, epochs=2)
    return speed.compare(experiment, load(experiment, small_images(), 0), seed=0, repeats=repeats)


@pytest.mark.parametrize("name", speed.MEASURED)
def test_both_come_to_the_same_cost(name):
    found = compared(name)
    assert found.agrees
    assert found.cost == pytest.approx(found.course_cost, rel=1e-5)
    assert found.rows == (500 if name == "moons" else 240)
    assert len(found.course) == len(found.ours) == len(found.ratios) == 2
    assert found.engine in ("core", "numpy")


def test_other_work_is_noticed(monkeypatch):
    monkeypatch.setitem(course.ACTIVATIONS, "relu", (course.relu, lambda Z: np.ones_like(Z)))
    found = compared()
    assert not found.agrees
    assert findings.speed_verdict([found]) == (
        "fit and the course's algorithm came to different costs (ReLU): their times say nothing."
    )


def test_numbers_of_threads_far_behind_are_dropped_and_the_best_median_counts(monkeypatch):
    turns = {2: iter([1.0, 9.0, 9.0]), 4: iter([9.0, 1.5, 1.5]), 8: iter([2.5, 2.5])}  # the last is always far behind
    monkeypatch.setattr(speed, "_thread_counts", lambda: (2, 4, 8))
    asked = []

    def seconds(threads, function, *given):
        function(*given)
        asked.append((function.__name__, threads))
        return 0.5 if function.__name__ == "fit" or len(asked) == 1 else next(turns[threads])

    monkeypatch.setattr(speed, "_seconds", seconds)
    found = compared(repeats=3)
    assert asked == [
        ("_epochs", 2),
        *(("_epochs", 2), ("_epochs", 4), ("_epochs", 8), ("fit", 1)),
        *(("_epochs", 2), ("_epochs", 4), ("_epochs", 8), ("fit", 1)),
        *(("_epochs", 2), ("_epochs", 4), ("fit", 1)),  # 2 and 4 threads were not always slow
    ]
    assert (found.course_threads, found.course, found.ours) == (4, (4.5, 0.75, 0.75), (0.25, 0.25, 0.25))
    assert (found.course_seconds, found.ratio, found.ratios) == (0.75, 3.0, [18.0, 3.0, 3.0])


def test_without_threadpoolctl_blas_is_left_alone(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "threadpoolctl", None)
    assert speed._thread_counts() == (None,)
    assert compared().course_threads is None


def test_one_thread_and_what_blas_takes_of_itself_are_tried(monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    pools = [{"user_api": "blas", "num_threads": 6}, {"user_api": "openmp", "num_threads": 9}]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: pools)
    assert speed._thread_counts() == (1, 6)
    pools[0]["num_threads"] = 1
    assert speed._thread_counts() == (1,)
    monkeypatch.setattr(threadpoolctl, "threadpool_info", list)
    assert speed._thread_counts() == (None,)


def test_the_documents_networks_are_measured_without_penalty_at_the_settings_of_the_table(monkeypatch):
    monkeypatch.setattr(speed, "compare", lambda experiment, split, seed: faked(experiment, len(split.X_train), seed))
    table, lines = experiments(), []
    found = speed.measure(table, small_images(), 3, tell=lines.append)
    assert [each.experiment.name for each in found] == ["sigmoid", "relu", "moons"]
    for each in found:
        full = next(e for e in table if e.name == each.experiment.name)
        assert each.experiment == replace(full, l2=0.0, epochs=100 if full.name == "moons" else 1)
        assert (each.rows, each.cost) == (500 if full.name == "moons" else 240, 3)
    assert lines[1] == "Sigmoid: 0.5 s an epoch, 0.05 s by fit"
    assert len(lines) == 4


def faked(experiment, rows=100, cost=0.25, course=(0.4, 0.5, 0.9), ours=(0.05, 0.04, 0.09), engine="core"):
    return speed.Speed(experiment, rows, course, 1, 1.0004 * cost, ours, engine, 2, cost)


def named(name):
    return next(e for e in quick_results().table if e.name == name)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ((0.05, 0.05), "That is reached: Sigmoid 10.0, ReLU 10.0 times."),
        ((0.0501, 0.0501), "That is not reached: Sigmoid 9.9, ReLU 9.9 times."),
        ((0.1, 0.02), "That is not reached: Sigmoid 5.0 times. It is reached by ReLU 25.0."),
    ],
)
def test_the_verdict_follows_the_numbers(seconds, words):
    pairs = zip(("sigmoid", "relu"), seconds, strict=True)
    found = findings.speed_verdict([faked(named(name), ours=(s,) * 3) for name, s in pairs])
    assert found == f"fit is to be at least 10 times as fast as the course's algorithm on the same machine. {words}"


def test_what_the_whole_page_would_have_taken():
    results = quick_results()
    speeds = [faked(named(name), rows=100, course=(2.0,)) for name in ("sigmoid", "relu")]  # 0.02 s a row and epoch
    runs = [run for starts in results.runs.values() for run in starts if run.experiment.data == "fashion"]
    ours, theirs = speed.whole(speeds, results)
    assert ours == pytest.approx(sum(sum(run.history["seconds"]) for run in runs))
    assert theirs == pytest.approx(0.02 * 4 * sum(run.train.rows for run in runs))
    (note,) = findings.speed_notes(speeds, results)
    assert f"would have taken {theirs:.3g} s, {findings.times(theirs / ours)} times as long" in note
    numpy = findings.speed_notes([faked(named("relu"), engine="numpy")], results)
    assert "ran on the NumPy engine" in numpy[1]
