"""The generator against recordings of the published one, against its plain twin, and by law."""

import numpy as np
import pytest
import torch

from constants import PARAM_DIM
from model.condition import CONDITION_KINDS, condition_channels
from model.generator import Generator, MappingNetwork, SynthesisNetwork, seeded_z
from my_utils.runs.released import our_key
from tests.support.plain_networks import plain_generator
from tests.support.published_weights import fill_by_rule, published_shapes

SMALL = {"z_dim": 8, "w_dim": 12, "mapping_layers": 2, "channel_base": 256, "channel_max": 16}


def small_generator(kind="render+normal", resolution=16, seed=0):
    """A small network in double precision whose every weight matters."""
    torch.manual_seed(seed)
    generator = Generator(resolution, kind, **SMALL).double()
    for name, parameter in generator.named_parameters():
        if "injection" in name or name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
        if "mapping.layers" in name and name.endswith("weight"):
            parameter.data *= 3
    return generator


def random_input(generator, batch, seed=0):
    random = torch.Generator().manual_seed(seed)
    size = generator.resolution
    channels = condition_channels(generator.condition_kind)
    shape = (channels, size, size) if channels else (PARAM_DIM,)
    z = torch.randn(batch, SMALL["z_dim"], generator=random, dtype=torch.float64)
    return z, torch.randn(batch, *shape, generator=random, dtype=torch.float64)


@pytest.mark.parametrize(
    ("kind", "file"),
    [("render+normal", "generator_full_cut"), ("normal", "generator_normal_only_cut")],
)
def test_image_equals_the_published_one(data, kind, file):
    recorded = {
        name: torch.from_numpy(array) for name, array in np.load(data / f"{file}.npz").items()
    }
    generator = Generator(condition_kind=kind).eval()
    fill_by_rule(generator)
    generator.mapping.mean_w.copy_(recorded["mean_w"])
    condition = recorded["cond_u8"].float() / 255 * 2 - 1
    images = []  # after every block: the published network can stop at a lower resolution
    for block in generator.synthesis.blocks:
        block.register_forward_hook(lambda module, args, result: images.append(result[1]))
    with torch.no_grad():
        w = generator.mapping(recorded["z"])
        truncated = generator.mapping.truncate(w, recorded["truncation"].item())
        generator.synthesis(torch.cat([w, truncated]), condition.expand(2, -1, -1, -1))

    assert_close_to_recording(w, recorded["w"])
    for step in (1, 2, 3):
        assert_close_to_recording(images[step][:1], recorded[f"image_step{step}"])
    assert_close_to_recording(images[-1][:1, :, ::4, ::4], recorded["image_stride4"])
    assert_close_to_recording(images[-1][1:, :, ::4, ::4], recorded["image_truncated_stride4"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "file"), [("render+normal", "generator_full"), ("normal", "generator_normal_only")]
)
def test_every_pixel_of_a_batch_equals_the_published_one(shared, kind, file):
    recorded = np.load(shared / "oracles" / f"{file}.npz")
    generator = Generator(condition_kind=kind).eval()
    fill_by_rule(generator)
    condition = torch.from_numpy(recorded["cond_u8"]).float() / 255 * 2 - 1
    with torch.no_grad():
        image = generator(torch.from_numpy(recorded["z"]), condition)
    assert_close_to_recording(image, torch.from_numpy(recorded["image"]))


def assert_close_to_recording(ours, recorded):
    assert ours.shape == recorded.shape
    assert (ours - recorded).norm() < 1e-5 * recorded.norm()
    assert (ours - recorded).abs().max() < 1e-4 * recorded.abs().max()


def test_state_dict_holds_the_published_weights_and_the_mean_style():
    names = set(Generator().state_dict())
    published = {
        ours
        for key in published_shapes()
        if key.startswith(("module.generator", "module.z_to_w"))
        and (ours := our_key(key))
        and ours != "style_table"  # only generators loaded from a released checkpoint have one
        # Blocks 7 and 8, for 512 and 1024 px, are in published files but take no part at 256 px.
        and not ours.startswith(("synthesis.blocks.7.", "synthesis.blocks.8."))
    }
    assert names == published | {"mapping.mean_w"}


def test_parameter_counts_are_the_published_ones():
    unused = sum(
        int(np.prod(shape))
        for key, shape in published_shapes().items()
        if not key.endswith("kernel") and key.split(".")[3:4] in (["7"], ["8"])
    )
    assert count_parameters(Generator()) == 31_633_991 - unused == 31_243_505
    # Halving the condition's channels makes each of the 13 stacks smaller by 2448 + 108 C_out.
    stacks = [512] * 9 + [256] * 2 + [128] * 2
    assert count_parameters(Generator(condition_kind="normal")) == 31_243_505 - sum(
        2448 + 108 * channels for channels in stacks
    )


