"""Fashion-MNIST: found on this machine or fetched, each file checked by its SHA-256, and the IDX format it comes in.

The set: Xiao, Rasul and Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms,
arXiv:1708.07747, 2017. 60,000 training and 10,000 test images of 28 by 28 grey values, in ten classes of equal size.
"""

from __future__ import annotations

import contextlib
import gzip
import math
import os
import sys
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from neural import atomic
from neural.errors import DataUnavailable, ModelFileError, sentence

FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

# In the order X_train, y_train, X_test, y_test: the file's name without .gz, and the SHA-256 of its unpacked bytes.
FILES = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
OFFICIAL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"  # no https there: the digests stand for it
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
CONNECT_SECONDS = 5.0  # without an answer in this time the next way is tried
COMMAND_SECONDS = 600.0  # 31 MB at 0.5 Mbit/s
LARGEST_FILE = 64 * 2**20  # bytes; the largest of the four has 26 MB packed and 47 MB unpacked
CHUNK = 2**20  # bytes read at a time

# The third byte of an IDX file and what it stands for; all numbers are big-endian.
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
IDX_DIMENSIONS = 32  # the most that every NumPy can hold


class ImageData(NamedTuple):
    """Images as rows of grey values from 0 to 255, with their labels.

    ``X_train`` and ``X_test`` are uint8 of shape (n, height * width), ``y_train`` and ``y_test`` int64 of shape (n,),
    ``class_names[label]`` the name of a class and ``image_shape`` is (height, width).
    """

    X_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    X_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]
    class_names: tuple[str, ...]
    image_shape: tuple[int, int]


class _Place(NamedTuple):
    folder: Path
    setting: str  # what the user set to name it; empty for the places that the package knows by itself


class _Idx(NamedTuple):
    data: bytearray  # the whole file, unpacked
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def array(self) -> NDArray[Any]:
        flat = np.frombuffer(self.data, self.dtype, offset=4 + 4 * len(self.shape))
        return flat.reshape(self.shape).astype(self.dtype.newbyteorder("="), copy=False)


def fashion_mnist(
    folder: str | os.PathLike[str] | None = None, *, download: bool = True, progress: bool = True
) -> ImageData:
    """Return Fashion-MNIST: 60,000 training and 10,000 test images, as :class:`ImageData`.

    The four IDX files, packed (.gz) or not, are looked for in ``folder`` and nowhere else if it is given. Otherwise in
    ``$NEURAL_DATA``, its sub-folder ``fashion-mnist``, the user's cache (``~/.cache/neural/fashion-mnist``, under
    ``$XDG_CACHE_HOME`` where that is set) and the folder of Debian's package ``dataset-fashion-mnist``. If they are in
    none of these and ``download`` is true, they are fetched (31 MB) from the set's own address or, without need of
    root, with ``apt-get download``, and kept in the cache. ``progress`` reports that on standard error.

    Raises ModelFileError for a damaged file in a folder of the user's, DataUnavailable, with all that was tried, when
    there is no way to the data.

    >>> X_train, y_train, X_test, y_test, class_names, image_shape = fashion_mnist()  # doctest: +SKIP
    >>> fashion_mnist("no/such/folder")
    Traceback (most recent call last):
    neural.errors.DataUnavailable: Fashion-MNIST is not to be had. Tried:
      - no/such/folder: there is no such folder
    Name a folder that has the four files, or leave folder out to have them found or fetched.
    """
    tried: list[str] = []
    found = _find(_places(folder), tried)
    if found is None and folder is None and download:
        found = _fetch(tried, progress)
    if found is None:
        raise DataUnavailable(_what_failed(tried, folder is not None, download))
    X_train, y_train, X_test, y_test = (idx.array() for idx in found)
    height, width = X_train.shape[1:]
    return ImageData(
        X_train.reshape(len(X_train), -1), y_train.astype(np.int64),
        X_test.reshape(len(X_test), -1), y_test.astype(np.int64), FASHION_CLASSES, (height, width),
    )  # fmt: skip


def _what_failed(tried: list[str], named: bool, download: bool) -> str:
    ways = "".join(f"\n  - {line}" for line in tried)
    if named:
        step = "Name a folder that has the four files, or leave folder out to have them found or fetched."
    else:
        step = (
            f"Run `apt-get install {DEBIAN_PACKAGE}` (Debian, Ubuntu), or put {', '.join(FILES)} (or the same with .gz)"
            " into a folder and set NEURAL_DATA to it."
        )
        step += "" if download else " Or allow download=True."
    return f"Fashion-MNIST is not to be had. Tried:{ways}\n{step}"


