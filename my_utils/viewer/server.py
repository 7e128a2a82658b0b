"""The web server of the viewer, for this machine's own pages.

viser and not gradio: its mesh takes new vertices without a reload, each tab has a state of its own,
and it installs ten small packages where gradio needs forty and exchanges Pillow for an older one.
"""

import contextlib
import io
import re
from collections.abc import Callable
from functools import partial

import viser

from my_utils.viewer.loop import Drawable, PageLoop

TITLE = "GIF viewer"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
OWN_PAGE = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")


class LocalServer(viser.ViserServer):
    """A server that never opens viser's tunnel to the internet, which any page could ask for."""

    def request_share_url(self, verbose: bool = True) -> None:
        return None

    @property
    def url(self) -> str:
        """Where the page is; a server for every address is reached at this machine's own."""
        host = "localhost" if self.get_host() == "0.0.0.0" else self.get_host()  # noqa: S104
        return f"http://{host}:{self.get_port()}"

    def refuse_other_pages(self) -> None:
        """Hang up on every page but this machine's own: viser lets any website press buttons."""
        connections = self._websock_server  # the only ones who know where a page is from

        async def refuse(connection: viser.infra.WebsockClientConnection) -> None:
            websocket = connections._live_connections[connection.client_id]
            origin = websocket.request.headers.get("Origin")
            if origin is not None and not OWN_PAGE.fullmatch(origin):
                await websocket.close(1008, "a page of another website")

        connections.on_client_connect(refuse)
        connections.disconnect_all_clients()  # who came before; own pages come again


def start_server(host: str, port: int) -> LocalServer:
    """A server without widgets, which prints nothing; port 0 takes any free one.

    At this machine's own address it answers its own page alone, and no other that is open in the
    same browser.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        server = LocalServer(host, port, label=TITLE, verbose=False)
    if host in LOOPBACK:
        server.refuse_other_pages()
    server.gui.configure_theme(show_logo=False, show_share_button=False)
    server.scene.configure_default_lights(cast_shadow=False)  # slow where there is no GPU
    server.scene.configure_environment_map(None)
    return server


def serve_pages(
    server: LocalServer, loop: PageLoop, make_page: Callable[[viser.ClientHandle], Drawable]
) -> None:
    """Have the loop open a page for everyone who comes, and close it when he leaves."""

    # Being async keeps them in order.
    async def come(client: viser.ClientHandle) -> None:
        loop.open(client.client_id, partial(make_page, client))

    async def leave(client: viser.ClientHandle) -> None:
        loop.close(client.client_id)

    server.on_client_connect(come)
    server.on_client_disconnect(leave)
