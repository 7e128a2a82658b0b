"""Tasks of the method of adjustment: which face to set by which sliders, to match what.

A table (CSV) with one task in each line:

| column | |
|---|---|
| name | short and unique: what results call the task |
| word | what the face should look like, as "friendly"; empty: it should match the picture |
| params | a params.npz: the face of the picture, or the one a word starts from (may be empty) |
| row | of params, from 0; empty is 0 |
| factors | the sliders to set, parted by semicolons: "Jaw; Expression 1" |
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from my_utils.errors import UserError
from my_utils.study.result_files import csv_rows, result_text
from my_utils.untrusted.text import shown

COLUMNS = ("name", "word", "params", "row", "factors")


@dataclass(frozen=True)
class AdjustmentTask:
    """One line of the table."""

    name: str
    word: str | None  # None: match the picture
    params: Path | None  # None: the mean face
    row: int
    factors: tuple[str, ...]


def read_adjustment_tasks(path: Path, sliders: Collection[str]) -> list[AdjustmentTask]:
    """The tasks of a table.

    Raises:
        UserError: a column, a slider or a face is missing, or a name comes twice.
    """
    tasks = [
        _task(row, path.parent, sliders, where) for row, where in csv_rows(path, result_text(path))
    ]
    names = [task.name for task in tasks]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError(f"{path} names two tasks {shown(twice[0])!r}")
    return tasks


def _task(
    row: dict[str, str], folder: Path, sliders: Collection[str], where: str
) -> AdjustmentTask:
    if tuple(row) != COLUMNS:
        raise UserError(f"{where}: the first line must be {','.join(COLUMNS)}")
    values = {name: text.strip() for name, text in row.items()}
    factors = tuple(factor.strip() for factor in values["factors"].split(";"))
    unknown = [factor for factor in factors if factor not in sliders]
    if unknown:
        raise UserError(
            f"{where}: there is no slider {shown(unknown[0])!r}, only {', '.join(sliders)}"
        )
    if not values["name"] or not values["name"].isprintable():
        raise UserError(f"{where}: the task needs a name")
    if not values["word"] and not values["params"]:
        raise UserError(f"{where}: the task needs a word, or the params.npz of a face to match")
    if not (values["row"] or "0").isdecimal():
        raise UserError(f"{where}: row {shown(values['row'])!r} is not a number of at least 0")
    params = folder / values["params"] if values["params"] else None
    return AdjustmentTask(
        values["name"], values["word"] or None, params, int(values["row"] or 0), factors
    )