# --- where it may be ---------------------------------------------------------------------------------------------


def _places(folder: str | os.PathLike[str] | None) -> list[_Place]:
    if folder is not None:
        return [_Place(Path(folder).expanduser(), "folder")]
    places = []
    if named := os.environ.get("NEURAL_DATA"):
        places = [_Place(Path(named) / sub, "NEURAL_DATA") for sub in ("", "fashion-mnist")]
    known = [cache for cache in (_cache(), DEBIAN_FOLDER) if cache is not None]
    return places + [_Place(known_folder, "") for known_folder in known]


def _cache() -> Path | None:
    """Return the folder to keep the files in; None for a user without a home."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # the XDG rule: a relative path there is to be ignored
        base = Path(os.path.expanduser("~/.cache"))
    return base / "neural" / "fashion-mnist" if base.is_absolute() else None


def _find(places: list[_Place], tried: list[str]) -> list[_Idx] | None:
    for folder, setting in places:
        try:
            return _read_folder(folder)
        except FileNotFoundError as error:
            tried.append(f"{folder}: {error}")
        except (OSError, ModelFileError) as error:
            if setting:
                step = f"Put the true file in its place, or unset {setting} to have the set found elsewhere or fetched."
                raise ModelFileError(f"{error} {step}") from error
            tried.append(str(error))
    return None


def _read_folder(folder: Path) -> list[_Idx]:
    """Return the four files, checked; FileNotFoundError, which says what is not there, before any is read."""
    if not folder.is_dir():
        raise FileNotFoundError("there is no such folder")
    paths = {name: [p for p in (folder / name, folder / f"{name}.gz") if p.is_file()] for name in FILES}
    missing = [name for name, there in paths.items() if not there]
    if missing:
        raise FileNotFoundError("has none of the four files" if len(missing) == 4 else f"has no {', '.join(missing)}")
    return [_read_checked(paths[name][0], digest) for name, digest in FILES.items()]


def _read_checked(path: Path, digest: str) -> _Idx:
    import hashlib

    idx = _read_idx(path)
    got = hashlib.sha256(idx.data).hexdigest()
    if got != digest:
        raise ModelFileError(sentence(str(path), f"Fashion-MNIST's (SHA-256 of the unpacked bytes {digest!r})", got))
    return idx


# --- how it is fetched -------------------------------------------------------------------------------------------


def _fetch(tried: list[str], progress: bool) -> list[_Idx] | None:
    import tempfile
    from http.client import HTTPException

    for way, fetch in {OFFICIAL: _from_official, "apt-get download": _from_debian}.items():
        try:
            with tempfile.TemporaryDirectory(prefix="neural-") as scratch:
                found = _read_folder(fetch(Path(scratch), progress))
        except (OSError, HTTPException, ModelFileError) as error:
            tried.append(f"{way}: {error}")
        else:
            _keep(found)
            return found
    return None


def _from_official(scratch: Path, progress: bool) -> Path:
    for name in FILES:
        _save_url(f"{OFFICIAL}/{name}.gz", scratch / f"{name}.gz", progress)
    return scratch


def _save_url(url: str, path: Path, progress: bool) -> None:
    from urllib.request import urlopen

    live = progress and sys.stderr.isatty()
    with urlopen(url, timeout=CONNECT_SECONDS) as reply, path.open("wb") as out:
        done, total = 0, reply.length or 0  # a server need not say how much will come
        while chunk := reply.read(CHUNK):
            done += out.write(chunk)
            if done > LARGEST_FILE:
                raise OSError(f"{path.name} is larger there than {LARGEST_FILE} bytes")
            if live:
                print(_bar(path.name, done, max(done, total)), end="\r", file=sys.stderr, flush=True)
    if progress:
        print("" if live else f"{path.name}: {done / 1e6:.1f} MB fetched", file=sys.stderr)


def _bar(name: str, done: int, total: int) -> str:
    return f"{name} [{'=' * (30 * done // total):<30}] {done / 1e6:.1f} of {total / 1e6:.1f} MB"


def _from_debian(scratch: Path, progress: bool) -> Path:
    if progress:
        print(f"fetching Debian's package {DEBIAN_PACKAGE} (31 MB)", file=sys.stderr)
    return unpack_debian(DEBIAN_PACKAGE, scratch) / DEBIAN_FOLDER.relative_to("/")


def unpack_debian(package: str, scratch: Path) -> Path:
    """Download a package of Debian's and return the folder in ``scratch`` that has its files; OSError if it cannot.

    Nothing is installed, so this needs no root.
    """
    import shutil

    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise OSError(f"there is no {tool} on this machine")
    _apt_download(package, scratch)
    _run("dpkg-deb", "-x", str(next(scratch.glob(f"{package}_*.deb"))), "unpacked", cwd=scratch)
    return scratch / "unpacked"


def _apt_download(package: str, scratch: Path) -> None:
    # Root's apt would drop to the user _apt, who may not write in a private temporary folder.
    options = ["-o", "APT::Sandbox::User=root"]
    try:
        _run("apt-get", *options, "download", package, cwd=scratch)
    except OSError:  # a fresh container has no package lists, and /var/lib/apt is root's: make our own
        lists, cache = scratch / "lists", scratch / "cache"
        (lists / "partial").mkdir(parents=True)
        (cache / "archives" / "partial").mkdir(parents=True)
        options += ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={cache}"]
        _run("apt-get", *options, "update", cwd=scratch)
        _run("apt-get", *options, "download", package, cwd=scratch)


def _run(*command: str, cwd: Path) -> None:
    """Run a command; OSError with its last line of complaint if it fails or takes too long."""
    import subprocess

    try:
        done = subprocess.run(
            command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_SECONDS,
            env={**os.environ, "LC_ALL": "C"}, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise OSError(f"{command[0]} took more than {COMMAND_SECONDS:g} seconds") from None
    if done.returncode:
        complaint = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise OSError(f"{command[0]} ended with {done.returncode}: {complaint[-1]}")


def _keep(found: list[_Idx]) -> None:
    """Write the checked files into the cache; where that fails the data is still good for this time."""
    folder = _cache()
    try:
        if folder is None:
            raise OSError("there is no home folder")
        folder.mkdir(parents=True, exist_ok=True)
        for name, idx in zip(FILES, found, strict=True):
            atomic.write(folder / name, [idx.data])
    except OSError as error:
        warnings.warn(
            f"Fashion-MNIST was fetched but could not be kept ({error}): the next call fetches it again. "
            "Set XDG_CACHE_HOME to a folder that can be written.",
            stacklevel=4,
        )


# --- the IDX format ----------------------------------------------------------------------------------------------


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return the array of an IDX file, packed with gzip or not, in this machine's byte order.

    The format (LeCun, Cortes and Burges, The MNIST database, 1998): two zero bytes, the type, the number of dimensions,
    each dimension as a big-endian uint32, and the numbers, the last dimension fastest. Memory is taken as the file is
    read, never on the header's word alone. Raises ModelFileError for anything else, OSError if it cannot be opened.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "three-idx2-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9]))
    ...     read_idx(path)
    array([[7, 8, 9]], dtype=uint8)
    """
    return _read_idx(path).array()


