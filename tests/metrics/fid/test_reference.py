"""Statistics of the photographs are computed once, and never used for what they are not."""

import argparse
import json
import types

import numpy as np
import pytest
import torch

from my_utils.data.lmdb_images import image_key
from my_utils.data.resource_files import ResourcePaths
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.files.image_codec import encode_png
from my_utils.files.lmdb_writer import LmdbWriter
from my_utils.metrics.fid import reference as fid_reference
from my_utils.metrics.fid.distances import frechet_distance
from my_utils.metrics.fid.options import chosen_reference
from my_utils.metrics.fid.protocol import PROTOCOLS
from my_utils.metrics.fid.reference import (
    Photographs,
    load_statistics,
    reference_statistics,
)
from tests.support.fid_stubs import stub_network

COUNT, SIZE = 30, 16


def write_photographs(root, *, seed=0, changed=(), broken=(), absent=()):
    pixels = np.random.default_rng(seed).integers(0, 256, (COUNT, SIZE, SIZE, 3), dtype=np.uint8)
    for place in changed:
        pixels[place, 0, 0] ^= 255
    path = ResourcePaths(root).photographs
    path.parent.mkdir(parents=True)
    with LmdbWriter(path) as writer:
        for face_id, picture in enumerate(pixels):
            if face_id in absent:
                continue
            data = b"no picture" if face_id in broken else encode_png(picture)
            writer.put(image_key(SIZE, face_id), data)
        writer.finish(COUNT)
    return pixels


def statistics(root, folder, network=None, *, limit=None, batch=7):
    return reference_statistics(
        Photographs(Resources(root), SIZE, limit=limit),
        network or stub_network(),
        folder=folder,
        batch=batch,
        device=torch.device("cpu"),
    )


def test_they_are_those_of_all_photographs(tmp_path):
    pixels = write_photographs(tmp_path / "a")
    found = statistics(tmp_path / "a", tmp_path)
    images = torch.from_numpy(pixels).movedim(-1, 1) / 255
    features = stub_network().extract(images).double().numpy()
    assert found.count == COUNT
    assert np.allclose(found.mean, features.mean(0), rtol=1e-6)
    assert np.allclose(found.covariance, np.cov(features, rowvar=False), rtol=1e-5, atol=1e-8)
    kept = found.kept.numpy()
    order = [int(np.abs(kept - row).sum(1).argmin()) for row in features]
    assert sorted(order) == list(range(COUNT)) != order  # every one, in no telling order


def never(images):
    raise AssertionError("the network was asked again")


def test_a_second_call_reads_what_the_first_one_kept(tmp_path):
    write_photographs(tmp_path / "a")
    first = statistics(tmp_path / "a", tmp_path / "kept")
    again = statistics(tmp_path / "a", tmp_path / "kept", stub_network(extract=never))
    assert again.count == first.count
    assert torch.equal(again.kept, first.kept)
    assert frechet_distance(first, again) < 1e-12


@pytest.mark.parametrize("change", ["picture", "network", "limit"])
def test_other_photographs_and_networks_are_computed_anew(tmp_path, change):
    write_photographs(tmp_path / "a")
    write_photographs(tmp_path / "b", changed=[4] if change == "picture" else [])
    statistics(tmp_path / "a", tmp_path / "kept")
    statistics(
        tmp_path / "b",
        tmp_path / "kept",
        stub_network("other" if change == "network" else "stub"),
        limit=20 if change == "limit" else None,
    )
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_one_photograph_less_is_noticed_even_where_the_digest_does_not_look(tmp_path, monkeypatch):
    monkeypatch.setattr(fid_reference, "DIGEST_PICTURES", 2)  # the first and the last
    write_photographs(tmp_path / "a")
    write_photographs(tmp_path / "b", absent=[5])
    a, b = (Photographs(Resources(tmp_path / name), SIZE).digest() for name in "ab")
    assert a != b


def test_the_same_photographs_elsewhere_are_known(tmp_path):
    write_photographs(tmp_path / "a")
    write_photographs(tmp_path / "b")
    statistics(tmp_path / "a", tmp_path / "kept")
    statistics(tmp_path / "b", tmp_path / "kept", stub_network(extract=never))


def test_a_file_computed_elsewhere_is_read(tmp_path):
    write_photographs(tmp_path / "a")
    kept = statistics(tmp_path / "a", tmp_path / "kept")
    file = next((tmp_path / "kept").iterdir()).rename(tmp_path / "mine.npz")
    assert np.array_equal(load_statistics(file, stub_network(), SIZE).mean, kept.mean)


