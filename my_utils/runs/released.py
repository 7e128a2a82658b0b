"""The checkpoints that the authors released, read into the networks of this project.

A released checkpoint is a pair of files: `294000_1.model` with the weights of the generator, of
its running average and of the discriminator and the states of both optimizers, and `294000_1.npz`
with the progress. Unlike ours they carry no configuration: it follows from the run id.
"""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from model.condition import condition_channels
from my_utils.errors import UserError
from my_utils.files.tensors import load_state
from my_utils.runs.config import RUNS, RunConfig
from my_utils.runs.networks import build_discriminator, build_generator
from my_utils.untrusted.fields import index_field, read_fields
from my_utils.untrusted.reader import reading

PARTS = ("generator", "generator_running", "discriminator_flm", "g_optimizer", "d_optimizer_flm")
FIRST_CONDITION_LAYER = "generator.progression.0.st_cv1.noise.noise_conv.0.weight"


def our_key(published: str) -> str | None:
    """Our state-dict key for a published one; None for what our networks do not store.

    Not stored are the FIR kernels, which are constants, and the second name of the style table.
    """
    match published.removeprefix("module.").split("."):
        case ["image_embedding", "embd_weight"]:
            return "style_table"
        case [*_, "kernel" | "embd_weight"]:
            return None
        case ["z_to_w", layer, name]:  # layer 0 is the normalisation, which has no weights
            return f"mapping.layers.{int(layer) - 1}.{name}"
        case ["generator", "const_input", "input"]:
            return "synthesis.constant"
        case ["generator", "to_rgb", block, "bias"]:
            return f"synthesis.blocks.{block}.to_rgb.bias"
        case ["generator", "to_rgb", block, "conv", *name]:
            return f"synthesis.blocks.{block}.to_rgb.{'.'.join(name)}"
        case ["generator", "progression", block, "st_cv1" | "st_cv2" as conv, *path]:
            name = ".".join(path).removeprefix("conv.").replace("noise.noise_conv", "injection")
            name = name.replace("activate.", "")
            return f"synthesis.blocks.{block}.conv{int(conv[-1]) - 1}.{name}"
        case ["convs", "0", _, name]:
            return f"from_rgb.{name}"
        case ["convs", block, "conv1" | "conv2" as conv, _, name]:
            return f"blocks.{int(block) - 1}.conv{int(conv[-1]) - 1}.{name}"
        case ["convs", block, "skip", _, name]:
            return f"blocks.{int(block) - 1}.skip.{name}"
        case ["final_conv", _, name]:
            return f"final_conv.{name}"
        case ["final_linear", layer, name]:
            return f"{('hidden', 'logit')[int(layer)]}.{name}"
    raise ValueError(f"unknown key {published!r} in a published checkpoint")


def released_generator(
    path: Path,
    run_id: int | None = None,  # by default as the folder or the file itself tells
) -> tuple[dict[str, Tensor], RunConfig, int]:
    """The averaged generator of a `.model` file: our state dict, its configuration, images seen.

    Raises:
        UserError: the file is missing, damaged or none of the authors', or of another run.
    """
    path = Path(path)
    weights = _parts(path, "generator_running", mmap=True)["generator_running"]
    with reading(path):
        config = RUNS[_run_of(path, weights, run_id)]
        with torch.device("meta"):
            generator = build_generator(config)
        return _our_weights(weights, generator), config, _images_seen(path, config)


def released_training_state(path: Path, config: RunConfig) -> dict:
    """A `.model` and its `.npz` as one of our training states, to go on with `config`.

    Networks, the average, both style tables and both optimizers come as they were. The recipe,
    which the files do not tell, is that of `config`, but for the step size of the optimizers.

    Raises:
        UserError: one of the files is missing, damaged or none of the authors', or of another run.
    """
    path = Path(path)
    _check_progress(path.with_suffix(".npz"), config)
    recipe = dataclasses.replace(config, learning_rate=RunConfig.learning_rate)
    with torch.device("meta"):
        generator, discriminator = build_generator(config), build_discriminator(config)
    file = _parts(path, *PARTS)
    with reading(path):
        weights_g, weights_d = file["generator"], file["discriminator_flm"]
        _run_of(path, weights_g, config.run_id)
        return {
            "generator": _our_weights(weights_g, generator),
            "generator_ema": _our_weights(file["generator_running"], generator),
            "discriminator": _our_weights(weights_d, discriminator),
            "optimizer_g": _our_optimizer(file["g_optimizer"], list(weights_g), generator),
            "optimizer_d": _our_optimizer(file["d_optimizer_flm"], list(weights_d), discriminator),
            "nimg": _images_seen(path, config),
            "config": recipe.to_dict(),
        }


def _parts(path: Path, *names: str, mmap: bool = False) -> dict:
    """The content of a `.model` file, which has these parts."""
    file = load_state(path, mmap=mmap)
    with reading(path):
        for name in names:
            if not isinstance(file, dict) or not isinstance(file.get(name), dict):
                raise ValueError(f"it has no {name!r}")
    return file


