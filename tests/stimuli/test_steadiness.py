"""Flicker along a continuum, and how it is evened out."""

import numpy as np
import pytest

from my_utils.stimuli.steadiness import flicker, smooth_steps

EVERYWHERE = np.ones((6, 6), bool)


def fade(steps):
    start, end = np.random.default_rng(0).uniform(0.2, 0.8, (2, 6, 6, 3))
    return [start + t * (end - start) for t in np.linspace(0, 1, steps)]


def test_a_fade_is_steady_and_unrelated_pictures_are_not():
    assert flicker(fade(7), EVERYWHERE) == pytest.approx(0, abs=1e-9)
    noise = np.random.default_rng(1).uniform(0, 1, (200, 6, 6, 3))
    assert flicker(list(noise), EVERYWHERE) == pytest.approx(np.sqrt(3), rel=0.05)
    assert np.isnan(flicker(fade(2), EVERYWHERE))


def test_smoothing_keeps_a_fade_and_calms_noise():
    steps = fade(9)
    assert smooth_steps(steps, 5) == pytest.approx(np.stack(steps))
    noise = np.random.default_rng(2).normal(0, 0.02, (9, 6, 6, 3))
    noisy = np.clip(np.stack(steps) + noise, 0, 1)
    smoothed = smooth_steps(noisy, 5)
    assert flicker(list(smoothed), EVERYWHERE) < 0.4 * flicker(list(noisy), EVERYWHERE)
    # In the middle, a line fitted to five steps is their mean.
    assert smoothed[4] == pytest.approx(noisy[2:7].mean(axis=0))
