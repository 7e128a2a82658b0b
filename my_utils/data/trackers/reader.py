"""Finds the faces in the files and folders of a face tracker, with their names and versions."""

import csv
import dataclasses
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from my_utils.data.trackers.cameras import Crop
from my_utils.data.trackers.exports import nerf_entries, nerf_exports
from my_utils.data.trackers.formats import (
    Fields,
    TrackedFace,
    read_deca,
    read_flame_head_tracker,
    read_metrical_tracker,
    read_mica,
    read_pixel3dmm,
    read_smirk,
    read_vhap,
)
from my_utils.data.trackers.names import file_names, names_without_face_number, path_names
from my_utils.errors import UserError
from my_utils.untrusted.reader import reading, restricted_load
from my_utils.untrusted.text import shown

FLAME_MARK = re.compile(r"flame[ _-]?(20\d\d)", re.IGNORECASE)
RESOURCES_VERSION = "2020"  # of the FLAME that GIF was made with
CROP_COLUMNS = ("name", *Crop._fields)
DICTIONARIES = (".npy", ".npz", ".pkl", ".pt", ".mat")
FRAMES = (".frame", ".pt")
MATRICES = ("light", "lightcode", "lit", "lights", "K")
NUMBERS = ("fov",)  # other fields are vectors
NEUTRAL_FILE = "canonical_flame_param.npz"  # in VHAP's exports: a shape, and no face
PLACES = "ids: the places of the faces in their file, from 0"
CROPPED = "camera: of the crop that the tool made; --crops tells where it is in the photograph"


class Tool(NamedTuple):
    read: Callable[[Fields], TrackedFace]
    suffixes: tuple[str, ...]  # of its files; others in a folder are passed over
    row_fields: tuple[str, ...] = ()  # spellings of a field with one row for each face of a file
    groups: frozenset[str] = frozenset()  # dictionaries in the one of a face
    flame_version: str = RESOURCES_VERSION  # where a file does not say
    has_exports: bool = False  # for NeRF, with cameras
    folder_names: Callable[[list[Path], Path], dict[Path, str]] = path_names
    notes: tuple[str, ...] = ()  # what its files do not tell


TOOLS = {
    "deca": Tool(read_deca, DICTIONARIES, ("pose", "posecode")),
    "emoca": Tool(
        read_deca,
        DICTIONARIES,
        ("pose", "posecode", "globalpose"),
        folder_names=names_without_face_number,
    ),
    "smirk": Tool(
        read_smirk,
        DICTIONARIES,
        ("pose_params", "globalpose"),
        folder_names=names_without_face_number,
    ),
    "mica": Tool(read_mica, DICTIONARIES),
    "metrical-tracker": Tool(
        read_metrical_tracker, FRAMES, groups=frozenset(("flame", "camera")), notes=(CROPPED,)
    ),
    "pixel3dmm": Tool(
        read_pixel3dmm,
        FRAMES,
        groups=frozenset(("flame", "camera")),
        notes=(
            CROPPED,
            "FLAME: its files do not tell the version; taken for 2020, while those tracked with "
            "use_flame2023 need --flame_version 2023",
        ),
    ),
    "vhap": Tool(read_vhap, (".npz",), ("rotation",), flame_version="2023", has_exports=True),
    "flame-head-tracker": Tool(read_flame_head_tracker, DICTIONARIES, ("cam",)),
}


class NamedFace(NamedTuple):
    name: str  # of the photograph: a number where files, folders or rows are numbered
    file: Path  # or folder, where it was read
    face: TrackedFace


def tracked_faces(tool_name: str, path: Path, flame_version: str | None) -> Iterator[NamedFace]:
    """All faces in a file or folder of one of the TOOLS.

    Args:
        flame_version: of the resources folder and of these files, as far as the user states it.

    Raises:
        UserError: a file cannot be read, lacks something, or is of another version of FLAME.
    """
    tool, path = TOOLS[tool_name], path.absolute()
    for name, file, values in _entries(path, tool):
        marks = _flame_marks([os.path.relpath(file, path.parent), values])
        _check_version(file, marks or {flame_version or tool.flame_version}, flame_version)
        try:
            for place, row in _rows(name, values, tool.row_fields):
                face = tool.read(Fields(row))
                if isinstance(place, int):
                    face = dataclasses.replace(face, notes=(*face.notes, PLACES))
                    place = f"{place:05d}"
                yield NamedFace(place, file, face)
        except ValueError as error:
            raise UserError(
                f"{file} does not hold a face of {tool_name}: {shown(error)}"
            ) from error


