"""Fixtures of several files of tests."""

import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the tables and models of tests/tables_of_files.py; a fresh one for each file of tests."""
    from tests.tables_of_files import make

    return make(tmp_path_factory.mktemp("files"))


@pytest.fixture
def here(folder, monkeypatch):
    """Return that folder, and be in it."""
    monkeypatch.chdir(folder)
    return folder
