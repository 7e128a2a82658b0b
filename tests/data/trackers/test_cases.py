"""Files of trackers as their own sources write them (tests/data/cases) give what they should.

Where points land in a picture is computed here from the tool's own formula, as docs/converters.md
names it, and not by this project's cameras.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from model.flame import FLAME
from my_utils.data.trackers.cameras import perspective_projection
from my_utils.data.trackers.conversion import convert_faces
from my_utils.data.trackers.reader import read_crops, tracked_faces
from my_utils.demo.variation import head_assets
from my_utils.errors import UserError
from my_utils.untrusted.reader import restricted_load

CASES = Path(__file__).resolve().parents[1] / "cases"
POINTS = np.random.default_rng(0).uniform(-0.1, 0.1, (20, 3))  # metres, FLAME's axes


@pytest.fixture(scope="module")
def demo_flame():
    return FLAME(head_assets())


def case(number):
    return next(CASES.glob(f"{number:02d}-*"))


def read(tool, path, flame_version=None):
    return {face.name: face.face for face in tracked_faces(tool, path, flame_version)}


def pixels(face, points, size):
    """Where our camera of a face sees points of a head without rotation, in pixels of a picture."""
    found = perspective_projection(torch.from_numpy(points), face.perspective).numpy()
    height, width = size
    return (found * min(size) + [width, height]) / 2


def test_flame_head_tracker_s_points_land_where_they_are_known_to():
    faces = read("flame-head-tracker", case(3))
    for expected in json.loads((case(3) / "expected.json").read_text()):
        face = faces[expected["file"].removesuffix(".npz")]
        found = pixels(face, np.array(expected["flame_points"]), (256, 256))
        np.testing.assert_allclose(found, expected["pixels"], atol=0.01)


def test_flame_head_tracker_before_version_3_5_has_its_default_field_of_view():
    face = read("flame-head-tracker", case(4))["00017"]
    focal = 128 / np.tan(np.radians(10))
    found = pixels(face, np.array([[0.02, 0.03, 0.0]]), (256, 256))
    np.testing.assert_allclose(found, [[128 + 0.02 * focal, 128 - 0.03 * focal]], rtol=1e-5)
    np.testing.assert_allclose(face.jaw, [0.1, 0, 0], rtol=1e-6)
    assert any("20 degrees" in note for note in face.notes)


def test_metrical_tracker_s_camera_is_opencv_s_and_its_light_turns_with_it():
    faces = read("metrical-tracker", case(7) / "output")
    for name, yaw in {"00000": 0, "00001": 40}.items():
        camera = restricted_load(case(7) / "output/actor/checkpoint" / f"{name}.frame")["opencv"]
        seen = (POINTS @ camera["R"][0].T + camera["t"][0]) @ camera["K"][0].T
        found = pixels(faces[name], POINTS, (512, 512))
        np.testing.assert_allclose(found, seen[:, :2] / seen[:, 2:], atol=1e-3)
        turned = [np.cos(np.radians(yaw)), 0, -np.sin(np.radians(yaw))]  # of light along x
        np.testing.assert_allclose(faces[name].lighting[1:4, 0], turned, atol=1e-3)
        np.testing.assert_allclose(faces[name].lighting[0], 3.5, rtol=1e-5)


def pixel3dmm_pixels(frame, points):
    """`project_points_screen_space` of the tool's tracker, whose middle is half a pixel off."""
    flame, camera, size = frame["flame"], frame["camera"], frame["img_size"][0]
    points = points @ flame["R_rotation_matrix"][0].T + flame["t"][0]
    x, y, z = (points @ camera["R_base_0"][0].T + camera["t_base_0"][0]).T
    focal, (cx, cy) = camera["fl"][0, 0] * size, camera["pp"][0] * size / 2
    return np.stack([size / 2 + cx - focal * x / z, size / 2 + cy + focal * y / z], axis=1)


def test_pixel3dmm_s_camera_is_opengl_s():
    face = read("pixel3dmm", case(14))["00000"]
    frame = restricted_load(case(14) / "checkpoint" / "00000.frame")
    np.testing.assert_allclose(
        pixels(face, POINTS, (256, 256)), pixel3dmm_pixels(frame, POINTS), atol=1e-3
    )


