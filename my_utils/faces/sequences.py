"""Sequences of faces for films: read from files of other tools, or made for a demonstration."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from constants import EXPRESSION_DIM, FLAME_SLICES, SHAPE_DIM
from model.flame import FlameParams
from my_utils.data.parameters import load_parameters
from my_utils.faces.sampling import interpolate_path
from my_utils.untrusted.fields import float_field, read_fields
from my_utils.untrusted.reader import reading

VOCA_SHAPE_COMPONENTS = 3  # that the published film keeps of the speaker
VOCA_NAMES = (  # of pose, expression and shape
    ("frame_pose_params", "frame_exp_params", "seq_shape_params"),
    ("pose", "expression", "shape"),
)
VOCA_POSE = [0, 1, 2, 6, 7, 8]  # head and jaw; the neck is between them


def load_voca(
    path: str | Path,
    scene: FlameParams,  # one face that lends texture, lighting and camera
) -> FlameParams:
    """A spoken sentence animated by VOCA, one row per frame.

    Args:
        path: what VOCA's `compute_FLAME_params.py` writes, a dictionary of `pose` [T, 9 or more]
            (axis-angle: head, neck, jaw, eyes), `expression` [T, 50 or more] and `shape`
            [100 or more], or an archive with `frame_pose_params`, `frame_exp_params` and
            `seq_shape_params`.

    Raises:
        UserError: the file is missing, damaged or of another kind.
    """
    path = Path(path)
    fields = read_fields(path)
    with reading(path):
        names = next((names for names in VOCA_NAMES if names[0] in fields), VOCA_NAMES[0])
        pose, expression = (float_field(fields, name, (None, None)) for name in names[:2])
        shape = float_field({names[2]: np.ravel(fields.get(names[2], ()))}, names[2], (None,))
        if not len(pose) or pose.shape[1] < max(VOCA_POSE) + 1:
            raise ValueError(f"{names[0]!r} has shape {pose.shape}: no frame, or no jaw")
        if len(expression) != len(pose) or expression.shape[1] < EXPRESSION_DIM:
            raise ValueError(
                f"{names[1]!r} has shape {expression.shape} instead of ({len(pose)}, 50 or more)"
            )
        if len(shape) < SHAPE_DIM:
            raise ValueError(f"{names[2]!r} has {len(shape)} coefficients instead of 100 or more")
    shape, expression = shape[:SHAPE_DIM], expression[:, :EXPRESSION_DIM]
    shape[VOCA_SHAPE_COMPONENTS:] = 0
    frames = scene[[0] * len(expression)]
    return frames.replace(
        shape=torch.from_numpy(shape).expand(len(frames), -1),
        expression=torch.from_numpy(expression),
        pose=torch.from_numpy(pose[:, VOCA_POSE]),
    )


def load_tracked(path: str | Path) -> FlameParams:
    """A tracked film, one row per frame by ascending number; for `path` see `load_parameters`."""
    ids, vectors = load_parameters(path)
    return FlameParams.from_vector(torch.from_numpy(vectors[np.argsort(ids)]))


def demonstration(
    face: FlameParams,  # one row
    steps: int,
) -> FlameParams:
    """Looks to either side, opens the mouth and makes faces, in 14 * steps + 1 rows."""
    # Where in the parameter vector: values to pass through, back to 0 in the end.
    passed: dict[int, Iterable[float]] = {
        FLAME_SLICES["pose"].start + 1: np.deg2rad((22.5, 0, -22.5, 0)),
        FLAME_SLICES["pose"].start + 3: np.deg2rad((15, 0)),
        FLAME_SLICES["expression"].start: (3, 0, -3, 0),
        FLAME_SLICES["expression"].start + 1: (3, 0, -3, 0),
    }
    keys = [face]
    for column, values in passed.items():
        for value in values:
            vector = face.to_vector()
            vector[0, column] = value
            keys.append(FlameParams.from_vector(vector))
    return interpolate_path(FlameParams.cat(keys), steps)
