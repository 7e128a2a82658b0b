"""Check a resources folder: what is there, what is missing, where to get it, and what does not fit.

    python prepare_lmdb/check_resources.py
    python prepare_lmdb/check_resources.py --resources GIF_resources

Opens every file and ends with the one command to run next. The exit status is 0 where all that
training needs is there and fits, 1 where something is missing, damaged or does not fit.
"""

import argparse
import sys
import textwrap
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import add_resource_options, resource_folder, run_script, script_parser

WIDTH = 100  # characters of a line


def main() -> int:
    parser = script_parser(__doc__)
    add_resource_options(parser)
    args = parser.parse_args()

    from my_utils.data.resource_report import inspect_resources
    from my_utils.data.resources import Resources
    from my_utils.runs.config import run_config

    resources = Resources(resource_folder(args))
    report = inspect_resources(resources, run_config(0, demo=args.demo))
    rows = [*report.rows.values(), *report.extras]
    for folder, group in groupby(rows, lambda row: row.path.parent):
        print(f"\n{folder}")
        for row in group:
            print_row(row)
    print_list("These do not fit together:", report.problems)
    print_list("Good to know:", report.remarks)
    print(f"\n{next_step(report, args)}")
    return 0 if report.complete else 1


def print_row(row) -> None:
    """One line of the table, and below it what to know or to do."""
    size = f"{size_in_bytes(row.path) / 1e3:,.0f} kB" if row.path.exists() else ""
    print(f"  {row.path.name:38}  {row.state:11} {size:>12}  {row.file.needed_by}")
    if row.note:
        print_wrapped(row.note.replace(str(row.path), row.path.name))
    if row.state != "present":
        print_wrapped(f"from: {row.file.source}")
        print(f"      to:   {row.path}")


def print_list(heading: str, sentences: list[str]) -> None:
    if sentences:
        print(f"\n{heading}")
    for sentence in sentences:
        print_wrapped(sentence, first="  - ", following="    ")


def print_wrapped(text: str, *, first: str = "      ", following: str = "        ") -> None:
    """Paths and addresses stay whole, for copying."""
    print(
        textwrap.fill(
            text,
            WIDTH,
            initial_indent=first,
            subsequent_indent=following,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def size_in_bytes(path: Path) -> int:
    """Of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files)


def next_step(report, args: argparse.Namespace) -> str:
    """What to do now, ending with a command."""
    option = " --demo" if args.demo else ""
    option += f" --resources {args.resources}" if args.resources else ""
    again = f"python prepare_lmdb/check_resources.py{option}"
    in_the_way = {name: row for name, row in report.rows.items() if row.in_the_way}
    builders = {
        "photographs": "prepare_lmdb/prepare_ffhq_multiscale_dataset.py --out {path} FOLDER",
        "renderings": f"prepare_lmdb/create_deca_rendered_lmdb.py{option}",
    }
    if args.demo and not args.resources and in_the_way:
        return (
            "Next: delete the demo and make it anew\n  python prepare_lmdb/create_demo_resources.py"
        )
    if in_the_way.keys() - builders.keys():
        return f"Next: put the files that are missing or damaged in place, then\n  {again}"
    for name, builder in builders.items():
        if name in in_the_way:
            path = in_the_way[name].path
            delete = f"delete {path} and " if path.exists() else ""
            return f"Next: {delete}build the {name}\n  python {builder.format(path=path)}"
    if report.problems:
        return f"Next: mend what does not fit together, then\n  {again}"
    return f"Next: everything for training is there\n  python train.py --dry_run{option}"


if __name__ == "__main__":
    run_script(main)
