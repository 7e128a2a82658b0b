"""Renderings know the parameters and the head they show, and nothing else is paired with them."""

import dataclasses

import numpy as np
import pytest

from my_utils.data.dataset import FaceDataset
from my_utils.data.lmdb_images import LmdbImages
from my_utils.data.origins import (
    codes_problem,
    head_digests,
    head_problem,
    origin_records,
)
from my_utils.data.parameters import ParameterTable, save_parameters
from my_utils.data.rendering_lmdb import write_rendering_lmdb
from my_utils.data.resource_report import inspect_resources
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.runs.config import run_config
from tests.support.toy_resources import write_toy_lmdbs, write_toy_resources

IDS = [0, 3, 17, 5]
CONFIG = dataclasses.replace(run_config(29, demo=True), resolution=16, render_size=16)


@pytest.fixture
def paths(tmp_path):
    """A folder whose renderings were made from its own parameters and head."""
    paths = write_toy_resources(tmp_path / "resources", IDS)
    write_toy_lmdbs(paths, IDS, size=16)
    (paths.renderings / "data.mdb").unlink()
    paths.renderings.rmdir()
    resources = Resources(paths.root)
    table = resources.parameters
    write_rendering_lmdb(
        paths.renderings,
        resources.face_renderer(16),
        table,
        size=16,
        origin=origin_records(table, resources),
    )
    return paths


def test_what_they_were_made_from_fits(paths):
    FaceDataset(Resources(paths.root), CONFIG)
    report = inspect_resources(Resources(paths.root), CONFIG)
    assert not [problem for problem in report.problems if "made from" in problem]


def test_other_parameters_of_the_same_ids_are_refused(paths):
    ids, vectors = Resources(paths.root).parameters
    vectors = vectors.copy()
    vectors[1, 100] += 0.01
    save_parameters(paths.parameters, ParameterTable(ids, vectors))
    wanted = "made from other parameters: those of 1 of 4 faces .* first is id 00003"
    with pytest.raises(UserError, match=wanted):
        FaceDataset(Resources(paths.root), CONFIG)
    report = inspect_resources(Resources(paths.root), CONFIG)
    assert sum("made from other parameters" in problem for problem in report.problems) == 1


def test_fewer_faces_in_another_order_are_no_others(paths):
    ids, vectors = Resources(paths.root).parameters
    save_parameters(paths.parameters, ParameterTable(ids[:0:-1], vectors[:0:-1].copy()))
    FaceDataset(Resources(paths.root), CONFIG)


@pytest.mark.parametrize("name", ["flame_model", "template_mesh", "texture_space"])
def test_another_head_is_named_by_its_file(paths, name):
    resources = Resources(paths.root)
    if name == "flame_model":
        moved = resources.flame.v_template + np.float32(1e-4)
        resources.flame = dataclasses.replace(resources.flame, v_template=moved)
        with pytest.raises(UserError, match="made from another flame_model"):
            FaceDataset(resources, CONFIG)
    elif name == "template_mesh":
        resources.uv = resources.uv._replace(coordinates=resources.uv.coordinates * 0.99)
    else:
        mean = resources.texture_space.mean + 1
        resources.texture_space = dataclasses.replace(resources.texture_space, mean=mean)
    images = LmdbImages(paths.renderings)
    assert f"made from another {name} than" in head_problem(images, head_digests(resources))


def test_renderings_of_before_are_taken_as_they_are(tmp_path):
    paths = write_toy_resources(tmp_path / "resources", IDS)
    write_toy_lmdbs(paths, IDS, size=16)
    images, resources = LmdbImages(paths.renderings), Resources(paths.root)
    assert codes_problem(images, resources.parameters) is None
    assert head_problem(images, head_digests(resources)) is None
