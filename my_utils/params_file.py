"""`params.npz`: the faces of a figure with their style seeds, to draw them again or edit them."""

import dataclasses
from pathlib import Path

import numpy as np
import torch

from model.flame import FlameParams
from my_utils.atomic_file import atomic_path
from my_utils.errors import UserError

FIELDS = tuple(field.name for field in dataclasses.fields(FlameParams))


def save_params(path: Path, params: FlameParams, seeds: list[int]) -> None:
    """Write N faces, one array per factor, and their N style seeds."""
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
    try:
        with np.load(path) as file:
            arrays = {name: torch.from_numpy(file[name]).float() for name in FIELDS}
            seeds = file["seeds"].astype(np.int64).tolist()
        params = FlameParams(**arrays)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except Exception as error:  # NumPy and zipfile raise a dozen types for files they cannot read
        raise UserError(f"{path} is not a params.npz of this project: {error}") from error
    if len(seeds) != len(params) or not seeds or min(seeds) < 0:
        raise UserError(f"{path} must hold a seed of at least 0 for each of {len(params)} faces")
    if not params.to_vector().isfinite().all():
        raise UserError(f"{path} holds parameters that are not finite")
    return params, seeds
