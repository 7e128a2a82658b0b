"""The embedded default: a procedural head, its parameters and its photographs.

FLAME, FFHQ and DECA are licensed; this stands in for all three, in the same layouts, so that a
newcomer can train, plot and test at once. This module is what the rest of the project sees; the
parts are: the surface (demo_surface, demo_skin, demo_head), its variation (demo_motion), albedo
(demo_texture), parameters (demo_parameters), photographs (demo_photographs, demo_hair, demo_scene)
and the resources folder (demo_files).
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from model.camera import orthographic_projection
from model.flame import FlameParams, FlameTexture
from model.rasterizer import interpolate, rasterize
from model.renderer import FaceRenderer, MeshRenderer
from my_utils.demo.albedo import face_mask, texture_space
from my_utils.demo.parameters import demo_flame, sample_parameters
from my_utils.demo.photographs import photographs
from my_utils.demo.resources_folder import (
    uv_layout,
    write_drawing_files,
    write_head_files,
    write_resources,
)
from my_utils.demo.variation import head_assets
from my_utils.files.images import from_uint8

__all__ = [
    "HELD_OUT_ID",
    "HeldOutFaces",
    "face_mask",
    "face_region",
    "face_renderer",
    "head_assets",
    "held_out_faces",
    "photographs",
    "sample_parameters",
    "texture_space",
    "uv_layout",
    "write_drawing_files",
    "write_head_files",
    "write_resources",
]

HELD_OUT_ID = 1_000_000  # ids from here on are never trained on


class HeldOutFaces(NamedTuple):
    """Pairs that training never sees."""

    params: FlameParams  # N rows
    photographs: Tensor  # [N, 3, S, S] in [-1, 1]
    region: Tensor  # [N, 1, S, S], 1 on the face


@cache
def face_renderer(size: int) -> FaceRenderer:
    """The renderer of the demo head without any file, size x size pixels."""
    flame = demo_flame()
    return FaceRenderer(
        flame, FlameTexture(texture_space()), MeshRenderer(flame.faces, uv_layout(), size=size)
    )


@torch.no_grad()
def face_region(
    params: FlameParams,  # N rows
    size: int,
) -> Tensor:
    """Where renderings show the face (not scalp, ears, neck or mouth): [N, 1, S, S], 0 or 1."""
    renderer = face_renderer(size).mesh_renderer
    projected = orthographic_projection(demo_flame()(params), params.camera)
    fragments = rasterize(projected, renderer.faces, size)
    pixel_uv = fragments.to_images(interpolate(fragments, renderer.uv_faces, renderer.uv))
    mask = torch.from_numpy(face_mask())[None, None].float() / 255
    shown = F.grid_sample(
        mask.expand(len(params), -1, -1, -1),
        pixel_uv.permute(0, 2, 3, 1),
        mode="nearest",
        align_corners=False,
    )
    return shown * fragments.to_images(torch.ones_like(fragments.depth)[None])


def held_out_faces(count: int, size: int, *, seed: int = 0) -> HeldOutFaces:
    """The first `count` held-out pairs at size x size pixels."""
    ids = range(HELD_OUT_ID, HELD_OUT_ID + count)
    params = sample_parameters(ids, seed=seed)
    pictures = from_uint8(photographs(params, ids, size=size, seed=seed))
    return HeldOutFaces(params, pictures, face_region(params, size))
