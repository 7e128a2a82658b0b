"""Processes that work for this one, end with it however it ends, and cannot hang it.

The standard library's process pool waits for ever where a worker is killed while it hands over a
result, because all of them share one pipe; and its workers outlive a main process that is killed.
"""

import contextlib
import ctypes
import multiprocessing
import os
import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from my_utils.errors import UserError
from my_utils.signals import interrupt_blocked

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt
# NumPy and torch read it when they are imported.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerProcesses(ThreadPoolExecutor):
    """An executor of `count` fresh processes, each with a thread here that waits for its results.

    Each computes in one thread. What a function raises is raised by its result.

    Raises:
        UserError: (from the results) a process was killed.
    """

    def __init__(self, count: int):
        super().__init__(count)
        # A fork would take open files and threads along.
        context = multiprocessing.get_context("spawn")
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        resource_tracker.ensure_running()  # which would unblock the signal
        with interrupt_blocked(), _environment(ONE_THREAD):
            for _ in range(count):
                ours, theirs = context.Pipe()
                context.Process(target=_serve, args=(theirs,), daemon=True).start()
                theirs.close()  # so that the end of either process is the end of the pipe
                self._idle.put(ours)

    def submit(self, function: Callable, /, *args: Any, **kwargs: Any) -> Future:
        return super().submit(self._run, (function, args, kwargs))

    def __exit__(self, *exception: object) -> None:
        self.shutdown(cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().close()

    def _run(self, call: tuple) -> Any:
        connection = self._idle.get()
        try:
            connection.send(call)
            result, error = connection.recv()
        except (EOFError, OSError):
            raise UserError(
                "a worker process was killed, perhaps for memory: run the same command again with "
                "fewer workers, it goes on from here"
            ) from None
        finally:
            self._idle.put(connection)
        if error is not None:
            raise error
        return result


def _serve(connection: Connection) -> None:
    """Answer calls until the other end is closed."""
    keep_freed_memory()
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            function, args, kwargs = connection.recv()
            answer: tuple[Any, Exception | None]
            try:
                answer = function(*args, **kwargs), None
            except Exception as error:  # noqa: BLE001 - raised again where the result is used
                answer = None, error
            connection.send(answer)


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name)
        os.environ.update(before)


def ordered_map(
    executor: Executor, function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int
) -> Iterator[Result]:
    """function(item) for each item in order, with at most `ahead` results waiting to be used.

    A plain executor map would hold the encoded pictures of a whole data set in memory whenever the
    disk is slower than the workers.
    """
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(executor.submit(function, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def keep_freed_memory() -> None:
    """Let this process keep freed memory for its next tensors, where the C library is glibc.

    glibc gives large blocks back to the system at once, which hands them out again as zeroed pages,
    with one fault for every 4 KB. A training step takes and frees gigabytes: this costs a tenth to
    a sixth of its time.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)
