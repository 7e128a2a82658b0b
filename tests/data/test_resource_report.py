"""The report names what is missing, damaged or does not fit, and survives whatever it meets."""

import dataclasses
import os
import shutil

import lmdb
import numpy as np
import pytest
import torch

from my_utils.data import resource_report
from my_utils.data.flame_files import load_flame, save_flame
from my_utils.data.lmdb_images import NORMAL_MAP, image_key
from my_utils.data.resource_files import FILES, ResourcePaths
from my_utils.data.resource_report import (
    DAMAGED,
    DESCRIBE,
    MISSING,
    POINTER,
    PRESENT,
    inspect_resources,
)
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.files.atomic import file_sha256
from my_utils.runs.config import run_config
from my_utils.runs.generators import save_generator
from my_utils.runs.networks import build_generator
from tests.support.toy_head import toy_texture_space
from tests.support.toy_resources import write_parameters, write_toy_lmdbs, write_toy_resources

IDS = [0, 2, 5, 17]
CONFIG = run_config(0, demo=True)
REQUIRED = [name for name in DESCRIBE if FILES[name].required]
WRITTEN = [name for name in DESCRIBE if name != "texel_table"]
POINTER_TEXT = b"version https://git-lfs.github.com/spec/v1\noid sha256:be24\nsize 554700\n"


@pytest.fixture(autouse=True)
def small_textures(monkeypatch):
    monkeypatch.setattr(resource_report, "RENDER_SIZE", 64)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    paths = write_toy_resources(tmp_path_factory.mktemp("toy") / "resources", ids=IDS)
    write_toy_lmdbs(paths, IDS, size=CONFIG.resolution)
    return paths


@pytest.fixture
def paths(original, tmp_path):
    """A copy to damage."""
    shutil.copytree(original.root, tmp_path / "resources")
    return ResourcePaths(tmp_path / "resources")


def inspect(paths, config=CONFIG):
    return inspect_resources(Resources(paths.root), config)


