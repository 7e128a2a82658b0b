"""torchvision can be imported whether or not its compiled part fits the torch that is there."""

import torch

from my_utils.metrics.fid.torchvision_operators import OPERATORS, inception_v3


def test_the_operators_exist_and_the_network_builds():
    for name in OPERATORS:
        assert hasattr(torch.ops.torchvision, name)
    network = inception_v3(weights=None, init_weights=False, aux_logits=False)
    assert network.fc.in_features == 2048
