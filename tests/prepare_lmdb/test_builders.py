"""The two LMDB builders: right records, whatever the number of workers and interruptions."""

import contextlib
import importlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
from PIL import Image

import my_utils.data.photograph_lmdb as photograph_lmdb
import my_utils.data.rendering_lmdb as rendering_lmdb
from model.flame import FlameParams
from my_utils.data.origins import origin_records
from my_utils.data.photograph_lmdb import (
    encode_photograph,
    find_photographs,
    multiscale,
    numbered_otherwise_than_published,
    remarks,
    resize_and_crop,
    write_photograph_lmdb,
)
from my_utils.data.rendering_lmdb import write_rendering_lmdb
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.files.images import decode_image, encode_jpeg, to_uint8
from tests.support.toy_resources import write_toy_resources

SCRIPTS = Path(__file__).resolve().parents[2] / "prepare_lmdb"


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
    importlib.import_module("my_utils.metrics.fid.torchvision_operators")
    transforms = importlib.import_module("torchvision.transforms")
    picture = photograph(0, shape)
    twin = transforms.Compose(
        [transforms.Resize(size, transforms.InterpolationMode.LANCZOS), transforms.CenterCrop(size)]
    )
    assert np.array_equal(resize_and_crop(picture, size), twin(picture))


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = np.mean((one.astype(float) - other) ** 2)
    return 10 * np.log10(255**2 / max(error, 1e-9))


def test_records_are_the_photographs_at_all_sizes(folder, tmp_path):
    photographs = find_photographs(folder)
    report = write_photograph_lmdb(tmp_path / "p.lmdb", photographs, sizes=[16, 32], workers=1)
    records = contents(tmp_path / "p.lmdb")
    assert report == (7, [], 1)
    keys = {f"{size}-{n:05d}" for size in (16, 32) for n in range(7)}
    others = {"length", "made_from"}
    assert records.keys() == keys - {"32-00005"} | others  # the small one is not enlarged
    assert records["length"] == b"7"
    for key in records.keys() - others:
        size, n = map(int, key.split("-"))
        expected = multiscale(Image.open(photographs[n]), [16, 32])[size]
        assert records[key] == encode_jpeg(np.asarray(expected)), key


@pytest.mark.parametrize("kind", ["photograph", "noise", "gradient", "wide"])
def test_small_sizes_are_as_good_as_from_the_full_photograph(kind):
    picture = photograph(1, (700, 512) if kind == "wide" else (512, 512))
    if kind == "noise":
        noise = np.random.default_rng(1).integers(0, 256, (512, 512, 3), dtype=np.uint8)
        picture = Image.fromarray(noise)
    elif kind == "gradient":
        y, x = np.mgrid[0:255:512j, 0:255:512j]
        picture = Image.fromarray(np.stack([x, y, (x + y) / 2], axis=2).astype(np.uint8))
    made = multiscale(picture, [8, 16, 32, 64, 128, 256])
    assert sorted(made) == [8, 16, 32, 64, 128, 256]
    for size, small in made.items():
        full = np.asarray(resize_and_crop(picture, size))
        exact = size == 256 or kind == "wide"
        assert psnr(np.asarray(small), full) > (99 if exact else 48), size


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


@pytest.mark.parametrize("kind", ["folder", "pipe", "broken link", "empty", "cut", "sparse"])
def test_what_is_named_like_a_photograph_but_is_none_is_left_out(folder, kind):
    path, whole = folder / "7.png", (folder / "00000" / "00001.png").read_bytes()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "broken link":
        path.symlink_to("nowhere.png")
    else:
        path.write_bytes({"empty": b"", "cut": whole[:-900], "sparse": whole}[kind])
        os.truncate(path, 2**40 if kind == "sparse" else path.stat().st_size)
    assert find_photographs(folder)[7] == path
    encoded = encode_photograph(path, sizes=[8], upscale=False)
    assert encoded.problem.startswith(f"{path}: not a") and not encoded.jpegs


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