def states(report):
    return {name: row.state for name, row in report.rows.items()}


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_whole_folder_is_complete(original):
    report = inspect(original)
    assert report.complete and report.problems == report.remarks == []
    assert states(report) == {name: PRESENT if name in WRITTEN else MISSING for name in DESCRIBE}
    notes = {name: row.note for name, row in report.rows.items()}
    assert notes["flame_model"] == "302 vertices, 600 triangles, 400 directions"
    assert notes["template_mesh"].endswith("; not the published file")
    assert notes["parameters"] == "4 faces"
    assert notes["renderings"] == "length 4: 4 pictures of 64 pixels, 4 normal maps of 64 pixels"
    assert [row.state for row in report.extras] == [MISSING, MISSING]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_missing_file_is_told_and_only_required_ones_are_in_the_way(paths, name):
    remove(getattr(paths, name))
    report = inspect(paths)
    assert report.rows[name].state == MISSING and report.rows[name].file.source
    assert report.complete == (name not in REQUIRED)
    assert {n for n, row in report.rows.items() if row.in_the_way} == {name} & set(REQUIRED)


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("damage", ["cut", "emptied", "pointer", "flipped"])
def test_a_damaged_file_is_in_the_way_and_the_others_are_still_read(paths, name, damage):
    path = getattr(paths, name)
    file = path / "data.mdb" if path.is_dir() else path
    data = bytearray(file.read_bytes())
    data[::97] = bytes(byte ^ 64 for byte in data[::97])
    content = {"cut": data[: len(data) // 2], "emptied": b"", "pointer": POINTER_TEXT}
    if damage == "cut":
        os.truncate(file, len(data) // 2)
    else:
        file.write_bytes(content.get(damage, data))
    report = inspect(paths)
    expected = {n: PRESENT if n in WRITTEN else MISSING for n in DESCRIBE}
    assert states(report) == expected | {name: POINTER if damage == "pointer" else DAMAGED}
    assert path.name in report.rows[name].note
    assert not report.complete


def test_a_folder_in_place_of_a_file_and_a_file_in_place_of_a_folder(paths):
    for path in (paths.flame_model, paths.face_mask, paths.bad_images, paths.photographs):
        remove(path)
    paths.flame_model.mkdir()
    paths.face_mask.mkdir()
    paths.bad_images.mkdir()
    paths.photographs.write_text("hello")
    found = states(inspect(paths))
    assert [found[n] for n in ("flame_model", "face_mask", "bad_images", "photographs")] == [
        DAMAGED
    ] * 4


@pytest.mark.parametrize("name", ["photographs", "renderings"])
@pytest.mark.parametrize(
    "records",
    [
        {"length": b"many"},
        {"64-x": b""},
        {"64-00000": b"no picture"},
        {f"64-{i:05d}": None for i in IDS},
    ],
    ids=["length", "key", "picture", "none"],
)
def test_wrong_records_of_an_lmdb_are_damage(paths, name, records):
    change(getattr(paths, name), records)
    assert inspect(paths).rows[name].state == DAMAGED


def test_an_empty_folder_and_none(tmp_path):
    report = inspect(ResourcePaths(tmp_path))
    assert set(states(report).values()) == {MISSING} and not report.complete
    with pytest.raises(UserError, match="there is no resources folder"):
        inspect(ResourcePaths(tmp_path / "nowhere"))


def test_the_published_file_is_recognised(paths, monkeypatch):
    digest = file_sha256(paths.template_mesh)[:8]
    file = dataclasses.replace(FILES["template_mesh"], sha256=digest)
    monkeypatch.setitem(resource_report.FILES, "template_mesh", file)
    assert inspect(paths).rows["template_mesh"].note.endswith("; the published file")


# What does not fit together.


def change(path, records):
    """Replace records of an LMDB; None deletes."""
    with lmdb.open(str(path), map_size=2**26) as environment, environment.begin(write=True) as t:
        for key, value in records.items():
            t.delete(key.encode()) if value is None else t.put(key.encode(), value)


def stale_conversion(paths):
    save_flame(paths.converted_flame_model, load_flame(paths.flame_model), source_sha256="be24")


def other_triangles(paths):
    lines = paths.template_mesh.read_text().splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("f "))
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    paths.template_mesh.write_text("\n".join(lines))


def other_texels(paths):
    fields = {"x_coords": [0], "y_coords": [0], "valid_pixel_ids": [0]}
    corners = {"valid_pixel_3d_faces": [[0, 1, 302]], "valid_pixel_b_coords": [[1, 0, 0]]}
    np.save(paths.texel_table, fields | corners, allow_pickle=True)


def small_texture(paths):
    space = toy_texture_space(size=32, components=20)
    np.savez(paths.texture_space, mean=space.mean, tex_dir=space.directions)


@pytest.mark.parametrize(
    "spoil, phrase",
    [
        (stale_conversion, "generic_model.npz was not converted from the generic_model.pkl"),
        (other_triangles, "other triangles than the FLAME model"),
        (other_texels, "302 instead of from 0 to 301"),
        (small_texture, "20 components: the last 30 texture codes"),
        (small_texture, "32 x 32 texels"),
        (lambda p: change(p.photographs, {"length": b"5"}), "says that it holds 5 faces, but it"),
        (lambda p: change(p.photographs, {"64-00005": None}), "1 of 4 faces have no record 64 in"),
        (
            lambda p: change(p.renderings, {image_key(64, 17, NORMAL_MAP): None}),
            "1 of 4 faces have no record norm_map_64 in",
        ),
        (lambda p: write_parameters(p.parameters, [0, 2, 5]), "the parameter file lacks"),
    ],
)
def test_what_does_not_fit_is_a_problem(paths, spoil, phrase):
    spoil(paths)
    report = inspect(paths)
    assert any(phrase in problem for problem in report.problems), report.problems
    assert not report.complete


def test_pictures_of_another_size_than_the_run_s_are_a_problem(original):
    report = inspect(original, dataclasses.replace(CONFIG, render_size=32))
    (problem,) = report.problems
    assert "no pictures of 32 pixels (sizes there: 64)" in problem


def test_photographs_without_parameters_are_only_remarked(paths):
    shutil.rmtree(paths.photographs)
    shutil.rmtree(paths.renderings)
    write_toy_lmdbs(paths, [*IDS, 20, 21], size=64)
    change(
        paths.renderings, {image_key(64, i, p): None for i in (20, 21) for p in ("", NORMAL_MAP)}
    )
    change(paths.renderings, {"length": b"4"})
    report = inspect(paths)
    assert report.complete
    (remark,) = report.remarks
    assert remark.startswith("2 of 6 photographs have no parameters") and "00020" in remark


# Statistics and generators.


def test_empty_folders_of_statistics_and_generators_are_missing(paths):
    paths.fid_statistics.mkdir()
    (paths.output_root / "checkpoint" / "29").mkdir(parents=True)
    assert [row.state for row in inspect(paths).extras] == [MISSING, MISSING]


def test_statistics_and_generators_are_opened_but_training_does_not_need_them(paths):
    paths.fid_statistics.mkdir()
    np.savez(paths.fid_statistics / "a.npz", mu=np.zeros(2048), sigma=np.eye(2048))
    np.savez(paths.fid_statistics / "b.npz", mu=np.zeros(2048), sigma=np.eye(3))
    run = paths.output_root / "checkpoint" / "29"
    run.mkdir(parents=True)
    torch.manual_seed(0)
    config = dataclasses.replace(run_config(29, demo=True), channel_base=128, channel_max=8)
    save_generator(
        run / "generator-00002.000.safetensors", build_generator(config), config, nimg=2000
    )
    (run / "generator-00001.000.safetensors").write_bytes(b"older, not looked at")
    (run / "294000_1.model").write_bytes(b"no checkpoint")
    report = inspect(paths)
    assert [(row.path.name, row.state) for row in report.extras] == [
        ("a.npz", PRESENT),
        ("b.npz", DAMAGED),
        ("generator-00002.000.safetensors", PRESENT),
        ("294000_1.model", DAMAGED),
    ]
    assert report.extras[2].note == "run 29, 2,000 images seen"
    assert report.complete
