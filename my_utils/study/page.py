"""The page on which people take part in a study: one index.html, and its pictures.

The questions are inside the page as JSON, which page.js asks in an order of each participant's own.
"""

import dataclasses
import hashlib
import html
import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from my_utils.cli import counted
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.files.html import element_digest, fill_template, json_in_html
from my_utils.files.output_folder import clear_for
from my_utils.study.manifest import read_manifest
from my_utils.study.questions import (
    PairQuestion,
    RatingQuestion,
    pair_checks,
    pair_questions,
    rating_checks,
    rating_questions,
)
from my_utils.study.stimuli_table import is_stimulus_set
from my_utils.study.task_page import task_study
from my_utils.study.trial import RATINGS
from my_utils.untrusted.text import path_below

DEFAULT_TRIALS = 50
SECONDS_PER_QUESTION = 6
CHECK_SEED = 2  # which faces are attention checks
ASKED = ("study", "questions", "example", "checks", "trials", "repeats", "task", "lists")
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


def write_study_page(
    folder: Path,  # pictures and their manifest, or a stimulus set
    outdir: Path | None = None,  # default: study_page in `folder`
    *,
    task: str | None = None,  # of a stimulus set, instead of the design's
    trials: int | None = None,  # for each participant, checks not counted; default: up to 50
    attention: int = 4,  # questions whose answer is known
    repeats: int = 0,  # questions asked twice
    consent: Sequence[str] = (),  # paragraphs instead of the default ones, as are:
    instructions: Sequence[str] = (),
    post_url: str | None = None,  # where answers are sent at the end
    completion_code: str | None = None,  # shown at the end
    overwrite: bool = False,  # remove the pictures of an earlier page
) -> Path:
    """Write the page and its pictures; returns the path of index.html.

    Raises:
        UserError: no usable manifest, more questions wanted than there are, or no web address.
    """
    check_address(post_url)
    images = path_below(outdir or path_below(folder, "study_page"), "images")
    if is_stimulus_set(folder):
        study, files = task_study(folder, task, attention)
    elif task:
        raise UserError(f"--task {task} is about a stimulus set, and {folder} holds none")
    else:
        study, files = published_study(folder, images, attention)
    study |= numbers_of_questions(study, trials, repeats)
    study["study_id"] = study_id(study)
    count = study["trials"] + repeats + attention
    study |= {
        "consent": consent or default_consent(count, post_url),
        "instructions": instructions or study["instructions"],
        "post_url": post_url,
        "completion_code": completion_code,
    }
    known = [*study["checks"], study["example"]]
    attention_files = {text for one in known for text in one.values() if isinstance(text, str)}
    clear_for(images, {*files, *attention_files}, ("*/*.png",), overwrite=overwrite, keep=True)
    copy_pictures(folder, images, files)
    page = images.with_name("index.html")
    with atomic_path(page) as temporary:
        temporary.write_text(study_html(study), encoding="utf-8")
    return page


def check_address(post_url: str | None) -> None:
    """UserError unless results can be sent there; None is nowhere."""
    if post_url and not re.match(r"https?://[\w.\[\]:-]+(/|$)", post_url):
        raise UserError(f"--post_url {post_url!r} is no address: it begins with https://")


def published_study(folder: Path, images: Path, attention: int) -> tuple[dict, list[str]]:
    """What the page of a published study asks, with questions whose answer is known; its pictures.

    One of the known questions is the example.
    """
    pictures = read_manifest(folder)
    kind, known = pictures[0].study, attention + 1
    questions: Sequence[PairQuestion | RatingQuestion]
    checks: Sequence[PairQuestion | RatingQuestion]
    if kind == "pairwise":
        questions = pair_questions(pictures)
        checks = pair_checks(folder, pictures, known, CHECK_SEED)
    else:
        questions = rating_questions(pictures)
        checks = rating_checks(folder, pictures, known, CHECK_SEED, images)
    study = {
        "study": kind,
        "task": None,
        "questions": [dataclasses.asdict(question) for question in questions],
        "example": dataclasses.asdict(checks[0]),
        "checks": [dataclasses.asdict(check) for check in checks[1:]],
        **WORDS[kind],
        "ratings": RATINGS if kind == "likert" else (),
        "instructions": INSTRUCTIONS[kind],
    }
    return study, [picture.file for picture in pictures]


def numbers_of_questions(study: dict, trials: int | None, repeats: int) -> dict:
    """How many questions each participant answers, and how many of them twice."""
    lists = Counter(question.get("list") for question in study["questions"])
    available = min(lists.values())  # of a Latin square, or all
    trials = trials or min(DEFAULT_TRIALS, available)
    if trials > available:
        raise UserError(f"--trials {trials} is more than the {available} questions there are")
    if repeats > trials // 2:
        raise UserError(f"--repeats {repeats} is more than half of the {trials} questions")
    return {"trials": trials, "repeats": repeats}


def study_id(study: dict) -> str:
    """Names what is asked: results of one id belong together, whatever the texts around it."""
    asked = {key: study[key] for key in ASKED if study.get(key) is not None}
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return f"{study['study']}-{digest[:12]}"


def default_consent(count: int, post_url: str | None) -> list[str]:
    where = f"sent to {urlsplit(post_url).hostname}" if post_url else "given to you as a file"
    minutes = counted(-(-count * SECONDS_PER_QUESTION // 60), "minute")
    return [
        f"This is a study about computer-generated faces. You will answer "
        f"{counted(count, 'question')} about pictures, which takes about {minutes}.",
        "Taking part is voluntary. You may stop at any time by closing the page; to go on later, "
        "open it again in the same browser.",
        "Your answers, the time each one took, when you began and ended, the name of your browser "
        "and the participant name in the address of this page, if there is one, are recorded. They "
        f"stay in this browser until the end, when they are {where}. Nothing else is recorded.",
    ]


def copy_pictures(folder: Path, images: Path, files: Sequence[str]) -> None:
    for file in tqdm(files, desc="copying", unit="picture", disable=None):
        target = path_below(images, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / file, target)


def study_html(study: dict) -> str:
    """The page with its style, script and questions inside; it may run and reach nothing else."""
    script = "".join(map(own_text, ("session.js", "page_tasks.js", "page.js")))
    rules = (
        f"script-src {element_digest(script)}",
        f"connect-src {receiver(study)}",
        *("object-src 'none'", "base-uri 'none'", "form-action 'none'"),
    )
    parts = {"policy": "; ".join(rules), "script": script, "style": own_text("page.css")}
    return fill_page(study, parts)


def fill_page(study: dict, parts: Mapping[str, str]) -> str:
    """The page of a study around its `policy`, `style` and `script`, and what else it carries."""
    questions = {"title": html.escape(study["title"]), "study": json_in_html(study)}
    return fill_template(own_text("page.html"), {"payload": "", **questions, **parts})


def receiver(study: dict) -> str:
    """The server that results are sent to, as the page's policy names it."""
    address = urlsplit(study["post_url"] or "")
    return f"{address.scheme}://{address.netloc}" if address.netloc else "'none'"


def own_text(name: str) -> str:
    """A file beside this one."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
