"""Every resource file is read as published, safely, and its mistakes are named."""

import pickle
import zipfile

import numpy as np
import pytest
import torch
from toy_head import toy_flame_assets, toy_texture_space, toy_uv_layout
from toy_resources import flame_fields, parameter_entry, write_toy_resources

from constants import FLAME_SLICES
from model.flame import FLAME, FlameParams
from my_utils import assets
from my_utils.assets import (
    Resources,
    load_bad_images,
    load_face_mask,
    load_flame,
    load_landmarks,
    load_parameters,
    load_texel_table,
    load_texture_space,
    load_uv_layout,
    restricted_load,
)
from my_utils.errors import UserError

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


# The files.


def test_flame_comes_with_its_own_sizes(toy):
    found, expected = load_flame(toy.flame_model), toy_flame_assets()
    for name in ("v_template", "faces", "shapedirs", "posedirs", "J_regressor", "lbs_weights"):
        assert same_array(getattr(found, name), getattr(expected, name)), name
    assert found.parents.tolist() == [-1, 0, 1, 1, 1]
    assert found.landmarks is None


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda f: f.pop("weights"), "no field 'weights'"),
        (lambda f: f.update(weights=f["weights"][:10]), r"'weights' has shape .10, 5. .*302, 5"),
        (lambda f: f.update(f=f["f"] + 302), "'f' names vertices beyond the 302"),
        (lambda f: f.update(shapedirs=f["shapedirs"][..., :20]), "20 directions"),
        (lambda f: f.update(posedirs=f["posedirs"][..., :9]), "'posedirs'"),
    ],
)
def test_a_model_file_that_is_not_flame_says_why(toy, change, message):
    fields = flame_fields()
    change(fields)
    toy.flame_model.write_bytes(pickle.dumps(fields))
    with pytest.raises(UserError, match=f"generic_model.pkl.*{message}"):
        load_flame(toy.flame_model)


def test_landmarks_with_torch_tensors_inside(tmp_path):
    expected = toy_flame_assets().landmarks
    fields = {
        "static_lmk_faces_idx": expected.static_faces,
        "static_lmk_bary_coords": expected.static_barycentric,
        "dynamic_lmk_faces_idx": torch.from_numpy(expected.dynamic_faces),
        "dynamic_lmk_bary_coords": torch.from_numpy(expected.dynamic_barycentric),
        "full_lmk_faces_idx": expected.full_faces[None],
        "full_lmk_bary_coords": expected.full_barycentric[None],
    }
    np.save(tmp_path / "landmark_embedding.npy", fields, allow_pickle=True)
    found = load_landmarks(tmp_path / "landmark_embedding.npy")
    for name in vars(expected):
        assert same_array(getattr(found, name), getattr(expected, name)), name


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
    with pytest.raises(UserError, match="'tex_dir' has shape"):
        load_texture_space(tmp_path / "t.npz")
    np.savez(tmp_path / "t.npz", mean=texture.mean)
    with pytest.raises(UserError, match="tex_dir"):
        load_texture_space(tmp_path / "t.npz")
    whole = toy.texture_space.read_bytes()
    toy.texture_space.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="FLAME_texture.npz is incomplete"):
        load_texture_space(toy.texture_space)


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
    rows, columns = np.mgrid[:4, :4]
    texels = np.array([1, 6, 15])
    fields = {
        "x_coords": columns.ravel().astype(float),
        "y_coords": rows.ravel().astype(float),
        "valid_pixel_ids": texels,
        "valid_pixel_3d_faces": np.arange(9).reshape(3, 3),
        "valid_pixel_b_coords": np.full((3, 3), 1 / 3),
    }
    np.save(tmp_path / "texture_data_256.npy", fields, allow_pickle=True)
    table = load_texel_table(tmp_path / "texture_data_256.npy")
    assert table.x.tolist() == [1, 2, 3]
    assert table.y.tolist() == [0, 1, 3]
    assert np.array_equal(table.vertex_ids, fields["valid_pixel_3d_faces"])


def test_face_mask(toy):
    mask = load_face_mask(toy.face_mask)
    assert mask.shape == (1, 1, 256, 256) and mask.dtype == np.float32
    assert mask[0, 0, 64:192, 64:192].min() == 1 and mask.sum() == 128 * 128


