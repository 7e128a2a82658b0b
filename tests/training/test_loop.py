import dataclasses

import pytest
import torch

from my_utils.runs.config import RUNS
from my_utils.runs.generators import load_generator
from my_utils.training.reports import passed
from tests.support.training_runs import losses, stats, tiny, train


@pytest.mark.parametrize("run_id", RUNS)
def test_every_run_trains(demo_folder, tmp_path, run_id):
    config = tiny(run_id)
    state, run = train(config, demo_folder, tmp_path)
    assert state["nimg"] == 16
    rows = stats(run)
    assert [row["nimg"] for row in rows] == [8, 16]
    assert ("loss/texture" in rows[0]) == bool(config.texture_weight)
    assert "loss/r1" in rows[0]
    assert (run.samples / "samples-00000.016.png").stat().st_size > 1000
    exported = load_generator(run.checkpoints / "generator-00000.016.safetensors")
    assert (exported.config, exported.nimg) == (config, 16)


@pytest.mark.parametrize("run_id", [0, 24, 29])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_equals_an_uninterrupted_one(demo_folder, tmp_path, run_id, workers):
    """Also where the first part ends between two ticks, which then has a row of its own there."""
    config = tiny(run_id, workers=workers, total_kimg=0.024)
    whole, whole_run = train(config, demo_folder, tmp_path / "whole")
    part = dataclasses.replace(config, total_kimg=0.012)
    state, run = train(part, demo_folder, tmp_path / "parts")
    assert state["nimg"] == 12
    assert [row["nimg"] for row in stats(run)] == [8, 12]
    resumed, resumed_run = train(config, demo_folder, tmp_path / "parts", state)
    assert resumed.pop("config") == whole.pop("config")
    torch.testing.assert_close(resumed, whole, rtol=0, atol=0)
    assert losses(resumed_run) == losses(whole_run)
    pictures = [
        (run.samples / "samples-00000.024.png").read_bytes() for run in (whole_run, resumed_run)
    ]
    assert pictures[0] == pictures[1]


def test_workers_do_not_change_a_run(demo_folder, tmp_path):
    one, _ = train(tiny(29), demo_folder, tmp_path / "0")
    two, _ = train(tiny(29, workers=2), demo_folder, tmp_path / "2")
    torch.testing.assert_close(one["generator"], two["generator"], rtol=0, atol=0)


def test_average_starts_at_the_generator_only_in_the_mended_run(demo_folder, tmp_path):
    still = dict(total_kimg=0.004, learning_rate=1e-12, ema_half_life_kimg=1e9)
    for run_id, equal in ((0, True), (29, False)):
        state, _ = train(tiny(run_id, **still), demo_folder, tmp_path)
        own, average = state["generator"], state["generator_ema"]
        assert torch.allclose(own["synthesis.constant"], average["synthesis.constant"]) == equal


def test_intervals_are_counted_in_images():
    passing = [nimg for nimg in range(12, 121, 12) if passed(0.05, nimg, 12)]
    assert passing == [60, 108]
