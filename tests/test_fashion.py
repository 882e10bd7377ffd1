"""Fashion-MNIST from every place and way, with tiny stand-ins."""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import http.server
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from neural import datasets, fashion
from neural.datasets import fashion_mnist
from neural.errors import DataUnavailable, ModelFileError
from tests.idx import idx_bytes

TINY = [
    np.arange(36, dtype=np.uint8).reshape(6, 2, 3),
    np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8),
    np.arange(12, dtype=np.uint8).reshape(2, 2, 3),
    np.array([9, 4], dtype=np.uint8),
]


def put(folder: Path, packed: bool = False) -> Path:
    """Write the tiny set as its four files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(fashion.FILES, TINY, strict=True):
        data = idx_bytes(array)
        (folder / f"{name}{'.gz' * packed}").write_bytes(gzip.compress(data, mtime=0) if packed else data)
    return folder


def is_tiny(data: datasets.ImageData) -> bool:
    return all(np.array_equal(got, array.reshape(len(array), -1).squeeze())
               for got, array in zip(data[:4], TINY, strict=True))  # fmt: skip


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with the tiny set's digests, an empty cache, no data, no network and no apt."""
    digests = [hashlib.sha256(idx_bytes(array)).hexdigest() for array in TINY]
    monkeypatch.setattr(fashion, "FILES", dict(zip(fashion.FILES, digests, strict=True)))
    monkeypatch.setattr(fashion, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(fashion, "OFFICIAL", "http://127.0.0.1:1")  # nothing listens there
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("NEURAL_DATA", raising=False)
    return tmp_path


@contextlib.contextmanager
def serving(folder: Path):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def official(alone: Path, monkeypatch: pytest.MonkeyPatch):
    with serving(put(alone / "served", packed=True)) as address:
        monkeypatch.setattr(fashion, "OFFICIAL", address)
        yield alone / "served"


APT_GET = """#!/bin/sh
# Has no package lists of its own, as in a fresh container: it wants -o Dir::State::Lists=... and an update first.
for word; do
  case $word in Dir::State::Lists=*) lists=${word#*=};; update|download) verb=$word;; esac
done
[ -n "$lists" ] && [ $verb = update ] && { : > "$lists/updated"; exit; }
[ -n "$lists" ] && [ -e "$lists/updated" ] || { echo "E: Unable to locate package" >&2; exit 100; }
: > dataset-fashion-mnist_1_all.deb
"""
DPKG_DEB = """#!/bin/sh
mkdir=/bin/mkdir; cp=/bin/cp
$mkdir -p "$3$TINY_TARGET" && $cp "$TINY_SOURCE"/* "$3$TINY_TARGET"
"""


@pytest.fixture
def apt(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands that behave as apt-get and dpkg-deb do."""
    (alone / "bin").mkdir()
    for name, script in {"apt-get": APT_GET, "dpkg-deb": DPKG_DEB}.items():
        (alone / "bin" / name).write_text(script)
        (alone / "bin" / name).chmod(0o755)
    monkeypatch.setenv("TINY_SOURCE", str(put(alone / "package", packed=True)))
    monkeypatch.setenv("TINY_TARGET", str(fashion.DEBIAN_FOLDER))
    return alone / "package"


# --- Fashion-MNIST: where it is found ----------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "place", ["folder", "setting", "setting/fashion-mnist", "cache/neural/fashion-mnist", "debian"]
)
def test_found_in_each_place(alone, monkeypatch, place, packed):
    put(alone / place, packed)
    monkeypatch.setenv("NEURAL_DATA", str(alone / "setting"))
    data = fashion_mnist(alone / "folder" if place == "folder" else None, download=False)
    assert is_tiny(data)
    assert data.class_names[9] == "Ankle boot"
    assert data.image_shape == (2, 3)
    assert [array.dtype for array in data[:4]] == [np.uint8, np.int64] * 2
    data.X_train[0, 0] = 1  # may be written to


def test_neural_data_comes_before_the_cache_and_that_before_debian(alone, monkeypatch):
    put(alone / "debian")
    (put(alone / "cache/neural/fashion-mnist") / "t10k-labels-idx1-ubyte").write_bytes(b"damaged")
    monkeypatch.setenv("NEURAL_DATA", str(alone / "nothing"))
    assert is_tiny(fashion_mnist(download=False))
    monkeypatch.setenv("NEURAL_DATA", str(alone / "cache/neural/fashion-mnist"))
    with pytest.raises(ModelFileError):
        fashion_mnist(download=False)

    (put(alone / "debian") / "t10k-labels-idx1-ubyte").write_bytes(b"damaged")
    put(alone / "cache/neural/fashion-mnist")
    monkeypatch.delenv("NEURAL_DATA")
    assert is_tiny(fashion_mnist(download=False))
    (alone / "cache/neural/fashion-mnist/t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataUnavailable, match=r"(?s)cache/.*: has no t10k.*debian/t10k-labels-idx1-ubyte must be"):
        fashion_mnist(download=False)


@pytest.mark.parametrize("setting", ["", "relative/to/nothing"])
def test_the_cache_is_in_the_home_folder_by_default(alone, monkeypatch, setting):
    monkeypatch.setenv("XDG_CACHE_HOME", setting)
    monkeypatch.setenv("HOME", str(alone / "home"))
    monkeypatch.setenv("USERPROFILE", str(alone / "home"))
    put(alone / "home/.cache/neural/fashion-mnist")
    assert is_tiny(fashion_mnist(download=False))


def test_a_named_folder_is_the_only_place(alone):
    put(alone / "cache/neural/fashion-mnist")
    (alone / "empty").mkdir()
    with pytest.raises(DataUnavailable, match=r"has none of the four files"):
        fashion_mnist(alone / "empty")


def test_the_missing_file_is_named(alone):
    (put(alone / "folder") / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataUnavailable, match=r"folder: has no t10k-labels-idx1-ubyte\n"):
        fashion_mnist(alone / "folder")


@pytest.mark.parametrize("setting", ["folder", "NEURAL_DATA"])
@pytest.mark.parametrize(
    "damage", [idx_bytes(TINY[3][::-1]), b"not an IDX file", b"", gzip.compress(b"abc", mtime=0)[:-4]]
)
def test_damage_in_the_users_folder_is_refused(alone, monkeypatch, setting, damage):
    path = put(alone / "mine") / "t10k-labels-idx1-ubyte"
    path.write_bytes(damage)
    monkeypatch.setenv("NEURAL_DATA", str(alone / "mine"))
    with pytest.raises(ModelFileError) as caught:
        fashion_mnist(alone / "mine" if setting == "folder" else None)
    assert str(path) in str(caught.value)
    assert f"unset {setting} " in str(caught.value)


# --- Fashion-MNIST: how it is fetched ----------------------------------------------------------------------------


def test_fetched_from_the_official_address_and_kept(official, alone, monkeypatch, capsys):
    assert is_tiny(fashion_mnist())
    assert "t10k-labels-idx1-ubyte.gz: 0.0 MB fetched\n" in capsys.readouterr().err
    monkeypatch.setattr(fashion, "OFFICIAL", "http://127.0.0.1:1")
    assert is_tiny(fashion_mnist(download=False))
    assert sorted(p.name for p in (alone / "cache/neural/fashion-mnist").iterdir()) == sorted(fashion.FILES)


def test_progress_is_silent_on_request_and_a_bar_on_a_terminal(official, alone, monkeypatch, capsys):
    fashion_mnist(progress=False)
    assert capsys.readouterr() == ("", "")
    for path in (alone / "cache/neural/fashion-mnist").iterdir():
        path.unlink()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fashion_mnist()
    assert f"train-images-idx3-ubyte.gz [{'=' * 30}] 0.0 of 0.0 MB\r\n" in capsys.readouterr().err


def test_damage_in_the_cache_is_fetched_anew(official, alone):
    path = put(alone / "cache/neural/fashion-mnist") / "t10k-labels-idx1-ubyte"
    path.write_bytes(idx_bytes(TINY[3][::-1]))
    with pytest.raises(DataUnavailable, match="t10k-labels-idx1-ubyte must be Fashion-MNIST's"):
        fashion_mnist(download=False)
    assert is_tiny(fashion_mnist(progress=False))
    assert path.read_bytes() == idx_bytes(TINY[3])


def test_no_download_asks_nobody(official, apt):
    with pytest.raises(DataUnavailable, match=r"Or allow download=True\."):
        fashion_mnist(download=False)


@pytest.mark.parametrize("fault", ["missing", "wrong", "too large"])
def test_what_the_official_address_gives_is_not_trusted(official, alone, monkeypatch, fault):
    path = official / "train-images-idx3-ubyte.gz"
    if fault == "missing":
        path.unlink()
    if fault == "wrong":
        path.write_bytes(gzip.compress(idx_bytes(TINY[0] + 1), mtime=0))
    if fault == "too large":
        monkeypatch.setattr(fashion, "LARGEST_FILE", 10)
    reason = {"missing": "HTTP Error 404", "wrong": "must be Fashion-MNIST's", "too large": "is larger there than 10"}
    with pytest.raises(DataUnavailable, match=reason[fault]):
        fashion_mnist(progress=False)
    assert not (alone / "cache").exists()


@pytest.mark.skipif(os.name == "nt", reason="apt-get is played by shell scripts")
class TestDebian:
    def test_package_is_unpacked_with_lists_of_its_own(self, apt, alone, capsys):
        assert is_tiny(fashion_mnist())
        assert capsys.readouterr().err == "fetching Debian's package dataset-fashion-mnist (31 MB)\n"
        assert is_tiny(fashion_mnist(alone / "cache/neural/fashion-mnist"))

    def test_it_stands_in_for_a_wrong_official_file(self, official, apt):
        (official / "train-labels-idx1-ubyte.gz").write_bytes(b"<html>Log in to this network</html>")
        assert is_tiny(fashion_mnist(progress=False))

    def test_wrong_data_is_refused(self, apt):
        (apt / "t10k-images-idx3-ubyte.gz").write_bytes(idx_bytes(TINY[0]))
        with pytest.raises(DataUnavailable, match=r"apt-get download: .*t10k-images-idx3-ubyte.gz must be Fashion"):
            fashion_mnist(progress=False)

    def test_its_complaint_is_passed_on(self, apt, alone):
        (alone / "bin/apt-get").write_text("#!/bin/sh\necho 'W: x\nE: no space left' >&2; exit 100\n")
        with pytest.raises(DataUnavailable, match="apt-get download: apt-get ended with 100: E: no space left\n"):
            fashion_mnist(progress=False)

    def test_it_may_not_take_for_ever(self, apt, alone, monkeypatch):
        (alone / "bin/apt-get").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
        monkeypatch.setattr(fashion, "COMMAND_SECONDS", 0.1)
        with pytest.raises(DataUnavailable, match=r"apt-get took more than 0\.1 seconds"):
            fashion_mnist(progress=False)


def test_all_that_was_tried_is_listed(alone, monkeypatch):
    monkeypatch.setenv("NEURAL_DATA", str(alone / "setting"))
    with pytest.raises(DataUnavailable) as caught:
        fashion_mnist()
    text = str(caught.value)
    places = ["setting: ", "setting/fashion-mnist: ", "cache/neural/fashion-mnist: ", "debian: "]
    lines = [*(f"{alone / place}" for place in places), "http://127.0.0.1:1: ", "apt-get download: there is no apt-get"]
    assert [line in text for line in lines] == [True] * 6
    assert text.count("\n  - ") == 6
    assert "apt-get install dataset-fashion-mnist" in text
    assert "NEURAL_DATA" in text


def test_a_cache_that_cannot_be_written_costs_a_warning_only(official, alone, monkeypatch):
    (alone / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(alone / "file"))
    with pytest.warns(UserWarning, match="could not be kept") as caught:
        assert is_tiny(fashion_mnist(progress=False))
    assert caught[0].filename == __file__


def test_a_user_without_a_home_has_no_cache(official, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/to/nothing")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.warns(UserWarning, match="there is no home folder"):
        assert is_tiny(fashion_mnist(progress=False))


def test_a_write_that_fails_leaves_no_part_of_a_file(official, alone, monkeypatch):
    def no_space(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.warns(UserWarning, match="no space left"):
        fashion_mnist(progress=False)
    assert list((alone / "cache/neural/fashion-mnist").iterdir()) == []


def test_the_real_data():
    try:
        data = fashion_mnist(download=False)
    except DataUnavailable as error:
        pytest.skip(str(error).splitlines()[0])
    assert data.X_train.shape == (60_000, 784)
    assert data.X_test.shape == (10_000, 784)
    assert np.bincount(data.y_train).tolist() == [6000] * 10
    assert np.bincount(data.y_test).tolist() == [1000] * 10
    assert data.image_shape == (28, 28)
    assert data.X_test.max() == 255
    labels = idx_bytes(data.y_test.astype(np.uint8))
    assert hashlib.sha256(labels).hexdigest() == "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"


def test_ten_class_names():
    assert len(set(datasets.FASHION_CLASSES)) == 10
