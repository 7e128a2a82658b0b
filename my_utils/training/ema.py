"""The averaged generator: what samples, measures and exports use instead of the trained one."""

import torch
from torch import Tensor, nn


def ema_decay(batch: int, half_life_kimg: float) -> float:
    """Decay of one step of `batch` images, so that the average forgets by images, not steps.

    Batch 16 and 5 kimg give the published 0.5 ** (32 / 10000).
    """
    return 0.5 ** (batch / (half_life_kimg * 1000))


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, *, decay: float) -> None:
    """Move the parameters of `average` towards `model`; buffers are not learned and stay."""
    own: list[Tensor] = list(average.parameters())
    other: list[Tensor] = list(model.parameters())
    torch._foreach_lerp_(own, other, 1 - decay)
