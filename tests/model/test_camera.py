"""The camera's axes, and cameras that put the eyes in place, against pinv and recordings."""

import numpy as np
import pytest
import torch

from constants import EYE_TARGETS, EYE_VERTICES
from model.camera import (
    center_eyes,
    center_head,
    fit_camera_to_eyes,
    looking_ahead,
    orthographic_projection,
)
from my_utils.demo.parameters import demo_flame, sample_parameters
from tests.support.toy_head import TOY_EYE_VERTICES, toy_flame_assets


def test_axes_of_the_image_plane():
    camera = torch.tensor([[8.0, 0.0, 0.0]])
    right, up, nearer = torch.eye(3)[:, None, None] * 0.1
    for point, expected in ((right, [0.8, 0, 0]), (up, [0, -0.8, 0]), (nearer, [0, 0, -0.8])):
        projected = orthographic_projection(point, camera)[0, 0]
        torch.testing.assert_close(projected, torch.tensor(expected))


def test_translation_is_in_metres_before_scaling():
    point = torch.zeros(2, 1, 3)
    camera = torch.tensor([[8.0, 0.05, 0.0], [4.0, 0.0, 0.05]])
    expected = torch.tensor([[[0.4, 0, 0]], [[0, -0.2, 0]]])
    torch.testing.assert_close(orthographic_projection(point, camera), expected)


def test_projection_agrees_with_the_recording(data):
    recorded = np.load(data / "camera.npz")
    projected = orthographic_projection(
        torch.tensor(recorded["vertices"]), torch.tensor(recorded["cam"])
    )
    np.testing.assert_allclose(projected.numpy(), recorded["projected_flipped"], atol=1e-6)


def test_eye_cameras_agree_with_the_recording(data):
    recorded = np.load(data / "camera.npz")
    vertices = torch.tensor(recorded["vertices"])
    camera = fit_camera_to_eyes(vertices, eye_vertices=(-2, -1))
    np.testing.assert_allclose(camera.numpy(), recorded["eye_centred_cam"], rtol=2e-6, atol=1e-6)
    eyes = orthographic_projection(vertices, camera)[:, -2:]
    np.testing.assert_allclose(eyes.numpy(), recorded["eye_positions_flipped"], atol=1e-6)


def test_eye_cameras_are_the_least_squares_solution():
    generator = torch.Generator().manual_seed(3)
    vertices = torch.randn(6, 4, 3, generator=generator, dtype=torch.float64)
    targets = ((0.2, -0.1), (-0.3, 0.0), (0.1, 0.4))
    fitted = fit_camera_to_eyes(vertices, eye_vertices=(0, 2, 3), targets=targets)
    for row, points in enumerate(vertices[:, [0, 2, 3]].numpy()):
        # Unknowns: s, s tx, s ty. Equations: x of each point, then y of each point.
        system = np.zeros((6, 3))
        system[:3, 0], system[:3, 1] = points[:, 0], 1
        system[3:, 0], system[3:, 2] = -points[:, 1], -1
        scale, right, up = np.linalg.pinv(system) @ np.array(targets).T.ravel()
        np.testing.assert_allclose(fitted[row].numpy(), [scale, right / scale, up / scale])


def test_eyes_on_one_another_have_no_camera():
    vertices = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0))
    vertices[1, 2] = vertices[1, 0] + torch.tensor([0, 0, 0.1])
    fit_camera_to_eyes(vertices[:1], eye_vertices=(0, 2))
    with pytest.raises(ValueError, match="eyes lie on one another"):
        fit_camera_to_eyes(vertices, eye_vertices=(0, 2))


def test_level_eyes_land_on_their_targets():
    vertices = torch.tensor(toy_flame_assets(0).v_template)[None]
    camera = fit_camera_to_eyes(vertices, eye_vertices=TOY_EYE_VERTICES)
    eyes = orthographic_projection(vertices, camera)[0, list(TOY_EYE_VERTICES), :2]
    torch.testing.assert_close(eyes, torch.tensor(EYE_TARGETS), atol=2e-3, rtol=0)


def test_both_are_differentiable():
    vertices = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    camera = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(orthographic_projection, (vertices, camera))
    assert torch.autograd.gradcheck(
        lambda points: fit_camera_to_eyes(points, eye_vertices=(0, 1)), vertices
    )


def test_a_head_is_as_large_in_every_pose_as_when_it_looks_ahead():
    flame, face = demo_flame(), looking_ahead(sample_parameters(range(1)))
    own = center_eyes(face, flame).camera
    for yaw in (0, 15, 30, 45, 60, 90, 120):
        pose = face.pose.clone()
        pose[0, 1] = np.deg2rad(yaw)
        turned = face.replace(pose=pose)
        seen = center_head(turned, flame)
        torch.testing.assert_close(seen.camera[:, 0], own[:, 0])
        eyes = orthographic_projection(flame(seen), seen.camera)[0, list(EYE_VERTICES), :2]
        torch.testing.assert_close(eyes.mean(dim=0), torch.tensor(EYE_TARGETS).mean(dim=0))
        if yaw == 0:
            torch.testing.assert_close(seen.camera, own)
        if yaw == 45:  # what the published camera does
            assert center_eyes(turned, flame).camera[0, 0] / own[0, 0] > 1.3