def _run_of(path: Path, weights: Mapping[str, Tensor], run_id: int | None) -> int:
    """The run of a checkpoint: as given, or as its folder or its condition channels tell."""
    names = {key.removeprefix("module."): value for key, value in weights.items()}
    if FIRST_CONDITION_LAYER not in names:
        raise ValueError("it is no generator of the authors'")
    channels = names[FIRST_CONDITION_LAYER].shape[1]
    fitting = [run for run, c in RUNS.items() if condition_channels(c.condition) == channels]
    folder = path.resolve().parent.name
    if run_id is None and folder.isdecimal() and int(folder) in RUNS:
        run_id = int(folder)
    if run_id is None and 29 in fitting:
        return 29  # runs 0, 8 and 29 only differ in how they were trained
    if run_id is None:
        raise UserError(
            f"{path} does not tell its run: add --run_id 3 if it was conditioned on normal maps, "
            "--run_id 7 if on textured renderings"
        )
    if run_id not in fitting:
        raise UserError(
            f"{path} has {channels} condition channels, which run {run_id} has not: add "
            f"--run_id {' or '.join(map(str, fitting))}"
        )
    return run_id


def _images_seen(path: Path, config: RunConfig) -> int:
    """Images until the checkpoint, from the iteration in its name; 0 where the name has none."""
    iteration = re.match(r"(\d+)_", path.name)
    return int(iteration[1]) * config.batch if iteration else 0


def _check_progress(path: Path, config: RunConfig) -> None:
    """The sibling file must be there, as published, and be of the same resolution.

    Nothing else is taken from it: the published code never advanced its count of images.
    """
    fields = read_fields(path)
    with reading(path):
        resolution = int(index_field(fields, "resolution", ()))
    if resolution != config.resolution:
        raise UserError(
            f"{path} is of a training at {resolution} pixels, not {config.resolution}: it belongs "
            "to another .model file"
        )


def _our_weights(weights: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Published weights as the state dict of a network of ours, without its unused blocks."""
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    # The mean style is not stored: `load_generator` takes the mean over the style table.
    state = {name: torch.zeros(shapes[name]) for name in shapes if name == "mapping.mean_w"}
    for key, value in weights.items():
        name = our_key(key)
        if not (isinstance(value, Tensor) and value.is_floating_point()):
            raise ValueError(f"{key} is no tensor of weights")
        if name == "style_table":
            state[name] = value
        elif name in shapes:
            state[name] = _in_shape(value, shapes[name], key)
        elif name is not None and not name.startswith("synthesis.blocks."):
            raise ValueError(f"{key} has no place in this architecture")
    if missing := shapes.keys() - state.keys():
        raise ValueError(f"it lacks what we call {min(missing)}")
    return state


def _our_optimizer(optimizer: Mapping, published_keys: list[str], network: nn.Module) -> dict:
    """Published Adam moments in the order of the parameters of a network of ours."""
    trained = [key for key in published_keys if not key.endswith(("kernel", "embd_weight"))]
    if not _is_adam(optimizer):
        raise ValueError("its optimizer has not the state of Adam")
    group = optimizer["param_groups"][0]
    moments = {
        our_key(key): optimizer["state"].get(number)  # blocks 7 and 8 were never trained
        for key, number in zip(trained, group["params"], strict=True)
    }
    state = {}
    for number, (name, parameter) in enumerate(network.named_parameters()):
        if moments[name] is None:
            raise ValueError(f"its optimizer lacks the moments of what we call {name}")
        state[number] = {
            moment: _in_shape(moments[name][moment], parameter.shape, name)
            for moment in ("exp_avg", "exp_avg_sq")
        }
        # Torch 1.7 saved a plain number.
        step = torch.as_tensor(moments[name]["step"], dtype=torch.float32)
        state[number]["step"] = step.reshape(())
    betas = tuple(float(beta) for beta in group["betas"])
    settings = [value for name, value in group.items() if name not in ("betas", "params")]
    if not all(value is None or isinstance(value, (bool, int, float)) for value in settings):
        raise ValueError("its optimizer has settings that are no numbers")
    return {
        "state": state,
        "param_groups": [{**group, "betas": betas, "params": list(range(len(state)))}],
    }


def _is_adam(optimizer: Mapping) -> bool:
    """Whether this is what the optimizer Adam saves, for one group of parameters."""
    groups, moments = optimizer.get("param_groups"), optimizer.get("state")
    return (
        isinstance(groups, list)
        and len(groups) == 1
        and {"params", "betas"} <= set(groups[0])
        and isinstance(moments, dict)
        and all({"exp_avg", "exp_avg_sq", "step"} <= set(moment) for moment in moments.values())
    )


def _in_shape(value: object, shape: torch.Size, name: str) -> Tensor:
    """The same numbers in our shape, which differs by axes of size one only."""
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} is no tensor")
    if [size for size in value.shape if size > 1] != [size for size in shape if size > 1]:
        raise ValueError(f"{name} has shape {list(value.shape)} instead of {list(shape)}")
    return value.reshape(shape)
