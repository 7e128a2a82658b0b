"""Every plot script, as a person calls it: from another folder, with only a checkpoint."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from my_utils.checkpoint import save_generator
from my_utils.networks import build_generator
from my_utils.params_file import load_params
from my_utils.run_config import run_config
from my_utils.safe_read import restricted_load

ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def resources(demo_folder, tmp_path_factory):
    """The demo's inputs beside the generator of a run that was never trained."""
    folder = tmp_path_factory.mktemp("plots")
    (folder / "input_files").symlink_to(demo_folder / "input_files")
    config = dataclasses.replace(
        run_config(29, demo=True), resolution=32, render_size=32, channel_base=128, channel_max=8
    )
    torch.manual_seed(0)
    path = folder / "output_files" / "checkpoint" / "29" / "generator-00000.000.safetensors"
    path.parent.mkdir(parents=True)
    save_generator(path, build_generator(config), config, nimg=0)
    return folder


def run(script, *words, folder):
    command = [sys.executable, str(ROOT / "plots" / script), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=ONE_THREAD)


def pictures(folder):
    return {
        str(path.relative_to(folder)): np.array(Image.open(path)) for path in folder.rglob("*.png")
    }


def test_random_samples(resources, tmp_path):
    words = ("--run_id", "29", "--resources", str(resources))
    done = run("generate_random_samples.py", *words, "--seeds", "3,5-6", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    outdir = resources / "output_files" / "sample" / "29" / "random_samples"
    assert str(outdir) in done.stdout
    first = pictures(outdir)
    names = [f"images/{seed}.png" for seed in (3, 5, 6)]
    names += [f"conditions/{kind}{seed}.png" for kind in ("render", "normal") for seed in (3, 5, 6)]
    assert set(first) == {*names, "grid.png"}
    assert first["images/5.png"].shape == (32, 32, 3)

    again = ("--params", str(outdir / "params.npz"), "--batch", "1", "--outdir", "again")
    done = run("generate_random_samples.py", *words, *again, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    second = pictures(tmp_path / "again")
    for name in names:
        assert np.abs(second[name].astype(int) - first[name]).max() <= 1, name


def test_published_random_samples(resources, tmp_path):
    words = ("--run_id", "29", "--resources", str(resources), "--protocol", "published")
    done = run("generate_random_samples.py", *words, "--outdir", "out", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    names = {f"images/{k}.png" for k in range(128)}
    names |= {f"conditions/{kind}{k}.png" for kind in ("render", "normal") for k in range(128)}
    assert set(pictures(tmp_path / "out")) == {*names, "grid.png"}
    published = restricted_load(tmp_path / "out" / "params.npy")
    ours, styles = load_params(tmp_path / "out" / "params.npz")
    assert published["identity_indices"].tolist() == styles
    names = {"cam": "camera", "exp": "expression", "light_code": "lighting"}
    names |= {"texture_code": "texture", "shape": "shape", "pose": "pose"}
    assert published.keys() == {*names, "identity_indices"}
    for theirs, name in names.items():
        assert np.array_equal(published[theirs], getattr(ours, name)), name


def test_role_of_different_parameters(resources, tmp_path):
    words = ("--run_id", "29", "--resources", str(resources), "--pairs", "0,2", "--outdir", "out")
    done = run("role_of_different_parameters.py", *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    names = [f"{kind}{row}.png" for kind in ("", "rndr_", "norm_") for row in range(7)]
    expected = {f"gen_images{pair}/{name}" for pair in (0, 2) for name in names}
    assert set(pictures(tmp_path / "out")) == {*expected, "figure3.png"}


def test_generators_and_factors_side_by_side(resources, tmp_path):
    folder = resources / "output_files" / "checkpoint" / "29"
    again = ("--ckpt", str(folder / "generator-00000.000.safetensors"), "--pairs", "1")
    words = ("--run_id", "29", *again, "--factors", "lighting,pose", "--resources", str(resources))
    done = run("role_of_different_parameters.py", *words, "--outdir", "out", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = pictures(tmp_path / "out")
    generator = "run_29_generator-00000.000"
    names = [f"{kind}{row}.png" for kind in ("", "rndr_", "norm_") for row in range(4)]
    assert set(found) == {*(f"{generator}/gen_images1/{name}" for name in names), "figure3.png"}


def test_evaluate_control(resources, tmp_path):
    words = ("--run_id", "29", "--resources", str(resources), "--count", "6", "--outdir", "out")
    done = run("evaluate_control.py", *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ratio" in done.stdout
    assert (tmp_path / "out" / "held_out.png").exists()


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (("--run_id", "7"), "there is no generator in"),
        (("--ckpt", "absent.safetensors"), "does not exist"),
        (("--run_id", "29", "--seeds", "a-b"), "not a list of numbers"),
        (("--run_id", "29", "--params", "absent.npz"), "does not exist"),
        (("--run_id", "29", "--device", "abacus"), "not a device"),
    ],
)
def test_wrong_calls_are_answered_in_one_sentence(resources, tmp_path, words, phrase):
    words = (*words, "--resources", str(resources))
    done = run("generate_random_samples.py", *words, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and phrase in done.stderr
    assert len(done.stderr.splitlines()) == 1
