"""The scaled orthographic camera of DECA, and the camera that puts the eyes where FFHQ has them.

Kept apart from the renderer because the texture sampler and every plot need the same projection.
World: metres, x to the image's right, y up, z out of the face. Image plane: x right, y down, both
in [-1, 1] across the image, z away from the viewer. The centre of pixel column j of W is at
(2j + 1) / W - 1 (align_corners=False).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from constants import EYE_TARGETS, EYE_VERTICES
from model.flame import FLAME, FlameParams


def orthographic_projection(
    vertices: Tensor,  # [N, V, 3] metres
    camera: Tensor,  # [N, 3] scale, tx, ty
) -> Tensor:
    """Vertices on the image plane [N, V, 3]: s (X + tx), -s (Y + ty), -s Z."""
    scale = camera[:, None, :1]
    shifted = torch.cat([vertices[..., :2] + camera[:, None, 1:], vertices[..., 2:]], dim=-1)
    return shifted * scale * vertices.new_tensor([1.0, -1.0, -1.0])


def fit_camera_to_eyes(
    vertices: Tensor,  # [N, V, 3] metres, posed
    *,
    eye_vertices: Sequence[int] = EYE_VERTICES,
    targets: Sequence[Sequence[float]] = EYE_TARGETS,
) -> Tensor:
    """Cameras [N, 3] whose projection of the eye vertices is closest to the targets.

    Two points ask four things of three unknowns: this is the least-squares answer in closed form,
    the same for any number of vertices and targets. Differentiable in the vertices.

    Raises:
        ValueError: the eyes of a face lie on one another in the picture.
    """
    points = vertices[:, list(eye_vertices), :2] * vertices.new_tensor([1.0, -1.0])  # y down
    goals = vertices.new_tensor(targets)
    point_mean, goal_mean = points.mean(dim=1), goals.mean(dim=0)
    points, goals = points - point_mean[:, None], goals - goal_mean
    spread = points.square().sum(dim=(1, 2))
    if not spread.all():
        raise ValueError("no camera fits a face whose eyes lie on one another in the picture")
    scale = (points * goals).sum(dim=(1, 2)) / spread
    translation = goal_mean / scale[:, None] - point_mean
    return torch.stack([scale, translation[:, 0], -translation[:, 1]], dim=1)


def fit_camera_to_head(
    vertices: Tensor,  # [N, V, 3] metres, posed
    frontal: Tensor,  # [N, V, 3] the same heads looking ahead
    *,
    eye_vertices: Sequence[int] = EYE_VERTICES,
    targets: Sequence[Sequence[float]] = EYE_TARGETS,
) -> Tensor:
    """Cameras [N, 3] that show a head as large as when it looks ahead, its eyes about their place.

    Eyes of a turned head are closer together in the picture. A camera fitted to them enlarges the
    head, by 15 % at 30 degrees of yaw and by 41 % at 45, and mirrors it beyond the profile.
    """
    scale = fit_camera_to_eyes(frontal, eye_vertices=eye_vertices, targets=targets)[:, :1]
    eyes = vertices[:, list(eye_vertices), :2].mean(dim=1)
    goal = vertices.new_tensor(targets).mean(dim=0) * vertices.new_tensor([1.0, -1.0])  # y up
    return torch.cat([scale, goal / scale - eyes], dim=1)


def center_eyes(params: FlameParams, flame: FLAME) -> FlameParams:
    """The same faces seen by the camera that puts both eyes where FFHQ crops show them.

    As published; for faces that turn see `center_head`.
    """
    device = next(flame.buffers(), params.shape).device
    camera = fit_camera_to_eyes(flame(params.to(device)))
    return params.replace(camera=camera.to(params.shape.device))


def center_head(params: FlameParams, flame: FLAME) -> FlameParams:
    """The same faces as large as when they look ahead; see `fit_camera_to_head`."""
    device = next(flame.buffers(), params.shape).device
    posed = params.to(device)
    camera = fit_camera_to_head(flame(posed), flame(looking_ahead(posed)))
    return params.replace(camera=camera.to(params.shape.device))


def looking_ahead(params: FlameParams) -> FlameParams:
    """The same faces without the rotation of the head."""
    pose = torch.cat([torch.zeros_like(params.pose[:, :3]), params.pose[:, 3:]], dim=1)
    return params.replace(pose=pose)


def keep_framing(params: FlameParams, own: FlameParams, flame: FLAME) -> FlameParams:
    """Edits of a face seen by a camera that keeps its eyes where `own`, one row, shows them.

    That is the centered camera, plus what the own camera differs from its centered one.
    """
    difference = own.camera - center_head(own, flame).camera
    centered = center_head(params, flame)
    return centered.replace(camera=centered.camera + difference.to(centered.camera))
