"""Files that are whole: written beside their place, flushed to the disk, and put there in one step.

Whoever is killed, or meets a full disk, leaves the old file or the new one. What a killed process has left beside it,
``sweep`` takes away.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from neural.errors import sentence

if TYPE_CHECKING:
    from pathlib import Path


def place_of(what: str, path: Any) -> str:
    """Return a path as text; TypeError for what is none, ValueError for an empty one, or one that no file can have."""
    if not isinstance(path, str | os.PathLike) or not isinstance(found := os.fspath(path), str):
        raise TypeError(sentence(what, "text or a Path", path))
    try:
        possible = b"\0" not in os.fsencode(found)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise ValueError(sentence(what, "free of NUL, in characters that files may have in their names here", found))
    if not found:
        raise ValueError(sentence(what, "a path that is not empty", found))
    return found


def file_path(path: Any) -> str:
    """Return the path of a file that can be written, as text.

    ValueError if its folder is not there, or if it is of something that is no file, such as a device, which would be
    replaced by one; OSError for a name that the system cannot have.
    """
    found = place_of("path", path)
    folder = os.path.dirname(found) or "."
    if os.path.isdir(found) or not os.path.isdir(folder):
        step = "That is a folder: name a file in it." if os.path.isdir(found) else f"Make the folder {folder!r} first."
        raise ValueError(sentence("path", "a file in a folder that is there", found, step))
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(found).st_mode):
            raise ValueError(sentence("path", "of a file, or of none yet, and not of a device or a pipe", found))
    return os.path.realpath(found)  # of a link, what it leads to: the link stays


def check_folder(folder: Any) -> None:
    """Raise OSError that names the folder, if no file can be made in it."""
    import tempfile  # slow to import, and seldom wanted

    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = f"{error.strerror}. The folder must be one that can be written to"
        raise OSError(error.errno, why, os.fspath(folder)) from error


def write(path: Any, chunks: Iterable[Any]) -> None:
    """Write chunks of bytes as the file ``path``: all of them, or nothing happens. OSError if the disk will not."""
    place = file_path(path)
    unfinished = f"{place}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        with open(unfinished, "xb") as file:  # never through a link that somebody has put there
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if os.path.isfile(place):  # permissions stay as they were
            os.chmod(unfinished, stat.S_IMODE(os.stat(place).st_mode))
        os.replace(unfinished, place)
        _flush_folder(os.path.dirname(place))
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(unfinished)
        if isinstance(error, OSError) and error.errno is not None:  # tells of the file beside it, or of none
            why = f"{error.strerror}. The path must be of a file that can be written"
            raise OSError(error.errno, why, place) from error
        raise


def _flush_folder(folder: str) -> None:
    if hasattr(os, "O_DIRECTORY"):  # Windows has none, and no need of it
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


@contextlib.contextmanager
def together(folder: Path, last: str) -> Iterator[Path]:
    """Give an empty folder; what is written there is moved into ``folder`` at the end, the file named ``last`` last.

    If the block ends in an error, nothing of it is moved.
    """
    import tempfile  # both slow to import, and seldom wanted
    from pathlib import Path

    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as name:
        scratch = Path(name)
        yield scratch
        files = sorted(path for path in scratch.rglob("*") if path.is_file())
        for path in sorted(files, key=lambda path: path.name == last):
            place = folder / path.relative_to(scratch)
            place.parent.mkdir(exist_ok=True)
            os.replace(path, place)


def sweep(path: Any) -> None:
    """Remove what processes that are no more have left beside ``path``."""
    folder, name = os.path.split(file_path(path))
    with os.scandir(folder) as entries:
        left = [entry.name for entry in entries if entry.name.startswith(name)]
    for found in left:
        of = re.fullmatch(re.escape(name) + r"\.([0-9]+)-[0-9a-f]{8}\.tmp", found)
        if of is not None and not _is_alive(int(of[1])):
            with contextlib.suppress(OSError):
                os.remove(os.path.join(folder, found))


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # there signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
