"""Analyse the method of adjustment: which faces did participants set, and how well did they match?

    python mturk/plot_adjustments.py results/
    python mturk/plot_adjustments.py result-P01.json result-P02.json --outdir analysis

RESULTS are result files of a page made with `mturk/study_page.py --adjust`, or folders of them.
Writes adjustments.pdf, adjustments.png and summary.md: mean, spread, and error of every slider of
every task, over participants; and params.npz with the mean face of each task, which every other
script draws.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import run_script, script_parser


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULTS")
    parser.add_argument(
        "--outdir",
        type=Path,
        default=Path("adjustment_analysis"),
        metavar="DIR",
        help="where figure, summary and mean faces go (default: adjustment_analysis)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from my_utils.files.figures import save_figure
    from my_utils.study.adjustment_report import SPREAD, UNITS, adjustment_figure, adjustment_table
    from my_utils.study.adjustments import read_adjustments, save_mean_faces, summarize_adjustments
    from my_utils.study.report import write_summary

    adjustments = read_adjustments(args.results)
    rows = summarize_adjustments(adjustments)
    tasks = save_mean_faces(args.outdir / "params.npz", adjustments)
    save_figure(
        adjustment_figure(rows), args.outdir / "adjustments.pdf", args.outdir / "adjustments.png"
    )
    order = f"Rows of params.npz: {', '.join(f'{row} {task}' for row, task in enumerate(tasks))}."
    table = adjustment_table(rows)
    write_summary(args.outdir / "summary.md", "Adjusted faces", table, [UNITS, SPREAD, order])
    print(table)
    print(f"wrote adjustments (.pdf, .png), summary.md and params.npz to {args.outdir}")


if __name__ == "__main__":
    run_script(main)
