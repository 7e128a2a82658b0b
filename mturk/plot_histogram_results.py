"""Analyse the Likert study: do faces match their renderings, whatever the style?

    python mturk/plot_histogram_results.py results/
    python mturk/plot_histogram_results.py Batch_1_results.csv --outdir analysis

RESULTS are result files of the study page (JSON or CSV), results of Mechanical Turk (CSV) with the
keys of their inputs (*_key.csv) if there were checks, or folders of all these. Writes styles.pdf,
styles.png (mode, median and mean of every style), histograms.pdf, histograms.png and summary.md,
with a test for equal ratings of all styles and the agreement of the raters.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import run_script, script_parser
from my_utils.study.options import add_results_options


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_results_options(parser, outdir="likert_analysis")
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from my_utils.files.figures import save_figure
    from my_utils.study.figures import histogram_figure, style_figure
    from my_utils.study.report import rating_notes, rating_table, write_summary
    from my_utils.study.results import read_results
    from my_utils.study.screening import screen
    from my_utils.study.summary import rate_styles

    answers = read_results(args.results, "likert")
    for note in answers.notes:
        print(note)
    screening = screen(answers, args.max_wrong)
    rated = rate_styles(screening.trials)
    for name, draw in {"styles": style_figure, "histograms": histogram_figure}.items():
        save_figure(draw(rated), args.outdir / f"{name}.pdf", args.outdir / f"{name}.png")
    notes = [*rating_notes(rated), *answers.notes, *screening.notes]
    write_summary(args.outdir / "summary.md", "Likert study", rating_table(rated), notes)
    for style, row in rated.styles.items():
        print(f"style {style}: mode {row.mode}, median {row.median:g}, n {sum(row.counts)}")
    print(f"mean of the modes: {rated.mean_of_modes:g}")
    if screening.excluded:
        print(f"excluded participants: {', '.join(screening.excluded)}")
    print(f"wrote styles and histograms (.pdf, .png) and summary.md to {args.outdir}")


if __name__ == "__main__":
    run_script(main)
