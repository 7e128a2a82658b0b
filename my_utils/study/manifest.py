"""`manifest.csv`: what every picture of a perceptual study shows, so that no name has meaning.

Two studies: `pairwise` asks which of two generated faces follows a mesh better, `likert` how far
one generated face matches its rendering. Needs no torch.
"""

import csv
import dataclasses
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.untrusted.text import is_formula, is_inside, shown

MANIFEST = "manifest.csv"
MODEL_NAME = r"([\w][\w.-]{0,99})?"  # files are named after models
KINDS = {"pairwise": ("generated", "mesh"), "likert": ("pair",)}  # study: what its pictures are


@dataclass(frozen=True)
class Picture:
    """One row of the manifest; None is an empty cell, of a number that has no meaning there.

    The model named first in a pairwise manifest is the one the others are compared with.
    """

    file: str  # relative to the manifest's folder, forward slashes
    study: str  # pairwise or likert
    kind: str  # generated face, mesh to follow, or pair (generated | rendering)
    model: str  # name of the generator's run; empty for a mesh
    run_id: int | None
    condition: int  # number of the face, the same for all models
    params_row: int  # row of the face in the parameter file
    style: int | None  # number of the style a Likert study rates
    seed: int | None  # seed of the style vector


COLUMNS = tuple(field.name for field in dataclasses.fields(Picture))


def write_manifest(folder: Path, pictures: Sequence[Picture]) -> None:
    """Write `folder/manifest.csv` whole or not at all."""
    with (
        atomic_path(folder / MANIFEST) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        rows.writerows(dataclasses.asdict(picture) for picture in pictures)


def read_manifest(folder: Path, study: str | None = None) -> list[Picture]:
    """The pictures listed in `folder/manifest.csv`, all of them there.

    Raises:
        UserError: no manifest, a row that cannot be one, a file named twice, outside the folder
            or missing, or another study than `study`.
    """
    path = folder / MANIFEST
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets mark the start
            lines = list(csv.reader(file, strict=True))
    except FileNotFoundError:
        raise UserError(
            f"there is no {path}: make the pictures with `python mturk/sample_faces.py`"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a readable CSV file: {error}") from error
    if not lines or tuple(lines[0]) != COLUMNS:
        raise UserError(f"{path} is no manifest: its first line must be {','.join(COLUMNS)}")
    pictures = [
        _picture(cells, f"{path}, line {number}") for number, cells in enumerate(lines[1:], start=2)
    ]
    _check(pictures, folder, study)
    return pictures


def _picture(cells: list[str], where: str) -> Picture:
    if len(cells) != len(COLUMNS):
        raise UserError(f"{where} has {len(cells)} cells instead of {len(COLUMNS)}")
    values: dict = dict(zip(COLUMNS, cells, strict=True))
    for field in dataclasses.fields(Picture):
        text = values[field.name]
        if field.type is str:
            continue
        if text == "" and field.type is not int:
            values[field.name] = None
        elif re.fullmatch(r"\d{1,18}", text):
            values[field.name] = int(text)
        else:
            raise UserError(f"{where}: {field.name} {shown(text)!r} is not a number of at least 0")
    picture = Picture(**values)
    if picture.kind not in KINDS.get(picture.study, ()):
        study, kind = shown(picture.study), shown(picture.kind)
        raise UserError(f"{where}: {study!r} has no pictures of kind {kind!r}")
    if not re.fullmatch(MODEL_NAME, picture.model):
        raise UserError(
            f"{where}: the model {shown(picture.model)!r} is not named by letters, digits and -._"
        )
    if picture.kind == "pair" and picture.style is None:
        raise UserError(f"{where}: a Likert picture needs the number of its style")
    return picture


def _check(pictures: list[Picture], folder: Path, study: str | None) -> None:
    path = folder / MANIFEST
    studies = {picture.study for picture in pictures}
    if len(studies) != 1:
        raise UserError(f"{path} must list the pictures of one study, not of {len(studies)}")
    if study and studies != {study}:
        raise UserError(f"{path} is of the {studies.pop()} study: this needs a {study} study")
    files = [picture.file for picture in pictures]
    for file in files:
        if not file.isprintable() or is_formula(file):
            raise UserError(f"{path}: {shown(file)!r} cannot be the name of a picture")
        name = PurePosixPath(file)
        leads_out = name.is_absolute() or ".." in name.parts or "\\" in file
        if leads_out or not is_inside(folder / file, folder):
            raise UserError(f"{path}: {shown(file)!r} is outside the manifest's folder")
    file, count = Counter(files).most_common(1)[0]
    if count > 1:
        raise UserError(f"{path} lists {file} twice")
    missing = [file for file in files if not os.path.isfile(folder / file)]
    if missing:
        raise UserError(
            f"{len(missing)} of the {len(files)} pictures of {path} are missing, first "
            f"{shown(missing[0])}: repeat the command that drew them"
        )
