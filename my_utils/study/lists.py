"""Orders of presentation as files: conditions for PsychoPy, timeline variables for jsPsych.

A list is what one participant sees; files are named from the folder of the set. Lists hold all
questions, or with a Latin square every item (a person, a step ...) once, at another level of the
square's column in every list.
"""

import csv
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.study.presentation import (
    ABX,
    ODD_ONE_OUT,
    RATING,
    Lists,
    Task,
    read_presentation,
)
from my_utils.study.stimuli_table import Picture, read_stimuli
from my_utils.study.task_questions import TaskQuestion, task_questions

FOLDER = "lists"
MOVABLE = {ABX: 2, ODD_ONE_OUT: 3}  # pictures that are answers and change places; else all do
KEYS = {"same_different": ("s", "d"), ABX: ("a", "b")}  # else the number of the answer


def latin_lists(
    questions: Sequence[TaskQuestion], pictures: Sequence[Picture], column: str
) -> list[TaskQuestion]:
    """The questions about single pictures with the list that each belongs to, from 1.

    Item i at level l is in list (i + l) modulo the number of levels.
    """
    numbers = latin_numbers(pictures, column)
    return [
        dataclasses.replace(question, list=numbers[question.pictures[0]]) for question in questions
    ]


def latin_numbers(pictures: Sequence[Picture], column: str) -> dict[str, int]:
    """The list of every picture's file, from 1."""
    levels = list(dict.fromkeys(picture.levels[column] for picture in pictures))
    if len(levels) < 2:
        raise UserError(f"latin_square = {column!r}: all pictures of the set have the same level")
    items: dict[tuple, int] = {}
    numbers = {}
    for picture in pictures:
        rest = tuple(value for name, value in picture.levels.items() if name != column)
        item = items.setdefault(rest, len(items))
        numbers[picture.file] = 1 + (item + levels.index(picture.levels[column])) % len(levels)
    return numbers


def write_lists(folder: Path) -> int:
    """Write `folder/lists` after the set's design; returns how many lists there are."""
    pictures = read_stimuli(folder)
    lists, task = read_presentation(folder / "design.toml", [*pictures[0].levels])
    if task is None:
        questions = [TaskQuestion((picture.file,), "") for picture in pictures]
    else:
        questions = task_questions(pictures, task)
    count = lists.count
    if lists.latin_square:
        questions = latin_lists(questions, pictures, lists.latin_square)
        count = max(question.list or 1 for question in questions)
    levels = {picture.file: picture.levels for picture in pictures}
    home = folder / FOLDER
    home.mkdir(exist_ok=True)
    for path in home.glob("psychopy_list_*.csv"):
        path.unlink()
    timelines = {}
    for number in range(1, count + 1):
        own = [one for one in questions if one.list in (None, number)]
        rows = presented(own * lists.repeats, lists, task, number, levels)
        timelines[f"list_{number}"] = rows
        _write_csv(home / f"psychopy_list_{number}.csv", rows)
    with atomic_path(home / "jspsych_timeline.json") as temporary:
        temporary.write_text(json.dumps(timelines, indent=1) + "\n", encoding="utf-8")
    return count


def presented(
    questions: Sequence[TaskQuestion],
    lists: Lists,
    task: Task | None,
    number: int,
    levels: Mapping[str, Mapping[str, str]],  # of every file
) -> list[dict[str, object]]:
    """The questions in the order of one list, sides (or places) equally often."""
    rng = np.random.default_rng([lists.seed, number])
    turns = rng.permutation(len(questions))  # every turn modulo the places comes equally often
    rows = []
    for place, index in enumerate(rng.permutation(len(questions)).tolist(), start=1):
        question = questions[index]
        files = list(question.pictures)
        movable = MOVABLE.get(task.kind, len(files)) if task else 1
        order = [
            (position + int(turns[index])) % movable if position < movable else position
            for position in range(len(files))
        ]
        row: dict[str, object] = {"trial": place}
        row |= {f"image{k}": files[source] for k, source in enumerate(order, start=1)}
        if task is None or task.kind == RATING:
            row |= levels[files[0]]
        if task:
            row |= _task_cells(question, task, order)
        rows.append(row)
    return rows


def _task_cells(question: TaskQuestion, task: Task, order: Sequence[int]) -> dict[str, object]:
    right = question.expected
    if right is not None and task.kind in MOVABLE:
        right = order.index(right - 1) + 1
    key: object = "" if right is None else right
    if right is not None and task.kind in KEYS:
        key = KEYS[task.kind][right - 1]
    scale = task.scales[question.scale] if question.scale is not None else None
    return {
        "order": "".join(str(source + 1) for source in order),
        "group": question.group,
        "level": "" if question.level is None else question.level,
        "scale": "" if scale is None else scale.name,
        "scale_low": "" if scale is None else scale.low,
        "scale_high": "" if scale is None else scale.high,
        "scale_steps": "" if scale is None else scale.steps,
        "correct": "" if right is None else right,
        "corrAns": key,
    }


def _write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
