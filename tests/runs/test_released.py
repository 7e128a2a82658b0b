"""The authors' checkpoints: what they hold comes over whole, and what is wrong is named."""

import copy
import dataclasses
import io
import os
import zipfile

import numpy as np
import pytest
import torch

from my_utils.errors import UserError
from my_utils.runs.config import RUNS, run_config
from my_utils.runs.generators import load_generator
from my_utils.runs.networks import build_discriminator, build_generator, load_weights
from my_utils.runs.released import (
    our_key,
    released_generator,
    released_training_state,
)
from my_utils.training.state import lazy_adam
from tests.support.released_files import RATIO_D, published_state, released_file, write_released

STYLES = 7
SMALL = dataclasses.replace(
    run_config(29, demo=True),
    resolution=32,
    render_size=32,
    z_dim=8,
    w_dim=8,
    mapping_layers=8,
    channel_base=128,
    channel_max=8,
    learning_rate=0.002,
)


@pytest.fixture(autouse=True)
def small_runs(monkeypatch):
    """The published runs, at 32 px and with few channels."""
    for run_id, config in list(RUNS.items()):
        small = dataclasses.replace(SMALL, run_id=run_id, condition=config.condition)
        monkeypatch.setitem(RUNS, run_id, small)


@pytest.fixture
def published():
    """The dictionary of a `.model` file, and the optimizers it was made from."""
    return released_file(SMALL, styles=STYLES)


def test_the_averaged_generator_comes_with_its_styles(tmp_path, published):
    file, _ = published
    path = write_released(tmp_path / "29", file)
    loaded = load_generator(path)
    assert loaded.config.run_id == 29 and loaded.nimg == 294_000 * SMALL.batch
    own = loaded.generator.state_dict()
    assert torch.equal(
        own.pop("style_table"), file["generator_running"]["module.img_embdng.embd_weight"]
    )
    assert own.pop("mapping.mean_w").any()
    compared = 0
    for key, value in file["generator_running"].items():
        if (name := our_key(key)) in own:
            assert torch.equal(own[name].flatten(), value.flatten()), key
            compared += 1
    assert compared == len(own)


def test_truncation_pulls_to_the_mean_over_all_styles(tmp_path, published):
    generator = load_generator(write_released(tmp_path / "29", published[0])).generator
    condition = torch.zeros(2, 6, 32, 32)
    one, other = generator(generator.styles([1, 5]), condition, truncation_psi=0.0)
    torch.testing.assert_close(one, other)
    mean = generator.mapping(generator.style_table).mean(dim=0)
    torch.testing.assert_close(generator.mapping.mean_w, mean)


def test_a_resumed_optimizer_makes_the_step_the_published_one_would(tmp_path, published):
    file, adams = published
    state = released_training_state(write_released(tmp_path / "29", file), SMALL)
    assert state["nimg"] == 294_000 * SMALL.batch and state["config"] == SMALL.to_dict()
    for ours, name, source, resumed, ratio in (
        ("optimizer_g", "g_optimizer", "generator", build_generator(SMALL), 4 / 5),
        (
            "optimizer_d",
            "d_optimizer_flm",
            "discriminator_flm",
            build_discriminator(SMALL),
            RATIO_D,
        ),
    ):
        load_weights(resumed, state[source.removesuffix("_flm")], "the file")
        optimizer = lazy_adam(resumed, SMALL.learning_rate, ratio)
        optimizer.load_state_dict(state[ours])
        parameters = dict(resumed.named_parameters())
        adam, theirs = adams[name]
        for key, parameter in theirs.items():
            parameter.data = file[source][key].clone()
            if (own := our_key(key)) in parameters:
                parameter.grad = torch.randn_like(parameter)
                parameters[own].grad = parameter.grad.reshape(parameters[own].shape).clone()
        adam.step()
        optimizer.step()
        for key, parameter in theirs.items():
            if (own := our_key(key)) in parameters:
                assert torch.equal(parameters[own].flatten(), parameter.flatten()), key


def test_both_style_tables_are_resumed(tmp_path, published):
    file, _ = published
    state = released_training_state(write_released(tmp_path / "29", file), SMALL)
    key = "module.image_embedding.embd_weight"
    assert torch.equal(state["generator"]["style_table"], file["generator"][key])
    assert torch.equal(state["generator_ema"]["style_table"], file["generator_running"][key])


def test_files_of_the_torch_of_that_time_are_read(tmp_path, published):
    file = copy.deepcopy(published[0])
    for name in ("g_optimizer", "d_optimizer_flm"):
        for entry in file[name]["state"].values():
            entry["step"] = int(entry["step"])
        group = file[name]["param_groups"][0]
        kept = {key: group[key] for key in ("lr", "eps", "weight_decay", "amsgrad", "params")}
        file[name]["param_groups"] = [kept | {"betas": (0, group["betas"][1])}]
    path = tmp_path / "old.model"
    torch.save(file, path, _use_new_zipfile_serialization=False)
    np.savez(path.with_suffix(".npz"), resolution=32)
    state = released_training_state(path, SMALL)
    assert state["nimg"] == 0
    optimizer = lazy_adam(build_generator(SMALL), 0.002, 4 / 5)
    optimizer.load_state_dict(state["optimizer_g"])
    assert optimizer.param_groups[0]["betas"] == (0.0, 0.99**0.8)
    assert all(entry["step"] == 2 for entry in optimizer.state_dict()["state"].values())


