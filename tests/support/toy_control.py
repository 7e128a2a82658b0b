"""Draws and reads faces without error: the picture of a face is its parameters."""

from functools import cache

import numpy as np
import torch

from model.flame import FlameParams
from my_utils.demo.albedo import face_mask
from my_utils.demo.held_out import face_renderer
from my_utils.demo.parameters import sample_parameters
from my_utils.metrics.control.regressor import Reading
from my_utils.metrics.control.visible_factors import VisibleFactors


@cache
def demo_factors() -> VisibleFactors:
    mask = face_mask()[None, None].astype(np.float32) / 255
    return VisibleFactors(face_renderer(32), mask)


@cache
def demo_faces(count: int = 6) -> FlameParams:
    return sample_parameters(range(count))


def draw(params: FlameParams, styles) -> torch.Tensor:
    return torch.cat([params.to_vector(), torch.tensor(styles)[:, None]], dim=1)


def read(images: torch.Tensor) -> Reading:
    return Reading(FlameParams.from_vector(images[:, :236]), images[:, :100])
