"""All parameters of faces at once, from the colors of their photographs and their landmarks.

The photograph is sampled where points of the skin are projected, so no differentiable rasterizer is
needed: the derivative of a color by the geometry is the photograph's gradient times that of the
position. From coarse to fine, because gradients hold no farther than details are wide.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from constants import FLAME_SLICES, PARAM_DIM
from model.flame import FlameParams
from my_utils.photos.appearance_fit import (
    NOISE,
    add_light_prior,
    color_weight,
    expected_light,
    shading,
    turned_to_viewer,
)
from my_utils.photos.geometry_fit import LandmarkTerm, add_geometry_prior
from my_utils.photos.least_squares import NormalEquations
from my_utils.photos.skin_points import SkinPoints, sample
from my_utils.photos.surface_points import GEOMETRY, step


@torch.no_grad()
def refine(
    term: LandmarkTerm,
    skin: SkinPoints,
    landmarks: Tensor,  # [N, K, 2] on the image plane
    pictures: Tensor,  # [N, 3, H, W] in 0..255
    params: FlameParams,  # N rows, fitted
    blurs: Sequence[float],  # standard deviation of each step's blur, in 1 / 256 of the picture
    *,
    same_person: bool = False,  # shape and skin are known and stay as they are
) -> FlameParams:
    """Faces after one Gauss-Newton step for each blur."""
    errors = landmarks.new_zeros(len(params), term.common_count)
    expected = expected_light(skin, pictures, params)
    previous, blurred, slope = None, pictures, pictures
    for blur in blurs:
        if blur != previous:
            blurred = gaussian_blur(pictures, blur * pictures.shape[-1] / 256)
            slope = gradient(blurred)
            previous = blur
        equations = NormalEquations(landmarks, len(params), PARAM_DIM + term.common_count)
        term.add_to(equations, params, errors, landmarks)
        add_colors(equations, skin, blurred, slope, params)
        add_geometry_prior(equations, params)
        columns = torch.arange(PARAM_DIM, device=landmarks.device)
        texture, lighting = columns[FLAME_SLICES["texture"]], columns[FLAME_SLICES["lighting"]]
        equations.add_prior(params.texture, torch.eye(len(texture)).to(landmarks), texture)
        add_light_prior(equations, params, expected, lighting)
        if same_person:
            equations.hold(torch.cat([columns[FLAME_SLICES["shape"]], texture]))
        change = equations.solve()
        params = step(params, change[:, :PARAM_DIM])
        errors = errors + change[:, PARAM_DIM:]
    return params


def add_colors(
    equations: NormalEquations,
    skin: SkinPoints,
    pictures: Tensor,  # [N, 3, H, W] in 0..255
    slope: Tensor,  # [N, 6, H, W], see `gradient`
    params: FlameParams,
) -> None:
    """Add how far the colors of skin points are from those of the photographs there."""
    seen = skin.surface(params)
    basis = skin.harmonics(params)
    albedo, shade = skin.albedo(params), shading(basis, params)
    error = sample(pictures, seen.position) - albedo * shade
    by_position = sample(slope, seen.position).unflatten(2, (3, 2))
    by_light = torch.zeros(*albedo.shape, 9, 3).to(albedo)
    for channel in range(3):
        by_light[:, :, channel, :, channel] = basis * albedo[..., channel, None]
    jacobian = torch.cat(
        [-by_position @ seen.jacobian, shade[..., None] * skin.directions, by_light.flatten(3)],
        dim=-1,
    )
    weight = turned_to_viewer(basis) * color_weight(error) / NOISE**2
    columns = torch.arange(PARAM_DIM, device=albedo.device)
    texture = columns[FLAME_SLICES["texture"]][: skin.directions.shape[-1]]
    equations.add(
        jacobian.flatten(1, 2),
        error.flatten(1),
        weight[..., None].expand_as(error).flatten(1),
        torch.cat([columns[GEOMETRY], texture, columns[FLAME_SLICES["lighting"]]]),
    )


def gradient(
    pictures: Tensor,  # [N, 3, H, W]
) -> Tensor:
    """Derivatives [N, 6, H, W] by x and y of the image plane: of red by x, by y, of green, ..."""
    padded = F.pad(pictures, (1, 1, 1, 1), mode="replicate")
    height, width = pictures.shape[-2:]
    by_x = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) * (width / 4)
    by_y = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) * (height / 4)
    return torch.stack([by_x, by_y], dim=2).flatten(1, 2)


def gaussian_blur(
    pictures: Tensor,  # [N, 3, H, W]
    sigma: float,  # pixels
) -> Tensor:
    """Pictures [N, 3, H, W] after a separable Gaussian filter; borders are repeated."""
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1).to(pictures)
    kernel = torch.exp(-0.5 * (offsets / sigma).square())
    kernel = kernel / kernel.sum()
    flat = pictures.flatten(0, 1)[:, None]
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), mode="replicate"), kernel.view(1, 1, -1, 1))
    return flat.view_as(pictures)
