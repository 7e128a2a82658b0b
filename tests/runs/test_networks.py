"""Where networks and their inputs go, and in which layout."""

import dataclasses

import pytest
import torch

from my_utils.runs.config import RUNS, run_config
from my_utils.runs.networks import memory_format, network_to_device, to_device

WIDE, NARROW = RUNS[29], run_config(29, demo=True)


@pytest.mark.parametrize(
    ("config", "device", "capability", "channels_last"),
    [
        (WIDE, "cpu", "AVX512", True),
        (WIDE, "cpu", "AVX2", False),
        (NARROW, "cpu", "AVX2", True),
        (WIDE, "cuda", "AVX2", True),
    ],
)
def test_wide_networks_are_contiguous_on_old_processors(
    config, device, capability, channels_last, monkeypatch
):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    expected = torch.channels_last if channels_last else torch.contiguous_format
    assert memory_format(config, torch.device(device)) == expected


@pytest.mark.parametrize("capability", ["AVX512", "AVX2"])
def test_networks_and_images_have_one_layout_and_vectors_are_left(capability, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    cpu = torch.device("cpu")
    config = dataclasses.replace(WIDE, channel_max=128)
    network = network_to_device(torch.nn.Conv2d(4, 4, 3), config, cpu)
    images = to_device(torch.randn(2, 4, 8, 8), config, cpu)
    for tensor in (network.weight, images):
        assert tensor.is_contiguous(memory_format=memory_format(config, cpu))
    vectors = torch.randn(2, 236)
    assert to_device(vectors, config, cpu) is vectors
