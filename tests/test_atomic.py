"""Files written whole or not at all: a fault at any step leaves the old file, and no litter."""

import errno
import os
from pathlib import Path

import pytest

from neural import atomic


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "a.bin"
    for data in (b"", b"old", b"new and longer", b"short"):
        atomic.write(path, [data])
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("fault", [OSError("no space left"), KeyboardInterrupt()])
def test_a_fault_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, step, fault):
    path = tmp_path / "a.bin"
    atomic.write(path, [b"old"])

    def fail(*arguments, **options):
        raise fault

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(fault)):
        atomic.write(path, [b"new"])
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a file in a folder that is there. Got '.*a.bin'. Make the folder '.*none'"):
        atomic.write(tmp_path / "none" / "a.bin", [b""])
    (tmp_path / "b").mkdir()
    with pytest.raises(ValueError, match=r"a file in a folder that is there.* That is a folder: name a file in it"):
        atomic.write(tmp_path / "b", [b""])
    assert os.listdir(tmp_path) == ["b"]


@pytest.mark.skipif(os.name != "posix", reason="links and permissions as in POSIX")
def test_a_link_stays_a_link_and_permissions_stay(tmp_path):
    path, link = tmp_path / "a.bin", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    atomic.write(link, [b"new"])
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_files_are_moved_together_and_one_of_them_last(tmp_path, monkeypatch):
    moved, real = [], os.replace
    monkeypatch.setattr(os, "replace", lambda source, place: (moved.append(Path(place).name), real(source, place)))
    with atomic.together(tmp_path, last="index.html") as scratch:
        (scratch / "inner").mkdir()
        for name in ("results.json", "index.html", "inner/0101.png"):
            (scratch / name).write_text("new")
        assert moved == []
    assert moved == ["0101.png", "results.json", "index.html"]
    assert (tmp_path / "inner" / "0101.png").read_text() == "new"

    def fails_on_the_way():
        with atomic.together(tmp_path, last="index.html") as scratch:
            (scratch / "index.html").write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fails_on_the_way()
    assert (tmp_path / "index.html").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["index.html", "inner", "results.json"]


def test_what_the_system_says_is_said_of_the_path_that_was_given(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device. The path must be of a file .*: '.*[/\\]a.bin'$"):
        atomic.write(tmp_path / "a.bin", [b"new"])
    (tmp_path / "a.file").touch()
    with pytest.raises(NotADirectoryError, match=r"The folder must be one that can be written to: '.*a\.file'$"):
        atomic.check_folder(tmp_path / "a.file")
