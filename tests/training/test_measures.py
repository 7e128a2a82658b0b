import dataclasses
import json
import math

import pytest
import torch

import my_utils.training.measures as module
from my_utils.demo.held_out import held_out_faces
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.metrics.control.evaluation import HeldOut, regressor_path
from my_utils.metrics.control.measures import factor_errors, neighbours
from my_utils.metrics.control.regressor import ParameterRegressor, load_regressor, save_regressor
from my_utils.metrics.control.visible_factors import FACTORS, VisibleFactors
from my_utils.metrics.fid.distances import collect_statistics, frechet_distance
from my_utils.runs.generators import load_generator
from my_utils.training.measures import TrainingMeasures
from my_utils.training.reports import RANKED
from tests.support.fid_stubs import stub_network
from tests.support.training_runs import ALONE, losses, tiny, train


@pytest.fixture(autouse=True)
def few_faces(monkeypatch):
    monkeypatch.setattr(module, "FACES", 5)


@pytest.fixture(scope="module")
def measured(resources, tmp_path_factory):
    """A synthesizer with a regressor that learned nothing, in an output folder of its own."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "input_files").symlink_to((resources / "input_files").resolve())
    generators = (resources / "output_files" / "checkpoint").rglob("*.safetensors")
    synthesizer = FaceSynthesizer.from_checkpoint(next(generators), resources=folder)
    torch.manual_seed(1)
    regressor = ParameterRegressor(32, width=4)
    regressor.mean.copy_(synthesizer.dataset_params().to_vector().mean(dim=0))
    save_regressor(regressor_path(synthesizer), regressor, faces=1)
    return synthesizer


def test_what_is_reported_agrees_with_the_measures_one_by_one(measured):
    values = TrainingMeasures(measured, ALONE, batch=3)()
    held = held_out_faces(5, 32)
    regressor = load_regressor(regressor_path(measured))
    reading = regressor(measured(held.params, range(5)).clamped)
    factors = VisibleFactors(measured.renderer, measured.resources.face_mask)
    errors = factor_errors(factors, reading.params, held.params)
    usual = factor_errors(factors, neighbours(held.params), held.params)
    assert values["texture_error_levels"] == pytest.approx(errors["texture"], rel=1e-4)
    share = sum(errors[factor] / usual[factor] for factor in FACTORS) / len(FACTORS)
    assert values["control_error"] == pytest.approx(share, rel=1e-4)
    distance = frechet_distance(
        collect_statistics([reading.features]),
        collect_statistics([regressor.features(held.photographs)]),
    )
    assert values["frechet_control"] == pytest.approx(distance, rel=1e-3)
    assert all(math.isfinite(value) for value in values.values())


def test_factors_that_do_not_vary_are_left_out_with_a_word(measured, monkeypatch, capsys):
    held = held_out_faces(5, 32)
    for fields in (("texture", "lighting"), ("shape", "expression", "pose", "texture", "lighting")):
        one = {name: getattr(held.params, name)[[0] * 5] for name in fields}
        faces = HeldOut(held.params.replace(**one), held.photographs, None)
        monkeypatch.setattr(module, "held_out", lambda *_, faces=faces: faces)
        values = TrainingMeasures(measured, ALONE, batch=5)()
        assert "texture_error_levels" not in values
        assert ("control_error" in values) == ("shape_error_mm" in values) == (len(fields) == 2)
        assert "does not vary in it:" in capsys.readouterr().out


def test_fid_is_reported_where_its_weights_are(measured, monkeypatch):
    monkeypatch.setattr(module, "inception_weights", lambda chosen: "a file")
    network = dataclasses.replace(stub_network(), measures={"frechet": "fid"})
    monkeypatch.setattr(module, "inception", lambda path, device, published: network)
    monkeypatch.setattr(module, "FID_FACES", 20)
    measures = TrainingMeasures(measured, ALONE, batch=5)
    assert measures()["fid"] == measures()["fid"] > 0
    monkeypatch.setattr(module, "inception", lambda *_, **__: stub_network(minimum=17))
    assert "fid" not in TrainingMeasures(measured, ALONE, batch=5)()


def test_measuring_leaves_training_as_it_is_and_keeps_the_best(measured, tmp_path):
    folder = measured.resources.paths.root
    silent, _ = train(tiny(29), folder, tmp_path)
    config = tiny(29, measure_kimg=0.004)
    state, run = train(config, folder, tmp_path / "measured")
    for name in ("generator", "discriminator", "generator_ema", "optimizer_g", "optimizer_d"):
        torch.testing.assert_close(state[name], silent[name], rtol=0, atol=0)
    lines = (run.checkpoints / "stats.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if "control_error" in row]
    assert [row["nimg"] for row in rows] == [4, 8, 12, 16]
    for name in RANKED[:2]:
        path = run.checkpoints / f"best-{name}.safetensors"
        best = min(rows, key=lambda row: row[name])
        assert load_generator(path).nimg == best["nimg"]
        assert f"{best[name]:.4g}" in path.with_suffix(".md").read_text()


def test_the_best_of_a_resumed_run_is_that_of_the_whole_run(measured, tmp_path):
    folder = measured.resources.paths.root
    config = tiny(29, measure_kimg=0.004)
    _, whole = train(config, folder, tmp_path / "whole")
    half, run = train(dataclasses.replace(config, total_kimg=0.008), folder, tmp_path / "parts")
    stats = run.checkpoints / "stats.jsonl"
    lines = stats.read_text().splitlines(keepends=True)
    stats.write_text("".join(lines[:-1]))  # as if killed while it measured after 8 images
    _, parts = train(config, folder, tmp_path / "parts", half)
    assert losses(parts) == losses(whole)
    for name in RANKED[:2]:
        first, second = (run.checkpoints / f"best-{name}.safetensors" for run in (whole, parts))
        assert load_generator(first).nimg == load_generator(second).nimg


def test_photographs_that_are_too_few_are_a_sentence(measured, demo_folder, tmp_path):
    (tmp_path / "input_files").symlink_to((demo_folder / "input_files").resolve())
    regressor = tmp_path / "output_files" / "reinference" / "regressor-32.safetensors"
    save_regressor(regressor, ParameterRegressor(32, width=4), faces=1)
    with pytest.raises(UserError, match="faces in .* only 2 are held out"):
        train(tiny(29, measure_kimg=0.004, demo=False), tmp_path, tmp_path / "out")
