"""Reads VHAP's exports for NeRF: cameras in transforms.json, parameters in files it names."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from my_utils.untrusted.fields import read_fields
from my_utils.untrusted.reader import reading
from my_utils.untrusted.text import is_inside

WHOLE = "transforms.json"
DIVISIONS = tuple(f"transforms_{name}.json" for name in ("train", "val", "test"))
CAMERA = ("transform_matrix", "fl_x", "fl_y", "cx", "cy", "w", "h")


def nerf_exports(path: Path) -> list[Path]:
    """The exports at or below a path: folders with cameras, or one file of cameras itself."""
    if path.is_file():
        return [path] if path.name in (WHOLE, *DIVISIONS) else []
    found = {file.parent for name in (WHOLE, *DIVISIONS) for file in path.rglob(name)}
    return sorted(found)


def nerf_entries(exports: Sequence[Path]) -> Iterator[tuple[str, Path, Mapping]]:
    """Name, file and fields of every frame of these exports.

    The name is the number of the time step where no two frames share it, else the picture's path.
    """
    frames = [
        (file, frame) for export in exports for file in _scenes(export) for frame in _frames(file)
    ]
    pictures = {
        (file.parent / frame["file_path"]).resolve(): (file, frame) for file, frame in frames
    }
    steps = Counter(frame.get("timestep_index") for _, frame in frames)
    numbered = max(steps.values()) == 1 and all(type(step) is int for step in steps)
    for picture, (file, frame) in sorted(pictures.items()):
        parameters = file.parent / frame["flame_param_path"]
        name = f"{picture.parent.parent.name}/{picture.stem}"
        if numbered:
            name = f"{frame['timestep_index']:05d}"
        yield name, parameters, {**read_fields(parameters), **_camera(frame)}


def _scenes(export: Path) -> list[Path]:
    """The files of cameras of an export: the whole, or its divisions where that is missing."""
    if export.is_file():
        return [export]
    whole = export / WHOLE
    return [whole] if whole.exists() else [p for n in DIVISIONS if (p := export / n).exists()]


def _frames(file: Path) -> list[dict]:
    """The frames of one file of cameras, each with what all share."""
    with reading(file):
        scene = json.loads(file.read_text())
        frames = scene.get("frames") if isinstance(scene, dict) else None
        if not isinstance(frames, list) or not (frames or file.name in DIVISIONS):
            raise ValueError("it has no frames")
        for frame in frames:
            _check_frame(frame, file.parent)
    return [scene | frame for frame in frames]


def _check_frame(frame: object, folder: Path) -> None:
    """ValueError where a frame does not name its picture, and its parameters near the folder."""
    names = ("file_path", "flame_param_path")
    if not isinstance(frame, dict) or not all(isinstance(frame.get(name), str) for name in names):
        raise ValueError(f"one of its frames has no {' and '.join(names)}")
    # Those of several exports are merged by names of others.
    if not is_inside(folder / frame["flame_param_path"], folder.resolve().parent):
        raise ValueError(f"its parameters {frame['flame_param_path']!r} are far from its folder")


def _camera(frame: Mapping) -> dict:
    return {name: frame.get(name) for name in CAMERA}
