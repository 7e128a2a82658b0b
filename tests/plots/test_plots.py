"""Every plot script, as a person calls it: from another folder, with only a checkpoint."""

import numpy as np
import pytest

from my_utils.demo.parameters import sample_parameters
from my_utils.faces.params_file import load_params, save_params
from my_utils.files.atomic import file_sha256
from my_utils.metrics.control.regressor import ParameterRegressor, save_regressor
from my_utils.metrics.records import read_measures
from my_utils.untrusted.reader import restricted_load
from tests.support.script_runs import pictures, run


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


def test_samples_of_another_call_are_not_mixed(resources, tmp_path):
    words = ("--run_id", "29", "--resources", str(resources), "--outdir", "out")
    assert (
        run("generate_random_samples.py", *words, "--seeds", "0-2", folder=tmp_path).returncode == 0
    )
    few = (*words, "--seeds", "1")
    done = run("generate_random_samples.py", *few, folder=tmp_path)
    assert done.returncode == 2 and "6 files of another call" in done.stderr
    assert len(pictures(tmp_path / "out")) == 10
    done = run("generate_random_samples.py", *few, "--overwrite", folder=tmp_path)
    assert done.returncode == 0 and len(pictures(tmp_path / "out")) == 4


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
    regressor = resources / "output_files" / "reinference" / "regressor-32.safetensors"
    save_regressor(regressor, ParameterRegressor(32), faces=0)
    words = ("--run_id", "29", "--resources", str(resources), "--count", "5", "--outdir", "out")
    done = run("evaluate_control.py", *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ratio" in done.stdout and "| pose, degrees |" in done.stdout
    for name in ("held_out.png", "disentanglement.png", "disentanglement.pdf", "control.json"):
        assert (tmp_path / "out" / name).exists()
    measures = read_measures(tmp_path / "out" / "measures.jsonl")
    found = {row["measure"]: row for row in measures}
    assert {"condition_ratio", "shape_error_mm", "yaw_correlation", "leakage"} <= found.keys()
    assert found["leakage"]["regressor_sha256"] == file_sha256(regressor)
    assert found["leakage"]["count"] == 5 and found["leakage"]["nimg"] == 0


def test_evaluate_control_by_the_codes_of_a_tracker(resources, tmp_path):
    faces = sample_parameters(range(3))
    save_params(tmp_path / "params.npz", faces, [4, 5, 6])
    names = {"shape": faces.shape, "exp": faces.expression, "pose": faces.pose}
    codes = {name: rows.numpy() for name, rows in names.items()}
    (tmp_path / "deca").mkdir()
    for row, number in enumerate((4, 5, 6)):
        np.savez(tmp_path / "deca" / f"{number}.npz", **{n: codes[n][[row]] for n in codes})
    words = ("--run_id", "29", "--resources", str(resources), "--outdir", "out")
    words = (*words, "--codes", "deca", "--params", "params.npz")
    done = run("evaluate_control.py", *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 of 3 faces, codes of deca" in done.stdout
    rows = read_measures(tmp_path / "out" / "measures.jsonl")
    assert [row["measure"] for row in rows] == [
        f"{kind}_code_error_mm" for kind in ("shape", "expression", "pose")
    ]
    assert all(row["value"] < 1e-3 and row["protocol"] == "deca codes" for row in rows)


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
