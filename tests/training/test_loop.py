import dataclasses
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from my_utils.runs.checkpoint import CheckpointStore
from my_utils.runs.config import RUNS
from my_utils.runs.generators import load_generator
from my_utils.signals import Stopped
from my_utils.training.loop import fresh_styles
from my_utils.training.reports import duration, passed, status_line
from tests.support.script_runs import ROOT
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


def test_measuring_is_ended_at_once_after_a_checkpoint(demo_folder, tmp_path, monkeypatch):
    class SlowMeasures:
        def __init__(self, *_, **__):
            pass

        def __call__(self):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)

    monkeypatch.setattr("my_utils.training.measures.TrainingMeasures", SlowMeasures)
    config = tiny(8, measure_kimg=0.008, checkpoint_kimg=1)
    with pytest.raises(Stopped):
        train(config, demo_folder, tmp_path)
    assert CheckpointStore(tmp_path / "checkpoint" / "8").load_newest()["nimg"] == 8


def test_measures_are_imported_only_where_they_are_asked_for():
    """torchvision and torch-fidelity take seconds."""
    code = "import sys, my_utils.training.run; print('torchvision' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_a_status_line_has_units():
    row = {"nimg": 1500, "sec_per_kimg": 40.0, "data_wait": 0.02, "cpu_gb": 1.5, "gpu_gb": 12.0}
    line = status_line(row | {"loss/D": 1.25}, total=100_000)
    assert line == (
        "kimg 1.5  40.0 s/kimg  1 h 5 min left  CPU 1.5 GB  GPU 12.0 GB  data wait 2%  D 1.250"
    )
    times = [duration(seconds) for seconds in (12.3, 1800, 3600 * 30, 3600 * 50)]
    assert times == ["12 s", "30 min", "30 h 0 min", "2 days 2 h"]


def test_intervals_are_counted_in_images():
    passing = [nimg for nimg in range(12, 121, 12) if passed(0.05, nimg, 12)]
    assert passing == [60, 108]


def test_a_share_of_the_faces_changes_style_at_a_block():
    config = dataclasses.replace(tiny(0), style_mixing=0.5)
    z = fresh_styles(config, 400, 4, torch.Generator().manual_seed(0))
    plain = fresh_styles(tiny(0), 400, 4, torch.Generator().manual_seed(0))
    assert z.shape == (400, 4, config.z_dim)
    assert torch.equal(z[:, 0], plain)
    first = (z != z[:, :1]).any(dim=2)  # once another style, always another one
    assert (first[:, 1:] >= first[:, :-1]).all()
    shares = first.float().mean(dim=0)
    assert shares[1:] == pytest.approx([1 / 6, 1 / 3, 1 / 2], abs=0.08)
