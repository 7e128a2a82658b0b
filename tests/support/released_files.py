"""Writes checkpoints as the authors released them, of networks of any size."""

import re

import numpy as np
import torch
from torch import nn

from my_utils.runs.networks import build_discriminator, build_generator
from my_utils.runs.released import our_key
from tests.support.published_weights import published_shapes

RATIO_D = 16 / 17
OPTIMIZERS = {
    "g_optimizer": ("generator", 4 / 5),
    "d_optimizer_flm": ("discriminator_flm", RATIO_D),
}


def published_state(network: nn.Module, *, table: torch.Tensor | None = None) -> dict:
    """The state dict of a network of ours as a published file holds it.

    Published shapes have axes of size one more; blocks that the network lacks come as zeros.
    """
    own, state = network.state_dict(), {}
    is_generator = table is not None
    for key, shape in published_shapes().items():
        if is_generator == key.startswith(("module.conv", "module.final")):
            continue
        name = our_key(key)
        if key.endswith("embd_weight"):
            state[key] = table  # one table under two names
        elif name is None:
            state[key] = torch.zeros(shape)
        elif name not in own:
            if name.startswith("synthesis"):
                state[key] = torch.zeros([1] * len(shape))
        elif len(shape) == 5:  # a modulated convolution, its kernel axes dropped where 1 x 1
            state[key] = own[name].reshape(1, *own[name].shape[:2], *shape[3:])
        elif shape[0] == 1 and shape[2:] == (1, 1):  # the bias of an activation
            state[key] = own[name].reshape(1, -1, 1, 1)
        else:
            state[key] = own[name].reshape(*own[name].shape[:2], *shape[2:])
    return state


def adam_of(state, ratio):
    """A published optimizer that made two steps, and its parameters by their published keys.

    The generator's blocks for 64 pixels and more had no gradients.
    """
    parameters = {
        key: nn.Parameter(value.clone())
        for key, value in state.items()
        if not key.endswith(("kernel", "embd_weight"))
    }
    adam = torch.optim.Adam(parameters.values(), lr=0.002 * ratio, betas=(0.0, 0.99**ratio))
    for _ in range(2):
        for key, parameter in parameters.items():
            if not re.search(r"(progression|to_rgb)\.[4-8]\.", key):
                parameter.grad = torch.randn_like(parameter)
        adam.step()
    return adam, parameters


def released_file(config, *, styles):
    """The dictionary of a `.model` file for networks of 32 px, and the optimizers in it."""
    torch.manual_seed(0)
    file, adams = {}, {}
    for name in ("generator_running", "generator"):
        table = torch.randn(styles, config.z_dim)
        file[name] = published_state(build_generator(config), table=table)
    file["discriminator_flm"] = published_state(build_discriminator(config))
    for name, (network, ratio) in OPTIMIZERS.items():
        adams[name] = adam_of(file[network], ratio)
        file[name] = adams[name][0].state_dict()
    return file, adams


def write_released(folder, file, name="294000_1", resolution=32):
    """The pair of files in `folder`; returns the path of the `.model`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.model"
    torch.save(file, path)
    progress = dict(step=3, used_sampless=0, alpha=1, resolution=resolution)
    np.savez(path.with_suffix(".npz"), **progress)
    return path
