"""Analyse answers to a task about a stimulus set.

    python mturk/plot_task_results.py results/
    python mturk/plot_task_results.py results/ --outdir analysis

RESULTS are result files of the study page (JSON or CSV), or folders of them. Writes summary.md and
figures (PDF and PNG). Same/different, ABX and odd one out: d' and criterion with intervals, and
the psychometric function where levels are numbers. Ratings: means and agreement. Dissimilarities: a
map of the pictures by multidimensional scaling (map.csv).
"""

import argparse
import csv
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import run_script, script_parser
from my_utils.study.options import add_results_options


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_results_options(parser, outdir="task_analysis")
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from my_utils.files.atomic import atomic_path
    from my_utils.files.figures import save_figure
    from my_utils.study.report import write_summary
    from my_utils.study.screening import screen
    from my_utils.study.task_report import report_task
    from my_utils.study.task_results import read_task_results

    screening = screen(read_task_results(args.results), args.max_wrong)
    report = report_task(screening.trials)
    args.outdir.mkdir(parents=True, exist_ok=True)
    for name, figure in report.figures.items():
        save_figure(figure, *(args.outdir / f"{name}.{kind}" for kind in ("pdf", "png")))
    if report.places:
        with (
            atomic_path(args.outdir / "map.csv") as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            csv.writer(file).writerows(report.places)
    title = f"Task: {screening.trials[0].study.replace('_', ' ')}"
    notes = [*report.notes, *screening.notes]
    write_summary(args.outdir / "summary.md", title, "\n\n".join(report.tables), notes)
    print("\n".join(report.lines))
    if screening.excluded:
        print(f"excluded participants: {', '.join(screening.excluded)}")
    print(f"wrote summary.md and {len(report.figures)} figures to {args.outdir}")


if __name__ == "__main__":
    run_script(main)
