"""The discriminator against recordings of the published one, its plain twin, and hand values."""

import math

import numpy as np
import pytest
import torch

import tests.support.plain_networks as plain
from constants import PARAM_DIM
from model.condition import CONDITION_KINDS, condition_channels
from model.discriminator import Discriminator, minibatch_stddev
from model.losses import r1_penalty
from my_utils.runs.released import our_key
from tests.support.plain_networks import plain_discriminator
from tests.support.published_weights import fill_by_rule, published_shapes
from tests.support.recordings import multiscale


def small_discriminator(kind="render+normal", resolution=16, seed=0):
    """A small network in double precision whose every weight matters."""
    torch.manual_seed(seed)
    discriminator = Discriminator(resolution, kind, channel_base=256, channel_max=16).double()
    for name, parameter in discriminator.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    return discriminator


def random_input(discriminator, batch, seed=0):
    random = torch.Generator().manual_seed(seed)
    size, channels = discriminator.resolution, condition_channels(discriminator.condition_kind)
    shape = (channels, size, size) if channels else (PARAM_DIM,)
    image = torch.randn(batch, 3, size, size, generator=random, dtype=torch.float64)
    return image, torch.randn(batch, *shape, generator=random, dtype=torch.float64)


def recorded_input(name, batch, channels):
    x = torch.from_numpy(multiscale(name, (batch, channels, 256, 256)))
    return x[:, :3].clone(), x[:, 3:]


def test_logits_equal_the_published_ones(data):
    recorded = np.load(data / "discriminator_full_cut.npz")
    image, condition = recorded_input("discriminator.input.4", 4, 9)
    np.testing.assert_allclose(image[0, 0, 0, :8], recorded["input_head_b4"])
    discriminator = Discriminator()
    fill_by_rule(discriminator)
    with torch.no_grad():
        logits = discriminator(image[:2], condition[:2])
    np.testing.assert_allclose(logits, recorded["logits_b2"], atol=5e-5)


@pytest.mark.slow
def test_logits_and_r1_of_larger_batches_equal_the_published_ones(data):
    recorded = np.load(data / "discriminator_full_cut.npz")
    discriminator = Discriminator()
    fill_by_rule(discriminator)
    image, condition = recorded_input("discriminator.input.4", 4, 9)
    image.requires_grad_()
    logits = discriminator(image, condition)
    np.testing.assert_allclose(logits.detach(), recorded["logits_b4"], atol=5e-5)
    # A feature next to the kink of the leaky ReLU may fall on either side of it and move the
    # gradient of its sample by a little more than rounding does.
    r1 = 5 * r1_penalty(logits, image)
    np.testing.assert_allclose(r1.detach(), recorded["r1_per_sample_b4"], rtol=2e-3)
    assert r1.mean().item() == pytest.approx(recorded["r1_mean_b4"].item(), rel=1e-3)
    with torch.no_grad():
        logits = discriminator(*recorded_input("discriminator.input.8", 8, 9))
    np.testing.assert_allclose(logits, recorded["logits_b8"], atol=5e-5)


@pytest.mark.slow
def test_logits_with_one_condition_image_equal_the_published_ones(data):
    recorded = np.load(data / "discriminator_6channel.npz")
    image, condition = recorded_input("discriminator6.input.4", 4, 6)
    discriminator = Discriminator(condition_kind="normal")
    fill_by_rule(discriminator)
    with torch.no_grad():
        logits = discriminator(image, condition)
    np.testing.assert_allclose(logits, recorded["logits_b4"], atol=5e-5)


def test_state_dict_and_parameter_counts_are_the_published_ones():
    discriminator = Discriminator()
    network_keys = [
        key for key in published_shapes() if not key.startswith(("module.gen", "module.z_to_w"))
    ]
    published = {our_key(key) for key in network_keys} - {None, "style_table"}
    assert set(discriminator.state_dict()) == published
    assert count_parameters(discriminator) == 28_864_897
    assert count_parameters(Discriminator(condition_kind="render")) == 28_864_513


def count_parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("kind", CONDITION_KINDS)
@pytest.mark.parametrize(("batch", "channels_last"), [(1, False), (2, True), (5, False), (8, True)])
def test_logits_gradients_and_r1_equal_the_plain_twin(kind, batch, channels_last):
    discriminator = small_discriminator(kind, resolution=16, seed=batch)
    image, condition = random_input(discriminator, batch, seed=batch)
    weights = {
        name: tensor.clone().requires_grad_() for name, tensor in discriminator.state_dict().items()
    }
    image.requires_grad_()
    expected = plain_discriminator(weights, image, condition)
    expected_r1 = r1_penalty(expected, image)
    (expected.sum() + expected_r1.sum()).backward()

    image = image.detach()
    if channels_last:
        discriminator = discriminator.to(memory_format=torch.channels_last)
        image = image.contiguous(memory_format=torch.channels_last)
        if condition.ndim == 4:
            condition = condition.contiguous(memory_format=torch.channels_last)
    image.requires_grad_()
    logits = discriminator(image, condition)
    r1 = r1_penalty(logits, image)
    (logits.sum() + r1.sum()).backward()
    torch.testing.assert_close(logits, expected)
    torch.testing.assert_close(r1, expected_r1)
    for name, parameter in discriminator.named_parameters():
        torch.testing.assert_close(parameter.grad, weights[name].grad, msg=lambda m, n=name: n + m)


