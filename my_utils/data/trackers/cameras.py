"""From the cameras of face trackers to GIF's scaled orthographic camera of the whole photograph.

Cameras look along +z with x to the image's right and y down, as OpenCV has it; FLAME, like OpenGL,
has y up and z towards the viewer. The image plane is the largest centred square of the photograph,
[-1, 1].
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation
from torch import Tensor

from model.camera import fit_camera_to_eyes, orthographic_projection

FLIP = np.diag([1.0, -1.0, -1.0])  # between the axes of OpenCV and those of FLAME and OpenGL
Motion = tuple[np.ndarray, np.ndarray]  # a rotation [3, 3] about the origin, then a translation [3]


class PerspectiveCamera(NamedTuple):
    """How one head is moved in front of a pinhole camera, and what that camera sees."""

    rotation: np.ndarray  # [3, 3] from FLAME's axes to the camera's
    translation: np.ndarray  # [3] metres, added after the rotation
    intrinsics: np.ndarray  # [4] focal length x and y, principal point x and y, on the image plane


class Crop(NamedTuple):
    """The square of a square photograph that a tool looked at, in pixels."""

    centre_x: float
    centre_y: float
    size: float
    image_size: float


def axis_angle(rotation: np.ndarray) -> np.ndarray:
    """Axis-angle [3], in radians, of a rotation matrix [3, 3]."""
    return Rotation.from_matrix(rotation).as_rotvec()


def rotation_matrix(axis_angle: np.ndarray) -> np.ndarray:
    """Rotation matrix [3, 3] of an axis-angle vector [3]."""
    return Rotation.from_rotvec(axis_angle).as_matrix()


def rotation_6d_to_matrix(six: np.ndarray) -> np.ndarray:
    """Rotation matrix [3, 3] from its first two rows [6], which need not be exact (Zhou et al.)."""
    first, second = np.asarray(six, np.float64).reshape(2, 3)
    if np.linalg.norm(np.cross(first, second)) < 1e-6:
        raise ValueError("six numbers of a rotation do not span a plane")
    first = first / np.linalg.norm(first)
    second = second - first * (first @ second)
    second = second / np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)])


def pinhole(intrinsics: np.ndarray, size: Sequence[float] | np.ndarray) -> np.ndarray:
    """A matrix K [3, 3] in pixels of a photograph (height, width), in units of the image plane."""
    height, width = size
    half = min(height, width) / 2
    (fx, _, cx), (_, fy, cy) = intrinsics[:2]
    if min(fx, fy, half) <= 0:
        raise ValueError("the focal length or the size of the photograph is not positive")
    return np.array([fx, fy, cx - width / 2, cy - height / 2]) / half


def opencv_camera(head: Motion | None, world: Motion, intrinsics: np.ndarray) -> PerspectiveCamera:
    """A head that is moved in the world (or not), seen by a camera in that world.

    Args:
        world: from the world's axes to the camera's, as OpenCV has them: +z ahead, y down.
    """
    rotation, translation = world
    if head is not None:
        rotation, translation = rotation @ head[0], rotation @ head[1] + translation
    return PerspectiveCamera(rotation, translation, intrinsics)


def opengl_camera(head: Motion | None, world: Motion, intrinsics: np.ndarray) -> PerspectiveCamera:
    """The same where the camera's axes are those of OpenGL: -z ahead, y up."""
    return opencv_camera(head, (FLIP @ world[0], FLIP @ world[1]), intrinsics)


def crop_to_image_camera(camera: np.ndarray, crop: Crop) -> np.ndarray:
    """The orthographic camera [3] of the whole photograph from that of a crop; exact."""
    scale = camera[0] * crop.size / crop.image_size
    x, y = _crop_center(crop)
    return np.array([scale, camera[1] + x / scale, camera[2] - y / scale])


def crop_to_image_perspective(camera: PerspectiveCamera, crop: Crop) -> PerspectiveCamera:
    """The pinhole camera of the whole photograph from that of a crop; exact."""
    scale = crop.size / crop.image_size
    shift = np.array([0, 0, *_crop_center(crop)])
    return camera._replace(intrinsics=camera.intrinsics * scale + shift)


def _crop_center(crop: Crop) -> tuple[float, float]:
    """The middle of a crop on the image plane of the whole photograph."""
    return (
        2 * crop.centre_x / crop.image_size - 1,
        2 * crop.centre_y / crop.image_size - 1,
    )


def perspective_projection(
    vertices: Tensor,  # [V, 3] metres, FLAME's axes
    camera: PerspectiveCamera,
) -> Tensor:
    """Where a pinhole camera sees these vertices: [V, 2] on the image plane, y down.

    Raises:
        ValueError: not all of them are in front of the camera.
    """
    rotation, translation, intrinsics = (vertices.new_tensor(part) for part in camera)
    seen = vertices @ rotation.T + translation
    depth = seen[:, 2:]
    if depth.min() <= 0:
        raise ValueError("the head is not in front of the camera")
    return seen[:, :2] / depth * intrinsics[:2] + intrinsics[2:]


def viewing_rotation(camera: PerspectiveCamera) -> np.ndarray:
    """The rotation [3, 3] of FLAME's axes as an orthographic camera has to see the head.

    A pinhole camera sees a head beside its axis from the side. So the view is turned until the head
    is on the axis, and the rest is a matter of scale.
    """
    onto_axis, _ = Rotation.align_vectors([[0, 0, 1]], [camera.translation])
    return FLIP @ onto_axis.as_matrix() @ camera.rotation


def fit_orthographic_camera(
    points: Tensor,  # [P, 3] metres, posed as an orthographic camera sees them
    targets: Tensor,  # [P, 2] where they should appear, y down
) -> tuple[np.ndarray, float]:
    """The camera [3] nearest to the targets by least squares, and the largest error it leaves."""
    camera = fit_camera_to_eyes(
        points[None], eye_vertices=range(len(points)), targets=targets.tolist()
    )
    error = (orthographic_projection(points[None], camera)[0, :, :2] - targets).norm(dim=1).max()
    return camera[0].numpy(), float(error)
