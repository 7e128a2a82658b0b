"""One answer to a task about a stimulus set, and the result files that hold them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from my_utils.errors import UserError
from my_utils.study.presentation import ABX, ODD_ONE_OUT, TASKS
from my_utils.study.result_files import (
    csv_rows,
    json_result,
    number_in,
    result_files,
    result_text,
)
from my_utils.study.trial import CHECKS, STUDIES, check_value
from my_utils.untrusted.text import shown

LARGEST_ANSWER = 9
PICTURES_ANSWER = (ABX, ODD_ONE_OUT)  # tasks whose answer is the place of a picture
SESSION = ("study", "study_id", "participant", "prolific_pid", "seed", "complete")


@dataclass(frozen=True)
class TaskTrial:
    """One answer; the fields are the columns of the page's CSV. None: not known, or of no meaning.

    `order` says which of the question's pictures stood where ("213": the first two exchanged).
    `check` is None for a question that counts.
    """

    study: str
    study_id: str
    participant: str
    prolific_pid: str | None
    seed: int | None
    complete: bool
    trial: int | None
    picture1: str
    picture2: str | None
    picture3: str | None
    order: str
    group: str
    level: float | None
    scale: int | None
    list: int | None
    answer: int
    ms: int | None
    check: str | None
    expected: int | None

    @property
    def pictures(self) -> tuple[str, ...]:
        """The pictures in the order of the question, not of the screen."""
        shown_ = (self.picture1, self.picture2, self.picture3)
        places = sorted(range(len(self.order)), key=lambda place: self.order[place])
        return tuple(shown_[place] or "" for place in places)

    @property
    def choice(self) -> int:
        """The answer in the order of the question: where pictures answer, the picture's number."""
        return self.in_question_order(self.answer)

    @property
    def question(self) -> tuple:
        """What was asked, whatever the places."""
        return self.pictures, self.scale

    @property
    def tolerance(self) -> int:
        """How far an answer to an attention check may be off: on a scale by one step."""
        return 0 if self.scale is None else 1

    @property
    def right(self) -> bool | None:
        """Whether the answer is the expected one; None where none is."""
        return None if self.expected is None else self.answer == self.expected

    def in_question_order(self, place: int) -> int:
        """The number in the question of the picture at a place, from 1; of other tasks the same."""
        return int(self.order[place - 1]) if self.study in PICTURES_ANSWER else place


COLUMNS = tuple(field.name for field in fields(TaskTrial))


def read_task_results(paths: Sequence[Path]) -> list[TaskTrial]:
    """Every answer in result files of the page (JSON or CSV), and folders of them.

    Equal copies count once.

    Raises:
        UserError: a file is damaged, of another task than the first, or contradicts another.
    """
    known: dict[tuple, tuple[TaskTrial, str]] = {}
    first: TaskTrial | None = None
    for path in result_files(paths):
        for trial, where in _read_file(path):
            first = first or trial
            if trial.study != first.study:
                raise UserError(f"{where} is of the task {trial.study}, others of {first.study}")
            # A question may be asked several times: its place in the session is part of it.
            key = (trial.study_id, trial.participant, trial.trial)
            earlier, there = known.setdefault(key, (trial, where))
            if (earlier.pictures, earlier.answer) != (trial.pictures, trial.answer):
                raise UserError(
                    f"{where}: participant {trial.participant!r} answered trial {trial.trial} "
                    f"differently in {there}: keep one of the two results"
                )
            if trial.complete:
                known[key] = trial, where
    return [trial for trial, _ in known.values()]


def _read_file(path: Path) -> Iterator[tuple[TaskTrial, str]]:
    text = result_text(path)
    if path.suffix.lower() == ".json":
        result = json_result(path, text)
        session = {name: result.get(name) for name in SESSION}
        for number, trial in enumerate(result["trials"], start=1):
            where = f"{path}, trial {number}"
            yield _valid({**trial, **session, "check": trial.get("check") or None}, where), where
        return
    for row, where in csv_rows(path, text):
        missing = [name for name in COLUMNS if name not in row]
        if missing:
            raise UserError(f"{path} holds no answers to a task: it lacks {', '.join(missing)}")
        yield _valid({name: _cell(name, row[name]) for name in COLUMNS}, where), where


def _cell(name: str, text: str) -> object:
    """What a cell of the page's CSV stands for."""
    if text == "" or (name == "check" and text.lower() == "false"):
        return None
    if name == "complete":
        return {"true": True, "false": False}.get(text.lower(), text)
    if name == "level" and re.fullmatch(r"-?\d{1,12}(\.\d{1,12})?", text):
        return float(text)
    is_number = name not in ("order", "group", "study_id", "participant", "prolific_pid")
    number = number_in(text) if is_number else None
    return text if number is None else number


def _valid(values: Mapping[str, Any], where: str) -> TaskTrial:
    """The answer with these values; UserError where one is missing or not allowed."""
    study = values.get("study")
    if study in STUDIES:
        raise UserError(f"{where} is of the {study} study: analyse it with {STUDIES[study]}")
    if study not in TASKS:
        raise UserError(f"{where}: there is no task {shown(repr(study))}, only {', '.join(TASKS)}")
    values = {name: values.get(name) for name in COLUMNS}
    level = values["level"]
    if type(level) is int:
        values["level"] = float(level)
    for field in fields(TaskTrial):
        value = values[field.name]
        if field.name == "level":
            if value is not None and not (type(value) in (int, float) and abs(value) < 1e12):
                raise UserError(f"{where}: level is {shown(repr(value))} instead of a number")
        elif value is not None or field.type in (str, int, bool):
            check_value(field.name, field.type, value, where)
    trial = TaskTrial(**values)
    pictures = [name for name in (trial.picture1, trial.picture2, trial.picture3) if name]
    if sorted(trial.order) != [str(n + 1) for n in range(len(pictures))]:
        raise UserError(f"{where}: order {shown(trial.order)} is none of {len(pictures)} pictures")
    most = len(pictures) if study == ODD_ONE_OUT else 2 if trial.scale is None else LARGEST_ANSWER
    for name in ("answer", "expected"):
        answer = getattr(trial, name)
        if answer is not None and not 1 <= answer <= most:
            raise UserError(f"{where}: {name} {answer} is not from 1 to {most}")
    if trial.check not in (None, *CHECKS):
        known = ", ".join(CHECKS)
        raise UserError(f"{where}: check {shown(trial.check)} is none of false, {known}")
    if trial.check == "attention" and trial.expected is None:
        raise UserError(f"{where}: an attention check needs its expected answer")
    return trial
