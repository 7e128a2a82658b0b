import copy

import pytest
import torch
import torch.nn.functional as F

from model.generator import Generator
from my_utils.photos.inversion import (
    Views,
    find_style,
    head_weight,
    other_faces,
    picture_loss,
    tune_generator,
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


@pytest.fixture(scope="module")
def others(generator):
    condition = torch.rand(12, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2)) * 2 - 1
    return other_faces(generator, condition)


def error(generator, style, views):
    return float((generator.synthesis(style, views.condition) - views.image).abs().mean())


def test_the_loss_is_the_weighted_difference_at_every_size():
    rng = torch.Generator().manual_seed(3)
    drawn, wanted = torch.randn(2, 2, 3, 32, 32, generator=rng)
    weight = torch.rand(2, 1, 32, 32, generator=rng)
    expected = 0.0
    for picture in range(2):
        for size in (32, 16):
            total, area = 0.0, (32 // size) ** 2
            for row in range(0, 32, 32 // size):
                for column in range(0, 32, 32 // size):
                    part = (slice(row, row + 32 // size), slice(column, column + 32 // size))
                    difference = (drawn - wanted)[picture][:, part[0], part[1]]
                    difference = difference * weight[picture][:, part[0], part[1]]
                    total += (difference.sum(dim=(1, 2)) / area).abs().sum() / 3
            expected += total / size**2 / weight[picture].mean()
    assert float(picture_loss(drawn, wanted, weight)) == pytest.approx(float(expected), rel=1e-4)


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


def test_tuning_draws_the_photograph_and_leaves_others(generator, photograph, others):
    style = find_style(generator, photograph, steps=30)
    before = copy.deepcopy(generator.state_dict())
    tuned = tune_generator(generator, style, photograph, others, steps=200, seed=0)
    for name, value in generator.state_dict().items():
        assert torch.equal(value, before[name]), name
    changed = {
        name for name, value in tuned.state_dict().items() if not torch.equal(value, before[name])
    }
    convolutions = ("conv0.weight", "conv1.weight", "to_rgb.weight")
    assert changed and all(name.endswith(convolutions) for name in changed)
    improved = error(generator, style, photograph) - error(tuned, style, photograph)
    moved = (tuned.synthesis(others.w, others.condition) - others.image).abs().mean()
    assert improved > 0.03 and moved < improved / 2

    again = tune_generator(generator, style, photograph, others, steps=3, seed=0)
    same = tune_generator(generator, style, photograph, others, steps=3, seed=0)
    other = tune_generator(generator, style, photograph, others, steps=3, seed=1)
    states = [made.synthesis.blocks[0].conv0.weight for made in (again, same, other)]
    assert torch.equal(states[0], states[1]) and not torch.equal(states[0], states[2])
