import threading

import pytest

from my_utils.viewer.loop import PageLoop


class Notebook:
    """A page that writes down what is done with it."""

    def __init__(self):
        self.position, self.drawn, self.is_closed = 0, [], False

    def do(self, action):
        action()

    def draw(self):
        self.drawn.append(self.position)

    def move(self, position):
        self.position = position

    def close(self):
        self.is_closed = True


def loop_with(*pages):
    loop = PageLoop()
    for number, page in enumerate(pages):
        loop.open(number, lambda page=page: page)
    loop.step()
    return loop


def test_of_many_moves_only_the_last_is_drawn():
    page = Notebook()
    loop = loop_with(page)
    for position in range(1, 50):
        loop.post(page, lambda position=position: page.move(position))
    loop.step()
    assert page.drawn == [49]


def test_moves_during_a_drawing_are_drawn_next():
    page = Notebook()
    loop = loop_with(page)

    def draw_while_dragged():
        page.drawn.append(page.position)
        if page.position == 1:
            for position in (2, 3):
                loop.post(page, lambda position=position: page.move(position))

    page.draw = draw_while_dragged
    loop.post(page, lambda: page.move(1))
    loop.step()
    loop.step()
    assert page.drawn == [1, 3]


def test_every_page_that_asked_is_drawn_once():
    pages = [Notebook(), Notebook()]
    loop = loop_with(*pages)
    for page in (pages[0], pages[1], pages[0]):
        loop.post(page, lambda: None)
    loop.step()
    assert [page.drawn for page in pages] == [[0], [0]]


def test_a_step_waits_for_another_thread():
    page = Notebook()
    loop = loop_with(page)
    asker = threading.Thread(target=lambda: loop.post(page, lambda: page.move(7)))
    asker.start()
    loop.step()
    asker.join()
    assert page.drawn == [7]


def failing(*_):
    raise RuntimeError("a bug, or a browser that is gone")


@pytest.mark.parametrize("fails", ["making", "doing", "drawing", "closing"])
def test_what_fails_on_one_page_ends_nothing_on_the_others(fails, caplog):
    page, other = Notebook(), Notebook()
    loop = PageLoop()
    loop.open(0, failing if fails == "making" else lambda: page)
    loop.open(1, lambda: other)
    loop.step()
    if fails == "drawing":
        page.draw = failing
    loop.post(page, failing if fails == "doing" else lambda: page.move(1))
    if fails == "closing":
        page.close = failing
        loop.close(0)
    loop.post(other, lambda: other.move(2))
    loop.step()
    assert other.drawn == [2]
    assert "a page of the viewer failed; the others go on" in caplog.text


def test_a_page_that_is_gone_or_never_came_is_left_alone():
    page = Notebook()
    loop = loop_with(page)
    loop.close(7)
    loop.close(0)
    loop.close(0)
    loop.post(page, lambda: page.move(1))
    loop.step()
    assert page.is_closed and page.drawn == [] and page.position == 0 and not loop.pages
