"""compute_fid.py and sweep_fid.py, with a network that needs no download."""

import dataclasses
import json
import runpy
import sys

import numpy as np
import pytest
from PIL import Image

from my_utils.metrics.fid import options as fid_options
from my_utils.runs.config import run_config
from my_utils.runs.generators import save_generator
from my_utils.runs.networks import build_generator
from tests.support.fid_stubs import stub_network
from tests.support.script_runs import ROOT

COUNT = 14  # of the 16 photographs, the stub needs 13


@pytest.fixture
def call(monkeypatch, capsys, resources):
    """Call a script of plots/ in this process."""

    def call_script(script, *words):
        words = ("--run_id", "29", "--resources", resources, *words)
        monkeypatch.setattr(sys, "argv", [script, *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / "plots" / script), run_name="__main__")
        return ended.value.code, capsys.readouterr()

    return call_script


@pytest.fixture
def run(monkeypatch, call):
    """The same, with few faces and another network."""
    monkeypatch.setattr(fid_options, "chosen_network", lambda *choice: stub_network())
    return lambda script, *words: call(script, "--count", COUNT, *words)


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_measures_are_printed_and_added_to_those_of_the_run(run, tmp_path, resources):
    status, printed = run("compute_fid.py", "--outdir", tmp_path)
    assert status == 0
    assert (
        "| run 29 |" in printed.out and "| generator | frechet_stub | kernel_stub |" in printed.out
    )
    assert f"fid-{COUNT}: {COUNT} generated images" in printed.out
    rows = read(tmp_path / "measures.jsonl")
    names = ["frechet_stub", "kernel_stub", "kernel_std", "precision", "recall"]
    assert [row["measure"] for row in rows] == names
    assert all(np.isfinite(row["value"]) for row in rows)
    assert rows[0]["reference_count"] == 16 and rows[0]["resolution"] == 32
    assert rows[0]["generator"].endswith("generator-00000.000.safetensors")
    (kept,) = (resources / "output_files" / "statistics").iterdir()
    assert kept.name.startswith("stub-32-")


def test_the_same_seed_gives_the_same_numbers_at_any_batch_and_another_seed_others(run, tmp_path):
    for words in (("--batch", 5), ("--batch", 14), ("--seed", 1)):
        assert run("compute_fid.py", "--outdir", tmp_path, *words)[0] == 0
    first, again, other = (row["value"] for row in read(tmp_path / "measures.jsonl")[::5])
    assert first == pytest.approx(again, rel=1e-3)  # a level of a pixel may round otherwise
    assert first != other


def test_the_published_protocol_gives_other_numbers_of_another_name(run, tmp_path):
    assert run("compute_fid.py", "--outdir", tmp_path)[0] == 0
    assert run("compute_fid.py", "--outdir", tmp_path, "--protocol", "published")[0] == 0
    rows = read(tmp_path / "measures.jsonl")[::5]
    assert [row["protocol"] for row in rows] == [f"fid-{COUNT}", f"published-{COUNT}"]
    assert rows[0]["value"] != rows[1]["value"]


def test_the_sweep_draws_its_curves_and_keeps_its_numbers(run, tmp_path):
    status, printed = run("sweep_fid.py", "--outdir", tmp_path)
    assert status == 0 and "wrote sweep.png and measures.jsonl" in printed.out
    rows = [row for row in read(tmp_path / "measures.jsonl") if row["measure"] == "frechet_stub"]
    levels = sorted({row["perturbation_sd"] for row in rows})
    assert np.allclose(levels, np.linspace(0, 1.5, 10))
    assert np.array(Image.open(tmp_path / "sweep.png")).std() > 0


def test_statistics_of_another_size_end_the_script_before_anything_is_drawn(run, tmp_path):
    file = tmp_path / "ffhq_256X256_fid_stats.npz"
    np.savez(file, mu=np.zeros(12), sigma=np.eye(12))
    status, printed = run("compute_fid.py", "--statistics", file, "--outdir", tmp_path / "out")
    assert (
        status == 2 and printed.err.startswith("error: ") and "--protocol published" in printed.err
    )
    assert not (tmp_path / "out").exists()


def test_missing_weights_end_the_script_with_one_sentence(call, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    status, printed = call("compute_fid.py", "--outdir", tmp_path / "out")
    assert status == 2
    assert printed.err.startswith("error: ") and len(printed.err.splitlines()) == 1
    assert "sha256" in printed.err and str(tmp_path / "hub" / "checkpoints") in printed.err
    assert not list(tmp_path.iterdir())


def test_generators_of_different_sizes_are_not_compared(run, resources, tmp_path):
    config = dataclasses.replace(
        run_config(29, demo=True), resolution=16, render_size=32, channel_base=128, channel_max=8
    )
    other = tmp_path / "generator-00000.001.safetensors"
    save_generator(other, build_generator(config), config, nimg=1)
    status, printed = run("compute_fid.py", "--ckpt", other, "--outdir", tmp_path / "out")
    assert status == 2 and "draw images of 16 and 32 pixels" in printed.err


def test_generators_side_by_side_have_a_row_each(run, resources, tmp_path):
    folder = resources / "output_files" / "checkpoint" / "29"
    again = ("--ckpt", folder / "generator-00000.000.safetensors")
    assert run("compute_fid.py", *again, "--outdir", tmp_path)[0] == 0
    assert len(read(tmp_path / "measures.jsonl")) == 10