def test_the_crop_of_a_perspective_tracker_is_taken_back(demo_flame):
    folder = case(10)
    ymin, ymax, xmin, xmax = np.load(folder / "crop_ymin_ymax_xmin_xmax.npy")
    (crop,) = read_crops(folder / "crops.csv").values()
    assert crop.size == ymax - ymin == xmax - xmin
    faces = list(tracked_faces("pixel3dmm", folder / "frames", None))
    small, _ = convert_faces(faces, demo_flame)
    whole, _ = convert_faces(faces, demo_flame, crops={"00000": crop})
    scale, shrunk = small.vectors[0, 156], crop.size / crop.image_size
    assert whole.vectors[0, 156] == pytest.approx(scale * shrunk, rel=1e-3)
    middle = 2 * np.array([crop.centre_x, crop.centre_y]) / crop.image_size - 1
    x, y = (whole.vectors[0, 157:159] - small.vectors[0, 157:159]) * scale * shrunk
    np.testing.assert_allclose([x, -y], middle, atol=0.01)


def vhap_pixels(fields, frame, points):
    """Points of FLAME's root seen by an exported camera: OpenGL's axes, `cy` from below."""
    world = points + fields["translation"][0]
    to_camera = np.linalg.inv(frame["transform_matrix"])
    x, y, z = (world @ to_camera[:3, :3].T + to_camera[:3, 3]).T
    column = frame["cx"] - frame["fl_x"] * x / z
    from_below = frame["cy"] - frame["fl_y"] * y / z
    return np.stack([column, frame["h"] - from_below], axis=1)


def test_vhap_s_principal_point_counts_from_below(tmp_path):
    folder = tmp_path / "export"
    (folder / "flame_param").mkdir(parents=True)
    source = next(case(6).glob("SUBJ_A*"))
    scene = json.loads((source / "transforms.json").read_text())
    frame = scene["frames"][0] | {"cy": 250.0, "cx": 470.0}
    (folder / "transforms.json").write_text(json.dumps(scene | {"frames": [frame]}))
    parameters = (source / frame["flame_param_path"]).read_bytes()
    (folder / frame["flame_param_path"]).write_bytes(parameters)
    face = read("vhap", folder, "2023")["00000"]
    expected = vhap_pixels(restricted_load(folder / frame["flame_param_path"]), frame, POINTS)
    np.testing.assert_allclose(pixels(face, POINTS, (540, 960)), expected, atol=1e-2)


def test_vhap_s_exports_are_their_frames_and_never_the_neutral_face(tmp_path):
    for path in (next(case(6).glob("UNION*")), case(6)):
        faces = read("vhap", path, "2023")
        assert [re.search(r"(SUBJ_.)_.*(0000.)_00", name).groups() for name in faces] == [
            ("SUBJ_A", "00000"),
            ("SUBJ_A", "00001"),
            ("SUBJ_B", "00000"),
            ("SUBJ_B", "00001"),
        ]
        assert not any(face.jaw[0] == pytest.approx(0.3) for face in faces.values())
    single = next(case(6).glob("SUBJ_A*"))
    assert list(read("vhap", single, "2023")) == ["00000", "00001"]
    with pytest.raises(UserError, match="no files of this tool"):
        read("vhap", single / "canonical_flame_param.npz", "2023")


def test_vhap_s_own_file_has_its_camera_light_and_frame_numbers():
    faces = read("vhap", case(13) / "tracked_flame_params_30.npz", "2023")
    assert list(faces) == ["00000", "00003", "00006", "00009", "00012"]
    for face in faces.values():
        depth = 1 - POINTS[:, 2:]  # the camera stands at z = 1
        expected = 256 + 1.5 * 512 * POINTS[:, :2] * [1, -1] / depth
        np.testing.assert_allclose(pixels(face, POINTS, (512, 512)), expected, atol=1e-3)
        np.testing.assert_array_equal(face.lighting[0], 3.5)


def test_a_rig_s_light_is_left_out(tmp_path):
    fields = restricted_load(case(13) / "tracked_flame_params_30.npz")
    del fields["focal_length"]
    np.savez(tmp_path / "tracked_flame_params_30.npz", **fields)
    faces = read("vhap", tmp_path, "2023")
    assert all(face.lighting is None and face.perspective is None for face in faces.values())
    assert all(any("rig" in note for note in face.notes) for face in faces.values())


def test_emoca_s_folders_are_named_by_picture_and_face():
    assert list(read("emoca", case(8))) == ["00017", "00023", "00100"]
    one = read("emoca", case(8) / "0001700")
    assert list(one) == ["00017"]


def test_emica_keeps_its_pose_and_light():
    faces = read("emoca", case(11))
    assert list(faces) == ["00017", "00023"]
    folder = case(11) / "0001700"
    for field, name in {
        "rotation": "globalpose",
        "jaw": "jawpose",
        "lighting": "lightcode",
    }.items():
        np.testing.assert_array_equal(
            getattr(faces["00017"], field), np.load(folder / f"{name}.npy")
        )
    np.testing.assert_array_equal(faces["00017"].shape, np.load(folder / "shape.npy")[:100])
    smirk = read("smirk", case(11))["00017"]
    assert smirk.lighting is not None and smirk.texture is not None


