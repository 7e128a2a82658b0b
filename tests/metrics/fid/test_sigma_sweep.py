"""The sigma sweep perturbs faces by the published amounts, the same people at every level."""

import numpy as np
import pytest
import torch

from model.flame import FLAME, FlameParams
from my_utils.metrics.fid import sigma_sweep as fid_sweep
from my_utils.metrics.fid.sigma_sweep import (
    LEVELS,
    perturb,
    perturbation_noise,
    sweep_figure,
)
from tests.support.toy_head import toy_flame_assets


@pytest.fixture
def flame(monkeypatch):
    """A head without cameras to fit: what they see is tested with `center_eyes`."""
    monkeypatch.setattr(fid_sweep, "center_eyes", lambda params, flame: params)
    return FLAME(toy_flame_assets())


def test_the_last_level_is_as_strong_as_published(flame):
    params = FlameParams.from_vector(torch.zeros(1, 236))
    moved = perturb(params, torch.ones(1, 22), LEVELS[-1], flame).to_vector()[0]
    expected = torch.zeros(236)
    expected[0:10] = expected[100:110] = 1.5  # shape and expression
    expected[151] = (2 * np.pi / 3) / 6  # yaw
    expected[153] = (np.pi / 8) / 6  # jaw
    assert torch.allclose(moved, expected)


def test_levels_are_even_and_begin_with_the_faces_themselves(flame):
    assert len(LEVELS) == 10 and LEVELS[0] == 0 and np.allclose(np.diff(LEVELS, 2), 0)
    params = FlameParams.from_vector(torch.randn(70, 236))
    same = perturb(params, perturbation_noise(70, seed=0), 0, flame)
    assert torch.equal(same.to_vector(), params.to_vector())


def test_noise_is_normal_and_cut_at_three_deviations_but_for_the_jaw():
    noise = perturbation_noise(100_000, seed=0)
    assert noise[:, :-1].abs().max() == 3 < noise[:, -1].abs().max()
    assert torch.allclose(noise.mean(0), torch.zeros(22), atol=0.02)
    assert torch.allclose(noise.std(0), torch.ones(22), atol=0.02)
    assert torch.equal(noise, perturbation_noise(100_000, seed=0))
    assert not torch.equal(noise, perturbation_noise(100_000, seed=1))


def test_perturbed_faces_are_seen_with_their_eyes_in_place(monkeypatch):
    seen = []
    monkeypatch.setattr(
        fid_sweep, "center_eyes", lambda params, flame: seen.append(params) or params
    )
    params = FlameParams.from_vector(torch.zeros(70, 236))
    perturb(params, perturbation_noise(70, seed=0), 1.0, FLAME(toy_flame_assets()))
    assert sum(map(len, seen)) == 70 and max(map(len, seen)) <= 64
    assert seen[0].shape[:, :10].abs().sum() > 0


def test_the_figure_has_a_named_curve_per_generator_and_says_how_it_was_measured():
    curves = {"run 29": np.arange(10), "run $8": np.arange(10) * 2}
    figure = sweep_figure(curves, measure="fid", title="fid10k: 10000 faces at each level")
    (axes,) = figure.axes
    for line, values in zip(axes.lines, curves.values(), strict=True):
        assert np.array_equal(line.get_xdata(), LEVELS) and np.array_equal(line.get_ydata(), values)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(curves)
    assert axes.get_ylabel().startswith("fid") and "fid10k" in axes.get_title()
    assert "standard deviations" in axes.get_xlabel() and "13.3°" in axes.get_xlabel()
