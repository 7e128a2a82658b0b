"""Write the inputs of the pairwise study on Mechanical Turk: one CSV per ablation.

    python mturk/create_csv.py FOLDER --base_url https://my-bucket.s3.amazonaws.com/study
    python mturk/create_csv.py FOLDER --base_url https://example.org/study --attention 20

FOLDER is what `mturk/sample_faces.py pairwise` wrote. Writes
FOLDER/input_csvs/<full model>_VS_<ablation>.csv with the columns GT, OPTION1 and OPTION2 of
mturk/mturk_layout.html; the full model is OPTION1 in half of the rows. With checks,
<name>_key.csv says which rows they are: in an attention check one option is the reference itself
and the other the mesh that differs most from it; a repeat has its sides exchanged.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from my_utils.cli import (
    counted,
    run_script,
    script_parser,
)
from my_utils.study.inputs import (
    balanced_sides,
    pick_repeats,
    picture_url,
    write_inputs,
)
from my_utils.study.manifest import read_manifest
from my_utils.study.options import add_input_options
from my_utils.study.questions import PairQuestion, pair_checks, pair_questions
from my_utils.untrusted.text import path_below


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_input_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    pictures = read_manifest(args.folder, "pairwise")
    checks = pair_checks(args.folder, pictures, args.attention, args.seed) if args.attention else []
    questions: dict[tuple[str, str], list[PairQuestion]] = {}
    for question in pair_questions(pictures):
        questions.setdefault(question.models, []).append(question)
    for (full_model, ablation), pairs in questions.items():
        path = path_below(args.folder, f"input_csvs/{full_model}_VS_{ablation}.csv")
        write_ablation(path, pairs, checks, args)
        known = counted(args.attention + args.repeats, "check")
        print(f"wrote {path}: {counted(len(pairs), 'pair')}, {known}")


def write_ablation(
    path: Path,
    pairs: Sequence[PairQuestion],
    attention: Sequence[PairQuestion],
    args: argparse.Namespace,
) -> None:
    """Write the input CSV of one ablation and its key."""
    rng = np.random.default_rng(args.seed)
    sides = balanced_sides(len(pairs), rng)
    rows = [row(pair, args.base_url, side) for pair, side in zip(pairs, sides, strict=True)]
    checks: list[tuple[dict[str, str], str, int | str]] = [
        (row(check, args.base_url, side), "attention", 1 if side else 2)
        for check, side in zip(attention, balanced_sides(len(attention), rng), strict=True)
    ]
    for number in pick_repeats(args.repeats, len(pairs), rng):
        checks.append((row(pairs[number], args.base_url, not sides[number]), "repeat", ""))
    write_inputs(path, rows, checks, rng)


def row(question: PairQuestion, base_url: str, first_is_left: bool) -> dict[str, str]:
    files = (question.GT, *(question.files if first_is_left else question.files[::-1]))
    urls = [picture_url(base_url, file) for file in files]
    return dict(zip(("GT", "OPTION1", "OPTION2"), urls, strict=True))


if __name__ == "__main__":
    run_script(main)
