"""Plan a study: how many answers and participants does it take to find a given difference?

    python mturk/power.py
    python mturk/power.py --power 0.9 --each 40 --correlation 0.05

Prints two Markdown tables: for the pairwise study, trials of one comparison for a true preference
(exact binomial test, two-sided, 5 %); for the Likert study, ratings of each of two styles for a
true difference of their means (normal approximation). Participants answer several questions each,
and their answers are alike by --correlation, which costs some of what they tell.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import number, positive_int, run_script, script_parser

ALPHA = 0.05
PREFERENCES = (0.55, 0.60, 0.65, 0.70, 0.75, 0.80)
DIFFERENCES = (0.25, 0.50, 0.75, 1.00)


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument(
        "--power", type=number(0.1, 0.9999), default=0.8, help="chance to find it (0.8)"
    )
    parser.add_argument(
        "--comparisons", type=positive_int, default=4, help="ablations, for Holm's first step (4)"
    )
    parser.add_argument(
        "--each",
        type=positive_int,
        default=25,
        help="answers of a participant to each comparison (25)",
    )
    parser.add_argument(
        "--correlation",
        type=number(0, 1),
        default=0.1,
        help="of answers of one participant, 0 to 1 (0.1)",
    )
    parser.add_argument(
        "--deviation",
        type=number(0.01, 2),  # from 1 to 5 no ratings differ more
        default=1.0,
        help="standard deviation of ratings, in steps (1)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from my_utils.files.tables import markdown_table
    from my_utils.study.statistics import participants_needed, ratings_needed, trials_needed

    def participants(answers: int) -> int:
        return participants_needed(answers, args.each, args.correlation)

    rows = []
    for rate in PREFERENCES:
        alone = trials_needed(rate, args.power, ALPHA)
        among = trials_needed(rate, args.power, ALPHA / args.comparisons)
        rows.append((f"{rate:.0%}", alone, among, participants(among)))
    with_each = f"participants with {args.each} answers each"
    among = f"trials, one of {args.comparisons} comparisons"
    print(markdown_table(("true preference", "trials, one comparison", among, with_each), rows))
    print()
    rows = []
    for difference in DIFFERENCES:
        answers = ratings_needed(difference, args.deviation, args.power, ALPHA)
        rows.append((f"{difference:g}", answers, participants(answers)))
    print(markdown_table(("true difference of means", "ratings of each style", with_each), rows))


if __name__ == "__main__":
    run_script(main)
