"""The losses by hand, against recordings, and one training step against the plain twin."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from model.discriminator import Discriminator
from model.generator import Generator
from model.losses import (
    discriminator_logistic_loss,
    generator_nonsaturating_loss,
    r1_penalty,
    relativistic_loss,
    sample_texture_pairs,
    texture_consistency_loss,
)
from my_utils.runs.released import our_key
from tests.support.plain_networks import plain_discriminator, plain_generator
from tests.support.published_weights import fill_by_rule
from tests.support.recordings import multiscale, random_state


def test_logistic_losses_by_hand():
    real, fake = torch.tensor([[0.0], [2.0]]), torch.tensor([[-1.0], [1.0], [3.0]])

    def softplus(x):
        return math.log(1 + math.exp(x))

    on_real = (softplus(0) + softplus(-2)) / 2
    on_fake = (softplus(-1) + softplus(1) + softplus(3)) / 3
    assert discriminator_logistic_loss(real, fake).item() == pytest.approx(on_real + on_fake)
    fooled = (softplus(1) + softplus(-1) + softplus(-3)) / 3
    assert generator_nonsaturating_loss(fake).item() == pytest.approx(fooled)


def test_the_relativistic_loss_compares_pairs():
    logits, others = torch.tensor([[2.0], [-1.0]]), torch.tensor([[0.0], [3.0]])
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(4))) / 2
    assert relativistic_loss(logits, others).item() == pytest.approx(expected)


def test_r1_of_a_linear_discriminator_is_its_squared_norm():
    slope = torch.randn(3, 4, 4, requires_grad=True)
    image = torch.randn(2, 3, 4, 4, requires_grad=True)
    logits = (image * slope).sum(dim=(1, 2, 3))[:, None]
    penalty = r1_penalty(logits, image)
    assert penalty.shape == (2,)
    torch.testing.assert_close(penalty, slope.square().sum().expand(2))
    penalty.mean().backward()
    torch.testing.assert_close(slope.grad, 2 * slope)


def test_r1_of_a_quadratic_discriminator_differs_per_image():
    image = torch.randn(3, 3, 2, 2, requires_grad=True)
    penalty = r1_penalty(image.square().sum(dim=(1, 2, 3))[:, None], image)
    torch.testing.assert_close(penalty, 4 * image.square().sum(dim=(1, 2, 3)))


@pytest.mark.parametrize("count", [1, 2, 3, 15])
def test_texture_pairs_are_distinct(count):
    pairs = sample_texture_pairs(count, generator=torch.Generator().manual_seed(1))
    again = sample_texture_pairs(count, generator=torch.Generator().manual_seed(1))
    assert torch.equal(pairs, again)
    assert len(pairs) == min(count, count * (count - 1) // 2)
    assert len({tuple(pair) for pair in pairs.tolist()}) == len(pairs)
    assert all(0 <= i < j < count for i, j in pairs.tolist())


def test_texture_pairs_reach_every_pair():
    random = torch.Generator().manual_seed(0)
    seen = {tuple(p) for _ in range(40) for p in sample_texture_pairs(5, generator=random).tolist()}
    assert len(seen) == 10


@pytest.fixture(scope="module")
def recorded_textures():
    """Textures [15, 3, 256, 256] and visibility [15, 1, 256, 256] of the recording."""
    textures = [multiscale(f"texloss.texture.{k}", (3, 256, 256)) for k in range(15)]
    visibility = [multiscale(f"texloss.mask.{k}", (1, 256, 256)) > -0.4 for k in range(15)]
    return torch.from_numpy(np.stack(textures)), torch.from_numpy(np.stack(visibility))


def recorded_mask(recorded):
    return torch.from_numpy(recorded["face_mask_u8"].astype(np.float32) / 255)[None, None]


def test_texture_loss_equals_the_published_one(data, recorded_textures):
    recorded = np.load(data / "texture_loss_cut.npz")
    textures, visibility = recorded_textures
    np.testing.assert_array_equal(visibility.sum(dim=(1, 2, 3)), recorded["mask_counts"])
    mask, pairs = recorded_mask(recorded), torch.from_numpy(recorded["chosen_pairs"])
    textures = textures.clone().requires_grad_()
    loss = 16 * texture_consistency_loss(textures, visibility, mask, pairs)
    assert loss.item() == pytest.approx(recorded["loss"].item(), rel=1e-5)
    loss.backward()
    norms = textures.grad.flatten(1).norm(dim=1)
    np.testing.assert_allclose(norms, recorded["texture_grad_norm"], rtol=1e-4, atol=1e-9)
    row = textures.grad[pairs[0, 0]].double().sum().item()
    assert row == pytest.approx(recorded["texture_grad_row0_sum"].item(), rel=1e-3)

    for row in range(0, 105, 13):
        pair = torch.from_numpy(recorded["all_pairs"][row : row + 1])
        value = texture_consistency_loss(textures.detach(), visibility, mask, pair)
        assert value.item() == pytest.approx(recorded["pair_losses"][row].item(), rel=1e-5)


def test_texture_loss_of_equal_textures_is_its_constant(data, recorded_textures):
    recorded = np.load(data / "texture_loss_cut.npz")
    mask = recorded_mask(recorded)
    textures = recorded_textures[0][:1].expand(15, -1, -1, -1)
    pairs = torch.from_numpy(recorded["chosen_pairs"])
    loss = texture_consistency_loss(textures, recorded_textures[1], mask, pairs).item()
    assert loss == pytest.approx(mask.mean().item() / 2, rel=1e-5)
    assert 16 * loss == pytest.approx(recorded["loss_equal_textures"].item(), rel=1e-5)


def test_texture_loss_equals_a_loop_over_pairs():
    random = torch.Generator().manual_seed(0)
    textures = torch.randn(4, 3, 8, 8, generator=random, dtype=torch.float64)
    visibility = torch.rand(4, 1, 8, 8, generator=random) > 0.4
    mask = (torch.rand(1, 1, 8, 8, generator=random, dtype=torch.float64) - 0.5).clamp(min=0)
    pairs = sample_texture_pairs(4, generator=random)
    total = 0.0
    for i, j in pairs.tolist():
        both = visibility[i] & visibility[j]
        squared = (textures[i] * both - textures[j] * both) ** 2
        total += (torch.sigmoid(squared) * mask[0]).mean()
    loss = texture_consistency_loss(textures, visibility, mask, pairs)
    torch.testing.assert_close(loss, total / len(pairs))


def test_texture_loss_sees_only_texels_visible_in_both_and_in_the_mask():
    textures = torch.zeros(2, 3, 2, 2, requires_grad=True)
    with torch.no_grad():
        textures[0] += 1
    visibility = torch.tensor([[[1, 1], [1, 0]], [[1, 0], [1, 1]]]).bool()[:, None]
    mask = torch.tensor([[[[1.0, 1.0], [0.0, 1.0]]]])
    texture_consistency_loss(textures, visibility, mask, torch.tensor([[0, 1]])).backward()
    reached = textures.grad.abs().sum(dim=1) > 0
    assert reached.tolist() == 2 * [[[True, False], [False, False]]]


def test_one_training_step_equals_the_plain_twin():
    """Every gradient of both phases, with R1, from one set of weights."""
    torch.manual_seed(0)
    budgets = {"channel_base": 256, "channel_max": 16}
    generator = Generator(16, z_dim=8, w_dim=8, mapping_layers=2, **budgets).double()
    discriminator = Discriminator(16, **budgets).double()
    z = torch.randn(4, 8, dtype=torch.float64)
    real, condition = (torch.rand(4, c, 16, 16).double() * 2 - 1 for c in (3, 6))

    def gradients(call_generator, call_discriminator, g_weights, d_weights):
        image = real.clone().requires_grad_()
        real_logits = call_discriminator(image, condition)
        fake_logits = call_discriminator(call_generator(z, condition).detach(), condition)
        loss_d = discriminator_logistic_loss(real_logits, fake_logits)
        loss_d = loss_d + 5 * r1_penalty(real_logits, image).mean()
        d_grads = torch.autograd.grad(loss_d, d_weights.values())
        fake_logits = call_discriminator(call_generator(z, condition), condition)
        loss_g = generator_nonsaturating_loss(fake_logits)
        return dict(zip(d_weights, d_grads, strict=True)) | dict(
            zip(g_weights, torch.autograd.grad(loss_g, g_weights.values()), strict=True)
        )

    fast = gradients(
        generator,
        discriminator,
        dict(generator.named_parameters()),
        dict(discriminator.named_parameters()),
    )
    g_weights, d_weights = (
        {name: p.detach().clone().requires_grad_() for name, p in network.named_parameters()}
        for network in (generator, discriminator)
    )
    slow = gradients(
        lambda z, c: plain_generator(g_weights, z, c),
        lambda x, c: plain_discriminator(d_weights, x, c),
        g_weights,
        d_weights,
    )
    assert fast.keys() == slow.keys()
    for name in fast:
        torch.testing.assert_close(fast[name], slow[name], msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.slow
def test_losses_and_gradient_norms_of_a_full_step_equal_the_published_ones(data, shared):
    recorded = np.load(data / "adversarial_losses.npz")
    conditions = np.load(shared / "oracles" / "generator_full.npz")["cond_u8"]
    condition = torch.from_numpy(conditions[recorded["cond_rows"]]).float() / 255 * 2 - 1
    condition[3] = condition[3].flip(-1)
    table = rule_style_table()
    z = table[torch.from_numpy(recorded["style_idx"])]
    real = torch.from_numpy(multiscale("adversarial.real", (4, 3, 256, 256))).requires_grad_()
    generator, discriminator = Generator(), Discriminator()
    fill_by_rule(generator)
    fill_by_rule(discriminator)

    real_logits = discriminator(real, condition)
    fake = generator(z, condition)
    fake_logits = discriminator(fake.detach(), condition)
    r1 = 5 * r1_penalty(real_logits, real).mean()
    loss = discriminator_logistic_loss(real_logits, fake_logits)
    (loss + r1).backward()
    assert loss.item() == pytest.approx(
        (recorded["loss_real"] + recorded["loss_fake"]).item(), rel=1e-4
    )
    assert F.softplus(-real_logits).mean().item() == pytest.approx(
        recorded["loss_real"].item(), rel=1e-4
    )
    assert r1.item() == pytest.approx(recorded["r1"].item(), rel=1e-3)
    assert_gradient_norms(discriminator, recorded["d_grad_keys"], recorded["d_grad_norms"])

    loss = generator_nonsaturating_loss(discriminator(fake, condition))
    loss.backward()
    assert loss.item() == pytest.approx(recorded["loss_generator"].item(), rel=1e-4)
    assert_gradient_norms(generator, recorded["g_grad_keys"], recorded["g_grad_norms"])


def rule_style_table():
    table = random_state("module.image_embedding.embd_weight").standard_normal((64, 512))
    return torch.from_numpy(table.astype(np.float32))


def assert_gradient_norms(network, keys, norms):
    """Compare with the recorded norm of every parameter's gradient; -1 marks unused blocks."""
    parameters = dict(network.named_parameters())
    used = [
        (key, norm) for key, norm in zip(keys.tolist(), norms.tolist(), strict=True) if norm >= 0
    ]
    assert len(used) == len(parameters)
    for key, norm in used:
        gradient = parameters[our_key(key)].grad
        assert gradient.norm().item() == pytest.approx(norm, rel=2e-3), key


def test_no_pair_is_an_error_instead_of_no_number():
    textures, visibility = torch.zeros(1, 3, 4, 4), torch.ones(1, 1, 4, 4, dtype=torch.bool)
    pairs = sample_texture_pairs(1, generator=torch.Generator())
    with pytest.raises(ValueError, match="two faces at least"):
        texture_consistency_loss(textures, visibility, torch.ones(1, 1, 4, 4), pairs)
