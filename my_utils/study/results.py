"""Result files of the perceptual study: of the study page, and of Amazon Mechanical Turk (AMT).

All of them become rows of one kind, `Trial`. A mistake in a file becomes one sentence that names
the file and the line, and nothing is skipped silently.
"""

import csv
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from my_utils.cli import counted
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.study.amt import AMT_COLUMNS, KEY_COLUMNS, Key, amt_row, amt_trial, is_rejected
from my_utils.study.result_files import (
    csv_rows,
    json_result,
    number_in,
    result_files,
    result_text,
)
from my_utils.study.trial import COLUMNS, Trial, check_study, valid_trial
from my_utils.untrusted.text import shown

SESSION = COLUMNS[: COLUMNS.index("trial")]  # what the page's JSON says once for all its trials
KEY_SUFFIX = "_key.csv"


class Answers(list[Trial]):
    """Answers, and how many others were left out because they were rejected on AMT."""

    rejected = 0

    @property
    def notes(self) -> list[str]:
        """What a reader of the analysis must know of the files."""
        if not self.rejected:
            return []
        return [f"Rejected on Mechanical Turk, left out: {counted(self.rejected, 'answer')}."]


def read_results(paths: Sequence[Path], study: str) -> Answers:
    """Every answer in result files, and folders of them, in any mixture of layouts.

    The keys of AMT's inputs (`*_key.csv`) belong to the files. A participant answers a question
    once: copies (the JSON and the CSV of one participant, an unfinished result beside the finished
    one) count once, and a second answer to a question that a key calls repeated is a check. What
    was rejected on AMT is left out.

    Raises:
        UserError: a file is damaged, half-written, of the other study, or contradicts another.
    """
    files = list(result_files(paths))
    key = _read_keys([path for path in files if path.name.endswith(KEY_SUFFIX)], study)
    known: dict[tuple, tuple[Trial, str]] = {}
    rejected = 0
    for path in files:
        if path.name.endswith(KEY_SUFFIX):
            continue
        for trial, where in _read_file(path, study, key):
            if trial is None:
                rejected += 1
                continue
            person = (trial.study_id, trial.participant, trial.question)
            if trial.question in key.repeated and (*person, None) in known:
                trial = dataclasses.replace(trial, check="repeat")
            # A check may come several times: its place is part of it, which on AMT is the line.
            place = where if trial.trial is None else trial.trial
            answer = (*person, trial.check and (trial.check, place))
            first, there = known.setdefault(answer, (trial, where))
            if first.choice != trial.choice:
                raise UserError(
                    f"{where}: participant {trial.participant!r} answered this question "
                    f"differently in {there}: keep one of the two results"
                )
            if trial.complete:
                known[answer] = trial, where
    found = Answers(trial for trial, _ in known.values())
    found.rejected = rejected
    return found


def _read_keys(paths: Sequence[Path], study: str) -> Key:
    key = Key()
    for path in paths:
        for row, where in csv_rows(path, result_text(path)):
            _check_columns(KEY_COLUMNS[study], row, path)
            key.add(row, study, where)
    return key


def _read_file(path: Path, study: str, key: Key) -> Iterator[tuple[Trial | None, str]]:
    """Every answer of a file, None where it was rejected, with the place where it stands."""
    text = result_text(path)
    if path.suffix.lower() == ".json":
        yield from _read_json(path, text, study)
        return
    for row, where in csv_rows(path, text):
        layout = _layout(row, path)
        if layout == "page":
            yield _page_trial(row, study, where), where
        else:
            check_study(layout, study, path)
            yield None if is_rejected(row) else amt_trial(row, study, where, key), where


def _read_json(path: Path, text: str, study: str) -> Iterator[tuple[Trial, str]]:
    result = json_result(path, text)
    check_study(result.get("study"), study, path)
    session = {name: result.get(name) for name in SESSION}
    for number, trial in enumerate(result["trials"], start=1):
        where = f"{path}, trial {number}"
        check = trial.get("check") or None  # false in the file
        yield valid_trial({**trial, **session, "check": check}, study, where), where


def _layout(row: Mapping[str, str], path: Path) -> str:
    """ "page", or the study of AMT whose columns the row has."""
    layouts = {"page": COLUMNS, **AMT_COLUMNS}
    layout = max(layouts, key=lambda name: len(row.keys() & set(layouts[name])))
    _check_columns(layouts[layout], row, path)
    return layout


def _check_columns(needed: Sequence[str], row: Mapping[str, str], path: Path) -> None:
    missing = [name for name in needed if name not in row]
    if len(missing) > len(needed) / 2:
        columns = shown(", ".join(row))
        raise UserError(f"{path} holds no answers of a study: its columns are {columns}")
    if missing:
        raise UserError(f"{path} lacks the columns {', '.join(missing)}")


def _page_trial(row: Mapping[str, str], study: str, where: str) -> Trial:
    """The answer in a row of the page's CSV, whose cells stand for numbers, truth or nothing."""
    values: dict[str, object] = {}
    for field in dataclasses.fields(Trial):
        text = row[field.name]
        if field.type is bool:
            values[field.name] = {"true": True, "false": False}.get(text.lower(), text)
        elif field.type in (int, int | None) and (number := number_in(text)) is not None:
            values[field.name] = number
        else:
            values[field.name] = text or None
    if row["check"].lower() == "false":
        values["check"] = None
    return valid_trial(values, study, where)


def write_page_csv(path: Path, trials: Sequence[Trial]) -> int:
    """Write answers as the study page's CSV, which keeps everything; return their number."""
    rows = [dataclasses.asdict(trial) for trial in trials]
    for row in rows:
        row["complete"] = str(row["complete"]).lower()
        row["check"] = row["check"] or "false"
    return _write_csv(path, rows)


def write_amt_csv(path: Path, trials: Sequence[Trial]) -> int:
    """Write the answers that are no checks as a results file of AMT; return their number.

    Raises:
        UserError: AMT's layout cannot say what an answer is of.
    """
    return _write_csv(path, [amt_row(trial) for trial in trials if not trial.check])


def _write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> int:
    if not rows:
        raise UserError(f"nothing to write to {path}: there are no answers, or only checks")
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return len(rows)
