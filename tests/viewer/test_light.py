import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from model.renderer import spherical_harmonics_shading
from my_utils.viewer.light import adjust_light, light_direction


@pytest.fixture
def lighting():
    return torch.randn(9, 3, generator=torch.Generator().manual_seed(0))


def shade(lighting, normals):
    """Shading [N, 3] of unit normals [N, 3]."""
    field = torch.as_tensor(normals, dtype=torch.float32).T[None, :, :, None]
    return spherical_harmonics_shading(field, lighting[None])[0, :, :, 0].T.numpy()


def some_normals():
    normals = np.random.default_rng(0).standard_normal((50, 3))
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def test_its_own_direction_leaves_a_light_as_it_is(lighting):
    azimuth, elevation = light_direction(lighting)
    same = adjust_light(lighting, azimuth=azimuth, elevation=elevation)
    torch.testing.assert_close(same, lighting, atol=1e-6, rtol=0)


def test_a_turned_light_shades_turned_normals_as_before(lighting):
    from_azimuth, from_elevation = light_direction(lighting)
    turned = adjust_light(lighting, azimuth=70, elevation=-35)
    # Out of the old direction to the front, and from there to the new one: y turns, x lifts.
    back = Rotation.from_euler("y", -from_azimuth, degrees=True)
    back = Rotation.from_euler("x", from_elevation, degrees=True) * back
    there = Rotation.from_euler("x", 35, degrees=True)
    there = Rotation.from_euler("y", 70, degrees=True) * there
    normals = some_normals()
    moved = (there * back).apply(normals)
    np.testing.assert_allclose(shade(turned, moved), shade(lighting, normals), atol=1e-5)


@pytest.mark.parametrize(
    ("place", "azimuth", "elevation"),
    [((0, 0, 1), 0, 0), ((1, 0, 0), 90, 0), ((0, 1, 1), 0, 45), ((-1, 0, -1), -135, 0)],
)
def test_the_direction_is_where_a_light_stands(place, azimuth, elevation):
    lighting = torch.zeros(9, 3)
    lighting[1:4] = torch.tensor(place)[:, None]
    np.testing.assert_allclose(light_direction(lighting), (azimuth, elevation), atol=1e-5)
    brightest = some_normals()[shade(lighting, some_normals()).sum(axis=1).argmax()]
    assert brightest @ place > 0.8 * np.linalg.norm(place)


def test_strength_and_ambient_scale_their_own_harmonics(lighting):
    azimuth, elevation = light_direction(lighting)
    scaled = adjust_light(lighting, azimuth=azimuth, elevation=elevation, strength=0.5, ambient=2.0)
    torch.testing.assert_close(scaled[:1], 2 * lighting[:1])
    torch.testing.assert_close(scaled[1:], 0.5 * lighting[1:], atol=1e-6, rtol=0)


def test_a_light_without_a_side_has_no_direction_and_does_not_turn():
    lighting = torch.zeros(9, 3)
    lighting[0] = 3
    assert light_direction(lighting) == (0, 0)
    assert torch.equal(adjust_light(lighting, azimuth=50, elevation=20), lighting)
