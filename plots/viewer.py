"""Play with a face in the browser: every slider moves one parameter, and the picture follows.

    python plots/viewer.py --ckpt demo
    python plots/viewer.py --run_id 29 --port 0
    python plots/viewer.py --person my_face/

Prints the address of the page; Ctrl-C ends it. Every tab has a face of its own. Beside the face
that is generated, the page shows what the generator was shown (textured rendering and normal map)
and the mesh in 3D. Parameters are loaded and saved as the params.npz of the other scripts, pictures
as PNG, films as MP4; a film stays in --outdir too. Nothing leaves this machine.

It needs one more package: python -m pip install -r requirements-viewer.txt
"""

import argparse
import importlib.util
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from constants import REPOSITORY
from my_utils.cli import run_script, script_parser, whole_number
from my_utils.errors import UserError
from my_utils.faces.options import add_synthesis_options, open_person, synthesizer_from_args


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_synthesis_options(parser, outdir="output_files/sample/<run>/viewer")
    parser.add_argument(
        "--person", type=Path, metavar="PATH", help="folder that edit_photograph.py wrote for one"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (127.0.0.1)")
    parser.add_argument(
        "--port", type=whole_number, default=8080, help="0 takes any free one (8080)"
    )
    parser.add_argument(
        "--backend", choices=("torch", "onnx"), default="torch", help="onnx is faster on a CPU"
    )
    return parser.parse_args()


def check_address(host: str, port: int) -> None:
    """Raise UserError where nothing can listen, which viser would try at other ports instead."""
    import socket

    try:
        socket.create_server((host, port)).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot listen at --host {host} --port {port} ({error}): pass --port 0 for a free one"
        ) from error


def main() -> None:
    args = parse_args()
    if importlib.util.find_spec("viser") is None:
        requirements = REPOSITORY / "requirements-viewer.txt"
        raise UserError(f"the viewer needs viser: python -m pip install -r {requirements}")
    check_address(args.host, args.port)

    from my_utils.viewer.loop import PageLoop
    from my_utils.viewer.page import Page
    from my_utils.viewer.pictures import RememberedRendering
    from my_utils.viewer.server import LOOPBACK, serve_pages, start_server
    from my_utils.viewer.session import Session

    if args.host not in LOOPBACK:
        text = f"warning: --host {args.host} lets others in the network use the viewer"
        print(text, file=sys.stderr)
    synthesizer = open_person(args.person, args) if args.person else synthesizer_from_args(args)
    if args.backend == "onnx":
        from my_utils.web.onnx_generator import OnnxGenerator

        synthesizer.generator = OnnxGenerator(synthesizer.generator)
    synthesizer.renderer = RememberedRendering(synthesizer.renderer)
    scenes, films = synthesizer.dataset_params(), synthesizer.outdir(args.outdir, "viewer")
    loop = PageLoop()

    def make_page(client) -> Page:
        session = Session(synthesizer, scenes, truncation=args.truncation)
        return Page(client, session, loop, films=films)

    server = start_server(args.host, args.port)
    serve_pages(server, loop, make_page)
    try:
        print(f"the viewer is at {server.url} (Ctrl-C ends it)", flush=True)
        loop.run()
    except KeyboardInterrupt:  # the usual end
        loop.close_all()
    finally:
        server.stop()


if __name__ == "__main__":
    run_script(main)
