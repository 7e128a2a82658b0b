"""Matching: what is promised to be equal is equal in the 8-bit pictures."""

import numpy as np
import pytest

from my_utils.stimuli.design import Matching
from my_utils.stimuli.image_properties import luminance, region_properties, to_levels, to_linear
from my_utils.stimuli.matching import LEVELS, Sample, find_targets, match_picture, relight


@pytest.fixture
def samples():
    """Five unlike pictures with an oval region each."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    pictures = []
    for number in range(5):
        base = rng.uniform(0.2, 0.6, 3) * (1 + 0.3 * np.sin(3 * x + number))[..., None]
        picture = base + rng.normal(0, 0.03 + 0.02 * number, (48, 48, 3))
        region = x**2 / 0.5 + y**2 / 0.8 < 1 - 0.05 * number
        pictures.append(
            Sample(to_linear(to_levels(to_linear(255 * np.clip(picture, 0, 1)))), region)
        )
    return pictures


def finished(samples, match):
    targets = find_targets(samples, match)
    shown = [LEVELS[to_levels(match_picture(sample, targets))] for sample in samples]
    measures = [
        region_properties(one, sample.region) for one, sample in zip(shown, samples, strict=True)
    ]
    return targets, shown, measures


def values(measures, name):
    return [getattr(one, name) for one in measures]


def spread(numbers):
    return (max(numbers) - min(numbers)) / np.mean(numbers)


def test_luminance_and_contrast_become_equal(samples):
    before = [region_properties(*sample) for sample in samples]
    _, _, after = finished(samples, Matching(("luminance", "contrast")))
    for name in ("luminance", "contrast"):
        assert spread(values(before, name)) > 0.2
        assert spread(values(after, name)) < 0.005
        means = (np.mean(values(one, name)) for one in (after, before))
        assert next(means) == pytest.approx(next(means), rel=2e-3)


def test_one_of_both_leaves_the_other(samples):
    before = [region_properties(*sample) for sample in samples]
    _, _, after = finished(samples, Matching(("luminance",), luminance=0.3))
    assert values(after, "luminance") == pytest.approx([0.3] * 5, rel=1e-3)
    assert values(after, "contrast") == pytest.approx(values(before, "contrast"), rel=5e-3)
    _, _, after = finished(samples, Matching(("contrast",), contrast=0.25))
    assert values(after, "contrast") == pytest.approx([0.25] * 5, rel=1e-3)
    assert values(after, "luminance") == pytest.approx(values(before, "luminance"), rel=5e-3)


def test_the_target_survives_clipping(samples):
    """At a high contrast pixels run into white: the mean is solved for what remains."""
    match = Matching(("luminance", "contrast"), luminance=0.5, contrast=0.6)
    _, shown, after = finished(samples, match)
    assert any((one == 1).any() for one in shown)
    assert values(after, "luminance") == pytest.approx([0.5] * 5, rel=3e-3)
    assert values(after, "contrast") == pytest.approx([0.6] * 5, rel=3e-3)


def test_histograms_become_equal(samples):
    targets, shown, _ = finished(samples, Matching(("histogram",)))
    curves = [
        np.quantile(luminance(one)[sample.region], np.linspace(0.01, 0.99, 50))
        for one, sample in zip(shown, samples, strict=True)
    ]
    assert np.ptp(curves, axis=0).max() < 0.012  # a few 8-bit levels
    assert (np.diff(targets.quantiles) >= 0).all()
    for one, sample in zip(shown, samples, strict=True):
        order = np.argsort(luminance(sample.linear)[sample.region])
        pixels = luminance(one)[sample.region]
        assert pixels[order[5]] < pixels[order[-5]]  # the order of pixels stays


def test_amplitude_spectra_become_equal_and_phases_stay(samples):
    whole = [Sample(sample.linear, np.ones((48, 48), bool)) for sample in samples]
    targets = find_targets(whole, Matching(("spectrum",), region="picture"))
    strong = targets.amplitude > np.quantile(targets.amplitude, 0.9)
    for sample in whole:
        transform = np.fft.fft2(luminance(match_picture(sample, targets)))
        assert np.abs(transform)[strong] == pytest.approx(targets.amplitude[strong], rel=0.1)
        own = np.fft.fft2(luminance(sample.linear))
        assert np.abs(np.angle(transform[strong] / own[strong])).mean() < 0.1


def test_relighting_keeps_the_chromaticity():
    pixel = np.array([[0.4, 0.2, 0.1]])
    changed = relight(pixel, luminance(pixel) * 0.5)
    assert changed == pytest.approx(pixel * 0.5)
    black = relight(np.zeros((1, 3)), np.array([0.2]))
    assert black == pytest.approx(np.full((1, 3), 0.2))
