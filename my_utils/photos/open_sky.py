"""How much of the sky points of a head see: where they are skin in soft light.

The renderer's light, spherical harmonics, reaches every point in full. In a photograph what lies
in a fold, below the nose or behind a lid is darker, or hidden.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from model.flame import FLAME
from model.rasterizer import rasterize
from my_utils.photos.surface_points import SurfacePoints

DIRECTIONS = 96  # from which the head is looked at
SIZE = 128  # pixels of each look
CLEARANCE = 0.03  # of the head's radius: what is nearer in front of a point than this is itself


def open_sky(flame: FLAME, points: SurfacePoints) -> Tensor:
    """The share [L] of an even sky that the head lets through to each point, 0 to 1.

    Of the mean head at rest; each direction counts by the cosine to the point's normal.
    """
    vertices, faces = flame.v_template, flame.faces
    centered = vertices - vertices.mean(dim=0)
    scale = centered.norm(dim=1).max()
    head, own = centered / scale, (points.template - vertices.mean(dim=0)) / scale
    reached = total = torch.zeros_like(own[:, 0])
    for direction in sphere(DIRECTIONS).to(own):
        axes = viewing_axes(direction)
        fragments = rasterize((head @ axes.T)[None], faces, SIZE)
        nearest = fragments.to_images(fragments.depth[None], background=torch.inf)
        seen = own @ axes.T
        in_front = F.grid_sample(
            nearest, seen[None, None, :, :2], mode="nearest", align_corners=False
        )
        free = seen[:, 2] < in_front.flatten() + CLEARANCE
        cosine = (points.normal @ direction).clamp(min=0)
        reached, total = reached + cosine * free, total + cosine
    return reached / total


def sphere(count: int) -> Tensor:
    """Unit vectors [count, 3] evenly over the sphere: a Fibonacci lattice."""
    number = torch.arange(count) + 0.5
    height, turn = 1 - 2 * number / count, torch.pi * (1 + 5**0.5) * number
    radius = (1 - height.square()).sqrt()
    return torch.stack([radius * turn.cos(), radius * turn.sin(), height], dim=1)


def viewing_axes(
    direction: Tensor,  # [3] towards the viewer
) -> Tensor:
    """Rows [3, 3]: right and down of the image plane, and away from the viewer."""
    smallest = F.one_hot(direction.abs().argmin(), 3).to(direction)
    right = F.normalize(torch.linalg.cross(smallest, direction), dim=0)
    return torch.stack([right, -torch.linalg.cross(direction, right), -direction])