def test_statistics_of_another_protocol_or_size_are_refused(tmp_path):
    write_photographs(tmp_path / "a")
    statistics(tmp_path / "a", tmp_path / "kept")
    file = next((tmp_path / "kept").iterdir())
    with pytest.raises(UserError, match="its features is 'stub' instead of 'inception'"):
        load_statistics(file, stub_network("inception"), SIZE)
    with pytest.raises(UserError, match="its resolution is 16 instead of 32"):
        load_statistics(file, stub_network(), 32)


def write_published(path, *, width=12, **arrays):
    np.savez(path, **{"mu": np.zeros(width), "sigma": np.eye(width)} | arrays)
    return path


def test_published_statistics_serve_the_published_protocol_at_their_size(tmp_path):
    file = write_published(tmp_path / "ffhq_16X16_fid_stats.npz")
    found = load_statistics(file, stub_network("inception-published"), 16)
    assert found.count is None and np.array_equal(found.covariance, np.eye(12))
    with pytest.raises(UserError, match="they need --protocol published"):
        load_statistics(file, stub_network("inception"), 16)
    with pytest.raises(UserError, match="is of 16 pixels, the generator draws 32"):
        load_statistics(file, stub_network("inception-published"), 32)


@pytest.mark.parametrize(
    "arrays",
    [
        {"sigma": np.eye(3)},
        {"mu": np.full(12, np.nan)},
        {"sigma": np.triu(np.ones((12, 12)))},
        {"mu": np.array([{}], dtype=object)},
    ],
    ids=["shape", "nan", "asymmetric", "object"],
)
def test_damaged_statistics_are_one_sentence(tmp_path, arrays):
    file = write_published(tmp_path / "ffhq_16X16_fid_stats.npz", **arrays)
    with pytest.raises(UserError, match="incomplete, damaged or of another kind"):
        load_statistics(file, stub_network("inception-published"), 16)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no archive"])
def test_files_of_another_kind_are_one_sentence(tmp_path, content):
    (tmp_path / "some.npz").write_bytes(content)
    with pytest.raises(UserError, match="incomplete, damaged or of another kind"):
        load_statistics(tmp_path / "some.npz", stub_network(), 16)
    with pytest.raises(UserError, match="absent.npz does not exist"):
        load_statistics(tmp_path / "absent.npz", stub_network(), 16)


def test_too_few_photographs_are_refused(tmp_path):
    write_photographs(tmp_path / "a")
    with pytest.raises(UserError, match="30 photographs are too few"):
        statistics(tmp_path / "a", tmp_path, stub_network(minimum=31))


def test_a_size_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    write_photographs(tmp_path / "a")
    with pytest.raises(UserError, match=r"no photographs of 64 pixels.*sizes there: 16"):
        Photographs(Resources(tmp_path / "a"), 64)


def test_an_unreadable_photograph_is_named_and_nothing_is_kept(tmp_path, monkeypatch):
    write_photographs(tmp_path / "a", broken=[5])
    monkeypatch.setattr(fid_reference, "DIGEST_PICTURES", 2)  # the digest does not meet it
    with pytest.raises(UserError, match="record 16-00005"):
        statistics(tmp_path / "a", tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def synthesizer(root):
    return types.SimpleNamespace(
        config=types.SimpleNamespace(resolution=SIZE),
        resources=Resources(root),
        device=torch.device("cpu"),
    )


def test_the_published_protocol_prefers_the_published_file(tmp_path):
    write_photographs(tmp_path)
    args = argparse.Namespace(statistics=None, batch=8)
    network = stub_network("inception-published")
    how = synthesizer(tmp_path), network, PROTOCOLS["published"]
    assert chosen_reference(args, *how).count == COUNT
    folder = ResourcePaths(tmp_path).fid_statistics
    folder.mkdir()
    write_published(folder / f"ffhq_{SIZE}X{SIZE}_fid_stats.npz")
    assert chosen_reference(args, *how).count is None


def test_statistics_are_kept_below_the_output_folder(tmp_path):
    write_photographs(tmp_path)
    args = argparse.Namespace(statistics=None, batch=8)
    chosen_reference(args, synthesizer(tmp_path), stub_network(), PROTOCOLS["fid10k"])
    (file,) = (tmp_path / "output_files" / "statistics").iterdir()
    with np.load(file) as arrays:
        description = json.loads(str(arrays["description"]))
    assert description["resolution"] == SIZE and description["features"] == "stub"