def _read_idx(path: str | os.PathLike[str]) -> _Idx:
    with open_unpacked(path) as stream:
        data = bytearray(stream.read(4))
        if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES or not 1 <= data[3] <= IDX_DIMENSIONS:
            rule = f"an IDX file: two zero bytes, a known type, 1 to {IDX_DIMENSIONS} dimensions"
            raise ModelFileError(sentence(str(path), rule, bytes(data)))
        dtype, size = np.dtype(IDX_TYPES[data[2]]), 4 + 4 * data[3]
        _read_on(stream, data, size)
        if len(data) < size:
            raise ModelFileError(f"{path} must name {data[3]} dimensions, as it says. Got the end of the file.")
        shape = tuple(np.frombuffer(data, ">u4", offset=4).tolist())
        if 0 in shape:
            raise ModelFileError(sentence(f"the shape in {path}", "without a 0", shape))
        size += math.prod(shape) * dtype.itemsize
        _read_on(stream, data, size + 1)
    if len(data) != size:
        got = f"{len(data)} bytes" if len(data) < size else "more"
        raise ModelFileError(f"{path} must hold {size} bytes, as its shape {shape} says. Got {got}.")
    return _Idx(data, shape, dtype)


def _read_on(stream: IO[bytes], data: bytearray, size: int) -> None:
    """Append to ``data`` until it has ``size`` bytes or the stream ends."""
    while len(data) < size and (chunk := stream.read(min(CHUNK, size - len(data)))):
        data += chunk


@contextlib.contextmanager
def open_unpacked(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes, through gzip if it begins as such; damage found inside is a ModelFileError."""
    with open(path, "rb") as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        try:
            yield cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ModelFileError(
                f"{path} must be a whole gzip file. Got one that cannot be unpacked: {error}"
            ) from error
