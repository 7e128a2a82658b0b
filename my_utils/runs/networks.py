"""The networks that a run configuration describes, and how saved weights get into them."""

from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from model.discriminator import Discriminator
from model.generator import Generator
from my_utils.errors import UserError
from my_utils.runs.config import RunConfig

NARROW = 64  # channels

Network = TypeVar("Network", bound=nn.Module)


def build_generator(config: RunConfig) -> Generator:
    """The generator a configuration describes, with fresh weights."""
    return Generator(
        resolution=config.resolution,
        condition_kind=config.condition,
        z_dim=config.z_dim,
        w_dim=config.w_dim,
        mapping_layers=config.mapping_layers,
        channel_base=config.channel_base,
        channel_max=config.channel_max,
        antialiased_pyramid=config.antialiased_pyramid,
        condition_padding=config.condition_padding,
        feature_padding=config.feature_padding,
    )


def build_discriminator(config: RunConfig) -> Discriminator:
    """The discriminator a configuration describes, with fresh weights."""
    return Discriminator(
        resolution=config.resolution,
        condition_kind=config.condition,
        channel_base=config.channel_base,
        channel_max=config.channel_max,
    )


def memory_format(config: RunConfig, device: torch.device) -> torch.memory_format:
    """The layout of weights and features in which a device computes these networks fastest.

    That is channels_last, except for wide networks on a CPU: they train a fifth longer in it with
    AVX-512 (AMD EPYC, 64 and 128 px), and half as long again without.
    """
    if config.channel_max <= NARROW or device.type != "cpu":
        return torch.channels_last
    return torch.contiguous_format


def network_to_device(network: Network, config: RunConfig, device: torch.device) -> Network:
    """Move a network, its weights in the layout of `to_device`'s images."""
    # torch declares this overload for a single tensor only.
    return network.to(device, memory_format=memory_format(config, device))  # type: ignore[call-overload]


def to_device(x: Tensor, config: RunConfig, device: torch.device) -> Tensor:
    """Move what the networks are given: images in their layout, and vectors."""
    layout = memory_format(config, device) if x.ndim == 4 else torch.preserve_format
    return x.to(device, memory_format=layout)


def load_weights(module: nn.Module, tensors: dict[str, Tensor], path: Path | str) -> None:
    """Load strictly; one UserError names the first keys and shapes that do not fit."""
    check_weights(module, tensors, path)
    if "style_table" in tensors:
        module.style_table = torch.empty_like(tensors["style_table"], device=_device_of(module))
    module.load_state_dict(tensors)


def check_weights(module: torch.nn.Module, tensors: dict[str, Tensor], path: Path | str) -> None:
    """Raise UserError unless the tensors have the names and shapes of the module's."""
    own = module.state_dict()
    if isinstance(module, Generator) and "style_table" in tensors:
        # That of a released checkpoint has as many rows as the data set had.
        rows = tensors["style_table"].shape[:1]
        own["style_table"] = torch.empty(*rows, module.mapping.z_dim, device="meta")
    wrong = [f"{name} is missing" for name in own.keys() - tensors.keys()]
    wrong += [f"{name} is unknown" for name in tensors.keys() - own.keys()]
    wrong += [
        f"{name} is {list(tensors[name].shape)} instead of {list(own[name].shape)}"
        for name in own.keys() & tensors.keys()
        if tensors[name].shape != own[name].shape
    ]
    if wrong:
        more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise UserError(f"{path} does not fit the network: {'; '.join(sorted(wrong)[:10])}{more}")


def _device_of(module: nn.Module) -> torch.device:
    return next(module.parameters()).device
