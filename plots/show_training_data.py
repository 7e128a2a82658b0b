"""Show what a generator learns from: photographs beside the renderings of their faces.

    python plots/show_training_data.py --demo
    python plots/show_training_data.py --faces 0-15,300
    python plots/show_training_data.py --film --faces 0-299 --out wall.mp4

A face is named by its position in the parameter file; one without a usable photograph gives its
place to the next. The still grid shows photograph, rendering, normal map, and the rendering half
transparent on the photograph with the outline of the mesh, where misfits are seen. The film is a
wall of renderings and photographs that scrolls by. Writes training_data.png or training_data.mp4
into output_files/sample/groundtruth_data, or the file that --out names.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    add_resource_options,
    output_file,
    parse_seeds,
    resource_folder,
    run_script,
    script_parser,
)
from my_utils.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_resource_options(parser)
    parser.add_argument("--faces", help="positions, e.g. 0-15,300 (0-7; the first 120 in a film)")
    parser.add_argument("--film", action="store_true", help="a scrolling wall instead of a grid")
    parser.add_argument("--out", type=output_file, metavar="FILE", help="picture or film to write")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    positions = parse_seeds(args.faces, option="--faces") if args.faces else None

    from my_utils.data.pair_pictures import largest_pairs, save_pairs, save_wall
    from my_utils.data.resources import Resources

    resources = Resources(resource_folder(args))
    resources.require("parameters", "photographs", "renderings")
    dataset = largest_pairs(resources)
    positions = positions or list(range(min(len(dataset), 120 if args.film else 8)))
    if max(positions) >= len(dataset):
        raise UserError(f"--faces {max(positions)} is too large: there are {len(dataset)} faces")
    name, save = "training_data.png", save_pairs
    if args.film:
        name, save = "training_data.mp4", save_wall
    out = args.out or resources.paths.output_root / "sample" / "groundtruth_data" / name
    save(out, dataset, positions)
    print(f"wrote {out}")


if __name__ == "__main__":
    run_script(main)
