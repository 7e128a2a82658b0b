"""Write the demo: a procedural head, parameters, photographs and renderings, as real data lies.

    python prepare_lmdb/create_demo_resources.py
    python prepare_lmdb/create_demo_resources.py --count 200 --size 256 --out my_demo

The folder works wherever a resources folder does (--demo, --resources, $GIF_RESOURCES). The same
options give the same bytes; a finished folder is left alone, an interrupted one is completed.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from constants import demo_root
from my_utils.cli import (
    counted,
    positive_int,
    run_script,
    script_parser,
    whole_number,
)


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--count", type=positive_int, default=2000, help="faces (%(default)s)")
    parser.add_argument("--size", type=positive_int, default=64, help="pixels (%(default)s)")
    parser.add_argument(
        "--render_size",
        type=positive_int,
        help="pixels of the renderings (those of the photographs)",
    )
    parser.add_argument("--seed", type=whole_number, default=0, help="of the faces (%(default)s)")
    parser.add_argument("--workers", type=positive_int, default=2, help="processes (%(default)s)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", default=demo_root, help="folder to write (%(default)s)"
    )
    args = parser.parse_args()

    from my_utils.demo.resources_folder import write_resources

    written = write_resources(
        args.out,
        count=args.count,
        size=args.size,
        seed=args.seed,
        workers=args.workers,
        render_size=args.render_size,
    )
    if written:
        print(f"wrote {counted(args.count, 'face')} of {args.size} pixels to {args.out}")
    else:
        print(f"{args.out} holds {counted(args.count, 'face')} like these already")


if __name__ == "__main__":
    run_script(main, if_stopped="repeat the command to continue")
