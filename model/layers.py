"""The layers of both networks: equalised learning rate, modulation, and the condition injection.

Constants that StyleGAN2 multiplies onto weights and activations are folded into the smallest
tensor they can be moved to, and a styled convolution scales its activations before and after one
ordinary convolution: the same mathematics as published, at the price of a plain convolution.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.ops import (
    LEAKY_RELU_GAIN,
    blur,
    conv2d,
    fir_kernel,
    leaky_relu,
    linear_per_pixel,
    upsample2d,
)

MIN_RESOLUTION, MAX_RESOLUTION = 16, 1024


def block_resolutions(resolution: int) -> list[int]:
    """4, 8, ..., resolution: the size at which each block of a network works."""
    if not (MIN_RESOLUTION <= resolution <= MAX_RESOLUTION) or resolution & (resolution - 1):
        raise ValueError(
            f"resolution must be a power of two from {MIN_RESOLUTION} to {MAX_RESOLUTION}, "
            f"not {resolution}"
        )
    return [2**k for k in range(2, resolution.bit_length())]


def channels_at(resolution: int, channel_base: int, channel_max: int) -> int:
    """Feature channels at one resolution: min(channel_max, channel_base // resolution)."""
    channels = min(channel_max, channel_base // resolution)
    if channels < 1:
        raise ValueError(
            f"channel_base {channel_base} and channel_max {channel_max} leave no channel at "
            f"{resolution} px: channel_base must be at least {resolution}, channel_max at least 1"
        )
    return channels


class EqualLinear(nn.Module):
    """Linear layer with equalised learning rate (Progressive GAN section 4.1), no activation.

    `lr_multiplier` slows the learning of weight and bias down without changing the function at
    the start, apart from the bias, which is scaled by it too.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias_init: float = 0.0,
        lr_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init))
        self.lr_multiplier = lr_multiplier
        self.scale = lr_multiplier / math.sqrt(in_features)

    def forward(
        self,
        x: Tensor,  # [N, in_features]
    ) -> Tensor:
        return torch.addmm(self.bias, x, self.weight.t(), beta=self.lr_multiplier, alpha=self.scale)


class EqualConv2d(nn.Module):
    """Convolution with equalised learning rate; the result is multiplied by `gain`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.stride, self.padding, self.gain = stride, padding, gain
        self.scale = gain / math.sqrt(in_channels * kernel_size**2)

    def forward(
        self,
        x: Tensor,  # [N, in_channels, H, W]
    ) -> Tensor:
        bias = None if self.bias is None else self.bias * self.gain
        weight = self.weight * self.scale
        return conv2d(x, weight, bias, stride=self.stride, padding=self.padding)


class ConditionInjection(nn.Sequential):
    """GIF's way of conditioning: a learned function of the rendering takes the place of the noise.

    StyleGAN2 adds noise to the result of every styled convolution. GIF (Ghosh et al. 2020) adds
    there a small convolution stack of the condition at that resolution: spatially aligned, not
    modulated by the style, with weights of its own in every layer, and no randomness. It starts
    close to zero, so training starts close to an unconditional StyleGAN2.

    Published convolutions are padded with zeros, of which the background of a rendering (-1) is
    far: each draws a frame. With padding "replicate" the condition goes on beyond its border.
    """

    def __init__(self, condition_channels: int, out_channels: int, padding: str = "zeros") -> None:
        c, p = condition_channels, int(padding == "zeros")
        super().__init__(
            nn.Conv2d(c, 2 * c, kernel_size=3, padding=p),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * c, 4 * c, kernel_size=3, padding=p),
            nn.ReLU(inplace=True),
            nn.Conv2d(4 * c, out_channels, kernel_size=3, padding=p),
        )
        self.margin = 0 if padding == "zeros" else 3  # pixels that unpadded convolutions take off
        for convolution in (self[0], self[2], self[4]):
            weight, bias = convolution.parameters()
            nn.init.normal_(weight, std=0.01)
            nn.init.constant_(bias, 1e-4)

    def forward(
        self,
        condition: Tensor,  # [N, C, r, r]
        *,
        bias: Tensor | float = 0.0,  # [out_channels]
        gain: float = 1.0,
    ) -> Tensor:  # [N, out_channels, r, r]
        """(stack(condition) + bias) * gain, at no cost: both ride on the last convolution."""
        first, relu, second, relu_again, last = self
        features = relu_again(second(relu(first(continued(condition, self.margin)))))
        last_weight, last_bias = last.parameters()
        bias = (last_bias + bias) * gain
        return F.conv2d(features, last_weight * gain, bias, padding=int(not self.margin))


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, plus injected condition, plus bias, then leaky ReLU.

    StyleGAN2 (section 2.2) scales the weights of every sample by its style. Scaling the weights'
    input channels equals scaling the input's channels, and demodulation, which scales their output
    channels, equals scaling the result. So the samples of a batch share one ordinary convolution.

    Published features continue with zeros beyond their border, so that every layer draws a frame
    that the next has to take away; with padding "replicate" the outermost pixels are repeated.
    """

    fir: Tensor | None  # [out_channels, 1, 4, 4], where the layer upsamples

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        *,
        condition_channels: int,
        condition_padding: str = "zeros",
        feature_padding: str = "zeros",
        upsample: bool,
    ) -> None:
        super().__init__()
        self.margin = int(feature_padding == "replicate")
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.modulation = EqualLinear(w_dim, in_channels, bias_init=1.0)
        self.scale = 1 / math.sqrt(in_channels * 3**2)
        fir = fir_kernel(out_channels, gain=4.0) if upsample else None
        self.register_buffer("fir", fir, persistent=False)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.injection = (
            ConditionInjection(condition_channels, out_channels, condition_padding)
            if condition_channels
            else None
        )

    def style(
        self,
        w: Tensor,  # [N, w_dim]
    ) -> Tensor:
        """The factor of every input channel, [N, in_channels], equalised scale included."""
        return self.modulation(w) * self.scale

    def demodulation(
        self,
        style: Tensor,  # [N, in_channels]
    ) -> Tensor:
        """The factor [N, out_channels] that brings the expected deviation back to one (eq. 3)."""
        energy = self.weight.square().sum(dim=(2, 3))
        return torch.rsqrt(style.square() @ energy.t() + 1e-8)

    def convolve(
        self,
        x: Tensor,  # [N, in_channels, H, W]
    ) -> Tensor:
        """The bare convolution, to twice the resolution where the layer upsamples."""
        x, margin = continued(x, self.margin), self.margin
        if self.fir is None:
            return F.conv2d(x, self.weight, padding=1 - margin)
        x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2, padding=margin)
        return blur(x, self.fir, padding=1 - margin)

    def forward(
        self,
        x: Tensor,  # [N, in_channels, H, W]
        w: Tensor,  # [N, w_dim]
        condition: Tensor | None = None,  # [N, C, r, r] at the resolution of the result
    ) -> Tensor:
        style = self.style(w)
        y = self.convolve(x * per_channel(style))
        factor = per_channel(self.demodulation(style) * LEAKY_RELU_GAIN).to(y.dtype)
        if self.injection is None:
            bias = per_channel(self.bias[None] * LEAKY_RELU_GAIN).to(y.dtype)
            return leaky_relu(torch.addcmul(bias, y, factor))
        injected = self.injection(condition, bias=self.bias, gain=LEAKY_RELU_GAIN)
        return leaky_relu(injected.addcmul_(y, factor))


class ToRGB(nn.Module):
    """Reads colours out of the features and adds them to the upsampled image of the block before.

    A modulated 1x1 convolution without demodulation. With three outputs the weights are far
    smaller than the features, so here the weights are modulated, in a batched matrix product.
    """

    fir: Tensor  # [3, 1, 4, 4]

    def __init__(self, in_channels: int, w_dim: int, feature_padding: str = "zeros") -> None:
        super().__init__()
        self.margin = int(feature_padding == "replicate")
        self.weight = nn.Parameter(torch.randn(3, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.modulation = EqualLinear(w_dim, in_channels, bias_init=1.0)
        self.scale = 1 / math.sqrt(in_channels)
        self.register_buffer("fir", fir_kernel(3, gain=4.0), persistent=False)

    def forward(
        self,
        x: Tensor,  # [N, in_channels, H, W]
        w: Tensor,  # [N, w_dim]
        image: Tensor | None,  # [N, 3, H / 2, W / 2], None in the first block
    ) -> Tensor:
        style = self.modulation(w) * self.scale
        weight = self.weight.flatten(1) * style[:, None]  # [N, 3, in_channels]
        rgb = linear_per_pixel(x, weight, self.bias)
        if image is None:
            return rgb
        return rgb + upsample2d(continued(image, self.margin), self.fir, margin=self.margin)


def continued(
    x: Tensor,  # [N, C, H, W]
    margin: int,
) -> Tensor:
    """Repeat the outermost pixels beyond the border, where there is a margin."""
    return F.pad(x, [margin] * 4, mode="replicate") if margin else x


def per_channel(factor: Tensor) -> Tensor:
    """[N, C] -> [N, C, 1, 1], to scale feature maps."""
    return factor[:, :, None, None]
