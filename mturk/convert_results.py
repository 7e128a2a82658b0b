"""Convert results of the study page into the layout of Mechanical Turk, and back.

    python mturk/convert_results.py results/ --study pairwise --to amt --out pairwise_amt.csv
    python mturk/convert_results.py Batch_1_results.csv --study likert --to page --out likert.csv

RESULTS are as for plot_results.py. The layout of Mechanical Turk has no place for checks, which
are left out, nor for conditions and sessions; the page's CSV keeps everything.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    counted,
    output_file,
    run_script,
    script_parser,
)


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULTS")
    parser.add_argument("--study", choices=("pairwise", "likert"), required=True)
    parser.add_argument("--to", choices=("amt", "page"), required=True, help="layout to write")
    parser.add_argument(
        "--out", type=output_file, required=True, metavar="FILE", help="CSV to write"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from my_utils.study.results import read_results, write_amt_csv, write_page_csv

    trials = read_results(args.results, args.study)
    write = write_amt_csv if args.to == "amt" else write_page_csv
    rows = write(args.out, trials)
    for note in trials.notes:
        print(note)
    print(f"wrote {rows} of {counted(len(trials), 'answer')} to {args.out}")


if __name__ == "__main__":
    run_script(main)
