"""Resampling, convolution and activation that the generator and the discriminator share.

Both networks of StyleGAN2 filter with one small kernel wherever they change resolution, so that
they stay free of aliasing. On a CPU a single depthwise convolution is the fastest form of it: two
separable passes, sums of shifted views and filters folded into the weights were all measured
slower; on a GPU it is the slowest. Every function keeps the memory format of its input.

R1 differentiates the discriminator's gradient once more. PyTorch's second derivative of a
convolution takes each channel of a group, and whole images as kernels, one by one; here every
derivative is an ordinary convolution again, which makes a step with R1 one and a half times faster.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

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
    if x.is_cuda:
        return filter_by_matrix(x, kernel, partial(F.conv1d, stride=stride, padding=padding))
    return _Filter.apply(*_autocast(x, kernel), stride, padding)


def downsample2d(
    x: Tensor,  # [N, C, H, W]
    kernel: Tensor,  # [C, 1, 4, 4] of sum 1
) -> Tensor:
    """Halve the resolution: [N, C, H / 2, W / 2]."""
    return blur(x, kernel, padding=1, stride=2)


def upsample2d(
    x: Tensor,  # [N, C, H, W]
    kernel: Tensor,  # [C, 1, 4, 4] of sum 4
    *,
    margin: int = 0,
) -> Tensor:
    """Double the resolution of all but a margin: [N, C, 2 (H - 2 margin), 2 (W - 2 margin)]."""
    padding = 1 + 2 * margin
    if x.is_cuda:
        return filter_by_matrix(x, kernel, partial(F.conv_transpose1d, stride=2, padding=padding))
    return F.conv_transpose2d(x, kernel, stride=2, padding=padding, groups=x.shape[1])


def conv2d(
    x: Tensor,  # [N, C, H, W]
    weight: Tensor,  # [O, C, k, k]
    bias: Tensor | None,  # [O]
    *,
    stride: int = 1,
    padding: int = 0,
) -> Tensor:
    """F.conv2d whose gradient of `x` can be differentiated again, at full speed.

    The gradients of weight and bias can not.
    """
    x, weight = _autocast(x, weight)
    bias = None if bias is None else bias.to(x.dtype)
    link = _ByWeight.apply(x.detach(), weight, bias, stride, padding)
    return _ByInput.apply(x, weight, bias, stride, padding, link)


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


def filter_by_matrix(
    x: Tensor,  # [N, C, H, W]
    kernel: Tensor,  # [C, 1, k, k], of each channel the same outer product
    resample: Callable[[Tensor, Tensor], Tensor],  # of rows [L, 1, L] with taps [1, 1, k]
) -> Tensor:
    """A filter, with what it does to the resolution, as one matrix for each direction.

    A GPU multiplies matrices of mostly zeros several times faster than it filters channels one by
    one, above all in channels_last: filters were half the time of a training step (H100).
    """
    taps = kernel[:1, 0].sum(dim=1, keepdim=True)  # the gain is in both directions
    taps = taps * kernel[0].sum().rsqrt()
    vertical, horizontal = (
        resample(torch.eye(size, device=x.device, dtype=taps.dtype)[:, None], taps)[:, 0].t()
        for size in x.shape[2:]
    )
    pixels = horizontal @ x.permute(0, 2, 3, 1)
    pixels = (vertical @ pixels.flatten(2)).unflatten(2, pixels.shape[2:])
    return pixels.permute(0, 3, 1, 2)


class _Filter(Function):
    """Depthwise convolution with a constant kernel; its derivative is `_Spread`."""

    @staticmethod
    def forward(ctx, x, kernel, stride, padding):
        ctx.save_for_backward(kernel)
        ctx.options = stride, padding, x.shape[2:]
        return F.conv2d(x, kernel, stride=stride, padding=padding, groups=x.shape[1])

    @staticmethod
    def backward(ctx, gradient):
        return _Spread.apply(gradient, *ctx.saved_tensors, *ctx.options), None, None, None


class _Spread(Function):
    """The gradient of `_Filter`; its derivative is `_Filter`."""

    @staticmethod
    def forward(ctx, gradient, kernel, stride, padding, size):
        ctx.save_for_backward(kernel)
        ctx.options = stride, padding
        return _conv2d_transposed(gradient, kernel, stride, padding, size, groups=len(kernel))

    @staticmethod
    def backward(ctx, gradient):
        return _Filter.apply(gradient, *ctx.saved_tensors, *ctx.options), None, None, None, None


# A convolution y = x * W, with g = dL/dy, has two gradients:
#
#     dL/dx = g *^T W     the transposed convolution of g            (_ByInput)
#     dL/dW = x *^W g     the correlation of the input with g        (_ByWeight)
#     y     = _ByInput(x) + 0, where 0 is the result of _ByWeight    (conv2d)
#
# R1 asks for dL/dx alone and then differentiates it by W. A Function knows only what may be asked
# of it, not what is, so a single one would compute dL/dW then for nothing. As a node of its own,
# which `link` hands g to, it is reached only where autograd is on its way to the weights. The first
# equation is made of convolutions that autograd knows; the second is torch's own kernel, and is
# never differentiated.


class _ByInput(Function):
    """A convolution as a function of its input alone; `link` takes the gradient to `_ByWeight`."""

    @staticmethod
    def forward(ctx, x, weight, bias, stride, padding, link):
        ctx.save_for_backward(weight)
        ctx.options = stride, padding, x.shape[2:]
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx, gradient):
        by_x = None
        if ctx.needs_input_grad[0]:
            by_x = _conv2d_transposed(gradient, *ctx.saved_tensors, *ctx.options)
        return by_x, None, None, None, None, gradient


class _ByWeight(Function):
    """Nothing, in the shape of the convolution's result, with the gradient of weight and bias.

    On its own, so that a gradient of the input alone (R1's) does not compute them.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, stride, padding):
        ctx.save_for_backward(x, weight)
        ctx.options = stride, padding, bias is not None
        height, width = (
            (size + 2 * padding - taps) // stride + 1
            for size, taps in zip(x.shape[2:], weight.shape[2:], strict=True)
        )
        return x.new_zeros(()).expand(len(x), len(weight), height, width)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        stride, padding, has_bias = ctx.options
        _, by_weight, by_bias = torch.ops.aten.convolution_backward(
            gradient,
            x,
            weight,
            bias_sizes=[len(weight)],
            stride=[stride, stride],
            padding=[padding, padding],
            dilation=[1, 1],
            transposed=False,
            output_padding=[0, 0],
            groups=1,
            output_mask=[False, True, has_bias],
        )
        return None, by_weight, by_bias, None, None


def _conv2d_transposed(
    gradient: Tensor,  # [N, O, h, w]
    weight: Tensor,  # [O, C, k, k]
    stride: int,
    padding: int,
    size: Sequence[int],
    groups: int = 1,
) -> Tensor:  # [N, C, *size]
    """The gradient of a convolution's input."""
    rest = [
        (length + 2 * padding - taps) % stride
        for length, taps in zip(size, weight.shape[2:], strict=True)
    ]
    return F.conv_transpose2d(gradient, weight, None, stride, padding, rest, groups)


def _autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """In the type that convolutions have under autocast, which a Function does not see."""
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return tensors
    return tuple(tensor.to(torch.get_autocast_dtype(device)) for tensor in tensors)
