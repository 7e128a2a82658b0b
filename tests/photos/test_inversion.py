import copy

import pytest
import torch
import torch.nn.functional as F

from model.generator import Generator
from my_utils.photos.inversion import (
    Views,
    find_style,
    head_weight,
    picture_loss,
    tune_weights,
)

SIZE = 16


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    made = Generator(SIZE, "normal", z_dim=8, w_dim=8, mapping_layers=2, channel_base=128)
    made.mapping.mean_w.copy_(made.average_w())
    return made.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def photograph(generator):
    """What another generator, much like this one, draws in a style that differs by block."""
    rng = torch.Generator().manual_seed(1)
    condition = torch.rand(1, 3, SIZE, SIZE, generator=rng) * 2 - 1
    w = generator.mapping(torch.randn(3, 8, generator=rng))[None]
    another = copy.deepcopy(generator)
    for weight in another.synthesis.parameters():
        weight += 0.1 * torch.randn(weight.shape, generator=rng)
    image = another.synthesis(w, condition)
    return Views(condition, image, torch.ones(1, 1, SIZE, SIZE))


def error(generator, style, views):
    return float((generator.synthesis(style, views.condition) - views.image).abs().mean())


def test_the_loss_is_the_weighted_difference_at_every_size():
    rng = torch.Generator().manual_seed(3)
    drawn, wanted = torch.randn(2, 2, 3, 32, 32, generator=rng)
    weight = torch.rand(2, 1, 32, 32, generator=rng)
    expected = torch.zeros(2)
    for picture in range(2):
        for size in (32, 16):
            total, area = 0.0, (32 // size) ** 2
            for row in range(0, 32, 32 // size):
                for column in range(0, 32, 32 // size):
                    part = (slice(row, row + 32 // size), slice(column, column + 32 // size))
                    difference = (drawn - wanted)[picture][:, part[0], part[1]]
                    difference = difference * weight[picture][:, part[0], part[1]]
                    total += (difference.sum(dim=(1, 2)) / area).abs().sum() / 3
            expected[picture] += total / size**2 / weight[picture].mean()
    assert torch.allclose(picture_loss(drawn, wanted, weight), expected, rtol=1e-4)


def test_the_head_weighs_more():
    mask = F.pad(torch.ones(1, 1, 32, 32), (16, 16, 16, 16))
    weight = head_weight(mask)
    assert weight[0, 0, 32, 32] == weight[0, 0, 15, 20] > weight[0, 0, 0, 0] == 1


def test_a_style_per_block_comes_closer_than_any_single_one(generator, photograph):
    style = find_style(generator, photograph, steps=60)
    assert style.shape == (1, 3, 8)
    z = torch.randn(200, 8, generator=torch.Generator().manual_seed(4))
    single = min(error(generator, w[None], photograph) for w in generator.mapping(z))
    assert error(generator, style, photograph) < 0.8 * single


def test_tuned_weights_draw_the_photograph(generator, photograph):
    style = find_style(generator, photograph, steps=30)
    before = copy.deepcopy(generator.state_dict())
    weights = tune_weights(generator, style, photograph, steps=100)
    for name, value in generator.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert {name.rpartition(".")[0].rpartition(".")[2] for name in weights} == {
        "conv0",
        "conv1",
        "to_rgb",
    }
    tuned = copy.deepcopy(generator)
    tuned.synthesis.load_state_dict(weights, strict=False)
    assert error(tuned, style, photograph) < 0.7 * error(generator, style, photograph)


def test_tuning_learns_from_one_view_after_the_other(generator, photograph):
    """Which one is a function of the seed."""
    style = find_style(generator, photograph, steps=3)
    views = Views(
        photograph.condition.expand(4, -1, -1, -1),
        torch.linspace(-1, 1, 4).view(4, 1, 1, 1).expand(-1, 3, SIZE, SIZE),
        torch.ones(4, 1, SIZE, SIZE),
    )
    found = [
        tune_weights(generator, style, photograph, views=views, steps=3, seed=seed)
        for seed in (0, 0, 1)
    ]
    first = [weights["blocks.0.conv0.weight"] for weights in found]
    assert torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])


def test_the_photograph_weighs_more_than_a_view_that_contradicts_it(generator, photograph):
    style = find_style(generator, photograph, steps=30)
    view = Views(photograph.condition, -photograph.image, photograph.weight)
    weights = tune_weights(generator, style, photograph, views=view, steps=60)
    tuned = copy.deepcopy(generator)
    tuned.synthesis.load_state_dict(weights, strict=False)
    assert error(tuned, style, photograph) < 0.6 * error(tuned, style, view)


def test_what_no_view_knows_stays_nearly_as_it_was(generator, photograph):
    """Whatever stands where the weight is zero."""
    style = find_style(generator, photograph, steps=30)
    left = photograph._replace(
        weight=(torch.arange(SIZE) < SIZE // 2).float().expand(1, 1, SIZE, -1)
    )
    view = Views(photograph.condition, torch.full_like(photograph.image, 9), 0 * left.weight)
    moved = []
    for views in (None, view):
        tuned = copy.deepcopy(generator)
        weights = tune_weights(generator, style, left, views=views, steps=60)
        tuned.synthesis.load_state_dict(weights, strict=False)
        before, after = (part.synthesis(style, photograph.condition) for part in (generator, tuned))
        moved.append(float((after - before)[..., SIZE // 2 :].abs().mean()))
    assert moved[1] < 0.5 * moved[0]
