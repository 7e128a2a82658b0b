"""Faces of every tracker become GIF's parameters and appear where the tracker saw them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from model.camera import orthographic_projection
from model.flame import FLAME, FlameParams
from my_utils.data.parameters import load_parameters
from my_utils.data.trackers.cameras import Crop, perspective_projection
from my_utils.data.trackers.conversion import (
    MEAN_LIGHT,
    convert_face,
    convert_faces,
    head_in_view,
    tracked_vertices,
)
from my_utils.data.trackers.reader import tracked_faces
from my_utils.demo.variation import head_assets
from my_utils.errors import UserError
from tests.support.toy_head import toy_flame_assets
from tests.support.toy_resources import write_toy_resources
from tests.support.tracker_outputs import RECORDED, WRITERS, TrueFace, copy_recorded

SCRIPT = Path(__file__).resolve().parents[2] / "prepare_lmdb" / "convert_flame_params.py"
CROP = Crop(500, 610, 700, 1024)


@pytest.fixture(scope="module")
def flame():
    return FLAME(toy_flame_assets())


@pytest.fixture(scope="module")
def demo_flame():
    """A head with eyes and a neck where FLAME has them."""
    return FLAME(head_assets())


def convert(tool, folder, flame, **options):
    return convert_faces(tracked_faces(tool, folder, "2020"), flame, **options)


def params_of(truth, pose) -> FlameParams:
    vector = torch.zeros(1, 236)
    vector[0, :100] = torch.from_numpy(truth.shape[:100])
    vector[0, 100:150] = torch.from_numpy(truth.expression[:50])
    vector[0, 150:156] = torch.from_numpy(np.concatenate(pose))
    return FlameParams.from_vector(vector)


def surface_points(flame, params) -> np.ndarray:
    return flame(params)[0, ::5].double().numpy()


def shown_points(flame, table) -> np.ndarray:
    """Where GIF shows these points of the one face of a table, in [-1, 1]."""
    params = FlameParams.from_vector(torch.from_numpy(table.vectors))
    points = flame(params)[:, ::5]
    return orthographic_projection(points, params.camera)[0, :, :2].numpy()


def error_in_pixels(found, expected) -> float:
    return 128 * np.linalg.norm(found - expected, axis=1).max()


@pytest.mark.parametrize("tool", ["deca", "smirk"])
def test_points_of_a_crop_stay_on_the_same_pixels(tmp_path, flame, tool):
    truth = TrueFace()
    WRITERS[tool](tmp_path, 17, truth)
    table, notes = convert(tool, tmp_path, flame, crops={"00017": CROP})
    points = surface_points(flame, params_of(truth, [truth.rotation.as_rotvec(), truth.jaw]))
    scale, tx, ty = truth.camera
    in_crop = scale * np.stack([points[:, 0] + tx, -(points[:, 1] + ty)], axis=1)
    pixels = np.array([CROP.centre_x, CROP.centre_y]) + in_crop * CROP.size / 2
    assert error_in_pixels(shown_points(flame, table), 2 * pixels / CROP.image_size - 1) < 1e-3
    assert not any("camera" in note for note in notes)


@pytest.mark.parametrize("tool", RECORDED)
def test_points_of_a_pinhole_camera_are_moved_by_no_more_than_is_said(tmp_path, demo_flame, tool):
    copy_recorded(tool, tmp_path)
    for named in tracked_faces(tool, tmp_path, "2020"):
        converted = convert_face(named.face, demo_flame)
        vertices = demo_flame(converted.params)
        shown = head_in_view(vertices, demo_flame)
        camera = converted.params.camera
        found = orthographic_projection(vertices, camera)[0, shown, :2]
        tracked = tracked_vertices(named.face, demo_flame)
        expected = perspective_projection(tracked, named.face.perspective)[shown]
        largest = (found - expected).norm(dim=1).max()
        assert largest == pytest.approx(converted.camera_error, rel=1e-3)
        assert 128 * largest < 13


def test_a_turned_neck_turns_the_head(tmp_path, demo_flame):
    copy_recorded("vhap", tmp_path)
    face = next(tracked_faces("vhap", tmp_path, "2020")).face
    neck = Rotation.from_euler("YXZ", [0.2, -0.1, 0.05])
    straight = convert_face(face, demo_flame)
    face.neck[:] = neck.as_rotvec()
    turned = convert_face(face, demo_flame)
    found = Rotation.from_rotvec(turned.params.pose[0, :3].numpy()).as_matrix()
    expected = Rotation.from_rotvec(straight.params.pose[0, :3].numpy()) * neck
    np.testing.assert_allclose(found, expected.as_matrix(), atol=1e-5)
    assert "neck: its rotation turns the whole head" in turned.notes
    shift = (turned.params.camera - straight.params.camera).abs()[0]
    assert shift[1:].max() > 1e-3  # the head turned about the neck, not about the root


@pytest.mark.parametrize("tool", ["deca", "emoca", "smirk", "mica"])
def test_without_a_crop_the_eyes_are_centred(tmp_path, demo_flame, tool):
    WRITERS[tool](tmp_path, 17, TrueFace())
    table, notes = convert(tool, tmp_path, demo_flame)
    assert "filled in: camera that puts the eyes where FFHQ has them (1 of 1 faces)" in notes
    params = FlameParams.from_vector(torch.from_numpy(table.vectors))
    eyes = orthographic_projection(demo_flame(params)[:, [4051, 4597]], params.camera)[0, :, :2]
    np.testing.assert_allclose(eyes.mean(dim=0), [-0.0011, -0.0495], atol=1e-4)
    assert eyes[0, 0] - eyes[1, 0] == pytest.approx(0.486, abs=0.05)  # closer in a tilted head


def test_texture_is_kept_on_request_only(tmp_path, flame):
    truth = TrueFace()
    WRITERS["deca"](tmp_path, 17, truth)
    crops = {"00017": CROP}
    table, notes = convert("deca", tmp_path, flame, crops=crops)
    assert not table.vectors[0, 159:209].any()
    assert any(note.startswith("left out: texture, perhaps of another space") for note in notes)
    table, notes = convert("deca", tmp_path, flame, crops=crops, keep_texture=True)
    assert np.array_equal(table.vectors[0, 159:209], truth.texture)
    assert not any("texture" in note or "skin" in note for note in notes)


def test_what_the_file_lacks_is_filled_in(tmp_path, flame):
    truth = TrueFace()
    for folder in ("smirk", "deca"):
        (tmp_path / folder).mkdir()
        WRITERS[folder](tmp_path / folder, 17, truth)
    crops = {"00017": CROP}
    table, notes = convert("smirk", tmp_path / "smirk", flame, crops=crops)
    np.testing.assert_allclose(table.vectors[0, 209:].reshape(9, 3), MEAN_LIGHT, rtol=1e-6)
    assert {"filled in: mean skin (1 of 1 faces)", "filled in: mean light (1 of 1 faces)"} < set(
        notes
    )
    table, _ = convert("deca", tmp_path / "deca", flame, crops=crops)
    assert np.array_equal(table.vectors[0, 209:].reshape(9, 3), truth.light)


def test_faces_come_by_id_and_notes_are_counted(tmp_path, flame):
    for number in (20, 3, 17):
        WRITERS["deca"](tmp_path, number, TrueFace(number))
    (tmp_path / "00003.npy").rename(tmp_path / "3.npy")  # the last name
    crops = dict.fromkeys(("00017", "00020", "3"), CROP)
    table, notes = convert("deca", tmp_path, flame, crops=crops)
    assert table.ids.tolist() == [3, 17, 20]
    for number, vector in zip(table.ids, table.vectors, strict=True):
        assert np.array_equal(vector[:100], TrueFace(number).shape[:100])
    assert "left out: details of the surface (3 of 3 faces)" in notes


def test_names_become_ranks(tmp_path, flame):
    WRITERS["deca"](tmp_path, 17, TrueFace())
    (tmp_path / "00017.npy").rename(tmp_path / "zoe.npy")
    table, notes = convert("deca", tmp_path, flame, crops={"zoe": CROP})
    assert table.ids.tolist() == [0]
    assert notes[-1] == "ids: ranks of the sorted names, as not every name is a number"


def test_a_head_from_behind_or_without_a_crop_is_refused(tmp_path, flame):
    copy_recorded("flame-head-tracker", tmp_path)
    fields = dict(np.load(tmp_path / "00000.npz"))
    fields["cam"] = np.array([[np.pi, 0, 0, 0, 0, -0.9]])  # behind the head, looking at it
    np.savez(tmp_path / "00000.npz", **fields)
    with pytest.raises(UserError, match="face 00000 of .*00000.npz: it would be seen from behind"):
        convert("flame-head-tracker", tmp_path, flame)
    with pytest.raises(UserError, match="there is no crop for 00000"):
        convert("flame-head-tracker", tmp_path, flame, crops={})
    WRITERS["emoca"](tmp_path, 17, TrueFace())
    with pytest.raises(UserError, match="no camera for the crop"):
        convert("emoca", tmp_path / "00017", flame, crops={"00017": CROP})


# The script.


@pytest.fixture(scope="module")
def resources(tmp_path_factory):
    return write_toy_resources(tmp_path_factory.mktemp("toy") / "resources", ids=[0])


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)], cwd=cwd, capture_output=True, text=True
    )


def test_the_script_writes_a_parameter_file(resources, tmp_path):
    copy_recorded("metrical-tracker", tmp_path / "tracks")
    arguments = ("--tool", "metrical-tracker", "tracks", "--resources", resources.root)
    before = resources.parameters.read_bytes()
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and "exists already: give --force" in done.stderr
    assert resources.parameters.read_bytes() == before
    done = run(*arguments, "--force", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"wrote 3 faces to {resources.parameters}"
    assert load_parameters(resources.parameters).ids.tolist() == [0, 1, 2]


class Attack:
    def __reduce__(self):
        return os.system, ("touch executed",)


def test_the_script_executes_nothing_and_writes_nothing_for_a_malicious_file(resources, tmp_path):
    torch.save({"flame": Attack()}, tmp_path / "00017.frame")
    options = ("--tool", "pixel3dmm", "--resources", resources.root, "--out", "a")
    done = run("00017.frame", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and f"{os.system.__module__}.system" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["00017.frame"]


def test_the_script_knows_every_tool():
    from my_utils.data.trackers.reader import TOOLS

    done = run("--tool", "nothing", "a", cwd=".")
    assert done.returncode == 2
    assert all(tool in done.stderr for tool in TOOLS)
