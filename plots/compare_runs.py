"""Put what was measured of several runs into one table.

    python plots/compare_runs.py --demo
    python plots/compare_runs.py --run_id 29 --run_id 8 --measures fid,yaw_correlation
    python plots/compare_runs.py a/sample/29/measures.jsonl b/sample/29/measures.jsonl

Reads the measures.jsonl that plots/compute_fid.py and plots/evaluate_control.py write for each
run; without options those of every run. One column per run, one row per measure with its protocol
and its count of images; what a run lacks is '-'. Writes comparison.md and comparison.tex (which
needs the package booktabs), and prints the first.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    add_resource_options,
    resource_folder,
    run_script,
    script_parser,
)
from my_utils.data.resource_files import ResourcePaths
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.runs.config import run_folder


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="a measures.jsonl")
    parser.add_argument(
        "--run_id", type=run_folder, action="append", default=[], help="may be repeated"
    )
    parser.add_argument("--measures", metavar="NAMES", help="only these, e.g. fid,leakage (all)")
    add_resource_options(parser)
    parser.add_argument(
        "--outdir", type=Path, metavar="DIR", help="where tables go (default: output_files/sample)"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from my_utils.files.tables import latex_table, markdown_table
    from my_utils.metrics.records import compare_runs, read_measures

    folder = ResourcePaths(resource_folder(args)).output_root / "sample"
    paths = {f"run {run}": folder / str(run) / "measures.jsonl" for run in args.run_id}
    paths |= {str(path.parent): path for path in args.files}
    if not paths:
        paths = {path.parent.name: path for path in sorted(folder.glob("*/measures.jsonl"))}
    if not paths:
        raise UserError(
            f"nothing was measured in {folder}: begin with `python plots/evaluate_control.py` or "
            "`python plots/compute_fid.py`"
        )
    runs = {name: read_measures(path) for name, path in paths.items()}
    if args.measures:
        runs = only(args.measures.split(","), runs)
    head, rows = compare_runs(runs)
    outdir = args.outdir or folder
    outdir.mkdir(parents=True, exist_ok=True)
    for suffix, table in ((".md", markdown_table(head, rows)), (".tex", latex_table(head, rows))):
        with atomic_path(outdir / f"comparison{suffix}") as temporary:
            temporary.write_text(table + "\n")
    print(markdown_table(head, rows))
    print(f"\nwrote comparison.md and comparison.tex to {outdir}")


def only(names: list[str], runs: dict[str, list[dict]]) -> dict[str, list[dict]]:
    """What was measured under these names."""
    there = {row["measure"] for rows in runs.values() for row in rows}
    unknown = [name for name in names if name not in there]
    if unknown:
        raise UserError(
            f"--measures {unknown[0]} was measured of no run: there are {', '.join(sorted(there))}"
        )
    return {run: [row for row in rows if row["measure"] in names] for run, rows in runs.items()}


if __name__ == "__main__":
    run_script(main)
