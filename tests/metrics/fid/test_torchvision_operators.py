"""torchvision can be imported whether or not its compiled part fits the torch that is there."""

import torch

from my_utils.metrics.fid.torchvision_operators import OPERATORS


def test_the_operators_exist_and_torchvision_can_be_imported():
    for name in OPERATORS:
        assert hasattr(torch.ops.torchvision, name)
    import torchvision.models

    assert callable(torchvision.models.inception_v3)
