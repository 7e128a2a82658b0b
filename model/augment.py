"""Augmentation of what the discriminator sees: against learning photographs by heart.

Photograph or generated face and the condition change together, so the pair still fits; only what
the condition does not fix may change (StyleGAN2-ADA, Karras et al. 2020).
"""

import torch
from torch import Tensor

BRIGHTNESS, CONTRAST = 0.2, 0.5  # deviation of the shift, and of the scale in powers of two
CUTOUT = 0.5  # side of the square, as a share of the picture's


def augment(
    image: Tensor,  # [N, 3, R, R] in [-1, 1]
    condition: Tensor,  # [N, C, R, R] in [-1, 1]
    *,
    colored: int,  # the first channels of the condition that show colours: 3 with a render, else 0
    probability: float,  # of each change, for each sample
    rng: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """The same pairs, some in other colours, some with a square of the picture blanked out."""
    count, size = len(image), image.shape[-1]
    # Columns: shift, scale, cut; their sizes; where the square is.
    chosen = (torch.rand(count, 3, generator=rng) < probability).float()
    shift, scale = (torch.randn(count, 2, generator=rng) * chosen[:, :2]).t()
    center = torch.rand(count, 2, generator=rng)
    changes = torch.stack([BRIGHTNESS * shift, 2 ** (CONTRAST * scale)])
    shift, scale = changes.to(image).view(2, count, 1, 1, 1)
    pixels = (torch.arange(size) + 0.5) / size
    inside = (pixels - center[:, :, None]).abs() < CUTOUT / 2  # [N, 2, R]
    cut = inside[:, 0, :, None] & inside[:, 1, None, :] & (chosen[:, 2] > 0)[:, None, None]
    kept = (~cut[:, None]).to(image)
    seen = torch.cat([image, condition[:, :colored]], dim=1) * scale + shift
    rest = condition[:, colored:] * kept
    seen = seen * kept
    return seen[:, :3], torch.cat([seen[:, 3:], rest], dim=1)