def test_one_name_without_a_number_does_not_renumber_the_others(folder):
    (folder / "00000" / "my photo.jpg").touch()
    with pytest.raises(UserError, match=r"1 of the 8 .* first my photo.jpg.* or count .* --ranks"):
        find_photographs(folder)
    found = find_photographs(folder, ranks=True)
    assert [path.name for path in found.values()][3:6] == ["00003.png", "my photo.jpg", "00004.png"]
    assert list(found) == list(range(8))
    assert remarks(folder, found) == [
        "ids: ranks of the sorted paths, not the numbers of the names"
    ]


@pytest.mark.parametrize("name", ["00007_01", "-7", "7.0", "\u0667", "1" * 10, "7 (copy)", "img7"])
def test_names_that_only_look_like_numbers_are_none(folder, name):
    (folder / f"{name}.png").touch()
    with pytest.raises(UserError, match="1 of the 8 pictures"):
        find_photographs(folder)


def test_where_no_name_is_a_number_ranks_are_ids_and_said(tmp_path):
    for name in ("zoe", "Ann", "bob"):
        (tmp_path / f"{name}.jpg").touch()
    found = find_photographs(tmp_path)
    assert [path.stem for path in found.values()] == ["Ann", "bob", "zoe"]
    assert "no picture is named by a number" in remarks(tmp_path, found)[0]


def test_pictures_that_cannot_be_read_are_counted(folder):
    for name in ("00004.heic", "00005.AVIF", "00006.jfif", "00007.gif", "._00008.gif", "a.dng"):
        (folder / name).touch()
    (remark,) = remarks(folder, find_photographs(folder))
    assert remark.startswith("5 pictures passed over, first ") and ".avif, .dng, .gif" in remark


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
    assert len(contents(path)) == 16
    done = run(script, *arguments, cwd=tmp_path, GIF_RESOURCES=str(tmp_path / "res"))
    assert done.returncode == 0 and "exists already, with sizes 8, 16" in done.stdout
    other = ("--n_worker", 2, "--sizes", "8", folder)
    done = run(script, *other, cwd=tmp_path, GIF_RESOURCES=str(tmp_path / "res"))
    assert done.returncode == 2 and "exists already and was made of others" in done.stderr


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--sizes", "8,17", "."], "'8,17' is not a list of sizes"),
        (["--n_worker", "0", "."], "--n_worker: '0' is not a whole number from 1"),
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
    encode, calls = rendering_lmdb.encode_rendering, []

    def stop(picture):
        calls.append(picture)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return encode(picture)

    class Writer(rendering_lmdb.LmdbWriter):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, records_per_commit=2, **options)

    monkeypatch.setattr(rendering_lmdb, "LmdbWriter", Writer)
    monkeypatch.setattr(rendering_lmdb, "encode_rendering", stop)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a", resources, batch=1, workers=1)
    before = len(contents(tmp_path / "a.partial"))
    assert 0 < before < 10
    calls.clear()
    calls.extend([None] * 10)
    write(tmp_path / "a", resources)
    assert len(calls) == 10 + 10 - before  # nothing is made twice
    assert contents(tmp_path / "a") == contents(tmp_path / "whole")


@pytest.mark.parametrize("changed", ["ids", "vectors", "head"])
def test_another_input_does_not_continue_an_unfinished_rendering(
    resources, tmp_path, monkeypatch, changed
):
    renderer, table = resources.face_renderer(32), resources.parameters
    monkeypatch.setattr(rendering_lmdb, "tqdm", None)  # stops every build at its start
    with pytest.raises(TypeError):
        write_rendering_lmdb(tmp_path / "a", renderer, table, size=32)
    if changed == "head":
        renderer.flame.v_template += 0.001
    else:
        table = table._replace(**{changed: getattr(table, changed) + 1})
    with pytest.raises(UserError, match="other options"):
        write_rendering_lmdb(tmp_path / "a", renderer, table, size=32)


