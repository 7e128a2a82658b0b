"""What DECA found in the photographs: the parameters of each face, and where it failed."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from constants import FLAME_SLICES, PARAM_DIM
from model.flame import FlameParams
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.untrusted.fields import as_numbers, read_fields, require
from my_utils.untrusted.reader import reading
from my_utils.untrusted.text import shown

PARAMETER_FIELDS = {  # name in the parameter file: name here, in the order of the vector
    "shape": "shape",
    "exp": "expression",
    "pose": "pose",
    "cam": "camera",
    "tex": "texture",
    "lit": "lighting",
}
SIZES = {
    field: len(range(PARAM_DIM)[FLAME_SLICES[name]]) for field, name in PARAMETER_FIELDS.items()
}


class ParameterTable(NamedTuple):
    """The faces of the data set, in file order."""

    ids: np.ndarray  # [P] int64, number of the photograph
    vectors: np.ndarray  # [P, 236] float32


def load_parameters(path: str | Path) -> ParameterTable:
    """Read DECA's parameters, six codes for each photograph.

    Args:
        path: the published file, a dictionary from "00017.pkl" to the codes of that photograph, or
            DECA's own folder with the codes of each photograph in a file of its own (00017.npy;
            imgHQ... are of another data set and passed over).
    """
    path = Path(path)
    return table_of(path, _read_folder(path) if path.is_dir() else read_fields(path))


def table_of(path: Path, entries: Mapping) -> ParameterTable:
    """The table of what was read from a parameter file; UserError names what is wrong with it."""
    try:
        return _table(entries)
    except ValueError as error:
        raise UserError(f"{path} does not hold DECA's parameters: {shown(error)}") from error


def _read_folder(folder: Path) -> dict[str, Mapping]:
    paths = sorted(path for path in folder.glob("*.npy") if not path.name.startswith("imgHQ"))
    return {
        path.name: read_fields(path)
        for path in tqdm(paths, unit="face", desc="parameters", disable=None)
    }


@np.errstate(over="ignore")  # what float32 cannot hold becomes infinite, and is refused
def _table(entries: Mapping[str, Mapping]) -> ParameterTable:
    """All entries as one table; what is wrong with an entry is a ValueError."""
    if not entries:
        raise ValueError("it has no entries")
    ids = _face_ids(entries)
    vectors = np.empty((len(ids), PARAM_DIM), dtype=np.float32)
    for vector, (key, entry) in zip(vectors, entries.items(), strict=True):
        try:
            np.concatenate(_codes(entry), out=vector, casting="unsafe")
        except ValueError as error:
            raise ValueError(f"entry {key} {error}") from error
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise ValueError(f"entry {list(entries)[finite.argmin()]} has numbers that are not finite")
    return ParameterTable(np.array(ids, dtype=np.int64), vectors)


def _codes(entry: object) -> list[np.ndarray]:
    """The codes of one face, each one-dimensional, in the order of the vector."""
    codes = []
    for field, size in SIZES.items():
        if not isinstance(entry, dict) or field not in entry:
            raise ValueError(f"has no {field!r}")
        code = as_numbers(entry[field], field).ravel()
        if len(code) != size:
            raise ValueError(f"must have {size} numbers of {field!r}, it has {len(code)}")
        codes.append(code)
    return codes


def _face_ids(names: Iterable[str]) -> list[int]:
    """The numbers of all names; ValueError where two have the same."""
    names_by_id: dict[int, str] = {}
    for name in names:
        first = names_by_id.setdefault(_face_id(name), name)
        if first != name:
            raise ValueError(f"{first} and {name} are both face {_face_id(name):05d}")
    return list(names_by_id)


def _face_id(name: str) -> int:
    stem = str(name).split(".")[0]
    if not (stem.isdecimal() and len(stem) < 10):
        raise ValueError(f"{name!r} is not named by a number, as 00017 is")
    return int(stem)


def save_parameters(path: Path, table: ParameterTable) -> None:
    """Write a dictionary from "00017.pkl" to the six codes of that face, in the table's order."""
    params = FlameParams.from_vector(torch.from_numpy(table.vectors))
    entries = {
        f"{face:05d}.pkl": {
            field: getattr(params, name)[row].numpy() for field, name in PARAMETER_FIELDS.items()
        }
        for row, face in enumerate(table.ids)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.array(entries, dtype=object))


def load_bad_images(path: Path) -> frozenset[int]:
    """Read the ids of photographs whose parameters are wrong, from names like "00017.npy"."""
    fields = read_fields(path)
    with reading(path):
        require(fields, "bad_images")
        names = fields["bad_images"]
        if isinstance(names, np.ndarray):
            names = (names.astype(str) if names.dtype.kind == "S" else names).ravel().tolist()
        return frozenset(map(_face_id, names))
