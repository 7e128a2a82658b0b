"""The converter, as a person calls it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from my_utils.data.resources import Resources
from tests.support.toy_resources import write_toy_resources

SCRIPT = Path(__file__).resolve().parents[2] / "prepare_lmdb" / "convert_flame_model.py"


@pytest.fixture
def toy(tmp_path):
    return write_toy_resources(tmp_path / "resources", ids=[0])


def convert(toy, *words):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, words)],
        cwd=toy.root,
        env=os.environ | {"GIF_RESOURCES": str(toy.root)},
        capture_output=True,
        text=True,
    )


def test_the_converted_model_replaces_the_one_of_the_resources_folder(toy):
    before = Resources(toy.root).flame
    done = convert(toy)
    assert done.returncode == 0, done.stderr
    assert f"302 vertices and 600 triangles to {toy.converted_flame_model}" in done.stdout
    toy.flame_model.unlink()
    after = Resources(toy.root).flame
    for name in ("v_template", "faces", "shapedirs", "lbs_weights"):
        assert np.array_equal(getattr(before, name), getattr(after, name)), name


def test_another_model_and_another_place(toy):
    done = convert(toy, toy.flame_model, "--out", "m.npz")
    assert done.returncode == 0, done.stderr
    assert (toy.root / "m.npz").exists() and not toy.converted_flame_model.exists()


@pytest.mark.parametrize(
    "words, message",
    [
        (["nowhere.pkl"], "nowhere.pkl does not exist"),
        (["broken.pkl"], "broken.pkl is incomplete"),
        (["a.npz"], "the model must be a .pkl"),
        (["--out", "a.pkl"], "the output a .npz"),
        (["--out", "nowhere/a.npz"], "nowhere"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(toy, words, message):
    (toy.root / "broken.pkl").write_bytes(b"\x80\x02}")
    before = sorted(toy.root.rglob("*"))
    done = convert(toy, *words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(toy.root.rglob("*")) == before
