"""Renderings of a head model for the landmark detector to look at, with everything known."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F
from tqdm import tqdm

from constants import EXPRESSION_DIM, FLAME_SLICES, PARAM_DIM, SHAPE_DIM, TEXTURE_DIM
from model.camera import fit_camera_to_eyes, orthographic_projection
from model.flame import FlameParams
from model.mesh import vertex_normals
from model.renderer import SH_FACTORS, FaceRenderer
from my_utils.errors import UserError
from my_utils.files.images import to_uint8
from my_utils.photos.surface_points import JAW

Detect = Callable[[np.ndarray], np.ndarray | None]  # uint8 [S, S, 3] to landmarks [468, 2]

MAX_YAW, MAX_PITCH, OPEN_JAW = 25.0, 10.0, 8.0  # degrees
HAIRY, HAIR_TINT = 0.85, (1.0, 0.8, 0.6)  # share of views with hair; red, green, blue of it
FOUND = 0.5  # of the views, in which the detector must find a face


class Views(NamedTuple):
    """What the detector saw of a head whose geometry is known; lengths in pixels."""

    landmarks: np.ndarray  # [N, 468, 2]
    vertices: np.ndarray  # [N, V, 2]
    unknowns: np.ndarray  # [N, 156] shape, expression, head and jaw rotation of the faces
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


def dressed(
    pixels: np.ndarray,  # uint8 [S, S, 3] a rendering
    head: np.ndarray,  # bool [S, S] where the mesh is
    rng: np.random.Generator,
) -> np.ndarray:  # uint8 [S, S, 3]
    """A rendering before a blurred background and, mostly, with streaky hair above a hairline.

    The detector errs otherwise about bare heads than about those of photographs.
    """
    size = len(pixels)
    coarse = torch.from_numpy(rng.uniform(-60, 60, (1, 3, 4, 4)) * rng.random())
    smooth = F.interpolate(coarse, (size, size), mode="bilinear", align_corners=True)
    background = rng.uniform(20, 230, 3) + smooth[0].permute(1, 2, 0).numpy()
    picture = np.where(head[..., None], pixels, background)
    if rng.random() < HAIRY:
        row, column = np.mgrid[:size, :size] / size
        sides = rng.uniform(0.8, 2.2) * rng.choice([1, 1, 3])
        above = row < rng.uniform(0.2, 0.33) + sides * (column - 0.5) ** 2
        thick = ndimage.binary_dilation(head, iterations=int(rng.integers(2, 16)))
        streaks = 60 * ndimage.gaussian_filter(rng.standard_normal((size, size)), (6, 1))
        hair = rng.choice([20, 50, 90, 150]) * np.array(HAIR_TINT) + streaks[..., None]
        picture = np.where((thick & above)[..., None], hair, picture)
    return picture.clip(0, 255).astype(np.uint8)


@torch.no_grad()
def look(
    renderer: FaceRenderer, params: FlameParams, detect: Detect, rng: np.random.Generator
) -> Views:
    """Render faces, put where FFHQ crops have them, and let the detector find their landmarks.

    Args:
        rng: of the backgrounds and the hair.

    Raises:
        UserError: it finds no face in more than half of the renderings.
    """
    flame, size = renderer.flame, renderer.mesh_renderer.size
    found = []
    for row in tqdm(range(len(params)), unit="view", desc="landmarks of the head", disable=None):
        face = params[[row]]
        vertices = flame(face)
        face = face.replace(camera=fit_camera_to_eyes(vertices))
        rendering = renderer(face)
        head = rendering.mask[0, 0].numpy() > 0.5
        landmarks = detect(dressed(to_uint8(rendering.image[0]), head, rng))
        if landmarks is not None:
            seen = orthographic_projection(vertices, face.camera)
            facing = -vertex_normals(seen, flame.faces)[0, :, 2]
            positions = (seen[0, :, :2].numpy() + 1) * size / 2
            unknowns = face.to_vector()[0, : JAW.stop].numpy()
            found.append((landmarks, positions, unknowns, facing.numpy()))
    if len(found) < FOUND * len(params):
        raise UserError(
            f"the detector found a face in {len(found)} of {len(params)} renderings of this head: "
            "are FLAME's eyes and mouth where its topology has them?"
        )
    return Views(*(np.stack(parts) for parts in zip(*found, strict=True)))
