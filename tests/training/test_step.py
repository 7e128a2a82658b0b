import dataclasses

import pytest
import torch

from model.augment import augment
from model.flame import FlameParams
from model.losses import (
    discriminator_logistic_loss,
    generator_nonsaturating_loss,
    r1_penalty,
    relativistic_loss,
)
from my_utils.errors import UserError
from my_utils.training.processes import Processes
from my_utils.training.state import TrainingState
from my_utils.training.step import Batch, TrainingStep, mean_losses
from tests.support.training_runs import tiny
from tests.support.training_steps import PARTS, batch_of, skin, step_of, weights

# Minibatch deviation compares rows N / 4 apart: these two parts have the groups of the whole.


def test_parts_of_a_batch_teach_what_the_whole_teaches():
    config = tiny(29, batch=8, r1_interval=1, texture_interval=1)
    rows = batch_of()
    whole = step_of(config, skin)
    expected = whole(rows, torch.Generator())
    parts = step_of(dataclasses.replace(config, batch_gpu=4), skin)
    losses = parts(Batch(*(values[PARTS] for values in rows)), torch.Generator())
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-4, atol=1e-6)
    gradients = [
        [p.grad for network in (state.generator, state.discriminator) for p in network.parameters()]
        for state in (whole.state, parts.state)
    ]
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(two, one, rtol=1e-3, atol=1e-4 * one.abs().max().item())


def test_a_step_is_the_published_recipe_line_by_line():
    config = tiny(29, batch=4, r1_interval=2, r1_lazy_gain=True)
    step, rows = step_of(config, skin), batch_of(4)
    plain = step_of(config)
    step.state.nimg = 4
    losses = step(rows, torch.Generator())  # the second step, which has R1

    generator, discriminator = plain.state.generator, plain.state.discriminator
    image = rows.image.clone().requires_grad_()
    fake = generator(rows.z, rows.condition)
    real_logits = discriminator(image, rows.condition)
    logistic = discriminator_logistic_loss(
        real_logits, discriminator(fake.detach(), rows.condition)
    )
    penalty = r1_penalty(real_logits, image).mean()
    (logistic + 2 * 10 / 2 * penalty).backward()
    plain.state.optimizer_d.step()
    fooling = generator_nonsaturating_loss(discriminator(fake, rows.condition))
    fooling.backward()
    plain.state.optimizer_g.step()
    expected = {"D": logistic, "r1": penalty, "G": fooling}
    assert losses.keys() == expected.keys()  # the texture loss has every second step only
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value.detach())
    with torch.no_grad():
        decay = 0.5 ** (4 / (1000 * config.ema_half_life_kimg))
        for average, own in zip(
            plain.state.generator_ema.parameters(), generator.parameters(), strict=True
        ):
            average.mul_(decay).add_((1 - decay) * own)
    for one, two in zip(weights(plain), weights(step), strict=True):
        torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("probability", [0.0, 0.5])
def test_a_relativistic_step_line_by_line(probability):
    config = tiny(0, batch=4, r1_interval=1, relativistic=True, r1_gamma=3.0, r2_gamma=2.0)
    config = dataclasses.replace(config, augment=probability)
    step, rows = step_of(config), batch_of(4)
    plain, rng = step_of(config), torch.Generator()
    losses = step(rows, torch.Generator())

    generator, discriminator = plain.state.generator, plain.state.discriminator

    def seen(image, condition):
        return augment(image, condition, colored=3, probability=probability, rng=rng)

    fake = generator(rows.z, rows.condition)
    images = [rows.image.clone().requires_grad_(), fake.detach().requires_grad_()]
    pairs = seen(torch.stack(images, 1).flatten(0, 1), rows.condition.repeat_interleave(2, dim=0))
    logits = [discriminator(*(values[kind::2] for values in pairs)) for kind in (0, 1)]
    penalties = [
        r1_penalty(logit, image).mean() for logit, image in zip(logits, images, strict=True)
    ]
    pairing = relativistic_loss(*logits)
    (pairing + 3 / 2 * penalties[0] + 2 / 2 * penalties[1]).backward()
    plain.state.optimizer_d.step()
    fake_logits = discriminator(*seen(fake, rows.condition))
    with torch.no_grad():
        real_logits = discriminator(*seen(rows.image, rows.condition))
    fooling = relativistic_loss(fake_logits, real_logits)
    plain.state.optimizer_g.zero_grad()
    fooling.backward()
    plain.state.optimizer_g.step()
    expected = dict(zip(("D", "r1", "r2", "G"), (pairing, *penalties, fooling), strict=True))
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value.detach())
    for network in ("generator", "discriminator"):
        one, two = (list(getattr(s.state, network).parameters()) for s in (plain, step))
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def test_the_texture_loss_is_weighted_for_its_interval():
    config = tiny(29, batch=4, texture_interval=2, learning_rate=1e-12)
    with_skin, without = step_of(config, skin), step_of(config)
    losses = [step(batch_of(4), torch.Generator()) for step in (with_skin, without)]
    assert losses[0]["texture"] > 0
    alone = step_of(config)
    faces = FlameParams.from_vector(torch.zeros(4, 236))
    value = skin(alone.state.generator, faces, None)
    (16 * 2 * value).backward()
    for one, two, three in zip(
        *(step.state.generator.parameters() for step in (with_skin, without, alone)), strict=True
    ):
        expected = two.grad + (three.grad if three.grad is not None else 0)
        torch.testing.assert_close(one.grad, expected, rtol=1e-3, atol=1e-5)


def test_bfloat16_learns_nearly_the_same_with_weights_in_float32():
    config = tiny(29, batch=4, r1_interval=1, texture_interval=1)
    exact, mixed = (
        step_of(config, skin),
        step_of(dataclasses.replace(config, precision="bf16"), skin),
    )
    expected, losses = (step(batch_of(4), torch.Generator()) for step in (exact, mixed))
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=0.1, atol=0.01)
    assert not torch.equal(losses["D"], expected["D"])
    for network in ("generator", "discriminator"):
        one, two = (
            torch.cat([p.grad.flatten() for p in getattr(step.state, network).parameters()])
            for step in (exact, mixed)
        )
        assert two.dtype == torch.float32
        assert torch.cosine_similarity(one, two, dim=0) > 0.99


def test_losses_of_parts_are_averaged_by_name():
    parts = [{"D": torch.tensor(1.0)}, {"D": torch.tensor(3.0)}]
    assert mean_losses(parts) == {"D": torch.tensor(2.0)}


def test_parts_must_divide_the_batch():
    with pytest.raises(UserError, match="--batch_gpu 3 does not divide the 8 images"):
        step_of(tiny(29, batch=8, batch_gpu=3))


def test_every_process_needs_faces_enough_for_the_texture_loss():
    state = TrainingState.new(tiny(29, batch=4), None, torch.device("cpu"))
    processes = Processes(0, 2, torch.device("cpu"))
    with pytest.raises(UserError, match="computes 2 of the 4 images at once, too few"):
        TrainingStep(state, skin, processes)
