"""Conditions: channel order, exact reduction, the published pyramid, parameter statistics."""

import pytest
import torch

from constants import PARAM_DIM
from model.condition import (
    CONDITION_KINDS,
    ParameterNormalization,
    build_condition,
    condition_channels,
    condition_pyramid,
    shrink,
)


def test_channels_of_every_kind():
    assert [condition_channels(kind) for kind in CONDITION_KINDS] == [3, 3, 6, 0]
    with pytest.raises(ValueError, match="'texture'.*render, normal, render\\+normal, vector"):
        condition_channels("texture")


def test_render_comes_before_the_normal_map():
    render, normal_map = torch.full((2, 3, 4, 4), 0.25), torch.full((2, 3, 4, 4), -0.5)
    params = torch.randn(2, PARAM_DIM)
    everything = {"render": render, "normal_map": normal_map, "params_vector": params}
    both = build_condition("render+normal", **everything)
    assert both.shape == (2, 6, 4, 4)
    assert (both[:, :3] == 0.25).all() and (both[:, 3:] == -0.5).all()
    assert torch.equal(build_condition("render", **everything), render)
    assert torch.equal(build_condition("normal", **everything), normal_map)
    assert torch.equal(build_condition("vector", **everything), params)


@pytest.mark.parametrize(
    ("kind", "missing"),
    [("render", "render"), ("render+normal", "normal_map"), ("vector", "params_vector")],
)
def test_a_missing_part_is_named(kind, missing):
    given = {"render": torch.zeros(1, 3, 4, 4)} if missing != "render" else {}
    with pytest.raises(ValueError, match=missing):
        build_condition(kind, **given)


def test_shrink_averages_boxes_exactly():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    expected = torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]])
    assert torch.equal(shrink(image, 2), expected)
    assert shrink(image, 4) is image
    for size in (3, 8):
        with pytest.raises(ValueError, match=f"4x4 pixels exactly down to {size}x{size}"):
            shrink(image, size)


def test_pyramid_samples_the_full_size_without_antialiasing():
    condition = torch.randn(2, 6, 256, 256)
    levels = condition_pyramid(condition, [4, 128, 256])
    assert [level.shape for level in levels] == [(2, 6, r, r) for r in (4, 128, 256)]
    # 4 px look at source coordinates 31.5, 95.5, 159.5, 223.5: the mean of 2 x 2 pixels.
    corner = condition[:, :, 95:97, 223:225].mean(dim=(2, 3))
    torch.testing.assert_close(levels[0][:, :, 1, 3], corner)
    halves = condition.unflatten(3, (128, 2)).unflatten(2, (128, 2)).mean(dim=(3, 5))
    torch.testing.assert_close(levels[1], halves)
    assert levels[2] is condition


def test_pyramid_of_a_constant_is_constant():
    for level in condition_pyramid(torch.full((1, 3, 32, 32), -0.3), [4, 8, 16, 32]):
        torch.testing.assert_close(level, torch.full_like(level, -0.3))


def test_an_antialiased_pyramid_averages_boxes():
    condition = torch.rand(1, 3, 32, 32)
    levels = condition_pyramid(condition, [4, 32], antialiased=True)
    boxes = condition.unflatten(3, (4, 8)).unflatten(2, (4, 8)).mean(dim=(3, 5))
    torch.testing.assert_close(levels[0], boxes)
    assert levels[1] is condition


def test_normalization_uses_its_statistics_and_survives_constant_entries():
    normalization = ParameterNormalization(3)
    vector = torch.tensor([[5.0, 2.0, 7.0]])
    assert torch.equal(normalization(vector), vector)
    normalization.set_statistics(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 0.5, 0.0]))
    assert torch.equal(normalization(vector), torch.tensor([[2.0, 0.0, 4.0]]))
    assert set(normalization.state_dict()) == {"mean", "std"}
    with pytest.raises(ValueError, match=r"\[N, 3\], not \[1, 4\]"):
        normalization(torch.zeros(1, 4))
