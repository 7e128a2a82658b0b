"""Resampling, convolution and activation against plain formulas, and under differentiation."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from model.ops import (
    LEAKY_RELU_GAIN,
    LEAKY_RELU_SLOPE,
    blur,
    conv2d,
    downsample2d,
    filter_by_matrix,
    fir_kernel,
    leaky_relu,
    linear_per_pixel,
    upsample2d,
)
from tests.support.plain_networks import upfirdn2d

FAST_AND_PLAIN = {
    "blur after an upsampling convolution": (
        lambda x, kernel: blur(x, 4 * kernel, padding=1),
        lambda x: upfirdn2d(x, padding=(1, 1), gain=4.0),
    ),
    "blur before a 3x3 convolution of stride 2": (
        lambda x, kernel: blur(x, kernel, padding=2),
        lambda x: upfirdn2d(x, padding=(2, 2)),
    ),
    "downsample2d": (downsample2d, lambda x: upfirdn2d(x, down=2, padding=(1, 1))),
    "upsample2d": (
        lambda x, kernel: upsample2d(x, 4 * kernel),
        lambda x: upfirdn2d(x, up=2, padding=(2, 1), gain=4.0),
    ),
    "blur by matrices": (
        lambda x, kernel: filter_by_matrix(x, 4 * kernel, partial(F.conv1d, padding=1)),
        lambda x: upfirdn2d(x, padding=(1, 1), gain=4.0),
    ),
    "downsample2d by matrices": (
        lambda x, kernel: filter_by_matrix(x, kernel, partial(F.conv1d, stride=2, padding=1)),
        lambda x: upfirdn2d(x, down=2, padding=(1, 1)),
    ),
    "upsample2d by matrices": (
        lambda x, kernel: filter_by_matrix(
            x, 4 * kernel, partial(F.conv_transpose1d, stride=2, padding=1)
        ),
        lambda x: upfirdn2d(x, up=2, padding=(2, 1), gain=4.0),
    ),
}


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("name", FAST_AND_PLAIN)
def test_filters_equal_zero_insertion_and_decimation(name, channels_last):
    fast, plain = FAST_AND_PLAIN[name]
    for seed, (batch, channels, size) in enumerate([(1, 3, 4), (2, 16, 8), (5, 7, 6)]):
        random = torch.Generator().manual_seed(seed)
        x = torch.randn(batch, channels, size, size, generator=random, dtype=torch.float64)
        kernel = fir_kernel(channels).double()
        if channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        y = fast(x, kernel)
        torch.testing.assert_close(y, plain(x), rtol=0, atol=1e-12)
        assert not channels_last or y.is_contiguous(memory_format=torch.channels_last)


def test_kernel_is_normalised():
    kernel = fir_kernel(5, gain=4.0)
    assert kernel.shape == (5, 1, 4, 4)
    torch.testing.assert_close(kernel.sum(dim=(1, 2, 3)), torch.full((5,), 4.0))
    torch.testing.assert_close(kernel[2, 0, 1], torch.tensor([1.0, 3.0, 3.0, 1.0]) * 4 * 3 / 64)


def test_upsampling_places_three_quarters_of_the_nearest_pixel():
    x = torch.tensor([[[[16.0, 0.0], [0.0, 0.0]]]])
    row = torch.tensor([12.0, 12.0, 4.0, 0.0]) / 16
    torch.testing.assert_close(
        upsample2d(x, fir_kernel(1, gain=4.0))[0, 0], torch.outer(row, row) * 16
    )


def test_resampling_keeps_a_constant_away_from_the_border():
    x = torch.full((1, 2, 8, 8), 0.7)
    smaller, larger = downsample2d(x, fir_kernel(2)), upsample2d(x, fir_kernel(2, gain=4.0))
    torch.testing.assert_close(smaller[..., 1:-1, 1:-1], torch.full((1, 2, 2, 2), 0.7))
    torch.testing.assert_close(larger[..., 1:-1, 1:-1], torch.full((1, 2, 14, 14), 0.7))


def test_a_margin_is_upsampled_away():
    x, kernel = torch.randn(2, 3, 8, 8), fir_kernel(3, gain=4.0)
    torch.testing.assert_close(
        upsample2d(x, kernel, margin=1), upsample2d(x, kernel)[..., 2:-2, 2:-2]
    )


@pytest.mark.parametrize("name", FAST_AND_PLAIN)
def test_filters_can_be_differentiated_twice(name):
    fast, _ = FAST_AND_PLAIN[name]
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    kernel = fir_kernel(2).double()
    assert torch.autograd.gradgradcheck(lambda x: fast(x, kernel).square(), x, fast_mode=True)


def penalised_gradients(convolve, x, weight, bias):
    """As in a step with R1: the logit's gradient by the image is part of the loss."""
    y = convolve(x, weight, bias)
    logit = y.square().sum()
    (gradient,) = torch.autograd.grad(logit, x, create_graph=True)
    return torch.autograd.grad(logit + gradient.square().sum(), (x, weight, bias))


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    ("taps", "stride", "padding"), [(3, 1, 1), (3, 2, 0), (3, 2, 1), (1, 1, 0)]
)
def test_convolution_has_the_gradients_of_pytorch_s(taps, stride, padding, channels_last):
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    leaves = [torch.randn(shape).double() for shape in ((2, 3, 8, 7), (4, 3, taps, taps), (4,))]
    leaves = [
        leaf.contiguous(memory_format=memory_format) if leaf.ndim == 4 else leaf for leaf in leaves
    ]
    x, weight, bias = (leaf.requires_grad_() for leaf in leaves)
    options = {"stride": stride, "padding": padding}
    y = conv2d(x, weight, bias, **options)
    torch.testing.assert_close(y, F.conv2d(x, weight, bias, **options))
    assert y.is_contiguous(memory_format=memory_format)
    torch.testing.assert_close(
        penalised_gradients(lambda *args: conv2d(*args, **options), x, weight, bias),
        penalised_gradients(lambda *args: F.conv2d(*args, **options), x, weight, bias),
    )


