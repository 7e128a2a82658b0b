"""Runs that are killed or told to stop at any moment, and go on as if nothing had happened."""

import json
import os
import shutil
import signal
import subprocess

import numpy as np
import pytest
import safetensors
import torch

from my_utils.files.lmdb_writer import LmdbWriter
from my_utils.runs.checkpoint import CheckpointStore
from tests.support.train_commands import kill_all, printed, start, wait_for
from tests.support.training_runs import comparable


def outcome(output):
    """All that a finished run has to show, but how fast it was."""
    folder = output / "resources" / "output_files"
    state = CheckpointStore(folder / "checkpoint" / "29").load_newest()
    rows = [
        comparable(json.loads(line))
        for line in (folder / "checkpoint" / "29" / "stats.jsonl").read_text().splitlines()
    ]
    pictures = {path.name: path.read_bytes() for path in (folder / "sample" / "29").iterdir()}
    path = sorted((folder / "checkpoint" / "29").glob("generator-*.safetensors"))[-1]
    with safetensors.safe_open(path, framework="pt") as generator:
        exported = path.name, generator.metadata()["sha256"]
    assert not list(folder.rglob("*.partial"))
    config = state.pop("config")
    return state, config, rows, pictures, exported


def assert_same(one, other):
    torch.testing.assert_close(one[0], other[0], rtol=0, atol=0)
    assert one[1:] == other[1:]


def finish(resources, output, *words, **options):
    process = start(resources, output, *words, **options)
    assert process.wait(timeout=300) == 0, printed(output)
    return outcome(output)


def test_a_run_stopped_again_and_again_goes_on_as_if_nothing_had_happened(demo_folder, tmp_path):
    """Each signal reaches the main process and its workers, as Ctrl-C in a terminal does."""
    words = ("--total_kimg", "0.2", "--workers", "2")
    stops = {"0.04": signal.SIGKILL, "0.08": signal.SIGTERM, "0.12": signal.SIGINT}
    for kimg, number in stops.items():
        process = start(demo_folder, tmp_path / "stopped", *words)
        wait_for(process, tmp_path / "stopped", f"kimg {kimg} ")
        os.killpg(process.pid, number)
        status, said = process.wait(timeout=60), printed(tmp_path / "stopped")
        assert status == (-number if number == signal.SIGKILL else 128 + number), said
        assert "Traceback" not in said and "DataLoader" not in said
    stopped = finish(demo_folder, tmp_path / "stopped", *words)
    assert "continuing after" in printed(tmp_path / "stopped")
    assert_same(stopped, finish(demo_folder, tmp_path / "whole", *words))


def test_the_minutes_before_the_first_step_are_ended_at_once(demo_folder, tmp_path):
    """Those in which the regressor is trained that measures."""
    process = start(demo_folder, tmp_path, "--measure_kimg", "0.004", "--workers", "1")
    wait_for(process, tmp_path, "to measure with")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 128 + signal.SIGINT, printed(tmp_path)
    said = printed(tmp_path)
    assert "stopped by SIGINT; repeat the command" in said and "Traceback" not in said


def test_an_error_in_a_data_worker_ends_the_run_with_its_sentence(demo_folder, tmp_path):
    inputs = tmp_path / "resources" / "input_files"
    shutil.copytree(demo_folder / "input_files", inputs)
    path = inputs / "FFHQ" / "multiscale.lmdb"
    shutil.rmtree(path)
    with LmdbWriter(path) as writer:
        writer.put_all({f"32-{face:05d}": b"no picture" for face in range(16)})
        writer.finish(16)
    process = start(demo_folder, tmp_path, "--workers", "2")
    assert process.wait(timeout=60) == 2, printed(tmp_path)
    said = printed(tmp_path)
    assert "\nerror: 10 of 16 faces cannot be read" in said and "Traceback" not in said


def test_the_lock_of_a_killed_process_is_free_while_its_workers_still_live(demo_folder, tmp_path):
    words = ("--total_kimg", "100", "--workers", "2")
    process = start(demo_folder, tmp_path, *words)
    wait_for(process, tmp_path, "kimg 0.04 ")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = start(demo_folder, tmp_path, *words)
    wait_for(again, tmp_path, "continuing after")
    kill_all(again.pid)
    again.wait()
    assert "continuing after" in printed(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "workers"), [(1, 0), (1, 2), (2, 0)])
def test_twenty_kills_change_nothing(demo_folder, tmp_path, processes, workers):
    words = ("--total_kimg", "2", "--workers", str(workers), "--batch", str(4 * processes))
    expected = finish(demo_folder, tmp_path / "whole", *words, processes=processes)
    draw = np.random.default_rng([processes, workers])
    kills, output = 0, tmp_path / "killed"
    while kills < 20:
        process = start(demo_folder, output, *words, processes=processes)
        moment = draw.uniform(0, 4)
        if draw.random() < 0.8:
            wait_for(process, output, "disk: ")  # the last line before it starts or continues
        try:
            status = process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            kill_all(process.pid)
            process.wait()
            kills += 1
        else:  # it finished, so the other kills meet a new run
            assert status == 0, printed(output)
            assert_same(outcome(output), expected)
            output = tmp_path / f"killed after {kills}"
    assert_same(finish(demo_folder, output, *words, processes=processes), expected)
