"""Single training steps on drawn tensors."""

import torch

from my_utils.training.state import TrainingState
from my_utils.training.step import Batch, TrainingStep
from tests.support.training_runs import ALONE

PARTS = [0, 2, 4, 6, 1, 3, 5, 7]


def step_of(config, texture_loss=None, processes=ALONE):
    state = TrainingState.new(config, None, processes.device)
    return TrainingStep(state, texture_loss, processes)


def batch_of(count=8, seed=1):
    torch.manual_seed(seed)
    size = 32
    return Batch(
        torch.randn(count, 3, size, size),
        torch.randn(count, 6, size, size),
        torch.randn(count, 236),
        torch.randn(count, 8),
    )


def weights(step):
    networks = (step.state.generator, step.state.discriminator, step.state.generator_ema)
    return [parameter.detach() for network in networks for parameter in network.parameters()]


def skin(draw, params, rng):
    """A stand-in for the texture loss that is a mean over faces."""
    ones = params.camera.new_ones
    return draw(ones(len(params), 8), ones(len(params), 6, 32, 32)).square().mean()


skin.floor = 0.0  # as a TextureLoss has it
