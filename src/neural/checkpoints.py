"""Fits that survive being killed: all that a fit is, in a file, and going on from it to the same bits.

A checkpoint is a model file with more tensors: the optimizer's memory, what callbacks remember, the history, and the
place in the epoch. Random numbers need none of that, as each is a function of its place.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from neural import atomic, model_file
from neural.callbacks import Callback, Progress
from neural.config import Custom, from_config, to_config
from neural.container import Tensors, canonical
from neural.errors import ModelFileError, check_number, sentence, show
from neural.metrics import Metric
from neural.model_file import Contents
from neural.sources import Parts

ROWS = 1024  # of X that tell one data set from another
DATA = TRAINING, VALIDATION = "the training data", "the validation data"  # known by digests
STREAMS = ("seed", "epoch", "step")  # of a network's description: they are another's after each epoch
SAVED = "The fit is saved in"
FREE = ("time_limit", "saving", "factors")  # settings of a fit that may change when it goes on
COUNTS = ("epoch", "done", "before", "passes", "rate", "rate_factor", "numbers")  # of a fit in progress
FIT: dict[str, tuple[type, ...]] = {  # the state of a fit
    **dict.fromkeys(("epoch", "done", "before", "passes", "first"), (int,)),
    **dict.fromkeys(("rate", "rate_factor"), (int, float)),
    **dict.fromkeys(("numbers", "history", "callbacks"), (dict,)),
    **dict.fromkeys(("losses", "penalties"), (np.ndarray,)),
    "stopped": (str,),
}


def say_how_to_go_on(error: BaseException, place: str | os.PathLike[str]) -> None:
    """Add a note to Ctrl-C, shown below the traceback: where the fit is saved, if it is, and how it goes on."""
    said = any(note.startswith(SAVED) for note in getattr(error, "__notes__", ()))
    if isinstance(error, KeyboardInterrupt) and os.path.exists(place) and not said:
        error.add_note(f"{SAVED} {os.fspath(place)!r}: the same call with resume=True goes on from there.")


class Saving:
    """When and where a fit is saved: each ``every`` epochs, or so much of an epoch; and what it goes on from."""

    def __init__(self, path: Any, every: Any, resume: Any) -> None:
        self.path = atomic.file_path(path)
        whole = not isinstance(every, float | np.floating) or every >= 1
        low = 1 if whole else 0
        self.every: float = check_number("every", every, low=low, strict=not whole, whole=bool(whole))
        atomic.sweep(self.path)
        self.contents = model_file.read(self.path) if resume and os.path.exists(self.path) else None
        if self.contents is not None and "fit" not in self.contents.training:
            step = "It is a model: neural.load reads it."
            raise ValueError(sentence("checkpoint", "the file of a fit, to go on from it", self.path, step))

    @classmethod
    def from_arguments(cls, checkpoint: Any, every: Any, resume: Any) -> Saving | None:
        """Return what the arguments of a fit ask for; ValueError for ``resume`` without a file to go on from."""
        check_resume(checkpoint, resume)
        return None if checkpoint is None else cls(checkpoint, every, resume)

    def say_how_to_go_on(self, error: BaseException) -> None:
        """Add to Ctrl-C where the fit is saved."""
        say_how_to_go_on(error, self.path)

    def seed(self, otherwise: int) -> int:
        """Return the seed of the fit that goes on, or else the one given."""
        return otherwise if self.contents is None else int(self.contents.network["seed"])

    def updates(self, per_epoch: int) -> int | None:
        """Return after how many updates of an epoch it is saved within one; None if only after whole ones."""
        return max(1, round(self.every * per_epoch)) if self.every < 1 else None

    def epochs_left(self, epoch: int) -> int:
        """Return how many epochs may be run until it has to be saved, at least one."""
        every = max(1, int(self.every))
        return every - epoch % every

    def is_due(self, epoch: int) -> bool:
        return epoch % max(1, int(self.every)) == 0

    # --- is it the same fit? ---------------------------------------------------------------------------------------
    def check(self, network: Any, settings: Any, data: Any, validation: Any) -> None:
        """Raise ValueError unless the file is of this very fit, if there is one to go on from."""
        if settings.optimizer.whole:
            step = "What SciPy has in hand cannot be saved."
            raise ValueError(sentence("checkpoint", f"None with {settings.optimizer}", self.path, step))
        self.asked = asked_for(network, settings, data, validation)
        if self.contents is None:
            return
        step = f"To begin anew, set resume=False or name another file than {self.path}."
        arrays: list[np.ndarray] = []
        ours = model_file.describe(network, arrays)
        found = {name: self.contents.network.get(name) for name in ours} | self.contents.training["asked"]
        if network.seed_is_given and ours["seed"] != found["seed"]:
            raise ValueError(f"random_state must be as in the fit that goes on. Got one of another seed. {step}")
        ours |= self.asked
        for name in [name for name in ours | found if name not in STREAMS]:
            if found.get(name) != ours.get(name):
                raise ValueError(f"{difference(name, found.get(name), ours.get(name))} {step}")
        if not all(map(np.array_equal, arrays, model_file.arrays_of(self.contents.tensors))):
            raise ValueError(f"The arrays that the layers were made with must be as in the fit that goes on. {step}")

    # --- to the file -----------------------------------------------------------------------------------------------
    def save(self, training: Any, place: dict[str, Any]) -> None:
        """Write the network, what it remembers, and what a fit has come to, with its place in the epoch."""
        tensors: Tensors = {}
        network, fit = training.network, {**state_of(training), **place}
        state = {field.name: getattr(network.state, field.name) for field in dataclasses.fields(network.state)}
        parts = {"state": state, "fit": fit}
        packed = {name: pack(part, f"training.{name}", network, tensors) for name, part in parts.items()}
        text = canonical({"asked": self.asked, **packed})
        model_file.save(network, self.path, training=text, tensors=tensors)

    # --- and back --------------------------------------------------------------------------------------------------
    def restore(self, training: Any) -> dict[str, Any]:
        """Give the fit and its network what the file says, and return the state of the fit."""
        assert self.contents is not None
        network, tensors = training.network, self.contents.tensors
        params = np.zeros_like(network.params)
        try:
            for name, view in model_file.named(network, params).items():
                model_file.check_tensor(name, tensors[name], view.shape, view.dtype)
                view[...] = tensors[name]
            state = remembered(network, self.contents)
            fit = {"passes": 0} | unpack(self.contents.training["fit"], network, tensors)  # older files have none
            if fit.keys() != FIT.keys() or not all(isinstance(fit[name], kinds) for name, kinds in FIT.items()):
                raise ValueError(sentence("the state of a fit", ", ".join(FIT), list(fit)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelFileError(f"{self.path}: {type(error).__name__}: {error}") from error
        network.params[:], network.seed = params, state["seed"]
        vars(network.state).update(state)
        give_back(training, fit)
        return dict(fit)


def check_resume(checkpoint: Any, resume: Any) -> None:
    """Raise unless ``resume`` is True or False, and False where there is nothing to go on from."""
    if not isinstance(resume, bool | np.bool_):
        raise TypeError(sentence("resume", "True or False", resume))
    if resume and checkpoint is None:
        raise ValueError(sentence("resume", "False without a checkpoint", True, "Give checkpoint=, a path, as well."))


def difference(name: str, old: Any, new: Any) -> str:
    """Return in what a setting differs from that of the fit that goes on, by its own name and both of its values.

    >>> old, new = ({"kind": "optimizer", "name": "adam", "settings": {"beta1": beta}} for beta in (0.9, 0.8))
    >>> difference("optimizer", old, new)
    'optimizer.beta1 must be as in the fit that goes on, 0.9. Got 0.8.'
    >>> difference("layers", [old], [])
    "layers must be as in the fit that goes on, ['adam']. Got []."
    """
    if name in DATA:
        got = "none" if new is None else "some" if old is None else "others (rows, targets or weights)"
        return f"{name} must be as in the fit that goes on. Got {got}."
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        k = next(k for k in range(len(old)) if old[k] != new[k])
        return difference(f"{name}[{k}]", old[k], new[k])
    if _is_object(old) and _is_object(new) and old["name"] == new["name"]:
        old, new = old["settings"], new["settings"]
        key = next(key for key in new | old if old.get(key) != new.get(key))
        return difference(f"{name}.{key}", old.get(key), new.get(key))
    return sentence(name, f"as in the fit that goes on, {show(_shortly(old))}", _shortly(new))


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and {"name", "settings"} <= value.keys() and isinstance(value["settings"], dict)


def _shortly(value: Any) -> Any:
    """Return a plain value with the names of objects in place of them."""
    if isinstance(value, list):
        return [_shortly(item) for item in value]
    return value["name"] if _is_object(value) else value


def asked_for(network: Any, settings: Any, data: Any, validation: Any) -> dict[str, Any]:
    """Return what was asked of a fit, as plain values."""
    fields = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    fields["callbacks"] = lasting(settings.callbacks)
    found = {name: plain(value) for name, value in fields.items() if name not in FREE}
    return {
        **found,
        TRAINING: digest(data),
        VALIDATION: None if validation is None else digest(validation),
    }


def plain(value: Any) -> Any:
    """Return a setting as plain values: of what is none, the name of its class or function."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    try:
        return to_config(value) if not callable(value) else type(value).__name__
    except TypeError:
        if dataclasses.is_dataclass(value) and not isinstance(value, Metric):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        name = str(getattr(value, "name", type(value).__name__))
        ours = isinstance(value, Callback) and type(value).__module__.startswith("neural.")  # others may keep anything
        return f"{name}({_settings_of(value)})" if ours else name


