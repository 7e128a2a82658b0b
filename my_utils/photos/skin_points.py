"""Points of the face's skin with their albedo: what a photograph's colors are compared with."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from model.flame import EYE_JOINTS, FLAME, FlameParams, FlameTexture
from model.mesh import vertex_normals
from model.renderer import SH_FACTORS, spherical_harmonics
from model.texture_sampler import TexelTable
from my_utils.photos.open_sky import open_sky
from my_utils.photos.surface_points import SurfacePoints

STRIDE = 3  # texels from one point to the next, in rows and columns
BLUR = 3  # texels in a row over which albedo is averaged
OPEN = 0.8  # of the sky that a point must see to be no fold
LOST = 0.4  # of the light of hidden sky; the rest comes from the skin that hides it


class SkinPoints:
    """M texels of the face mask: points of the surface, and the albedo that codes give them.

    Without the eyeballs and the folds, to which the light of the sky does not come. Where some of
    it is hidden, colors are darker by that (ambient occlusion), which the renderer leaves out.
    """

    def __init__(
        self,
        flame: FLAME,
        texture: FlameTexture,
        texels: TexelTable,
        face_mask: np.ndarray,  # [1, 1, S, S] in [0, 1]
    ):
        self.flame = flame
        device, size = flame.v_template.device, texture.size
        inside = face_mask[0, 0, texels.y, texels.x] > 0.5
        on_grid = (texels.x % STRIDE == 0) & (texels.y % STRIDE == 0)

        def points(chosen: np.ndarray) -> SurfacePoints:
            vertex_ids = torch.from_numpy(texels.vertex_ids[chosen].astype(np.int64))
            barycentric = torch.from_numpy(texels.barycentric[chosen].astype(np.float32))
            return SurfacePoints(flame, vertex_ids.to(device), barycentric.to(device))

        eyeball = flame.lbs_weights[:, EYE_JOINTS].sum(dim=1).cpu().numpy() > 0.5
        on_eyeball = eyeball[texels.vertex_ids].any(axis=1)
        candidates = np.flatnonzero(inside & on_grid & ~on_eyeball)
        sky = open_sky(flame, points(candidates))
        is_open = sky > OPEN
        chosen = candidates[is_open.cpu().numpy()]
        reached = 1 - LOST * (1 - sky[is_open])  # [M] share of the light
        self.surface = points(chosen)
        texel = torch.from_numpy((texels.y * size + texels.x)[chosen].astype(np.int64)).to(device)

        def pick(textures: Tensor) -> Tensor:
            """Averages around the texels [K, 3, M] of textures [K, 3 * S * S], lit by the sky."""
            planes = textures.view(-1, 3, size, size)
            blurred = F.avg_pool2d(planes, BLUR, stride=1, padding=BLUR // 2)
            return reached * blurred.flatten(2)[..., texel]

        self.mean = pick(texture.mean)[0].T  # [M, 3] RGB, 0..255
        self.directions = pick(texture.directions).permute(2, 1, 0)  # [M, 3, K]

    def harmonics(self, params: FlameParams) -> Tensor:
        """What the lighting [N, 9, 3] is multiplied by to shade the points [N, M, 9]."""
        normals = vertex_normals(self.flame(params), self.flame.faces)
        ids = self.surface.vertex_ids
        corners = normals[:, ids] * self.surface.barycentric[..., None]
        basis = spherical_harmonics(F.normalize(corners.sum(dim=2), dim=-1).transpose(1, 2))
        return basis.transpose(1, 2) * basis.new_tensor(SH_FACTORS)

    def albedo(self, params: FlameParams) -> Tensor:
        """Colors [N, M, 3] of the skin below an even white sky, RGB, 0..255."""
        codes = params.texture[:, : self.directions.shape[-1]]
        return self.mean + torch.einsum("nk,mck->nmc", codes, self.directions)


def sample(
    pictures: Tensor,  # [N, C, H, W]
    positions: Tensor,  # [N, M, 2] on the image plane
) -> Tensor:
    """Bilinear values [N, M, C] of pictures; beyond the border that of the border."""
    grid = positions[:, :, None]
    values = F.grid_sample(
        pictures, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return values[..., 0].transpose(1, 2)
