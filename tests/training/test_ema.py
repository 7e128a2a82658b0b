import copy

import pytest
import torch
from torch import nn

from my_utils.training.ema import ema_decay, update_ema


def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_published_decay():
    assert ema_decay(16, 5.0) == pytest.approx(0.9977843871, abs=1e-9)


def test_average_moves_towards_the_model_and_keeps_its_buffers():
    model, average = network(0), network(1)
    model[1].running_mean += 7
    before = copy.deepcopy(average)
    update_ema(average, model, decay=0.75)
    for own, old, new in zip(
        average.parameters(), before.parameters(), model.parameters(), strict=True
    ):
        torch.testing.assert_close(own, 0.75 * old + 0.25 * new)
    assert torch.equal(average[1].running_mean, before[1].running_mean)


def test_average_forgets_by_images_not_by_steps():
    model, small, large = network(0), network(1), network(1)
    for _ in range(8):
        update_ema(small, model, decay=ema_decay(4, 1.0))
    for _ in range(4):
        update_ema(large, model, decay=ema_decay(8, 1.0))
    for one, other in zip(small.parameters(), large.parameters(), strict=True):
        torch.testing.assert_close(one, other)
