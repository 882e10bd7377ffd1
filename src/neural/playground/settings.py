"""What may be chosen on the page, and within what bounds: one table, which the page reads as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from neural.activations import ACTIVATIONS
from neural.errors import check_number, guess, look_up, one_of, sentence
from neural.optimizers import OPTIMIZERS
from neural.schedules import SCHEDULES

TOYS = ("moons", "circles", "spirals", "xor")
DATA = (*TOYS, "csv", "fashion")
CHOICES: dict[str, tuple[str, ...]] = {
    "data": DATA,
    "activation": tuple(name for name in ACTIVATIONS if name not in ("softmax", "exponential")),
    "optimizer": tuple(name for name, kind in OPTIMIZERS.items() if not kind.whole),
    "schedule": tuple(SCHEDULES),
}
BOUNDS: dict[str, dict[str, Any]] = {  # as check_number takes them
    "samples": {"low": 20, "high": 10000, "whole": True},
    "noise": {"low": 0, "high": 1},
    "test_fraction": {"low": 0.1, "high": 0.5},
    "data_seed": {"low": 0, "high": 2**31 - 1, "whole": True},
    "seed": {"low": 0, "high": 2**31 - 1, "whole": True},
    "units": {"low": 1, "high": 64, "whole": True},
    "dropout": {"low": 0, "high": 0.9},
    "learning_rate": {"low": 0, "high": 100},
    "epochs": {"low": 1, "high": 100000, "whole": True},
    "batch_size": {"low": 1, "high": 10000, "whole": True},
    "l1": {"low": 0, "high": 100},
    "l2": {"low": 0, "high": 100},
}
MOST_LAYERS = 6
MOST_TEXT = 200  # characters of a column's name
OF_TRAINING = ("optimizer", "learning_rate", "schedule", "epochs", "batch_size", "l1", "l2")  # may change on the way


@dataclass(frozen=True)
class Hidden:
    """A hidden layer: how many units, and what follows them."""

    units: int
    activation: str


@dataclass(frozen=True)
class Settings:
    """Everything that the data, the network and its training follow from.

    >>> Settings.of({"data": "xor", "noise": 0.1}).noise
    0.1
    >>> Settings.of({"noise": 7})
    Traceback (most recent call last):
    ValueError: noise must be a finite number of at least 0 and of at most 1. Got 7.
    """

    data: str = "moons"
    samples: int = 300
    noise: float = 0.2
    test_fraction: float = 0.25
    data_seed: int = 0
    columns: tuple[str, ...] = ()  # of a CSV file: the two inputs, and the class
    target: str = ""
    hidden: tuple[Hidden, ...] = (Hidden(6, "tanh"), Hidden(4, "tanh"))
    dropout: float = 0.0
    seed: int = 0
    optimizer: str = "adam"
    learning_rate: float = 0.01
    schedule: str = "constant"
    epochs: int = 1000
    batch_size: int = 16
    l1: float = 0.0
    l2: float = 0.0

    @classmethod
    def of(cls, given: Any) -> Settings:
        """Return settings from plain values as the page sends them; what is left out is as at the start."""
        if not isinstance(given, Mapping):
            raise TypeError(sentence("settings", "an object with a value for each name", given))
        names = [field.name for field in fields(cls)]
        for name in given:
            if name not in names:
                raise ValueError(sentence("a setting", one_of(names), name, guess(str(name), names)))
        return cls(**{name: _checked(name, value) for name, value in given.items()})

    def plain(self) -> dict[str, Any]:
        """Return plain values, from which ``of`` makes the same settings."""
        return asdict(self)

    def training(self) -> dict[str, Any]:
        """Return those that may be changed while a network trains."""
        return {name: getattr(self, name) for name in OF_TRAINING}

    def same_network(self, other: Settings) -> bool:
        """Return whether data and network are those of the other settings: nothing but the training differs."""
        return replace(self, **other.training()) == other


def _checked(name: str, value: Any) -> Any:
    if name == "hidden":
        return _hidden(value)
    if name in CHOICES:
        return _choice(name, value)
    if name in ("columns", "target"):
        return _texts(value) if name == "columns" else _text(name, value)
    return check_number(name, value, **BOUNDS[name])


def _choice(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(sentence(name, one_of(CHOICES[name]), value))
    return look_up(name, value, {choice: choice for choice in CHOICES[name]})


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        raise TypeError(sentence(name, f"text of at most {MOST_TEXT} characters", value))
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) not in (0, 2):
        raise TypeError(sentence("columns", "the names of two columns", value))
    return tuple(_text("a column", name) for name in value)


def _hidden(value: Any) -> tuple[Hidden, ...]:
    if not isinstance(value, list | tuple) or len(value) > MOST_LAYERS:
        raise TypeError(sentence("hidden", f"a list of at most {MOST_LAYERS} layers", value))
    layers = []
    for number, layer in enumerate(value, 1):
        if not isinstance(layer, Mapping) or set(layer) != {"units", "activation"}:
            raise TypeError(sentence(f"hidden layer {number}", "an object with units and activation", layer))
        units = check_number(f"the units of hidden layer {number}", layer["units"], **BOUNDS["units"])
        layers.append(Hidden(units, _choice("activation", layer["activation"])))
    return tuple(layers)