def test_the_rendering_script(resources, tmp_path):
    script, root = "create_deca_rendered_lmdb.py", resources.paths.root
    done = run(script, "--resources", root, "--size", 16, "--batch", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"wrote 5 faces to {resources.paths.renderings}" in done.stdout
    assert len(contents(resources.paths.renderings)) == 13
    done = run(script, "--resources", root, cwd=tmp_path)
    assert done.returncode == 0 and "exists already, with size 16" in done.stdout


def test_the_rendering_script_lists_what_is_missing(tmp_path):
    done = run("create_deca_rendered_lmdb.py", "--resources", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    for name in ("generic_model.pkl", "head_template_mesh.obj", "FLAME_texture.npz"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


# Both, stopped and killed.


def start(script, *arguments):
    return subprocess.Popen(
        [sys.executable, str(SCRIPTS / script), *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )


def running_members(group: int) -> list[str]:
    """The states of a group's processes, but for those that wait to be collected."""
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
            states += [state] if int(its_group) == group and state != "Z" else []
    return states


def assert_ended(group: int) -> None:
    for _ in range(100):
        if not running_members(group):
            return
        time.sleep(0.05)
    raise AssertionError("there still are processes of it")


@pytest.fixture(scope="module")
def many_photographs(tmp_path_factory):
    """Enough to be busy with for a second or two, and the LMDB of them."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "photos").mkdir()
    for n in range(100):
        photograph(n, (256, 256)).save(folder / "photos" / f"{n:05d}.jpg")
    photographs = find_photographs(folder / "photos")
    write_photograph_lmdb(folder / "whole", photographs, sizes=[8, 128, 256], workers=2)
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_photograph_script_with_one_line(many_photographs, tmp_path, number):
    command = ["prepare_ffhq_multiscale_dataset.py", "--n_worker", 2, "--sizes", "8,128,256"]
    command += ["--out", tmp_path / "a", many_photographs / "photos"]
    building = start(*command)
    while not (tmp_path / "a.partial" / "data.mdb").exists():
        time.sleep(0.01)
    time.sleep(0.15)  # the workers are starting
    os.killpg(building.pid, number)  # as Ctrl-C in a terminal, or a batch system
    _, errors = building.communicate(timeout=60)
    assert building.returncode == 128 + number
    assert errors == f"stopped by {number.name}; repeat the command to continue\n"
    assert_ended(building.pid)
    assert start(*command).wait() == 0
    assert contents(tmp_path / "a") == contents(many_photographs / "whole")


def test_a_full_disk_stops_the_photograph_script_with_one_line(many_photographs, tmp_path):
    command = ["prepare_ffhq_multiscale_dataset.py", "--n_worker", 1, "--sizes", "8,128,256"]
    command += ["--out", tmp_path / "a", many_photographs / "photos"]
    building = start(*command)
    resource.prlimit(building.pid, resource.RLIMIT_FSIZE, (500_000, 500_000))
    _, errors = building.communicate(timeout=60)
    assert building.returncode == 2 and errors.count("\n") == 1
    assert "run the same command again, it goes on from here" in errors
    assert start(*command).wait() == 0
    assert contents(tmp_path / "a") == contents(many_photographs / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["photographs", "renderings"])
def test_builds_killed_at_random_moments_end_as_one_run(many_photographs, tmp_path, kind):
    paths = write_toy_resources(tmp_path / "resources", ids=list(range(300)))
    whole, out, longest = many_photographs / "whole", tmp_path / "a", 2.0
    command = ["prepare_ffhq_multiscale_dataset.py", "--n_worker", 2, "--sizes", "8,128,256"]
    command += ["--out", out, many_photographs / "photos"]
    if kind == "renderings":
        whole, out, longest = tmp_path / "whole", paths.renderings, 6.0
        command = ["create_deca_rendered_lmdb.py", "--resources", paths.root, "--size", 64]
        source = Resources(paths.root)
        write_rendering_lmdb(
            whole,
            source.face_renderer(64),
            source.parameters,
            size=64,
            origin=origin_records(source.parameters, source),
        )
    random, rounds = np.random.default_rng(0), 0
    while rounds < 20:
        building = start(*command)
        with contextlib.suppress(subprocess.TimeoutExpired):
            building.wait(random.uniform(0.1, longest))
        if building.poll() is None:
            building.kill()
            rounds += 1
        building.communicate(timeout=60)
        assert_ended(building.pid)
        if out.exists():
            assert contents(out) == contents(whole)
            shutil.rmtree(out)
    assert start(*command).wait() == 0
    assert contents(out) == contents(whole)
