"""Pairs of photograph and condition: right, fast to open anywhere, and robust to bad records."""

import os
import pickle
import shutil
import warnings
from types import SimpleNamespace

import lmdb
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from my_utils.data.dataset import FaceDataset, InfiniteSampler, check_pairing
from my_utils.data.lmdb_images import NORMAL_MAP, LmdbImages, image_key
from my_utils.data.resource_files import ResourcePaths
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.files.image_codec import encode_jpeg, encode_png
from my_utils.files.lmdb_writer import LmdbWriter
from tests.support.toy_resources import write_parameters

COUNT = 40
IDS = [3 * n for n in range(COUNT)]  # gaps, as in FFHQ's parameter file
CONFIG = SimpleNamespace(
    resolution=16, render_size=32, condition="render+normal", texture_weight=16.0
)


def config(**changes):
    return SimpleNamespace(**vars(CONFIG) | changes)


def picture(face_id: int, size: int, salt: int) -> np.ndarray:
    rng = np.random.default_rng([face_id, salt])
    return rng.integers(0, 256, (size, size, 3), dtype=np.uint8)


def flat_picture(face_id: int, size: int) -> np.ndarray:
    """One colour, which a JPEG keeps to a level or two."""
    return np.full((size, size, 3), 40 + face_id, dtype=np.uint8)


def write_folder(root) -> ResourcePaths:
    paths = ResourcePaths(root)
    write_parameters(paths.parameters, IDS)
    with LmdbWriter(paths.photographs) as writer:
        for i in IDS:
            for size in (8, 16):
                writer.put(image_key(size, i), encode_jpeg(flat_picture(i, size)))
        writer.finish(COUNT)
    with LmdbWriter(paths.renderings) as writer:
        for i in IDS:
            writer.put(image_key(32, i), encode_png(picture(i, 32, 0)))
            writer.put(image_key(32, i, NORMAL_MAP), encode_png(picture(i, 32, 1)))
        writer.finish(COUNT)
    return paths


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "resources")


@pytest.fixture
def paths(original, tmp_path):
    """A copy to damage."""
    shutil.copytree(original.root, tmp_path / "resources")
    return ResourcePaths(tmp_path / "resources")


def change(path, records):
    """Replace records of a finished LMDB; None deletes."""
    with lmdb.open(str(path), map_size=2**26) as environment, environment.begin(write=True) as t:
        for key, value in records.items():
            t.delete(key.encode()) if value is None else t.put(key.encode(), value)


def break_photographs(paths, positions):
    change(paths.photographs, {image_key(16, IDS[p]): b"no picture" for p in positions})


# What an item is.


def test_an_item_holds_photograph_condition_parameters_and_position(original):
    dataset = FaceDataset(Resources(original.root), CONFIG)
    assert len(dataset) == COUNT
    pair = dataset[7]
    assert pair.position == 7
    level = (40 + IDS[7]) / 255 * 2 - 1
    assert torch.allclose(pair.image, torch.full((3, 16, 16), level), atol=3 / 255)
    both = np.concatenate([picture(IDS[7], 32, 0), picture(IDS[7], 32, 1)], axis=2)
    boxes = both.reshape(16, 2, 16, 2, 6).astype(float).mean(axis=(1, 3)) / 255 * 2 - 1
    assert torch.allclose(
        pair.condition, torch.from_numpy(boxes).permute(2, 0, 1).float(), atol=1e-6
    )
    assert torch.equal(pair.params, torch.from_numpy(Resources(original.root).parameters[1][7]))


@pytest.mark.parametrize("kind, channels", [("render", [0, 1, 2]), ("normal", [3, 4, 5])])
def test_one_rendering_is_a_part_of_both(original, kind, channels):
    both = FaceDataset(Resources(original.root), CONFIG)[5].condition
    one = FaceDataset(Resources(original.root), config(condition=kind))[5].condition
    assert torch.equal(one, both[channels])


def test_the_vector_condition_needs_no_renderings(paths):
    shutil.rmtree(paths.renderings)
    pair = FaceDataset(Resources(paths.root), config(condition="vector"))[5]
    assert torch.equal(pair.condition, pair.params)


def test_positions_beyond_the_end_are_an_index_error(original):
    dataset = FaceDataset(Resources(original.root), CONFIG)
    with pytest.raises(IndexError):
        dataset[COUNT]


def test_parameter_statistics(paths):
    np.savez(paths.bad_images, bad_images=np.array(["00003.npy", "00009.npy"]))
    resources = Resources(paths.root)
    mean, std = FaceDataset(resources, CONFIG).parameter_statistics()
    rows = np.delete(resources.parameters.vectors.astype(float), [1, 3], axis=0)
    varying = rows.std(axis=0) > 0
    assert not varying.all()  # the light is the same for all
    assert np.allclose(mean, rows.mean(axis=0), atol=1e-6)
    assert np.allclose(std[varying], rows.std(axis=0)[varying], atol=1e-6)
    assert (std[~varying] == 1).all()


