"""A camera of a tracker becomes GIF's camera of the whole photograph, and shows the same there."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from constants import EYE_TARGETS, EYE_VERTICES
from model.camera import orthographic_projection
from model.renderer import spherical_harmonics_shading
from my_utils.data.trackers.cameras import (
    Crop,
    PerspectiveCamera,
    axis_angle,
    crop_to_image_camera,
    crop_to_image_perspective,
    fit_orthographic_camera,
    opencv_camera,
    opengl_camera,
    perspective_projection,
    pinhole,
    rotation_6d_to_matrix,
    viewing_rotation,
)
from my_utils.data.trackers.conversion import convert_face
from my_utils.data.trackers.formats import TrackedFace
from my_utils.data.trackers.light import turned_light
from my_utils.demo.parameters import demo_flame

POINTS = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (50, 3))).float()
TURNED = Rotation.from_euler("YXZ", [0.5, -0.2, 0.1]).as_matrix()
FLIP = np.diag([1, -1, -1])


def pixels(points, camera, size):
    """Where an orthographic camera puts points in a picture of so many pixels."""
    image = orthographic_projection(points[None], torch.tensor(camera)[None].float())[0, :, :2]
    return (image.numpy() + 1) * size / 2


def test_a_crop_s_camera_shows_the_same_pixels_of_the_whole_photograph():
    camera, crop = np.array([8.5, 0.02, -0.03]), Crop(500, 610, 700, 1024)
    in_crop = pixels(POINTS, camera, 224)
    corner = np.array([crop.centre_x, crop.centre_y]) - crop.size / 2
    expected = corner + in_crop * crop.size / 224
    found = pixels(POINTS, crop_to_image_camera(camera, crop), crop.image_size)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_head_whose_camera_is_not_known_stays_as_large_when_it_turns():
    flame = demo_flame()
    scales = []
    for yaw in (0.0, 0.8):
        face = TrackedFace(np.zeros(100), np.zeros(50), rotation=np.array([0, yaw, 0]))
        converted = convert_face(face, flame)
        scales.append(float(converted.params.camera[0, 0]))
        eyes = orthographic_projection(flame(converted.params), converted.params.camera)
        middle = eyes[0, list(EYE_VERTICES), :2].mean(dim=0)
        np.testing.assert_allclose(middle, np.mean(EYE_TARGETS, axis=0), atol=1e-3)
    assert scales[0] == pytest.approx(scales[1], rel=1e-5)


def test_six_numbers_are_two_rows_of_the_rotation():
    np.testing.assert_allclose(rotation_6d_to_matrix(TURNED[:2].ravel()), TURNED, atol=1e-12)
    first, second = TURNED[:2]
    six = np.concatenate([3 * first, second + 0.5 * first])
    np.testing.assert_allclose(rotation_6d_to_matrix(six), TURNED, atol=1e-12)
    for degenerate in (np.zeros(6), np.ones(6)):
        with pytest.raises(ValueError, match="do not span a plane"):
            rotation_6d_to_matrix(degenerate)


def test_axis_angle_is_the_inverse_of_rodrigues():
    for vector in ([0, 0, 0], [0.3, -0.2, 0.1], [0, 3, 0]):
        matrix = Rotation.from_rotvec(vector).as_matrix()
        np.testing.assert_allclose(axis_angle(matrix), vector, atol=1e-12)


def test_a_photograph_is_its_largest_centred_square():
    intrinsics = np.array([[900, 0, 400], [0, 800, 150], [0, 0, 1]])
    found = pinhole(intrinsics, (300, 600))  # the square starts at column 150
    np.testing.assert_allclose(found, [900 / 150, 800 / 150, (400 - 150) / 150 - 1, 0])
    with pytest.raises(ValueError, match="not positive"):
        pinhole(-intrinsics, (300, 600))


def test_a_head_in_the_world_is_seen_by_a_camera_of_either_axes():
    head = (TURNED, np.array([0.1, 0.2, 0.3]))
    opencv = (FLIP @ TURNED.T, np.array([0.3, 0.1, 2.0]))
    opengl = (FLIP @ opencv[0], FLIP @ opencv[1])
    intrinsics = np.array([4.0, 5.0, 0.1, -0.2])
    cameras = opencv_camera(head, opencv, intrinsics), opengl_camera(head, opengl, intrinsics)
    for camera in cameras:
        for point, found in zip(POINTS, perspective_projection(POINTS, camera), strict=True):
            x, y, z = opencv[0] @ (head[0] @ point.numpy() + head[1]) + opencv[1]
            np.testing.assert_allclose(found, [4 * x / z + 0.1, 5 * y / z - 0.2], atol=1e-5)


def test_a_crop_s_pinhole_camera_shows_the_same_pixels_of_the_whole_photograph():
    camera = PerspectiveCamera(FLIP, np.array([0.01, 0, 1.0]), np.array([4.0, 5.0, 0.1, -0.2]))
    crop = Crop(500, 610, 700, 1024)
    in_crop = (perspective_projection(POINTS, camera).numpy() + 1) * crop.size / 2
    corner = np.array([crop.centre_x, crop.centre_y]) - crop.size / 2
    whole = perspective_projection(POINTS, crop_to_image_perspective(camera, crop)).numpy()
    np.testing.assert_allclose((whole + 1) * crop.image_size / 2, corner + in_crop, atol=1e-3)


def test_turned_light_shades_turned_normals_alike():
    light = np.random.default_rng(0).normal(size=(9, 3))
    normals = torch.from_numpy(Rotation.random(30, random_state=1).as_matrix()[:, 0])

    def shade(normals, light):
        picture = normals.T[None, :, :, None]
        return spherical_harmonics_shading(picture, torch.from_numpy(light)[None])

    turned = shade(normals @ TURNED.T, turned_light(light, TURNED))
    torch.testing.assert_close(turned, shade(normals, light))


def test_what_is_behind_the_camera_is_refused():
    camera = PerspectiveCamera(FLIP, np.array([0, 0, 0.05]), np.array([4.0, 4, 0, 0]))
    with pytest.raises(ValueError, match="not in front"):
        perspective_projection(POINTS, camera)


def test_a_head_beside_the_axis_is_seen_from_its_side():
    camera = PerspectiveCamera(FLIP, np.array([1.0, 0, 1.0]), np.array([4.0, 4, 0, 0]))
    towards_camera = np.array([-1, 0, 1]) / np.sqrt(2)  # FLAME's axes
    np.testing.assert_allclose(viewing_rotation(camera) @ towards_camera, [0, 0, 1], atol=1e-12)


def test_an_orthographic_camera_is_found_again():
    camera = np.array([7.5, 0.02, -0.01])
    targets = torch.from_numpy(pixels(POINTS, camera, 2) - 1).float()
    found, error = fit_orthographic_camera(POINTS, targets)
    np.testing.assert_allclose(found, camera, atol=1e-5)
    assert error < 1e-5
    targets[7] += torch.tensor([0.3, 0.4])
    assert fit_orthographic_camera(POINTS, targets)[1] == pytest.approx(0.5, abs=0.05)
