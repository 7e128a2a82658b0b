"""Linear blend skinning: coefficients and joint rotations to posed vertices.

Pure functions on tensors, so that every step of FLAME (Li et al., "Learning a model of facial shape
and expression from 4D scans", 2017, eq. 2-5) can be tested and differentiated on its own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def batch_rodrigues(
    axis_angle: Tensor,  # [N, 3] radians
) -> Tensor:
    """Rotation matrices [N, 3, 3] of axis-angle vectors; smooth enough to differentiate at zero."""
    # The offset keeps the norm and its gradient finite where there is no rotation.
    angle = (axis_angle + 1e-8).norm(dim=1, keepdim=True)
    x, y, z = (axis_angle / angle).unbind(dim=1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(-1, 3, 3)
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    sine, cosine = angle.sin()[..., None], angle.cos()[..., None]
    return identity + sine * cross + (1 - cosine) * cross @ cross


def blend_shapes(
    coefficients: Tensor,  # [N, K]
    directions: Tensor,  # [V, 3, K] metres per unit of coefficient
) -> Tensor:
    """Vertex offsets [N, V, 3] in metres: the directions summed with these coefficients."""
    offsets = coefficients @ directions.flatten(0, 1).T
    return offsets.unflatten(1, (-1, 3))


def vertices2joints(
    J_regressor: Tensor,  # [J, V]
    vertices: Tensor,  # [N, V, 3]
) -> Tensor:
    """Joint positions [N, J, 3] as weighted means of vertices."""
    return J_regressor @ vertices


def batch_rigid_transform(
    rotations: Tensor,  # [N, J, 3, 3] of each joint relative to its parent
    joints: Tensor,  # [N, J, 3] rest positions
    parents: Sequence[int],  # parent of each joint, listed before it; the first joint is the root
) -> tuple[Tensor, Tensor]:
    """World rotations [N, J, 3, 3] and translations [N, J, 3] that pose points given at rest."""
    world_rotations, posed_joints = [rotations[:, 0]], [joints[:, 0]]
    for joint in range(1, len(parents)):
        parent = parents[joint]
        bone = (joints[:, joint] - joints[:, parent])[..., None]
        posed_joints.append(posed_joints[parent] + (world_rotations[parent] @ bone)[..., 0])
        world_rotations.append(world_rotations[parent] @ rotations[:, joint])
    world = torch.stack(world_rotations, dim=1)
    translations = torch.stack(posed_joints, dim=1) - (world @ joints[..., None])[..., 0]
    return world, translations


def lbs(
    betas: Tensor,  # [N, K] shape and expression coefficients
    pose: Tensor,  # [N, J, 3] axis-angle of every joint, radians
    v_template: Tensor,  # [V, 3] metres
    shapedirs: Tensor,  # [V, 3, K]
    posedirs: Tensor,  # [V, 3, 9 * (J - 1)]
    J_regressor: Tensor,  # [J, V]
    parents: Sequence[int],  # J
    lbs_weights: Tensor,  # [V, J]
) -> Tensor:
    """Posed vertices [N, V, 3] in metres."""
    batch, joint_count = pose.shape[:2]
    shaped = v_template + blend_shapes(betas, shapedirs)
    joints = vertices2joints(J_regressor, shaped)

    rotations = batch_rodrigues(pose.reshape(-1, 3)).view(batch, joint_count, 3, 3)
    identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
    pose_feature = (rotations[:, 1:] - identity).flatten(1)
    rest = shaped + blend_shapes(pose_feature, posedirs)

    world, translations = batch_rigid_transform(rotations, joints, parents)
    skinned = torch.cat([world, translations[..., None]], dim=-1).flatten(2)  # [N, J, 12]
    transforms = (lbs_weights @ skinned).unflatten(-1, (3, 4))  # [N, V, 3, 4]
    return (transforms[..., :3] @ rest[..., None])[..., 0] + transforms[..., 3]
