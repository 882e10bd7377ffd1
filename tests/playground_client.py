"""The page of the playground without a browser: a client, its messages, and a trainer."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

from neural.playground import points, wire
from neural.playground.settings import Settings
from neural.playground.trainer import Trainer

pytest.importorskip("starlette", reason="needs neural-dense[playground]")
pytest.importorskip("httpx", reason="starlette's test client needs it")
pytest.importorskip("websockets", reason="needs neural-dense[playground]")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it would rather be built on
    from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from neural.playground import server

__all__ = ["CSV", "HOME", "PORT", "WebSocketDisconnect", "ask", "browser", "door", "run", "server", "trainer"]

PORT = 8765
HOME = f"http://127.0.0.1:{PORT}"
CSV = b"length,width,kind\n" + b"".join(b"%d,%d,%s\n" % (k, k % 7, b"ab"[k % 2 :][:1]) for k in range(40))


def browser():
    """Return a client of the playground's own server."""
    return TestClient(server.application(PORT), base_url=HOME)


def door(client, **headers):
    return client.websocket_connect(f"ws://127.0.0.1:{PORT}/session", headers=headers)


def ask(page, payload=None, **fields):
    """Return the header of a reply, and its arrays."""
    if payload is None:
        page.send_text(json.dumps(fields))
    else:
        page.send_bytes(wire.pack(fields, payload=payload))
    message = page.receive()
    if message.get("text") is not None:
        return json.loads(message["text"])
    header, body = wire.unpack(message["bytes"])
    kinds = {"u1": (np.uint8, 1), "f4": (np.float32, 4)}
    arrays = {}
    for name, kind, shape, start in header.pop("arrays", []):
        dtype, size = kinds[kind]
        arrays[name] = np.frombuffer(body[start : start + size * int(np.prod(shape))], dtype).reshape(shape)
    return header | {"payload": body, "arrays": arrays}


def trainer(**changes):
    chosen = replace(Settings(samples=60, batch_size=16), **changes)
    return Trainer(chosen, points.load(chosen, None))


def run(code):
    """Return the network that a script makes."""
    names = {}
    exec(code, names)
    return names["net"]
