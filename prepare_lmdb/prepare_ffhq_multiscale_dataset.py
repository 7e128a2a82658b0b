"""Pack photographs into the LMDB that training reads, each at several sizes.

    python prepare_lmdb/prepare_ffhq_multiscale_dataset.py --n_worker 8 FFHQ/images1024x1024
    python prepare_lmdb/prepare_ffhq_multiscale_dataset.py --sizes 64,256 --out my.lmdb FOLDER

FOLDER may hold pictures at any depth. A picture named by a number (00017.png) gets that id, which
must be its number in the FLAME parameter file. An interrupted build goes on when repeated.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from constants import LMDB_SIZES, resources_root
from my_utils.cli import (
    counted,
    positive_int,
    run_script,
    script_parser,
)
from my_utils.data.resource_files import ResourcePaths
from my_utils.errors import UserError


def parse_sizes(text: str) -> list[int]:
    """Sizes as written on the command line: "64,256" -> [64, 256]."""
    words = text.split(",")
    allowed = ",".join(map(str, LMDB_SIZES))
    if not all(word.isdecimal() and int(word) in LMDB_SIZES for word in words):
        raise UserError(f"--sizes {text!r} is not a list of sizes: choose from {allowed}")
    return sorted({int(word) for word in words})


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder of the photographs")
    parser.add_argument(
        "--n_worker",
        type=positive_int,
        default=os.cpu_count(),
        help="processes (as many as processors)",
    )
    parser.add_argument(
        "--sizes", default=",".join(map(str, LMDB_SIZES)), help="pixels, e.g. 64,256 (%(default)s)"
    )
    parser.add_argument(
        "--upscale", action="store_true", help="also make sizes larger than the photograph"
    )
    parser.add_argument(
        "--ranks", action="store_true", help="number the sorted paths, whatever their names say"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="LMDB",
        default=ResourcePaths(resources_root).photographs,
        help="folder to write (%(default)s)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    sizes = parse_sizes(args.sizes)

    from my_utils.data.lmdb_images import LmdbImages
    from my_utils.data.photograph_lmdb import (
        MADE_FROM,
        find_photographs,
        photograph_recipe,
        remarks,
        write_photograph_lmdb,
    )

    photographs = find_photographs(args.folder, ranks=args.ranks)
    if args.out.exists():
        images = LmdbImages(args.out)
        wanted = photograph_recipe(photographs, sizes=sizes, upscale=args.upscale)
        known = (images.record(MADE_FROM) or wanted.encode()).decode()
        if known != wanted:
            raise UserError(
                f"{args.out} exists already and was made of others ({known}; wanted: {wanted}): "
                "delete it to build it anew, or give --out"
            )
        there = ", ".join(map(str, images.sizes()))
        print(f"{args.out} exists already, with sizes {there}: delete it to build it anew")
        return
    for remark in remarks(args.folder, photographs):
        print(f"note: {remark}")
    report = write_photograph_lmdb(
        args.out, photographs, sizes=sizes, workers=args.n_worker, upscale=args.upscale
    )
    for problem in report.unreadable:
        print(f"left out: {problem}", file=sys.stderr)
    if report.too_small:
        print(
            f"smaller than {sizes[-1]} pixels: {counted(report.too_small, 'photograph')}; sizes "
            "larger than the photograph were left out (--upscale makes them)"
        )
    print(f"wrote {counted(report.written, 'photograph')} to {args.out}")


if __name__ == "__main__":
    run_script(main, if_stopped="repeat the command to continue")
