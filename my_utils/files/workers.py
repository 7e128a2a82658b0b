"""Processes that work for this one, end with it however it ends, and cannot hang it.

The standard library's process pool waits for ever where a worker is killed while it hands over a
result, because all of them share one pipe; and its workers outlive a main process that is killed.
"""

import contextlib
import multiprocessing
import queue
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from my_utils.errors import UserError
from my_utils.files.allocator import keep_freed_memory


class WorkerProcesses(ThreadPoolExecutor):
    """An executor of `count` fresh processes, each with a thread here that waits for its results.

    Functions must not raise: that ends their process.

    Raises:
        UserError: (from the results) a process was killed.
    """

    def __init__(self, count: int):
        super().__init__(count)
        # A fork would take open files and threads along.
        context = multiprocessing.get_context("spawn")
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        # They inherit what is blocked here: Ctrl-C, which reaches all, is left to this process.
        resource_tracker.ensure_running()  # which would unblock it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        for _ in range(count):
            ours, theirs = context.Pipe()
            context.Process(target=_serve, args=(theirs,), daemon=True).start()
            theirs.close()  # so that the end of either process is the end of the pipe
            self._idle.put(ours)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

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
            return connection.recv()
        except (EOFError, OSError):
            raise UserError(
                "a worker process was killed, perhaps for memory: run the same command again with "
                "fewer workers, it goes on from here"
            ) from None
        finally:
            self._idle.put(connection)


def _serve(connection: Connection) -> None:
    """Answer calls until the other end is closed."""
    keep_freed_memory()
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            function, args, kwargs = connection.recv()
            connection.send(function(*args, **kwargs))
