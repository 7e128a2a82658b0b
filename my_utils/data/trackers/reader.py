"""Finds the faces in the files and folders of a face tracker, with their names and versions."""

import csv
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from my_utils.data.trackers.cameras import Crop
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
from my_utils.errors import UserError
from my_utils.untrusted.fields import read_fields
from my_utils.untrusted.reader import reading, restricted_load
from my_utils.untrusted.text import is_inside, shown

FLAME_MARK = re.compile(r"flame[ _-]?(20\d\d)", re.IGNORECASE)
RESOURCES_VERSION = "2020"  # of the FLAME that GIF was made with
NERF_FILE = "transforms.json"
NERF_CAMERA = ("transform_matrix", "fl_x", "fl_y", "cx", "cy", "w", "h")
MOST_DIGITS = 9  # of an id
MOST_ROWS = 2**18  # of a file: two hours of a film
CROP_COLUMNS = ("name", *Crop._fields)
DICTIONARIES = (".npy", ".npz", ".pkl", ".pt", ".mat")


class Tool(NamedTuple):
    read: Callable[[Fields], TrackedFace]
    suffixes: tuple[str, ...]  # of its files; others in a folder are passed over
    row_fields: tuple[str, ...] = ()  # spellings of a field with one row for each face of a file
    flame_version: str = RESOURCES_VERSION  # where a file does not say


TOOLS = {
    "deca": Tool(read_deca, DICTIONARIES, ("pose", "posecode")),
    "emoca": Tool(read_deca, DICTIONARIES, ("pose", "posecode")),
    "smirk": Tool(read_smirk, DICTIONARIES, ("pose_params", "globalpose")),
    "mica": Tool(read_mica, DICTIONARIES),
    "metrical-tracker": Tool(read_metrical_tracker, (".frame", ".pt")),
    "pixel3dmm": Tool(read_pixel3dmm, (".frame", ".pt")),
    "vhap": Tool(read_vhap, (".npz",), ("rotation",), flame_version="2023"),
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
    for name, file, values in _entries(path, tool.suffixes):
        try:
            marks = _flame_marks([os.path.relpath(file, path.parent), values])
            _check_version(file, marks or {flame_version or tool.flame_version}, flame_version)
            count = _row_count(values, tool.row_fields)
            for number in range(count):
                face = tool.read(Fields(values if count == 1 else _row(values, number, count)))
                yield NamedFace(name if count == 1 else f"{number:05d}", file, face)
        except UserError:
            raise
        except ValueError as error:
            raise UserError(
                f"{file} does not hold a face of {tool_name}: {shown(error)}"
            ) from error


def _entries(path: Path, suffixes: Sequence[str]) -> Iterator[tuple[str, Path, Mapping]]:
    """Name, file and fields of every face, or of every file where it holds many faces.

    The fields of a face are a dictionary in one file, or a folder with one file for each field.
    """
    if (path / NERF_FILE).is_file():
        yield from _nerf_entries(path)
        return
    files = [path]
    if path.is_dir():
        files = [file for file in path.rglob("*") if file.suffix in suffixes]
    if not files:
        raise UserError(f"there are no files of this tool in {path} ({', '.join(suffixes)})")
    files.sort(key=lambda file: (file.parent, file.name))
    for folder, members in groupby(files, key=lambda file: file.parent):
        fields = {}
        for file in members:
            content = restricted_load(file)
            if isinstance(content, Mapping):
                yield _name(file.with_suffix(""), path), file, content
            else:
                fields[file.stem] = content
        if fields:
            yield _name(folder, path), folder, fields


def _nerf_entries(folder: Path) -> Iterator[tuple[str, Path, Mapping]]:
    """The frames of a NeRF export: cameras in transforms.json, parameters in files it names."""
    with reading(folder / NERF_FILE):
        scene = json.loads((folder / NERF_FILE).read_text())
        frames = scene.get("frames") if isinstance(scene, dict) else None
        if not isinstance(frames, list) or not frames:
            raise ValueError("it has no frames")
        for frame in frames:
            _check_frame(frame, folder)
    for frame in frames:
        photograph, parameters = Path(frame["file_path"]), frame["flame_param_path"]
        fields = read_fields(folder / parameters)
        camera = {name: (scene | frame).get(name) for name in NERF_CAMERA}
        yield photograph.stem, folder / parameters, {**fields, **camera}


def _check_frame(frame: object, folder: Path) -> None:
    """ValueError where a frame does not name its picture, and its parameters near the folder."""
    names = ("file_path", "flame_param_path")
    if not isinstance(frame, dict) or not all(isinstance(frame.get(name), str) for name in names):
        raise ValueError(f"one of its frames has no {' and '.join(names)}")
    # Those of several exports are merged by names of others.
    if not is_inside(folder / frame["flame_param_path"], folder.resolve().parent):
        raise ValueError(f"its parameters {frame['flame_param_path']!r} are far from its folder")


def _name(file: Path, root: Path) -> str:
    """The number in a path below the root, its last if there are several, or the path itself."""
    parts = file.relative_to(root).parts if file != root and root.is_dir() else (file.name,)
    return next((part for part in reversed(parts) if part.isdecimal()), "/".join(parts))


def _row_count(values: Mapping, row_fields: Sequence[str]) -> int:
    """The number of faces in a file, whose arrays have one row for each if there are several."""
    found = [values[name] for name in row_fields if isinstance(values.get(name), np.ndarray)]
    count = len(found[0]) if found and found[0].ndim == 2 else 1
    if count > MOST_ROWS:
        raise ValueError(f"it has {count} faces, more than the {MOST_ROWS} of a long film")
    return count


def _row(values: Mapping, number: int, count: int) -> dict:
    """The fields of one of the faces; those that all share are in every one."""
    return {
        name: value[number]
        if isinstance(value, np.ndarray) and value.ndim > 1 and len(value) == count
        else value
        for name, value in values.items()
    }


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


def face_ids(sources: Sequence[tuple[str, Path]]) -> tuple[list[int], bool]:
    """The ids of faces: the numbers they are named by, else their ranks among the sorted names.

    Args:
        sources: name of each face, and the file it is in.

    Returns:
        the ids, and whether they are the numbers of the names.

    Raises:
        UserError: two faces have the same name or number, or a number is no id.
    """
    numbered = all(name.isdecimal() for name, _ in sources)
    files: dict[str, Path] = {}
    for name, file in sources:
        if numbered and len(name) > MOST_DIGITS:
            raise UserError(f"{file} holds face {shown(name)}, a number too large for an id")
        key = str(int(name)) if numbered else name
        if key in files:
            raise UserError(
                f"{files[key]} and {file} both hold face {shown(name)}: give a file or folder in "
                "which every face is there once"
            )
        files[key] = file
    if numbered:
        return [int(key) for key in files], True
    ranks = {name: rank for rank, name in enumerate(sorted(files))}
    return [ranks[name] for name in files], False


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
