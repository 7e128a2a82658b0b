"""GIF's own loss, with the live renderings it needs: one face keeps one skin in every pose.

The paper's texture-consistency loss (section 3.3). The generator is shown faces between those of
the batch, all in one skin, light and style, and what it paints is compared in texture space.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from model.condition import build_condition, shrink
from model.flame import FlameParams
from model.losses import sample_texture_pairs, texture_consistency_loss
from model.renderer import FaceRenderer
from model.texture_sampler import TextureSampler
from my_utils.faces.sampling import interpolate_neighbours
from my_utils.runs.config import RunConfig


@dataclass(frozen=True)
class TextureLoss:
    """The texture-consistency loss over live renderings of interpolated faces (GIF, sec. 3.3)."""

    config: RunConfig
    renderer: FaceRenderer
    sampler: TextureSampler
    face_mask: Tensor  # [1, 1, 256, 256] in [0, 1]

    @property
    def floor(self) -> Tensor:
        """The loss of equal skins, which no training moves: what is reported is above it."""
        return self.face_mask.mean() / 2

    def __call__(
        self,
        generator: Callable[[Tensor, Tensor], Tensor],  # of z and condition
        params: FlameParams,  # N rows
        rng: torch.Generator,
    ) -> Tensor:
        """Generate faces between the rows of `params` in one style, and compare their skins.

        N rows give N - 1 faces and as many random pairs of them.
        """
        params = interpolate_neighbours(params, torch.rand((), generator=rng).item())
        with torch.no_grad():
            rendering = self.renderer(params)
            vertices = self.renderer.flame(params)
        condition = build_condition(
            self.config.condition,
            render=shrink(rendering.image, self.config.resolution),
            normal_map=shrink(rendering.normal_map, self.config.resolution),
        )
        style = torch.randn((1, self.config.z_dim), generator=rng).to(condition)
        image = generator(style.expand(len(params), -1), condition)
        sample = self.sampler(image, vertices, params.camera)
        pairs = sample_texture_pairs(len(params), generator=rng)
        return texture_consistency_loss(sample.texture, sample.visibility, self.face_mask, pairs)