def _settings_of(callback: Callback) -> str:
    """Return the plain arguments that a callback was made with, as far as it keeps them under their names."""
    kept = {name: vars(callback).get(name) for name in inspect.signature(type(callback)).parameters}
    return ", ".join(f"{name}={value}" for name, value in kept.items() if isinstance(value, bool | int | float | str))


def digest(data: Any) -> str:
    """Return a few digits that tell these rows, targets and weights from others: all targets, and rows here and there.

    All rows would take longer to read than an epoch takes to train on them. Of rows that are elsewhere it is known.
    """
    if isinstance(data, Parts):
        return data.digest()
    if hasattr(data, "digest"):
        return str(data.digest)
    import hashlib

    found, step = hashlib.sha256(), max(1, len(data) // ROWS)
    for part in (data.X[::step], data.y, data.weights):
        if part is not None:
            found.update(f"{part.dtype} {part.shape} {len(data)}".encode())
            found.update(np.ascontiguousarray(part).data)
    return found.hexdigest()[:16]


def remembered(
    network: Any, contents: Contents, custom: Custom | None = None, *, objects: bool = False
) -> dict[str, Any]:
    """Return what a file says that a network remembers between fits; with ``objects`` the optimizer as well."""
    state = contents.training["state"].items()
    found = {name: unpack(value, network, contents.tensors, custom, objects=objects) for name, value in state}
    known = {field.name for field in dataclasses.fields(network.state)}
    if found.keys() - known or "memory" not in found or "seed" not in found:  # an older file may lack what came later
        raise ValueError(sentence("what a network remembers", ", ".join(sorted(known)), sorted(found)))
    found = {name: value for name, value in found.items() if value is not KEPT}
    for name, value in found.items():
        _check_remembered(network, name, value, getattr(network.state, name))
    optimizer = found.get("optimizer", network.state.optimizer)
    if optimizer is not None and found["memory"].keys() != optimizer.fresh_memory(network.params).keys():
        raise ValueError(sentence("the memory", f"that of {optimizer}", list(found["memory"])))
    return found


def _check_remembered(network: Any, name: str, value: Any, before: Any) -> None:
    """Raise unless a field is what it is in every network: a count, vectors by name, a vector, or None."""
    if isinstance(before, int):
        check_number(name, value, low=0, whole=True)
    for vector in value.values() if isinstance(before, dict) else [value]:
        if isinstance(vector, np.ndarray) and (vector.shape, vector.dtype) != (network.params.shape, network.dtype):
            raise ValueError(sentence(name, "as long as the parameters", vector))
        if isinstance(before, dict) and not isinstance(vector, np.ndarray):
            raise TypeError(sentence(name, "vectors by name", value))


def recall(network: Any, contents: Contents, custom: Custom | None) -> None:
    """Give a network that was read from a checkpoint what it remembers between fits."""
    try:
        vars(network.state).update(remembered(network, contents, custom, objects=True))
        network.state.show(network.params)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"{os.fspath(contents.path)}: {type(error).__name__}: {error}") from error


