"""Learning rates over a run: each schedule is a factor of ``learning_rate``, a function of progress.

A schedule covers one call of ``fit``: ``factors(step, steps, per_epoch)`` gives the factor at each ``step`` (an array
of whole numbers counted from 0) out of ``steps`` updates in all, ``per_epoch`` of them in each epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neural.errors import check_number, look_up, one_of, sentence


@dataclass(frozen=True)
class Schedule:
    """The root of schedules, for a user's own: give it ``factors``."""

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        """Return the factor of the learning rate at each step."""
        raise NotImplementedError(f"{type(self).__name__} needs a method factors(step, steps, per_epoch)")


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate throughout.

    >>> Constant().factors(np.arange(3), 3, per_epoch=1)
    array([1., 1., 1.])
    """

    def factors(self, step: np.ndarray, steps: int, per_epoch: int) -> np.ndarray:
        return np.ones(len(step))


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


def resolve(spec: Any) -> Schedule:
    """Return the schedule that None, a name, a class or an object stands for."""
    if spec is None:
        return Constant()
    if isinstance(spec, str):
        return look_up("schedule", spec, SCHEDULES)()
    if isinstance(spec, type) and issubclass(spec, Schedule):
        return spec()
    if isinstance(spec, Schedule):
        return spec
    raise TypeError(sentence("schedule", f"None, {one_of(SCHEDULES)}, or a Schedule", spec))


SCHEDULES: dict[str, type[Schedule]] = {"constant": Constant, "step": Step, "cosine": Cosine, "one_cycle": OneCycle}
