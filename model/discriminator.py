"""The discriminator: is this photograph real, and does it belong to this condition?

StyleGAN2's residual discriminator. Condition images are seen beside the photograph as further
channels; a condition vector enters as a projection of the last features.
"""

import math

import torch
from torch import Tensor, nn

from constants import PARAM_DIM
from model.condition import (
    ParameterNormalization,
    check_condition_image,
    condition_channels,
)
from model.layers import EqualConv2d, EqualLinear, block_resolutions, channels_at
from model.ops import LEAKY_RELU_GAIN, blur, downsample2d, fir_kernel, leaky_relu

MAX_GROUP = 4


def minibatch_stddev(
    x: Tensor,  # [N, C, H, W]
    kinds: int = 1,  # of samples, which alternate
) -> Tensor:  # [N, C + 1, H, W]
    """Append the mean deviation of the features within groups of samples as one channel.

    It lets the discriminator notice a lack of variety (Progressive GAN section 3). Groups have four
    samples of one kind, or the largest divisor of a kind's number below; sample n belongs to group
    n modulo the number of groups.
    """
    batch, _, height, width = x.shape
    group = max(size for size in range(1, MAX_GROUP + 1) if batch // kinds % size == 0)
    groups = x.unflatten(0, (group, batch // group))
    deviation = torch.sqrt(groups.var(dim=0, correction=0) + 1e-8).mean(dim=(1, 2, 3))
    channel = deviation.repeat(group)[:, None, None, None].expand(-1, 1, height, width)
    return torch.cat([x, channel], dim=1)


class ResidualBlock(nn.Module):
    """Two convolutions beside a 1x1 shortcut, to half the resolution.

    The sum is divided by sqrt(2): the shortcut's weights take that factor, and in the second
    convolution it cancels the gain of the activation.
    """

    fir: Tensor  # [in_channels, 1, 4, 4]

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv0 = EqualConv2d(in_channels, in_channels, 3, padding=1, gain=LEAKY_RELU_GAIN)
        self.conv1 = EqualConv2d(
            in_channels, out_channels, 3, stride=2, gain=LEAKY_RELU_GAIN / math.sqrt(2)
        )
        self.skip = EqualConv2d(in_channels, out_channels, 1, bias=False, gain=1 / math.sqrt(2))
        self.register_buffer("fir", fir_kernel(in_channels), persistent=False)

    def forward(
        self,
        x: Tensor,  # [N, in_channels, H, W]
    ) -> Tensor:  # [N, out_channels, H / 2, W / 2]
        shortcut = self.skip(downsample2d(x, self.fir))
        x = leaky_relu(self.conv0(x))
        x = leaky_relu(self.conv1(blur(x, self.fir, padding=2)))
        return x + shortcut


class Discriminator(nn.Module):
    """Image and condition to one logit per sample; the defaults are the published 256 px model.

    Images of several kinds, photographs and generated ones, can be judged in one pass: [N, K, ...]
    instead of [N, ...], with as many conditions. Only images of a kind are compared for variety.

    The features take the memory format of the inputs, see Generator.
    """

    def __init__(
        self,
        resolution: int = 256,
        condition_kind: str = "render+normal",
        channel_base: int = 32768,
        channel_max: int = 512,
    ) -> None:
        super().__init__()
        sizes = block_resolutions(resolution)[::-1]
        channels = [channels_at(r, channel_base, channel_max) for r in sizes]
        last = channels[-1]
        self.resolution, self.condition_kind = resolution, condition_kind
        self.condition_channels = condition_channels(condition_kind)
        self.from_rgb = EqualConv2d(
            3 + self.condition_channels, channels[0], 1, gain=LEAKY_RELU_GAIN
        )
        self.blocks = nn.ModuleList(
            ResidualBlock(wide, narrow)
            for wide, narrow in zip(channels[:-1], channels[1:], strict=True)
        )
        self.final_conv = EqualConv2d(last + 1, last, 3, padding=1, gain=LEAKY_RELU_GAIN)
        self.hidden = EqualLinear(last * 4 * 4, last)
        self.logit = EqualLinear(last, 1)
        if condition_kind == "vector":
            self.normalization = ParameterNormalization(PARAM_DIM)
            self.embedding = EqualLinear(PARAM_DIM, last)

    def forward(
        self,
        image: Tensor,  # [N, 3, R, R] in [-1, 1]
        condition: Tensor,  # [N, C, R, R] in [-1, 1]; [N, 236] for the kind "vector"
    ) -> Tensor:  # [N, 1]; [N, K] of K kinds
        kinds = 1
        if image.ndim == 5:
            kinds = image.shape[1]
            image, condition = image.flatten(0, 1), condition.flatten(0, 1)
        if image.shape[1:] != (3, self.resolution, self.resolution):
            raise ValueError(
                f"the image must be [N, 3, {self.resolution}, {self.resolution}], "
                f"not {list(image.shape)}"
            )
        x = image
        if self.condition_channels:
            check_condition_image(condition, self.condition_channels, self.resolution)
            x = torch.cat([image, condition], dim=1)
        x = leaky_relu(self.from_rgb(x))
        for block in self.blocks:
            x = block(x)
        x = leaky_relu(self.final_conv(minibatch_stddev(x, kinds)))
        features = leaky_relu(self.hidden(x.flatten(1)))
        logits = self.logit(features)
        if self.condition_kind == "vector":
            logits = logits + self._projection(features, condition)
        return logits.view(-1, kinds)

    def _projection(
        self,
        features: Tensor,  # [N, C]
        vector: Tensor,  # [N, 236]
    ) -> Tensor:  # [N, 1]
        """How well the features fit the parameters (projection discriminator, Miyato & Koyama)."""
        embedded = self.embedding(self.normalization(vector))
        return (embedded * features).sum(dim=1, keepdim=True) / math.sqrt(features.shape[1])
