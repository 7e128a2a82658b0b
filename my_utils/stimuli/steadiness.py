"""How steadily a continuum changes from step to step, and how to even it out."""

from collections.abc import Sequence

import numpy as np
from scipy.signal import savgol_filter

from my_utils.stimuli.image_properties import difference


def flicker(
    steps: Sequence[np.ndarray],  # K pictures [S, S, 3], linear light
    region: np.ndarray,  # [S, S] bool
) -> float:
    """Change of the change over change: 0 for a fade, 1.7 for unrelated pictures, NaN below 3.

    The mean root mean square of I[k-1] - 2 I[k] + I[k+1] over that of I[k+1] - I[k].
    """
    if len(steps) < 3:
        return float("nan")
    zero = np.zeros_like(steps[0])
    first = [difference(a, b, region) for a, b in zip(steps, steps[1:], strict=False)]
    second = [
        difference(a - 2 * b + c, zero, region)
        for a, b, c in zip(steps, steps[1:], steps[2:], strict=False)
    ]
    return float(np.mean(second) / max(float(np.mean(first)), 1e-12))


def smooth_steps(
    steps: Sequence[np.ndarray],  # K pictures [S, S, 3], linear light
    window: int,  # odd, at most K
) -> np.ndarray:
    """Every pixel on a straight line fitted to the steps around: [K, S, S, 3].

    (A Savitzky-Golay filter of order 1: a steady fade stays as it is, ends included.)
    """
    smoothed = savgol_filter(np.stack(steps), window, polyorder=1, axis=0, mode="interp")
    return np.clip(smoothed, 0, 1)
