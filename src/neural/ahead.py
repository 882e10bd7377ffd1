"""Reading ahead: an iterator that is run in a thread while what it gave before is used."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item], count: int = 1, stopped: threading.Event | None = None) -> Generator[Item, None, None]:
    """Yield what ``items`` gives, which a thread has ready: at most ``count`` beyond the one that is in use.

    An error in the thread is raised here, where its item would have come. The thread ends with this generator: when it
    is exhausted, when it is closed, as ``contextlib.closing`` does, and so also by Ctrl-C. ``stopped`` is set then, for
    an iterator that takes long to look at.

    >>> list(ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    import queue  # only streams and loaders want it

    stopped = stopped or threading.Event()
    free, ready = threading.Semaphore(count), queue.SimpleQueue[Any]()

    def run() -> None:
        try:
            while free.acquire() and not stopped.is_set():
                ready.put((True, next(items)))
        except StopIteration:
            ready.put((False, None))
        except BaseException as error:
            ready.put((False, error))
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=run, name="neural reads ahead", daemon=True)
    thread.start()
    try:
        while True:
            there, found = ready.get()
            if not there:
                if found is not None:
                    raise found
                return
            free.release()
            yield found
            del found  # or it would be held while the next one is waited for
    finally:
        stopped.set()
        free.release()
        thread.join()