@pytest.mark.parametrize(
    "tool, file, names",
    [
        ("smirk", "smirk_stack.npz", [f"{n:05d}" for n in range(7)]),
        ("smirk", "smirk_bfloat16.pt", ["smirk_bfloat16"]),
        ("deca", "deca_list.pkl", ["00000", "00001", "00002"]),
    ],
)
def test_layouts_that_people_save_are_read(tool, file, names):
    faces = read(tool, case(16) / file)
    assert list(faces) == names
    said = [any("places of the faces" in note for note in face.notes) for face in faces.values()]
    assert all(said) == (len(names) > 1)


def test_vertices_without_codes_are_refused_by_cause():
    with pytest.raises(UserError, match="vertices and no codes, as DECA's --saveMat"):
        read("deca", case(16) / "deca_reconstruct.mat")


def test_a_dictionary_by_name_and_frames_of_one_run_each_are_read(tmp_path):
    codes = restricted_load(case(16) / "deca_list.pkl")[0]
    np.save(tmp_path / "all.npy", {"00017.png": codes, "00023.png": codes}, allow_pickle=True)
    assert list(read("deca", tmp_path / "all.npy")) == ["00017", "00023"]
    frame = (case(14) / "checkpoint" / "00000.frame").read_bytes()
    for run in ("00017_nV1_noPho_uv2000.0_n1000.0", "00023_nV1_noPho_uv2000.0_n1000.0"):
        (tmp_path / "runs" / run / "checkpoint").mkdir(parents=True)
        (tmp_path / "runs" / run / "checkpoint" / "00000.frame").write_bytes(frame)
    assert list(read("pixel3dmm", tmp_path / "runs")) == ["00017", "00023"]
    (tmp_path / "runs" / "00023_nV1_noPho_uv2000.0_n1000.0").rename(tmp_path / "runs" / "zoe")
    names = list(read("pixel3dmm", tmp_path / "runs"))
    assert names == ["00017", "zoe/checkpoint/00000"]


def test_a_batch_of_flame_head_tracker_has_a_camera_for_each(tmp_path):
    single = [restricted_load(case(3) / f"{n:05d}.npz") for n in range(3)]
    batch = {name: np.concatenate([one[name] for one in single]) for name in single[0]}
    expected = read("flame-head-tracker", case(3))
    for left_out in ((), ("K",)):
        kept = {name: value for name, value in batch.items() if name not in left_out}
        np.savez(tmp_path / "batch.npz", **kept)
        found = read("flame-head-tracker", tmp_path / "batch.npz")
        for name, face in found.items():
            for part, other in zip(face.perspective, expected[name].perspective, strict=True):
                np.testing.assert_allclose(part, other, atol=1e-5)


@pytest.mark.parametrize("mode", ["texture", "mesh_rendered", "neck_pose"])
def test_the_light_of_photometric_fitting_is_turned_into_the_camera_s_axes(tmp_path, mode):
    fields = restricted_load(case(3) / "00001.npz")
    fields.pop("neck_pose")
    fields["light"] = np.zeros((1, 9, 3), np.float32)
    fields["light"][0, 1] = 1  # along the head's x
    np.savez(tmp_path / "00001.npz", **fields)
    (of_deca,) = read("flame-head-tracker", tmp_path).values()
    np.testing.assert_array_equal(of_deca.lighting, fields["light"][0])
    np.savez(tmp_path / "00001.npz", **fields, **{mode: np.zeros((1, 3), np.float32)})
    (turned,) = read("flame-head-tracker", tmp_path).values()
    yaw, pitch, roll = fields["cam"][0, :3]
    to_world = Rotation.from_euler("ZYX", [roll, yaw, pitch]).as_matrix()
    np.testing.assert_allclose(turned.lighting[1:4, 0], to_world.T[:, 0], atol=1e-6)


def test_light_of_nine_faces_is_not_taken_for_theirs(tmp_path):
    fields = restricted_load(case(13) / "tracked_flame_params_30.npz")
    fields = {
        name: np.resize(value, (9, *value.shape[1:]))
        if len(np.shape(value)) and len(value) == 5
        else value
        for name, value in fields.items()
    }
    fields["timestep_id"] = np.array([f"{n:05d}" for n in range(9)])
    fields["lights"] = np.arange(27, dtype=np.float32).reshape(9, 3)
    np.savez(tmp_path / "tracked_flame_params_30.npz", **fields)
    for face in read("vhap", tmp_path, "2023").values():
        np.testing.assert_array_equal(face.lighting, fields["lights"])
