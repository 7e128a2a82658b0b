"""Light in the demo photographs: the rendering's own shading, and the shadows it lacks.

Shadows are found per vertex from depth maps, so they cost the same at any picture size.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from model.flame import FlameParams
from model.mesh import vertex_normals
from model.rasterizer import rasterize
from model.renderer import SH_FACTORS, spherical_harmonics_shading
from my_utils.demo.mesh import (
    LEFT_EYE,
    LOWER_TEETH,
    MOUTH_BAG,
    RIGHT_EYE,
    SKIN,
    UPPER_TEETH,
    head_mesh,
)

SHADOW_MAP_SIZE = 96  # pixels
SHADOW_MAP_REACH = 0.20  # metres from the middle of the head to its edge
SKY_DIRECTIONS = 64


class Light(NamedTuple):
    """The main light of a photograph, read off its spherical harmonics."""

    direction: np.ndarray  # [3] unit vector towards the light
    strength: float  # shading it adds where it falls straight on the skin
    coefficients: Tensor  # [1, 9, 3]


def surface_normals(
    points: np.ndarray,  # [N, H, 3]
    faces: np.ndarray,  # [F, 3]
) -> np.ndarray:
    """Unit normals [N, H, 3] of meshes."""
    vertices = torch.as_tensor(points, dtype=torch.float32)
    return vertex_normals(vertices, torch.as_tensor(faces)).numpy()


def main_light(params: FlameParams) -> Light:
    """Where the light of one face mainly comes from: its linear harmonics, averaged over RGB."""
    linear = (params.lighting[0, 1:4].mean(1) * SH_FACTORS[1]).numpy()
    strength = float(np.linalg.norm(linear))
    return Light(linear / max(strength, 1e-6), strength, params.lighting)


def shade(light: Light, normals: np.ndarray) -> np.ndarray:
    """Shading [S, S, 3] by the same formula as the rendering."""
    field = torch.as_tensor(normals, dtype=torch.float32).permute(2, 0, 1)[None]
    return spherical_harmonics_shading(field, light.coefficients)[0].permute(1, 2, 0).numpy()


def unit(vectors: np.ndarray) -> np.ndarray:
    """The same directions with length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def lit_share(
    direction: np.ndarray,  # [3] towards the light
    points: np.ndarray,  # [H, 3] metres
    faces: np.ndarray,  # [F, 3]
    *,
    bias: float = 0.004,  # metres
) -> np.ndarray:
    """How much of a distant light reaches each vertex [H], 0..1, from a depth map seen from it."""
    direction = direction / np.linalg.norm(direction)
    side = np.cross([0.0, 1.0, 0.1], direction)
    side /= np.linalg.norm(side)
    frame = np.stack([side, np.cross(direction, side), direction])
    seen = (points - [0, 0, -0.04]) @ frame.T / SHADOW_MAP_REACH
    plane = torch.as_tensor(seen * [1, -1, -1], dtype=torch.float32)[None]
    fragments = rasterize(plane, torch.as_tensor(faces), SHADOW_MAP_SIZE)
    depth = fragments.to_images(fragments.depth[None], background=np.inf)[0, 0].numpy()
    place = ((plane[0, :, :2].numpy() + 1) / 2 * SHADOW_MAP_SIZE - 0.5).round().astype(int)
    own = plane[0, :, 2].numpy() - bias / SHADOW_MAP_REACH
    share = np.zeros(len(points))
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            column, row = np.clip(place + [right, down], 0, SHADOW_MAP_SIZE - 1).T
            share += depth[row, column] > own
    return share / 9


@cache
def ambient_occlusion() -> np.ndarray:
    """Share of an even sky that reaches each vertex of the head at rest: [V], 0..1.

    What lies inside the mouth gets the light of a slightly open one.
    """
    mesh = head_mesh()
    normals = surface_normals(mesh.vertices[None], mesh.faces)[0]
    number = np.arange(SKY_DIRECTIONS) + 0.5
    height = 1 - 2 * number / SKY_DIRECTIONS
    turn = np.pi * (1 + 5**0.5) * number
    sky = np.stack([np.cos(turn), np.sin(turn), height], 1)
    sky[:, :2] *= np.sqrt(1 - height**2)[:, None]
    light, total = 0, 0
    for direction in sky:
        facing = np.clip(normals @ direction, 0, None)
        light = light + facing * lit_share(direction, mesh.vertices, mesh.faces, bias=0.003)
        total = total + facing
    share = light / np.maximum(total, 1e-6)
    share = np.clip(share / np.quantile(share[mesh.parts == SKIN], 0.7), 0, 1)
    for parts, least in (((UPPER_TEETH, LOWER_TEETH), 0.7), ((LEFT_EYE, RIGHT_EYE), 0.55)):
        share = np.where(np.isin(mesh.parts, parts), np.maximum(share, least), share)
    return np.where(mesh.parts == MOUTH_BAG, 0.25, share)
