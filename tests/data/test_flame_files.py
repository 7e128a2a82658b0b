"""Every file around FLAME is read as published, safely, and its mistakes are named."""

import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from model.flame import FLAME, FlameParams
from my_utils.data.flame_files import (
    converted_from,
    load_face_mask,
    load_flame,
    load_texel_table,
    load_texture_space,
    load_uv_layout,
    save_flame,
)
from my_utils.data.parameters import load_bad_images
from my_utils.errors import UserError
from my_utils.files.image_codec import encode_png
from my_utils.untrusted.reader import restricted_load
from tests.support.flame_fields import texel_fields
from tests.support.toy_head import toy_flame_assets, toy_texture_space, toy_uv_layout
from tests.support.toy_resources import flame_fields, write_toy_resources

ROOT = Path(__file__).resolve().parents[2]
FLAME_NAMES = ("v_template", "shapedirs", "posedirs", "weights", "f", "J_regressor")


@pytest.fixture
def toy(tmp_path):
    return write_toy_resources(tmp_path / "resources", ids=[0, 3, 17, 5])


def same_array(found, expected):
    return found.dtype == expected.dtype and np.array_equal(found, expected)


@pytest.mark.parametrize("name", ["flame2020_style_python2", "flame2023_open_style"])
def test_model_files_found_in_the_wild(shared, name):
    folder = shared / "oracles" / "flame_files"
    expected = np.load(folder / "expected.npz")
    fields = restricted_load(folder / f"{name}.pkl")
    for field in (*FLAME_NAMES, "J"):
        assert np.allclose(np.asarray(fields[field]), expected[field], rtol=1e-6), field
    flame = load_flame(folder / f"{name}.pkl")
    assert np.array_equal(flame.faces, expected["f"])
    assert flame.parents.tolist() == [-1, 0, 1, 1, 1]
    assert FLAME(flame)(FlameParams.from_vector(torch.zeros(1, 236))).shape == (1, 120, 3)


def test_chumpy_selections_and_reshapes_are_arrays_and_expressions_fail_only_when_used(shared):
    folder = shared / "oracles" / "flame_files"
    expected = np.load(folder / "expected.npz")
    fields = restricted_load(folder / "chumpy_derived_nodes.pkl")
    for field in FLAME_NAMES:
        assert np.allclose(np.asarray(fields[field]), expected[field], rtol=1e-6), field
    with pytest.raises(ValueError, match="expression 'dot'"):
        np.asarray(fields["J"])
    assert len(load_flame(folder / "chumpy_derived_nodes.pkl").v_template) == 120


def test_the_malicious_model_file_is_refused(shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="posix.system"):
        load_flame(shared / "oracles" / "flame_files" / "malicious.pkl")
    assert not list(tmp_path.iterdir())


def test_a_git_lfs_pointer_is_recognised(tmp_path, toy):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:be24\nsize 554700\n"
    for path, load in [
        (toy.bad_images, load_bad_images),
        (toy.template_mesh, load_uv_layout),
        (toy.flame_model, load_flame),
        (toy.face_mask, load_face_mask),
    ]:
        path.write_text(pointer)
        with pytest.raises(UserError, match=f"{path.name} is a Git LFS pointer.*git lfs pull"):
            load(path)


def test_flame_comes_with_its_own_sizes(toy):
    found, expected = load_flame(toy.flame_model), toy_flame_assets()
    for name in ("v_template", "faces", "shapedirs", "posedirs", "J_regressor", "lbs_weights"):
        assert same_array(getattr(found, name), getattr(expected, name)), name
    assert found.parents.tolist() == [-1, 0, 1, 1, 1]


