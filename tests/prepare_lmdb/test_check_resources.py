"""The script, as a person calls it: what it shows, the command it ends with, its exit status."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.toy_resources import write_toy_lmdbs, write_toy_resources

SCRIPT = Path(__file__).resolve().parents[2] / "prepare_lmdb" / "check_resources.py"


@pytest.fixture
def paths(tmp_path):
    """All files, but the pictures are of 64 pixels, which only the demo's runs use."""
    paths = write_toy_resources(tmp_path / "resources", ids=[0, 2, 5])
    write_toy_lmdbs(paths, [0, 2, 5], size=64)
    return paths


@pytest.fixture
def check(paths, monkeypatch, capsys):
    def run(*options):
        words = [str(SCRIPT), "--resources", str(paths.root), *options]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        return caught.value.code, capsys.readouterr().out

    return run


def test_it_runs_from_any_folder(paths, tmp_path):
    command = [sys.executable, str(SCRIPT), "--resources", str(paths.root)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stderr == ""
    assert "These do not fit together:" in done.stdout
    assert "no pictures of 256 pixels (sizes there: 64)" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "taken, command",
    [
        (["face_mask", "photographs"], "python prepare_lmdb/check_resources.py --resources {root}"),
        (
            ["photographs", "renderings"],
            "python prepare_lmdb/prepare_ffhq_multiscale_dataset.py --out {photographs} FOLDER",
        ),
        (
            ["renderings", "bad_images"],
            "python prepare_lmdb/create_deca_rendered_lmdb.py --resources {root}",
        ),
        ([], "python prepare_lmdb/check_resources.py --resources {root}"),
    ],
)
def test_it_ends_with_the_command_to_run_next(paths, check, taken, command):
    for name in taken:
        path = getattr(paths, name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    status, output = check()
    assert status == 1
    expected = command.format(root=paths.root, photographs=paths.photographs)
    assert output.splitlines()[-1] == f"  {expected}"
    for name in taken:
        assert f"to:   {getattr(paths, name)}" in output


def test_a_damaged_lmdb_is_to_be_deleted_first(paths, check):
    (paths.renderings / "data.mdb").write_bytes(b"")
    status, output = check()
    assert status == 1
    assert f"Next: delete {paths.renderings} and build the renderings" in output


def test_a_demo_with_holes_is_made_anew(paths, monkeypatch, capsys):
    paths.face_mask.unlink()
    monkeypatch.setattr("my_utils.cli.demo_root", paths.root)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--demo"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert caught.value.code == 1
    output = capsys.readouterr().out
    assert output.splitlines()[-1] == "  python prepare_lmdb/create_demo_resources.py"


def test_what_is_complete_is_ready_for_training(paths, check, monkeypatch):
    monkeypatch.setattr("my_utils.data.resource_report.RENDER_SIZE", 64)  # of the toy's texture
    status, output = check("--demo")
    assert status == 0, output
    expected = f"  python train.py --dry_run --demo --resources {paths.root}"
    assert output.splitlines()[-1] == expected


def test_no_line_but_a_path_is_longer_than_a_hundred_characters(paths, check):
    shutil.rmtree(paths.flame_resource)
    paths.bad_images.write_bytes(b"")
    _, output = check()
    for line in output.splitlines():
        assert len(line) <= 100 or str(paths.root) in line, line


def test_a_folder_that_is_not_there_is_one_sentence(paths, check):
    shutil.rmtree(paths.root)
    status, output = check()
    assert status == 2 and output == ""
