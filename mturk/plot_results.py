"""Analyse the pairwise study: how often is the full model preferred to each ablation?

    python mturk/plot_results.py results/
    python mturk/plot_results.py full_model_VS_*.csv --outdir analysis

RESULTS are result files of the study page (JSON or CSV), results of Mechanical Turk (CSV) with the
keys of their inputs (*_key.csv) if there were checks, or folders of all these. Writes
preference.pdf, preference.png and summary.md: preference with intervals, exact binomial tests,
Holm's correction, and the same over participants.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import run_script, script_parser
from my_utils.study.options import add_results_options


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_results_options(parser, outdir="pairwise_analysis")
    parser.add_argument("--reference", default="full_model", help="model that others ablate")
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from my_utils.files.figures import save_figure
    from my_utils.study.figures import preference_figure
    from my_utils.study.report import comparison_table, write_summary
    from my_utils.study.results import read_results
    from my_utils.study.screening import screen
    from my_utils.study.summary import compare_models

    answers = read_results(args.results, "pairwise")
    for note in answers.notes:
        print(note)
    screening = screen(answers, args.max_wrong)
    comparisons = compare_models(screening.trials, args.reference)
    table = comparison_table(comparisons, args.reference)
    figure = preference_figure(comparisons, args.reference)
    save_figure(figure, args.outdir / "preference.pdf", args.outdir / "preference.png")
    notes = [*answers.notes, *screening.notes]
    write_summary(args.outdir / "summary.md", "Pairwise study", table, notes)
    for row in comparisons:
        found = row.preference
        print(f"{row.model}: {found.chosen} of {found.trials} prefer {args.reference}")
    if screening.excluded:
        print(f"excluded participants: {', '.join(screening.excluded)}")
    print(f"wrote preference.pdf, preference.png and summary.md to {args.outdir}")


if __name__ == "__main__":
    run_script(main)
