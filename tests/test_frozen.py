"""Settings: frozen dataclasses with a repr, == and hash in common, as ``@dataclass(frozen=True)`` would make them."""

import copy
import dataclasses
import pickle
from dataclasses import dataclass, field, fields

import pytest

from neural import Augment
from neural.averages import AVERAGES, Average
from neural.frozen import Frozen
from neural.initializers import Constant, Orthogonal, TruncatedNormal
from neural.optimizers import OPTIMIZERS, Adam, Optimizer
from neural.schedules import SCHEDULES, Cosine, Schedule, Warmup

SETTINGS = [
    *(kind() for table in (AVERAGES, OPTIMIZERS, SCHEDULES) for kind in table.values()),
    *(Constant(0.5), Orthogonal(), TruncatedNormal(), Warmup(3, Cosine(0.1)), Augment((2, 2), flip=True)),
]
NAMES = [type(value).__name__ for value in SETTINGS]


@dataclass(frozen=True, repr=False, eq=False)
class Ours(Frozen):
    a: int
    b: object = None
    c: int = field(default=0, compare=False)
    d: int = field(default=0, repr=False)


@dataclass(frozen=True)
class Theirs:
    a: int
    b: object = None
    c: int = field(default=0, compare=False)
    d: int = field(default=0, repr=False)


GIVEN = [(1,), (2,), (1, "x"), (1, None, 5), (1, None, 0, 5), (float("nan"),)]


def test_the_three_are_what_dataclass_writes():
    ours, theirs = [Ours(*given) for given in GIVEN], [Theirs(*given) for given in GIVEN]
    assert [repr(value) for value in ours] == [repr(value).replace("Theirs", "Ours") for value in theirs]
    assert [hash(value) for value in ours] == [hash(value) for value in theirs]
    for i in range(len(GIVEN)):
        for j in range(len(GIVEN)):
            assert (ours[i] == ours[j]) is (theirs[i] == theirs[j])
    assert Ours(1).__eq__(Theirs(1)) is NotImplemented
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        hash(Ours([]))


@pytest.mark.parametrize("value", SETTINGS, ids=NAMES)
def test_settings_stay_as_they_are(value):
    for name in (*(each.name for each in fields(value)), "another"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, 1)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(value, name)


@pytest.mark.parametrize("value", SETTINGS, ids=NAMES)
def test_copies_are_equal(value):
    copies = [copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value)), dataclasses.replace(value)]
    for other in copies:
        assert other == value
        assert hash(other) == hash(value)
        assert repr(other) == repr(value)


def test_none_is_equal_to_another():
    for value in SETTINGS:
        assert [other for other in SETTINGS if other == value] == [value]
    assert Adam(0.5) != Adam()
    assert len({Adam(0.5), Adam(), Adam(0.9)}) == 2


@pytest.mark.parametrize("root", [Adam, Average, Cosine, Optimizer, Schedule], ids=lambda root: root.__name__)
def test_a_users_own_is_a_plain_frozen_dataclass(root):
    @dataclass(frozen=True)
    class Own(root):
        bias: float = 0.5

    assert Own() == Own(bias=0.5) != Own(bias=1.0)
    assert hash(Own()) == hash(Own())
    assert repr(Own()).endswith("bias=0.5)")
    with pytest.raises(dataclasses.FrozenInstanceError):
        Own().bias = 1.0

    class Undecorated(root):
        """Has the fields of its root, and no others."""

    assert Undecorated() == Undecorated() != root()
    assert repr(Undecorated()).split("(")[0].endswith("Undecorated")
