"""Where a picture shows which part of the head: the visible surface, pixel by pixel."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from model.camera import orthographic_projection
from model.flame import FlameParams
from model.mesh import vertex_normals
from model.rasterizer import Fragments, interpolate, rasterize
from model.renderer import FaceRenderer


class Surface(NamedTuple):
    """What one face shows at `size` pixels."""

    vertices: Tensor  # [1, V, 3] metres
    camera: Tensor  # [1, 3] scale, tx, ty
    fragments: Fragments
    head: np.ndarray  # [S, S] bool
    face: np.ndarray  # [S, S] bool, what the face mask of the texture marks


@torch.no_grad()
def view_surface(
    renderer: FaceRenderer,
    face_mask: Tensor,  # [1, 1, H, W] in [0, 1], the face in the texture
    params: FlameParams,  # one row
    eyes: Tensor,  # [1, 6] axis-angle in radians
    size: int,
) -> Surface:
    """Rasterize one face at any size."""
    mesh = renderer.mesh_renderer
    device = mesh.faces.device
    params = params.to(device)
    vertices = renderer.flame(params, eyes=eyes.to(device))
    projected = orthographic_projection(vertices, params.camera)
    fragments = rasterize(projected, mesh.faces, size)
    head = fragments.to_images(torch.ones_like(fragments.depth)[None])
    uv = fragments.to_images(interpolate(fragments, mesh.uv_faces, mesh.uv))
    marked = F.grid_sample(
        face_mask.to(uv), uv.permute(0, 2, 3, 1), mode="nearest", align_corners=False
    )
    seen = [plane[0, 0].cpu().numpy() > 0.5 for plane in (head, marked * head)]
    return Surface(vertices, params.camera, fragments, *seen)


def pixel_normals(surface: Surface, faces: Tensor) -> Tensor:
    """Unit normals [3, S, S] in the world: x right, y up, z to the viewer; 0 beside the head."""
    normals = vertex_normals(surface.vertices, faces)
    values = F.normalize(interpolate(surface.fragments, faces, normals), dim=0)
    return surface.fragments.to_images(values)[0]


def oval(
    face: np.ndarray,  # [S, S] bool
    *,
    scale: float = 1.0,
) -> np.ndarray:
    """The ellipse with the centre, axes and tilt of a region: coverage in [0, 1], soft at its rim.

    An ellipse of half axes a and b has the standard deviations a / 2 and b / 2 along them.
    """
    y, x = np.nonzero(face)
    rows, columns = np.indices(face.shape)
    if len(x) < 3:
        return np.zeros(face.shape)
    offset = np.stack([columns - x.mean(), rows - y.mean()], axis=-1)
    inverse = np.linalg.inv(np.cov(np.stack([x, y])) + 1e-6 * np.eye(2))
    radius = np.sqrt(np.einsum("hwi,ij,hwj->hw", offset, inverse, offset)) / (2 * scale)
    # One pixel of the rim fades: the radius grows by its gradient's length in a pixel.
    gradient = np.maximum(np.hypot(*np.gradient(radius)), 1e-9)
    return np.clip(0.5 - (radius - 1) / gradient, 0, 1)
