"""The two renderings that GIF conditions on: the textured, lit face and its normal map.

One rasterization serves both. Values are quantised to 8 bits by flooring, as the renderings on
disk that the published networks were trained with.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.camera import orthographic_projection
from model.flame import FLAME, FlameParams, FlameTexture
from model.mesh import UvLayout, vertex_normals
from model.rasterizer import interpolate, rasterize

# Factors of the nine harmonics: normalisation times the cosine lobe, except that the first lacks
# the lobe's pi, as in the published renderings.
SH_FACTORS = (
    0.28209479177387814,  # 1 / sqrt(4 pi)
    *(1.0233267079464885,) * 3,  # (2 pi / 3) sqrt(3 / (4 pi))
    *(0.8580855308097834,) * 3,  # (pi / 4) 3 sqrt(5 / (12 pi))
    0.4290427654048917,  # (pi / 4) (3 / 2) sqrt(5 / (12 pi))
    0.24770795610037571,  # (pi / 4) (1 / 2) sqrt(5 / (4 pi))
)


class Rendering(NamedTuple):
    """Renderings of N faces; the background is -1 and 0 in the mask."""

    image: Tensor  # [N, 3, S, S] in [-1, 1], RGB, textured and lit, in steps of 2 / 255
    normal_map: Tensor  # [N, 3, S, S] in [-1, 1], x y z with negative parts cut to -1
    mask: Tensor  # [N, 1, S, S], 1 where the mesh is seen, 0 elsewhere


def spherical_harmonics(
    normals: Tensor,  # [N, 3, ...], not necessarily of unit length
) -> Tensor:
    """The nine harmonics [N, 9, ...] of DECA's lighting, without their factors."""
    x, y, z = normals.unbind(dim=1)
    one = torch.ones_like(x)
    harmonics = [one, x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1]
    return torch.stack(harmonics, dim=1)


def spherical_harmonics_shading(
    normals: Tensor,  # [N, 3, H, W], not necessarily of unit length
    lighting: Tensor,  # [N, 9, 3] harmonics x RGB
) -> Tensor:
    """Shading [N, 3, H, W], RGB, by which to multiply the albedo."""
    scaled = lighting * lighting.new_tensor(SH_FACTORS)[:, None]
    return torch.einsum("nkhw,nkc->nchw", spherical_harmonics(normals), scaled)


class MeshRenderer(nn.Module):
    """Renders meshes of one topology and texture layout, size by size pixels.

    The result is quantised, hence without gradients.
    """

    faces: Tensor  # [F, 3]
    uv_faces: Tensor  # [F, 3] rows of uv
    uv: Tensor  # [1, T, 2] coordinates of grid_sample

    def __init__(
        self,
        faces: Tensor,  # [F, 3]
        uv: UvLayout,
        size: int = 256,
    ):
        super().__init__()
        if len(uv.faces) != len(faces):
            raise ValueError(
                f"the texture layout has {len(uv.faces)} faces and the mesh {len(faces)}: "
                "they must belong to the same topology"
            )
        self.size = size
        self.register_buffer("faces", torch.as_tensor(faces).long(), persistent=False)
        uv_faces = torch.from_numpy(uv.faces.astype(np.int64))
        self.register_buffer("uv_faces", uv_faces, persistent=False)
        points = uv.coordinates * [2, -2] + [-1, 1]  # grid_sample's y points down
        self.register_buffer(
            "uv", torch.tensor(points[None], dtype=torch.float32), persistent=False
        )

    @torch.no_grad()
    def forward(
        self,
        vertices: Tensor,  # [N, V, 3] metres
        camera: Tensor,  # [N, 3] scale, tx, ty
        lighting: Tensor,  # [N, 9, 3]
        albedo: Tensor,  # [N | 1, 3, H, W] RGB 0..255; full of one number for a plain mesh
    ) -> Rendering:
        """Textured rendering and normal map, as published: floored to 8 bits, background black."""
        projected = orthographic_projection(vertices, camera)
        fragments = rasterize(projected, self.faces, self.size)
        mask = fragments.to_images(torch.ones_like(fragments.depth)[None])
        normals = interpolate(fragments, self.faces, vertex_normals(vertices, self.faces))
        pixel_normals = fragments.to_images(normals)
        pixel_uv = fragments.to_images(interpolate(fragments, self.uv_faces, self.uv))
        pixel_albedo = F.grid_sample(
            albedo.expand(len(vertices), -1, -1, -1),
            pixel_uv.permute(0, 2, 3, 1),
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        )
        image = pixel_albedo * spherical_harmonics_shading(pixel_normals, lighting) * mask
        return Rendering(quantise(image), quantise(255 * pixel_normals), mask)


def quantise(
    levels: Tensor,  # on a scale of 0..255
) -> Tensor:
    """Whole 8-bit levels, rounded down, in [-1, 1]."""
    return levels.clamp(0, 255).floor() / 255 * 2 - 1


class FaceRenderer(nn.Module):
    """FlameParams in, renderings out: decoder, texture space and mesh renderer on one device."""

    def __init__(self, flame: FLAME, texture: FlameTexture, mesh_renderer: MeshRenderer):
        super().__init__()
        self.flame = flame
        self.texture = texture
        self.mesh_renderer = mesh_renderer

    @torch.no_grad()
    def forward(
        self,
        params: FlameParams,  # N rows
        *,
        neck: Tensor | None = None,  # [N, 3] axis-angle in radians; at rest where not given
        eyes: Tensor | None = None,  # [N, 6] likewise
    ) -> Rendering:
        """Renderings of these faces with their own camera, texture and lighting."""
        vertices = self.flame(params, neck=neck, eyes=eyes)
        albedo = self.texture(params.texture)
        return self.mesh_renderer(vertices, params.camera, params.lighting, albedo)
