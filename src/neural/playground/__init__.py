"""A page on this machine on which a network is put together, trained, taken apart and tried: ``neural playground``.

settings.py says what may be chosen, points.py makes the data, session.py trains, trace.py takes one batch apart,
pictures.py turns it into what the page draws, script.py writes the Python code, wire.py and messages.py are the
protocol, server.py the server; page/ is the page itself.
"""

from __future__ import annotations

from neural.errors import NeuralError


def serve(port: int = 8765, open_browser: bool = True) -> None:
    """Serve the playground on http://127.0.0.1:``port`` until Ctrl-C; port 0 takes one that is free.

    Only programs on this machine reach it, and only its own page may drive it. Raises NeuralError without
    ``neural-dense[playground]`` or where the port is taken.
    """
    try:
        from neural.playground import server
    except ImportError as error:
        raise NeuralError(
            f"The playground needs Starlette, uvicorn and websockets ({error}). "
            'Install them: pip install "neural-dense[playground]".'
        ) from None
    server.serve(port, open_browser)
