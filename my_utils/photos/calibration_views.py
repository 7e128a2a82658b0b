"""Renderings of a head model for the landmark detector to look at, with everything known."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from constants import EXPRESSION_DIM, FLAME_SLICES, PARAM_DIM, SHAPE_DIM, TEXTURE_DIM
from model.camera import fit_camera_to_eyes, orthographic_projection
from model.flame import FlameParams
from model.mesh import vertex_normals
from model.renderer import SH_FACTORS, FaceRenderer
from my_utils.errors import UserError
from my_utils.files.images import to_uint8

Detect = Callable[[np.ndarray], np.ndarray | None]  # uint8 [S, S, 3] to landmarks [468, 2]

MAX_YAW, MAX_PITCH, OPEN_JAW = 25.0, 10.0, 8.0  # degrees
FOUND = 0.5  # of the views, in which the detector must find a face


class Views(NamedTuple):
    """What the detector saw of a head whose geometry is known; lengths in pixels."""

    landmarks: np.ndarray  # [N, 468, 2]
    vertices: np.ndarray  # [N, V, 2]
    facing: np.ndarray  # [N, V] 1 where the surface is turned wholly to the viewer, < 0 away


def mean_head_views(count: int, rng: np.random.Generator) -> FlameParams:
    """The mean head from all sides, mouth shut and open by turns, in random skins and lights."""
    vectors = _lit_skins(count, rng)
    pose = vectors[:, FLAME_SLICES["pose"]]
    pose[:, 0] = np.deg2rad(rng.uniform(-MAX_PITCH, MAX_PITCH, count))
    pose[:, 1] = np.deg2rad(np.linspace(-MAX_YAW, MAX_YAW, count))
    pose[:, 3] = np.deg2rad(OPEN_JAW * (np.arange(count) % 2))
    return FlameParams.from_vector(torch.from_numpy(vectors).float())


def people_views(count: int, rng: np.random.Generator) -> FlameParams:
    """Random people, as varied as those of photographs."""
    vectors = _lit_skins(count, rng)
    vectors[:, FLAME_SLICES["shape"]] = 0.8 * rng.standard_normal((count, SHAPE_DIM))
    vectors[:, FLAME_SLICES["expression"]] = 0.6 * rng.standard_normal((count, EXPRESSION_DIM))
    pose = vectors[:, FLAME_SLICES["pose"]]
    pose[:, :3] = np.deg2rad([6, 14, 3]) * rng.standard_normal((count, 3))
    pose[:, 3] = np.deg2rad(rng.uniform(0, 15, count))
    return FlameParams.from_vector(torch.from_numpy(vectors).float())


def _lit_skins(count: int, rng: np.random.Generator) -> np.ndarray:
    """Vectors [N, 236] of random skins, each in white light that is stronger from one side."""
    vectors = np.zeros((count, PARAM_DIM))
    vectors[:, FLAME_SLICES["texture"]] = 0.7 * rng.standard_normal((count, TEXTURE_DIM))
    shading = np.zeros((count, 9, 1))
    shading[:, 0] = 0.95
    shading[:, 1:4, 0] = rng.normal([0, 0.05, 0.1], 0.1, (count, 3))
    lighting = np.repeat(shading / np.array(SH_FACTORS)[:, None], 3, axis=2)
    vectors[:, FLAME_SLICES["lighting"]] = lighting.reshape(count, -1)
    return vectors


@torch.no_grad()
def look(renderer: FaceRenderer, params: FlameParams, detect: Detect) -> Views:
    """Render faces, put where FFHQ crops have them, and let the detector find their landmarks.

    Raises:
        UserError: it finds no face in more than half of the renderings.
    """
    flame, size = renderer.flame, renderer.mesh_renderer.size
    found = []
    for row in tqdm(range(len(params)), unit="view", desc="landmarks of the head", disable=None):
        face = params[[row]]
        vertices = flame(face)
        face = face.replace(camera=fit_camera_to_eyes(vertices))
        landmarks = detect(to_uint8(renderer(face).image[0]))
        if landmarks is not None:
            seen = orthographic_projection(vertices, face.camera)
            facing = -vertex_normals(seen, flame.faces)[0, :, 2]
            found.append((landmarks, (seen[0, :, :2].numpy() + 1) * size / 2, facing.numpy()))
    if len(found) < FOUND * len(params):
        raise UserError(
            f"the detector found a face in {len(found)} of {len(params)} renderings of this head: "
            "are FLAME's eyes and mouth where its topology has them?"
        )
    return Views(*(np.stack(parts) for parts in zip(*found, strict=True)))
