"""Convert the output of a face tracker into GIF's parameter file.

    python prepare_lmdb/convert_flame_params.py --tool deca results/
    python prepare_lmdb/convert_flame_params.py --tool smirk results/ --crops crops.csv --out a.npy

Reads one file or a folder at any depth. A face is known by the number of its file, folder or video
frame, which has to be that of its photograph. Says what had to be left out or filled in; what each
tool is converted from is listed in docs/converters.md. The crops are a table with the columns
name,centre_x,centre_y,size,image_size, in pixels of the square photograph.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    add_resource_options,
    counted,
    output_file,
    resource_folder,
    run_script,
    script_parser,
)
from my_utils.errors import UserError

TOOLS = (
    "deca",
    "emoca",
    "smirk",
    "mica",
    "metrical-tracker",
    "pixel3dmm",
    "vhap",
    "flame-head-tracker",
)


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("path", type=Path, help="file or folder that the tool wrote")
    parser.add_argument("--tool", required=True, choices=TOOLS)
    parser.add_argument(
        "--out", type=output_file, metavar="FILE", help="default: the resources folder's"
    )
    parser.add_argument("--force", action="store_true", help="replace the file that is there")
    parser.add_argument("--crops", type=Path, metavar="FILE", help="where the tool looked, a CSV")
    parser.add_argument(
        "--texture_space",
        choices=["flame"],
        help="keep texture coefficients, as the tool ran with FLAME's texture space",
    )
    parser.add_argument(
        "--flame_version",
        choices=["2020", "2023"],
        help="of the resources folder's FLAME and the tool's, which must be the same (2020)",
    )
    parser.add_argument(
        "--ranks",
        action="store_true",
        help="ids are the ranks of the sorted names, as photographs'",
    )
    add_resource_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from model.flame import FLAME
    from my_utils.data.parameters import save_parameters
    from my_utils.data.resources import Resources
    from my_utils.data.trackers import reader
    from my_utils.data.trackers.conversion import convert_faces

    resources = Resources(resource_folder(args))
    out = args.out or resources.paths.parameters
    if out.exists() and not args.force:
        raise UserError(f"{out} exists already: give --force to replace it, or --out FILE")
    table, notes = convert_faces(
        reader.tracked_faces(args.tool, args.path, args.flame_version),
        FLAME(resources.flame),
        crops=reader.read_crops(args.crops) if args.crops else None,
        keep_texture=args.texture_space == "flame",
        ranks=args.ranks,
    )
    save_parameters(out, table)
    if not args.crops:
        notes += [note for note in reader.TOOLS[args.tool].notes if "--crops" in note]
    if not args.flame_version:
        notes += [note for note in reader.TOOLS[args.tool].notes if "--flame_version" in note]
    print("\n".join([*notes, f"wrote {counted(len(table.ids), 'face')} to {out}"]))


if __name__ == "__main__":
    run_script(main)
