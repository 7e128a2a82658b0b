"""The one answer to Ctrl-C and SIGTERM.

Every script stops at once with one line and exit status 128 + signal: `cli.run_script` sees to it.
The steps of a training ask for a StopRequest instead, and stop between two of them. Worker
processes leave both signals to the process that started them.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal ended the work."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number
        self.name = signal.Signals(number).name


@contextlib.contextmanager
def stopping_at_once() -> Iterator[None]:
    """Let both signals raise Stopped where the main thread is; previous handlers return."""

    def stop(number: int, frame: object) -> None:
        raise Stopped(number)

    with _handling(stop):
        yield


class StopRequest:
    """Turns both signals into a request that the training loop answers between steps.

    A second SIGINT stops at once. Previous handlers return when the context ends.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._handlers = contextlib.ExitStack()

    def __enter__(self) -> "StopRequest":
        self._handlers.enter_context(_handling(self._handle))
        return self

    def __exit__(self, *exception: object) -> None:
        self._handlers.close()

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Here a signal raises Stopped where the work stands, as what must not be lost is saved."""
        with stopping_at_once():
            self.answer()
            yield

    def answer(self) -> None:
        """Raise Stopped if a signal has come: what was to be finished first is finished."""
        if self.signal is not None:
            raise Stopped(self.signal)

    def _handle(self, number: int, frame: object) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise Stopped(number)
        self.signal = number


def leave_stopping_to_main_process(worker: int = 0) -> None:
    """Ignore the signals that reach a whole process group: the main process ends its workers."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def interrupt_blocked() -> Iterator[None]:
    """Block Ctrl-C here; processes started meanwhile keep it blocked, from their first moment."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextlib.contextmanager
def _handling(handler: Callable[[int, object], None]) -> Iterator[None]:
    previous = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)
