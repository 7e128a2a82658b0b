"""Makes luminance, contrast, histogram or amplitude spectrum equal over a set, in linear light.

Only luminance is changed: every pixel keeps its chromaticity while that is possible. Screens show
8-bit levels between black and white, so luminance and contrast are solved for what remains after
clipping and rounding.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from my_utils.stimuli.design import Matching
from my_utils.stimuli.image_properties import luminance, to_levels, to_linear

QUANTILES = np.linspace(0, 1, 1025)
TOLERANCE = 5e-4  # relative, of mean luminance and contrast
ITERATIONS = 30
LARGEST_GAIN = 4.0  # of colours: more would turn the noise of dark pixels into colours
LEVELS = to_linear(np.arange(256))


class Targets(NamedTuple):
    """What every picture is brought to; None where the design does not ask for it."""

    luminance: float | None
    contrast: float | None
    quantiles: np.ndarray | None  # [1025] luminances
    amplitude: np.ndarray | None  # [S, S] of the Fourier transform


class Sample(NamedTuple):
    """A picture before matching."""

    linear: np.ndarray  # [S, S, 3]
    region: np.ndarray  # [S, S] bool, over which it is matched


def find_targets(samples: Iterable[Sample], match: Matching) -> Targets:
    """The means over all pictures of what is matched, unless the design gives a number."""
    lights, contrasts, quantiles, amplitude = [], [], np.zeros(len(QUANTILES)), 0.0
    count = 0
    for linear, region in samples:
        pixels = luminance(linear[region])
        count += 1
        lights.append(pixels.mean())
        contrasts.append(pixels.std() / max(pixels.mean(), 1e-9))
        if "histogram" in match.properties:
            quantiles += np.quantile(pixels, QUANTILES)
        if "spectrum" in match.properties:
            amplitude = amplitude + np.abs(_transform(luminance(linear), region))
    mean = float(np.mean(lights)) if match.luminance is None else match.luminance
    contrast = float(np.mean(contrasts)) if match.contrast is None else match.contrast
    histogram = quantiles / count if "histogram" in match.properties else None
    if histogram is not None:
        middles = (histogram[1:] + histogram[:-1]) / 2
        mean, contrast = float(middles.mean()), float(middles.std() / middles.mean())
    return Targets(
        luminance=mean if {"luminance", "histogram"} & set(match.properties) else None,
        contrast=contrast if {"contrast", "histogram"} & set(match.properties) else None,
        quantiles=histogram,
        amplitude=np.asarray(amplitude) / count if "spectrum" in match.properties else None,
    )


def match_picture(sample: Sample, targets: Targets) -> np.ndarray:
    """The picture [S, S, 3] with its luminance brought to the targets."""
    linear, region = sample
    light = luminance(linear)
    if targets.amplitude is not None:
        light = _with_amplitude(light, region, targets.amplitude)
    if targets.quantiles is not None:
        light = _with_quantiles(light, region, targets.quantiles)
    linear = relight(linear, light)
    if targets.luminance is not None or targets.contrast is not None:
        linear = _with_moments(linear, region, targets.luminance, targets.contrast)
    return linear


def relight(
    linear: np.ndarray,  # [..., 3]
    light: np.ndarray,  # [...] luminance wanted
) -> np.ndarray:
    """The same chromaticity at another luminance; what a gain cannot give is added as grey."""
    own = luminance(linear)
    gain = np.clip(light / np.maximum(own, 1e-6), 0, LARGEST_GAIN)
    return linear * gain[..., None] + (light - gain * own)[..., None]


def _with_moments(
    linear: np.ndarray, region: np.ndarray, mean: float | None, contrast: float | None
) -> np.ndarray:
    """Mean luminance and RMS contrast of the region set, where given, by one gain and one offset.

    The gain spreads luminances around their mean. Both are corrected by what clipping and rounding
    did to the last result.
    """
    pixels = linear[region]
    light = luminance(pixels)
    own_mean, own_sd = light.mean(), light.std()
    goal_mean = own_mean if mean is None else mean
    goal_sd = goal_mean * (own_sd / max(own_mean, 1e-9) if contrast is None else contrast)
    gain, offset = goal_sd / max(own_sd, 1e-9), goal_mean
    for _ in range(ITERATIONS):
        shown = luminance(LEVELS[to_levels(relight(pixels, gain * (light - own_mean) + offset))])
        found_mean, found_sd = shown.mean(), shown.std()
        if abs(found_mean - goal_mean) <= TOLERANCE * goal_mean and (
            abs(found_sd - goal_sd) <= TOLERANCE * goal_sd
        ):
            break
        offset += goal_mean - found_mean
        gain *= np.clip(goal_sd / max(found_sd, 1e-9), 0.5, 2)
    return relight(linear, gain * (luminance(linear) - own_mean) + offset)


def _with_quantiles(light: np.ndarray, region: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Luminance whose histogram over the region is the given one (exact, by rank).

    Pixels elsewhere follow the same curve, and its end's ratio beyond its ends.
    """
    pixels = light[region]
    order = np.argsort(pixels, kind="stable")
    wanted = np.empty_like(pixels)
    wanted[order] = np.interp((np.arange(len(pixels)) + 0.5) / len(pixels), QUANTILES, quantiles)
    low, high = pixels[order[0]], pixels[order[-1]]
    inside = np.interp(light, pixels[order], wanted[order])
    ends = np.where(light > high, light / max(high, 1e-9), light / max(low, 1e-9))
    changed = np.where((light > high) | (light < low), inside * ends, inside)
    changed[region] = wanted
    return changed


def _transform(light: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Fourier transform of a picture that has the region's mean elsewhere."""
    return np.fft.fft2(np.where(region, light, light[region].mean()))


def _with_amplitude(light: np.ndarray, region: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
    """Luminance with the given amplitudes and its own phases, inside the region."""
    phase = np.exp(1j * np.angle(_transform(light, region)))
    return np.where(region, np.clip(np.fft.ifft2(amplitude * phase).real, 0, 1), light)
