"""The command ``neural``. Its commands need the extra ``cli``; ``neural demo`` does without."""

from __future__ import annotations

import sys
from collections.abc import Sequence

REFUSED = 2
NEEDED = ("typer", "rich", "pandas", "click")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (those of the process if None) and return its exit code.

    0: done. 1: it ran, and a check has failed. 2: refused, with a sentence that says why. 130: ended by Ctrl-C.

    >>> main(["--version"])  # doctest: +ELLIPSIS
    neural ...
    0
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] in (["demo"], ["--version"]):
        from neural.cli import demo

        return demo.main(arguments)
    try:
        import pandas  # noqa: F401

        from neural.cli import app
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        step = 'pip install "neural-dense[cli]". neural demo works without.'
        print(f"neural: The command line needs {error.name}, which is not installed: {step}", file=sys.stderr)
        return REFUSED
    return app.run(arguments)