def test_parameters_keep_the_order_of_the_file(toy):
    table = load_parameters(toy.parameters)
    assert table.ids.tolist() == [0, 3, 17, 5]
    rng = np.random.default_rng(0)
    for vector in table.vectors:
        entry = parameter_entry(rng)
        parts = [entry[name].ravel() for name in ("shape", "exp", "pose", "cam", "tex", "lit")]
        assert np.array_equal(vector, np.concatenate(parts))
    assert table.vectors[0, FLAME_SLICES["camera"]].tolist() == [8, 0, 0]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda entry: entry.update(exp=np.zeros(49)), "00017.pkl has 49 numbers of 'exp'"),
        (lambda entry: entry.update(cam=np.array([8, np.nan, 0])), "id 00017 is not finite"),
        (lambda entry: entry.pop("lit"), "lit"),
    ],
)
def test_a_wrong_parameter_entry_is_named(tmp_path, change, message):
    entries = {f"{i:05d}.pkl": parameter_entry(np.random.default_rng(i)) for i in (0, 17, 20)}
    change(entries["00017.pkl"])
    np.save(tmp_path / "p.npy", entries, allow_pickle=True)
    with pytest.raises(UserError, match=message):
        load_parameters(tmp_path / "p.npy")


def test_an_empty_parameter_file_is_refused(tmp_path):
    np.save(tmp_path / "p.npy", {}, allow_pickle=True)
    with pytest.raises(UserError, match="no entries"):
        load_parameters(tmp_path / "p.npy")


def test_bad_images(toy, tmp_path):
    assert load_bad_images(toy.bad_images) == {3}
    np.savez(tmp_path / "none.npz", bad_images=np.array([], dtype="<U9"))
    assert load_bad_images(tmp_path / "none.npz") == frozenset()


# The folder.


def test_a_resources_folder_makes_the_renderer_and_the_sampler(toy):
    resources = Resources(toy.root)
    params = FlameParams.from_vector(torch.from_numpy(resources.parameters.vectors[:1]))
    rendering = resources.face_renderer(32)(params)
    assert rendering.image.shape == (1, 3, 32, 32)
    assert 0.1 < rendering.mask.mean() < 0.9
    vertices = torch.from_numpy(resources.flame.v_template)[None]
    sample = resources.texture_sampler()(rendering.image, vertices, params.camera)
    assert sample.texture.shape == (1, 3, 256, 256)
    assert resources.flame is resources.flame  # read once


def test_a_published_texel_table_is_preferred(toy):
    fields = {
        "x_coords": np.zeros(4),
        "y_coords": np.zeros(4),
        "valid_pixel_ids": np.array([2]),
        "valid_pixel_3d_faces": np.zeros((1, 3)),
        "valid_pixel_b_coords": np.zeros((1, 3)),
    }
    assert len(Resources(toy.root).texels.x) > 1000
    np.save(toy.texel_table, fields, allow_pickle=True)
    assert len(Resources(toy.root).texels.x) == 1


def test_every_missing_file_is_listed_at_once_with_its_source(toy):
    for path in (toy.flame_model, toy.texture_space):
        path.unlink()
    with pytest.raises(UserError) as caught:
        Resources(toy.root).require(*assets.SOURCES)
    message = str(caught.value)
    missing = {"flame_model", "texture_space", "landmark_embedding", "texel_table"}
    for name in assets.SOURCES:
        listed = f"{getattr(toy, name)}: from {assets.SOURCES[name]}" in message
        assert listed == (name in missing | {"photographs", "renderings"}), name
    with pytest.raises(UserError, match="generic_model.pkl: from FLAME 2020"):
        Resources(toy.root).face_renderer(32)


def test_without_the_list_no_image_is_bad(toy):
    toy.bad_images.unlink()
    assert Resources(toy.root).bad_images == frozenset()


def test_a_missing_folder_names_the_setting_and_the_demo(tmp_path):
    with pytest.raises(UserError, match="GIF_RESOURCES.*create_demo_resources.py"):
        Resources(tmp_path / "nowhere").require("flame_model")


def test_an_archive_that_is_no_archive_is_a_sentence(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("mean.npy", b"not an array")
    with pytest.raises(UserError, match="t.npz is incomplete, damaged or of another kind"):
        load_texture_space(tmp_path / "t.npz")
