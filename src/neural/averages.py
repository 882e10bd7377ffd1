"""Averages of the weights over the updates of a fit: less noisy than the last ones, and often better on new rows.

An average says which updates' weights enter it, and what share each of them has: mean = mean + share (w - mean). What
it remembers, and when the averaged weights take the place of the raw ones, is for updates.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neural.errors import check_number, look_up, one_of, sentence
from neural.frozen import Frozen
from neural.inputs import broadcast


@dataclass(frozen=True, repr=False, eq=False)
class Average(Frozen):
    """The root of averages, for a user's own: give it ``share``, and ``enters`` if not every update counts."""

    by_epoch: ClassVar[bool] = False  # needs to know how many updates an epoch has

    @property
    def of_one_fit(self) -> bool:
        """Whether each call of ``fit`` has an average of its own; otherwise the next one goes on with it."""
        return False

    def enters(self, step: np.ndarray, steps: int, per_epoch: int, before: int) -> np.ndarray:
        """Return whether the weights after each update enter the mean.

        ``step`` counts the updates of this fit, from 0, out of ``steps``, ``per_epoch`` of them in an epoch;
        ``before`` is the number of the network's epochs before this fit.
        """
        return np.ones(len(step), dtype=bool)

    def share(self, n: np.ndarray) -> np.ndarray:
        """Return the share, above 0 and up to 1, of the n-th weights that enter; that of the first is 1."""
        raise NotImplementedError(f"{type(self).__name__} needs a method share(n)")


@dataclass(frozen=True, repr=False, eq=False)
class EMA(Average):
    """mean_t = sum_i d^(t-i) w_i / sum_i d^(t-i): weights after each update, older ones counting less.

    Kept up by mean = mean + (1 - d) / (1 - d^t) (w - mean): the running mean d mean + (1 - d) w without its bias
    towards the start (as Adam's means: Kingma and Ba, 2015, section 3). About the last 1 / (1 - d) updates count: take
    a ``decay`` d for which that is a small part of them all. Averaging as such: Polyak and Juditsky, 1992.

    >>> EMA(0.5).share(np.arange(1, 4)).round(4)
    array([1.    , 0.6667, 0.5714])
    """

    decay: float = 0.999

    def __post_init__(self) -> None:
        if check_number("decay", self.decay, low=0, strict=True) >= 1:
            raise ValueError(sentence("decay", "above 0 and below 1", self.decay))

    def share(self, n: np.ndarray) -> np.ndarray:
        return np.asarray((1 - self.decay) / (1 - self.decay**n))


@dataclass(frozen=True, repr=False, eq=False)
class SWA(Average):
    """The plain mean of the weights at the end of each epoch of the last part (Izmailov et al., 2018).

    With ``each="update"``, after each update (Polyak and Juditsky, 1992). ``start`` is a fraction of the fit: 0.75
    takes in its last quarter, and the next fit has a mean of its own; or a whole number of the network's epochs after
    which it begins, and the next fit goes on. A fit that ends before ``start`` keeps its raw weights. It is meant for a
    rather high, constant rate over that part.

    >>> SWA(0.5).enters(np.arange(8), 8, per_epoch=2, before=0)
    array([False, False, False, False, False,  True, False,  True])
    """

    start: float = 0.75
    each: str = "epoch"

    by_epoch = True

    def __post_init__(self) -> None:
        if isinstance(self.start, int | np.integer):
            check_number("start", self.start, low=0, whole=True)
        elif check_number("start", self.start, low=0) >= 1:
            raise ValueError(
                sentence("start", "a fraction below 1 of the fit, or a whole number of epochs", self.start)
            )
        if self.each not in ("epoch", "update"):
            raise ValueError(sentence("each", one_of(("epoch", "update")), self.each))

    @property
    def of_one_fit(self) -> bool:
        return not isinstance(self.start, int | np.integer)

    def enters(self, step: np.ndarray, steps: int, per_epoch: int, before: int) -> np.ndarray:
        first = self.start * steps if self.of_one_fit else (self.start - before) * per_epoch
        ends = (step + 1) % per_epoch == 0 if self.each == "epoch" else True
        return np.asarray((step + 1 > first) & ends)

    def share(self, n: np.ndarray) -> np.ndarray:
        return np.asarray(1 / n)


@dataclass(frozen=True, repr=False, eq=False)
class Averaging(Frozen):
    """An average laid out over one fit, before which the network has made ``first`` updates and ``before`` epochs."""

    average: Average
    first: int
    before: int
    steps: int
    per_epoch: int

    def shares(self, step: int, n: int, entered: int) -> np.ndarray:
        """Return the share of the weights after each of ``n`` updates, 0 where they do not enter.

        ``step`` is the number of the network's updates before them, ``entered`` how many the mean is made of so far.
        """
        steps = np.arange(step - self.first, step - self.first + n)
        enters = self.average.enters(steps, self.steps, self.per_epoch, self.before)
        enters = broadcast(f"what {self.average}.enters returns", enters, (n,)).astype(bool)
        numbers = np.maximum(entered + np.cumsum(enters), 1)
        shares = broadcast(f"what {self.average}.share returns", self.average.share(numbers), (n,))
        wrong = enters & ~((shares > 0) & (shares <= 1))
        if wrong.any():
            rule = "above 0 and up to 1"
            raise ValueError(sentence(f"what {self.average}.share returns", rule, float(shares[wrong][0])))
        return np.where(enters, np.where(numbers == 1, 1.0, shares), 0.0)


def resolve(spec: Any) -> Average | None:
    """Return the average that None, a name, a class or an object stands for.

    >>> resolve("ema") == resolve(EMA) == EMA()
    True
    """
    if spec is None:
        return None
    if isinstance(spec, str):
        return look_up("average", spec, AVERAGES)()
    chosen = spec() if isinstance(spec, type) and issubclass(spec, Average) else spec
    if not isinstance(chosen, Average):
        raise TypeError(sentence("average", f"None, {one_of(AVERAGES)}, or an Average", spec))
    return chosen


AVERAGES: dict[str, type[Average]] = {"ema": EMA, "swa": SWA}
