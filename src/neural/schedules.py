"""Learning rates over a run: each schedule is a factor of ``learning_rate``, a function of progress.

A schedule covers one call of ``fit``: ``factors(step, steps, per_epoch)`` gives the factor at each ``step`` (an array
of whole numbers counted from 0) out of ``steps`` updates in all, ``per_epoch`` of them in each epoch. A rate that
depends on how training goes is a callback: :class:`neural.callbacks.ReduceOnPlateau`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neural.errors import check_number, look_up, one_of, sentence
from neural.frozen import Frozen
from neural.inputs import numbers


@dataclass(frozen=True, repr=False, eq=False)
class Schedule(Frozen):
    """The root of schedules, for a user's own: give it ``factors``."""

    by_epoch: ClassVar[bool] = True  # needs to know how many updates there are, in an epoch or in all

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        """Return the factor of the learning rate at each step."""
        raise NotImplementedError(f"{type(self).__name__} needs a method factors(step, steps, per_epoch)")


@dataclass(frozen=True, repr=False, eq=False)
class Constant(Schedule):
    """The same rate throughout.

    >>> Constant().factors(np.arange(3), 3, per_epoch=1)
    array([1., 1., 1.])
    """

    by_epoch = False

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        return np.ones(len(step))


@dataclass(frozen=True, repr=False, eq=False)
class Step(Schedule):
    """The rate times ``drop`` after every ``every`` epochs: drop^floor(epoch / every).

    >>> Step(drop=0.5, every=2).factors(np.arange(4), 4, per_epoch=1)
    array([1. , 1. , 0.5, 0.5])
    """

    drop: float = 0.1
    every: int = 10

    def __post_init__(self) -> None:
        check_number("drop", self.drop, low=0, strict=True, high=1)
        check_number("every", self.every, low=1, whole=True)

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        return np.asarray(float(self.drop) ** (step // (self.every * per_epoch)))


@dataclass(frozen=True, repr=False, eq=False)
class ExponentialDecay(Schedule):
    """The rate times ``drop`` an epoch, smoothly: drop^e, with e the epochs done, parts of them included.

    (Li and Arora, An exponential learning rate schedule for deep learning, 2020.)

    >>> ExponentialDecay(drop=0.25).factors(np.arange(4), 4, per_epoch=2)
    array([1.   , 0.5  , 0.25 , 0.125])
    """

    drop: float = 0.95

    def __post_init__(self) -> None:
        check_number("drop", self.drop, low=0, strict=True, high=1)

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        return np.asarray(float(self.drop) ** (step / per_epoch))


@dataclass(frozen=True, repr=False, eq=False)
class InverseScaling(Schedule):
    """(1 + decay k)^-power after k updates (Bottou, Stochastic gradient descent tricks, 2012, section 5.2).

    A power above 1/2 and up to 1 is what stochastic approximation converges with (Robbins and Monro, 1951).

    >>> InverseScaling(power=0.5).factors(np.array([0, 3, 8]), 9, per_epoch=1).round(3)
    array([1.   , 0.5  , 0.333])
    """

    by_epoch = False

    power: float = 0.5
    decay: float = 1.0

    def __post_init__(self) -> None:
        for name in ("power", "decay"):
            check_number(name, getattr(self, name), low=0)

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        return np.asarray((1 + self.decay * step) ** -float(self.power))


@dataclass(frozen=True, repr=False, eq=False)
class Polynomial(Schedule):
    """From 1 down to ``end``: end + (1 - end)(1 - t)^power, a straight line at power 1.

    (Chen et al., DeepLab, 2018, where it is called poly, with power 0.9.)

    >>> Polynomial().factors(np.array([0, 2, 4]), 4, per_epoch=1)
    array([1. , 0.5, 0. ])
    """

    power: float = 1.0
    end: float = 0.0

    def __post_init__(self) -> None:
        check_number("power", self.power, low=0, strict=True)
        check_number("end", self.end, low=0, high=1)

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        return np.asarray(self.end + (1 - self.end) * (1 - step / steps) ** float(self.power))


@dataclass(frozen=True, repr=False, eq=False)
class Cosine(Schedule):
    """Half a cosine from 1 towards ``end``: end + (1 - end)(1 + cos(pi t))/2 (Loshchilov and Hutter, 2017, eq. 5).

    >>> Cosine().factors(np.array([0, 5, 10]), 10, per_epoch=1)
    array([1. , 0.5, 0. ])
    """

    end: float = 0.0

    def __post_init__(self) -> None:
        check_number("end", self.end, low=0, high=1)

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        return np.asarray(self.end + (1 - self.end) * (1 + np.cos(np.pi * step / steps)) / 2)


@dataclass(frozen=True, repr=False, eq=False)
class CosineRestarts(Schedule):
    """Half a cosine from 1 towards ``end`` in ``first`` epochs, then again from 1, ``growth`` times as long each time.

    end + (1 - end)(1 + cos(pi t))/2 with t the part of this cycle that is done (Loshchilov and Hutter, SGDR, 2017,
    eq. 5; first and growth are their T_0 and T_mult). Cycles of 10, 20 and 40 epochs end at epochs 10, 30 and 70.

    >>> CosineRestarts(first=2, growth=2).factors(np.arange(7), 7, per_epoch=1).round(3)
    array([1.   , 0.5  , 1.   , 0.854, 0.5  , 0.146, 1.   ])
    """

    first: int = 10
    growth: int = 2
    end: float = 0.0

    def __post_init__(self) -> None:
        check_number("first", self.first, low=1, whole=True)
        check_number("growth", self.growth, low=1, whole=True)
        check_number("end", self.end, low=0, high=1)

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        length = self.first * per_epoch
        if self.growth == 1:
            t = step % length / length
        else:
            lengths, starts = [length], [0]  # of the cycles, in updates
            while starts[-1] + lengths[-1] < steps:
                starts.append(starts[-1] + lengths[-1])
                lengths.append(lengths[-1] * self.growth)
            cycle = np.searchsorted(starts, step, side="right") - 1
            t = (step - np.array(starts)[cycle]) / np.array(lengths, dtype=np.float64)[cycle]
        return np.asarray(self.end + (1 - self.end) * (1 + np.cos(np.pi * t)) / 2)


@dataclass(frozen=True, repr=False, eq=False)
class OneCycle(Schedule):
    """Up from ``start`` to 1 over the first ``rise`` of the run, then down to ``end``, both as half a cosine.

    (Smith and Topin, Super-convergence, 2018, with cosine in place of straight lines.) ``learning_rate`` is the peak.

    >>> OneCycle(start=0.2, end=0.0, rise=0.5).factors(np.array([0, 5, 10]), 10, per_epoch=1)
    array([0.2, 1. , 0. ])
    """

    start: float = 0.04
    end: float = 0.0001
    rise: float = 0.3

    def __post_init__(self) -> None:
        for name in ("start", "end", "rise"):
            check_number(name, getattr(self, name), low=0, high=1)

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        t = step / steps
        up = self.start + (1 - self.start) * (1 - np.cos(np.pi * t / max(self.rise, 1e-12))) / 2
        down = self.end + (1 - self.end) * (1 + np.cos(np.pi * (t - self.rise) / max(1 - self.rise, 1e-12))) / 2
        return np.where(t < self.rise, up, down)


@dataclass(frozen=True, repr=False, eq=False)
class Warmup(Schedule):
    """A straight line up to the first rate of another schedule, which then has the rest of the run to itself.

    ``steps`` is a whole number of updates, or a fraction of the run below 1: with n of them the factor at update k is
    (k + 1)/(n + 1) of what ``then``, a name, class, object or function, begins with (Goyal et al., Accurate, large
    minibatch SGD, 2017, section 2.2).

    >>> Warmup(3, then="cosine").factors(np.array([0, 1, 2, 3, 5, 7]), 7, per_epoch=1)
    array([0.25, 0.5 , 0.75, 1.  , 0.5 , 0.  ])
    """

    steps: float = 0.1
    then: Any = "constant"

    def __post_init__(self) -> None:
        if isinstance(self.steps, int | np.integer):
            check_number("steps", self.steps, low=1, whole=True)
        elif check_number("steps", self.steps, low=0, strict=True) >= 1:
            raise ValueError(sentence("steps", "a whole number of updates, or a fraction below 1", self.steps))
        object.__setattr__(self, "then", resolve(self.then))

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        n = int(self.steps) if self.steps >= 1 else round(self.steps * steps)
        left = np.maximum(step - n, 0)  # before its time the next schedule stands at its first rate
        rise = np.minimum((step + 1) / (n + 1), 1)
        return np.asarray(rise * self.then.factors(left, max(steps - n, 1), per_epoch))


@dataclass(frozen=True, repr=False, eq=False)
class CustomSchedule(Schedule):
    """A user's own function of the update's number, counted from 0: what it returns is the factor.

    ``fit(schedule=function)`` makes it. The function is called once for each update, ahead of it.

    >>> CustomSchedule(lambda step: 1 / (1 + step)).factors(np.arange(2), 2, per_epoch=1)
    array([1. , 0.5])
    """

    by_epoch = False

    function: Callable[[int], float]

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        return numbers("schedule", [self.function(number) for number in step.tolist()])


class Factors:
    """A schedule's factors in one fit of ``steps`` updates: each asked for once, the first before the fit begins.

    >>> Factors(Step(drop=0.5, every=1), steps=4, per_epoch=2).of(1, 2)
    array([1. , 0.5])
    """

    AHEAD = 32  # of them are asked for at once

    def __init__(self, schedule: Schedule, steps: int, per_epoch: int) -> None:
        self.schedule, self.steps, self.per_epoch = schedule, steps, per_epoch
        self._begin = self._ask(0, min(self.AHEAD, steps))

    def of(self, first: int, n: int) -> np.ndarray:
        """Return the factors of ``n`` updates from number ``first`` on; ValueError if one of them is below 0."""
        known = self._begin[first : first + n]
        if len(known) < n:
            known = np.append(known, self._ask(first + len(known), n - len(known)))
        return known

    def _ask(self, first: int, n: int) -> np.ndarray:
        found = numbers("schedule", self.schedule.factors(np.arange(first, first + n), self.steps, self.per_epoch))
        if found.shape != (n,) or found.min() < 0:
            rule = f"{n} factors of the learning rate of at least 0, from {self.schedule}"
            raise ValueError(sentence("schedule", rule, found.tolist()))
        return found.astype(np.float64)


def resolve(spec: Any) -> Schedule:
    """Return the schedule that None, a name, a class, an object or a function of the step stands for."""
    if spec is None:
        return Constant()
    if isinstance(spec, str):
        return look_up("schedule", spec, SCHEDULES)()
    if isinstance(spec, type) and issubclass(spec, Schedule):
        return spec()
    if isinstance(spec, Schedule):
        return spec
    if callable(spec) and not isinstance(spec, type):
        return CustomSchedule(spec)
    raise TypeError(sentence("schedule", f"None, {one_of(SCHEDULES)}, a Schedule, or a function of the step", spec))


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": Step,
    "exponential": ExponentialDecay,
    "inverse_scaling": InverseScaling,
    "polynomial": Polynomial,
    "cosine": Cosine,
    "cosine_restarts": CosineRestarts,
    "one_cycle": OneCycle,
    "warmup": Warmup,
}
