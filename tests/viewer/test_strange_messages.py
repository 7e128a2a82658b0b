"""Browsers that send anything at any moment: every page is alive in the end, and so is the loop."""

import contextlib
import dataclasses
import random
import threading
import time

import pytest
import torch

from my_utils.data.resources import Resources
from my_utils.faces.synthesizer import Faces, FaceSynthesizer
from my_utils.runs.config import run_config
from my_utils.runs.networks import build_generator
from my_utils.viewer.loop import PageLoop

msgspec = pytest.importorskip("msgspec", reason="needs `pip install -r requirements-viewer.txt`")
viser = pytest.importorskip("viser", reason="needs `pip install -r requirements-viewer.txt`")
connect = pytest.importorskip("websockets.sync.client").connect
ConnectionClosed = pytest.importorskip("websockets.exceptions").ConnectionClosed

VALUES = (
    *(0, 1, -1, 0.5, 2**53, 2**63, -(2**63), 1e300, 1e39, 1e308, float("inf"), float("nan")),
    *(None, True, "", "0", "1e999", "9" * 400, "New person", [], [1, 2], {"a": 1}, b"\0\1"),
)
CAMERA = {
    "type": "ViewerCameraMessage",
    "wxyz": [1, 0, 0, 0],
    "position": [0, 0, 1],
    "fov": 1,
    "near": 0.1,
    "far": 100,
    "image_height": 64,
    "image_width": 64,
    "look_at": [0, 0, 0],
    "up_direction": [0, 1, 0],
}


@pytest.fixture(scope="module")
def viewer(demo_folder):
    """A viewer that draws the state without a network: its server and its loop, which runs."""
    from my_utils.viewer.page import Page
    from my_utils.viewer.server import serve_pages, start_server
    from my_utils.viewer.session import Drawing, Session

    config = dataclasses.replace(
        run_config(29, demo=True), resolution=16, render_size=16, channel_base=64, channel_max=4
    )
    resources = Resources(demo_folder)
    synthesizer = FaceSynthesizer(
        build_generator(config).eval(), resources.face_renderer(16), config, resources
    )

    class BlankSession(Session):
        def draw(self):
            face = self.state.pose(self._flame)
            assert face.params.to_vector().isfinite().all()
            blank = torch.zeros(1, 3, 16, 16)
            faces = Faces(blank, blank, blank, blank[:, :1], face.params)
            return Drawing(faces, face.vertices[0].numpy())

    loop, scenes = PageLoop(), synthesizer.dataset_params()
    server = start_server("127.0.0.1", 0)
    films = demo_folder / "films"
    serve_pages(
        server,
        loop,
        lambda client: Page(client, BlankSession(synthesizer, scenes), loop, films=films),
    )
    threading.Thread(target=loop.run, daemon=True).start()
    yield server, loop
    server.stop()


def soon(condition):
    """What it gives as soon as it is true."""
    for _ in range(2_000):
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("it never came to that")


class Browser:
    """A client that knows the names of its widgets and of others'."""

    def __init__(self, server, loop):
        known = set(loop.pages)
        self.connection = connect(
            f"ws://127.0.0.1:{server.get_port()}",
            subprotocols=[f"viser-v{viser.__version__}"],
            max_size=None,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        self.send(CAMERA)
        self.number = soon(lambda: set(loop.pages) - known).pop()
        self.page = loop.pages[self.number]

    def _listen(self):
        with contextlib.suppress(ConnectionClosed):
            for _ in self.connection:
                pass

    def send(self, message):
        self.connection.send(msgspec.msgpack.encode(message))

    def is_alive(self, seed):
        """Whether the page still does what a person asks for, also if a person must ask again."""
        uuid = self.page._seed._impl.uuid
        for number in range(seed, seed + 50):
            self.send({"type": "GuiUpdateMessage", "uuid": uuid, "updates": {"value": number}})
            for _ in range(100):
                if self.page._session.state.values["Style seed"] == number:
                    return True
                time.sleep(0.01)
        return False

    def widgets(self):
        return list(self.page._gui._gui_input_handle_from_uuid)


def strange_message(rng, uuids):
    uuid = rng.choice([*uuids, "absent"])
    value = rng.choice(VALUES)
    kind = rng.random()
    if kind < 0.97:
        return {"type": "GuiUpdateMessage", "uuid": uuid, "updates": {"value": value}}
    if kind < 0.99:
        return CAMERA | {rng.choice(list(CAMERA)[1:]): value}
    return {"type": "GuiButtonHoldMessage", "uuid": uuid, "frequency": value}


@pytest.mark.parametrize(
    "count", [200, pytest.param(10_000, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_no_message_ends_the_pages_of_others(viewer, count):
    server, loop = viewer
    rng = random.Random(0)  # noqa: S311 (nothing secret)
    browsers = [Browser(server, loop) for _ in range(3)]
    for _ in range(count):
        place = rng.randrange(3)
        browser = browsers[place]
        leaves = rng.random() < 8 / count  # in the middle
        try:
            browser.send(strange_message(rng, browser.widgets()))
        except ConnectionClosed:  # viser hangs up on what is no message
            leaves = True
        if leaves:
            browser.connection.close()
            soon(lambda number=browser.number: number not in loop.pages)
            browsers[place] = Browser(server, loop)
    for browser in browsers:
        seed = rng.randrange(10**6)
        try:
            assert browser.is_alive(seed)
        except ConnectionClosed:  # viser has hung up on what it was sent before
            browser = Browser(server, loop)
            assert browser.is_alive(seed)
        browser.connection.close()
    soon(lambda: not loop.pages)