def count_parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("kind", CONDITION_KINDS)
@pytest.mark.parametrize(("batch", "channels_last"), [(1, False), (2, True), (3, False), (5, True)])
def test_image_and_gradients_equal_the_plain_twin(kind, batch, channels_last):
    generator = small_generator(kind, resolution=16, seed=batch)
    z, condition = random_input(generator, batch, seed=batch)
    weights = {
        name: tensor.clone().requires_grad_() for name, tensor in generator.state_dict().items()
    }
    expected = plain_generator(weights, z, condition)
    target = torch.randn_like(expected)
    (expected * target).sum().backward()

    if channels_last:
        generator = generator.to(memory_format=torch.channels_last)
        if condition.ndim == 4:
            condition = condition.contiguous(memory_format=torch.channels_last)
    image = generator(z, condition)
    (image * target).sum().backward()
    torch.testing.assert_close(image, expected)
    for name, parameter in generator.named_parameters():
        torch.testing.assert_close(parameter.grad, weights[name].grad, msg=lambda m, n=name: n + m)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_features_take_the_memory_format_of_the_condition(memory_format):
    generator = small_generator(resolution=32)
    z, condition = random_input(generator, 2)
    features = []
    for block in generator.synthesis.blocks:
        for layer in (block.conv0, block.conv1):
            if layer is not None:
                layer.register_forward_hook(lambda module, args, result: features.append(result))
    generator(z, condition.contiguous(memory_format=memory_format))
    assert len(features) == 7
    assert all(feature.is_contiguous(memory_format=memory_format) for feature in features)


@pytest.mark.parametrize("kind", CONDITION_KINDS)
def test_a_batch_equals_its_rows_alone(kind):
    generator = small_generator(kind)
    z, condition = random_input(generator, 4)
    rows = [generator(z[n : n + 1], condition[n : n + 1]) for n in range(4)]
    torch.testing.assert_close(generator(z, condition), torch.cat(rows))


def test_zero_injection_is_the_unconditional_network():
    generator = small_generator()
    z, condition = random_input(generator, 2)
    for name, parameter in generator.named_parameters():
        if "injection" in name:
            torch.nn.init.zeros_(parameter)
    unconditional = SynthesisNetwork(16, SMALL["w_dim"], 0, 256, 16).double()
    missing = unconditional.load_state_dict(generator.synthesis.state_dict(), strict=False)
    assert not missing.missing_keys
    w = generator.mapping(z)
    torch.testing.assert_close(generator(z, condition), unconditional(w, None))


@pytest.mark.parametrize("kind", CONDITION_KINDS)
def test_style_and_condition_both_matter(kind):
    generator = small_generator(kind)
    z, condition = random_input(generator, 2)
    image = generator(z, condition)
    for other in (generator(z.flip(0), condition), generator(z, condition.flip(0))):
        assert (image - other).abs().mean() > 0.01


def test_injection_starts_almost_silent():
    torch.manual_seed(0)
    generator = Generator(16, "render", **SMALL)
    z, condition = seeded_z(range(2), 8), torch.rand(2, 3, 16, 16) * 2 - 1
    change = generator(z, condition) - generator(z, -condition)
    assert change.abs().max() < 0.01 * generator(z, condition).std()


@pytest.mark.parametrize(("resolution", "base"), [(16, 256), (64, 256), (1024, 1024)])
@pytest.mark.parametrize("kind", ["normal", "vector"])
def test_every_resolution_gives_images(resolution, base, kind):
    budgets = {**SMALL, "channel_base": base, "channel_max": 4}
    generator = Generator(resolution, kind, **budgets)
    size = () if kind == "vector" else (resolution, resolution)
    condition = torch.zeros(1, PARAM_DIM if kind == "vector" else 3, *size)
    with torch.no_grad():
        image = generator(seeded_z([0], 8), condition)
    assert image.shape == (1, 3, resolution, resolution)
    assert image.isfinite().all()


def test_same_seed_same_network_same_image():
    first, second = (small_generator(seed=3) for _ in range(2))
    z, condition = random_input(first, 2)
    assert torch.equal(first(z, condition), second(z, condition))
    assert torch.equal(first(z, condition), first(z, condition))


def test_autocast_to_bfloat16_changes_little():
    generator = small_generator().float()
    z, condition = (tensor.float() for tensor in random_input(generator, 2))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        image = generator(z, condition)
    expected = generator(z, condition)
    assert (image - expected).norm() < 0.05 * expected.norm()


