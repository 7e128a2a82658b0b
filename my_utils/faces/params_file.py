"""Faces in files: `params.npz`, which holds a figure's with their style seeds, and other kinds."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from model.flame import FlameParams
from my_utils.data.parameters import ParameterTable, load_parameters, table_of
from my_utils.files.atomic import atomic_path
from my_utils.runs.person import OWN_STYLE
from my_utils.untrusted.fields import float_field, index_field, read_fields
from my_utils.untrusted.reader import reading

BLOCK = 32  # faces that the published sampling wrote at once
FIELDS = tuple(field.name for field in dataclasses.fields(FlameParams))


def save_params(path: Path, params: FlameParams, seeds: list[int]) -> None:
    """Write N faces, one array per factor, and their N style seeds (-1: a person's own style)."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(params, name).cpu().numpy() for name in FIELDS}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, seeds=np.asarray(seeds, np.int64), **arrays)


def save_published_params(path: Path, params: FlameParams, styles: list[int]) -> None:
    """Write N faces and their style ids as the published sampling did, for its old readers.

    (It wrote the rows of `shape` twice, in blocks of 32; here they stand once.)
    """
    names = dict(camera="cam", expression="exp", lighting="light_code", texture="texture_code")
    arrays = {names.get(name, name): getattr(params, name).cpu().numpy() for name in FIELDS}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        fields = arrays | {"identity_indices": np.asarray(styles, np.int64)}
        np.save(file, np.array(fields, dtype=object))


class FacesOfFile(NamedTuple):
    """Faces with their style seeds, as files hold them."""

    params: FlameParams  # N rows
    seeds: list[int]  # N
    published: bool = False  # whether the published sampling wrote them


def load_params(path: str | Path) -> tuple[FlameParams, list[int]]:
    """Faces and style seeds of any file or folder that holds faces; see `load_faces`."""
    faces = load_faces(path)
    return faces.params, faces.seeds


def load_faces(path: str | Path) -> FacesOfFile:
    """Read a `params.npz`, a published `params.npy`, a parameter file, or DECA's file or folder.

    A parameter file is what the converters write: the seed of a face is its id there.

    Raises:
        UserError: names what is missing, misshapen or no number.
    """
    path = Path(path)
    if path.is_dir():
        return _of_table(load_parameters(path))
    fields = read_fields(path)
    if "lit" in fields:  # DECA's codes of one face
        fields = {path.name: fields}
    if fields and all(isinstance(codes, Mapping) for codes in fields.values()):
        return _of_table(table_of(path, fields))
    with reading(path):
        if "light_code" in fields:
            return _published(fields)
        seeds = index_field(fields, "seeds", (None,), first=OWN_STYLE)
        if not len(seeds):
            raise ValueError("it holds no face")
        arrays = {}
        for name in FIELDS:
            shape = (len(seeds), 9, 3) if name == "lighting" else (len(seeds), None)
            arrays[name] = torch.from_numpy(float_field(fields, name, shape))
        return FacesOfFile(FlameParams(**arrays), seeds.tolist())


def _of_table(table: ParameterTable) -> FacesOfFile:
    return FacesOfFile(FlameParams.from_vector(torch.from_numpy(table.vectors)), table.ids.tolist())


def _published(fields: Mapping) -> FacesOfFile:
    pose = float_field(fields, "pose", (None, 6))
    count = len(pose)
    shape = float_field(fields, "shape", (None, 100))
    if len(shape) == 2 * count:
        shape = single_rows(shape)
    arrays = {
        "shape": shape,
        "expression": float_field(fields, "exp", (count, 50)),
        "pose": pose,
        "camera": float_field(fields, "cam", (count, 3)),
        "texture": float_field(fields, "texture_code", (count, 50)),
        "lighting": float_field(fields, "light_code", (count, 9, 3)),
    }
    styles = range(count)
    if "identity_indices" in fields:
        styles = index_field(fields, "identity_indices", (count,)).tolist()
    params = FlameParams(**{name: torch.from_numpy(rows) for name, rows in arrays.items()})
    return FacesOfFile(params, list(styles), published=True)


def single_rows(
    doubled: np.ndarray,  # [2 N, D], every block of 32 rows twice in a row
) -> np.ndarray:
    """The N rows, each once; ValueError where the blocks do not repeat."""
    starts = range(0, len(doubled), 2 * BLOCK)
    pairs = [np.split(doubled[start : start + 2 * BLOCK], 2) for start in starts]
    if not all(np.array_equal(first, second) for first, second in pairs):
        raise ValueError("'shape' has twice as many rows as 'pose', and not the same ones twice")
    return np.concatenate([first for first, _ in pairs])
