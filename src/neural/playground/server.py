"""The server: the page's files and a websocket, on this machine alone, for its own page alone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import webbrowser
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from neural.errors import NeuralError, check_number
from neural.playground import messages
from neural.playground.session import Session

ADDRESS = "127.0.0.1"
NAMES = (ADDRESS, "localhost")
FOLDER = Path(__file__).parent / "page"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FILES = {f"/{path.name}".replace("/index.html", "/"): path for path in sorted(FOLDER.iterdir()) if path.suffix in KINDS}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
MOST_PAGES = 8  # open at a time
REFUSED, FULL = 4403, 4429  # why a websocket is closed


class OwnPageOnly:
    """Lets nothing through but what came under this machine's own name, and websockets of the page itself.

    A page of another site can send a browser here, but not under these names of host and origin: neither by a name of
    its own that leads to 127.0.0.1, nor by a script.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.hosts = {f"{name}:{port}" for name in NAMES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        host, origin = (headers.get(name, b"").decode("latin-1") for name in (b"host", b"origin"))
        fine = host in self.hosts and origin in ("", f"http://{host}")
        if scope["type"] == "http" and fine:
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await PlainTextResponse("Open the playground at its own address.", 403, HEADERS)(scope, receive, send)
        elif fine and origin:
            await self.app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": REFUSED})


def application(port: int) -> ASGIApp:
    """Return the application as it is served on this port."""
    open_pages: set[WebSocket] = set()

    async def file(request: Request) -> Response:
        path = FILES[request.url.path]
        return Response(path.read_bytes(), media_type=KINDS[path.suffix], headers=HEADERS)

    async def talk(page: WebSocket) -> None:
        if len(open_pages) >= MOST_PAGES:
            await page.close(FULL)
            return
        open_pages.add(page)
        try:
            await _talk(page)
        finally:
            open_pages.discard(page)

    routes: list[Any] = [Route(path, file) for path in FILES]
    return OwnPageOnly(Starlette(routes=[*routes, WebSocketRoute("/session", talk)]), port)


async def _talk(page: WebSocket) -> None:
    """Answer a page's messages, one after the other, until it is closed."""
    await page.accept()
    session = await asyncio.to_thread(Session)
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            message: Message = await page.receive()
            if message["type"] == "websocket.disconnect":
                return
            given = message.get("text") or message.get("bytes") or b""
            reply = await asyncio.to_thread(messages.answer, session, given)
            await (page.send_text(reply) if isinstance(reply, str) else page.send_bytes(reply))


def listen(port: int) -> socket.socket:
    """Return a socket at this port of this machine; NeuralError if another program has it."""
    check_number("port", port, low=0, high=65535, whole=True)
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((ADDRESS, port))
        found.listen()
    except OSError as error:
        found.close()
        raise NeuralError(f"Port {port} cannot be had: {error.strerror}. Name another, or 0 for any.") from None
    return found


def server_for(found: socket.socket) -> uvicorn.Server:
    """Return a server for this socket, not yet running."""
    app = application(found.getsockname()[1])
    config = uvicorn.Config(
        app, log_level="warning", ws_max_size=messages.MOST_MESSAGE, ws_per_message_deflate=False,
        ws_max_queue=4, timeout_graceful_shutdown=1, lifespan="off", server_header=False,
    )  # fmt: skip
    return uvicorn.Server(config)


def serve(port: int, open_browser: bool) -> None:
    """Serve until Ctrl-C."""
    with listen(port) as found:
        address = f"http://{ADDRESS}:{found.getsockname()[1]}/"
        print(f"The playground is at {address} (Ctrl-C ends it)", flush=True)
        if open_browser:
            opener = threading.Timer(0.5, webbrowser.open, [address])
            opener.daemon = True
            opener.start()
        with contextlib.suppress(KeyboardInterrupt):
            server_for(found).run(sockets=[found])
