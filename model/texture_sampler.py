"""From an image of a face back to its texture: where on the image does each texel lie?

The texture-consistency loss compares generated faces in texture space; the gradient reaches the
images through this sampler.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.camera import orthographic_projection
from model.mesh import UvLayout, vertex_normals
from model.rasterizer import rasterize


class TexelTable(NamedTuple):
    """The texels that show a point of the mesh, M of them, and that point."""

    x: np.ndarray  # [M] column of the texel
    y: np.ndarray  # [M] row of the texel, downwards
    vertex_ids: np.ndarray  # [M, 3] corners of the face below it
    barycentric: np.ndarray  # [M, 3]


class TextureSample(NamedTuple):
    """Textures lifted from N images."""

    texture: Tensor  # [N, 3, size, size]; texels outside the table show the image's centre
    visibility: Tensor  # [N, 1, size, size] bool, True where the surface faces the viewer


def texel_table_from_uv(
    uv: UvLayout,
    faces: np.ndarray,  # [F, 3]
    size: int = 256,
) -> TexelTable:
    """The table of a texture layout; where the layout overlaps itself, the lower face id is taken.

    The texel in row i and column j is at u = (j + 0.5) / size, v = 1 - (i + 0.5) / size.
    """
    u, v = torch.tensor(uv.coordinates, dtype=torch.float32).unbind(dim=1)
    flat = torch.stack([2 * u - 1, 1 - 2 * v, torch.zeros_like(u)], dim=1)[None]
    fragments = rasterize(flat, torch.tensor(uv.faces.astype(np.int64)), size)
    y, x = np.divmod(fragments.pixel.numpy(), size)
    corners = faces[fragments.face.numpy()]
    return TexelTable(x, y, corners, fragments.barycentric.T.contiguous().numpy())


class TextureSampler(nn.Module):
    """Lifts textures from images of known meshes and cameras (GIF, texture-consistency loss)."""

    faces: Tensor  # [F, 3]
    texel: Tensor  # [M] position in the flattened texture
    vertex_ids: Tensor  # [3, M]
    barycentric: Tensor  # [3, M, 1]

    def __init__(
        self,
        table: TexelTable,
        faces: np.ndarray | Tensor,  # [F, 3] of the mesh
        size: int = 256,
    ):
        super().__init__()
        self.size = size
        texel = table.y.astype(np.int64) * size + table.x.astype(np.int64)
        vertex_ids = np.ascontiguousarray(table.vertex_ids.T, dtype=np.int64)
        barycentric = torch.tensor(table.barycentric.T[..., None], dtype=torch.float32)
        self.register_buffer("faces", torch.as_tensor(faces).long(), persistent=False)
        self.register_buffer("texel", torch.from_numpy(texel), persistent=False)
        self.register_buffer("vertex_ids", torch.from_numpy(vertex_ids), persistent=False)
        self.register_buffer("barycentric", barycentric, persistent=False)

    def forward(
        self,
        image: Tensor,  # [N, 3, H, W]
        vertices: Tensor,  # [N, V, 3] metres
        camera: Tensor,  # [N, 3] scale, tx, ty
    ) -> TextureSample:
        """Textures of the images. The gradient reaches the images only, not the geometry.

        Visible means facing the viewer; whether something stands in front is not asked, as
        published.
        """
        grid, visibility = self._locate(vertices, camera)
        texture = F.grid_sample(
            image, grid, mode="bilinear", padding_mode="zeros", align_corners=False
        )
        return TextureSample(texture, visibility)

    @torch.no_grad()
    def _locate(self, vertices: Tensor, camera: Tensor) -> tuple[Tensor, Tensor]:
        """Image positions [N, size, size, 2] and visibility [N, 1, size, size] of the texels."""
        projected = orthographic_projection(vertices, camera)
        normals = vertex_normals(projected, self.faces)
        surface = torch.cat([projected[..., :2], normals[..., 2:]], dim=-1)
        points = sum(
            surface[:, ids] * weight
            for ids, weight in zip(self.vertex_ids, self.barycentric, strict=True)
        )
        texels = surface.new_zeros(len(surface), self.size * self.size, 3)
        texels[:, self.texel] = points
        texels = texels.view(-1, self.size, self.size, 3)
        return texels[..., :2], (texels[..., 2] < 0)[:, None]
