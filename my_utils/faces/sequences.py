"""Sequences of faces for films: read from files of other tools, or made for a demonstration."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from constants import FLAME_SLICES
from model.flame import FlameParams
from my_utils.data.parameters import load_parameters
from my_utils.faces.sampling import interpolate_path
from my_utils.untrusted.fields import float_field, read_fields
from my_utils.untrusted.reader import reading

VOCA_SHAPE_COMPONENTS = 3  # that the published film keeps of the speaker
VOCA_POSE = [0, 1, 2, 6, 7, 8]  # head and jaw; the neck is between them


def load_voca(
    path: Path,
    scene: FlameParams,  # one face that lends texture, lighting and camera
) -> FlameParams:
    """A spoken sentence animated by VOCA, one row per frame.

    Args:
        path: an .npz with `frame_pose_params` [T, 9 or more] (axis-angle: head, neck, jaw),
            `frame_exp_params` [T, 50] and `seq_shape_params` [100].

    Raises:
        UserError: the file is missing, damaged or of another kind.
    """
    fields = read_fields(path)
    with reading(path):
        expression = float_field(fields, "frame_exp_params", (None, 50))
        pose = float_field(fields, "frame_pose_params", (len(expression), None))
        if not len(pose) or pose.shape[1] < max(VOCA_POSE) + 1:
            raise ValueError(f"'frame_pose_params' has shape {pose.shape}: no frame, or no jaw")
        shape = float_field(fields, "seq_shape_params", (100,))
    shape[VOCA_SHAPE_COMPONENTS:] = 0
    frames = scene[[0] * len(expression)]
    return frames.replace(
        shape=torch.from_numpy(shape).expand(len(frames), -1),
        expression=torch.from_numpy(expression),
        pose=torch.from_numpy(pose[:, VOCA_POSE]),
    )


def load_tracked(path: Path) -> FlameParams:
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
