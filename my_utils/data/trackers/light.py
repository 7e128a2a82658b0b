"""Light from the axes of a head into those of the camera that sees it."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from model.renderer import SH_FACTORS, spherical_harmonics

DIRECTIONS = Rotation.random(200, random_state=0).as_matrix()[:, 0]  # [200, 3], more than enough


def turned_light(
    light: np.ndarray,  # [9, 3] harmonics x RGB
    rotation: np.ndarray,  # [3, 3] from the light's axes to others
) -> np.ndarray:
    """The same light [9, 3] in the other axes.

    Turned harmonics are sums of harmonics again, so they are found by their values.
    """
    before, after = _harmonics(DIRECTIONS), _harmonics(DIRECTIONS @ rotation.T)
    return np.linalg.lstsq(after, before @ light, rcond=None)[0]


def _harmonics(directions: np.ndarray) -> np.ndarray:
    values = spherical_harmonics(torch.from_numpy(directions.T.copy())[None])[0].numpy()
    return values.T * np.asarray(SH_FACTORS)