@pytest.mark.parametrize(("batch", "group"), [(1, 1), (3, 3), (4, 4), (5, 1), (6, 3), (8, 4)])
def test_minibatch_stddev_takes_every_nth_sample_into_a_group(batch, group):
    x = torch.randn(batch, 3, 2, 2, dtype=torch.float64)
    y = minibatch_stddev(x)
    assert y.shape == (batch, 4, 2, 2)
    assert torch.equal(y[:, :3], x)
    torch.testing.assert_close(y, plain.minibatch_stddev(x))
    groups = batch // group
    for n in range(batch):
        deviation = x[n % groups :: groups].std(dim=0, correction=0)
        expected = torch.sqrt(deviation**2 + 1e-8).mean()
        torch.testing.assert_close(y[n, 3], expected.expand(2, 2))


def test_minibatch_stddev_by_hand():
    x = torch.tensor([1.0, 10.0, 3.0, 10.0, 1.0, 10.0, 3.0, 10.0]).view(8, 1, 1, 1)
    expected = torch.tensor([1.0, 1e-4] * 4)  # two groups of four: 1, 3, 1, 3 and four tens
    torch.testing.assert_close(minibatch_stddev(x)[:, 1, 0, 0], expected)


@pytest.mark.parametrize("kind", ["render+normal", "vector"])
@pytest.mark.parametrize("count", [1, 3, 4, 6])
def test_images_of_two_kinds_are_judged_together_as_they_are_alone(kind, count):
    discriminator = small_discriminator(kind)
    parts = [random_input(discriminator, count, seed=seed) for seed in (0, 1)]
    image, condition = (torch.stack(tensors, dim=1) for tensors in zip(*parts, strict=True))
    logits = discriminator(image, condition)
    alone = [discriminator(*part) for part in parts]
    torch.testing.assert_close(logits, torch.cat(alone, dim=1))


def test_vector_condition_adds_a_projection_of_the_features():
    discriminator = small_discriminator("vector")
    image, vector = random_input(discriminator, 3)
    features = []
    discriminator.logit.register_forward_hook(lambda module, args, result: features.append(args[0]))
    logits = discriminator(image, vector)
    embedded = discriminator.embedding(vector)
    fit = torch.stack([a @ b for a, b in zip(embedded, features[0], strict=True)])
    expected = discriminator.logit(features[0]) + fit[:, None] / math.sqrt(embedded.shape[1])
    torch.testing.assert_close(logits, expected)


@pytest.mark.parametrize("kind", CONDITION_KINDS)
def test_the_condition_matters(kind):
    discriminator = small_discriminator(kind)
    image, condition = random_input(discriminator, 2)
    change = discriminator(image, condition) - discriminator(image, condition.flip(0))
    assert change.abs().max() > 1e-3


@pytest.mark.parametrize(("resolution", "base"), [(16, 64), (64, 256), (1024, 1024)])
@pytest.mark.parametrize("kind", ["normal", "vector"])
def test_every_resolution_gives_logits(resolution, base, kind):
    discriminator = Discriminator(resolution, kind, channel_base=base, channel_max=4)
    size = () if kind == "vector" else (resolution, resolution)
    condition = torch.zeros(2, PARAM_DIM if kind == "vector" else 3, *size)
    with torch.no_grad():
        logits = discriminator(torch.randn(2, 3, resolution, resolution), condition)
    assert logits.shape == (2, 1)
    assert logits.isfinite().all()


def test_autocast_to_bfloat16_changes_little():
    discriminator = small_discriminator().float()
    image, condition = (tensor.float() for tensor in random_input(discriminator, 4))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = discriminator(image, condition)
    expected = discriminator(image, condition)
    torch.testing.assert_close(logits.float(), expected, rtol=0.05, atol=0.05)


def test_wrong_inputs_are_named():
    discriminator = small_discriminator()
    image, condition = random_input(discriminator, 2)
    with pytest.raises(ValueError, match=r"image must be \[N, 3, 16, 16\], not \[2, 3, 8, 8\]"):
        discriminator(image[..., :8, :8], condition)
    with pytest.raises(
        ValueError, match=r"condition must be \[N, 6, 16, 16\], not \[2, 5, 16, 16\]"
    ):
        discriminator(image, condition[:, :5])
    with pytest.raises(ValueError, match="unknown condition 'textured'"):
        Discriminator(condition_kind="textured")
