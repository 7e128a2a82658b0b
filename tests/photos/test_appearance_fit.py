"""Light and skin, and all parameters together, from renderings whose parameters are known."""

import pytest
import torch

from model.renderer import SH_FACTORS
from my_utils.photos.appearance_fit import (
    color_residuals,
    expected_light,
    fit_appearance,
    light_precision,
)
from my_utils.photos.geometry_fit import LandmarkTerm
from my_utils.photos.photometric_refinement import gaussian_blur, gradient, refine
from my_utils.photos.skin_points import sample
from tests.support.toy_photos import (
    toy_embedding,
    toy_faces,
    toy_flame,
    toy_renderer,
    toy_skin,
)


@pytest.fixture(scope="module")
def faces():
    """Parameters and pictures of three faces."""
    params = toy_faces(3)
    return params, (toy_renderer()(params).image + 1) * 127.5


def test_renderings_are_explained(faces):
    params, pictures = faces
    zero = torch.zeros_like
    unknown = params.replace(texture=zero(params.texture), lighting=zero(params.lighting))
    found = fit_appearance(toy_skin(), pictures, unknown)
    residual, used = color_residuals(toy_skin(), pictures, found)
    assert residual.max() < 4
    assert used.min() > 0.9
    rendered = (toy_renderer()(found).image + 1) * 127.5
    shown = (pictures > 0).all(dim=1, keepdim=True)
    assert ((rendered - pictures).abs() * shown).sum() / shown.sum() / 3 < 8
    before = (toy_renderer()(toy_faces(3, seed=9)).image + 1) * 127.5
    assert ((before - pictures).abs() * shown).sum() / shown.sum() / 3 > 25


def test_what_is_no_skin_counts_little(faces):
    params, pictures = faces
    covered = pictures.clone()
    covered[:, :, 40:60] = 20  # a dark bar over the face
    clean = fit_appearance(toy_skin(), pictures, params)
    found = fit_appearance(toy_skin(), covered, params)
    shade = (found.lighting - clean.lighting)[:, 0].abs().max() * 0.28
    assert shade < 0.1
    assert (color_residuals(toy_skin(), covered, found)[1] < 0.95).all()


def test_a_dark_photograph_is_dim_light_and_not_a_dark_skin(faces):
    params, pictures = faces
    usual = expected_light(toy_skin(), pictures, params)
    assert torch.allclose(usual[:, 0] * SH_FACTORS[0], torch.tensor(1.0))
    dark = fit_appearance(toy_skin(), 0.15 * pictures, params)
    clean = fit_appearance(toy_skin(), pictures, params)
    assert (dark.lighting[:, 0] / clean.lighting[:, 0]).max() < 0.6
    rendered = (toy_renderer()(dark).image + 1) * 127.5
    shown = (pictures > 0).all(dim=1, keepdim=True)
    assert ((rendered - 0.15 * pictures).abs() * shown).sum() / shown.sum() / 3 < 4


def test_light_is_expected_of_one_color(faces):
    precision = light_precision(faces[0].lighting)
    brighter, redder = torch.zeros(9, 3), torch.zeros(9, 3)
    brighter[0], redder[0] = 1.0, torch.tensor([1.0, -0.5, -0.5])
    cost = [change.flatten() @ precision @ change.flatten() for change in (brighter, redder)]
    assert cost[0] < cost[1] / 5


def test_refinement_comes_nearer_to_the_truth(faces):
    params, pictures = faces
    term = LandmarkTerm(toy_flame(), toy_embedding())
    term.sigma = term.sigma * 8  # uncertain landmarks
    target = term.points(params).position
    wrong = target + 0.02 * torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
    pose = params.pose.clone()
    pose[:, :3] += torch.tensor([0.03, 0.05, -0.04])
    begun = params.replace(pose=pose)
    found = refine(term, toy_skin(), wrong, pictures, begun, (4.0, 4.0, 2.0, 2.0))
    before, after = ((term.points(p).position - target).norm(dim=2).mean() for p in (begun, found))
    assert after < 0.6 * before
    residual = [color_residuals(toy_skin(), pictures, p)[0].mean() for p in (begun, found)]
    assert residual[1] < 0.8 * residual[0]


def test_gradients_are_by_the_image_plane():
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(48.0), indexing="ij")
    picture = (3 * columns + 5 * rows).expand(1, 3, 32, 48)
    slope = gradient(picture)[:, :, 1:-1, 1:-1]
    assert torch.allclose(slope[:, 0::2], torch.tensor(3 * 48 / 2.0))
    assert torch.allclose(slope[:, 1::2], torch.tensor(5 * 32 / 2.0))


def test_blur_and_samples():
    assert torch.allclose(gaussian_blur(torch.full((1, 3, 20, 20), 7.0), 2.0), torch.tensor(7.0))
    spot = torch.zeros(1, 3, 41, 41)
    spot[..., 20, 20] = 1
    blurred = gaussian_blur(spot, 2.0)[0, 0]
    distance = torch.arange(41.0) - 20
    assert (blurred.sum(dim=0) * distance.square()).sum() == pytest.approx(4.0, rel=0.05)
    place = torch.tensor([[[0.0, 0.0], [2 / 41, 0.0]]])
    assert torch.allclose(sample(spot, place)[0, :, 0], torch.tensor([1.0, 0.0]), atol=1e-5)
