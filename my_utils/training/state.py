"""What stays the same while a run is trained, and what changes: the file that it resumes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from model.condition import ParameterNormalization
from model.discriminator import Discriminator
from model.generator import Generator
from my_utils.data.dataset import FaceDataset
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.runs.checkpoint import NETWORKS, OPTIMIZERS
from my_utils.runs.config import RunConfig
from my_utils.runs.folder import RunDir
from my_utils.runs.networks import (
    build_discriminator,
    build_generator,
    load_weights,
    network_to_device,
)
from my_utils.runs.runtime import seeded
from my_utils.training.processes import Processes

# Published: both step sizes are scaled for lazy regularisation, the generator's as if it had one.
LAZY_RATIO_GENERATOR = 4 / 5


@dataclass(frozen=True)
class TrainingJob:
    """What stays the same while a run is trained."""

    config: RunConfig
    resources: Resources
    dataset: FaceDataset
    run: RunDir
    processes: Processes


@dataclass
class TrainingState:
    """What changes while a run is trained."""

    config: RunConfig
    generator: Generator
    discriminator: Discriminator
    generator_ema: Generator
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    nimg: int = 0  # images seen
    recoveries: int = 0  # how often the run went back to a checkpoint
    usual_losses: dict[str, float] = field(default_factory=dict)  # see divergence.LossWatch
    log: dict[str, Any] | None = None  # see log.MetricsLog.state

    @staticmethod
    def new(config: RunConfig, dataset: FaceDataset, device: torch.device) -> "TrainingState":
        """Fresh networks and optimizers, a function of the configuration and the data set."""
        with seeded(config.seed):
            generator = network_to_device(build_generator(config), config, device)
            discriminator = network_to_device(build_discriminator(config), config, device)
            generator_ema = network_to_device(build_generator(config), config, device)
        if config.ema_from_generator:
            generator_ema.load_state_dict(generator.state_dict())
        generator_ema.eval().requires_grad_(False)
        if config.condition == "vector":
            for network in (generator, discriminator, generator_ema):
                set_parameter_statistics(network, *dataset.parameter_statistics())
        lazy_ratio = config.r1_interval / (config.r1_interval + 1)
        return TrainingState(
            config,
            generator,
            discriminator,
            generator_ema,
            lazy_adam(generator, config.learning_rate, LAZY_RATIO_GENERATOR),
            lazy_adam(discriminator, config.learning_rate, lazy_ratio),
        )

    def state_dict(self) -> dict[str, Any]:
        """Plain types and tensors, as `runs/checkpoint.py` writes them."""
        parts = {name: getattr(self, name).state_dict() for name in (*NETWORKS, *OPTIMIZERS)}
        return parts | {
            "nimg": self.nimg,
            "config": self.config.to_dict(),
            "recoveries": self.recoveries,
            "log": self.log,
            "usual_losses": self.usual_losses,
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave, or from a released checkpoint.

        Raises:
            UserError: it was trained with other choices, or its weights do not fit.
        """
        then = RunConfig.from_dict(saved["config"])
        if rows := then.differences(self.config, "architecture", "training"):
            table = "".join(f"\n  {name}: {old} -> {new}" for name, old, new in rows)
            raise UserError(
                f"the checkpoint of run {then.run_id} was trained with other choices (checkpoint "
                f"-> now); repeat them, or train into another --resources folder:{table}"
            )
        for name in NETWORKS:
            load_weights(getattr(self, name), saved[name], "the training state")
        for name in OPTIMIZERS:
            getattr(self, name).load_state_dict(saved[name])
        self.nimg, self.recoveries = saved["nimg"], saved.get("recoveries", 0)
        self.usual_losses, self.log = dict(saved.get("usual_losses", {})), saved.get("log")


def lazy_adam(network: nn.Module, learning_rate: float, ratio: float) -> torch.optim.Adam:
    """Adam with StyleGAN2's correction for a lazy regulariser: step and memory shrink by ratio."""
    return torch.optim.Adam(
        network.parameters(),
        lr=learning_rate * ratio,
        betas=(0.0, 0.99**ratio),
        foreach=True,  # on a CPU too: the same numbers with less of Python
    )


def set_parameter_statistics(network: nn.Module, mean: Tensor, std: Tensor) -> None:
    """Tell every normalisation of the parameter vector what the data set looks like."""
    for module in network.modules():
        if isinstance(module, ParameterNormalization):
            module.set_statistics(mean, std)
