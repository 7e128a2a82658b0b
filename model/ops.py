"""FIR resampling and the leaky ReLU that the generator and the discriminator share.

Both networks of StyleGAN2 filter with one small kernel wherever they change resolution, so that
they stay free of aliasing. A single depthwise convolution is the fastest form of it: two separable
passes, sums of shifted views and filters folded into the weights were all measured slower. Every
function keeps the memory format of its input and can be differentiated twice.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

FIR_TAPS = (1.0, 3.0, 3.0, 1.0)
LEAKY_RELU_SLOPE = 0.2
# Restores the variance that the leaky ReLU takes away. The activation is positively homogeneous,
# gain * lrelu(x) = lrelu(gain * x), hence layers fold the gain into their weights.
LEAKY_RELU_GAIN = math.sqrt(2)


def fir_kernel(channels: int, gain: float = 1.0) -> Tensor:
    """The outer product of [1, 3, 3, 1] with itself, of sum `gain`, as depthwise [C, 1, 4, 4]."""
    taps = torch.tensor(FIR_TAPS)
    kernel = torch.outer(taps, taps)
    return (kernel * (gain / kernel.sum())).repeat(channels, 1, 1, 1)


def blur(
    x: Tensor,  # [N, C, H, W]
    kernel: Tensor,  # [C, 1, 4, 4]
    *,
    padding: int,
    stride: int = 1,
) -> Tensor:
    """Filter each channel after padding all sides with zeros, and keep every stride-th pixel."""
    return F.conv2d(x, kernel, stride=stride, padding=padding, groups=x.shape[1])


def downsample2d(
    x: Tensor,  # [N, C, H, W]
    kernel: Tensor,  # [C, 1, 4, 4] of sum 1
) -> Tensor:
    """Halve the resolution: [N, C, H / 2, W / 2]."""
    return blur(x, kernel, padding=1, stride=2)


def upsample2d(
    x: Tensor,  # [N, C, H, W]
    kernel: Tensor,  # [C, 1, 4, 4] of sum 4
) -> Tensor:
    """Double the resolution: [N, C, 2 H, 2 W]."""
    return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])


def leaky_relu(x: Tensor) -> Tensor:
    """Leaky ReLU in place, without gain: only for a fresh result that nothing else holds."""
    return F.leaky_relu(x, LEAKY_RELU_SLOPE, inplace=True)


def linear_per_pixel(
    x: Tensor,  # [N, C, H, W]
    weight: Tensor,  # [N, O, C]
    bias: Tensor,  # [O]
) -> Tensor:  # [N, O, H, W]
    """A 1x1 convolution with weights of each sample's own, as one batched matrix product.

    Pixels are the rows of the matrix or its columns, as they lie in memory, so that neither the
    result nor the gradient has to be rearranged.
    """
    if x.is_contiguous(memory_format=torch.channels_last):
        pixels = x.flatten(2).transpose(1, 2)
        y = torch.baddbmm(bias, pixels, weight.transpose(1, 2)).transpose(1, 2)
    else:
        y = torch.baddbmm(bias[:, None], weight, x.flatten(2))
    return y.unflatten(2, x.shape[2:])
