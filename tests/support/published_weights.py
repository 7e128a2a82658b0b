"""Networks filled by the weight rule of the reference recordings, under the published key names.

The recordings were made with weights that follow from a weight's published name alone, so they can
be checked without storing 60 million numbers.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from my_utils.runs.released import our_key
from tests.support.recordings import random_state

KEY_LIST = Path(__file__).parents[1] / "data" / "recordings" / "published_keys.txt"


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Every published key of the six-channel networks with its shape, in the published order."""
    shapes = {}
    for line in KEY_LIST.read_text().splitlines():
        key, shape = line.split("\t")
        shapes[key] = tuple(int(size) for size in shape.split(","))
    return shapes


def rule_scale_and_offset(key: str) -> tuple[float, float]:
    """Deviation and mean of the weights of one published key; the first line that fits holds."""
    rules = (
        ("noise_conv.0.weight", 0.15, 0.0),
        ("noise_conv.2.weight", 0.12, 0.0),
        ("noise_conv.4.weight", 0.08, 0.0),
        ("modulation.bias", 0.1, 1.0),
        ("modulation.weight", 1.0, 0.0),
        ("final_linear.0.weight", 4.0, 0.0),
        ("final_linear.1.weight", 6.0, 0.0),
    )
    for ending, scale, offset in rules:
        if key.endswith(ending):
            return scale, offset
    if "z_to_w" in key:
        return (130.0, 0.0) if key.endswith("weight") else (10.0, 0.0)
    if "to_rgb" in key and key.endswith("conv.weight"):
        return 0.15, 0.0
    return (0.1, 0.0) if key.endswith(".bias") else (1.0, 0.0)


def rule_value(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The weights that the rule gives this published key."""
    scale, offset = rule_scale_and_offset(key)
    values = random_state(key).standard_normal(shape).astype(np.float32)
    return torch.from_numpy(values * np.float32(scale) + np.float32(offset))


def fill_by_rule(network: nn.Module) -> None:
    """Give every parameter of a network of ours the weights of its published counterpart."""
    state = network.state_dict()
    wanted = {name for name, _ in network.named_parameters()}
    for published in published_shapes():
        ours = our_key(published)
        if ours in wanted:
            # Values follow from key and number of elements: our shapes only drop axes of size 1.
            state[ours] = rule_value(published, tuple(state[ours].shape))
            wanted.remove(ours)
    assert not wanted, f"no published counterpart of {sorted(wanted)}"
    network.load_state_dict(state)
