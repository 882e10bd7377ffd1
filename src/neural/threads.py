"""How many threads the core may use: as set, here or by threadpoolctl, else OMP_NUM_THREADS, else the cores.

One in a task of joblib, and, unless it was set, in one of Dask: their workers are as many as there are threads.
"""

from __future__ import annotations

import os
import sys
import threading
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from neural.errors import check_number

_threads: int | None = None


def set_threads(n: int | None) -> None:
    """Set how many threads a fit or prediction may use at most; None leaves it to OMP_NUM_THREADS, else the cores.

    For the whole program; ``fit(n_threads=)`` goes before it. Small networks use one whatever is set, and no number
    changes any result. Within ``threadpoolctl.threadpool_limits(n)`` it is that n. On the NumPy engine BLAS has threads
    of its own.

    >>> set_threads(1)
    >>> n_threads()
    1
    >>> set_threads(None)
    """
    global _threads
    _threads = None if n is None else check_number("n", n, low=1, whole=True)


def n_threads() -> int:
    """Return how many threads a fit or prediction may use at most.

    >>> n_threads() >= 1
    True
    """
    if (getattr(_backend_of_joblib(), "nesting_level", None) or 0) > 0:
        return 1
    return _of_the_environment() if _threads is None else _threads


def told() -> threading.Event | None:
    """Return what is set when the fits of the search in progress are to end; None outside of ``neural.searching``."""
    found: threading.Event | None = getattr(_backend_of_joblib(), "told", None)
    return found


def _backend_of_joblib() -> Any:
    parallel: Any = sys.modules.get("joblib.parallel")  # nobody is in a task before it is imported
    return None if parallel is None else parallel.get_active_backend()[0]


def _of_the_environment() -> int:
    if _in_a_task_of_dask():
        return 1
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # a list is by level of nesting
    if asked.isdigit():
        return max(1, int(asked))
    if hasattr(os, "sched_getaffinity"):  # Linux alone
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _in_a_task_of_dask() -> bool:
    worker: Any = sys.modules.get("distributed.worker")  # nobody is in a task before it is imported
    if worker is None:
        return False
    try:
        worker.get_worker()
    except ValueError:
        return False
    return True


# --- threadpoolctl -------------------------------------------------------------------------------------------------
def tell(threadpoolctl: Any) -> None:
    """Register the core with threadpoolctl: it finds the compiled file, and reads and sets the number of threads."""
    if not hasattr(threadpoolctl, "register"):  # older than 3.2
        return

    class CoreController(threadpoolctl.LibController):  # type: ignore[misc]
        user_api = internal_api = "neural"
        filename_prefixes = ("_core.",)
        check_symbols = ("neural_core",)  # others have a _core as well

        def get_num_threads(self) -> int:
            return n_threads()

        def set_num_threads(self, num_threads: int) -> None:
            set_threads(None if num_threads == _of_the_environment() else num_threads)

        def get_version(self) -> None:
            return None

    threadpoolctl.register(CoreController)


class _Importing:
    """Stands in ``sys.meta_path`` until somebody imports threadpoolctl, and then tells it."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == "threadpoolctl" else None
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            tell(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def watch_for_threadpoolctl() -> None:
    """Tell threadpoolctl of the core, now if it is there, or when somebody imports it."""
    if "threadpoolctl" in sys.modules:
        tell(sys.modules["threadpoolctl"])
    else:
        sys.meta_path.insert(0, _Importing())
