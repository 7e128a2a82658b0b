"""The re-inference error of the paper's Table 3: codes that a face tracker reads off our images.

The published script had two faults, put right here: its lists of errors went on from one type of
code to the next, and it compared person n with row n of a `params.npy` that holds the rows of
shape twice.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from model.flame import FlameParams
from my_utils.data.trackers.names import face_ids
from my_utils.data.trackers.reader import NamedFace
from my_utils.errors import UserError
from my_utils.faces.params_file import load_faces
from my_utils.metrics.control.visible_factors import VisibleFactors

CODE_TYPES = {  # name in the table: the codes that are decoded, all others being zero
    "shape": ("shape",),
    "expression": ("expression", "pose"),
    "pose": ("pose",),
}


class Samples(NamedTuple):
    """Faces that pictures were drawn of, and the numbers in the names of the pictures."""

    params: FlameParams  # N rows
    numbers: list[int]


class CodeError(NamedTuple):
    """How far inferred vertices are from those asked for, in the mean over faces and vertices."""

    millimetres: float
    fraction: float  # of their distance from the neutral face


def load_samples(path: Path) -> Samples:
    """The faces of a file that `load_params` reads, with the names of their pictures.

    Those are named as `plots/generate_random_samples.py` does: by seed, and by row where a seed is
    there twice or the file is a published `params.npy`.
    """
    faces = load_faces(path)
    named = faces.seeds
    if faces.published or len(set(named)) < len(named):
        named = list(range(len(named)))
    return Samples(faces.params, named)


def match_codes(faces: Iterable[NamedFace], samples: Samples) -> tuple[FlameParams, FlameParams]:
    """What was inferred and what was asked for, row by row, for every face that a tool found.

    Raises:
        UserError: a face has no number of a picture, or two have the same.
    """
    faces = list(faces)
    numbers = face_ids([(face.name, face.file) for face in faces], ranks=True)
    rows = {number: row for row, number in enumerate(samples.numbers)}
    unknown = [face.name for face in faces if not face.name.isdecimal()]
    unknown += [str(number) for number in numbers if number not in rows]
    if unknown:
        raise UserError(
            f"there are codes for {unknown[0]}, which is not the number of a picture: give the "
            f"tool the folder images/, whose pictures are {samples.numbers[0]}.png to "
            f"{samples.numbers[-1]}.png"
        )
    wanted = samples.params[[rows[number] for number in numbers]]
    arrays = {
        "shape": np.stack([face.face.shape for face in faces]),
        "expression": np.stack([face.face.expression for face in faces]),
        "pose": np.stack([np.concatenate([face.face.rotation, face.face.jaw]) for face in faces]),
    }
    codes = {name: torch.from_numpy(array).float() for name, array in arrays.items()}
    return wanted.replace(**codes), wanted


def code_errors(
    factors: VisibleFactors, inferred: FlameParams, wanted: FlameParams
) -> dict[str, CodeError]:
    """The rows of Table 3, by type of code.

    Vertices of the face region are decoded with this type alone. The fraction is that of the mean
    distance over a face, in the mean over faces; those asked to be neutral have none.
    """
    errors = {}
    for name, codes in CODE_TYPES.items():
        found, asked = (_vertices(factors, params, codes) for params in (inferred, wanted))
        neutral = _vertices(factors, wanted, ())
        error = (found - asked).norm(dim=2).mean(dim=1)
        size = (asked - neutral).norm(dim=2).mean(dim=1)
        fraction = (error / size)[size > 0].mean()
        errors[name] = CodeError(error.mean().item(), fraction.item())
    return errors


@torch.no_grad()
def _vertices(factors: VisibleFactors, params: FlameParams, codes: tuple[str, ...]) -> torch.Tensor:
    """The face region [N, R, 3] in millimetres with these codes and all others zero."""
    zeros = FlameParams.from_vector(torch.zeros_like(params.to_vector()))
    alone = zeros.replace(**{name: getattr(params, name) for name in codes})
    return 1000 * factors.flame(alone)[:, factors.region]
