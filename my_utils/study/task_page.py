"""What the study page asks and says where it is about a stimulus set."""

import dataclasses
from pathlib import Path

from my_utils.errors import UserError
from my_utils.study.lists import latin_lists
from my_utils.study.presentation import (
    ABX,
    DISSIMILARITY,
    ODD_ONE_OUT,
    RATING,
    SAME_DIFFERENT,
    USUAL_SCALES,
    Scale,
    Task,
    read_presentation,
)
from my_utils.study.stimuli_table import read_stimuli
from my_utils.study.task_questions import task_checks, task_questions

CHECK_SEED = 2  # which pictures are attention checks
# Of each task: title and question; captions of the pictures; how many of them change places;
# whether a picture is the answer, or words below are; letters for the answers; the keys in words.
LAYOUTS = {
    SAME_DIFFERENT: {
        "title": "Same or different?",
        "prompt": "Are the two faces the same or different?",
        "captions": ["", ""],
        "movable": 2,
        "pictures_answer": False,
        "labels": ["Same", "Different"],
        "letters": {"s": 1, "d": 2},
        "keys": "Keys: S, 1 or ← for same; D, 2 or → for different.",
    },
    ABX: {
        "title": "Which face is X?",
        "prompt": "Which face is more like X: A or B?",
        "captions": ["A", "B", "X"],
        "movable": 2,
        "pictures_answer": True,
        "labels": [],
        "letters": {"a": 1, "b": 2},
        "keys": "Keys: A, 1 or ← for A; B, 2 or → for B.",
    },
    ODD_ONE_OUT: {
        "title": "Which face is the odd one out?",
        "prompt": "Which of the three faces is the odd one out?",
        "captions": ["1", "2", "3"],
        "movable": 3,
        "pictures_answer": True,
        "labels": [],
        "letters": {},
        "keys": "Keys: 1, 2 or 3.",
    },
    RATING: {
        "title": "How do you find this face?",
        "prompt": "",
        "captions": [""],
        "movable": 1,
        "pictures_answer": False,
        "labels": [],
        "letters": {},
        "keys": "Keys: the numbers.",
    },
    DISSIMILARITY: {
        "title": "How different are two faces?",
        "prompt": "",
        "captions": ["", ""],
        "movable": 2,
        "pictures_answer": False,
        "labels": [],
        "letters": {},
        "keys": "Keys: the numbers.",
    },
}
INSTRUCTIONS = {
    SAME_DIFFERENT: "You will see two faces at a time. Please say whether they are the same or "
    "different. Some differences are small; if you are not sure, choose what you believe.",
    ABX: "You will see three faces at a time: X in the middle, A and B beside it. Please choose "
    "the one that is more like X. If you are not sure, choose what you believe.",
    ODD_ONE_OUT: "You will see three faces at a time. Two are alike and one is different: please "
    "choose the different one. If you are not sure, choose what you believe.",
    RATING: "You will see one face at a time, and a question about it with a scale below. There is "
    "no right or wrong answer: please choose by your first impression.",
    DISSIMILARITY: "You will see two faces at a time. Please say how different they look, from "
    "identical to as different as faces can be. Please use the whole scale.",
}
EXAMPLES = {
    SAME_DIFFERENT: "Here both pictures are the same, so the right answer is Same.",
    ABX: "Here A and X are the same picture, so the right answer is A.",
    ODD_ONE_OUT: "Here the first picture differs from the two others, so the right answer is 1.",
    RATING: "The question is above each picture, and its scale below it.",
    DISSIMILARITY: "Here both pictures are the same, so the right answer is 1.",
}


def task_study(folder: Path, kind: str | None, attention: int) -> tuple[dict, list[str]]:
    """What the page of a set holds, without the numbers and texts of every page; and its pictures.

    Args:
        kind: of TASKS, instead of the design's.

    Raises:
        UserError: neither the caller nor the design names a task, or the set does not fit it.
    """
    pictures = read_stimuli(folder)
    columns = [*pictures[0].levels]
    lists, task = read_presentation(folder / "design.toml", columns)
    if kind and (task is None or task.kind != kind):
        task = Task(kind, scales=USUAL_SCALES.get(kind, ()))
    if task is None:
        raise UserError(
            f"{folder / 'design.toml'} names no task: write one below [task], or pass --task"
        )
    questions = task_questions(pictures, task)
    if lists.latin_square:
        questions = latin_lists(questions, pictures, lists.latin_square)
    checks = task_checks(folder, pictures, task, attention + 1, CHECK_SEED)
    layout = LAYOUTS[task.kind]
    look = {key: layout[key] for key in ("captions", "movable", "pictures_answer", "labels")}
    look |= {"letters": layout["letters"], "scales": [_scale(one, task) for one in task.scales]}
    study = {
        "study": task.kind,
        "task": look,
        "ratings": [],
        "lists": max([question.list or 1 for question in questions]),
        "questions": [dataclasses.asdict(question) for question in questions],
        "example": dataclasses.asdict(checks[0]),
        "checks": [dataclasses.asdict(check) for check in checks[1:]],
        "title": layout["title"],
        "prompt": task.prompt or layout["prompt"],
        "keys": layout["keys"],
        "example_text": EXAMPLES[task.kind],
        "instructions": [INSTRUCTIONS[task.kind]],
    }
    return study, [picture.file for picture in pictures]


def _scale(scale: Scale, task: Task) -> dict:
    if task.kind == DISSIMILARITY:
        prompt = task.prompt or "How different are these two faces?"
    else:
        prompt = (task.prompt or "How {scale} is this face?").replace("{scale}", scale.name)
    return {**dataclasses.asdict(scale), "prompt": prompt}
