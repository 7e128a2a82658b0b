"""Points see as much of the sky as the head leaves free."""

import dataclasses
import math

import numpy as np
import torch

from model.flame import FLAME
from model.mesh import vertex_normals
from my_utils.photos.open_sky import CLEARANCE, DIRECTIONS, open_sky, sphere, viewing_axes
from my_utils.photos.skin_points import LOST, OPEN
from my_utils.photos.surface_points import SurfacePoints
from tests.support.toy_head import toy_flame_assets
from tests.support.toy_photos import front_triangles, toy_flame, toy_skin


def points_on(flame: FLAME) -> SurfacePoints:
    """The middles of the triangles of the face."""
    corners = torch.from_numpy(front_triangles())
    return SurfacePoints(flame, corners, torch.full(corners.shape, 1 / 3))


def dented_head() -> FLAME:
    """The toy head with a deep hollow in the middle of the face."""
    assets = toy_flame_assets()
    vertices = assets.v_template.copy()
    size = np.ptp(vertices[:, 2])
    ahead = vertices[:, 2] > 0
    distance = np.hypot(vertices[:, 0], vertices[:, 1]) / size
    vertices[:, 2] -= np.where(ahead, 0.5 * size * np.exp(-((distance / 0.15) ** 2)), 0)
    return FLAME(dataclasses.replace(assets, v_template=vertices))


def rays_that_leave(flame: FLAME, points: SurfacePoints) -> np.ndarray:
    """The slow twin: rays against all triangles (Moeller and Trumbore), weighted by cosines."""
    vertices = flame.v_template.double().numpy()
    radius = np.linalg.norm(vertices - vertices.mean(axis=0), axis=1).max()
    a, b, c = vertices[flame.faces.numpy()].transpose(1, 0, 2)
    normals = points.interpolate(vertex_normals(flame.v_template[None], flame.faces)[0]).numpy()
    reached = np.zeros(len(normals))
    total = np.zeros(len(normals))
    for direction in sphere(DIRECTIONS).double().numpy():
        across = np.cross(direction, c - a)
        volume = (across * (b - a)).sum(axis=1)
        for number, origin in enumerate(points.template.double().numpy()):
            u = ((origin - a) * across).sum(axis=1) / volume
            normal = np.cross(origin - a, b - a)
            v = normal @ direction / volume
            distance = (normal * (c - a)).sum(axis=1) / volume
            hit = (u > 0) & (v > 0) & (u + v < 1) & (distance > CLEARANCE * radius)
            cosine = max(0, normals[number] @ direction / np.linalg.norm(normals[number]))
            reached[number] += cosine * (not hit.any())
            total[number] += cosine
    return reached / total


def test_a_convex_head_sees_all_of_it():
    shares = open_sky(toy_flame(), points_on(toy_flame()))
    assert shares.min() > 0.9
    assert shares.max() <= 1 + 1e-6


def test_a_hollow_sees_what_rays_that_leave_it_see():
    flame = dented_head()
    points = points_on(flame)
    shares, expected = open_sky(flame, points).numpy(), rays_that_leave(flame, points)
    assert expected.min() < 0.7
    assert expected.max() > 0.95
    assert np.abs(shares - expected).mean() < 0.02
    assert np.abs(shares - expected).max() < 0.15


def test_no_skin_is_taken_in_a_hollow():
    plain, hollow = toy_skin(), toy_skin(dented_head())
    assert len(plain.mean) > len(hollow.mean) > 0
    middle = [(skin.surface.template[:, :2].norm(dim=1)).min() for skin in (plain, hollow)]
    assert middle[1] > 1.5 * middle[0]


def test_skin_is_darker_where_some_of_the_sky_is_hidden():
    plain, hollow = toy_skin(), toy_skin(dented_head())
    places, of_hollow = (
        torch.cat([skin.surface.vertex_ids, skin.surface.barycentric], dim=1).tolist()
        for skin in (plain, hollow)
    )
    same = [places.index(place) for place in of_hollow]
    darker = hollow.mean / plain.mean[same]
    assert darker.min() > 1 - LOST * (1 - OPEN)
    assert 0.92 < darker.min() < 0.96
    assert darker.max() < 1.02


def test_no_skin_is_taken_on_the_eyeballs():
    assets = toy_flame_assets()
    weights = assets.lbs_weights.copy()
    eyeball = (assets.v_template[:, :2] > 0).all(axis=1)
    weights[eyeball] = np.eye(5)[3]
    with_eye = toy_skin(FLAME(dataclasses.replace(assets, lbs_weights=weights)))
    assert not eyeball[with_eye.surface.vertex_ids].any()
    assert len(toy_skin().mean) > len(with_eye.mean) > 0


def test_directions_are_even():
    directions = sphere(500)
    assert torch.allclose(directions.norm(dim=1), torch.ones(500), atol=1e-5)
    assert directions.mean(dim=0).abs().max() < 0.01
    share_ahead = (directions[:, 2] > math.cos(math.pi / 3)).float().mean()
    assert abs(float(share_ahead) - 0.25) < 0.01


def test_the_viewers_axes_are_a_rotation():
    for direction in sphere(20):
        axes = viewing_axes(direction)
        assert torch.allclose(axes @ axes.T, torch.eye(3), atol=1e-5)
        assert torch.allclose(axes[2], -direction)
        assert torch.det(axes) > 0
