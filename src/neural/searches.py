"""scikit-learn's searches over the estimators: as many fits at a time as there are threads, in this process.

joblib asks a backend to run the tasks of a search. This one has threads, as :mod:`neural.many` has: the core lets go of
the interpreter, nothing is copied or sent, and a fit within it takes one thread of the core.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from joblib import parallel_config
from joblib.parallel import FallbackToBackend, ParallelBackendBase, SequentialBackend

from neural import threads
from neural.errors import check_number


class Within(SequentialBackend):  # type: ignore[misc]
    """What is active within a task: a search in there runs one fit after the other. ``told`` is set to end them."""

    def __init__(self, nesting_level: int, told: threading.Event) -> None:
        super().__init__(nesting_level=nesting_level)
        self.told = told


class Threads(ParallelBackendBase):  # type: ignore[misc]
    """Runs the tasks of joblib in ``most`` threads; their fits end within an epoch when the others are to end."""

    supports_retrieve_callback = supports_sharedmem = uses_threads = True
    default_n_jobs = -1  # where a search has n_jobs=None

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self._told = most, threading.Event()
        self._pool = ThreadPoolExecutor(most)

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        if n_jobs == 0:
            raise ValueError("n_jobs must be None, -1 or a number of threads. Got 0.")
        if n_jobs is None or n_jobs < 0:
            return max(1, self.most + 1 + (-1 if n_jobs is None else n_jobs))
        return n_jobs

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        self.parallel, count = parallel, self.effective_n_jobs(n_jobs)
        if count == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self._told = threading.Event()
        self._pool = ThreadPoolExecutor(count, "neural searches")
        return count

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], None] | None = None) -> Future[Any]:
        try:
            future = self._pool.submit(func)
        except RuntimeError:  # it was shut down since joblib looked, which a thread that is done does for the next task
            return Future()
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        return out.result()

    def get_nested_backend(self) -> tuple[Any, int | None]:
        return Within(self.nesting_level + 1, self._told), None

    def start_call(self) -> None:
        self._warnings = warnings.catch_warnings()  # the tasks set filters, which threads have in common
        self._warnings.__enter__()

    def stop_call(self) -> None:
        self._warnings.__exit__(None, None, None)

    def terminate(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def abort_everything(self, ensure_ready: bool = True) -> None:
        self._told.set()
        self.terminate()
        if ensure_ready:
            self.configure(self.parallel.n_jobs, self.parallel)


@contextmanager
def searching(n_threads: int | None = None) -> Iterator[None]:
    """Let scikit-learn's searches and cross-validations fit so many estimators at a time, a thread each.

    It holds for what is called within it, with ``n_jobs=None`` or -1. Scores and estimators are bit for bit those of
    one fit after the other where ``random_state`` is a number. Nothing is sent to other processes, so estimators may
    have functions that cannot be pickled. A search within a search runs in its thread. Ctrl-C and errors end all fits
    within an epoch.

    Parameters
    ----------
    n_threads : None for as many as ``neural.n_threads()`` says.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from neural import MLPClassifier
    >>> network = MLPClassifier((8,), batch_size=32, learning_rate_init=0.01, tol=0.1, random_state=0)
    >>> with searching():
    ...     search = GridSearchCV(network, {"alpha": [1e-4, 1.0]}, cv=3).fit(*load_iris(return_X_y=True))
    >>> search.best_params_
    {'alpha': 0.0001}
    """
    most = threads.n_threads() if n_threads is None else check_number("n_threads", n_threads, low=1, whole=True)
    with parallel_config(backend=Threads(most)):
        yield