# Records that cannot be used.


@pytest.mark.parametrize(
    "record",
    [None, b"", b"no picture", encode_png(picture(0, 16, 0))[:60], encode_png(picture(0, 8, 0))],
    ids=["missing", "empty", "text", "cut", "wrong size"],
)
def test_an_unusable_record_is_replaced_by_the_whole_next_face(paths, record):
    change(paths.photographs, {image_key(16, IDS[4]): record})
    dataset = FaceDataset(Resources(paths.root), CONFIG)
    with pytest.warns(UserWarning, match="face 00012 is replaced.*16-00012"):
        found = dataset[4]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # not a second time
        again, expected = dataset[4], dataset[5]
    for pair in (found, again):
        assert pair.position == 5
        assert all(torch.equal(a, b) for a, b in zip(pair[:3], expected[:3], strict=True))


def test_an_unusable_rendering_counts_only_where_it_is_used(paths):
    change(paths.renderings, {image_key(32, IDS[4], NORMAL_MAP): None})
    assert FaceDataset(Resources(paths.root), config(condition="render"))[4].position == 4
    with pytest.warns(UserWarning, match="norm_map_32-00012"):
        assert FaceDataset(Resources(paths.root), CONFIG)[4].position == 5


def test_listed_bad_images_are_replaced_silently_and_not_counted(paths):
    names = np.array([f"{i:05d}.npy" for i in IDS[4:30]] + ["00117.npy"])
    np.savez(paths.bad_images, bad_images=names)
    dataset = FaceDataset(Resources(paths.root), CONFIG)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [dataset[p].position for p in (3, 4, 5, 29, 39)] == [3, 30, 30, 30, 0]


def test_ten_unusable_records_in_a_row_stop(paths):
    break_photographs(paths, range(4, 14))
    dataset = FaceDataset(Resources(paths.root), CONFIG)
    with pytest.warns(UserWarning):
        assert dataset[5].position == 14
    message = "10 of 40 faces.*prepare_ffhq_multiscale_dataset.py"
    with pytest.warns(UserWarning), pytest.raises(UserError, match=message):
        dataset[4]


def test_more_than_ten_unusable_records_in_all_stop(paths):
    break_photographs(paths, range(0, 22, 2))
    dataset = FaceDataset(Resources(paths.root), CONFIG)
    with pytest.warns(UserWarning) as noted:
        for position in range(20):
            dataset[position]
    assert len(noted) == 10
    with pytest.warns(UserWarning), pytest.raises(UserError, match="11 of 40 faces"):
        dataset[20]


def test_a_data_set_of_bad_images_only_stops(paths):
    np.savez(paths.bad_images, bad_images=np.array([f"{i:05d}.npy" for i in IDS]))
    with pytest.raises(UserError, match="all 40 faces"):
        FaceDataset(Resources(paths.root), CONFIG)[0]


# LMDBs that cannot be used.


def test_a_missing_lmdb_names_the_script(paths):
    shutil.rmtree(paths.photographs)
    shutil.rmtree(paths.renderings)
    with pytest.raises(UserError) as caught:
        FaceDataset(Resources(paths.root), CONFIG)
    for name in ("prepare_ffhq_multiscale_dataset.py", "create_deca_rendered_lmdb.py"):
        assert name in str(caught.value)


@pytest.mark.parametrize("length", [0, 100, 4096, 8192, 0.5, -1])
def test_a_truncated_lmdb_is_found_when_opened(paths, length):
    file = paths.photographs / "data.mdb"
    whole = file.stat().st_size
    os.truncate(file, int(whole * length) if 0 < length < 1 else length % whole)
    with pytest.raises(UserError, match="truncated|not a usable LMDB") as caught:
        FaceDataset(Resources(paths.root), CONFIG)
    assert "prepare_ffhq_multiscale_dataset.py" in str(caught.value)


@pytest.mark.parametrize("kind", ["zeroed", "text", "pointer", "no file", "folder", "no folder"])
def test_what_is_no_lmdb_is_a_sentence(paths, kind):
    file = paths.photographs / "data.mdb"
    if kind == "zeroed":
        file.write_bytes(bytes(8192) + file.read_bytes()[8192:])
    elif kind == "text":
        file.write_text("hello " * 10000)
    elif kind == "pointer":
        file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    else:
        file.unlink()
    if kind == "folder":
        file.mkdir()
    if kind == "no folder":
        paths.photographs.rmdir()
        paths.photographs.write_text("")
    with pytest.raises(UserError, match="LMDB.*prepare_ffhq_multiscale_dataset.py"):
        FaceDataset(Resources(paths.root), CONFIG)


