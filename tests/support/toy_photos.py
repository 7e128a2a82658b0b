"""The toy head as fitting sees it: points on its front, random faces, and their renderings."""

import functools

import numpy as np
import torch

from model.flame import FLAME, FlameParams, FlameTexture
from model.renderer import SH_FACTORS, FaceRenderer, MeshRenderer
from model.texture_sampler import texel_table_from_uv
from my_utils.photos.landmark_embedding import FaceMeshEmbedding
from my_utils.photos.skin_points import SkinPoints
from tests.support.toy_head import RADII, toy_flame_assets, toy_texture_space, toy_uv_layout

LANDMARKS = 120


@functools.cache
def toy_flame() -> FLAME:
    return FLAME(toy_flame_assets())


@functools.cache
def toy_renderer(size: int = 128) -> FaceRenderer:
    flame = toy_flame()
    mesh = MeshRenderer(flame.faces, toy_uv_layout(), size=size)
    return FaceRenderer(flame, FlameTexture(toy_texture_space()), mesh)


def front_triangles() -> np.ndarray:
    """Corners [T, 3] of the triangles of the face."""
    assets = toy_flame_assets()
    centers = assets.v_template[assets.faces].mean(axis=1) / RADII
    return assets.faces[(centers[:, 2] > 0.35) & (abs(centers[:, 1]) < 0.75)]


def toy_embedding() -> FaceMeshEmbedding:
    """Landmarks anywhere on the face, certain to half a pixel of 256."""
    rng = np.random.default_rng(0)
    triangles = front_triangles()
    return FaceMeshEmbedding(
        np.arange(LANDMARKS),
        triangles[rng.integers(len(triangles), size=LANDMARKS)],
        rng.dirichlet((1, 1, 1), LANDMARKS).astype(np.float32),
        np.zeros((LANDMARKS, 2, 157), np.float32),
        np.full((LANDMARKS, 2), 0.5 / 128, np.float32),
        np.full((LANDMARKS, 2, 1), 1e-6, np.float32),
    )


@functools.cache
def toy_skin(flame: FLAME | None = None) -> SkinPoints:
    """Texels of the whole front, of the toy head or another of its triangles."""
    flame, layout = flame or toy_flame(), toy_uv_layout()
    table = texel_table_from_uv(layout, flame.faces.numpy())
    v = np.linspace(0, 1, 256)
    mask = np.float32((abs(v[:, None] - 0.5) < 0.25) & (abs(v[None] - 0.5) < 0.2))
    texture = FlameTexture(toy_texture_space())
    return SkinPoints(flame, texture, table, mask[None, None])


def toy_faces(count: int, *, seed: int = 0) -> FlameParams:
    """Faces that turn, with an open jaw, in soft light from one side."""
    rng = np.random.default_rng(seed)
    lighting = np.zeros((count, 9, 3))
    lighting[:, 0] = 0.9 / SH_FACTORS[0]
    lighting[:, 1:4] = rng.normal(0, 0.1, (count, 3, 3)) / SH_FACTORS[1]
    pose = np.zeros((count, 6))
    pose[:, :3] = rng.uniform(-1, 1, (count, 3)) * [0.15, 0.5, 0.15]
    pose[:, 3] = rng.uniform(0, 0.2, count)
    camera = np.array([7.0, 0, 0]) + rng.normal(0, 1, (count, 3)) * [0.3, 0.01, 0.01]
    fields = {
        "shape": rng.standard_normal((count, 100)) * 0.8,
        "expression": rng.standard_normal((count, 50)) * 0.5,
        "pose": pose,
        "camera": camera,
        "texture": rng.standard_normal((count, 50)) * 0.7,
        "lighting": lighting,
    }
    return FlameParams(**{name: torch.from_numpy(rows).float() for name, rows in fields.items()})
