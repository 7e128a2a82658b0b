"""The head's arrays as the page carries them: whole numbers of small units, one safetensors file.

Only what is shown goes: 100 directions of identity, 50 of expression and 50 of texture. A unit of
a micrometre moves no vertex by more than a thousandth of a pixel, and one of a sixth of a level
changes no colour that is seen; both compress to a third of their float16.
"""

from typing import NamedTuple

import numpy as np
import safetensors.numpy

from model.renderer import FaceRenderer

VERTEX_UNIT = 1e-6  # metres per standard deviation
TEXTURE_UNIT = 1 / 6  # levels of 0..255 per standard deviation
MEAN_UNIT = 1 / 64  # levels, of the mean texture


class PackedHead(NamedTuple):
    """The file, and the largest errors of one direction at one standard deviation."""

    data: bytes
    vertex_error: float  # metres
    texture_error: float  # levels of 0..255


def pack_head(renderer: FaceRenderer) -> PackedHead:
    """Pack the head, its texture space and its layout; points are planar: all x, all y, all z."""
    flame, texture, mesh = renderer.flame, renderer.texture, renderer.mesh_renderer
    shapedirs = flame.shapedirs.cpu().numpy().transpose(2, 1, 0)
    posedirs = flame.posedirs.cpu().numpy().transpose(2, 1, 0)
    directions = texture.directions.cpu().numpy()
    shape_units, shape_unit = _whole(shapedirs, VERTEX_UNIT, np.int16)
    pose_units, pose_unit = _whole(posedirs, VERTEX_UNIT, np.int16)
    texture_units, texture_unit = _whole(directions, TEXTURE_UNIT, np.int8)
    arrays = {
        "v_template": flame.v_template.cpu().numpy().T,
        "shapedirs": shape_units,
        "shapedirs_unit": shape_unit,
        "posedirs": pose_units,
        "posedirs_unit": pose_unit,
        "J_regressor": flame.J_regressor.cpu().numpy(),
        "lbs_weights": flame.lbs_weights.cpu().numpy(),
        "parents": np.array(flame.parents, np.int32),
        "faces": flame.faces.cpu().numpy().astype(np.int32),
        "uv": mesh.uv[0].cpu().numpy().T,
        "uv_faces": mesh.uv_faces.cpu().numpy().astype(np.int32),
        "texture_mean": np.round(texture.mean.cpu().numpy() / MEAN_UNIT) * np.float32(MEAN_UNIT),
        "texture_directions": texture_units,
        "texture_unit": texture_unit,
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return PackedHead(
        safetensors.numpy.save(arrays),
        float(np.abs(shape_units * shape_unit - shapedirs).max()),
        float(np.abs(texture_units * texture_unit - directions).max()),
    )


def _whole(values: np.ndarray, unit: float, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Values in whole units, of `unit` or as coarse as their range needs, and that unit [1]."""
    unit = max(unit, float(np.abs(values).max()) / np.iinfo(dtype).max)
    return np.round(values / unit).astype(dtype), np.array([unit], np.float32)