def test_lmdbs_are_only_read(paths):
    """As on a read-only medium; permissions do not keep root from writing."""
    files = [paths.photographs / "data.mdb", paths.renderings / "data.mdb"]
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    FaceDataset(Resources(paths.root), CONFIG)[0]
    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in files] == before
    assert os.listdir(paths.photographs) == os.listdir(paths.renderings) == ["data.mdb"]


def test_an_lmdb_that_is_cut_during_training_stops_with_a_sentence(paths):
    dataset = FaceDataset(Resources(paths.root), CONFIG)
    os.truncate(paths.renderings / "data.mdb", 5 * 4096)
    with (
        pytest.warns(UserWarning, match="truncated"),
        pytest.raises(UserError, match="of 40 faces"),
    ):
        dataset[0]


def test_a_size_that_is_not_there_is_a_sentence(original):
    resources = Resources(original.root)
    with pytest.raises(UserError, match="no pictures of 64 pixels.*8, 16.*pass --resolution"):
        FaceDataset(resources, config(resolution=64))
    with pytest.raises(UserError, match="no pictures of 16 pixels.*32.*pass --render_size"):
        FaceDataset(resources, config(render_size=16))


def test_sizes_ids_and_length(original):
    photographs, renderings = LmdbImages(original.photographs), LmdbImages(original.renderings)
    assert photographs.sizes() == [8, 16] and photographs.sizes(NORMAL_MAP) == []
    assert renderings.sizes() == [32] and renderings.sizes(NORMAL_MAP) == [32]
    assert photographs.ids(16).tolist() == renderings.ids(32, NORMAL_MAP).tolist() == IDS
    assert photographs.length == COUNT


def test_what_belongs_together_has_no_pairing_problems(original):
    assert check_pairing(FaceDataset(Resources(original.root), CONFIG)) == []


def test_pairing_is_checked_by_id(paths):
    # Id 15 is on the list of bad images, so its photograph is not missed.
    change(paths.photographs, {image_key(16, IDS[4]): None, image_key(16, 15): None})
    change(paths.renderings, {image_key(32, IDS[6], NORMAL_MAP): None, image_key(32, 1): b""})
    np.savez(paths.bad_images, bad_images=np.array(["00015.npy"]))
    first, second, third = check_pairing(FaceDataset(Resources(paths.root), CONFIG))
    assert "1 of 39 faces have no record 16" in first and "id 00012" in first
    assert "norm_map_32" in second and "id 00018" in second
    assert "1 faces that the parameter file lacks, the first is id 00001" in third


# Processes.


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_read_the_same_as_one_process(original, method):
    dataset = FaceDataset(Resources(original.root), CONFIG)
    first = dataset[0]  # this process has the LMDBs open before the workers start
    sampler = list(range(0, COUNT, 3))
    workers = {"fork": 2, "spawn": 1}[method]  # a spawned process takes seconds to import torch
    loader = DataLoader(
        dataset, batch_size=4, sampler=sampler, num_workers=workers, multiprocessing_context=method
    )
    pairs = list(loader)
    assert torch.cat([pair.position for pair in pairs]).tolist() == sampler
    for pair in pairs:
        for n, position in enumerate(pair.position.tolist()):
            assert torch.equal(pair.image[n], dataset[position].image)
            assert torch.equal(pair.condition[n], dataset[position].condition)
    assert torch.equal(dataset[0].image, first.image)  # and still can read


def test_two_data_sets_share_an_lmdb_in_one_process(original):
    one, two = (FaceDataset(Resources(original.root), CONFIG) for _ in range(2))
    assert torch.equal(one[3].image, two[3].image)


def test_a_replaced_lmdb_is_opened_anew(paths):
    before = FaceDataset(Resources(paths.root), CONFIG)[0].image
    shutil.rmtree(paths.photographs)
    with LmdbWriter(paths.photographs) as writer:
        for i in IDS:
            writer.put(image_key(16, i), encode_jpeg(flat_picture(i + 50, 16)))
        writer.finish(COUNT)
    assert (FaceDataset(Resources(paths.root), CONFIG)[0].image > before).all()


def test_a_data_set_is_pickled_without_its_handles(original):
    dataset = FaceDataset(Resources(original.root), CONFIG)
    dataset[0]
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[9].image, dataset[9].image)


# The order.


def take(count, **options):
    sampler = iter(InfiniteSampler(10, **{"seed": 1} | options))
    return [next(sampler) for _ in range(count)]


def test_epochs_are_permutations_that_differ():
    order = take(30)
    epochs = [order[n : n + 10] for n in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert take(30) == order and take(30, seed=2) != order


@pytest.mark.parametrize("start", [0, 1, 9, 10, 23])
def test_the_order_goes_on_from_any_place(start):
    assert take(20, start=start) == take(start + 20)[start:]


def test_processes_share_one_order_without_overlap():
    order = take(24, start=5)
    for rank in range(3):
        assert take(8, start=5, rank=rank, world_size=3) == order[rank::3]
