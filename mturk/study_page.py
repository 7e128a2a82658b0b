"""Build the page on which people take part in the perceptual study.

    python mturk/study_page.py FOLDER
    python mturk/study_page.py FOLDER --trials 60 --attention 5 --repeats 6 \\
        --consent consent.txt --post_url https://example.org/results --completion_code C1A2B3

FOLDER is what mturk/sample_faces.py wrote, of either study. Writes FOLDER/study_page: index.html
and its pictures, nothing else. It works from a web server, from a file and offline, on desktops
and phones; put the folder on any server, or open index.html.

Every participant gets questions in an order of their own, with balanced sides; closed and opened
again, the page goes on where it was. The answers of a participant can be downloaded at the end as
result-<participant>.json and .csv, and with --post_url they are sent there as well. The participant
is named by PROLIFIC_PID or participant in the page's address, else at random.
"""

import argparse
import base64
import dataclasses
import hashlib
import html
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import positive_int, run_script, script_parser
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.study.inputs import add_check_options
from my_utils.study.manifest import read_manifest
from my_utils.study.questions import (
    PairQuestion,
    RatingQuestion,
    pair_checks,
    pair_questions,
    rating_checks,
    rating_questions,
)
from my_utils.study.trial import RATINGS
from my_utils.untrusted.text import path_below

TEMPLATES = Path(__file__).with_suffix("")  # the folder study_page beside this file
DEFAULT_TRIALS = 50
SECONDS_PER_QUESTION = 6
CHECK_SEED = 2  # which faces are attention checks
WORDS = {
    "pairwise": {
        "title": "Which face follows the mesh?",
        "prompt": "Which face follows the mesh better?",
        "keys": "Keys: 1 or ← for option 1, 2 or → for option 2.",
        "example_text": "Here option 1 is the right answer: it has the shape, the pose and the "
        "expression of the mesh, option 2 has not. In the study both options are faces with skin "
        "and hair.",
    },
    "likert": {
        "title": "Does the face match the rendering?",
        "prompt": "How far do you agree: the face (left) matches the rendering (right)?",
        "keys": "Keys: 1 to 5.",
        "example_text": "Here both halves are equal, so the right answer is 5, Strongly agree. In "
        "the study the left half is a face with hair and background.",
    },
}
INSTRUCTIONS = {
    "pairwise": [
        "You will see a grey mesh of a head and two faces. Please choose the face that follows the "
        "mesh better.",
        "Look at the shape of the face, its pose and its expression: where the head turns, whether "
        "the mouth is open, where eyebrows and lips are. Hair, skin colour, light and background "
        "do not matter, nor which picture is nicer. If both seem equal, choose the one you find "
        "closer.",
    ],
    "likert": [
        "You will see pictures of two halves: a face at the left, a rendering of a head at the "
        "right. Please say how far you agree that the face matches the rendering.",
        "They match when both show the same shape of the face, turned in the same direction, with "
        "the same expression (mouth, eyes, eyebrows), the same skin colour and the same light. The "
        "rendering has no hair and no background, so these do not matter.",
    ],
}


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("folder", type=Path, help="what mturk/sample_faces.py wrote")
    parser.add_argument(
        "--outdir", type=Path, metavar="DIR", help="where the page goes (FOLDER/study_page)"
    )
    parser.add_argument(
        "--trials",
        type=positive_int,
        help=f"questions for each participant, checks not counted (at most {DEFAULT_TRIALS})",
    )
    add_check_options(parser, attention=4)
    for option in ("--consent", "--instructions"):
        parser.add_argument(
            option, type=Path, metavar="FILE", help="plain text instead of the default one"
        )
    parser.add_argument("--post_url", metavar="URL", help="where results are sent by HTTP POST")
    parser.add_argument("--completion_code", metavar="CODE", help="shown at the end")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    pictures = read_manifest(args.folder)
    kind = pictures[0].study
    images = path_below(args.outdir or path_below(args.folder, "study_page"), "images")
    known = args.attention + 1  # the first one is the example
    questions: Sequence[PairQuestion | RatingQuestion]
    checks: Sequence[PairQuestion | RatingQuestion]
    if kind == "pairwise":
        questions = pair_questions(pictures)
        checks = pair_checks(args.folder, pictures, known, CHECK_SEED)
    else:
        questions = rating_questions(pictures)
        checks = rating_checks(args.folder, pictures, known, CHECK_SEED, images)
    study = {
        "study": kind,
        "questions": [dataclasses.asdict(question) for question in questions],
        "example": dataclasses.asdict(checks[0]),
        "checks": [dataclasses.asdict(check) for check in checks[1:]],
        **numbers_of_questions(args, len(questions)),
    }
    study["study_id"] = study_id(study)
    study |= {**words(args, study), **destination(args)}
    copy_pictures(args.folder, images, [picture.file for picture in pictures])
    page = images.with_name("index.html")
    with atomic_path(page) as temporary:
        temporary.write_text(fill_templates(study), encoding="utf-8")
    print(f"wrote {page}: open it, or put its folder on a web server")