def test_the_root_of_the_joints_may_be_a_signed_minus_one(toy):
    fields = flame_fields()
    table = fields["kintree_table"].astype(np.int64)
    table[0, 0] = -1
    toy.flame_model.write_bytes(pickle.dumps(fields | {"kintree_table": table}))
    assert load_flame(toy.flame_model).parents.tolist() == [-1, 0, 1, 1, 1]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda f: f.pop("weights"), "no field 'weights'"),
        (lambda f: f.update(weights=f["weights"][:10]), r"'weights' has shape .10, 5. .*302, 5"),
        (
            lambda f: f.update(f=f["f"] + 302),
            "'f' has indices from 302 to 603",
        ),
        (lambda f: f.update(shapedirs=f["shapedirs"][..., :20]), "20 directions"),
        (lambda f: f.update(posedirs=f["posedirs"][..., :9]), "'posedirs'"),
        (lambda f: f.update(v_template=f["v_template"] * np.nan), "'v_template' .* not finite"),
        (lambda f: f.update(v_template=np.full((302, 3), 1e300)), "'v_template' .* not finite"),
        (lambda f: f.update(f=f["f"].astype(str)), "'f' does not hold numbers"),
        (lambda f: f.update(kintree_table=f["kintree_table"][:, ::-1]), "before its parent"),
        (lambda f: f.update(kintree_table=-np.ones((2, 5), np.int64)), "more than one root"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_model_file_that_is_not_flame_says_why(toy, change, message):
    fields = flame_fields()
    change(fields)
    toy.flame_model.write_bytes(pickle.dumps(fields))
    with pytest.raises(UserError, match=f"generic_model.pkl.*{message}"):
        load_flame(toy.flame_model)


def test_a_pickle_without_a_dictionary_says_so(toy):
    toy.flame_model.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(UserError, match="does not hold a dictionary"):
        load_flame(toy.flame_model)


def test_a_converted_model_is_the_same(toy, tmp_path):
    expected = load_flame(toy.flame_model)
    save_flame(tmp_path / "m.npz", expected, source_sha256="be24")
    found = load_flame(tmp_path / "m.npz")
    for name in vars(expected):
        assert same_array(getattr(found, name), getattr(expected, name)), name
    assert converted_from(tmp_path / "m.npz") == "be24"


def flip_a_bit(path, near: bytes) -> None:
    """Of the data, some way behind the place that names the array."""
    data = bytearray(path.read_bytes())
    data[data.index(near) + 600] ^= 4
    path.write_bytes(data)


def test_a_flipped_bit_in_a_converted_model_is_noticed(toy, tmp_path):
    save_flame(tmp_path / "m.npz", load_flame(toy.flame_model), source_sha256="be24")
    flip_a_bit(tmp_path / "m.npz", b"weights.npy")
    with pytest.raises(UserError, match="m.npz is incomplete, damaged.*weights.npy"):
        load_flame(tmp_path / "m.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_of_a_texture_space_the_first_fifty_directions_are_read(tmp_path, save):
    texture = toy_texture_space(size=16, components=120)
    save(tmp_path / "t.npz", mean=texture.mean, tex_dir=texture.directions, vt=np.zeros(3))
    found = load_texture_space(tmp_path / "t.npz")
    assert same_array(found.mean, texture.mean)
    assert same_array(found.directions, np.ascontiguousarray(texture.directions[..., :50]))


def test_a_texture_space_that_does_not_fit_or_is_cut_says_so(tmp_path, toy):
    texture = toy_texture_space(size=16)
    np.savez(tmp_path / "t.npz", mean=texture.mean[:8], tex_dir=texture.directions)
    with pytest.raises(UserError, match="'tex_dir' is float32 .16, 16, 3, 50. instead of float .8"):
        load_texture_space(tmp_path / "t.npz")
    np.savez(tmp_path / "t.npz", mean=texture.mean)
    with pytest.raises(UserError, match="tex_dir"):
        load_texture_space(tmp_path / "t.npz")
    whole = toy.texture_space.read_bytes()
    toy.texture_space.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="FLAME_texture.npz is incomplete"):
        load_texture_space(toy.texture_space)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("name", ["mean", "tex_dir"])
def test_a_flipped_bit_in_a_texture_space_is_noticed(tmp_path, save, name):
    texture = toy_texture_space(components=120)
    save(tmp_path / "t.npz", mean=texture.mean, tex_dir=texture.directions)
    flip_a_bit(tmp_path / "t.npz", f"{name}.npy".encode())
    with pytest.raises(UserError, match="t.npz is incomplete, damaged"):
        load_texture_space(tmp_path / "t.npz")


@pytest.mark.parametrize("components", [20, 60])
def test_a_texture_space_stored_column_by_column_is_the_same(tmp_path, components):
    texture = toy_texture_space(size=16, components=components)
    np.savez(tmp_path / "t.npz", mean=texture.mean, tex_dir=np.asfortranarray(texture.directions))
    found = load_texture_space(tmp_path / "t.npz").directions
    assert same_array(found, np.ascontiguousarray(texture.directions[..., :50]))


def test_other_texture_spaces_are_refused_by_name(tmp_path):
    texture = toy_texture_space(size=16)
    codes = {"MU": texture.mean / 255, "PC": texture.directions / 255}
    np.savez(tmp_path / "t.npz", **codes, specMU=texture.mean, specPC=texture.directions)
    with pytest.raises(UserError, match="FLAME_albedo_from_BFM.npz.*FLAME_texture.npz.*https:"):
        load_texture_space(tmp_path / "t.npz")
    np.savez(tmp_path / "t.npz", mean=texture.mean / 255, tex_dir=texture.directions / 255)
    with pytest.raises(UserError, match="colours from 0 to 1.*FLAME_texture.npz.*https:"):
        load_texture_space(tmp_path / "t.npz")


def test_a_texture_space_with_holes_says_so(tmp_path):
    texture = toy_texture_space(size=16)
    texture.directions[3, 4, 1, 7] = np.nan
    np.savez(tmp_path / "t.npz", mean=texture.mean, tex_dir=texture.directions)
    with pytest.raises(UserError, match="'tex_dir' has numbers that are not finite"):
        load_texture_space(tmp_path / "t.npz")


# VmHWM and not ru_maxrss, which a new process inherits from the one that started it.
PEAK = """
import re, sys
from pathlib import Path
from my_utils.data.flame_files import load_texture_space
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
space = load_texture_space(Path(sys.argv[1]))
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_published_texture_space_takes_little_more_memory_than_it_gives(tmp_path, dtype):
    path = tmp_path / "FLAME_texture.npz"
    with zipfile.ZipFile(path, "w") as archive:  # in pieces, as it would fill the memory here
        for name, shape in {"mean": (512, 512, 3), "tex_dir": (512, 512, 3, 200)}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_2_0(file, header)
                for _ in range(shape[0]):
                    file.write(np.full(shape[1:], 100, dtype).tobytes())
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    needed = 512 * 512 * 3 * 50 * 4
    assert needed < int(done.stdout) * 1024 < 1.5 * needed


def test_the_texture_layout_is_the_obj_file_s(toy):
    found, expected = load_uv_layout(toy.template_mesh), toy_uv_layout()
    assert np.allclose(found.coordinates, expected.coordinates, atol=1e-6)
    assert np.array_equal(found.faces, expected.faces)


@pytest.mark.parametrize(
    "text, message",
    [
        ("vt 0 0\nvt 1 0\nvt 0 1\nvt 1 1\nf 1/1 2/2 3/3 4/4\n", "not a triangle mesh"),
        ("vt 0 0\nf 1 2 3\n", "not a triangle mesh"),
        ("vt 0 0\nf 1/1 2/2 3/3\n", "not a triangle mesh"),
        ("vt 0 zero\n", "line 1"),
        ("vt 0 0\nvt 1 nan\nf 1/1 2/2 3/2\n", "not between 0 and 1"),
        ("vt 0 0\nvt -0.5 1\nf 1/1 2/2 3/2\n", "not between 0 and 1"),
        ("vt 0 0\nf -1/-1 -1/-1 -1/-1\n", "not a triangle mesh"),
        ("", "not a triangle mesh"),
    ],
)
def test_an_obj_file_without_a_layout_says_so(tmp_path, text, message):
    (tmp_path / "a.obj").write_text(text)
    with pytest.raises(UserError, match=message):
        load_uv_layout(tmp_path / "a.obj")


def test_an_obj_file_of_another_head_is_refused(toy):
    faces = toy_flame_assets().faces
    with pytest.raises(UserError, match="other triangles"):
        load_uv_layout(toy.template_mesh, faces[::-1])


def test_texel_table(tmp_path):
    np.save(tmp_path / "texture_data_256.npy", texel_fields(), allow_pickle=True)
    table = load_texel_table(tmp_path / "texture_data_256.npy", vertex_count=9)
    assert table.x.tolist() == [1, 2, 3]
    assert table.y.tolist() == [0, 1, 3]
    assert np.array_equal(table.vertex_ids, texel_fields()["valid_pixel_3d_faces"])


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("valid_pixel_ids", np.array([1, 6, 16]), "from 1 to 16 instead of from 0 to 15"),
        ("valid_pixel_ids", np.array([1, -6, 15]), "from -6 to 15"),
        ("valid_pixel_ids", np.array([0.0, np.nan, 1]), "from nan to nan"),
        ("valid_pixel_ids", np.array(["1", "6", "7"]), "'valid_pixel_ids' does not hold numbers"),
        ("x_coords", np.full(16, -1), "'x_coords' has indices from -1"),
        ("y_coords", np.full(16, 256), "'y_coords' .* instead of from 0 to 255"),
        ("y_coords", np.zeros(15), "'y_coords' has shape"),
        ("valid_pixel_3d_faces", np.full((3, 3), 9), "from 9 to 9 instead of from 0 to 8"),
        ("valid_pixel_3d_faces", np.zeros((2, 3)), "'valid_pixel_3d_faces' has shape"),
        ("valid_pixel_b_coords", np.full((3, 3), np.nan), "not finite"),
    ],
)
def test_a_wrong_texel_table_says_what_is_wrong(tmp_path, name, value, message):
    np.save(tmp_path / "texture_data_256.npy", texel_fields() | {name: value}, allow_pickle=True)
    with pytest.raises(UserError, match=f"texture_data_256.npy.*{message}"):
        load_texel_table(tmp_path / "texture_data_256.npy", vertex_count=9)


def test_face_mask(toy):
    mask = load_face_mask(toy.face_mask)
    assert mask.shape == (1, 1, 256, 256) and mask.dtype == np.float32
    assert mask[0, 0, 64:192, 64:192].min() == 1 and mask.sum() == 128 * 128


@pytest.mark.parametrize(
    "data, message",
    [
        (encode_png(np.full((512, 512, 3), 255, np.uint8)), "512 x 512 pixels instead of 256"),
        (encode_png(np.zeros((256, 256, 3), np.uint8)), "black everywhere"),
        (b"no picture", "its format is unknown"),
        (encode_png(np.full((256, 256, 3), 255, np.uint8))[:300], "not a usable picture"),
    ],
)
def test_a_wrong_face_mask_says_what_is_wrong(toy, data, message):
    toy.face_mask.write_bytes(data)
    with pytest.raises(UserError, match=f"face_only_mask.png.*{message}"):
        load_face_mask(toy.face_mask)


def test_an_archive_that_is_no_archive_is_a_sentence(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("mean.npy", b"not an array")
    with pytest.raises(UserError, match="t.npz is incomplete, damaged or of another kind"):
        load_texture_space(tmp_path / "t.npz")
