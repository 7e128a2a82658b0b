"""The two LMDB builders: right records, whatever the number of workers and interruptions."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
from PIL import Image
from toy_resources import write_toy_resources

import my_utils.photograph_lmdb as photograph_lmdb
import my_utils.rendering_lmdb as rendering_lmdb
from model.flame import FlameParams
from my_utils.assets import Resources
from my_utils.errors import UserError
from my_utils.image_io import decode_image, encode_jpeg, to_uint8
from my_utils.photograph_lmdb import (
    encode_photograph,
    find_photographs,
    numbered_otherwise_than_published,
    resize_and_crop,
    write_photograph_lmdb,
)
from my_utils.rendering_lmdb import write_rendering_lmdb

SCRIPTS = Path(__file__).resolve().parents[1] / "prepare_lmdb"


def photograph(n: int, size: tuple[int, int] = (40, 40)) -> Image.Image:
    coarse = np.random.default_rng(n).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.BICUBIC)


@pytest.fixture
def folder(tmp_path):
    """Seven photographs, one of them wide, one tall, one small."""
    shapes = {2: (64, 40), 4: (40, 57), 5: (20, 20)}
    for n in range(7):
        path = tmp_path / "photos" / f"{n // 4:05d}" / f"{n:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        photograph(n, shapes.get(n, (40, 40))).save(path)
    return tmp_path / "photos"


def contents(path) -> dict:
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as t:
        return {key.decode(): value for key, value in t.cursor()}


def run(script, *arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, str(SCRIPTS / script), *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


# Photographs.


@pytest.mark.parametrize("shape", [(40, 40), (64, 40), (40, 57), (41, 64), (97, 33)])
@pytest.mark.parametrize("size", [8, 16, 33, 64])
def test_resizing_agrees_with_torchvision(shape, size):
    importlib.import_module("my_utils.vision")
    transforms = importlib.import_module("torchvision.transforms")
    picture = photograph(0, shape)
    twin = transforms.Compose(
        [transforms.Resize(size, transforms.InterpolationMode.LANCZOS), transforms.CenterCrop(size)]
    )
    assert np.array_equal(resize_and_crop(picture, size), twin(picture))


def test_every_record_is_made_from_the_full_photograph(folder, tmp_path):
    photographs = find_photographs(folder)
    report = write_photograph_lmdb(tmp_path / "p.lmdb", photographs, sizes=[8, 32], workers=1)
    records = contents(tmp_path / "p.lmdb")
    assert report == (7, [], 1)
    keys = {f"{size}-{n:05d}" for size in (8, 32) for n in range(7)}
    assert records.keys() == keys - {"32-00005"} | {"length"}  # the small one is not enlarged
    assert records["length"] == b"7"
    for key in records.keys() - {"length"}:
        size, n = map(int, key.split("-"))
        expected = resize_and_crop(Image.open(photographs[n]), size)
        assert records[key] == encode_jpeg(np.asarray(expected)), key


def test_upscaling_is_on_request(folder):
    path = folder / "00001" / "00005.png"
    plain, enlarged = (encode_photograph(path, sizes=[16, 32], upscale=u) for u in (False, True))
    assert list(plain.jpegs) == [16] and plain.skipped_sizes == (32,)
    assert list(enlarged.jpegs) == [16, 32] and decode_image(enlarged.jpegs[32]).shape[0] == 32
    nothing = encode_photograph(path, sizes=[32], upscale=False)
    assert "20 pixels, less than any size wanted" in nothing.problem


def test_the_number_of_workers_does_not_show(folder, tmp_path):
    photographs = find_photographs(folder)
    for workers in (1, 2):
        path = tmp_path / f"{workers}.lmdb"
        write_photograph_lmdb(path, photographs, sizes=[8, 32], workers=workers)
    first, second = ((tmp_path / f"{n}.lmdb" / "data.mdb").read_bytes() for n in (1, 2))
    assert first == second


def test_an_interrupted_build_goes_on(folder, tmp_path, monkeypatch):
    photographs = find_photographs(folder)
    write_photograph_lmdb(tmp_path / "whole.lmdb", photographs, sizes=[8, 16], workers=1)

    class Interrupted(photograph_lmdb.LmdbWriter):
        """Stops after a few photographs and asks for none that is there."""

        def __init__(self, *arguments, **options):
            super().__init__(*arguments, records_per_commit=4, **options)
            self.puts = 0

        def put_all(self, records):
            self.puts += 1
            if self.puts > 3:
                raise KeyboardInterrupt
            super().put_all(records)

    path = tmp_path / "a.lmdb"
    monkeypatch.setattr(photograph_lmdb, "LmdbWriter", Interrupted)
    for stored in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            write_photograph_lmdb(path, photographs, sizes=[8, 16], workers=1)
        assert len(contents(f"{path}.partial")) == 2 * stored
    report = write_photograph_lmdb(path, photographs, sizes=[8, 16], workers=1)
    assert contents(path) == contents(tmp_path / "whole.lmdb")
    assert report.written == 7


def test_a_few_unreadable_photographs_are_left_out_and_many_stop(folder, tmp_path):
    (folder / "00000" / "00002.png").write_bytes(b"no picture")
    report = write_photograph_lmdb(
        tmp_path / "a.lmdb", find_photographs(folder), sizes=[8], workers=1
    )
    assert report.written == 6
    assert len(report.unreadable) == 1 and "00002.png" in report.unreadable[0]
    assert contents(tmp_path / "a.lmdb")["length"] == b"6"
    for n in range(100, 111):
        (folder / f"{n}.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="unusable") as caught:
        write_photograph_lmdb(tmp_path / "b.lmdb", find_photographs(folder), sizes=[8], workers=1)
    assert "00002.png" in str(caught.value)
    assert not (tmp_path / "b.lmdb").exists()


def test_ids_are_numbers_of_names_at_any_depth(folder):
    assert [path.stem for path in find_photographs(folder).values()] == [
        f"{n:05d}" for n in range(7)
    ]
    (folder / "00000" / "00002.png").unlink()
    (folder / ".hidden.png").touch()
    found = find_photographs(folder)
    assert list(found) == [0, 1, 3, 4, 5, 6]
    assert all(int(path.stem) == n for n, path in found.items())


def test_ids_other_than_the_published_builder_s_are_noticed(folder):
    assert not numbered_otherwise_than_published(find_photographs(folder))
    (folder / "00001" / "00004.png").rename(folder / "00001" / "10.png")
    assert numbered_otherwise_than_published(find_photographs(folder))  # a gap
    (folder / "00000" / "00000.png").rename(folder / "00001" / "4.png")
    (folder / "00001" / "10.png").rename(folder / "00001" / "0.png")
    assert list(find_photographs(folder)) == list(range(7))
    assert numbered_otherwise_than_published(find_photographs(folder))  # another order


def test_where_a_name_is_no_number_the_rank_of_the_path_counts(folder):
    (folder / "00000" / "zoe.jpg").touch()
    found = find_photographs(folder)
    assert [path.name for path in found.values()][3:6] == ["00003.png", "zoe.jpg", "00004.png"]
    assert list(found) == list(range(8))


def test_two_photographs_of_one_number_are_refused(folder):
    shutil.copy(folder / "00000" / "00002.png", folder / "2.png")
    with pytest.raises(UserError, match="are both number 2"):
        find_photographs(folder)


def test_the_photograph_script(folder, tmp_path):
    script = "prepare_ffhq_multiscale_dataset.py"
    arguments = ("--n_worker", 2, "--sizes", "8,16", folder)
    done = run(script, *arguments, cwd=tmp_path, GIF_RESOURCES=str(tmp_path / "res"))
    assert done.returncode == 0, done.stderr
    path = tmp_path / "res" / "input_files" / "FFHQ" / "multiscale.lmdb"
    assert f"wrote 7 photographs to {path}" in done.stdout
    assert len(contents(path)) == 15
    done = run(script, *arguments, cwd=tmp_path, GIF_RESOURCES=str(tmp_path / "res"))
    assert done.returncode == 0 and "exists already, with sizes 8, 16" in done.stdout


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--sizes", "8,17", "."], "'8,17' is not a list of sizes"),
        (["--n_worker", "0", "."], "--n_worker 0"),
        (["nowhere"], "there are no pictures in nowhere"),
    ],
)
def test_the_photograph_script_s_mistakes_are_one_line(tmp_path, arguments, message):
    done = run(
        "prepare_ffhq_multiscale_dataset.py", "--out", tmp_path / "a", *arguments, cwd=tmp_path
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


# Renderings.

IDS = [0, 3, 17, 5, 8]


@pytest.fixture(scope="module")
def resources(tmp_path_factory):
    paths = write_toy_resources(tmp_path_factory.mktemp("toy") / "resources", ids=IDS)
    return Resources(paths.root)


def write(path, resources, **options):
    write_rendering_lmdb(
        path, resources.face_renderer(32), resources.parameters, size=32, **options
    )


def test_renderings_are_stored_exactly(resources, tmp_path):
    write(tmp_path / "r.lmdb", resources, batch=2)
    records = contents(tmp_path / "r.lmdb")
    names = [f"{prefix}32-{n:05d}" for prefix in ("", "norm_map_") for n in IDS]
    assert sorted(records) == sorted([*names, "length"])
    assert records["length"] == b"5"
    params = FlameParams.from_vector(torch.from_numpy(resources.parameters.vectors))
    rendering = resources.face_renderer(32)(params)
    for images, prefix in ((rendering.image, ""), (rendering.normal_map, "norm_map_")):
        for n, expected in zip(IDS, to_uint8(images), strict=True):
            found = decode_image(records[f"{prefix}32-{n:05d}"])
            assert np.array_equal(found, expected)
            assert found.max() > 100 and (found[0, 0] == 0).all()


def test_batch_and_workers_do_not_show(resources, tmp_path):
    for name, options in {"a": {"batch": 1, "workers": 1}, "b": {"batch": 4, "workers": 3}}.items():
        write(tmp_path / name, resources, **options)
    first, second = ((tmp_path / name / "data.mdb").read_bytes() for name in "ab")
    assert first == second


def test_an_interrupted_rendering_goes_on(resources, tmp_path, monkeypatch):
    write(tmp_path / "whole", resources)
    encode, calls = rendering_lmdb.encode_png, []

    def stop(picture):
        calls.append(picture)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return encode(picture)

    class Writer(rendering_lmdb.LmdbWriter):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, records_per_commit=2, **options)

    monkeypatch.setattr(rendering_lmdb, "LmdbWriter", Writer)
    monkeypatch.setattr(rendering_lmdb, "encode_png", stop)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a", resources, batch=1, workers=1)
    before = len(contents(tmp_path / "a.partial"))
    assert 0 < before < 10
    calls.clear()
    calls.extend([None] * 10)
    write(tmp_path / "a", resources)
    assert len(calls) == 10 + 10 - before  # nothing is made twice
    assert contents(tmp_path / "a") == contents(tmp_path / "whole")


def test_other_parameters_do_not_continue_an_unfinished_rendering(resources, tmp_path):
    (tmp_path / "a.partial").mkdir()
    (tmp_path / "a.partial" / "recipe.txt").write_text("32 pixels, parameters of another file")
    with pytest.raises(UserError, match="other options"):
        write(tmp_path / "a", resources)


def test_the_rendering_script(resources, tmp_path):
    script, root = "create_deca_rendered_lmdb.py", resources.paths.root
    done = run(script, "--resources", root, "--size", 16, "--batch", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"wrote 5 faces to {resources.paths.renderings}" in done.stdout
    assert len(contents(resources.paths.renderings)) == 11
    done = run(script, "--resources", root, cwd=tmp_path)
    assert done.returncode == 0 and "exists already, with size 16" in done.stdout


def test_the_rendering_script_lists_what_is_missing(tmp_path):
    done = run("create_deca_rendered_lmdb.py", "--resources", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    for name in ("generic_model.pkl", "head_template_mesh.obj", "FLAME_texture.npz"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr
