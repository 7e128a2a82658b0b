"""Where networks and their inputs go, and in which layout."""

import dataclasses

import pytest
import torch

from my_utils.runs.config import RUNS, run_config
from my_utils.runs.networks import memory_format, network_to_device, to_device

WIDE, NARROW = RUNS[29], run_config(29, demo=True)


@pytest.mark.parametrize(
    ("config", "device", "channels_last"),
    [(WIDE, "cpu", False), (NARROW, "cpu", True), (WIDE, "cuda", True)],
)
def test_wide_networks_are_contiguous_on_a_cpu(config, device, channels_last):
    expected = torch.channels_last if channels_last else torch.contiguous_format
    assert memory_format(config, torch.device(device)) == expected


@pytest.mark.parametrize("channel_max", [32, 128])
def test_networks_and_images_have_one_layout_and_vectors_are_left(channel_max):
    cpu = torch.device("cpu")
    config = dataclasses.replace(WIDE, channel_max=channel_max)
    network = network_to_device(torch.nn.Conv2d(4, 4, 3), config, cpu)
    images = to_device(torch.randn(2, 4, 8, 8), config, cpu)
    for tensor in (network.weight, images):
        assert tensor.is_contiguous(memory_format=memory_format(config, cpu))
    vectors = torch.randn(2, 236)
    assert to_device(vectors, config, cpu) is vectors
