"""The command `python train.py`, as a person types it."""

import dataclasses
import json
import re
import signal
import subprocess
import sys

import pytest
import torch

from my_utils.runs.checkpoint import load_training_state
from my_utils.runs.config import run_config
from my_utils.training.curves import PROGRESS, read_stats
from tests.support.released_files import released_file, write_released
from tests.support.script_runs import ONE_THREAD, ROOT
from tests.support.train_commands import TINY


def train(*words, folder):
    command = [sys.executable, str(ROOT / "train.py"), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=ONE_THREAD)


@pytest.fixture
def resources(demo_folder, tmp_path):
    """The demo's inputs with outputs of this test's own."""
    (tmp_path / "input_files").symlink_to(demo_folder / "input_files")
    return tmp_path


def test_dry_run_writes_nothing(resources, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    done = train("--run_id", "29", "--dry_run", *TINY, "--resources", ".", folder=resources)
    assert done.returncode == 0, done.stderr
    for phrase in ("resolution           32", "data: 16 faces", "parameters", "disk:"):
        assert phrase in done.stdout
    for phrase in (
        "start: a new run",
        "every face has its photograph",
        "GB are free",
        "for a step",
    ):
        assert phrase in done.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_train_resume_and_finish(resources):
    words = ("--run_id", "0", *TINY, "--resources", ".")
    first = train(*words, folder=resources)
    assert first.returncode == 0, first.stderr
    assert re.search(r"kimg 0.016  [\d.]+ s/kimg  0 s left  CPU [\d.]+ GB  data wait", first.stdout)
    record = json.loads((resources / "output_files/checkpoint/0/run.json").read_text())
    assert record["config"]["batch"] == 4 and "--batch" in record["command"]
    assert record.keys() >= {"commit", "uncommitted_changes", "host", "python", "torch", "numpy"}
    rows = read_stats(resources / "output_files/checkpoint/0/stats.jsonl")
    assert rows and all(row.keys() <= PROGRESS.keys() | {"nimg"} for row in rows)
    again = train(*words, folder=resources)
    assert (again.returncode, "is complete" in again.stdout) == (0, True)
    further = train(*words, "--total_kimg", "0.024", folder=resources)
    assert (further.returncode, "continuing after 16 images" in further.stdout) == (0, True)
    other = train(*words, "--batch", "8", folder=resources)
    assert other.returncode == 2
    assert "batch: 4 -> 8" in other.stderr and "Traceback" not in other.stderr
    second = train(*words, "--name", "again", "--total_kimg", "0.004", folder=resources)
    assert "starting a new run" in second.stdout
    assert list((resources / "output_files/checkpoint/0-again").glob("training-state-*.pt"))
    checkpoint = "output_files/checkpoint/0/training-state-00000.024.pt"
    rehearsed = train(*words, "--batch", "8", "--dry_run", folder=resources)
    assert (rehearsed.returncode, "start: refused, the checkpoint" in rehearsed.stdout) == (0, True)
    seven = ("--run_id", "7", *TINY, "--resources", ".")
    foreign = train(*seven, "--ckpt", checkpoint, folder=resources)
    assert foreign.returncode == 2 and "checkpoint of run 0" in foreign.stderr


def test_a_released_checkpoint_is_continued(resources):
    config = dataclasses.replace(
        run_config(29, demo=True),
        **dict(resolution=32, channel_base=128, channel_max=8, z_dim=8, w_dim=8),
    )
    file, _ = released_file(config, styles=16)
    path = write_released(resources / "released", file, "000002_1")
    words = ("--run_id", "29", *TINY, "--resources", ".", "--learning_rate", "0.002")
    done = train(*words, "--ckpt", str(path), folder=resources)
    assert done.returncode == 0, done.stderr
    assert "continuing after 8 images" in done.stdout
    again = train(*words, "--total_kimg", "0.02", folder=resources)
    assert (again.returncode, "continuing after 16 images" in again.stdout) == (0, True)
    folder = resources / "output_files/checkpoint/29"
    state = load_training_state(folder / "training-state-00000.020.pt")
    for name, ours in (("generator", "generator"), ("generator_running", "generator_ema")):
        table = file[name]["module.image_embedding.embd_weight"]
        assert torch.equal(state[ours]["style_table"], table)
    assert state["optimizer_g"]["state"][0]["step"] == 2 + 3
    file, _ = released_file(config, styles=15)
    path = write_released(resources / "released", file, "000002_1")
    done = train(*words, "--ckpt", str(path), "--total_kimg", "1", folder=resources)
    assert done.returncode == 2 and "styles for 15 images, the data set has 16" in done.stderr


def test_interrupt_saves_and_says_how_to_continue(resources):
    words = ["--run_id", "8", *TINY, "--resources", ".", "--total_kimg", "100"]
    command = [sys.executable, str(ROOT / "train.py"), *words, "--tick_kimg", "0.004"]
    process = subprocess.Popen(
        command,
        cwd=resources,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ONE_THREAD,
    )
    for line in process.stdout:
        if line.startswith("kimg"):
            break
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + signal.SIGTERM
    assert "repeat the command to continue" in output
    assert list((resources / "output_files/checkpoint/8").glob("training-state-*.pt"))


def test_a_second_process_is_refused(resources):
    from my_utils.runs.folder import RunDir

    with RunDir(resources / "output_files", 29):
        done = train("--run_id", "29", *TINY, "--resources", ".", folder=resources)
        rehearsed = train(
            "--run_id", "29", *TINY, "--resources", ".", "--dry_run", folder=resources
        )
    assert done.returncode == 2
    assert "is being trained by process" in done.stderr
    assert "now: the run is being trained by process" in rehearsed.stdout


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (["--run_id", "5"], "run id 5 is unknown: choose one of 0, 3"),
        (["--name", "a/b"], "is not a name of letters"),
        (["--total_kimg", "inf"], "--total_kimg inf is too large"),
        (["--run_id", "29", "--resources", "nowhere"], "there is no resources folder nowhere"),
        (["--run_id", "29", "--demo", "--resolution", "100"], "must be a power of two"),
        (["--run_id", "29", "--demo", "--resources", ".", "--resolution", "64"], "pixels"),
    ],
)
def test_wrong_calls_are_answered_in_one_sentence(resources, words, phrase):
    done = train(*words, folder=resources)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and phrase in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_files_are_listed_at_once(tmp_path):
    done = train("--run_id", "29", "--resources", ".", folder=tmp_path)
    assert done.returncode == 2
    for name in ("flame_params_public_texture_model.npy", "multiscale.lmdb"):
        assert name in done.stderr
