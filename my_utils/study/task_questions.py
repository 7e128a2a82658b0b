"""The questions of a task about the pictures of a stimulus set, and attention checks.

In the order in which a question stores its pictures the first of two kinds comes first: sides are
exchanged when it is asked, and what was exchanged is noted with the answer. Needs no torch.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from my_utils.errors import UserError
from my_utils.study.presentation import (
    ABX,
    DISSIMILARITY,
    ODD_ONE_OUT,
    RATING,
    SAME_DIFFERENT,
    Task,
)
from my_utils.study.questions import read_pixels, thumbnail
from my_utils.study.stimuli_table import Picture, varied_columns

MOST_QUESTIONS = 20_000
SAME, DIFFERENT = 1, 2  # answers to same/different
ENDS = "ends"  # groups of the questions that ask which end of a continuum X is like begin so


@dataclass(frozen=True)
class TaskQuestion:
    """One question; what does not apply is None."""

    pictures: tuple[str, ...]  # files, relative to the set's folder
    group: str  # answers of one group are analysed together
    level: float | None = None  # how far apart, or where on the continuum X lies
    scale: int | None = None  # number of the scale, from 0
    expected: int | None = None  # the right answer, for pictures in this order
    instruction: str | None = None  # of a check that says what to answer
    list: int | None = None  # of a Latin square, from 1; None is in all


def task_questions(pictures: Sequence[Picture], task: Task) -> list[TaskQuestion]:
    """Every question that the design asks for.

    Raises:
        UserError: the set has nothing to ask about.
    """
    if task.kind == RATING:
        questions = [
            TaskQuestion((picture.file,), scale.name, scale=number)
            for number, scale in enumerate(task.scales)
            for picture in pictures
        ]
    elif task.kind == DISSIMILARITY:
        questions = [
            TaskQuestion((first.file, second.file), "pair", scale=0)
            for first, second in itertools.combinations(pictures, 2)
        ]
    else:
        about = about_column(pictures, task)
        make = {SAME_DIFFERENT: _same_different, ABX: _abx, ODD_ONE_OUT: _odd_one_out}[task.kind]
        questions = [
            question
            for name, context in _contexts(pictures, about, task.across)
            for question in make(context, task, name)
        ]
    if not questions:
        raise UserError(f"the set has no pictures to ask {task.kind} about: see docs/stimuli.md")
    if len(questions) > MOST_QUESTIONS:
        raise UserError(
            f"{len(questions)} questions are too many (at most {MOST_QUESTIONS}): give distances, "
            "or show fewer pictures"
        )
    return questions


def about_column(pictures: Sequence[Picture], task: Task) -> str:
    """The column whose levels are told apart: the steps of continua, else the first that varies."""
    varied = [name for name in varied_columns(pictures) if name != task.across]
    if task.about is not None:
        if task.about not in varied:
            raise UserError(f"about = {task.about!r}: all pictures of the set have the same level")
        return task.about
    if not varied:
        raise UserError(f"nothing varies in the set, so {task.kind} has nothing to ask about")
    return "percent" if "percent" in varied else varied[0]


# --- pictures that differ in one column -----------------------------------------------------------

Context = dict[str, list[Picture]]  # by level; several pictures of a level differ in `across`


def _contexts(
    pictures: Sequence[Picture], about: str, across: str | None
) -> Iterator[tuple[str, Context]]:
    """Groups of pictures that are alike in all but `about` and `across`, and their names."""
    varied = varied_columns(pictures)
    groups: dict[tuple, Context] = defaultdict(lambda: defaultdict(list))
    for picture in pictures:
        same = {key: value for key, value in picture.levels.items() if key not in (about, across)}
        if about == "person":  # the start of a continuum is no level of its own
            same.pop("percent"), same.pop("continuum")
        groups[tuple(same.items())][picture.levels[about]].append(picture)
    for key, group in groups.items():
        same = {name: value for name, value in key if name in varied and value}
        if "continuum" in same:  # which says more than the person it starts from
            same.pop("person", None)
        if len(group) > 1:
            yield ", ".join(same.values()), group


def _pairs(context: Context, task: Task) -> Iterator[tuple[str, str]]:
    """Two levels each that are as far apart as the task wants, the earlier one first."""
    levels = list(context)
    for i, j in itertools.combinations(range(len(levels)), 2):
        if not task.distances or j - i in task.distances:
            yield levels[i], levels[j]


def _apart(first: str, second: str) -> tuple[str, float | None]:
    """Name of the group and the level of two levels: their distance, where they are numbers."""
    try:
        distance = round(abs(float(second) - float(first)), 6)
    except ValueError:
        return f"{first} | {second}", None
    return f"{distance:g} apart", distance


def _two(context: Context, first: str, second: str, task: Task) -> Iterator[tuple[str, str]]:
    """Files of two levels that differ across, where the task wants it."""
    for one, other in itertools.product(context[first], context[second]):
        differ = task.across and one.levels[task.across] != other.levels[task.across]
        if differ or (not task.across):
            yield one.file, other.file


def _same_different(context: Context, task: Task, name: str) -> Iterator[TaskQuestion]:
    for first, second in _pairs(context, task):
        group, level = _apart(first, second)
        for files in _two(context, first, second, task):
            yield TaskQuestion(files, group, level, expected=DIFFERENT)
    for level_name in context:
        for files in _two(context, level_name, level_name, task):
            yield TaskQuestion(files, "same", 0.0, expected=SAME)


def _abx(context: Context, task: Task, name: str) -> Iterator[TaskQuestion]:
    if task.ends:
        levels = list(context)
        first, last = context[levels[0]][0].file, context[levels[-1]][0].file
        for number, level_name in enumerate(levels):
            files = (first, last, context[level_name][0].file)
            yield TaskQuestion(files, f"{ENDS} {name}".strip(), _number(level_name, number))
        return
    for first, second in _pairs(context, task):
        group, level = _apart(first, second)
        for one, other in zip(context[first], context[second], strict=False):
            for right, level_name in ((1, first), (2, second)):
                for third in context[level_name]:
                    if not task.across or third.levels[task.across] != one.levels[task.across]:
                        files = (one.file, other.file, third.file)
                        yield TaskQuestion(files, group, level, expected=right)


def _number(level: str, place: int) -> float:
    """A level as a number: itself, or its place among the levels where it is none."""
    try:
        return float(level)
    except ValueError:
        return float(place)


def _odd_one_out(context: Context, task: Task, name: str) -> Iterator[TaskQuestion]:
    for pair in _pairs(context, task):
        group, level = _apart(*pair)
        for alike, odd in (pair, pair[::-1]):
            for files in _two(context, alike, alike, task):
                yield TaskQuestion((context[odd][0].file, *files), group, level, expected=1)


# --- attention checks -----------------------------------------------------------------------------


def task_checks(
    folder: Path, pictures: Sequence[Picture], task: Task, count: int, seed: int
) -> list[TaskQuestion]:
    """Questions whose answer is known.

    Of same/different, ABX and odd one out: equal pictures beside the one that differs most from
    them. Of ratings: an instruction what to answer. Of dissimilarities: both in turn, where equal
    pictures are to be called so.
    """
    if task.kind == RATING:
        rng = np.random.default_rng(seed)
        chosen = rng.integers(len(pictures), size=count)
        return [_instructed((pictures[n].file,), task, k, rng) for k, n in enumerate(chosen)]
    about = None if task.kind == DISSIMILARITY else about_column(pictures, task)
    checks = []
    rng = np.random.default_rng(seed)
    for number, (one, far) in enumerate(_far_pairs(folder, pictures, about, count, rng)):
        turn = number % 2 == 0
        if task.kind == SAME_DIFFERENT:
            files, expected = ((one, one), SAME) if turn else ((one, far), DIFFERENT)
            checks.append(TaskQuestion(files, "check", expected=expected))
        elif task.kind == ABX:
            checks.append(TaskQuestion((one, far, one), "check", expected=1))
        elif task.kind == ODD_ONE_OUT:
            checks.append(TaskQuestion((far, one, one), "check", expected=1))
        elif turn:
            checks.append(TaskQuestion((one, one), "check", scale=0, expected=1))
        else:
            checks.append(_instructed((one, far), task, number, rng))
    return checks


def _far_pairs(
    folder: Path,
    pictures: Sequence[Picture],
    about: str | None,
    count: int,
    rng: np.random.Generator,
) -> Iterator[tuple[str, str]]:
    """Random pictures, each with the one of another level that differs most from it."""
    small = np.stack([thumbnail(read_pixels(folder / one.file)) for one in pictures]).astype(float)
    for row in rng.choice(len(pictures), count, replace=count > len(pictures)).tolist():
        distances = np.abs(small - small[row]).mean(axis=(1, 2))
        if about is not None:
            level = pictures[row].levels[about]
            distances[[one.levels[about] == level for one in pictures]] = -1
        yield pictures[row].file, pictures[int(distances.argmax())].file


def _instructed(
    files: tuple[str, ...], task: Task, number: int, rng: np.random.Generator
) -> TaskQuestion:
    scale = number % len(task.scales)
    wanted = int(rng.integers(1, task.scales[scale].steps + 1))
    text = f"To show that you are reading this: please choose {wanted} here."
    return TaskQuestion(files, "check", scale=scale, expected=wanted, instruction=text)
