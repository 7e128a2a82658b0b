"""The results layout of Amazon Mechanical Turk (AMT): what it knows of an answer, and no more.

It tells a model by the folder of its picture and a style by the number that begins the file name,
and has no place for conditions, sessions and checks. Which questions are checks stands in the key
that was written beside the inputs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from my_utils.errors import UserError
from my_utils.study.result_files import number_in
from my_utils.study.trial import ABLATIONS, FULL_MODEL, RATINGS, Trial, valid_trial
from my_utils.untrusted.text import shown

INPUTS = {"pairwise": ("GT", "OPTION1", "OPTION2"), "likert": ("image_url",)}
ANSWERS = {
    "pairwise": ("Answer.example.label1", "Answer.example.label2"),
    "likert": ("Answer.category.label",),
}
AMT_COLUMNS = {
    study: (*(f"Input.{name}" for name in INPUTS[study]), *ANSWERS[study], "WorkerId")
    for study in INPUTS
}
KEY_COLUMNS = {study: (*INPUTS[study], "check", "expected") for study in INPUTS}


@dataclass(frozen=True)
class Key:
    """Which questions are checks."""

    expected: dict[tuple[str, ...], int] = field(default_factory=dict)  # of attention, by inputs
    repeated: set[frozenset[str]] = field(default_factory=set)  # questions, whatever the sides

    def add(self, row: Mapping[str, str], study: str, where: str) -> None:
        """Take in a row that has `KEY_COLUMNS[study]`."""
        inputs = tuple(row[name] for name in INPUTS[study])
        if row["check"] == "repeat":
            self.repeated.add(frozenset(inputs))
        elif row["check"] == "attention" and (answer := number_in(row["expected"])):
            self.expected[inputs] = answer
        else:
            raise UserError(f"{where} is neither a repeat nor an attention check with its answer")


def is_rejected(row: Mapping[str, str]) -> bool:
    """Whether the requester rejected this assignment, or has marked it to be rejected."""
    status = row.get("AssignmentStatus", "").lower()
    if status in ("approved", "rejected"):
        return status == "rejected"
    return bool(row.get("RejectionTime") or row.get("Reject"))


def amt_trial(row: Mapping[str, str], study: str, where: str, key: Key) -> Trial:
    """The answer in a row that has `AMT_COLUMNS[study]`."""
    inputs = {name: row[f"Input.{name}"] for name in INPUTS[study]}
    expected = key.expected.get(tuple(inputs.values()))
    seconds = row.get("WorkTimeInSeconds", "")
    values = {
        **inputs,
        "study": study,
        "study_id": row.get("HITTypeId") or "AMT",
        "participant": row["WorkerId"],
        "complete": True,
        "answer": _answer(row, study, where),
        "ms": round(1000 * float(seconds)) if re.fullmatch(r"\d{1,9}(\.\d+)?", seconds) else None,
        "check": expected and "attention",
        "expected": expected,
    }
    if study == "pairwise":
        values |= {f"model{n}": _folder_name(inputs[f"OPTION{n}"]) for n in (1, 2)}
    elif expected is None:
        values["style"] = _style(inputs["image_url"], where)
    return valid_trial(values, study, where)


def _answer(row: Mapping[str, str], study: str, where: str) -> int:
    if study == "likert":
        label = row["Answer.category.label"]
        if label not in RATINGS:
            raise UserError(
                f"{where}: the answer {shown(label)!r} is none of: {', '.join(RATINGS)}"
            )
        return 1 + RATINGS.index(label)
    chosen = [row[name].strip().lower() for name in ANSWERS[study]]
    if sorted(chosen) != ["false", "true"]:
        raise UserError(
            f"{where}: one of label1 and label2 must be true and one false: {shown(chosen)}"
        )
    return 1 + chosen.index("true")


def _style(url: str, where: str) -> int:
    style = unquote(url).rpartition("/")[2].partition("_")[0]
    if not re.fullmatch(r"\d{1,9}", style):
        raise UserError(
            f"{where}: the file name of {shown(url)!r} does not begin with a style number; if it "
            "is a check, pass the key of the inputs too"
        )
    return int(style)


def _folder_name(url: str) -> str:
    """The folder of a picture, which is its model.

    In the published inputs the slash after the host is missing: the folder of
    "x.amazonaws.comfull_model/mdl1__00.png" is the known model at the end of the host.
    """
    folder = unquote(url).rpartition("/")[0].rpartition("/")[2]
    if "." in folder:
        return next((name for name in (FULL_MODEL, *ABLATIONS) if folder.endswith(name)), folder)
    return folder


def amt_row(trial: Trial) -> dict[str, str]:
    """The row of an answer that is no check.

    Raises:
        UserError: the path of its picture does not tell the model or the style.
    """
    row = {"HITTypeId": trial.study_id, "WorkerId": trial.participant}
    row["WorkTimeInSeconds"] = "" if trial.ms is None else str(trial.ms / 1000)
    row |= {f"Input.{name}": getattr(trial, name) for name in INPUTS[trial.study]}
    if trial.study == "likert":
        row["Answer.category.label"] = RATINGS[trial.answer - 1]
    else:
        row |= {f"Answer.example.label{n}": str(trial.answer == n).lower() for n in (1, 2)}
    where = f"participant {trial.participant}"
    back = amt_trial(row, trial.study, where, Key())
    if (back.model1, back.model2, back.style) != (trial.model1, trial.model2, trial.style):
        raise UserError(
            f"{where}: AMT's layout tells a model by the folder of its picture and a style by the "
            f"number that begins the file name, and {trial.choice!r} says otherwise"
        )
    return row
