"""What of a picture a study must report: measured in linear light, over the face and the whole.

Levels of a picture are decoded by the sRGB curve; luminance is that of BT.709, from 0 to 1. (The V
of HSV, and means of the levels themselves, are neither light nor brightness.)
"""

from typing import NamedTuple

import numpy as np

LUMINANCE_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def to_linear(
    levels: np.ndarray,  # 0..255, sRGB
) -> np.ndarray:
    """Linear light in [0, 1] (IEC 61966-2-1)."""
    value = np.asarray(levels, np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def to_levels(
    linear: np.ndarray,  # clipped to [0, 1]
) -> np.ndarray:
    """The nearest 8-bit sRGB levels: uint8."""
    value = np.clip(linear, 0, 1)
    coded = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    return np.rint(255 * coded).astype(np.uint8)


def luminance(
    linear: np.ndarray,  # [..., 3]
) -> np.ndarray:
    """Luminance [...]."""
    return linear @ LUMINANCE_WEIGHTS


class Region(NamedTuple):
    """The properties of one region of a picture."""

    luminance: float  # mean
    contrast: float  # RMS: standard deviation of luminance over its mean
    red: float  # mean linear light
    green: float
    blue: float


def region_properties(
    linear: np.ndarray,  # [H, W, 3]
    region: np.ndarray,  # [H, W] bool
) -> Region:
    """Mean luminance, RMS contrast and mean colour; NaN where the region is empty."""
    pixels = linear[region]
    if not len(pixels):
        return Region(*[float("nan")] * 5)
    light = luminance(pixels)
    mean = float(light.mean())
    contrast = float(light.std() / mean) if mean > 0 else 0.0
    return Region(mean, contrast, *pixels.mean(axis=0).tolist())


def octaves(size: int) -> list[tuple[int, int]]:
    """Bands of spatial frequency in cycles per picture: (1, 2), (2, 4) ... up to size / 2."""
    lows = [2**k for k in range(int(np.log2(size)) - 1)]
    return [(low, 2 * low) for low in lows]


def octave_energies(
    light: np.ndarray,  # [H, H] luminance
    region: np.ndarray,  # [H, H] bool
) -> list[float]:
    """RMS contrast in each band of `octaves`; their squares sum to nearly the squared contrast.

    Outside the region the picture is set to the region's mean, so that the border of a mask counts
    as little as it can.
    """
    mean = light[region].mean() if region.any() else 0.0
    if mean <= 0:
        return [0.0] * len(octaves(len(light)))
    centred = np.where(region, light / mean - 1, 0)
    power = np.abs(np.fft.fft2(centred)) ** 2 / centred.size / max(region.sum(), 1)
    radius = radial_frequency(len(light))
    bands = octaves(len(light))
    return [float(np.sqrt(power[(radius >= low) & (radius < high)].sum())) for low, high in bands]


def radial_frequency(size: int) -> np.ndarray:
    """Cycles per picture of every entry of a discrete Fourier transform: [size, size]."""
    frequency = np.fft.fftfreq(size, 1 / size)
    return np.hypot(frequency[:, None], frequency)


def difference(
    first: np.ndarray,  # [H, W, 3] linear
    second: np.ndarray,
    region: np.ndarray,  # [H, W] bool
) -> float:
    """Root mean square difference of linear light over a region."""
    return float(np.sqrt(np.mean((first - second)[region] ** 2))) if region.any() else 0.0