# --- states as plain values and tensors ----------------------------------------------------------------------------
KEPT: Any = object()  # in the place of an object that is there already


def pack(value: Any, name: str, network: Any, tensors: Tensors) -> Any:
    """Return a state as plain values; arrays go to ``tensors``, vectors like ``params`` by layer and name."""
    if isinstance(value, dict):
        odd = [key for key in value if not isinstance(key, str)]
        if odd:
            raise TypeError(sentence(f"a name in {name}", "text, to be written into a file", odd[0]))
        packed = {key: pack(item, f"{name}.{key}", network, tensors) for key, item in value.items()}
        return {"names": [*map(list, packed.items())]} if _stands_for_something(value) else packed
    if not isinstance(value, np.ndarray):
        return to_config(value)
    if value.dtype.kind not in "iubf":
        raise TypeError(sentence(name, "an array of numbers, to be written into a file", value))
    if name in tensors:
        raise ValueError(sentence("the names in a state", "different, with points between those of inner ones", name))
    params = network.params
    best = name.endswith(".best_params") and (value.shape, value.dtype) == (params.shape, params.dtype)
    if name.startswith("training.state.") or best:  # no other is one, whatever its length
        tensors.update({f"{name}.{key}": view for key, view in model_file.named(network, value).items()})
        return {"vector": name}
    if value.size:
        tensors[name] = value.astype(np.int64 if value.dtype.kind in "iub" else np.float64)
    return {"tensor": name, "shape": list(value.shape)}


