"""One thread for all pages of the viewer, so that the newest state is drawn and no older one."""

import logging
import queue
from collections.abc import Callable
from functools import partial
from typing import NoReturn, Protocol


class Drawable(Protocol):
    """What the loop needs of a page; UserErrors of its work are its own to show."""

    def do(self, action: Callable[[], object]) -> None:
        """Do what a person asked for."""

    def draw(self) -> None:
        """Show the page's state, if it has changed."""

    def close(self) -> None:
        """The tab is gone."""


class PageLoop:
    """Does what pages are asked for, in order, and draws them when nothing more waits.

    Asking is quick and drawing is slow: while a face is drawn, the next positions of a dragged
    slider pile up, and of those only the last one is drawn. What fails on one page, at any moment
    of its life, ends nothing on the others.
    """

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[Callable[[], Drawable | None]] = queue.SimpleQueue()
        self.pages: dict[int, Drawable] = {}  # that are open, by number

    def open(self, number: int, make: Callable[[], Drawable]) -> None:
        """Ask for a page, from any thread; it is made by the loop."""
        self._requests.put(partial(self._open, number, make))

    def close(self, number: int) -> None:
        """Say, from any thread, that a page is gone, also one that never was."""
        self._requests.put(partial(self._close, number))

    def post(self, page: Drawable, action: Callable[[], object]) -> None:
        """Ask a page for something, from any thread."""
        self._requests.put(partial(self._do, page, action))

    def step(self) -> None:
        """Wait for a request, answer all there are, and draw their pages."""
        asked = [self._requests.get()()]
        while not self._requests.empty():
            asked.append(self._requests.get()())
        for page in dict.fromkeys(asked):
            if page is not None:
                self._do(page, page.draw)

    def run(self) -> NoReturn:
        """Answer for ever."""
        while True:
            self.step()

    def close_all(self) -> None:
        """The viewer ends."""
        for number in list(self.pages):
            self._close(number)

    def _open(self, number: int, make: Callable[[], Drawable]) -> None:
        def put() -> None:
            self.pages[number] = make()

        _safely(put)

    def _close(self, number: int) -> None:
        if page := self.pages.pop(number, None):
            _safely(page.close)

    def _do(self, page: Drawable, action: Callable[[], object]) -> Drawable | None:
        if page not in self.pages.values():
            return None
        _safely(partial(page.do, action))
        return page


def _safely(action: Callable[[], object]) -> None:
    """Do it; an error is logged, because it must not end the loop."""
    try:
        action()
    except Exception:
        logging.getLogger(__name__).exception("a page of the viewer failed; the others go on")