def test_keys_without_the_prefix_of_data_parallel_are_the_same(tmp_path, published):
    file = {
        name: {key.removeprefix("module."): value for key, value in part.items()}
        for name, part in published[0].items()
    }
    with_prefix, without = (
        released_training_state(write_released(tmp_path / str(n) / "29", f), SMALL)
        for n, f in enumerate((published[0], file))
    )
    for name in ("generator", "generator_ema", "discriminator"):
        assert with_prefix[name].keys() == without[name].keys()
        assert all(torch.equal(with_prefix[name][key], without[name][key]) for key in without[name])


@pytest.mark.parametrize(
    "condition, folder, given, run_id",
    [
        ("render+normal", "8", None, 8),
        ("render+normal", "checkpoints", None, 29),
        ("render+normal", "29", 0, 0),
        ("normal", "3", None, 3),
        ("render", "7", None, 7),
        ("normal", "anywhere", 3, 3),
    ],
)
def test_the_run_is_told_by_the_folder_the_channels_or_the_user(
    tmp_path, condition, folder, given, run_id
):
    generator = build_generator(dataclasses.replace(SMALL, condition=condition))
    file = {"generator_running": published_state(generator, table=torch.randn(STYLES, 8))}
    path = write_released(tmp_path / folder, file)
    assert released_generator(path, given)[1].run_id == run_id


def test_a_run_that_cannot_be_is_a_sentence(tmp_path):
    generator = build_generator(dataclasses.replace(SMALL, condition="normal"))
    file = {"generator_running": published_state(generator, table=torch.randn(STYLES, 8))}
    path = write_released(tmp_path / "downloads", file)
    with pytest.raises(UserError, match="does not tell its run: add --run_id 3 .* --run_id 7"):
        released_generator(path)
    with pytest.raises(UserError, match="3 condition channels, which run 29 has not.*3 or 7"):
        released_generator(path, 29)
    with pytest.raises(UserError, match="which run 29 has not"):
        released_generator(write_released(tmp_path / "29", file))
    with pytest.raises(UserError, match="which run 24 has not"):
        released_generator(path, 24)


class Call:
    def __reduce__(self):
        return os.system, ("touch EXECUTED",)


def test_damaged_and_hostile_files_are_sentences(tmp_path, monkeypatch, published):
    monkeypatch.chdir(tmp_path)
    path = write_released(tmp_path / "29", published[0])
    whole = path.read_bytes()
    for size in (0, 10, 1000, len(whole) // 2, len(whole) - 100):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match="294000_1.model is incomplete, damaged"):
            released_generator(path)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        start = max(archive.infolist(), key=lambda entry: entry.file_size).header_offset
    flipped = bytearray(whole)
    flipped[start + 1000] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(UserError, match="damaged or of another kind: Bad CRC-32 for file"):
        released_generator(path)
    torch.save({**published[0], "extra": Call()}, path)
    with pytest.raises(UserError, match="nothing in it was executed: it asks for posix.system"):
        released_generator(path)
    assert not (tmp_path / "EXECUTED").exists()
    torch.save([1, 2], path)
    with pytest.raises(UserError, match="of another kind"):
        released_generator(path)
    with pytest.raises(UserError, match="does not exist"):
        released_generator(tmp_path / "29" / "nothing.model")


def test_other_contents_are_named(tmp_path, published):
    def change(name, edit):
        file = copy.deepcopy(published[0])
        edit(file[name])
        return write_released(tmp_path / "29", file)

    key = "module.generator.progression.2.st_cv1.conv.weight"
    path = change("generator_running", lambda part: part.pop(key))
    with pytest.raises(UserError, match="lacks what we call synthesis.blocks.2.conv0.weight"):
        released_generator(path)
    path = change("generator_running", lambda part: part.update({key: torch.zeros(3)}))
    with pytest.raises(UserError, match=r"shape \[3\] instead of"):
        released_generator(path)
    path = change("generator_running", lambda part: part.update({"module.foo": torch.zeros(3)}))
    with pytest.raises(UserError, match="unknown key 'module.foo'"):
        released_generator(path)
    with pytest.raises(UserError, match="z_to_w.3.weight has no place in this architecture"):
        config = dataclasses.replace(SMALL, mapping_layers=2)
        released_training_state(write_released(tmp_path / "29", published[0]), config)
    path = change("g_optimizer", lambda part: part["state"].pop(5))
    with pytest.raises(UserError, match="optimizer lacks the moments of"):
        released_training_state(path, SMALL)
    path = change("d_optimizer_flm", lambda part: part["param_groups"][0]["params"].pop())
    with pytest.raises(UserError, match="294000_1.model is incomplete, damaged or of another kind"):
        released_training_state(path, SMALL)


def test_resuming_needs_the_sibling_of_the_same_training(tmp_path, published):
    path = write_released(tmp_path / "29", published[0], resolution=64)
    with pytest.raises(UserError, match="294000_1.npz is of a training at 64 pixels, not 32"):
        released_training_state(path, SMALL)
    path.with_suffix(".npz").unlink()
    with pytest.raises(UserError, match="294000_1.npz does not exist"):
        released_training_state(path, SMALL)


def test_another_step_size_than_the_optimizers_is_a_difference(tmp_path, published):
    config = dataclasses.replace(SMALL, learning_rate=0.001, batch=2)
    state = released_training_state(write_released(tmp_path / "29", published[0]), config)
    assert state["config"] == dataclasses.replace(SMALL, batch=2).to_dict()
