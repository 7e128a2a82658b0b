"""Write one HTML file in which anybody moves a generator's faces: no server, nothing to install.

    python plots/export_page.py --ckpt demo --out face.html
    python plots/export_page.py --run_id 29 --head_licence CC-BY-4.0 --attribution "Our head, 2026"

The file holds the head, the generator and the runtime; it opens from a disk, a USB stick or any
server, and reaches nothing else. With --webgpu it draws on the graphics processor where the browser
lets it, for 2 MB more.

A page carries the head's bases to everybody who opens it. So the demo head goes, and a head that
its owner lets anybody pass on (--head_licence, --attribution); FLAME 2017, 2020 and 2023 do not.

It needs the packages of requirements-web.txt and, once, those of npm:
npm ci --ignore-scripts --prefix my_utils/web/javascript
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import add_resource_options, output_file, run_script, script_parser
from my_utils.faces.options import (
    add_generator_options,
    choose_checkpoint,
    numbered_run,
    open_generator,
)


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_resource_options(parser)
    add_generator_options(parser, several=False)
    parser.add_argument(
        "--out", type=output_file, default=Path("face.html"), metavar="FILE", help="(face.html)"
    )
    parser.add_argument(
        "--title", default="A face to play with", help="of the page (A face to play with)"
    )
    parser.add_argument("--head_licence", metavar="SPDX", help="of head, texture space and layout")
    parser.add_argument("--attribution", metavar="TEXT", help="whom to name for the head")
    parser.add_argument(
        "--webgpu", action="store_true", help="draw on the graphics processor where there is one"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    from my_utils.web.page import write_page

    path = choose_checkpoint(args)
    synthesizer = open_generator(path, resources=args.resources, run_id=numbered_run(args))
    errors = write_page(
        args.out,
        synthesizer,
        title=args.title,
        head_licence=args.head_licence,
        attribution=args.attribution,
        webgpu=args.webgpu,
    )
    print(errors)
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.1f} MB): open it in a browser")


if __name__ == "__main__":
    run_script(main)
