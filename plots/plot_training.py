"""Plot the losses and measures of training runs over the images they have seen.

    python plots/plot_training.py --run_id 29 --demo
    python plots/plot_training.py --run_id 29 --run_id 7 --out runs.pdf
    python plots/plot_training.py a/checkpoint/29/stats.jsonl b/checkpoint/29/stats.jsonl

Draws everything that the stats.jsonl of any of the runs holds, also while they are being trained;
the best value of each measure is ringed. Writes training.png, .pdf or .svg.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    add_resource_options,
    output_file,
    resource_folder,
    run_script,
    script_parser,
)
from my_utils.data.resource_files import ResourcePaths
from my_utils.errors import UserError
from my_utils.runs.config import run_folder


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="a stats.jsonl")
    parser.add_argument(
        "--run_id", type=run_folder, action="append", default=[], help="may be repeated"
    )
    add_resource_options(parser)
    parser.add_argument(
        "--out", type=output_file, metavar="FILE", help="default: output_files/sample/training.png"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from my_utils.files.figures import save_figure
    from my_utils.training.curves import read_stats, training_figure

    output_root = ResourcePaths(resource_folder(args)).output_root
    paths = {
        f"run {run}": output_root / "checkpoint" / str(run) / "stats.jsonl" for run in args.run_id
    }
    paths |= {str(path): path for path in args.files}
    if not paths:
        raise UserError("say which runs to plot: --run_id N or files called stats.jsonl")
    figure = training_figure({name: read_stats(path) for name, path in paths.items()})
    out = args.out or output_root / "sample" / "training.png"
    save_figure(figure, out)
    print(f"wrote the curves of {', '.join(paths)} to {out}")


if __name__ == "__main__":
    run_script(main)
