"""From tracked faces to GIF's parameters, and what had to be filled in or left out for them."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from constants import RENDER_SIZE, TEXTURE_DIM
from model.camera import center_head
from model.flame import FLAME, JAW_JOINT, FlameParams
from model.lbs import lbs
from model.mesh import vertex_normals
from my_utils.data.parameters import ParameterTable
from my_utils.data.trackers.cameras import (
    Crop,
    axis_angle,
    crop_to_image_camera,
    crop_to_image_perspective,
    fit_orthographic_camera,
    perspective_projection,
    rotation_matrix,
    viewing_rotation,
)
from my_utils.data.trackers.formats import TrackedFace
from my_utils.data.trackers.names import face_ids
from my_utils.data.trackers.reader import NamedFace
from my_utils.errors import UserError
from my_utils.untrusted.text import shown

ROOT_JOINT, NECK_JOINT = 0, 1
# Spherical harmonics x RGB: the mean light of the published data set.
MEAN_LIGHT = (
    (3.60890770, 4.02641960, 4.75345130),
    (0.0709928, 0.08925686, 0.09803673),
    (0.11676598, 0.15575520, 0.20316169),
    (-0.2203714, -0.38735074, -0.63142025),
    (0.00963507, 0.02998208, 0.03484832),
    (-0.0461808, -0.05883689, -0.06856259),
    (0.02707223, 0.07585122, 0.05772701),
    (0.1662246, 0.20778911, 0.24815214),
    (0.22855483, 0.32920238, 0.52000016),
)


class Conversion(NamedTuple):
    """One face in GIF's parameters."""

    params: FlameParams  # one row
    notes: tuple[str, ...]  # what was filled in or left out
    camera_error: float | None  # of an orthographic camera for a perspective one, image plane


def convert_faces(
    faces: Iterable[NamedFace],
    flame: FLAME,
    *,
    crops: Mapping[str, Crop] | None = None,  # by name; None: they are not known
    keep_texture: bool = False,
    ranks: bool = False,  # whether names that are no numbers become ranks
) -> tuple[ParameterTable, list[str]]:
    """GIF's parameters of all faces by ascending id, and sentences on what was done for them.

    Raises:
        UserError: a face cannot be converted, has no crop, or has the id of another.
    """
    sources, vectors, errors = [], [], []
    notes: Counter[str] = Counter()
    for face in tqdm(faces, unit="face", disable=None):
        if crops is not None and face.name not in crops:
            raise UserError(f"there is no crop for {shown(face.name)}, which is in {face.file}")
        crop = crops[face.name] if crops is not None else None
        try:
            converted = convert_face(face.face, flame, crop=crop, keep_texture=keep_texture)
        except ValueError as error:
            raise UserError(f"face {shown(face.name)} of {face.file}: {shown(error)}") from error
        sources.append((face.name, face.file))
        vectors.append(converted.params.to_vector()[0].numpy())
        if not np.isfinite(vectors[-1]).all():
            raise UserError(f"face {shown(face.name)} of {face.file}: its numbers are no face's")
        notes.update(converted.notes)
        if converted.camera_error is not None:
            errors.append(converted.camera_error * RENDER_SIZE / 2)
    ids = face_ids(sources, ranks=ranks)
    sentences = [f"{note} ({count} of {len(ids)} faces)" for note, count in notes.items()]
    if errors:
        sentences.append(
            f"camera: orthographic for perspective moves visible points by up to {max(errors):.2f} "
            f"pixels of {RENDER_SIZE}, {np.mean(errors):.2f} in the mean of the faces' largest"
        )
    if not all(name.isdecimal() for name, _ in sources):
        sentences.append("ids: ranks of the sorted names, as not every name is a number")
    order = np.argsort(ids)
    return ParameterTable(np.array(ids)[order], np.stack(vectors)[order]), sentences


