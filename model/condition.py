"""What the networks are conditioned on: renderings of the FLAME mesh, or its bare parameters.

The four kinds are the paper's model and its ablations. One module builds the condition for
training, for every figure and for the viewer, so that channel order and range are written once.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from constants import CONDITION_KINDS

_CHANNELS = {"render": 3, "normal": 3, "render+normal": 6, "vector": 0}


def condition_channels(kind: str) -> int:
    """Channels of the condition image: 3, 3, 6, and 0 for the vector, which is no image."""
    if kind not in _CHANNELS:
        raise ValueError(f"unknown condition {kind!r}, choose one of {', '.join(CONDITION_KINDS)}")
    return _CHANNELS[kind]


def build_condition(
    kind: str,
    *,
    render: Tensor | None = None,  # [N, 3, H, W] in [-1, 1], textured rendering
    normal_map: Tensor | None = None,  # [N, 3, H, W] in [-1, 1]
    params_vector: Tensor | None = None,  # [N, 236]
) -> Tensor:
    """The condition of this kind: [N, 3 or 6, H, W] with the render first, or [N, 236].

    Parts that the kind does not use are ignored, so a caller may pass all it has.
    """
    condition_channels(kind)
    parts: dict[str, Tensor | None] = {}
    if "render" in kind:
        parts["render"] = render
    if "normal" in kind:
        parts["normal_map"] = normal_map
    if kind == "vector":
        parts["params_vector"] = params_vector
    missing = [name for name, part in parts.items() if part is None]
    if missing:
        raise ValueError(f"condition {kind!r} needs {' and '.join(missing)}, which was not given")
    return torch.cat([part for part in parts.values() if part is not None], dim=1)


def shrink(
    image: Tensor,  # [N, C, H, H]
    size: int,
) -> Tensor:
    """Reduce to [N, C, size, size] by averaging whole boxes of pixels; identity at equal size."""
    height, width = image.shape[-2:]
    if height != width or height % size:
        raise ValueError(f"cannot average {height}x{width} pixels exactly down to {size}x{size}")
    return image if height == size else F.avg_pool2d(image, height // size)


def check_condition_image(condition: Tensor | None, channels: int, resolution: int) -> Tensor:
    """The condition, or ValueError unless it is [N, channels, resolution, resolution]."""
    if condition is None or condition.shape[1:] != (channels, resolution, resolution):
        shape = None if condition is None else list(condition.shape)
        raise ValueError(
            f"the condition must be [N, {channels}, {resolution}, {resolution}], not {shape}"
        )
    return condition


def condition_pyramid(
    condition: Tensor,  # [N, C, R, R]
    resolutions: Sequence[int],
    *,
    antialiased: bool = False,
) -> list[Tensor]:
    """The condition at every resolution r, each [N, C, r, r].

    Plain bilinear sampling of the full-size condition, as published: the released weights have
    learned from it. Antialiased are averages over boxes of pixels instead.
    """
    if antialiased:
        return [shrink(condition, r) for r in resolutions]
    return [
        condition
        if condition.shape[-1] == r
        else F.interpolate(condition, size=(r, r), mode="bilinear", align_corners=False)
        for r in resolutions
    ]


class ParameterNormalization(nn.Module):
    """Brings every entry of the parameter vector to mean 0 and deviation 1 over the data set.

    Camera scale, angles and lighting differ by orders of magnitude; the statistics are buffers, so
    they travel with the weights. Before `set_statistics` it is the identity.
    """

    mean: Tensor  # [dim]
    std: Tensor  # [dim]

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Take over mean and deviation, both [dim]; entries that never vary are only centred."""
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 0, std, torch.ones_like(std)))

    def forward(
        self,
        params_vector: Tensor,  # [N, dim]
    ) -> Tensor:
        if params_vector.ndim != 2 or params_vector.shape[1] != len(self.mean):
            raise ValueError(
                f"the parameter vector must be [N, {len(self.mean)}], "
                f"not {list(params_vector.shape)}"
            )
        return (params_vector - self.mean) / self.std
