"""The same networks written plainly: the slow twin that the fast ones must agree with.

Everything follows the formulas one by one: per-sample weights in one grouped convolution, filters
by zero insertion, padding and decimation, gains where the papers put them. The functions take a
state dict of the fast networks, so the two share every weight.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]


def upfirdn2d(
    x: Tensor,  # [N, C, H, W]
    *,
    up: int = 1,
    down: int = 1,
    padding: tuple[int, int],  # before and after, both axes
    gain: float = 1.0,
) -> Tensor:
    """Insert zeros, pad, correlate with the [1, 3, 3, 1] filter, keep every down-th pixel."""
    batch, channels, height, width = x.shape
    spread = x.new_zeros(batch, channels, height * up, width * up)
    spread[:, :, ::up, ::up] = x
    spread = F.pad(spread, (*padding, *padding))
    taps = x.new_tensor([1.0, 3.0, 3.0, 1.0])
    kernel = gain * taps[:, None] * taps / 64
    filtered = F.conv2d(spread, kernel.expand(channels, 1, 4, 4), groups=channels)
    return filtered[:, :, ::down, ::down]


def linear(weights: Weights, name: str, x: Tensor, *, lr_multiplier: float = 1.0) -> Tensor:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return F.linear(x, weight * lr_multiplier / math.sqrt(x.shape[1]), bias * lr_multiplier)


def conv(weights: Weights, name: str, x: Tensor, *, stride: int = 1, padding: int = 0) -> Tensor:
    weight = weights[f"{name}.weight"]
    scale = 1 / math.sqrt(weight[0].numel())
    return F.conv2d(x, weight * scale, stride=stride, padding=padding)


def activate(x: Tensor, bias: Tensor) -> Tensor:
    return math.sqrt(2) * F.leaky_relu(x + bias.view(1, -1, 1, 1), 0.2)


def modulated_conv2d(
    x: Tensor,  # [N, C, H, W]
    weight: Tensor,  # [O, C, k, k]
    style: Tensor,  # [N, C]
    *,
    demodulate: bool,
    upsample: bool,
) -> Tensor:
    """Every sample has weights of its own: N groups in one convolution."""
    batch, in_channels, height, width = x.shape
    out_channels, _, size, _ = weight.shape
    scale = 1 / math.sqrt(in_channels * size**2)
    weight = scale * weight * style[:, None, :, None, None]  # [N, O, C, k, k]
    if demodulate:
        weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
    x = x.reshape(1, batch * in_channels, height, width)
    if upsample:
        weight = weight.transpose(1, 2).reshape(batch * in_channels, out_channels, size, size)
        y = F.conv_transpose2d(x, weight, stride=2, groups=batch)
    else:
        y = F.conv2d(x, weight.flatten(0, 1), padding=size // 2, groups=batch)
    y = y.view(batch, out_channels, *y.shape[2:])
    return upfirdn2d(y, padding=(1, 1), gain=4.0) if upsample else y


def injection(weights: Weights, name: str, condition: Tensor) -> Tensor:
    x = condition
    for layer in (0, 2, 4):
        weight, bias = weights[f"{name}.{layer}.weight"], weights[f"{name}.{layer}.bias"]
        x = F.conv2d(F.relu(x) if layer else x, weight, bias, padding=1)
    return x


def styled_conv(
    weights: Weights, name: str, x: Tensor, w: Tensor, condition: Tensor | None, *, upsample: bool
) -> Tensor:
    style = linear(weights, f"{name}.modulation", w)
    x = modulated_conv2d(x, weights[f"{name}.weight"], style, demodulate=True, upsample=upsample)
    if condition is not None:
        size = x.shape[2:]
        level = F.interpolate(condition, size=size, mode="bilinear", align_corners=False)
        x = x + injection(weights, f"{name}.injection", level)
    return activate(x, weights[f"{name}.bias"])


def to_rgb(weights: Weights, name: str, x: Tensor, w: Tensor, image: Tensor | None) -> Tensor:
    style = linear(weights, f"{name}.modulation", w)
    rgb = modulated_conv2d(x, weights[f"{name}.weight"], style, demodulate=False, upsample=False)
    rgb = rgb + weights[f"{name}.bias"].view(1, 3, 1, 1)
    return rgb if image is None else rgb + upfirdn2d(image, up=2, padding=(2, 1), gain=4.0)


def pixel_norm(x: Tensor) -> Tensor:
    return x / torch.sqrt((x**2).mean(dim=1, keepdim=True) + 1e-8)


def normalized_vector(weights: Weights, prefix: str, vector: Tensor) -> Tensor:
    mean, std = weights[f"{prefix}normalization.mean"], weights[f"{prefix}normalization.std"]
    return (vector - mean) / std


def mapping(weights: Weights, z: Tensor, vector: Tensor | None) -> Tensor:
    x = pixel_norm(z)
    if vector is not None:
        vector = normalized_vector(weights, "mapping.", vector)
        x = torch.cat([x, pixel_norm(linear(weights, "mapping.embedding", vector))], dim=1)
    layer = 0
    while f"mapping.layers.{layer}.weight" in weights:
        x = F.leaky_relu(linear(weights, f"mapping.layers.{layer}", x, lr_multiplier=0.01), 0.2)
        layer += 1
    return x


def plain_generator(
    weights: Weights,  # state dict of a Generator
    z: Tensor,  # [N, z_dim]
    condition: Tensor,  # [N, C, R, R] or [N, 236]
) -> Tensor:
    vector = condition if condition.ndim == 2 else None
    condition_image = None if condition.ndim == 2 else condition
    w = mapping(weights, z, vector)
    x, image = weights["synthesis.constant"].repeat(len(z), 1, 1, 1), None
    block = 0
    while (name := f"synthesis.blocks.{block}") + ".conv0.weight" in weights:
        upsample = block > 0
        x = styled_conv(weights, f"{name}.conv0", x, w, condition_image, upsample=upsample)
        if upsample:
            x = styled_conv(weights, f"{name}.conv1", x, w, condition_image, upsample=False)
        image = to_rgb(weights, f"{name}.to_rgb", x, w, image)
        block += 1
    return image


def minibatch_stddev(x: Tensor) -> Tensor:
    """One sample, one group at a time."""
    batch = len(x)
    group = next(size for size in (4, 3, 2, 1) if batch % size == 0)
    groups = batch // group
    channel = []
    for n in range(batch):
        members = x[n % groups :: groups]
        variance = ((members - members.mean(dim=0)) ** 2).mean(dim=0)
        channel.append(torch.sqrt(variance + 1e-8).mean().expand(1, 1, *x.shape[2:]))
    return torch.cat([x, torch.cat(channel)], dim=1)


def plain_discriminator(
    weights: Weights,  # state dict of a Discriminator
    image: Tensor,  # [N, 3, R, R]
    condition: Tensor,  # [N, C, R, R] or [N, 236]
) -> Tensor:
    x = image if condition.ndim == 2 else torch.cat([image, condition], dim=1)
    x = activate(conv(weights, "from_rgb", x), weights["from_rgb.bias"])
    block = 0
    while (name := f"blocks.{block}") + ".conv0.weight" in weights:
        y = activate(conv(weights, f"{name}.conv0", x, padding=1), weights[f"{name}.conv0.bias"])
        y = conv(weights, f"{name}.conv1", upfirdn2d(y, padding=(2, 2)), stride=2)
        y = activate(y, weights[f"{name}.conv1.bias"])
        x = conv(weights, f"{name}.skip", upfirdn2d(x, padding=(1, 1)), stride=2)
        x = (x + y) / math.sqrt(2)
        block += 1
    x = conv(weights, "final_conv", minibatch_stddev(x), padding=1)
    x = activate(x, weights["final_conv.bias"]).reshape(len(image), -1)
    features = F.leaky_relu(linear(weights, "hidden", x), 0.2)
    logits = linear(weights, "logit", features)
    if condition.ndim == 2:
        embedded = linear(weights, "embedding", normalized_vector(weights, "", condition))
        fit = (embedded * features).sum(dim=1, keepdim=True) / math.sqrt(features.shape[1])
        logits = logits + fit
    return logits
