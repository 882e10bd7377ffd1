"""Layers, activations, losses, optimizers and schedules as plain values that become JSON, and back.

An object is ``{"kind": "layer", "name": "DenseLayer", "settings": {...}}``. The name is looked up in the table of its
kind, and nowhere else: no module is imported for it. What is not ours has ``"own": true`` besides, and comes back only
from the classes and functions that the caller hands in by name.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural import activations, initializers, losses, optimizers, schedules
from neural.activation import Activation
from neural.activations import ACTIVATIONS, CustomActivation
from neural.averages import AVERAGES, Average
from neural.errors import check_number, one_of, sentence
from neural.layer import Layer
from neural.layers import LAYERS
from neural.losses import LOSSES
from neural.optimizers import OPTIMIZERS, Optimizer
from neural.schedules import SCHEDULES, CustomSchedule, Schedule

Custom = Mapping[str, Any]
Arrays = list[np.ndarray]

STARTS: dict[str, Any] = {
    "constant": initializers.Constant,
    "truncated_normal": initializers.TruncatedNormal,
    "orthogonal": initializers.Orthogonal,
    "given": initializers.Given,
}
RATES = ("rate_factor", "l1", "l2")  # of layers: anybody may set them, also where ``__init__`` does not take them


# --- to plain values -----------------------------------------------------------------------------------------------
def to_config(value: Any, arrays: Arrays | None = None) -> Any:
    """Return an object, or a list of them, as plain values.

    Arrays among the settings go to the list ``arrays``, and their numbers in it stand in their place; without such a
    list they are refused. So is what is neither an object of a known kind nor plain: TypeError.

    >>> to_config(activations.LeakyReLU(0.2))
    {'kind': 'activation', 'name': 'leaky_relu', 'settings': {'slope': 0.2}}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, list | tuple):
        return [to_config(item, arrays) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and arrays is not None:
        arrays.append(value.astype(np.float64))
        return {"array": len(arrays) - 1}
    for kind, family in FAMILIES.items():
        if isinstance(value, family.roots):
            return family.describe(kind, value, arrays)
    if callable(value):
        return {"kind": "function", "name": _name_of(value), "own": True, "settings": {}}
    rule = "numbers, text, lists, or objects of the package's tables, to be written into a file"
    raise TypeError(sentence("a setting", rule, value))


def _name_of(value: Any) -> str:
    return str(getattr(value, "__name__", type(value).__name__))


@dataclass(repr=False, eq=False)
class Family:
    """What is known of a kind: its table, its roots, and how an object of the user's own is made again."""

    table: Mapping[str, Any]
    roots: tuple[type, ...]
    own: Callable[[str, Any, dict[str, Any]], Any]
    rates: tuple[str, ...] = ()

    def describe(self, kind: str, value: Any, arrays: Arrays | None) -> dict[str, Any]:
        """Return an object of this kind as plain values."""
        value, found = getattr(value, "own_loss", value), dict[str, Any](kind=kind)
        names = [name for name, row in self.table.items() if row is type(value)]
        if names:
            found |= {"name": names[0]}
        else:
            own = value.name if isinstance(value, CustomActivation) else None
            function = value.function if isinstance(value, CustomSchedule) else value
            found |= {"name": own or _name_of(function), "own": True}
        settings = {name: to_config(setting, arrays) for name, setting in self.settings(value).items()}
        return {**found, "settings": settings}

    def settings(self, value: Any) -> dict[str, Any]:
        """Return what the object's ``__init__`` takes, and its rates where they are not the class's."""
        if isinstance(value, CustomActivation | CustomSchedule):
            return {}
        has = settings_of(value)
        taken = {name: has[name] for name in parameters_of(type(value)) if name in has}
        missing = [name for name, needed in parameters_of(type(value)).items() if needed and name not in has]
        if missing:
            rule = f"attributes under these names, as its __init__ takes {', '.join(missing)}"
            raise TypeError(sentence(f"the settings of {type(value).__name__}", rule, sorted(has)))
        rates = {n: getattr(value, n) for n in self.rates if getattr(value, n, None) != getattr(type(value), n, None)}
        return {**taken, **{name: rate for name, rate in rates.items() if name not in taken}}


def settings_of(value: Any) -> dict[str, Any]:
    """Return what tells an object from another of its class."""
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if callable(getattr(value, "settings", None)):
        return dict(value.settings())
    return {name: setting for name, setting in vars(value).items() if name[0] != "_"}


def parameters_of(kind: type) -> dict[str, bool]:
    """Return the names of what ``__init__`` takes, and whether it must be given."""
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    found = list(inspect.signature(kind).parameters.values()) if kind.__init__ is not object.__init__ else []  # type: ignore[misc]
    return {p.name: p.default is p.empty for p in found if p.kind in by_name}


# --- and back ------------------------------------------------------------------------------------------------------
def from_config(config: Any, arrays: Arrays | None = None, custom: Custom | None = None) -> Any:
    """Return what :func:`to_config` was given; ``custom`` has the classes and functions that are not ours, by name.

    Raises ValueError or TypeError for a name that is not there, a setting that is not taken, or a value that is not
    allowed.

    >>> from_config({"kind": "activation", "name": "leaky_relu", "settings": {"slope": 0.2}})
    LeakyReLU(slope=0.2)
    """
    if isinstance(config, list):
        return [from_config(item, arrays, custom) for item in config]
    if not isinstance(config, dict):
        return config
    if list(config) == ["float"] and config["float"] in ("inf", "-inf", "nan"):
        return float(config["float"])
    if list(config) == ["array"]:
        return _array(config["array"], arrays or [])
    return _object(config, arrays, custom or {})


def _array(number: Any, arrays: Arrays) -> np.ndarray:
    if type(number) is not int or not 0 <= number < len(arrays):
        raise ValueError(sentence("an array", f"one of the {len(arrays)} that there are", number))
    return arrays[number]


def _object(config: dict[str, Any], arrays: Arrays | None, custom: Custom) -> Any:
    keys = ["kind", "name", "own", "settings"] if "own" in config else ["kind", "name", "settings"]
    if list(config) != keys or config.get("own", True) is not True:
        raise ValueError(sentence("an object", f"described by {', '.join(keys)}", config))
    kind, name, settings = config["kind"], config["name"], config["settings"]
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise ValueError(sentence("kind", one_of(FAMILIES), kind))
    if not isinstance(name, str) or not isinstance(settings, dict):
        raise TypeError(sentence(f"a {kind}", "described by a name and settings", config))
    family, found = FAMILIES[kind], {k: from_config(v, arrays, custom) for k, v in settings.items()}
    rates = {k: found.pop(k) for k in family.rates if k in found and k not in _taken(family, config, custom)}
    made = family.own(name, handed_in(kind, name, custom), found) if "own" in config else _ours(family, config, found)
    for rate, number in rates.items():
        setattr(made, rate, check_number(rate, number, low=0))
    _check_settings(family, config, made, arrays)
    return made


def _taken(family: Family, config: dict[str, Any], custom: Custom) -> dict[str, bool]:
    found = custom.get(config["name"]) if "own" in config else family.table.get(config["name"])
    return parameters_of(found) if isinstance(found, type) else {}


def _ours(family: Family, config: dict[str, Any], settings: dict[str, Any]) -> Any:
    kind, name = config["kind"], config["name"]
    if name not in family.table:
        raise ValueError(sentence(f"the name of a {kind}", one_of(family.table), name))
    made = family.table[name]
    unknown = settings.keys() - parameters_of(made).keys()
    if unknown:
        raise ValueError(sentence(f"a setting of {name}", one_of(parameters_of(made)), sorted(unknown)[0]))
    return made(**settings)


def handed_in(kind: str, name: str, custom: Custom) -> Any:
    """Return the caller's own class or function of that name; ValueError that says how to hand it in."""
    if name not in custom:
        step = f"Hand it in, if you trust it: custom={{{name!r}: ...}}."
        raise ValueError(sentence(f"a {kind} that is not of this package", "handed in by its name", name, step))
    return custom[name]


def _check_settings(family: Family, config: dict[str, Any], made: Any, arrays: Arrays | None) -> None:
    """Raise ValueError if the object would not be described as it was: for True in place of 1, or an unknown key."""
    again = family.describe(config["kind"], made, [])["settings"]
    for name, setting in config["settings"].items():
        if name not in again or not _same(setting, again[name], arrays):
            got = f"{name} = {setting!r}"
            raise ValueError(sentence(f"the settings of {config['name']}", f"such as {again}", got))


def _same(given: Any, made: Any, arrays: Arrays | None) -> bool:
    if isinstance(given, dict) and list(given) == ["array"]:
        return isinstance(made, dict) and list(made) == ["array"]
    if isinstance(given, list) and isinstance(made, list):
        return len(given) == len(made) and all(_same(a, b, arrays) for a, b in zip(given, made, strict=True))
    if isinstance(given, dict) and isinstance(made, dict) and "settings" in given:
        alike = given["kind"] == "function" or given["name"] == made.get("name")
        return alike and given["kind"] == made.get("kind")  # its own settings were checked in its own turn
    return bool(given == made and isinstance(given, bool) == isinstance(made, bool))


# --- what is the user's own ----------------------------------------------------------------------------------------
def _own_object(name: str, given: Any, settings: dict[str, Any]) -> Any:
    if isinstance(given, type):
        return given(**settings)
    return given


def _own_layer(name: str, given: Any, settings: dict[str, Any]) -> Layer:
    if not isinstance(given, type) or not issubclass(given, Layer):
        raise TypeError(sentence(f"custom[{name!r}]", "a class of layers", given))
    return given(**settings)


def _own_activation(name: str, given: Any, settings: dict[str, Any]) -> Activation:
    if isinstance(given, type) and issubclass(given, Activation) and settings:
        return given(**settings)
    found = activations.resolve(given)
    if isinstance(found, CustomActivation):
        found.name = name  # the one that it was given may have been another than its function's
    return found


def _own_loss(name: str, given: Any, settings: dict[str, Any]) -> Any:
    return losses.resolve(_own_object(name, given, settings))


def _own_schedule(name: str, given: Any, settings: dict[str, Any]) -> Schedule:
    return schedules.resolve(_own_object(name, given, settings) if settings else given)


def _own_optimizer(name: str, given: Any, settings: dict[str, Any]) -> Optimizer:
    return optimizers.resolve(_own_object(name, given, settings))


def _own_function(name: str, given: Any, settings: dict[str, Any]) -> Any:
    if not callable(given):
        raise TypeError(sentence(f"custom[{name!r}]", "a function", given))
    return given


FAMILIES: dict[str, Family] = {
    "layer": Family(LAYERS, (Layer,), _own_layer, RATES),
    "activation": Family(ACTIVATIONS, (Activation,), _own_activation),
    "loss": Family(LOSSES, (losses.Loss,), _own_loss),
    "optimizer": Family(OPTIMIZERS, (Optimizer,), _own_optimizer),
    "average": Family(AVERAGES, (Average,), _own_object),
    "schedule": Family(SCHEDULES, (Schedule,), _own_schedule),
    "start": Family(STARTS, tuple(STARTS.values()), _own_object),
    "function": Family({}, (), _own_function),  # such as a start of the user's own
}