def _entries(path: Path, tool: Tool) -> Iterator[tuple[str | int, Path, Mapping]]:
    """Name, file and fields of every face, or of every file where its arrays hold many faces.

    The fields of a face are a dictionary in one file, or a folder with one file for each field.
    """
    if tool.has_exports and (folders := nerf_exports(path)):
        yield from nerf_entries(folders)
        return
    files = [path]
    if path.is_dir():
        files = [file for file in path.rglob("*") if file.suffix in tool.suffixes]
    files = [file for file in files if file.name != NEUTRAL_FILE]
    if not files:
        raise UserError(f"there are no files of this tool in {path} ({', '.join(tool.suffixes)})")
    files.sort(key=lambda file: (file.parent, file.name))
    names = file_names(files, path)
    folder_names = tool.folder_names(sorted({file.parent for file in files}), path)
    for folder, members in groupby(files, key=lambda file: file.parent):
        fields = {}
        for file in members:
            content = restricted_load(file)
            if faces := _many_faces(content, tool):
                yield from ((name, file, values) for name, values in faces.items())
            elif isinstance(content, Mapping):
                yield names[file], file, content
            else:
                fields[file.stem] = content
        if fields:
            yield folder_names[folder], folder, fields


def _many_faces(content: object, tool: Tool) -> dict[str | int, Mapping]:
    """The faces of a file that holds a list of dictionaries, or one for each name."""
    if isinstance(content, np.ndarray) and content.dtype.hasobject:
        content = content.ravel().tolist()
    if isinstance(content, (list, tuple)):
        content = dict(enumerate(content))
    if not isinstance(content, Mapping) or tool.groups & content.keys():
        return {}
    if not content or not all(isinstance(values, Mapping) for values in content.values()):
        return {}
    return {
        name if isinstance(name, int) else Path(str(name)).stem: values
        for name, values in content.items()
    }


def _rows(
    name: str | int, values: Mapping, row_fields: Sequence[str]
) -> Iterator[tuple[str | int, Mapping]]:
    """Name, or place, and fields of each face of a file, whose arrays have one row for each."""
    arrays = [np.asarray(values[field]) for field in row_fields if field in values]
    counts = [len(array) for array in arrays if array.ndim > 1]
    count, times = counts[0] if counts else 1, values.get("timestep_id")
    if count == 1:
        yield name, values
        return
    for place in range(count):
        row = {field: _row(field, value, place, count) for field, value in values.items()}
        yield place if times is None else str(times[place]), row


def _row(field: str, value: object, number: int, count: int) -> object:
    """What a field says of one of the faces; what they all share stays as it is."""
    own_axes = 2 if field in MATRICES else 0 if field in NUMBERS else 1
    if isinstance(value, np.ndarray) and value.ndim > own_axes and len(value) == count:
        return value[number]
    return value


def _flame_marks(value: object) -> set[str]:
    """The versions of FLAME that any text in here names, as in "FLAME2023_no_jaw"."""
    if isinstance(value, str):
        return set(FLAME_MARK.findall(value))
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    elif isinstance(value, np.ndarray) and value.dtype.kind in "UO":
        value = value.ravel().tolist()
    if isinstance(value, (list, tuple)):
        return set().union(*map(_flame_marks, value))
    return set()


def _check_version(file: Path, versions: set[str], stated: str | None) -> None:
    wanted = stated or RESOURCES_VERSION
    if versions != {wanted}:
        raise UserError(
            f"{file} is taken for FLAME {' and '.join(sorted(versions))} and the resources folder "
            f"for FLAME {wanted}, whose coefficients mean other faces: if both are of one version, "
            f"name it with --flame_version; if not, track the faces with FLAME {wanted}"
        )


def read_crops(path: Path) -> dict[str, Crop]:
    """Where a tool looked, by name of the photograph: a CSV table with the columns CROP_COLUMNS."""
    crops: dict[str, Crop] = {}
    with reading(path), path.open(newline="") as file:
        rows = csv.DictReader(file)
        if not set(CROP_COLUMNS) <= set(rows.fieldnames or ()):
            raise ValueError(f"its first line must be {','.join(CROP_COLUMNS)}")
        for row in rows:
            if None in row.values():
                raise ValueError(f"line {rows.line_num} has too few cells")
            crop = Crop(*(float(row[column]) for column in Crop._fields))
            if not (all(map(math.isfinite, crop)) and crop.size > 0 and crop.image_size > 0):
                raise ValueError(f"the crop of {row['name']} is not one")
            name = str(Path(row["name"]).with_suffix(""))
            if name in crops:
                raise ValueError(f"it has {name} twice")
            crops[name] = crop
    return crops