def numbers_of_questions(args: argparse.Namespace, available: int) -> dict:
    """How many questions each participant answers, and how many of them twice."""
    trials = args.trials or min(DEFAULT_TRIALS, available)
    if trials > available:
        raise UserError(f"--trials {trials} is more than the {available} questions there are")
    if args.repeats > trials // 2:
        raise UserError(f"--repeats {args.repeats} is more than half of the {trials} questions")
    return {"trials": trials, "repeats": args.repeats}


def study_id(study: dict) -> str:
    """Names what is asked: results of one id belong together, whatever the texts around it."""
    digest = hashlib.sha256(json.dumps(study, sort_keys=True).encode()).hexdigest()
    return f"{study['study']}-{digest[:12]}"


def words(args: argparse.Namespace, study: dict) -> dict:
    """Every text that depends on the study or on the caller."""
    count = study["trials"] + study["repeats"] + len(study["checks"])
    return {
        **WORDS[study["study"]],
        "ratings": RATINGS if study["study"] == "likert" else (),
        "consent": paragraphs(args.consent) or default_consent(count, args.post_url),
        "instructions": paragraphs(args.instructions) or INSTRUCTIONS[study["study"]],
    }


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


def default_consent(count: int, post_url: str | None) -> list[str]:
    where = f"sent to {urlsplit(post_url).hostname}" if post_url else "given to you as a file"
    return [
        f"This is a study about computer-generated faces. You will answer {count} questions about "
        f"pictures, which takes about {-(-count * SECONDS_PER_QUESTION // 60)} minutes.",
        "Taking part is voluntary. You may stop at any time by closing the page; to go on later, "
        "open it again in the same browser.",
        "Your answers, the time each one took, when you began and ended, the name of your browser "
        "and the participant name in the address of this page, if there is one, are recorded. They "
        f"stay in this browser until the end, when they are {where}. Nothing else is recorded.",
    ]


def destination(args: argparse.Namespace) -> dict:
    """Where answers go at the end."""
    if args.post_url and not re.match(r"https?://[\w.\[\]:-]+(/|$)", args.post_url):
        raise UserError(f"--post_url {args.post_url!r} is no address: it begins with https://")
    return {"post_url": args.post_url, "completion_code": args.completion_code}


def copy_pictures(folder: Path, images: Path, files: Sequence[str]) -> None:
    from tqdm import tqdm

    for file in tqdm(files, desc="copying", unit="picture", disable=None):
        target = path_below(images, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / file, target)


def fill_templates(study: dict) -> str:
    """The page with its style, script and questions inside; it may run and reach nothing else."""
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    # The script element's text begins with the line break after its tag.
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    address = urlsplit(study["post_url"] or "")
    receiver = f"{address.scheme}://{address.netloc}" if address.netloc else "'none'"
    parts = {
        "policy": f"script-src 'sha256-{digest}'; connect-src {receiver}; object-src 'none'; "
        "base-uri 'none'; form-action 'none'",
        "title": html.escape(study["title"]),
        "style": (TEMPLATES / "page.css").read_text(encoding="utf-8"),
        "study": json.dumps(study).replace("<", "\\u003c"),
        "script": script,
    }
    page = (TEMPLATES / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], page)


if __name__ == "__main__":
    run_script(main)