def _stands_for_something(value: dict[str, Any]) -> bool:
    """Return whether :func:`unpack` would take a dictionary of these names for something else."""
    return "kind" in value or list(value) in (["names"], ["vector"], ["tensor", "shape"], ["float"])


def unpack(value: Any, network: Any, tensors: Tensors, custom: Custom | None = None, *, objects: bool = False) -> Any:
    """Return what :func:`pack` was given; of objects only those asked for."""
    if not isinstance(value, dict):
        return from_config(value)
    if list(value) == ["names"]:
        return {key: unpack(item, network, tensors, custom, objects=objects) for key, item in value["names"]}
    if list(value) == ["vector"]:
        found = np.zeros_like(network.params)
        for key, view in model_file.named(network, found).items():
            name = f"{value['vector']}.{key}"
            model_file.check_tensor(name, tensors[name], view.shape, view.dtype)
            view[...] = tensors[name]
        return found
    if list(value) == ["tensor", "shape"]:
        return tensors[value["tensor"]].copy() if value["tensor"] in tensors else np.zeros(value["shape"])
    if "kind" in value:
        return from_config(value, None, custom) if objects else KEPT
    if list(value) == ["float"]:
        return from_config(value)
    return {key: unpack(item, network, tensors, custom, objects=objects) for key, item in value.items()}


# --- of a fit in progress ------------------------------------------------------------------------------------------
def state_of(training: Any) -> dict[str, Any]:
    """Return what a fit has come to, but for its place in the epoch."""
    history = {name: np.array(values) for name, values in training.history.history.items()}
    plain = {name: getattr(training, name) for name in COUNTS}
    return {**plain, "history": history, "callbacks": states_of(training.callbacks)}


def give_back(training: Any, fit: dict[str, Any]) -> None:
    """Bring a fit, and its callbacks, to where :func:`state_of` found it."""
    for name in COUNTS:
        setattr(training, name, fit[name])
    for values in zip(*(column.tolist() for column in fit["history"].values()), strict=True):
        training.history.record(dict(zip(fit["history"], values, strict=True)))
    training.history.stopped = fit["stopped"]
    restore_callbacks(training.callbacks, fit["callbacks"])


# --- what callbacks remember ---------------------------------------------------------------------------------------
def lasting(callbacks: list[Any]) -> list[Any]:
    """Return the callbacks that belong to a fit: not what is printed of it."""
    return [callback for callback in callbacks if not isinstance(callback, Progress)]


def states_of(callbacks: list[Any]) -> dict[str, Any]:
    """Return what each callback remembers, by its number and class."""
    found = {}
    for number, callback in enumerate(lasting(callbacks)):
        state: Callable[[], dict[str, Any]] | None = getattr(callback, "state", None)
        found[f"{number}{type(callback).__name__}"] = dict(state()) if callable(state) else {}
    return found


def restore_callbacks(callbacks: list[Any], states: dict[str, Any]) -> None:
    """Give each callback what it remembered."""
    for callback, state in zip(lasting(callbacks), states.values(), strict=True):
        if state:
            callback.restore_state(state)