def convert_face(
    face: TrackedFace, flame: FLAME, *, crop: Crop | None = None, keep_texture: bool = False
) -> Conversion:
    """GIF's parameters of a tracked face.

    Args:
        flame: the model whose coefficients these are.
        crop: where the tool looked, for one whose camera is that of a crop.
        keep_texture: whether the texture coefficients are of FLAME's texture space.

    Raises:
        ValueError: the camera does not show a face from the front, or no camera is for the crop.
    """
    if crop is not None and face.perspective is not None:
        perspective = crop_to_image_perspective(face.perspective, crop)
        face = dataclasses.replace(face, perspective=perspective)
    params, notes = _without_camera(face, keep_texture=keep_texture)
    if crop is not None and face.perspective is None:
        if face.crop_camera is None:
            raise ValueError("it has no camera for the crop it is given")
        camera = crop_to_image_camera(face.crop_camera, crop)
        return Conversion(params.replace(camera=_row(camera)), notes, None)
    if face.perspective is not None:
        targets = perspective_projection(tracked_vertices(face, flame), face.perspective)
        vertices = flame(params)
        shown = head_in_view(vertices, flame)
        camera, error = fit_orthographic_camera(vertices[0, shown], targets[shown])
        return Conversion(params.replace(camera=_row(camera)), notes, error)
    notes += ("filled in: camera that puts the eyes where FFHQ has them",)
    return Conversion(center_head(params, flame), notes, None)


def _without_camera(
    face: TrackedFace, *, keep_texture: bool
) -> tuple[FlameParams, tuple[str, ...]]:
    """The parameters with a camera of zeros, and what was filled in or left out."""
    notes, texture, light = list(face.notes), face.texture, face.lighting
    if face.neck.any():
        notes.append("neck: its rotation turns the whole head")
    if texture is None:
        notes.append("filled in: mean skin")
    elif not keep_texture:
        notes.append("left out: texture, perhaps of another space (see --texture_space); mean skin")
    if texture is None or not keep_texture:
        texture = np.zeros(TEXTURE_DIM)
    if light is None:
        light = np.array(MEAN_LIGHT)
        notes.append("filled in: mean light")
    params = FlameParams(
        shape=_row(face.shape),
        expression=_row(face.expression),
        pose=_row(np.concatenate([axis_angle(_global_rotation(face)), face.jaw])),
        camera=torch.zeros(1, 3),
        texture=_row(texture),
        lighting=_row(light),
    )
    return params, tuple(notes)


def _global_rotation(face: TrackedFace) -> np.ndarray:
    """The rotation [3, 3] of the whole head as an orthographic camera sees it.

    GIF's neck is stiff, so a rotation of the neck becomes one of everything. Both turn the head by
    the same angles, and the camera makes up for the other centre of rotation.
    """
    rotation = rotation_matrix(face.rotation) @ rotation_matrix(face.neck)
    if face.perspective is None:
        return rotation
    rotation = viewing_rotation(face.perspective) @ rotation
    if rotation[1, 1] <= 0 or rotation[2, 2] <= 0:
        raise ValueError(
            "it would be seen from behind or upside down, so its camera does not follow the "
            "conventions in docs/converters.md"
        )
    return rotation


def head_in_view(
    vertices: Tensor,  # [1, V, 3] metres, posed as an orthographic camera sees them
    flame: FLAME,
) -> Tensor:
    """Which vertices [V] face the camera, less the base of the neck, which a tool's neck leaves."""
    moves_with_head = flame.lbs_weights[:, ROOT_JOINT] <= 0.5
    return moves_with_head & (vertex_normals(vertices, flame.faces)[0, :, 2] > 0)


def tracked_vertices(face: TrackedFace, flame: FLAME) -> Tensor:
    """The head as the tool poses it, neck included: [V, 3] metres, FLAME's axes."""
    pose = torch.zeros(1, len(flame.parents), 3)
    pose[0, ROOT_JOINT] = _row(face.rotation)
    pose[0, NECK_JOINT] = _row(face.neck)
    pose[0, JAW_JOINT] = _row(face.jaw)
    betas = torch.cat([_row(face.shape), _row(face.expression)], dim=1)
    return lbs(
        betas,
        pose,
        flame.v_template,
        flame.shapedirs,
        flame.posedirs,
        flame.J_regressor,
        flame.parents,
        flame.lbs_weights,
    )[0]


def _row(numbers: np.ndarray) -> Tensor:
    return torch.as_tensor(numbers, dtype=torch.float32)[None]
