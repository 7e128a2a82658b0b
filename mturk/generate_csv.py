"""Write the input of the Likert study on Mechanical Turk.

    python mturk/generate_csv.py FOLDER --base_url https://my-bucket.s3.amazonaws.com/study
    python mturk/generate_csv.py FOLDER --base_url https://example.org/study --attention 20

FOLDER is what `mturk/sample_faces.py likert` wrote. Writes FOLDER/flm_asso_10k.csv with the column
image_url of mturk/mturk_likert_layout.html. With checks, flm_asso_10k_key.csv says which rows they
are: an attention check shows a rendering beside itself (expected 5, "Strongly agree") or beside
the rendering that differs most from it (expected 1, "Strongly disagree"), in turn. Their pictures
are in FOLDER/attention, to be uploaded with the others.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from my_utils.cli import (
    counted,
    run_script,
    script_parser,
)
from my_utils.study.inputs import pick_repeats, picture_url, write_inputs
from my_utils.study.manifest import read_manifest
from my_utils.study.options import add_input_options
from my_utils.study.questions import RatingQuestion, rating_checks, rating_questions


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_input_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    pictures = read_manifest(args.folder, "likert")

    def row(question: RatingQuestion) -> dict[str, str]:
        return {"image_url": picture_url(args.base_url, question.image_url)}

    rng = np.random.default_rng(args.seed)
    rows = [row(question) for question in rating_questions(pictures)]
    checks: list[tuple[dict[str, str], str, int | str]] = []
    if args.attention:
        known = rating_checks(args.folder, pictures, args.attention, args.seed, args.folder)
        checks += [(row(check), "attention", check.expected) for check in known]
    for number in pick_repeats(args.repeats, len(rows), rng):
        checks.append((rows[number], "repeat", ""))
    path = args.folder / "flm_asso_10k.csv"
    write_inputs(path, rows, checks, rng)
    print(f"wrote {path}: {counted(len(rows), 'picture')}, {counted(len(checks), 'check')}")


if __name__ == "__main__":
    run_script(main)