def test_seeded_z_depends_on_its_own_seed_only():
    z = seeded_z([7, 1, 7], 16)
    assert z.shape == (3, 16) and z.dtype == torch.float32
    assert torch.equal(z[0], z[2]) and not torch.equal(z[0], z[1])
    assert torch.equal(seeded_z(torch.tensor([1]), 16)[0], z[1])
    before = torch.random.get_rng_state()
    seeded_z([5], 16)
    assert torch.equal(torch.random.get_rng_state(), before)
    # Faces are known by their seed: it must mean the same style in every version of PyTorch.
    torch.testing.assert_close(
        seeded_z([0], 512)[0, :3], torch.tensor([-1.1258, -1.1524, -0.2506]), rtol=0, atol=1e-4
    )


def test_styles_are_drawn_from_their_ids_or_looked_up():
    generator = small_generator()
    assert torch.equal(generator.styles([5, 2]), seeded_z([5, 2], 8).double())
    generator.style_table = torch.randn(6, 8, dtype=torch.float64)
    assert torch.equal(generator.styles(torch.tensor([5, 2])), generator.style_table[[5, 2]])


def test_mapping_starts_with_the_published_deviation():
    torch.manual_seed(0)
    w = MappingNetwork(512, 512, 8)(torch.randn(256, 512))
    assert w.std().item() == pytest.approx(0.064, abs=0.01)


def test_mapping_ignores_the_length_of_z():
    mapping = MappingNetwork(8, 8, 3)
    z = seeded_z(range(4), 8)
    torch.testing.assert_close(mapping(z), mapping(3 * z))


def test_truncation_pulls_towards_the_mean_face():
    generator = small_generator()
    z, condition = random_input(generator, 2)
    generator.style_table = torch.randn(9000, 8, dtype=torch.float64)
    mean = generator.mapping(generator.style_table).mean(dim=0)
    torch.testing.assert_close(generator.average_w(), mean)
    assert torch.equal(generator(z, condition, truncation_psi=1.0), generator(z, condition))
    with pytest.raises(ValueError, match="the mean style is not known"):
        generator(z, condition, truncation_psi=0.0)
    generator.mapping.mean_w.copy_(generator.average_w())
    torch.testing.assert_close(
        generator(z, condition, truncation_psi=0.0),
        generator(z.flip(0), condition, truncation_psi=0.0),
    )
    w = generator.mapping(z)
    torch.testing.assert_close(generator.mapping.truncate(w, 0.7), mean + 0.7 * (w - mean))


def test_truncation_without_a_meaning_is_refused():
    by_vector = small_generator("vector")
    with pytest.raises(ValueError, match="truncation_psi must be 1 with vector conditioning"):
        by_vector(*random_input(by_vector, 1), truncation_psi=0.5)


def test_wrong_inputs_are_named():
    generator = small_generator()
    z, condition = random_input(generator, 2)
    with pytest.raises(
        ValueError, match=r"condition must be \[N, 6, 16, 16\], not \[2, 3, 16, 16\]"
    ):
        generator(z, condition[:, :3])
    with pytest.raises(ValueError, match=r"condition must be \[N, 6, 16, 16\], not None"):
        generator.synthesis(generator.mapping(z), None)
    with pytest.raises(ValueError, match=r"z must be \[N, 8\], not \[2, 7\]"):
        generator(z[:, :7], condition)
    with pytest.raises(ValueError, match="1 styles do not match 2 conditions"):
        generator(z[:1], condition)
    with pytest.raises(ValueError, match="w has 4 styles, the network has 3 blocks"):
        generator.synthesis(torch.zeros(2, 4, 12, dtype=torch.float64), condition)
    with pytest.raises(ValueError, match="needs the parameter vector"):
        small_generator("vector").mapping(z)
    with pytest.raises(ValueError, match="at least one layer"):
        MappingNetwork(8, 8, 0)


def test_a_style_for_each_block_is_the_style_where_all_are_the_same():
    torch.manual_seed(0)
    generator = Generator(16, z_dim=8, w_dim=8, mapping_layers=2, channel_base=256, channel_max=16)
    z, condition = torch.randn(2, 8), torch.randn(2, 6, 16, 16)
    same = z[:, None].repeat(1, 3, 1)
    torch.testing.assert_close(generator(same, condition), generator(z, condition))
    mixed = same.clone()
    mixed[:, 2] = torch.randn(2, 8)
    assert not torch.allclose(generator(mixed, condition), generator(z, condition))
