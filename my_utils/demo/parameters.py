"""Draws FLAME parameters for the demo, distributed roughly as DECA's are on FFHQ.

Every face has its own random generator, seeded by (seed, id), so a face stays the same however many
others are asked for.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from constants import EXPRESSION_DIM, SHAPE_DIM, TEXTURE_DIM
from model.camera import fit_camera_to_eyes
from model.flame import FLAME, FlameParams
from model.renderer import SH_FACTORS
from my_utils.demo.variation import head_assets

MEANINGFUL_SHAPE, MEANINGFUL_EXPRESSION = 23, 15  # directions made by hand
SMILE_SHARE = 0.45  # of the faces


@cache
def demo_flame() -> FLAME:
    """The demo head as a decoder."""
    return FLAME(head_assets())


def _shape(rng):
    deviation = np.where(np.arange(SHAPE_DIM) < MEANINGFUL_SHAPE, 1.0, 0.8)
    return np.clip(rng.normal(size=SHAPE_DIM) * deviation, -2.5, 2.5)


def _expression(rng):
    deviation = np.where(np.arange(EXPRESSION_DIM) < MEANINGFUL_EXPRESSION, 0.45, 0.6)
    expression = rng.normal(size=EXPRESSION_DIM) * deviation
    if rng.random() < SMILE_SHARE:
        expression[0] += rng.uniform(0.8, 2.4)
    return np.clip(expression, -1.5, 2.8)


def _pose(rng):
    pitch, yaw, roll = rng.normal(size=3) * (0.10, 0.21, 0.05)
    wide_open = rng.random() < 0.12
    jaw = rng.uniform(0.15, 0.30) if wide_open else np.clip(rng.normal(0.06, 0.05), 0, 0.2)
    sideways = rng.normal(size=2) * (0.008, 0.008)
    limits = np.clip([pitch, yaw, roll], (-0.3, -0.6, -0.15), (0.3, 0.6, 0.15))
    return np.concatenate([limits, [jaw], sideways])


def _lighting(rng):
    """Soft light all around and one broad light from a direction: [9, 3]."""
    aim = np.array([rng.normal(0, 0.6), rng.normal(0.35, 0.35), rng.uniform(0.25, 0.9)])
    aim /= np.linalg.norm(aim)
    strength = rng.uniform(0.08, 0.48)
    warmth = np.array([1.0, 0.15, -1.0])
    ambient_tint = 1 + rng.normal(0, 0.045) * warmth + rng.normal(0, 0.012, 3)
    light_tint = 1 + rng.normal(0, 0.10) * warmth
    ambient = rng.normal(1.09, 0.06) - 0.65 * strength * aim[2]
    shading = np.zeros((9, 3))
    shading[0] = ambient * ambient_tint
    shading[1:4] = strength * aim[:, None] * light_tint * ambient_tint
    shading[4:] = rng.normal(0, 0.025, 5)[:, None] * ambient_tint
    return shading / np.array(SH_FACTORS)[:, None]


def sample_parameters(
    ids: Sequence[int],
    *,
    seed: int = 0,
) -> FlameParams:
    """The parameters of these faces. Ids from 1,000,000 on are reserved for pairs never trained on.

    Identity and texture codes are normal; expressions are small with a share of smiles; the head
    turns as in FFHQ; the camera puts the eyes where DECA-aligned crops have them, but for a jitter.
    """
    rows = []
    for face in ids:
        rng = np.random.default_rng([seed, int(face)])
        parts = [
            _shape(rng),
            _expression(rng),
            _pose(rng),
            rng.normal(size=3) * (0.01, 0.0006, 0.0006),  # jitter, replaced by the camera below
            np.clip(rng.normal(size=TEXTURE_DIM), -2.5, 2.5),
            _lighting(rng).ravel(),
        ]
        rows.append(np.concatenate(parts))
    params = FlameParams.from_vector(torch.tensor(np.array(rows), dtype=torch.float32))
    camera = fit_camera_to_eyes(demo_flame()(params))
    jitter = params.camera * torch.stack([camera[:, 0], *[torch.ones_like(camera[:, 0])] * 2], 1)
    return params.replace(camera=camera + jitter)
