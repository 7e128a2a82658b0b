"""A folder of photographs becomes a resources folder, and says what was left out."""

import csv

import numpy as np
import pytest
from PIL import Image

from constants import FLAME_SLICES, demo_root
from my_utils.data.parameters import load_parameters
from my_utils.data.resources import Resources
from my_utils.demo.parameters import sample_parameters
from my_utils.demo.photographs import photographs
from my_utils.demo.resources_folder import write_head_files
from my_utils.errors import UserError
from my_utils.photos.fitting import FittingHead
from my_utils.photos.folder_fit import (
    Places,
    claim,
    describe,
    finish,
    fit_folder,
    save_result,
)
from my_utils.photos.network_files import NETWORKS, networks_for

IDS = (3, 17)


def landmark_networks():
    """The folder of the networks; a test that asks for it is skipped where there is none."""
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    folder = networks_for(demo_root)
    if not all((folder / name).exists() for name in NETWORKS):
        pytest.skip("the landmark networks are not there: prepare_lmdb/get_landmark_networks.py")
    return folder


def test_what_lies_at_a_bound_is_said(tmp_path):
    vector = np.zeros(236, np.float32)
    vector[FLAME_SLICES["shape"].start] = 3.5
    report = describe(7, tmp_path / "a.jpg", 1, (1.23456, 5.0, 0.9), vector)
    assert report.at_bound == "shape 3.5 sd; jaw shut"
    assert report.landmark_residual == 1.235
    assert report.shape == pytest.approx(0.35)
    vector[FLAME_SLICES["pose"]] = [0, 1.0, 0, 0.1, 0, 0]
    vector[FLAME_SLICES["shape"].start] = 0
    assert describe(7, tmp_path, 0, (1, 1, 1), vector).at_bound == "head turned far"


def test_results_of_two_fits_do_not_mix(tmp_path):
    places = Places.below(tmp_path)
    places.check_free()
    places.images.mkdir(parents=True)
    with pytest.raises(UserError, match="exists already: give --force"):
        places.check_free()
    places.clear()
    places.check_free()


@pytest.mark.slow
def test_a_folder_is_fitted(tmp_path):
    networks = landmark_networks()
    write_head_files(tmp_path / "head")
    truth = sample_parameters(IDS)
    (tmp_path / "deep").mkdir()
    for number, pixels in zip(IDS, photographs(truth, IDS, size=256), strict=True):
        Image.fromarray(pixels).save(tmp_path / "deep" / f"{number:05d}.png")
    Image.new("RGB", (300, 200), "gray").save(tmp_path / "deep" / "00004.jpg")
    (tmp_path / "deep" / "00005.jpg").write_text("hello")
    photos = {int(path.stem): path for path in sorted((tmp_path / "deep").iterdir())}
    head = FittingHead(Resources(tmp_path / "head"), networks)
    report = fit_folder(head, photos, size=256, fine=False, workers=1)
    assert {face.id for face in report.faces} == set(IDS)
    assert [sentence.split(": ")[-1] for sentence in report.left_out] == [
        "no face was found",
        "not a usable picture (its format is unknown)",
    ]
    places = Places.below(tmp_path / "head")
    table = load_parameters(places.parameters)
    assert list(table.ids) == list(IDS)
    turned = table.vectors[:, FLAME_SLICES["pose"]][:, :3] - truth.pose[:, :3].numpy()
    assert np.rad2deg(np.abs(turned)).max() < 6
    with (places.sheets / "fit_report.csv").open() as file:
        assert [int(row["id"]) for row in csv.DictReader(file)] == [f.id for f in report.faces]
    assert sorted(path.name for path in places.images.iterdir()) == ["00003.png", "00017.png"]
    assert not places.partial.exists()


def test_an_unfinished_fit_goes_on_with_the_same_photographs_only(tmp_path):
    photos = {0: tmp_path / "a.jpg"}
    claim(tmp_path / "partial", photos, size=256, fine=False)
    claim(tmp_path / "partial", photos, size=256, fine=False)
    with pytest.raises(UserError, match="other photographs or options"):
        claim(tmp_path / "partial", photos, size=256, fine=True)
    with pytest.raises(UserError, match="other photographs or options"):
        claim(tmp_path / "partial", {0: tmp_path / "b.jpg"}, size=256, fine=False)


def test_results_that_are_there_are_put_together(tmp_path):
    """What two workers found becomes one table and one report, worst faces first."""
    places = Places.below(tmp_path)
    places.partial.mkdir(parents=True)
    vectors = np.zeros((2, 236), np.float32)
    vectors[:, FLAME_SLICES["pose"].start + 3] = 0.1
    for number, residual in ((3, 1.0), (17, 4.0)):
        report = describe(number, tmp_path / "a.jpg", 0, (residual, 5.0, 0.9), vectors[0])
        save_result(places.partial / f"{number}.npz", vectors[:1], [report], ["b.jpg: no face"])
    report = finish(places, sorted(places.partial.glob("*.npz"), key=lambda path: int(path.stem)))
    assert [face.id for face in report.faces] == [17, 3]
    assert report.left_out == ["b.jpg: no face"] * 2
    assert list(load_parameters(places.parameters).ids) == [3, 17]
    assert not places.partial.exists()
