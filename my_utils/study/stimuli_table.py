"""Reads `stimuli.csv`: what every picture of a stimulus set shows. Needs no torch."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from my_utils.errors import UserError
from my_utils.study.presentation import SET_COLUMNS
from my_utils.untrusted.text import is_formula, is_inside, shown

TABLE = "stimuli.csv"
FIRST_MEASURE = "face_luminance"  # the factors stand between "percent" and this column


@dataclass(frozen=True)
class Picture:
    """One picture and its levels."""

    file: str  # relative to the set's folder
    levels: dict[str, str]  # person, continuum, percent, and every factor


def is_stimulus_set(folder: Path) -> bool:
    """Whether mturk/make_stimuli.py wrote this folder."""
    return (folder / TABLE).is_file()


def read_stimuli(folder: Path) -> list[Picture]:
    """All pictures of a set, all of them there.

    Raises:
        UserError: no table, a damaged one, or a picture that is missing or elsewhere.
    """
    path = folder / TABLE
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file, strict=True))
    except FileNotFoundError:
        raise UserError(
            f"there is no {path}: make the set with `python mturk/make_stimuli.py`"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a readable CSV file: {error}") from error
    header = lines[0] if lines else []
    if len(lines) < 2 or not {"file", *SET_COLUMNS, FIRST_MEASURE} <= set(header):
        raise UserError(f"{path} is no table of a stimulus set: make the set again")
    names = [*SET_COLUMNS, *header[header.index("percent") + 1 : header.index(FIRST_MEASURE)]]
    pictures = []
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(header):
            raise UserError(
                f"{path}, line {number} has {len(cells)} cells instead of {len(header)}"
            )
        row = dict(zip(header, cells, strict=True))
        _check_file(folder, row["file"], f"{path}, line {number}")
        pictures.append(Picture(row["file"], {name: row[name] for name in names}))
    return pictures


def _check_file(folder: Path, file: str, where: str) -> None:
    name = PurePosixPath(file)
    outside = name.is_absolute() or ".." in name.parts or "\\" in file
    if (
        outside
        or not file.isprintable()
        or is_formula(file)
        or not is_inside(folder / file, folder)
    ):
        raise UserError(f"{where}: {shown(file)!r} cannot be a picture of the set")
    if not os.path.isfile(folder / file):
        raise UserError(f"{where}: {shown(file)} is missing: make the set again")


def varied_columns(pictures: Sequence[Picture]) -> list[str]:
    """The columns that have more than one level, in the order of the table."""
    return [
        name
        for name in pictures[0].levels
        if len({picture.levels[name] for picture in pictures}) > 1
    ]
