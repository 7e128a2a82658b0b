"""Geometry from landmarks whose truth is known."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from my_utils.photos.geometry_fit import LandmarkTerm, fit_geometry, start
from my_utils.photos.surface_points import JAW, SurfacePoints
from tests.support.toy_photos import toy_embedding, toy_faces, toy_flame

PIXEL = 1 / 128  # of 256


@pytest.fixture(scope="module")
def term():
    return LandmarkTerm(toy_flame(), toy_embedding())


def angles(params):
    """Yaw, pitch and roll [N, 3] in degrees."""
    rotation = Rotation.from_rotvec(params.pose[:, :3].double().numpy())
    return rotation.as_euler("YXZ", degrees=True)


def test_predicted_errors_of_the_detector_follow_the_face():
    rng = np.random.default_rng(1)
    embedding = toy_embedding()
    bias = rng.normal(0, 0.02, embedding.bias.shape).astype(np.float32)
    plain, term = (LandmarkTerm(toy_flame(), e) for e in (embedding, embedding._replace(bias=bias)))
    faces = toy_faces(2)
    moved = term(faces).position - plain.points(faces).position
    unknowns = faces.to_vector()[:, : JAW.stop].numpy()
    expected = [bias[..., 0] + bias[..., 1:] @ face for face in unknowns]
    assert np.allclose(moved, expected, atol=1e-5)
    slope = (term(faces).jacobian - plain(faces).jacobian)[..., : JAW.stop]
    assert np.allclose(slope, np.broadcast_to(bias[..., 1:], slope.shape), atol=1e-5)
    target = term(faces).position
    error = (term(fit_geometry(term, target)).position - target).norm(dim=2).mean()
    assert error < 0.3 * (plain(fit_geometry(plain, target)).position - target).norm(dim=2).mean()


def test_the_start_is_exact_for_the_mean_head(term):
    """The least-squares camera, whatever the mean head's rotation."""
    params = toy_faces(8)
    zero = torch.zeros_like
    pose = torch.cat([params.pose[:, :3], zero(params.pose[:, 3:])], dim=1)
    params = params.replace(shape=zero(params.shape), expression=zero(params.expression), pose=pose)
    found = start(term, term.points(params).position)
    assert torch.allclose(found.pose[:, :3], params.pose[:, :3], atol=1e-3)
    assert torch.allclose(found.camera, params.camera, atol=1e-3)


def test_faces_are_found_from_their_landmarks(term):
    params = toy_faces(12)
    target = term.points(params).position
    fitted = fit_geometry(term, target)
    error = (term.points(fitted).position - target).norm(dim=2)
    assert error.mean() < 0.3 * PIXEL
    assert np.abs(angles(fitted) - angles(params)).mean(axis=0).max() < 2
    # A frontal face of another shape would explain much of a turned one.
    turned = np.abs(angles(params)[:, 0]) > 15
    assert np.abs(angles(fitted) - angles(params))[turned, 0].max() < 4


def test_landmarks_that_are_wrong_count_little(term):
    params = toy_faces(6)
    target = term.points(params).position
    wrong = target.clone()
    wrong[:, ::15] += 30 * PIXEL
    fitted = fit_geometry(term, wrong)
    error = (term.points(fitted).position - target).norm(dim=2)
    assert error.median() < 0.5 * PIXEL


def test_errors_that_landmarks_share_are_not_taken_for_shape():
    """A detector known to err in one pattern does not bend the face by it."""
    embedding = toy_embedding()
    term = LandmarkTerm(toy_flame(), embedding)
    params = toy_faces(6)
    pattern = torch.randn(1, 120, 2, generator=torch.Generator().manual_seed(0)) * 2 * PIXEL
    truth = term.points(params).position
    knowing = LandmarkTerm(toy_flame(), embedding._replace(common=pattern[0][..., None].numpy()))
    error = [
        (t.points(fit_geometry(t, truth + pattern)).position - truth).norm(dim=2).mean()
        for t in (term, knowing)
    ]
    assert error[1] < 0.5 * error[0]


def test_the_jaw_opens_downwards_only(term):
    params = toy_faces(4)
    shut = torch.cat([params.pose[:, :3], torch.tensor([[-0.1, 0, 0]]).expand(4, 3)], dim=1)
    fitted = fit_geometry(term, term.points(params.replace(pose=shut)).position)
    assert (fitted.pose[:, 3] >= 0).all()
    assert (fitted.pose[:, 4:].abs() < 0.05).all()


def test_points_turned_away_count_nothing(term):
    points = term.points
    assert isinstance(points, SurfacePoints)
    params = toy_faces(1)
    pose = torch.tensor([[0, np.pi / 2, 0, 0, 0, 0]]).float()  # in profile
    facing = points.facing(params.replace(pose=pose))[0]
    right = points.template[:, 0] < -0.04
    left = points.template[:, 0] > 0.04
    assert facing[left].max() < 0 < facing[right].min()
