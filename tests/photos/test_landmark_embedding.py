"""Landmarks are found on a head from views of it, and remembered beside it."""

import numpy as np
import pytest
import torch

from model.camera import orthographic_projection
from my_utils.errors import UserError
from my_utils.photos.calibration_views import (
    Views,
    dressed,
    look,
    mean_head_views,
    people_views,
)
from my_utils.photos.landmark_embedding import (
    RIDGE,
    detection_errors,
    explain_errors,
    find_point,
    fit_barycentric,
    load_embedding,
    model_errors,
    save_embedding,
)
from my_utils.photos.surface_points import JAW
from tests.support.toy_photos import front_triangles, toy_embedding, toy_flame, toy_renderer


def views_of(points, *, noise=0.0, rng=None):
    """Views of the toy head whose landmarks are points: (corners [3], barycentric [3])."""
    rng = rng or np.random.default_rng(0)
    params = mean_head_views(20, rng)
    params = params.replace(camera=torch.tensor([[7.0, 0, 0]]).expand(20, 3))
    flame = toy_flame()
    vertices = flame(params)
    pixels = ((orthographic_projection(vertices, params.camera)[..., :2] + 1) * 128).numpy()
    landmarks = np.stack([np.einsum("nvc,v->nc", pixels[:, ids], b) for ids, b in points], axis=1)
    landmarks = landmarks + noise * rng.standard_normal(landmarks.shape)
    from model.mesh import vertex_normals

    facing = vertex_normals(vertices, flame.faces)[..., 2].numpy()
    unknowns = params.to_vector()[:, : JAW.stop].numpy()
    return Views(landmarks, pixels, unknowns, facing)


def test_a_landmark_is_found_inside_its_triangle():
    triangle = front_triangles()[40]
    barycentric = np.array([0.5, 0.2, 0.3])
    views = views_of([(triangle, barycentric)])
    point = find_point(views, 0, toy_flame().faces.numpy())
    assert set(point.vertex_ids) == set(triangle)
    order = [list(point.vertex_ids).index(vertex) for vertex in triangle]
    assert np.allclose(point.barycentric[order], barycentric, atol=0.02)
    assert point.spread < 0.05
    assert point.seen > 0.9


def test_views_that_are_wrong_count_little():
    triangle = front_triangles()[40]
    views = views_of([(triangle, np.array([0.3, 0.3, 0.4]))])
    views.landmarks[::5] += 25
    point = find_point(views, 0, toy_flame().faces.numpy())
    assert set(point.vertex_ids) == set(triangle)
    assert np.abs(np.sort(point.barycentric) - [0.3, 0.3, 0.4]).max() < 0.05
    assert point.spread > 2  # and it is said to be uncertain


def test_barycentric_weights_stay_inside():
    corners = np.array([[0, 0], [1, 0], [0, 1.0]])[None, None]
    inside = fit_barycentric(corners, np.array([[0.25, 0.5]]), np.ones((1, 1)))
    assert np.allclose(inside, [[0.25, 0.25, 0.5]], atol=1e-4)
    outside = fit_barycentric(corners, np.array([[2.0, 2.0]]), np.ones((1, 1)))
    assert outside.min() >= 0
    assert outside.sum() == pytest.approx(1)


def test_errors_that_follow_the_face_are_told_from_the_rest():
    rng = np.random.default_rng(0)
    unknowns = rng.standard_normal((2000, 3)) * [1, 0.1, 0]
    slopes = rng.standard_normal((3, 12)) * [[1], [10], [0]]
    noise = rng.normal(0, 0.5, (2000, 12))
    bias, rest = explain_errors((2 + unknowns @ slopes + noise).reshape(2000, 6, 2), unknowns)
    ridge = RIDGE / (2000 + RIDGE)  # by which slopes are understated
    assert np.allclose(bias[..., 0].ravel(), 2, atol=0.2)
    found = bias[..., 1:].reshape(12, 3).T
    assert np.allclose(found[:2], (1 - ridge) * slopes[:2], rtol=0.15, atol=0.8)
    assert not found[2].any()
    expected = noise + ridge * unknowns @ slopes
    assert np.abs(rest.reshape(2000, 12) - expected).mean() < 0.1


def test_a_rendering_is_dressed_around_the_face():
    pixels, head = np.full((64, 64, 3), 200, np.uint8), np.zeros((64, 64), bool)
    head[16:60, 16:48] = True
    dressings = [dressed(pixels, head, np.random.default_rng(seed)) for seed in range(8)]
    assert all((picture[40:60, 30:34] == 200).all() for picture in dressings)  # the chin
    assert any((picture[16, 30:34] != 200).all() for picture in dressings)  # hair on the forehead
    assert len({picture.tobytes() for picture in dressings}) == 8


def test_errors_become_shared_directions_and_a_rest():
    rng = np.random.default_rng(0)
    direction = rng.standard_normal((6, 2))
    errors = rng.standard_normal((300, 1, 1)) * 4 * direction + rng.normal(0, 0.5, (300, 6, 2))
    sigma, common = model_errors(errors)
    modelled = np.diag(sigma.ravel() ** 2) + np.tensordot(common, common, (2, 2)).reshape(12, 12)
    flat = errors.reshape(300, 12)
    assert np.allclose(modelled, flat.T @ flat / 300, atol=0.5)
    first = common[..., 0].ravel()
    cosine = abs(first @ direction.ravel()) / np.linalg.norm(first) / np.linalg.norm(direction)
    assert cosine > 0.99


def test_errors_are_those_of_points_that_are_seen():
    triangle, barycentric = front_triangles()[40], np.array([0.3, 0.3, 0.4])
    views = views_of([(triangle, barycentric)])
    views.landmarks[...] += [1.0, -2.0]
    views.facing[0] = -1
    errors = detection_errors(views, [0], triangle[None], barycentric[None])
    assert np.allclose(errors[1:], [1.0, -2.0])
    assert not errors[0].any()


def test_an_embedding_is_read_for_its_head_only(tmp_path):
    path, embedding = tmp_path / "embedding.npz", toy_embedding()
    assert load_embedding(path, "abc", 302) is None
    save_embedding(path, embedding, "abc")
    assert load_embedding(path, "other", 302) is None
    for wanted, found in zip(embedding, load_embedding(path, "abc", 302), strict=True):
        assert np.array_equal(wanted, found)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="embedding.npz"):
        load_embedding(path, "abc", 302)


def test_a_head_that_shows_no_face_is_said(monkeypatch):
    from my_utils.photos import calibration_views

    monkeypatch.setattr(
        calibration_views, "fit_camera_to_eyes", lambda v: torch.tensor([[7.0, 0, 0]])
    )
    rng = np.random.default_rng(0)
    params = people_views(4, rng)
    with pytest.raises(UserError, match="found a face in 0 of 4 renderings"):
        look(toy_renderer(), params, lambda pixels: None, rng)
    views = look(toy_renderer(), params, lambda pixels: np.zeros((468, 2)), rng)
    assert views.vertices.shape == (4, 302, 2)
    assert views.facing.max() <= 1
