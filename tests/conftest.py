"""Fixtures of several files of tests."""

import signal

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


# --- the playground ------------------------------------------------------------------------------------------------
@pytest.fixture
def time_enough(monkeypatch):
    """Let every picture have the updates it was asked for, however busy the machine is."""
    from neural.playground import session

    monkeypatch.setattr(session, "FRAME_SECONDS", 1e9)


@pytest.fixture
def client():
    """Return a client of the playground's own server."""
    from tests.playground_client import browser

    return browser()


@pytest.fixture
def page(client):
    """Return an open page of it."""
    from tests.playground_client import HOME, door

    with door(client, origin=HOME) as found:
        yield found


@pytest.fixture
def banded(monkeypatch):
    """Let small images stand for Fashion-MNIST."""
    from neural.playground import points
    from tests import bands

    monkeypatch.setattr(points, "_fashion", bands.data)


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises KeyboardInterrupt, which a shell may have switched off for what runs in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
