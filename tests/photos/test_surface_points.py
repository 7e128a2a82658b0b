"""FLAME at points of the surface agrees with the decoded mesh, and its derivatives are right."""

import pytest
import torch

from model.camera import orthographic_projection
from model.flame import FlameParams
from my_utils.photos.surface_points import GEOMETRY, SurfacePoints, rotation_vector, skew, step
from tests.support.toy_photos import front_triangles, toy_faces, toy_flame


@pytest.fixture(scope="module")
def points():
    triangles = torch.from_numpy(front_triangles())[::4]
    barycentric = torch.rand(len(triangles), 3, generator=torch.Generator().manual_seed(0))
    return SurfacePoints(toy_flame(), triangles, barycentric / barycentric.sum(dim=1, keepdim=True))


def test_points_lie_on_the_decoded_mesh(points):
    params = toy_faces(4)
    mesh = orthographic_projection(toy_flame()(params), params.camera)[..., :2]
    on_mesh = (mesh[:, points.vertex_ids] * points.barycentric[..., None]).sum(dim=2)
    # The toy's triangles are five times as wide as FLAME's, hence its blend weights bend more.
    assert (points(params).position - on_mesh).abs().max() < 0.01
    first = torch.eye(3)[[0]].expand(len(points.vertex_ids), 3)
    corners = SurfacePoints(toy_flame(), points.vertex_ids, first)
    exact = mesh[:, points.vertex_ids[:, 0]]
    assert torch.allclose(corners(params).position, exact, atol=2e-6)


def test_derivatives_are_those_of_small_steps(points):
    params = toy_faces(2, seed=3)
    jacobian = points(params).jacobian
    small = 1e-3
    for column in (0, 99, 100, 149, *range(150, GEOMETRY.stop)):
        change = torch.zeros(2, GEOMETRY.stop)
        change[:, column] = small
        ahead, behind = points(step(params, change)), points(step(params, -change))
        slope = (ahead.position - behind.position) / (2 * small)
        assert torch.allclose(jacobian[..., column], slope, atol=2e-3, rtol=2e-2), column


def test_a_step_turns_the_head_by_a_rotation_more():
    params = toy_faces(3)
    change = torch.zeros(3, GEOMETRY.stop)
    change[:, 150:153] = torch.tensor([0.0, 0.4, 0.0])
    change[:, 153] = -1.0
    turned = step(step(params, change), -change)
    assert torch.allclose(turned.pose[:, :3], params.pose[:, :3], atol=1e-5)
    assert (step(params, change).pose[:, 3] == 0).all()  # the jaw shuts no further
    assert isinstance(turned, FlameParams)


def test_rotation_vectors_and_cross_products():
    vectors = torch.tensor([[0.3, -0.2, 0.9], [0.0, 0.0, 0.0]])
    other = torch.tensor([[1.0, 2.0, 3.0]]).expand(2, -1)
    cross = (skew(vectors) @ other[..., None])[..., 0]
    assert torch.allclose(cross, torch.linalg.cross(vectors, other))
    assert torch.allclose(rotation_vector(torch.matrix_exp(skew(vectors))), vectors, atol=1e-6)
