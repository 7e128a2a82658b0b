"""Build the page on which people take part in the perceptual study.

    python mturk/study_page.py FOLDER
    python mturk/study_page.py STIMULUS_FOLDER --task dissimilarity --trials 60
    python mturk/study_page.py TASKS.csv --adjust --ckpt demo
    python mturk/study_page.py FOLDER --trials 60 --attention 5 --repeats 6 \\
        --consent consent.txt --post_url https://example.org/results --completion_code C1A2B3

FOLDER is what mturk/sample_faces.py wrote, of either study, or a stimulus set of
mturk/make_stimuli.py. Writes FOLDER/study_page: index.html and its pictures, nothing else. It works
from a web server, from a file and offline, on desktops and phones; put the folder on any server, or
open index.html.

Every participant gets questions in an order of their own, with balanced sides; closed and opened
again, the page goes on where it was. The answers of a participant can be downloaded at the end as
result-<participant>.json and .csv, and with --post_url they are sent there as well. The participant
is named by PROLIFIC_PID or participant in the page's address, else at random.

With --adjust, participants set the sliders of a face that the page itself draws, until it matches a
picture or a word; the result is the parameters they chose. TASKS.csv has the columns name, word,
params, row and factors (docs/web.md), and the generator's head must be one that may be passed on.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    add_overwrite_option,
    add_resource_options,
    positive_int,
    run_script,
    script_parser,
)
from my_utils.errors import UserError
from my_utils.faces.options import (
    add_generator_options,
    choose_checkpoint,
    numbered_run,
    open_generator,
)
from my_utils.study.options import add_check_options
from my_utils.study.presentation import TASKS


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument(
        "folder", type=Path, help="of sample_faces.py or make_stimuli.py, or TASKS.csv"
    )
    parser.add_argument("--adjust", action="store_true", help="participants set sliders")
    parser.add_argument(
        "--task",
        choices=TASKS,
        help="what is asked about a stimulus set (default: what its design says)",
    )
    parser.add_argument(
        "--outdir", type=Path, metavar="DIR", help="where the page goes (FOLDER/study_page)"
    )
    parser.add_argument(
        "--trials",
        type=positive_int,
        help="questions for each participant, checks not counted (at most 50)",
    )
    add_check_options(parser, attention=4)
    for option in ("--consent", "--instructions"):
        parser.add_argument(
            option, type=Path, metavar="FILE", help="plain text instead of the default one"
        )
    parser.add_argument("--post_url", metavar="URL", help="where results are sent by HTTP POST")
    parser.add_argument("--completion_code", metavar="CODE", help="shown at the end")
    add_overwrite_option(parser)
    adjust = parser.add_argument_group("with --adjust")
    add_resource_options(adjust)
    add_generator_options(adjust, several=False)
    adjust.add_argument("--head_licence", metavar="SPDX", help="of head, texture space and layout")
    adjust.add_argument("--attribution", metavar="TEXT", help="whom to name for the head")
    return parser.parse_args()


def paragraphs(path: Path | None) -> list[str]:
    """The paragraphs of a text file, which blank lines part; none without a file."""
    if path is None:
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text in UTF-8") from None
    found = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text) if block.strip()]
    if not found:
        raise UserError(f"{path} is empty")
    return found


def main() -> None:
    args = parse_args()
    page = write_adjustment_page(args) if args.adjust else write_picture_page(args)
    print(f"wrote {page}: open it, or put its folder on a web server")


def write_picture_page(args: argparse.Namespace) -> Path:
    from my_utils.study.page import write_study_page

    return write_study_page(
        args.folder,
        args.outdir,
        task=args.task,
        trials=args.trials,
        attention=args.attention,
        overwrite=args.overwrite,
        **what_both_need(args),
    )


def write_adjustment_page(args: argparse.Namespace) -> Path:
    from my_utils.web import adjustment_page

    return adjustment_page.write_adjustment_page(
        args.folder,
        open_generator(
            choose_checkpoint(args), resources=args.resources, run_id=numbered_run(args)
        ),
        args.outdir,
        head_licence=args.head_licence,
        attribution=args.attribution,
        **what_both_need(args),
    )


def what_both_need(args: argparse.Namespace) -> dict[str, Any]:
    return dict(
        repeats=args.repeats,
        consent=paragraphs(args.consent),
        instructions=paragraphs(args.instructions),
        post_url=args.post_url,
        completion_code=args.completion_code,
    )


if __name__ == "__main__":
    run_script(main)
