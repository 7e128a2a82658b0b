import dataclasses
import math

import pytest
import torch

from model.flame import FlameParams
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.metrics.control.evaluation import (
    held_out,
    measure_control,
    regressor_path,
    summary,
    train_regressor_for,
)
from my_utils.metrics.control.regressor import load_regressor
from my_utils.metrics.control.report import control_tables, disentanglement_figure
from my_utils.metrics.control.visible_factors import FACTORS
from tests.support.toy_control import demo_faces, demo_factors


@pytest.fixture(scope="module")
def synthesizer(resources) -> FaceSynthesizer:
    path = next((resources / "output_files" / "checkpoint").rglob("*.safetensors"))
    return FaceSynthesizer.from_checkpoint(path, resources=resources)


@pytest.fixture(scope="module")
def here(synthesizer, tmp_path_factory) -> FaceSynthesizer:
    """The same with an output folder of its own."""
    folder = tmp_path_factory.mktemp("control")
    (folder / "input_files").symlink_to(synthesizer.resources.paths.root / "input_files")
    generator, renderer = synthesizer.generator, synthesizer.renderer
    return FaceSynthesizer(generator, renderer, synthesizer.config, Resources(folder))


@pytest.fixture(scope="module")
def control(here):
    train_regressor_for(here, demo_factors(), rendered=4, epochs=1)
    regressor = load_regressor(regressor_path(here))
    return measure_control(here, regressor, demo_factors(), held_out(here, 5), batch=3)


def test_a_regressor_is_trained_on_photographs_and_renderings_and_saved(here, control):
    assert regressor_path(here).name == "regressor-32.safetensors"
    vectors = torch.from_numpy(here.resources.parameters.vectors)
    mean = load_regressor(regressor_path(here)).mean
    torch.testing.assert_close(mean, vectors.mean(dim=0), atol=0.5, rtol=0.5)


def test_everything_is_measured_beside_its_floor(control):
    assert control.matrix.shape == control.floor_matrix.shape == (7, 6)
    measures = control.measures()
    assert measures["shape_error_mm"]["floor"] == control.floor_errors["shape"]
    assert measures["texture_error_levels"]["value"] == control.errors["texture"]
    assert measures["obedience"]["value"] == pytest.approx(control.matrix[:6].diagonal().mean())
    assert control.to_dict()["matrix"]["pose"]["jaw"] == pytest.approx(control.matrix[2, 3].item())


def test_obedience_and_leakage_are_means_of_the_matrix():
    matrix = torch.cat([0.9 * torch.eye(6) + 0.1, torch.full((1, 6), 7.0)])
    matrix[1, list(FACTORS).index("texture")] = 0.7
    found = summary(matrix)
    assert found["obedience"] == pytest.approx(1)
    assert found["leakage"] == pytest.approx((29 * 0.1 + 0.7) / 30)
    assert found["leakage_expression_to_texture"] == pytest.approx(0.7)


def test_real_data_has_no_photographer_and_hence_no_floor_matrix(here, control, monkeypatch):
    monkeypatch.setattr("my_utils.metrics.control.regressor_training.HELD_OUT_SHARE", 0.4)
    config = dataclasses.replace(here.config, demo=False)
    real = FaceSynthesizer(here.generator, here.renderer, config, here.resources)
    faces = held_out(real, 3)
    assert faces.photographs.shape == (3, 3, 32, 32) and faces.photographer is None
    regressor = load_regressor(regressor_path(real))
    found = measure_control(real, regressor, demo_factors(), faces, batch=8)
    assert found.floor_matrix is None
    assert found.measures()["leakage"]["floor"] is None
    assert "changed photographs" not in control_tables(found)
    assert len(disentanglement_figure(found, "run 29").axes) == 2  # heat map and colour bar


def test_the_demo_without_photographs_says_how_to_draw_them(here, tmp_path):
    empty = FaceSynthesizer(here.generator, here.renderer, here.config, Resources(tmp_path))
    with pytest.raises(UserError, match="create_demo_resources"):
        train_regressor_for(empty, demo_factors())


def test_tables_and_figure_show_every_cell(control):
    tables = control_tables(control)
    assert tables.count("\n| style |") == 2 and "| yaw |" in tables
    figure = disentanglement_figure(control, "run $29")
    left, right, _ = figure.axes
    for axes, matrix in ((left, control.matrix), (right, control.floor_matrix)):
        written = [text.get_text() for text in axes.texts]
        assert written == [f"{value:.2f}" for value in matrix.flatten().tolist()]


@pytest.mark.parametrize("tracker", [("texture", "light"), ("expression", "pose", "jaw", "light")])
def test_what_a_tracker_leaves_constant_is_not_measured_and_said(here, control, tracker):
    """SMIRK infers neither texture nor light, MICA little but the shape."""
    faces = held_out(here, 5)
    vectors = faces.params.to_vector().clone()
    for factor in tracker:
        vectors[:, FACTORS[factor]] = vectors[:1, FACTORS[factor]]
    faces = dataclasses.replace(faces, params=FlameParams.from_vector(vectors), photographer=None)
    regressor = load_regressor(regressor_path(here))
    found = measure_control(here, regressor, demo_factors(), faces, batch=8)
    assert found.constant == list(tracker) and found.errors.keys() == FACTORS.keys() - {*tracker}
    assert found.to_dict()["matrix"].keys() == {*FACTORS, "style"} - {*tracker}
    assert all(math.isfinite(measure["value"]) for measure in found.measures().values())
    tables = control_tables(found)
    assert "nan" not in tables.lower()
    assert tables.endswith(f"does not vary in it: {', '.join(tracker)}")
    (axes, _) = disentanglement_figure(found, "run 29").axes
    assert len(axes.texts) == (7 - len(tracker)) * (6 - len(tracker))


def test_a_constant_factor_has_no_weight():
    std = torch.ones(236)
    std[FACTORS["texture"]] = 1e-9
    weights = demo_factors().component_weights(demo_faces().to_vector().mean(dim=0), std)
    assert weights.isfinite().all() and not weights[FACTORS["texture"]].any()
