"""`params.npz`: the faces of a figure with their style seeds, to draw them again or edit them."""

import dataclasses
from pathlib import Path

import numpy as np
import torch

from model.flame import FlameParams
from my_utils.files.atomic import atomic_path
from my_utils.runs.person import OWN_STYLE
from my_utils.untrusted.fields import float_field, index_field, read_fields
from my_utils.untrusted.reader import reading

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


def load_params(path: Path) -> tuple[FlameParams, list[int]]:
    """Read what `save_params` wrote; UserError names what is missing, misshapen or no number."""
    path = Path(path)
    fields = read_fields(path)
    with reading(path):
        seeds = index_field(fields, "seeds", (None,), first=OWN_STYLE)
        if not len(seeds):
            raise ValueError("it holds no face")
        arrays = {}
        for name in FIELDS:
            shape = (len(seeds), 9, 3) if name == "lighting" else (len(seeds), None)
            arrays[name] = torch.from_numpy(float_field(fields, name, shape))
        return FlameParams(**arrays), seeds.tolist()
