"""The protocol: one reply to each message, in order. A mistake is answered by its sentence, and nothing has changed."""

from __future__ import annotations

import inspect
import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

import neural
from neural.errors import NeuralError, TrainingDiverged, look_up, sentence
from neural.playground import network_file, points, wire
from neural.playground.pictures import GRID, SHOWN
from neural.playground.session import Session
from neural.playground.settings import BOUNDS, CHOICES, MOST_LAYERS, OF_TRAINING, Settings

MOST_MESSAGE = 16 << 20  # bytes: a saved session of the widest network, its optimizer's memory included
Reply = str | bytes


def answer(session: Session, message: str | bytes) -> Reply:
    """Return the reply to a message: a picture or a file as bytes, anything else as JSON.

    >>> json.loads(answer(Session(), '{"do": "train", "epochs": 0}'))["message"]
    'epochs must be a whole number of at least 1 and of at most 1000000. Got 0.'
    """
    try:
        header, payload = (wire.parse(message), b"") if isinstance(message, str) else wire.unpack(message)
        what = header.pop("do", None)
        if not isinstance(what, str):
            raise TypeError(sentence("do", "the name of what is asked for", what))
        function = look_up("do", what, ANSWERS)
        _check_fields(what, function, header)
        return function(session, payload, **header)
    except TrainingDiverged as error:
        return _text("error", message=str(error), diverged=True)
    except (NeuralError, ValueError, TypeError) as error:
        return _text("error", message=str(error))
    except Exception as error:  # a mistake of our own: said, written down, and the session goes on
        traceback.print_exc(file=sys.stderr)
        return _text("error", message=f"The playground itself made a mistake: {type(error).__name__}: {error}")


def _check_fields(what: str, function: Callable[..., Reply], given: dict[str, Any]) -> None:
    wanted = list(inspect.signature(function).parameters.values())[2:]
    needed = {field.name for field in wanted if field.default is field.empty}
    known = [field.name for field in wanted]
    if not needed <= set(given) <= set(known):
        rule = f"those that {what!r} takes: {', '.join(known) or 'none'}"
        raise TypeError(sentence("the fields", rule, sorted(given)))


def _text(kind: str, **values: Any) -> str:
    return json.dumps({"kind": kind, **values}, allow_nan=False)


# --- what may be asked for -----------------------------------------------------------------------------------------
def hello(session: Session, payload: bytes) -> Reply:
    """Say what may be chosen."""
    choices = {**CHOICES, "layers": MOST_LAYERS, "bounds": BOUNDS, "of_training": OF_TRAINING}
    missing = {"fashion": points.why_no_images()}
    sizes = {"grid": GRID, "shown": SHOWN}
    told = {"choices": choices, "missing": missing, "sizes": sizes}
    return _text("hello", version=neural.__version__, settings=Settings().plain(), **told)


def configure(session: Session, payload: bytes, settings: Any) -> Reply:
    """Take other settings."""
    return session.configure(settings)


def restart(session: Session, payload: bytes) -> Reply:
    """Begin again."""
    return session.restart()


def train(session: Session, payload: bytes, updates: Any = None, epochs: Any = None) -> Reply:
    """Train for one picture."""
    return session.train(updates, epochs)


def step(session: Session, payload: bytes) -> Reply:
    """Go one step with one batch."""
    return session.step()


def look_at(session: Session, payload: bytes, layer: Any, unit: Any, point: Any = None) -> Reply:
    """Look at a unit."""
    return session.inspect(layer, unit, point)


def read_csv(session: Session, payload: bytes, name: Any) -> Reply:
    """Take a CSV file."""
    return _text("csv", **session.read_csv(name, payload))


def classify(session: Session, payload: bytes) -> Reply:
    """Classify a drawn image."""
    return _text("classes", probabilities=session.classify(payload))


def test_image(session: Session, payload: bytes, number: Any) -> Reply:
    """Show a test image."""
    return _text("image", **session.test_image(number))


def write_script(session: Session, payload: bytes) -> Reply:
    """Write the Python code."""
    return _text("script", text=session.script())


def save(session: Session, payload: bytes) -> Reply:
    """Give the session as a file that ``load`` takes."""
    return wire.pack({"kind": "file", "name": "playground.json"}, payload=json.dumps(session.save()).encode())


def save_network(session: Session, payload: bytes) -> Reply:
    """Give the network as a file that ``neural.load`` takes."""
    content = network_file.written(session.trainer.net)
    return wire.pack({"kind": "file", "name": f"network{network_file.ENDING}"}, payload=content)


def open_network(session: Session, payload: bytes, name: Any) -> Reply:
    """Go on with a network that ``net.save`` has written."""
    return session.open_network(name, payload)


def load(session: Session, payload: bytes) -> Reply:
    """Go on from a saved session."""
    return session.load(wire.parse(payload))


ANSWERS: dict[str, Callable[..., Reply]] = {
    "hello": hello,
    "configure": configure,
    "restart": restart,
    "train": train,
    "step": step,
    "inspect": look_at,
    "csv": read_csv,
    "classify": classify,
    "test_image": test_image,
    "script": write_script,
    "save": save,
    "save_network": save_network,
    "open_network": open_network,
    "load": load,
}
