"""What a run of ``neural train`` is made from: its settings, checked, and the TOML file that repeats it."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import neural
from neural.activations import ACTIVATIONS
from neural.errors import check_number, guess, look_up, one_of, sentence
from neural.optimizers import OPTIMIZERS
from neural.tables import TASKS

MODEL, HISTORY, REPORT, REPEAT = "model.neural", "history.csv", "report.html", "run.toml"
LARGEST_TOML = 1 << 20  # bytes
WIDTHS = ((500, (16,)), (5_000, (32, 32)), (50_000, (64, 64)))  # of the hidden layers, below so many rows
WIDEST = (128, 128)
BATCHES = ((500, 16), (5_000, 32), (50_000, 128))  # rows an update, below so many rows
LARGEST_BATCH = 256
PATIENCES = ((5_000, 30), (50_000, 20))  # epochs without improvement, below so many rows
SHORTEST_PATIENCE = 10


@dataclass(frozen=True)
class Recipe:
    """The settings of a run; ``hidden``, ``batch_size``, ``patience`` that are None follow from the number of rows."""

    data: str
    target: str
    out: str = "run"
    task: str | None = None
    drop: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    weight: str | None = None
    seed: int = 0
    test: float = 0.15
    validation: float = 0.15
    hidden: tuple[int, ...] | None = None
    activation: str = "relu"
    dropout: float = 0.0
    optimizer: str = "adamw"
    learning_rate: float = 0.003
    batch_size: int | None = None
    epochs: int = 500
    patience: int | None = None
    data_sha256: str | None = None

    def __post_init__(self) -> None:
        for name, check in CHECKS.items():
            value = getattr(self, name)
            if value is not None or name in NEEDED:
                object.__setattr__(self, name, check(name, value))
        if self.test + self.validation > 0.5:
            raise ValueError(sentence("test + validation", "at most 0.5 of the rows", self.test + self.validation))

    def for_rows(self, n: int) -> Recipe:
        """Return the recipe with nothing open, for ``n`` rows to train on.

        >>> Recipe("data.csv", "y").for_rows(1000).hidden
        (32, 32)
        """
        hidden = self.hidden if self.hidden is not None else _below(n, WIDTHS, WIDEST)
        batch_size = self.batch_size or _below(n, BATCHES, LARGEST_BATCH)
        patience = _below(n, PATIENCES, SHORTEST_PATIENCE) if self.patience is None else self.patience
        return replace(self, hidden=hidden, batch_size=batch_size, patience=patience)

    def to_toml(self, folder: str) -> str:
        """Return the file that repeats this run, to be put into ``folder``."""
        lines = [f"# A run of neural {neural.__version__}. It is repeated bit for bit, on the same data, by"]
        lines += [f"#   neural train {REPEAT}", ""]
        settings = {**asdict(self), "data": self.data if self.data == "-" else _from(folder, self.data)}
        del settings["out"]
        lines += [f"{name} = {toml(value)}" for name, value in settings.items() if value is not None]
        return "\n".join(lines) + "\n"


NEEDED = {field.name for field in fields(Recipe) if "None" not in str(field.type)}


def _below(n: int, table: tuple[tuple[int, Any], ...], last: Any) -> Any:
    return next((value for rows, value in table if n < rows), last)


def _from(folder: str, path: str) -> str:
    """Return a path as seen from a folder; as it is where that cannot be said, on another drive."""
    try:
        return os.path.relpath(path, folder or ".").replace(os.sep, "/")
    except ValueError:
        return os.path.abspath(path)


def toml(value: Any) -> str:
    """Return a setting as a file of settings has it."""
    if isinstance(value, tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") if isinstance(value, str) else repr(value)


# --- checks --------------------------------------------------------------------------------------------------------
Check = Callable[[str, Any], Any]


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(sentence(what, "text", value))
    if any("\ud800" <= character <= "\udfff" for character in value):  # a file's name that is not UTF-8
        raise ValueError(sentence(what, "text in UTF-8", value))
    if "\0" in value:
        raise ValueError(sentence(what, "text without NUL", value))
    return value


def _texts(what: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(sentence(what, "a list of names of columns", value))
    return tuple(_text(f"a name in {what}", name) for name in value)


def _widths(what: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or len(value) > 20:
        raise ValueError(sentence(what, "a list of at most 20 widths, such as 32,16", value))
    return tuple(_number(f"a width in {what}", width, low=1, high=10_000, whole=True) for width in value)


def _number(what: str, value: Any, **bounds: Any) -> Any:
    try:
        return check_number(what, value, **bounds)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _between(low: float, high: float, whole: bool = False, strict: bool = False) -> Check:
    return lambda what, value: _number(what, value, low=low, high=high, whole=whole, strict=strict)


def _name(table: Mapping[str, Any]) -> Check:
    def check(what: str, value: Any) -> str:
        look_up(what, _text(what, value), table)
        return str(value)

    return check


OF_OUTPUTS = ("softmax",)  # activations that are for the last layer
STEPWISE = {name: row for name, row in OPTIMIZERS.items() if name != "lbfgs"}
CHECKS: dict[str, Check] = {
    "data": _text,
    "target": _text,
    "out": _text,
    "task": _name(dict.fromkeys(TASKS)),
    "drop": _texts,
    "category": _texts,
    "number": _texts,
    "weight": _text,
    "seed": _between(0, 2**31 - 1, whole=True),
    "test": _between(0, 0.5),
    "validation": _between(0, 0.5, strict=True),
    "hidden": _widths,
    "activation": _name({name: row for name, row in ACTIVATIONS.items() if name not in OF_OUTPUTS}),
    "dropout": _between(0, 0.95),
    "optimizer": _name(STEPWISE),
    "learning_rate": _between(0, 10, strict=True),
    "batch_size": _between(1, 10**9, whole=True),
    "epochs": _between(1, 10**7, whole=True),
    "patience": _between(0, 10**7, whole=True),
    "data_sha256": _text,
}


# --- reading -------------------------------------------------------------------------------------------------------
def from_toml(path: str, given: Mapping[str, Any]) -> Recipe:
    """Return the recipe in a file, with what was ``given`` besides in place of what it says.

    Paths in it are as seen from its folder. Raises OSError where there is none, ValueError for what is no recipe.
    """
    with open(path, "rb") as file:
        content = file.read(LARGEST_TOML + 1)
    if len(content) > LARGEST_TOML:
        raise ValueError(f"{path} must be a file of settings. It is larger than {LARGEST_TOML:,} bytes.")
    try:
        found = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"{path} must be a TOML file. {error}.") from None
    unknown = sorted(found.keys() - CHECKS.keys())
    if unknown:
        raise ValueError(f"{path}: " + sentence("a setting", one_of(CHECKS), unknown[0], guess(unknown[0], CHECKS)))
    lacking = [name for name in ("data", "target") if name not in found and name not in given]
    if lacking:
        raise ValueError(f"{path} must say what {' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'}.")
    if isinstance(found.get("data"), str) and found["data"] != "-":
        found["data"] = os.path.normpath(os.path.join(os.path.dirname(path), found["data"]))
    try:
        return Recipe(**{**found, **given})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
