"""A session as plain values, numbers to the bit, and a trainer filled from them: what a saved file has in it."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np

from neural.errors import check_number, sentence
from neural.inputs import check_finite
from neural.nn import NeuralNetwork
from neural.playground.settings import MOST_TEXT, Settings
from neural.playground.trainer import Segment, Trainer

FORMAT = "neural playground"
VERSION = 1
PARTS: dict[str, Any] = {
    "settings": dict, "csv": dict | None, "segments": list, "going_on": bool, "batch": int, "state": dict,
    "weights": str, "memory": dict, "opened": str, "seed": int,
}  # fmt: skip
STATE = ("epoch", "step", "updates")


def to_plain(session: Any) -> dict[str, Any]:
    """Return a session as plain values, which ``check`` and ``fill`` take."""
    trainer, table = session.trainer, session.table
    state = trainer.net.state
    own_file = table is not None and session.settings.data == "csv"
    return {
        "format": FORMAT, "version": VERSION, "settings": session.settings.plain(),
        "csv": {"name": table.name, "text": table.text} if own_file else None,
        "segments": [{**vars(each), "settings": each.settings.plain()} for each in trainer.segments],
        "going_on": trainer.segment is not None, "batch": trainer.batch,
        "state": {name: getattr(state, name) for name in STATE},
        "weights": encoded(trainer.net.params), "opened": trainer.opened, "seed": trainer.net.seed,
        "memory": {name: encoded(vector) for name, vector in state.memory.items()},
    }  # fmt: skip


def check(saved: Any) -> None:
    """Raise ValueError unless these values have the parts, of the right kinds, that ``to_plain`` gives."""
    if not isinstance(saved, dict) or (saved.get("format"), saved.get("version")) != (FORMAT, VERSION):
        raise ValueError("The file must be one that this playground has saved. Got another. Choose a playground.json.")
    _check_parts("the file", saved, PARTS)
    _check_parts("its state", saved["state"], dict.fromkeys(STATE, int))
    for segment in saved["segments"]:
        _check_parts("a segment", segment, {"settings": dict, "epochs": int, "batches": int})
    if saved["csv"] is not None:
        _check_parts("its CSV file", saved["csv"], {"name": str, "text": str})


def _check_parts(what: str, given: Any, parts: dict[str, Any]) -> None:
    kinds = {name: type(value) for name, value in given.items()} if isinstance(given, dict) else {}
    if not all(name in kinds and issubclass(kinds[name], kind) for name, kind in parts.items()):
        rule = f"one that this playground has saved, with {', '.join(parts)}"
        raise ValueError(sentence(what, rule, given))


def fill(trainer: Trainer, saved: dict[str, Any]) -> None:
    """Bring a trainer of the same settings to where the saved one was; ValueError for what does not fit it."""
    net, state = trainer.net, trainer.net.state
    trainer.segments = [_segment(each, trainer) for each in saved["segments"]]
    _copy(net, net.params, decoded("the weights", saved["weights"], net.params))
    trainer.opened = saved["opened"][:MOST_TEXT]
    net.seed = state.seed = check_number("seed", saved["seed"], low=0, high=2**64 - 1, whole=True)
    places = [check_number(name, saved["state"][name], low=0, high=2**53, whole=True) for name in STATE]
    state.epoch, state.step, updates = places
    if saved["memory"] or updates:
        state.use(trainer.optimizer, net.params)
        state.updates = updates
        _check_parts("its memory", saved["memory"], dict.fromkeys(state.memory, str))
        for name, vector in state.memory.items():
            _copy(net, vector, decoded(name, saved["memory"][name], vector))
    trainer.batch = check_number("batch", saved["batch"], low=0, high=trainer.per_epoch - 1, whole=True)
    if saved["going_on"] and trainer.segments:
        trainer.segment = trainer.segments[-1]


def _copy(net: NeuralNetwork, vector: np.ndarray, flat: np.ndarray) -> None:
    """Copy what belongs to the parameters, and nothing of the padding between them, which has to stay 0."""
    for own, given in zip(net.views(vector), net.views(flat), strict=True):
        for name, values in own.items():
            values[...] = given[name]


def _segment(given: dict[str, Any], trainer: Trainer) -> Segment:
    own = Settings.of(given["settings"])
    if not own.same_network(trainer.settings):
        raise ValueError(sentence("the segments of the file", "of its own network", given["settings"]))
    per_epoch = -(-len(trainer.train) // min(own.batch_size, len(trainer.train)))
    epochs = check_number("epochs", given["epochs"], low=0, high=own.epochs, whole=True)
    batches = check_number("batches", given["batches"], low=0, high=per_epoch - 1, whole=True)
    return Segment(own, epochs, batches)


def encoded(vector: np.ndarray) -> str:
    """Return float32 numbers as text."""
    return base64.b64encode(vector.astype("<f4", copy=False).tobytes()).decode()


def decoded(what: str, text: Any, like: np.ndarray) -> np.ndarray:
    """Return as many finite numbers as ``like`` has, from text."""
    try:
        found = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    except (binascii.Error, TypeError, ValueError):
        raise ValueError(sentence(what, f"{len(like)} numbers in base64", text)) from None
    if len(found) != len(like):
        raise ValueError(sentence(what, f"{len(like)} numbers for this network", len(found)))
    check_finite(what, found, np.float32)
    return found
