"""The resources folder: what is missing is listed, what can stand in does, all is read once."""

import dataclasses
import hashlib

import numpy as np
import pytest
import torch

from model.flame import FlameParams
from my_utils.data.flame_files import save_flame
from my_utils.data.resource_files import FILES
from my_utils.data.resources import Resources
from my_utils.demo.resources_folder import write_drawing_files, write_resources
from my_utils.errors import UserError
from tests.support.toy_resources import write_toy_resources


@pytest.fixture
def toy(tmp_path):
    return write_toy_resources(tmp_path / "resources", ids=[0, 3, 17, 5])


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
        Resources(toy.root).require(*FILES)
    message = str(caught.value)
    there = {"template_mesh", "face_mask", "parameters", "bad_images"}
    for name in FILES:
        listed = f"{getattr(toy, name)}: from {FILES[name].source}" in message
        assert listed == (name not in there), name
    with pytest.raises(UserError, match="generic_model.pkl: from FLAME 2020"):
        Resources(toy.root).face_renderer(32)


def test_without_the_list_no_image_is_bad(toy):
    toy.bad_images.unlink()
    assert Resources(toy.root).bad_images == frozenset()


def test_a_missing_folder_names_the_setting_and_the_demo(tmp_path):
    with pytest.raises(UserError, match="GIF_RESOURCES.*create_demo_resources.py"):
        Resources(tmp_path / "nowhere").require("flame_model")


def test_a_converted_model_is_used_alone_or_with_its_original(toy):
    original = Resources(toy.root).flame
    digest = hashlib.sha256(toy.flame_model.read_bytes()).hexdigest()
    marked = dataclasses.replace(original, v_template=original.v_template + 1)
    save_flame(toy.converted_flame_model, marked, source_sha256=digest)
    assert np.array_equal(Resources(toy.root).flame.v_template, marked.v_template)
    toy.flame_model.unlink()
    assert np.array_equal(Resources(toy.root).flame.v_template, marked.v_template)


def test_a_converted_model_of_another_original_is_refused(toy):
    save_flame(toy.converted_flame_model, Resources(toy.root).flame, source_sha256="be24")
    with pytest.raises(UserError, match="generic_model.npz was not converted.*generic_model.pkl"):
        Resources(toy.root).flame  # noqa: B018


def test_the_parameter_folder_serves_where_the_file_is_missing(toy):
    expected = Resources(toy.root).parameters
    toy.parameter_folder.mkdir()
    entries = np.load(toy.parameters, allow_pickle=True).item()
    for key, entry in list(entries.items())[:2]:
        np.save(toy.parameter_folder / key.replace("pkl", "npy"), entry, allow_pickle=True)
    assert len(Resources(toy.root).parameters.ids) == 4
    toy.parameters.unlink()
    found = Resources(toy.root).parameters
    assert np.array_equal(found.vectors, expected.vectors[:2])


def test_a_texel_table_of_another_head_is_refused(toy):
    fields = {
        "x_coords": np.zeros(4),
        "y_coords": np.zeros(4),
        "valid_pixel_ids": np.array([2]),
        "valid_pixel_3d_faces": np.full((1, 3), 302),
        "valid_pixel_b_coords": np.zeros((1, 3)),
    }
    np.save(toy.texel_table, fields, allow_pickle=True)
    with pytest.raises(UserError, match="texture_data_256.npy.*302 instead of from 0 to 301"):
        Resources(toy.root).texels  # noqa: B018


def test_a_demo_folder_with_the_head_only_says_what_completes_it(tmp_path):
    write_drawing_files(tmp_path / "demo")
    resources = Resources(tmp_path / "demo")
    resources.require("flame_model", "parameters")
    wanted = "demo folder .* not complete .*multiscale.lmdb.*create_demo_resources.py --out .*demo"
    with pytest.raises(UserError, match=wanted) as caught:
        resources.require("flame_model", "photographs", "renderings")
    assert "ffhq" not in str(caught.value).lower()
    assert write_resources(tmp_path / "demo", count=2, size=16, seed=0, workers=1)
    resources.require("photographs", "renderings")
