"""Light and skin of faces whose geometry is known, by alternating least squares.

The renderer multiplies albedo, linear in the texture code, by shading, linear in the lighting:
with one of them held, the other is a small linear problem. Hair, glasses, gloss and shadows are no
skin in soft light; robust weights leave them out.
"""

import torch
from torch import Tensor

from constants import TEXTURE_DIM
from model.flame import FlameParams
from model.renderer import SH_FACTORS
from my_utils.photos.least_squares import NormalEquations, cauchy_weight
from my_utils.photos.skin_points import SkinPoints, sample

ROUNDS = 6
NOISE = 5.0  # standard deviation of a color around the rendering's, of 255
OUTLIER = 2.0  # standard deviations beyond which a point loses its weight
FACING, FACING_WIDTH = 0.3, 0.1  # points turned away from the viewer fade out here
# Light is expected white and even, with these standard deviations of the shading: of all, of the
# linear and of the quadratic harmonics; colors differ by a share of them.
SKIN_BRIGHTNESS = (0.4, 1.35)  # the darkest and the lightest skin, in mean skins
BRIGHTNESS, LINEAR, QUADRATIC, TINT = 0.15, 0.25, 0.06, 0.35


@torch.no_grad()
def fit_appearance(
    skin: SkinPoints,
    pictures: Tensor,  # [N, 3, H, W] in 0..255
    params: FlameParams,  # N rows of known geometry
    person: FlameParams | None = None,  # one row: all faces have this known skin
) -> FlameParams:
    """The same faces with the texture codes and the lighting that explain the visible skin."""
    basis = skin.harmonics(params)
    turned = turned_to_viewer(basis)
    observed = sample(pictures, skin.surface(params).position)
    skin_code = torch.zeros_like(params.texture[:1]) if person is None else person.texture
    expected = expected_light(skin, pictures, params)
    params = params.replace(texture=skin_code.expand_as(params.texture), lighting=expected)
    weight = turned
    for _ in range(ROUNDS):
        params = _fit_light(skin, basis, observed, weight, params, expected)
        weight = turned * color_weight(observed - skin.albedo(params) * shading(basis, params))
        if person is None:
            params = _fit_skin(skin, basis, observed, weight, params)
        weight = turned * color_weight(observed - skin.albedo(params) * shading(basis, params))
    return params


@torch.no_grad()
def color_residuals(
    skin: SkinPoints,
    pictures: Tensor,  # [N, 3, H, W] in 0..255
    params: FlameParams,  # N rows
) -> tuple[Tensor, Tensor]:
    """How well faces explain the colors of their skin.

    Returns:
        The root mean square error [N], of 255, of the points that are skin in soft light, and the
        share [N] of the visible points that are.
    """
    basis = skin.harmonics(params)
    turned = turned_to_viewer(basis)
    observed = sample(pictures, skin.surface(params).position)
    error = observed - skin.albedo(params) * shading(basis, params)
    weight = turned * color_weight(error)
    total = weight.sum(dim=1)
    mean_square = (weight * error.square().mean(dim=2)).sum(dim=1) / total
    return mean_square.sqrt(), total / turned.sum(dim=1)


def shading(
    basis: Tensor,  # [N, M, 9]
    params: FlameParams,
) -> Tensor:
    """Factors [N, M, 3] of the albedo, RGB."""
    return basis @ params.lighting


def turned_to_viewer(
    basis: Tensor,  # [N, M, 9]
) -> Tensor:
    """Weights [N, M] that fade out where the surface turns away."""
    facing = basis[..., 3] / SH_FACTORS[3]  # the third coordinate of the normals
    return torch.sigmoid((facing - FACING) / FACING_WIDTH)


def color_weight(
    error: Tensor,  # [N, M, 3] of 255
) -> Tensor:
    """The weights [N, M] of skin points, small for what is no skin in soft light."""
    return cauchy_weight((error / NOISE).square().mean(dim=2), OUTLIER)


def expected_light(
    skin: SkinPoints,
    pictures: Tensor,  # [N, 3, H, W] in 0..255
    params: FlameParams,  # N rows
) -> Tensor:
    """The lighting [N, 9, 3] expected of photographs: white, the same from everywhere.

    A face much darker or lighter than any skin is under- or overexposed, and has less or more.
    """
    observed = sample(pictures, skin.surface(params).position).mean(dim=2)
    exposure = (observed / skin.mean.mean(dim=1).clamp(min=1)).median(dim=1).values
    lighting = torch.zeros_like(params.lighting)
    brightness = exposure / exposure.clamp(*SKIN_BRIGHTNESS)
    lighting[:, 0] = (brightness / SH_FACTORS[0])[:, None]
    return lighting


def light_precision(like: Tensor) -> Tensor:
    """The inverse covariance [27, 27] of lightings around even white light."""
    spread = like.new_tensor([BRIGHTNESS] + [LINEAR] * 3 + [QUADRATIC] * 5)
    spread = (spread / like.new_tensor(SH_FACTORS)).square()
    colors = torch.ones(3, 3).to(like) + TINT**2 * torch.eye(3).to(like)
    return torch.linalg.inv(torch.kron(torch.diag(spread), colors))


def add_light_prior(
    equations: NormalEquations,
    params: FlameParams,
    expected: Tensor,  # [N, 9, 3], see `expected_light`
    columns: Tensor,  # [27] of the flattened lighting
) -> None:
    """Light is about as expected."""
    deviation = (params.lighting - expected).flatten(1)
    equations.add_prior(deviation, light_precision(deviation), columns)


def _fit_light(
    skin: SkinPoints,
    basis: Tensor,
    observed: Tensor,
    weight: Tensor,
    params: FlameParams,
    expected: Tensor,
) -> FlameParams:
    equations = NormalEquations(observed, len(params), params.lighting[0].numel())
    columns = torch.arange(equations.right.shape[1], device=observed.device)
    albedo = skin.albedo(params)
    error = observed - albedo * shading(basis, params)
    for channel in range(3):
        jacobian = basis * albedo[..., channel, None]
        equations.add(jacobian, error[..., channel], weight / NOISE**2, columns[channel::3])
    add_light_prior(equations, params, expected, columns)
    return params.replace(lighting=params.lighting + equations.solve().unflatten(1, (9, 3)))


def _fit_skin(
    skin: SkinPoints, basis: Tensor, observed: Tensor, weight: Tensor, params: FlameParams
) -> FlameParams:
    count = skin.directions.shape[-1]
    equations = NormalEquations(observed, len(params), TEXTURE_DIM)
    columns = torch.arange(TEXTURE_DIM, device=observed.device)
    shade = shading(basis, params)
    error = observed - skin.albedo(params) * shade
    jacobian = shade[..., None] * skin.directions
    scaled = (weight / NOISE**2)[..., None].expand_as(error)
    equations.add(jacobian.flatten(1, 2), error.flatten(1), scaled.flatten(1), columns[:count])
    equations.add_prior(params.texture, torch.eye(TEXTURE_DIM).to(observed), columns)
    return params.replace(texture=params.texture + equations.solve())
