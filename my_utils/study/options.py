"""Options that several scripts of the studies share."""

import argparse
from pathlib import Path

from my_utils.cli import number, web_address, whole_number


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """Options of the scripts that write input CSVs."""
    parser.add_argument("folder", type=Path, help="what mturk/sample_faces.py wrote")
    parser.add_argument(
        "--base_url",
        type=web_address,
        required=True,
        metavar="URL",
        help="where the folder's content is uploaded",
    )
    add_check_options(parser, attention=0)
    parser.add_argument("--seed", type=whole_number, default=2, help="draws sides and checks (2)")


def add_check_options(parser: argparse.ArgumentParser, *, attention: int) -> None:
    """How many questions are asked to judge the raters rather than the pictures."""
    for option, default, text in (
        ("--attention", attention, "questions whose answer is known"),
        ("--repeats", 0, "questions asked twice"),
    ):
        parser.add_argument(
            option, type=whole_number, default=default, metavar="N", help=f"{text} ({default})"
        )


def add_results_options(parser: argparse.ArgumentParser, *, outdir: str) -> None:
    """Options of the scripts that analyse results."""
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULTS")
    parser.add_argument(
        "--max_wrong",
        type=number(0, 1),
        default=1 / 3,
        metavar="SHARE",
        help="exclude participants with more than this share of attention checks wrong (1/3)",
    )
    parser.add_argument(
        "--outdir",
        type=Path,
        default=Path(outdir),
        metavar="DIR",
        help=f"where figures and summary go (default: {outdir})",
    )
