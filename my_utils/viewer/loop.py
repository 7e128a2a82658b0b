"""One thread for all pages of the viewer, so that the newest state is drawn and no older one."""

import queue
from collections.abc import Callable
from typing import NoReturn, Protocol


class Drawable(Protocol):
    """What the loop needs of a page; UserErrors of its work are its own to show."""

    def do(self, action: Callable[[], object]) -> None:
        """Do what a person asked for."""

    def draw(self) -> None:
        """Show the page's state, if it has changed."""


class PageLoop:
    """Does what pages are asked for, in order, and draws them when nothing more waits.

    Asking is quick and drawing is slow: while a face is drawn, the next positions of a dragged
    slider pile up, and of those only the last one is drawn.
    """

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[tuple[Drawable, Callable]] = queue.SimpleQueue()

    def post(self, page: Drawable, action: Callable[[], object]) -> None:
        """Ask, from any thread."""
        self._requests.put((page, action))

    def step(self) -> None:
        """Wait for a request, answer all there are, and draw their pages."""
        pages = [self._answer()]
        while not self._requests.empty():
            pages.append(self._answer())
        for page in dict.fromkeys(pages):
            page.do(page.draw)

    def run(self) -> NoReturn:
        """Answer for ever."""
        while True:
            self.step()

    def _answer(self) -> Drawable:
        page, action = self._requests.get()
        page.do(action)
        return page
