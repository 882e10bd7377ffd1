"""How the commands answer: results on stdout, as text or JSON; messages on stderr; errors in one sentence."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from neural.errors import NeuralError

DONE, FAILED, REFUSED, STOPPED = 0, 1, 2, 130  # exit codes
EXPECTED = (NeuralError, TypeError, ValueError, OSError, ImportError, MemoryError, OverflowError)

Json = Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing but errors.")]


@dataclass(frozen=True)
class Answer:
    """What a command says, and to whom: a person, or a program that reads JSON."""

    as_json: bool = False
    quiet: bool = False

    @property
    def live(self) -> bool:
        """Whether somebody looks on: then there is a bar."""
        return sys.stderr.isatty() and not self.quiet and not self.as_json

    def note(self, text: str) -> None:
        """Say something that is not the result."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def text(self, text: str) -> None:
        """Write a part of the result for a person."""
        if not self.as_json and not self.quiet:
            print(text, flush=True)

    def document(self, content: Any) -> None:
        """Write the result for a program."""
        if self.as_json:
            print(json.dumps(plain(content), indent=2, ensure_ascii=False), flush=True)


def plain(value: Any) -> Any:
    """Return what JSON can hold; None for a number that is not finite.

    >>> plain({"low": float("nan"), "of": (1, 2)})
    {'low': None, 'of': [1, 2]}
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(rows: Iterable[Sequence[str]], indent: str = "  ") -> str:
    """Return rows as lines, each column as wide as its widest cell.

    >>> print(table([("name", "kind"), ("petal width", "number")], ""))
    name         kind
    petal width  number
    """
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
    return "\n".join(lines)


def prepare_streams() -> None:
    """Let stdout take any text: what no encoding has is written as an escape, and files and pipes are UTF-8.

    Whoever has closed stdout or stderr wants to hear nothing there.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, as long as the process lives
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace", **({} if sys.stdout.isatty() else {"encoding": "utf-8"}))


# --- errors --------------------------------------------------------------------------------------------------------
def answered(function: Callable[..., int | None]) -> Callable[..., int]:
    """Return the command with every expected error as one sentence on stderr and its exit code."""

    @functools.wraps(function)
    def command(*given: Any, **options: Any) -> int:
        with _warnings_as_notes():
            try:
                code = function(*given, **options)
                sys.stdout.flush()
                return DONE if code is None else code
            except BrokenPipeError:  # whoever was to read it has gone, as head does
                _nobody_reads()
                return DONE
            except KeyboardInterrupt:
                return complain("Stopped. Nothing was written.", STOPPED)
            except RecursionError:
                return complain("Something in the file lies too deep in itself.")
            except EXPECTED as error:
                return complain(sentence_of(error))

    return command


def complain(text: str, code: int = REFUSED) -> int:
    """Write one line on stderr and return the exit code."""
    try:
        print(f"neural: {text}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        _nobody_reads()
    return code


def sentence_of(error: BaseException) -> str:
    """Return an error as one line.

    >>> sentence_of(PermissionError(13, "Permission denied", "model.neural"))
    'model.neural: Permission denied.'
    """
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    if isinstance(error, MemoryError):
        return "There is not enough memory for this table."
    return " ".join(str(error).split()) or type(error).__name__


def _nobody_reads() -> None:
    """Let what Python flushes at its end go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    def show(message: Any, *where: Any, **options: Any) -> None:
        print(f"neural: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
