"""Every tracker's files are read as they are written, and what is wrong with one is named."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from my_utils.data.trackers.formats import Fields
from my_utils.data.trackers.names import face_ids
from my_utils.data.trackers.reader import TOOLS, read_crops, tracked_faces
from my_utils.errors import UserError
from tests.support.tracker_outputs import (
    RECORDED,
    WRITERS,
    TrueFace,
    copy_recorded,
    write_smirk_arrays,
)


def read(tool, path, flame_version="2020"):
    return list(tracked_faces(tool, path, flame_version))


def test_every_tool_has_files_to_read():
    assert WRITERS.keys() | RECORDED.keys() == TOOLS.keys()


@pytest.mark.parametrize("tool", WRITERS)
def test_coefficients_are_the_first_ones_of_the_file(tmp_path, tool):
    truth = [TrueFace(n) for n in range(2)]
    for number, face in zip((17, 3), truth, strict=True):
        WRITERS[tool](tmp_path, number, face)
    found = {int(face.name): face.face for face in read(tool, tmp_path)}
    assert found.keys() == {3, 17}
    for number, face in zip((17, 3), truth, strict=True):
        np.testing.assert_array_equal(found[number].shape, face.shape[:100])
        expression = np.zeros(50) if tool == "mica" else face.expression[:50]
        np.testing.assert_array_equal(found[number].expression, expression)


@pytest.mark.parametrize("tool", ["deca", "emoca", "smirk"])
def test_the_pose_is_that_of_the_file(tmp_path, tool):
    truth = TrueFace()
    WRITERS[tool](tmp_path, 17, truth)
    [(name, _, face)] = read(tool, tmp_path)
    assert name == "00017"
    np.testing.assert_allclose(face.rotation, truth.rotation.as_rotvec(), atol=1e-6)
    np.testing.assert_allclose(face.jaw, truth.jaw, atol=1e-6)
    if tool != "emoca":
        np.testing.assert_allclose(face.crop_camera, truth.camera, atol=1e-6)


@pytest.mark.parametrize("tool", WRITERS)
def test_texture_and_light_are_those_of_the_file(tmp_path, tool):
    truth = TrueFace()
    WRITERS[tool](tmp_path, 17, truth)
    [(_, _, face)] = read(tool, tmp_path)
    if tool in ("deca", "emoca"):
        np.testing.assert_array_equal(face.texture, truth.texture)
    else:
        assert face.texture is None
    if tool == "deca":
        np.testing.assert_array_equal(face.lighting, truth.light)
    else:
        assert face.lighting is None


@pytest.mark.parametrize(
    "tool, expected",
    [
        ("deca", ["details of the surface"]),
        ("smirk", ["'shape_params' beyond the first 100 coefficients", "eyelids"]),
    ],
)
def test_what_is_left_out_is_said(tmp_path, tool, expected):
    WRITERS[tool](tmp_path, 17, TrueFace())
    [(_, _, face)] = read(tool, tmp_path)
    for note, start in zip(sorted(face.notes), expected, strict=True):
        assert note.startswith(f"left out: {start}")


def test_smirk_is_read_as_one_array_in_a_file_too(tmp_path):
    for name, write in {"a": write_smirk_arrays, "b": WRITERS["smirk"]}.items():
        (tmp_path / name).mkdir()
        write(tmp_path / name, 17, TrueFace())
    [arrays], [dictionary] = (read("smirk", tmp_path / name) for name in "ab")
    assert arrays.name == dictionary.name == "00017"
    for field in ("shape", "expression", "rotation", "jaw", "crop_camera"):
        first, second = (getattr(face, field) for face in (arrays.face, dictionary.face))
        np.testing.assert_allclose(first, second, atol=1e-7)


def test_a_single_file_or_folder_can_be_given(tmp_path):
    WRITERS["deca"](tmp_path, 17, TrueFace())
    assert [face.name for face in read("deca", tmp_path / "00017.npy")] == ["00017"]
    WRITERS["mica"](tmp_path, 18, TrueFace())
    assert [face.name for face in read("mica", tmp_path / "00018")] == ["00018"]
    assert [face.name for face in read("mica", tmp_path / "00018" / "identity.npy")] == ["00018"]


# Mistakes.


def deca_codes(**changes) -> dict:
    sizes = {"shape": 100, "exp": 50, "pose": 6, "cam": 3, "tex": 50}
    codes = {name: np.zeros((1, size), np.float32) for name, size in sizes.items()}
    return codes | {"light": np.zeros((1, 9, 3))} | changes


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"pose": np.zeros((1, 15))}, r"'pose' has shape \(15,\) instead of \(6\)"),
        ({"pose": None}, "no field 'pose' or 'posecode'"),
        ({"shape": np.zeros(80)}, "'shape' has 80 coefficients instead of 100"),
        ({"exp": np.full((1, 50), np.nan)}, "'exp' has numbers that are not finite"),
        ({"light": np.zeros(27)}, r"'light' has shape \(27,\) instead of \(9, 3\)"),
        ({"tex": np.zeros((1, 10))}, "'tex' has 10 coefficients"),
        ({"cam": np.array(["a"] * 3)}, "'cam' does not hold numbers"),
        ({"exp": {"a": 1}}, "'exp'"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path, changes, message):
    np.save(tmp_path / "00017.npy", deca_codes(**changes), allow_pickle=True)
    with pytest.raises(UserError, match=f"00017.npy does not hold a face of deca: .*{message}"):
        read("deca", tmp_path)


@pytest.mark.parametrize(
    "tool, fields, message",
    [
        ("pixel3dmm", {"flame": {}}, "no group 'camera'"),
        ("pixel3dmm", {"flame": {}, "camera": {"R_base_0": 0, "R_base_1": 0}}, "it has 2 cameras"),
        (
            "metrical-tracker",
            {"flame": {}, "opencv": {"R": 2 * np.eye(3)}},
            "'R' is not a rotation",
        ),
        ("flame-head-tracker", {"cam": np.array([90.0, 0, 0, 0, 0, -1])}, "not radians"),
        ("smirk", {"shape": np.zeros(300)}, "no field 'pose_params'|no field 'expression_params'"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, tool, fields, message):
    torch.save(fields, tmp_path / "00017.pt")
    with pytest.raises(UserError, match=f"00017.pt does not hold a face of {tool}: .*({message})"):
        read(tool, tmp_path / "00017.pt")


def test_a_folder_without_files_of_the_tool_is_refused(tmp_path):
    (tmp_path / "00017.png").touch()
    with pytest.raises(UserError, match="there are no files of this tool"):
        read("deca", tmp_path)
    with pytest.raises(UserError, match="nowhere does not exist"):
        read("deca", tmp_path / "nowhere")


def test_coefficients_of_another_flame_are_refused(tmp_path):
    copy_recorded("vhap", tmp_path)
    with pytest.raises(UserError, match="taken for FLAME 2023.*--flame_version"):
        read("vhap", tmp_path, None)
    assert len(read("vhap", tmp_path, "2020")) == len(read("vhap", tmp_path, "2023")) == 2


@pytest.mark.parametrize("place", ["a folder", "a text", "a key"])
def test_a_mark_in_the_files_outweighs_what_the_user_says(tmp_path, place):
    folder = tmp_path / ("run_FLAME2023_no_jaw" if place == "a folder" else "run")
    folder.mkdir()
    marks = {"a text": {"model": ["assets/flame2023.pkl"]}, "a key": {"FLAME2023": 1}}
    np.save(folder / "00017.npy", deca_codes(**marks.get(place, {})), allow_pickle=True)
    for stated in (None, "2020"):
        with pytest.raises(UserError, match="00017.npy is taken for FLAME 2023"):
            read("deca", tmp_path, stated)
    assert len(read("deca", tmp_path, "2023")) == 1


# Names and crops.


def test_ids_are_numbers_or_ranks(tmp_path):
    def ids(*names, **options):
        return face_ids([(name, tmp_path / name) for name in names], **options)

    assert ids("00017", "3") == [17, 3]
    assert ids("zoe", "berta", "adam") == [2, 1, 0]
    with pytest.raises(UserError, match="holds face zoe, which is no number, while 00017 is one"):
        ids("zoe", "00017", "adam")
    assert ids("zoe", "00017", "adam", ranks=True) == [2, 0, 1]
    with pytest.raises(UserError, match="17 and .*00017 both hold face 00017"):
        ids("17", "00017")
    with pytest.raises(UserError, match="both hold face zoe"):
        ids("zoe", "zoe")


def test_a_name_is_the_last_number_of_the_path(tmp_path):
    for folder in ("00017", "00018/best"):
        (tmp_path / "2021" / folder).mkdir(parents=True)
        np.save(tmp_path / "2021" / folder / "codes.npy", deca_codes(), allow_pickle=True)
    assert [face.name for face in read("deca", tmp_path / "2021")] == ["00017", "00018"]
    assert [face.name for face in read("deca", tmp_path)] == ["00017", "00018"]
    (tmp_path / "2021" / "zoe").mkdir()
    np.save(tmp_path / "2021" / "zoe" / "codes.npy", deca_codes(), allow_pickle=True)
    names = [face.name for face in read("deca", tmp_path / "2021")]
    assert names == ["00017", "00018", "zoe/codes"]


HEADER = "name,centre_x,centre_y,size,image_size\n"


def test_crops_are_read_by_name(tmp_path):
    (tmp_path / "crops.csv").write_text(HEADER + "00017.png,500,600.5,700,1024\nzoe,1,2,3,4\n")
    crops = read_crops(tmp_path / "crops.csv")
    assert crops == {"00017": (500, 600.5, 700, 1024), "zoe": (1, 2, 3, 4)}


@pytest.mark.parametrize(
    "text, message",
    [
        ("name,x,y\n17,1,2\n", "its first line must be name,centre_x"),
        (HEADER + "17,1,2,0,4\n", "the crop of 17 is not one"),
        (HEADER + "17,1,2,nan,4\n", "the crop of 17 is not one"),
        (HEADER + "17,1,2,3\n", "crops.csv is incomplete"),
        (HEADER + "17,1,2,3,4\n17.png,1,2,3,4\n", "it has 17 twice"),
    ],
)
def test_a_wrong_table_of_crops_is_refused(tmp_path, text, message):
    (tmp_path / "crops.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_crops(tmp_path / "crops.csv")


def test_rotations_are_told_apart_by_their_size():
    matrix = Rotation.from_rotvec([0.3, 0.2, -0.1]).as_matrix()
    for written in (matrix, matrix[None], matrix[:2].reshape(1, 6), [[0.3, 0.2, -0.1]]):
        np.testing.assert_allclose(Fields({"R": written}).rotation("R"), matrix, atol=1e-6)
