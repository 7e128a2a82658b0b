"""Measures of pictures: against numbers worked out by hand, and slow twins."""

import numpy as np
import pytest

from my_utils.stimuli.image_properties import (
    difference,
    luminance,
    octave_energies,
    octaves,
    region_properties,
    to_levels,
    to_linear,
)


def test_srgb_is_decoded_to_light_and_back():
    # IEC 61966-2-1: level 188 is nearly half the light of white, 128 hardly more than a fifth.
    known = [0, 0.003035, 0.215861, 0.502886, 1]
    assert np.allclose(to_linear(np.array([0, 10, 128, 188, 255])), known, atol=1e-6)
    levels = np.arange(256)
    assert (to_levels(to_linear(levels)) == levels).all()


def test_luminance_and_contrast_of_a_checkerboard():
    picture = np.zeros((8, 8, 3))
    picture[::2, ::2] = picture[1::2, 1::2] = [1.0, 0.5, 0.25]
    light = 0.2126 + 0.5 * 0.7152 + 0.25 * 0.0722
    found = region_properties(picture, np.ones((8, 8), bool))
    assert found.luminance == pytest.approx(light / 2) and found.contrast == pytest.approx(1)
    assert (found.red, found.green, found.blue) == pytest.approx((0.5, 0.25, 0.125))
    one = np.zeros((8, 8), bool)
    one[0, 0] = True
    assert region_properties(picture, one).luminance == pytest.approx(light)
    assert np.isnan(region_properties(picture, ~np.ones((8, 8), bool)).luminance)


@pytest.mark.parametrize(("cycles", "band"), [(1, 0), (3, 1), (6, 2), (12, 3)])
def test_a_grating_has_its_energy_in_one_octave(cycles, band):
    x = np.arange(64) / 64
    light = 0.5 * (1 + 0.4 * np.cos(2 * np.pi * cycles * x)) * np.ones((64, 1))
    energies = octave_energies(light, np.ones((64, 64), bool))
    assert len(energies) == len(octaves(64)) == 5
    assert energies[band] == pytest.approx(0.4 / np.sqrt(2))  # the RMS contrast of the grating
    assert np.delete(energies, band) == pytest.approx(0, abs=1e-9)


def test_octaves_share_out_the_contrast():
    rng = np.random.default_rng(0)
    light = rng.uniform(0.2, 0.8, (32, 32))
    region = np.zeros((32, 32), bool)
    region[4:28, 6:30] = True
    whole = light[region].std() / light[region].mean()
    energies = octave_energies(light, region)
    # What lies beyond the last octave, in the corners of the spectrum, is a fifth of white noise.
    assert 0.75 * whole < np.sqrt(np.sum(np.square(energies))) <= whole


def test_difference_is_over_the_region_only():
    first, second = np.zeros((4, 4, 3)), np.zeros((4, 4, 3))
    second[0, 0] = 0.3
    region = np.zeros((4, 4), bool)
    region[0, :2] = True
    assert difference(first, second, region) == pytest.approx(np.sqrt(0.09 / 2))
    assert difference(first, second, ~region) == 0
    assert luminance(np.ones(3)) == pytest.approx(1)
