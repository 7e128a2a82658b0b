import threading

from my_utils.viewer.loop import PageLoop


class Notebook:
    """A page that writes down what is done with it."""

    def __init__(self):
        self.position, self.drawn = 0, []

    def do(self, action):
        action()

    def draw(self):
        self.drawn.append(self.position)

    def move(self, position):
        self.position = position


def test_of_many_moves_only_the_last_is_drawn():
    loop, page = PageLoop(), Notebook()
    for position in range(1, 50):
        loop.post(page, lambda position=position: page.move(position))
    loop.step()
    assert page.drawn == [49]


def test_moves_during_a_drawing_are_drawn_next():
    loop, page = PageLoop(), Notebook()

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
    loop, pages = PageLoop(), [Notebook(), Notebook()]
    for page in (pages[0], pages[1], pages[0]):
        loop.post(page, lambda: None)
    loop.step()
    assert [page.drawn for page in pages] == [[0], [0]]


def test_a_step_waits_for_another_thread():
    loop, page = PageLoop(), Notebook()
    asker = threading.Thread(target=lambda: loop.post(page, lambda: page.move(7)))
    asker.start()
    loop.step()
    asker.join()
    assert page.drawn == [7]
