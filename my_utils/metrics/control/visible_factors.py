"""The six things that parameters decide about a face, each as something visible with a unit.

Parameters cannot be compared number by number: the hundredth component of shape moves nothing that
is seen, the first moves the chin. So each factor is decoded alone, all else neutral, and two faces
are compared in millimetres, degrees or brightness.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from constants import FLAME_SLICES
from model.flame import FlameParams
from model.lbs import batch_rodrigues
from model.renderer import FaceRenderer, spherical_harmonics_shading
from my_utils.data.dataset import MIN_STD

_POSE = FLAME_SLICES["pose"].start
FACTORS = {  # factor: its columns of the parameter vector
    "shape": FLAME_SLICES["shape"],
    "expression": FLAME_SLICES["expression"],
    "pose": slice(_POSE, _POSE + 3),  # of the head
    "jaw": slice(_POSE + 3, _POSE + 6),
    "texture": FLAME_SLICES["texture"],
    "light": FLAME_SLICES["lighting"],
}
UNITS = {
    "shape": "mm",
    "expression": "mm",
    "pose": "degrees",
    "jaw": "mm",
    "texture": "levels of 255",
    "light": "shading",
}
BALL_PIXELS = 32


class VisibleFactors(nn.Module):
    """Decodes single factors with the head model of a renderer.

    The face region is what the face mask shows: of the vertices those whose texture coordinates
    all lie in it, of the albedo its texels.

    Args:
        face_mask: [1, 1, H, W] in [0, 1], the face in the texture, as `Resources.face_mask`.
    """

    region: Tensor  # [R] vertices of the face
    texels: Tensor  # [T] of the flattened albedo
    ball: Tensor  # [1, 3, B, 1] normals of a ball as the camera sees it, pixel by pixel

    def __init__(self, renderer: FaceRenderer, face_mask: np.ndarray):
        super().__init__()
        self.flame, self.texture = renderer.flame, renderer.texture
        mask = torch.from_numpy(face_mask)
        region = face_vertices(renderer, mask).nonzero().squeeze(1)
        albedo_mask = F.interpolate(mask, size=self.texture.size, mode="nearest")
        self.register_buffer("region", region, persistent=False)
        texels = (albedo_mask.flatten() > 0.5).nonzero().squeeze(1)
        self.register_buffer("texels", texels, persistent=False)
        self.register_buffer("ball", ball_normals(), persistent=False)

    @torch.no_grad()
    def decode(
        self,
        factor: str,
        params: FlameParams,  # N rows
    ) -> Tensor:
        """What the factor alone looks like: [N, P, 3].

        Vertices of the face region in millimetres for shape, expression and jaw; the rotation
        matrix for pose; albedo of the face region, 0..255, for texture; for light the shading of
        a ball, where 1 leaves the albedo as it is.
        """
        if factor == "pose":
            return batch_rodrigues(params.pose[:, :3])
        if factor == "texture":
            codes = params.texture[:, : len(self.texture.directions)]
            mean, directions = (
                numbers.unflatten(-1, (3, -1))[..., self.texels].flatten(-2)
                for numbers in (self.texture.mean, self.texture.directions)
            )
            return (mean + codes @ directions).unflatten(1, (3, -1)).mT
        if factor == "light":
            ball = self.ball.expand(len(params), -1, -1, -1)
            return spherical_harmonics_shading(ball, params.lighting).squeeze(3).mT
        vector = params.to_vector()
        alone = torch.zeros_like(vector)
        alone[:, FACTORS[factor]] = vector[:, FACTORS[factor]]
        return 1000 * self.flame(FlameParams.from_vector(alone))[:, self.region]

    def distance(
        self,
        factor: str,
        first: FlameParams,  # N rows
        second: FlameParams,  # N rows
    ) -> Tensor:
        """How far apart two faces are in one factor [N], in its unit.

        Mean distance of vertices; angle of the rotation from one pose to the other; root mean
        square of albedo or shading.
        """
        difference = self.decode(factor, first) - self.decode(factor, second)
        if factor == "pose":  # the chord of the rotation, which is exact for small angles too
            chord = difference.flatten(1).norm(dim=1) / math.sqrt(8)
            return 2 * torch.asin(chord.clamp(max=1)).rad2deg()
        if factor in ("texture", "light"):
            return difference.square().mean(dim=(1, 2)).sqrt()
        return difference.norm(dim=2).mean(dim=1)

    def component_weights(
        self,
        mean: Tensor,  # [236] of the data set
        std: Tensor,  # [236]
    ) -> Tensor:
        """How much each parameter matters to the eye [236]: its share of its factor's variance.

        The mean squared change that one standard deviation of it makes, as parts of one in each
        factor. The camera, which is no factor, and factors that never vary have 0.
        """
        weights = torch.zeros_like(mean)
        for factor, columns in FACTORS.items():
            steps = torch.diag(std)[columns]
            moved = self.decode(factor, FlameParams.from_vector(mean + steps))
            still = self.decode(factor, FlameParams.from_vector(mean[None]))
            effect = (moved - still).square().mean(dim=(1, 2)) * (std[columns] > MIN_STD)
            weights[columns] = effect / effect.sum().clamp(min=torch.finfo(effect.dtype).tiny)
        return weights


def face_vertices(
    renderer: FaceRenderer,
    mask: Tensor,  # [1, 1, H, W]
) -> Tensor:
    """Which vertices [V] lie in the face: all their places in the texture are marked."""
    mesh = renderer.mesh_renderer
    shown = F.grid_sample(mask.to(mesh.uv), mesh.uv[None], mode="nearest", align_corners=False)
    corners = (shown.flatten()[mesh.uv_faces] > 0.5).float().flatten()
    marked = torch.ones(len(renderer.flame.v_template), device=mesh.faces.device)
    marked.scatter_reduce_(0, mesh.faces.flatten(), corners, "amin", include_self=False)
    return marked > 0


def ball_normals() -> Tensor:
    """The normals [1, 3, B, 1] of a ball's visible half, one for each pixel of its picture."""
    place = (torch.arange(BALL_PIXELS) * 2 + 1) / BALL_PIXELS - 1
    y, x = torch.meshgrid(-place, place, indexing="ij")
    z = (1 - x.square() - y.square()).clamp(min=0).sqrt()
    seen = z > 0
    return torch.stack([x[seen], y[seen], z[seen]])[None, :, :, None]
