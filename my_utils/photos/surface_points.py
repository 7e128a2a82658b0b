"""FLAME at some points of its surface: where they are seen, and how that changes with a face.

Fitting needs a few hundred points of thousands of faces and their derivatives; these are written
out here, in the order of the parameter vector, instead of decoding whole meshes.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from constants import FLAME_SLICES
from model.flame import FLAME, JAW_JOINT, FlameParams
from model.lbs import batch_rodrigues
from model.mesh import vertex_normals

BETAS = slice(0, FLAME_SLICES["expression"].stop)
ROTATION = slice(BETAS.stop, BETAS.stop + 3)
JAW = slice(ROTATION.stop, ROTATION.stop + 3)
CAMERA = FLAME_SLICES["camera"]
GEOMETRY = slice(0, CAMERA.stop)  # the columns of a parameter vector that move points
Y_DOWN = (1.0, -1.0)  # from the head's axes to those of the image plane


class SeenPoints(NamedTuple):
    """L points of N faces on the image plane."""

    position: Tensor  # [N, L, 2] in [-1, 1], x right, y down
    jacobian: Tensor  # [N, L, 2, 159] by shape, expression, rotation (see `step`), jaw, camera


class SurfacePoints:
    """L points of the surface of a FLAME, each given by a triangle and its weights.

    Between the corners of a triangle everything is interpolated, the blend weights too: for
    points inside triangles this differs from the decoded mesh by some hundredths of a millimetre.
    """

    def __init__(
        self,
        flame: FLAME,
        vertex_ids: Tensor,  # [L, 3] corners of the triangles
        barycentric: Tensor,  # [L, 3]
    ):
        self.vertex_ids, self.barycentric = vertex_ids, barycentric
        joints = flame.J_regressor[[0, JAW_JOINT]]
        jaw_features = slice(9 * (JAW_JOINT - 1), 9 * JAW_JOINT)
        self.template = self.interpolate(flame.v_template)  # [L, 3]
        self.directions = self.interpolate(flame.shapedirs)  # [L, 3, 150]
        self.jaw_directions = self.interpolate(flame.posedirs)[..., jaw_features]  # [L, 3, 9]
        self.jaw_weight = self.interpolate(flame.lbs_weights)[:, JAW_JOINT, None]  # [L, 1]
        normals = vertex_normals(flame.v_template[None], flame.faces)[0]
        self.normal = F.normalize(self.interpolate(normals), dim=-1)  # [L, 3] of the mean head
        self.joints = joints @ flame.v_template  # [2, 3] root and jaw
        self.joint_directions = torch.einsum("jv,vck->jck", joints, flame.shapedirs)

    def interpolate(
        self,
        values: Tensor,  # [V, ...] of all vertices
    ) -> Tensor:
        """Values [L, ...] at the points."""
        weights = self.barycentric.view(*self.barycentric.shape, *[1] * (values.ndim - 1))
        return (values[self.vertex_ids] * weights).sum(dim=1)

    def facing(self, params: FlameParams) -> Tensor:
        """The third coordinate [N, L] of the mean head's normals: 1 to the viewer, < 0 away."""
        return (self.normal @ batch_rodrigues(params.pose[:, :3]).transpose(1, 2))[..., 2]

    def __call__(self, params: FlameParams) -> SeenPoints:
        """The points of N faces as their cameras see them."""
        rotation = batch_rodrigues(params.pose[:, :3])
        jaw_axis = params.pose[:, 3:]
        opening = batch_rodrigues(jaw_axis) - torch.eye(3).to(jaw_axis)
        betas = torch.cat([params.shape, params.expression], dim=1)
        rest = (
            self.template
            + torch.einsum("nk,lck->nlc", betas, self.directions)
            + torch.einsum("nf,lcf->nlc", opening.flatten(1), self.jaw_directions)
        )
        root, jaw = (
            self.joints + torch.einsum("nk,jck->njc", betas, self.joint_directions)
        ).unbind(dim=1)
        from_jaw = rest - jaw[:, None]
        opened = rest + self.jaw_weight * (from_jaw @ opening.transpose(1, 2))
        turned = (opened - root[:, None]) @ rotation.transpose(1, 2)
        scale, shift = params.camera[:, None, :1], params.camera[:, None, 1:]
        shifted = (turned + root[:, None])[..., :2] + shift
        jacobian = torch.cat(
            [
                scale[..., None] * self._by_betas(rotation, opening),
                scale[..., None] * -skew(turned)[:, :, :2],
                scale[..., None] * self._by_jaw(rotation, jaw_axis, opening, from_jaw),
                shifted[..., None],
                scale[..., None] * torch.eye(2).to(scale).expand(*shifted.shape, 2),
            ],
            dim=-1,
        )
        flip = scale.new_tensor(Y_DOWN)
        return SeenPoints(scale * shifted * flip, jacobian * flip[:, None])

    def _by_betas(self, rotation: Tensor, opening: Tensor) -> Tensor:
        """Derivatives [N, L, 2, 150] of posed points by shape and expression."""
        identity = torch.eye(3).to(rotation)
        point = rotation[:, None] @ (identity + self.jaw_weight[..., None] * opening[:, None])
        by_point = torch.einsum("nlij,ljk->nlik", point[:, :, :2], self.directions)
        root, jaw = self.joint_directions
        by_jaw = torch.einsum("nij,jk->nik", (rotation @ opening)[:, :2], jaw)
        by_root = torch.einsum("nij,jk->nik", (rotation - identity)[:, :2], root)
        return by_point - self.jaw_weight[..., None] * by_jaw[:, None] - by_root[:, None]

    def _by_jaw(
        self, rotation: Tensor, jaw_axis: Tensor, opening: Tensor, from_jaw: Tensor
    ) -> Tensor:
        """Derivatives [N, L, 2, 3] of posed points by the axis-angle vector of the jaw."""
        cross = skew(jaw_axis)
        identity = torch.eye(3).to(cross)
        to_turn = identity + cross / 2 + cross @ cross / 6  # the left Jacobian, of small rotations
        jaw_rotation = opening + identity
        by_turn = -skew(from_jaw @ jaw_rotation.transpose(1, 2)) @ to_turn[:, None]
        skinned = self.jaw_weight[..., None] * (rotation[:, None] @ by_turn)
        columns = [skew(column) @ jaw_rotation for column in to_turn.unbind(dim=-1)]
        features = torch.stack(columns, dim=-1).flatten(1, 2)  # [N, 9, 3]
        corrected = torch.einsum("lcf,nfk->nlck", self.jaw_directions, features)
        point = rotation[:, None] @ (identity + self.jaw_weight[..., None] * opening[:, None])
        return (skinned + point @ corrected)[:, :, :2]


def skew(
    vectors: Tensor,  # [..., 3]
) -> Tensor:
    """The matrices [..., 3, 3] of the cross product with these vectors."""
    x, y, z = vectors.unbind(dim=-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))


def step(
    params: FlameParams,  # N rows
    change: Tensor,  # [N, D] the first D numbers of the parameter vector, D at least 159
) -> FlameParams:
    """The faces after a change; the head turns by it about its own axes as they are now."""
    vector = params.to_vector()
    added = torch.cat([vector[:, : change.shape[1]] + change, vector[:, change.shape[1] :]], dim=1)
    turned = batch_rodrigues(change[:, ROTATION]) @ batch_rodrigues(vector[:, ROTATION])
    added[:, ROTATION] = rotation_vector(turned)
    added[:, JAW.start].clamp_(min=0)  # no jaw closes beyond the teeth
    return FlameParams.from_vector(added)


def rotation_vector(
    rotation: Tensor,  # [N, 3, 3]
) -> Tensor:
    """Axis-angle vectors [N, 3] of rotations, radians."""
    from scipy.spatial.transform import Rotation

    vectors = Rotation.from_matrix(rotation.double().cpu().numpy()).as_rotvec()
    return torch.from_numpy(vectors).to(rotation)