def test_a_gradient_of_the_image_alone_computes_none_of_the_weights():
    x, weight = torch.randn(1, 4, 8, 8, requires_grad=True), torch.randn(4, 4, 3, 3)
    with FlopCounterMode(display=False) as count:
        y = conv2d(x, weight.requires_grad_(), None, padding=1)
    forward = count.get_total_flops()
    with FlopCounterMode(display=False) as count:
        torch.autograd.grad(y.sum(), x, create_graph=True)
    assert count.get_total_flops() == forward


def test_a_second_derivative_that_convolution_lacks_is_refused():
    x, weight = torch.randn(1, 2, 4, 4, requires_grad=True), torch.randn(2, 2, 1, 1)
    y = conv2d(x, weight.requires_grad_(), None)
    (gradient,) = torch.autograd.grad(y.square().sum(), weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_convolution_and_filters_are_in_bfloat16_under_autocast():
    torch.manual_seed(0)
    x, weight, bias = torch.randn(1, 4, 8, 8), torch.randn(4, 4, 3, 3), torch.randn(4)
    leaves = [leaf.requires_grad_() for leaf in (x, weight, bias)]
    with torch.autocast("cpu", torch.bfloat16):
        features = conv2d(x, weight, bias, padding=1)
        y = downsample2d(features, fir_kernel(4))
    assert features.dtype == y.dtype == torch.bfloat16
    expected = downsample2d(F.conv2d(x, weight, bias, padding=1), fir_kernel(4))
    torch.testing.assert_close(y.float(), expected, rtol=0.05, atol=0.05)
    gradients = torch.autograd.grad(y.float().square().sum(), leaves)
    exact = torch.autograd.grad(expected.square().sum(), leaves)
    for gradient, right in zip(gradients, exact, strict=True):
        assert gradient.dtype == torch.float32
        assert (gradient - right).norm() < 0.05 * right.norm()


def test_leaky_relu_has_the_slope_and_works_in_place():
    x = torch.tensor([-5.0, 0.0, 2.0])
    y = leaky_relu(x)
    torch.testing.assert_close(y, torch.tensor([-1.0, 0.0, 2.0]))
    assert y.data_ptr() == x.data_ptr()


def test_leaky_relu_gain_keeps_the_mean_square_of_a_normal_variable():
    assert math.sqrt(2) == LEAKY_RELU_GAIN
    mean_square = LEAKY_RELU_GAIN**2 * (1 + LEAKY_RELU_SLOPE**2) / 2
    assert abs(mean_square - 1) < 0.05


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_linear_per_pixel_keeps_the_memory_format_of_features_and_gradients(memory_format):
    x = torch.randn(3, 5, 4, 6, dtype=torch.float64).contiguous(memory_format=memory_format)
    weight, bias = torch.randn(3, 2, 5).double(), torch.randn(2).double()
    y = linear_per_pixel(x.requires_grad_(), weight, bias)
    expected = torch.einsum("noc,nchw->nohw", weight, x) + bias[:, None, None]
    torch.testing.assert_close(y, expected)
    y.backward(torch.ones_like(y))
    gradient = weight.sum(dim=1)[:, :, None, None].expand_as(x)
    torch.testing.assert_close(x.grad, gradient)
    assert x.grad.is_contiguous(memory_format=memory_format)
