"""What one photograph already tells about the same face turned, smiling or in another light.

Where the head is seen in the photograph and in the other view, the other view has the photograph's
color there, times the ratio of the two renderings, which is the change of light (ratio images, Liu
et al. 2001). Around the head, the other view has the same background. Elsewhere nothing is known.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from model.camera import orthographic_projection
from model.flame import FlameParams
from model.rasterizer import Fragments, interpolate, rasterize
from model.renderer import FaceRenderer, Rendering

LEAST_FACING = 0.25  # cosine to the viewer, below which a color of the photograph is too stretched
DEPTH_TOLERANCE = 0.03  # of half a picture: what lies deeper than this was hidden
MOST_RATIO = 3.0  # of the renderings; more is the edge of a shadow, not a change of light
NEAR_HEAD = 1 / 12  # of the picture: hair reaches so far beyond the head
BACKGROUND_WEIGHT = 0.5  # long hair is taken for background, but moves


class WarpedViews(NamedTuple):
    """N other views of one face."""

    rendering: Rendering
    image: Tensor  # [N, 3, S, S] in [-1, 1], as far as it is known
    weight: Tensor  # [N, 1, S, S] in [0, 1], 0 where nothing is known


@torch.no_grad()
def warp_photograph(
    photograph: Tensor,  # [1, 3, S, S] in [-1, 1]
    own: FlameParams,  # one row: those of the photograph
    other: FlameParams,  # N rows
    renderer: FaceRenderer,  # S x S pixels
) -> WarpedViews:
    """The photograph as it must look for other parameters of the same face."""
    count, size = len(other), photograph.shape[-1]
    own_rendering, rendering = renderer(own), renderer(other)
    flame = renderer.flame
    own_place = orthographic_projection(flame(own), own.camera)
    fragments = rasterize(orthographic_projection(flame(other), other.camera), flame.faces, size)
    place = fragments.to_images(interpolate(fragments, flame.faces, own_place))
    known = _seen(own_place, own_rendering, flame.faces, place) * rendering.mask

    grid = place[:, :2].permute(0, 2, 3, 1)
    lifted = _sample(photograph.expand(count, -1, -1, -1), grid) + 1
    own_levels = _sample(own_rendering.image.expand(count, -1, -1, -1), grid) + 1
    ratio = (rendering.image + 1.02) / (own_levels + 0.02)
    head = lifted * ratio.clamp(1 / MOST_RATIO, MOST_RATIO) - 1
    beside = (1 - _grown(own_rendering.mask)) * (1 - _grown(rendering.mask))
    return WarpedViews(
        rendering,
        torch.where(known > 0, head.clamp(-1, 1), photograph),
        known + BACKGROUND_WEIGHT * beside,
    )


def _seen(
    own_place: Tensor,  # [1, V, 3]
    own_rendering: Rendering,
    faces: Tensor,  # [F, 3]
    place: Tensor,  # [N, 3, S, S] where in the photograph and how deep
) -> Tensor:
    """How well the photograph shows these points of the head: [N, 1, S, S] in [0, 1]."""
    size = place.shape[-1]
    fragments: Fragments = rasterize(own_place, faces, size)
    depth = fragments.to_images(fragments.depth[None], background=-torch.inf)
    facing = own_rendering.normal_map[:, 2:] * _shrunk(own_rendering.mask)
    grid = place[:, :2].permute(0, 2, 3, 1)
    count = len(place)
    hidden = place[:, 2:] > DEPTH_TOLERANCE + F.grid_sample(
        depth.expand(count, -1, -1, -1), grid, mode="nearest", align_corners=False
    )
    share = (_sample(facing.expand(count, -1, -1, -1), grid) - LEAST_FACING) / (1 - LEAST_FACING)
    return share.clamp(0, 1).sqrt() * ~hidden


def _sample(image: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _grown(mask: Tensor) -> Tensor:
    """A mask [N, 1, S, S] with its surroundings."""
    reach = int(mask.shape[-1] * NEAR_HEAD)
    return F.max_pool2d(mask, 2 * reach + 1, stride=1, padding=reach)


def _shrunk(mask: Tensor) -> Tensor:
    """A mask [N, 1, S, S] without its rim, where a fit is never exact."""
    return 1 - F.max_pool2d(1 - mask, 5, stride=1, padding=2)
