"""Each layer against its formula: equalised scales, modulation, injection, colours."""

import math

import pytest
import torch
import torch.nn.functional as F

import tests.support.plain_networks as plain
from model.layers import (
    ConditionInjection,
    EqualConv2d,
    EqualLinear,
    StyledConv,
    ToRGB,
    block_resolutions,
    channels_at,
)


def random_tensor(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_block_resolutions_and_channels():
    assert block_resolutions(16) == [4, 8, 16]
    assert block_resolutions(1024)[-1] == 1024
    assert [channels_at(r, 32768, 512) for r in (4, 64, 128, 256, 1024)] == [512, 512, 256, 128, 32]
    for resolution in (0, 8, 48, 2048):
        with pytest.raises(ValueError, match=f"power of two from 16 to 1024, not {resolution}"):
            block_resolutions(resolution)
    with pytest.raises(ValueError, match="no channel at 64 px"):
        channels_at(64, 32, 512)


def test_equal_linear_by_hand():
    layer = EqualLinear(4, 1, bias_init=3.0, lr_multiplier=0.5)
    with torch.no_grad():
        layer.weight.fill_(2.0)
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    # 0.5 / sqrt(4) * 2 * (1 + 2 + 3 + 4) + 0.5 * 3
    assert layer(x).item() == pytest.approx(6.5)


def test_equal_linear_starts_with_unit_deviation_whatever_the_multiplier():
    torch.manual_seed(0)
    x = torch.randn(512, 256)
    for lr_multiplier in (1.0, 0.01):
        layer = EqualLinear(256, 512, lr_multiplier=lr_multiplier)
        assert layer(x).std().item() == pytest.approx(1, abs=0.02)
        assert layer.weight.std().item() * lr_multiplier == pytest.approx(1, abs=0.02)


def test_equal_conv_scales_weights_and_folds_the_gain():
    layer = EqualConv2d(5, 3, 3, stride=2, padding=1, gain=0.7).double()
    with torch.no_grad():
        layer.bias.copy_(random_tensor(1, 3))
    x = random_tensor(0, 2, 5, 8, 8)
    expected = F.conv2d(x, layer.weight / math.sqrt(45), layer.bias, stride=2, padding=1) * 0.7
    torch.testing.assert_close(layer(x), expected)


def test_demodulation_gives_unit_deviation_for_any_style():
    torch.manual_seed(0)
    layer = StyledConv(64, 32, w_dim=16, condition_channels=0, upsample=False)
    style = layer.style(5 * torch.randn(4, 16))
    y = layer.convolve(torch.randn(4, 64, 32, 32) * style[:, :, None, None])
    y = y * layer.demodulation(style)[:, :, None, None]
    torch.testing.assert_close(y.std(dim=(1, 2, 3)), torch.ones(4), rtol=0.05, atol=0)


def test_modulation_starts_at_one():
    layer = StyledConv(9, 4, w_dim=5, condition_channels=0, upsample=False)
    torch.testing.assert_close(layer.style(torch.zeros(2, 5)), torch.full((2, 9), 1 / 9))


@pytest.mark.parametrize("channels", [3, 6])
def test_injection_is_three_plain_convolutions(channels):
    torch.manual_seed(channels)
    injection = ConditionInjection(channels, 32)
    shapes = {name: tuple(p.shape) for name, p in injection.named_parameters()}
    c = channels
    assert shapes == {
        "0.weight": (2 * c, c, 3, 3),
        "0.bias": (2 * c,),
        "2.weight": (4 * c, 2 * c, 3, 3),
        "2.bias": (4 * c,),
        "4.weight": (32, 4 * c, 3, 3),
        "4.bias": (32,),
    }
    assert injection[4].weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert injection[4].weight.mean().abs() < 1e-3
    assert (injection[0].bias == 1e-4).all()

    injection.double()
    condition, bias = random_tensor(0, 2, c, 8, 8), random_tensor(1, 32)
    expected = plain.injection(dict(injection.named_parameters(prefix="stack")), "stack", condition)
    torch.testing.assert_close(injection(condition), expected)
    with_bias = (expected + bias.view(1, -1, 1, 1)) * 1.5
    torch.testing.assert_close(injection(condition, bias=bias, gain=1.5), with_bias)


def test_a_condition_continued_beyond_the_border_draws_no_frame():
    torch.manual_seed(0)
    background = torch.full((1, 6, 16, 16), -1.0)
    published, continued = ConditionInjection(6, 8), ConditionInjection(6, 8, "replicate")
    continued.load_state_dict(published.state_dict())
    with_frame, without = published(background), continued(background)
    torch.testing.assert_close(without, without[..., 8:9, 8:9].expand_as(with_frame))
    torch.testing.assert_close(without[..., 3:-3, 3:-3], with_frame[..., 3:-3, 3:-3])
    frame = (with_frame - without)[..., 0, :].abs().max()
    assert frame > 0.1 * without.abs().max()


@pytest.mark.parametrize("upsample", [False, True])
def test_features_continued_beyond_the_border_are_those_of_a_wider_picture(upsample):
    published, continued = (
        StyledConv(4, 8, 5, condition_channels=0, feature_padding=padding, upsample=upsample)
        for padding in ("zeros", "replicate")
    )
    continued.load_state_dict(published.state_dict())
    x, w = random_tensor(0, 2, 4, 8, 8).float(), random_tensor(1, 2, 5).float()
    wide = published(F.pad(x, [3] * 4, mode="replicate"), w)
    cut = 6 if upsample else 3
    torch.testing.assert_close(continued(x, w), wide[..., cut:-cut, cut:-cut])


def test_colours_continued_beyond_the_border_are_those_of_a_wider_picture():
    published, continued = ToRGB(4, 5), ToRGB(4, 5, "replicate")
    continued.load_state_dict(published.state_dict())
    x, w = torch.zeros(2, 4, 16, 16), random_tensor(1, 2, 5).float()
    image = random_tensor(2, 2, 3, 8, 8).float()
    wide = published(F.pad(x, [4] * 4), w, F.pad(image, [2] * 4, mode="replicate"))
    torch.testing.assert_close(continued(x, w, image), wide[..., 4:-4, 4:-4])


@pytest.mark.parametrize("upsample", [False, True])
@pytest.mark.parametrize("condition_channels", [0, 3])
def test_styled_conv_equals_the_plain_one(upsample, condition_channels):
    layer = StyledConv(
        4, 8, w_dim=5, condition_channels=condition_channels, upsample=upsample
    ).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    x, w = random_tensor(0, 2, 4, 8, 8), random_tensor(1, 2, 5)
    size = 16 if upsample else 8
    condition = random_tensor(2, 2, 3, size, size) if condition_channels else None
    weights = dict(layer.named_parameters(prefix="layer"))
    expected = plain.styled_conv(weights, "layer", x, w, condition, upsample=upsample)
    torch.testing.assert_close(layer(x, w, condition), expected)


@pytest.mark.parametrize("batch", [1, 3])
def test_to_rgb_adds_to_the_upsampled_image(batch):
    layer = ToRGB(4, w_dim=5).double()
    torch.nn.init.normal_(layer.bias)
    x, w = random_tensor(0, batch, 4, 8, 8), random_tensor(1, batch, 5)
    image = random_tensor(2, batch, 3, 4, 4)
    weights = dict(layer.named_parameters(prefix="layer"))
    torch.testing.assert_close(layer(x, w, image), plain.to_rgb(weights, "layer", x, w, image))


def test_layers_stay_in_bfloat16_under_autocast():
    layer = StyledConv(8, 8, w_dim=5, condition_channels=3, upsample=True)
    colours = ToRGB(8, w_dim=5)
    x, w, condition = torch.randn(2, 8, 8, 8), torch.randn(2, 5), torch.randn(2, 3, 16, 16)
    expected = layer(x, w, condition)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x, w, condition)
        rgb = colours(y, w, None)
    assert y.dtype == rgb.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), expected, rtol=0.1, atol=0.1)
