"""A compact network that reads the parameters of a face off its picture, to measure control with.

It is trained by `reinference_training`. Pictures of any size are averaged to its own size first.
The camera is not read: it follows from the eyes, which are at the same place in every picture.
"""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from constants import PARAM_DIM
from model.flame import FlameParams
from my_utils.files.tensors import load_tensors, save_tensors
from my_utils.runs.networks import load_weights
from my_utils.untrusted.reader import reading

FEATURES = 256
COARSEST = 4  # pixels; from here on places are told apart by their own weights
DROPOUT = 0.2


class Reading(NamedTuple):
    """What was read off N pictures."""

    params: FlameParams  # N rows; the camera is the mean one
    features: Tensor  # [N, D]


class ParameterRegressor(nn.Module):
    """Strided convolutions to 4 x 4, then two linear layers.

    Args:
        size: of the pictures it looks at, in pixels, a power of two.
        width: channels after the first convolution; they double with each, up to eight times.
    """

    mean: Tensor  # [236] of the data set
    std: Tensor  # [236]

    def __init__(self, size: int, width: int = 16):
        super().__init__()
        self.size, self.width = size, width
        self.register_buffer("mean", torch.zeros(PARAM_DIM))
        self.register_buffer("std", torch.ones(PARAM_DIM))
        layers: list[nn.Module] = []
        channels, wider = 3, width
        while size > COARSEST:
            layers += [
                nn.Conv2d(channels, wider, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(wider),
                nn.ReLU(inplace=True),
            ]
            channels, wider, size = wider, min(2 * wider, 8 * width), size // 2
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        self.dropout = nn.Dropout(DROPOUT)
        self.to_features = nn.Sequential(nn.Linear(channels * size**2, FEATURES), nn.ReLU())
        self.to_params = nn.Linear(FEATURES, PARAM_DIM)

    def features(
        self,
        images: Tensor,  # [N, 3, R, R] in [-1, 1]
    ) -> Tensor:
        """What the last layer but one sees in the pictures: [N, 256], not negative."""
        images = F.adaptive_avg_pool2d(images, self.size)
        return self.to_features(self.dropout(self.convolutions(images)))

    def normalised(
        self,
        images: Tensor,  # [N, 3, R, R] in [-1, 1]
    ) -> Tensor:
        """The parameters [N, 236] in standard deviations from the mean; those of the camera mean
        nothing."""
        return self.to_params(self.features(images))

    @torch.no_grad()
    def forward(
        self,
        images: Tensor,  # [N, 3, R, R] in [-1, 1]
    ) -> Reading:
        """Read parameters and features off pictures."""
        features = self.features(images)
        params = FlameParams.from_vector(self.mean + self.std * self.to_params(features))
        camera = FlameParams.from_vector(self.mean[None]).camera
        return Reading(params.replace(camera=camera.expand(len(params), -1)), features)


def save_regressor(path: Path, regressor: ParameterRegressor, *, faces: int) -> None:
    """Write the network with its size, its width and the number of photographs it has seen."""
    config = json.dumps({"size": regressor.size, "width": regressor.width})
    save_tensors(path, regressor.state_dict(), {"config": config, "faces": str(faces)})


def load_regressor(path: Path) -> ParameterRegressor:
    """Read what `save_regressor` wrote, in evaluation mode.

    Raises:
        UserError: the file is missing, damaged or of another kind.
    """
    path = Path(path)
    tensors, facts = load_tensors(path, "a regressor of face parameters", ("config", "faces"))
    with reading(path):
        config = json.loads(facts["config"])
        if not isinstance(config, dict) or set(config) != {"size", "width"}:
            raise ValueError("its configuration is not a regressor's")
        regressor = ParameterRegressor(**config)
    load_weights(regressor, tensors, path)
    return regressor.eval().requires_grad_(False)
