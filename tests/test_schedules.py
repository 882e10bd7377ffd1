"""Schedules: their formulas at known places, alike however a run is cut into slices, and by name, class or function."""

import numpy as np
import pytest

from neural import (
    Constant,
    Cosine,
    CosineRestarts,
    ExponentialDecay,
    InverseScaling,
    Polynomial,
    Schedule,
    Step,
    Warmup,
)
from neural.schedules import SCHEDULES, CustomSchedule, Factors, resolve
from tests.small_network import fit, network

KNOWN = [  # schedule, steps in all, per epoch, at these steps, these factors
    (ExponentialDecay(drop=0.5), 40, 4, [0, 4, 6, 8], [1, 0.5, 0.5**1.5, 0.25]),
    (InverseScaling(power=1, decay=0.5), 40, 4, [0, 2, 18], [1, 0.5, 0.1]),
    (Polynomial(power=2, end=0.2), 10, 2, [0, 5, 10], [1, 0.2 + 0.8 * 0.25, 0.2]),
    (CosineRestarts(first=2, growth=3), 104, 4, [0, 4, 8, 20, 32, 68], [1, 0.5, 1, 0.5, 1, 0.5]),
    (CosineRestarts(first=3, growth=1, end=0.5), 60, 2, [0, 3, 6, 15, 57], [1, 0.75, 1, 0.75, 0.75]),
    (Warmup(4, then="polynomial"), 14, 2, [0, 1, 3, 4, 9, 13], [0.2, 0.4, 0.8, 1, 0.5, 0.1]),
    (Warmup(0.25, then=Step(0.5, every=1)), 16, 2, [0, 3, 4, 5, 6, 8], [0.2, 0.8, 1, 1, 0.5, 0.25]),
    (Warmup(2, then="one_cycle"), 12, 1, [0, 1, 2, 5], [0.04 / 3, 0.08 / 3, 0.04, 1]),
    (Warmup(20), 10, 1, [0, 9], [1 / 21, 10 / 21]),  # a run shorter than its warm-up
    (CustomSchedule(lambda step: 1.0 if step < 3 else 0.5), 6, 2, [0, 2, 3, 5], [1, 1, 0.5, 0.5]),
]


@pytest.mark.parametrize(("schedule", "steps", "per_epoch", "at", "want"), KNOWN)
def test_known_factors(schedule, steps, per_epoch, at, want):
    np.testing.assert_allclose(schedule.factors(np.array(at), steps, per_epoch), want, rtol=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_factors_are_between_0_and_1_and_the_same_in_any_slices(name):
    schedule = SCHEDULES[name]()
    whole = schedule.factors(np.arange(600), 600, 6)
    parts = [schedule.factors(np.arange(k, k + 50), 600, 6) for k in range(0, 600, 50)]
    assert whole.tobytes() == np.concatenate(parts).tobytes()
    assert whole.shape == (600,)
    assert 0 <= whole.min() <= whole.max() <= 1
    assert whole.max() == 1


def test_a_warm_restart_is_a_cosine_of_its_length():
    restarts = CosineRestarts(first=5, growth=2).factors(np.arange(45), 105, 3)
    np.testing.assert_allclose(restarts[:15], Cosine().factors(np.arange(15), 15, 3), rtol=1e-12)
    np.testing.assert_allclose(restarts[15:], Cosine().factors(np.arange(30), 30, 3), rtol=1e-12)


def test_a_fit_takes_names_classes_objects_and_functions():
    assert [type(resolve(spec)) for spec in (None, "inverse-scaling", Polynomial)] == [
        Constant,
        InverseScaling,
        Polynomial,
    ]
    calls = []

    def halved(step):
        calls.append(step)
        return 0.5

    one, other = network(), network()
    history = fit(one, 3, schedule=halved)
    assert calls == list(range(3 * 6))
    assert fit(other, 3, learning_rate=0.05) == history
    assert one.params.tobytes() == other.params.tobytes()
    assert history["learning_rate"] == [0.05] * 3


REFUSED = [
    (lambda: ExponentialDecay(drop=0), ValueError, "drop must be a finite number above 0"),
    (lambda: ExponentialDecay(drop=2), ValueError, "drop"),
    (lambda: InverseScaling(power=-1), ValueError, "power"),
    (lambda: InverseScaling(decay=float("nan")), ValueError, "decay"),
    (lambda: Polynomial(power=0), ValueError, "power"),
    (lambda: Polynomial(end=1.5), ValueError, "end"),
    (lambda: CosineRestarts(first=0), ValueError, "first"),
    (lambda: CosineRestarts(growth=1.5), TypeError, "growth must be a whole number"),
    (lambda: Warmup(0), ValueError, "steps"),
    (lambda: Warmup(1.5), ValueError, "steps must be a whole number of updates, or a fraction below 1. Got 1.5"),
    (lambda: Warmup(True), TypeError, "steps"),
    (lambda: Warmup("5"), TypeError, "steps"),
    (lambda: Warmup(5, then="cosin"), ValueError, "Did you mean 'cosine'"),
    (lambda: resolve(dict), TypeError, "a function of the step"),
    (lambda: fit(network(), schedule=lambda step: None), TypeError, "schedule must be all numbers"),
    (lambda: fit(network(), schedule=lambda step: -1), ValueError, "of at least 0"),
    (lambda: fit(network(), schedule=lambda step: float("nan")), ValueError, "schedule must be finite"),
    (lambda: fit(network(), schedule=lambda step: [1.0, 2.0]), ValueError, "factors of the learning rate"),
]


@pytest.mark.parametrize(("make", "error", "words"), REFUSED)
def test_what_makes_no_sense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_refused_schedule_leaves_a_network_that_goes_on():
    """Its memory too: the first factors are asked for before it begins anew for another optimizer."""
    net, twin = network(), network()
    for fitted in (net, twin):
        fit(fitted, 2, optimizer="adam")
    with pytest.raises(ValueError, match="of at least 0"):
        fit(net, 2, optimizer="lion", schedule=lambda step: 1 - step)
    for fitted in (net, twin):
        fit(fitted, 2, optimizer="adam")
    assert net.params.tobytes() == twin.params.tobytes()


def test_factors_are_asked_for_once_and_in_order():
    calls = []
    factors = Factors(CustomSchedule(lambda step: calls.append(step) or step), steps=50, per_epoch=10)
    found = np.concatenate([factors.of(0, 20), factors.of(20, 25), factors.of(45, 5)])
    assert found.tolist() == calls == list(range(50))
    assert factors.of(3, 2).tolist() == [3, 4]  # again, after an epoch that was undone


def test_a_schedule_of_ones_own_within_a_warm_up():
    class Half(Schedule):
        def factors(self, step, steps, per_epoch):
            return np.full(len(step), 0.5)

    np.testing.assert_allclose(Warmup(3, Half).factors(np.arange(5), 5, 1), [0.125, 0.25, 0.375, 0.5, 0.5])
