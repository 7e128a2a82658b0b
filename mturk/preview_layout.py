"""Fill a Mechanical Turk layout with one row of an input CSV, to look at it in a browser.

    python mturk/preview_layout.py mturk/mturk_layout.html FOLDER/input_csvs/NAME.csv --row 3
    python mturk/preview_layout.py mturk/mturk_likert_layout.html FOLDER/flm_asso_10k.csv

Writes <csv>_preview.html beside the CSV. As on Mechanical Turk, the page loads Amazon's crowd
elements, so it needs a network. To see pictures that are not uploaded yet, write the CSV with
`--base_url file:///path/of/FOLDER`.
"""

import argparse
import csv
import html
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import positive_int, run_script, script_parser
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path

VARIABLE = re.compile(r"\$\{(\w+)\}")


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("layout", type=Path, help="mturk_layout.html or mturk_likert_layout.html")
    parser.add_argument("csv", type=Path, help="input CSV for it")
    parser.add_argument("--row", type=positive_int, default=1, help="row after the header (1)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        layout = args.layout.read_text(encoding="utf-8")
        with args.csv.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{args.layout} or {args.csv} is not readable text: {error}") from None
    wanted = set(VARIABLE.findall(layout))
    if args.row > len(rows):
        raise UserError(f"{args.csv} has {len(rows)} rows: there is no --row {args.row}")
    row = rows[args.row - 1]
    if row.keys() != wanted or None in row.values():
        raise UserError(
            f"{args.layout} needs the columns {', '.join(sorted(wanted))}, which row {args.row} of "
            f"{args.csv} does not have alone: take the layout of its study"
        )
    filled = VARIABLE.sub(lambda match: html.escape(row[match[1]]), layout)
    path = args.csv.with_name(f"{args.csv.stem}_preview.html")
    with atomic_path(path) as temporary:
        temporary.write_text(f'<!doctype html>\n<meta charset="utf-8">\n{filled}', encoding="utf-8")
    print(f"wrote {path}: row {args.row} of {args.csv.name} in {args.layout.name}")


if __name__ == "__main__":
    run_script(main)
