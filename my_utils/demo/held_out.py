"""Pairs of the demo that training never sees, and where their faces are."""

from collections.abc import Sequence
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
from my_utils.demo.resources_folder import uv_layout
from my_utils.files.images import from_uint8

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
    params = sample_parameters(range(HELD_OUT_ID, HELD_OUT_ID + count), seed=seed)
    pictures = held_out_photographs(params, range(count), size, seed=seed)
    return HeldOutFaces(params, pictures, face_region(params, size))


def held_out_photographs(
    params: FlameParams, styles: Sequence[int], size: int, *, seed: int = 0
) -> Tensor:  # [N, 3, S, S] in [-1, 1]
    """Photographs of any parameters in styles that training never sees."""
    ids = [HELD_OUT_ID + style for style in styles]
    return from_uint8(photographs(params.to("cpu"), ids, size=size, seed=seed))
