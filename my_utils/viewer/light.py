"""Turn and dim a light that is given as nine spherical harmonics.

The first harmonic is light from everywhere (ambient). The next three are light from one side, and
the last five sharpen or flatten it: these eight turn together and make up the directional light.
"""

import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from model.renderer import SH_FACTORS

# The quadratic harmonics as symmetric matrices M: n' M n is their shading of a unit normal n.
_XY, _XZ, _YZ, _XX_YY, _ZZ = SH_FACTORS[4:]
_QUADRATIC = torch.tensor(
    [
        [[0, _XY / 2, 0], [_XY / 2, 0, 0], [0, 0, 0]],
        [[0, 0, _XZ / 2], [0, 0, 0], [_XZ / 2, 0, 0]],
        [[0, 0, 0], [0, 0, _YZ / 2], [0, _YZ / 2, 0]],
        [[_XX_YY, 0, 0], [0, -_XX_YY, 0], [0, 0, 0]],
        [[-_ZZ, 0, 0], [0, -_ZZ, 0], [0, 0, 2 * _ZZ]],
    ],
    dtype=torch.float64,
)


def light_direction(
    lighting: Tensor,  # [9, 3] harmonics x RGB
) -> tuple[float, float]:
    """Azimuth and elevation in degrees from which most light comes; zeros where it has no side.

    (0, 0) is the viewer's side, azimuth grows to the image's right, elevation upwards.
    """
    x, y, z = lighting[1:4].double().mean(dim=1)
    azimuth, elevation = torch.atan2(x, z), torch.atan2(y, torch.hypot(x, z))
    return float(azimuth.rad2deg()), float(elevation.rad2deg())


def adjust_light(
    lighting: Tensor,  # [9, 3] harmonics x RGB
    *,
    azimuth: float,  # degrees, as light_direction
    elevation: float,
    strength: float = 1.0,  # factor of the directional light
    ambient: float = 1.0,  # factor of the ambient light
) -> Tensor:
    """The same light [9, 3] coming from another direction, with its two parts scaled."""
    rotation = _facing(azimuth, elevation) @ _facing(*light_direction(lighting)).T
    coefficients = lighting.double()
    # Each matrix is turned and then expressed in the five again, which are orthogonal and equally
    # long.
    turned = rotation @ _QUADRATIC @ rotation.T
    quadratic = torch.einsum("kij,nij->kn", _QUADRATIC, turned) / _QUADRATIC[0].square().sum()
    parts = [
        ambient * coefficients[:1],
        strength * rotation @ coefficients[1:4],
        strength * quadratic @ coefficients[4:],
    ]
    return torch.cat(parts).to(lighting)


def _facing(azimuth: float, elevation: float) -> Tensor:
    """The rotation [3, 3] that takes the z axis to a direction, without a roll."""
    turn = Rotation.from_euler("YX", [azimuth, -elevation], degrees=True)
    return torch.from_numpy(turn.as_matrix())
