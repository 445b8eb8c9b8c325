"""Run independent tasks on the cores of this machine, in any order, in processes that end with their parent."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children, connection, get_context, parent_process
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")


def run_tasks(function: Callable[..., T], tasks: Sequence[tuple[Any, ...]], workers: int) -> Iterator[T]:
    """Yield ``function(*task)`` for each task as it completes; the order is not that of the tasks.

    Parameters
    ----------
    function
        A module-level function.
    workers
        Number of processes. Each is fresh (spawned) and uses one thread for linear algebra.
    """
    before = set(active_children())
    with _one_thread_each(), ProcessPoolExecutor(workers, get_context("spawn"), initializer=_end_with_parent) as pool:
        try:
            for future in as_completed([pool.submit(function, *task) for task in tasks]):
                yield future.result()
        except BaseException:  # an error, or Ctrl-C: what runs is not worth waiting for
            for worker in set(active_children()) - before:
                worker.kill()
            raise


class _one_thread_each:  # noqa: N801 - used as a function
    """Environment for spawned workers: they share the cores by being several, not by threads."""

    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self.names}
        os.environ.update(dict.fromkeys(self.names, "1"))

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _end_with_parent() -> None:
    """Watch the parent from a thread: a killed build must not leave workers behind."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches the whole group: stop at once, not after the task
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent.sentinel,), daemon=True).start()


def _wait_and_exit(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
