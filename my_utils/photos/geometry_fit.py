"""Shape, expression, pose and camera of faces from their landmarks.

A scaled orthographic camera in closed form, then Gauss-Newton steps over all unknowns of all faces
at once. What one photograph cannot tell, the priors decide.
"""

import torch
from torch import Tensor

from constants import PARAM_DIM, SHAPE_DIM
from model.flame import FLAME, FlameParams
from my_utils.photos.landmark_embedding import FaceMeshEmbedding
from my_utils.photos.least_squares import NormalEquations, cauchy_weight
from my_utils.photos.surface_points import (
    CAMERA,
    GEOMETRY,
    JAW,
    ROTATION,
    Y_DOWN,
    SeenPoints,
    SurfacePoints,
    rotation_vector,
    step,
)

ROTATION_SIGMA = (0.2, 0.5, 0.3)  # radians: heads in photographs pitch, turn and tilt like this
JAW_MEAN, JAW_SIGMA = 0.05, (0.12, 0.01, 0.01)  # radians: opens, hardly moves sideways
OUTLIER = 3.0  # standard deviations beyond which a landmark loses its weight
FACING, FACING_WIDTH = 0.15, 0.05  # points turned away from the viewer fade out here
STEPS = 8


class LandmarkTerm:
    """How far FLAME's points lie from detected landmarks, as a term of normal equations.

    Besides the geometry there are Q unknowns of each face, N(0, 1): how much the detector errs in
    each of the directions that its errors have in common.
    """

    def __init__(self, flame: FLAME, embedding: FaceMeshEmbedding):
        device = flame.v_template.device
        self.landmarks, vertex_ids, barycentric, bias, self.sigma, self.common = (
            torch.from_numpy(array).to(device) for array in embedding
        )
        self.mean_error, self.bias = bias[..., 0], bias[..., 1:]
        self.points = SurfacePoints(flame, vertex_ids, barycentric)
        self.common_count = self.common.shape[-1]

    def __call__(self, params: FlameParams) -> SeenPoints:
        """Where the detector is to find its landmarks, but for its accidental errors."""
        seen = self.points(params)
        unknowns = params.to_vector()[:, : JAW.stop]
        error = self.mean_error + torch.einsum("nd,kcd->nkc", unknowns, self.bias)
        jacobian = seen.jacobian.clone()
        jacobian[..., : JAW.stop] += self.bias
        return SeenPoints(seen.position + error, jacobian)

    def add_to(
        self,
        equations: NormalEquations,  # the geometry is their first unknowns, the errors their last
        params: FlameParams,  # N rows
        errors: Tensor,  # [N, Q]
        target: Tensor,  # [N, K, 2] on the image plane
    ) -> None:
        """Add the term, linear around these faces and errors."""
        seen = self(params)
        rest = target - seen.position - torch.einsum("nq,kcq->nkc", errors, self.common)
        squared = (rest / self.sigma).square().sum(dim=-1)
        turned = torch.sigmoid((self.points.facing(params) - FACING) / FACING_WIDTH)
        weight = cauchy_weight(squared, OUTLIER) * turned
        common = self.common.expand(len(params), -1, -1, -1)
        unknowns = equations.right.shape[1]
        columns = torch.arange(unknowns, device=target.device)
        equations.add(
            torch.cat([seen.jacobian, common], dim=-1).flatten(1, 2),
            rest.flatten(1),
            (weight[..., None] / self.sigma.square()).flatten(1),
            torch.cat([columns[GEOMETRY], columns[unknowns - self.common_count :]]),
        )
        precision = torch.eye(self.common_count).to(errors)
        equations.add_prior(errors, precision, columns[unknowns - self.common_count :])


@torch.no_grad()
def fit_geometry(
    term: LandmarkTerm,
    target: Tensor,  # [N, K, 2] landmarks on the image plane
    person: FlameParams | None = None,  # one row: all faces are of this known shape
) -> FlameParams:
    """Faces without texture and light whose geometry explains the landmarks."""
    params = start(term, target)
    if person is not None:
        params = params.replace(shape=person.shape.expand_as(params.shape))
    errors = target.new_zeros(len(target), term.common_count)
    for _ in range(STEPS):
        equations = NormalEquations(target, len(target), GEOMETRY.stop + term.common_count)
        term.add_to(equations, params, errors, target)
        add_geometry_prior(equations, params)
        if person is not None:
            equations.hold(torch.arange(SHAPE_DIM, device=target.device))
        change = equations.solve()
        params = step(params, change[:, GEOMETRY])
        errors = errors + change[:, GEOMETRY.stop :]
    return params


def add_geometry_prior(equations: NormalEquations, params: FlameParams) -> None:
    """Shape and expression are N(0, 1), heads look roughly ahead, the jaw opens downwards only."""
    vector = params.to_vector()[:, GEOMETRY]
    sigma, mean = torch.ones_like(vector[0]), torch.zeros_like(vector[0])
    sigma[ROTATION], sigma[JAW] = vector.new_tensor(ROTATION_SIGMA), vector.new_tensor(JAW_SIGMA)
    sigma[CAMERA] = torch.inf
    mean[JAW.start] = JAW_MEAN
    columns = torch.arange(vector.shape[1], device=vector.device)
    equations.add_prior(vector - mean, torch.diag(sigma.square().reciprocal()), columns)


def start(
    term: LandmarkTerm,
    target: Tensor,  # [N, K, 2] on the image plane
) -> FlameParams:
    """The mean head under the scaled orthographic camera that is nearest to the landmarks.

    The least-squares affine camera in closed form, its three rows made a rotation by an SVD. From
    a frontal start Gauss-Newton would explain a turned head by its shape.
    """
    points, root = term.points.template, term.points.joints[0]
    weight = term.sigma.square().mean(dim=1).reciprocal()[:, None]
    weight = weight / weight.sum()
    y_up = target * target.new_tensor(Y_DOWN)
    point_mean, goal_mean = (weight * points).sum(dim=0), (weight * y_up).sum(dim=1)
    centered = points - point_mean
    spread = (weight * centered).T @ centered
    covariance = (weight * centered).T @ (y_up - goal_mean[:, None])  # [N, 3, 2]
    affine = torch.linalg.solve(spread, covariance).transpose(1, 2)
    left, scale, right = torch.linalg.svd(affine, full_matrices=False)
    rows = left @ right
    rotation = torch.cat([rows, torch.linalg.cross(rows[:, :1], rows[:, 1:])], dim=1)
    scale = scale.mean(dim=1, keepdim=True)
    middle = (point_mean - root) @ rotation.transpose(1, 2) + root  # of the turned head
    shift = goal_mean / scale - middle[:, :2]
    vector = target.new_zeros(len(target), PARAM_DIM)
    vector[:, ROTATION], vector[:, JAW.start] = rotation_vector(rotation), JAW_MEAN
    vector[:, CAMERA] = torch.cat([scale, shift], dim=1)
    return FlameParams.from_vector(vector)
