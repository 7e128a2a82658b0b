"""LMDBs laid out as the published builders left them are read as they are, and ours are alike."""

import io
from types import SimpleNamespace

import lmdb
import numpy as np
import pytest
import torch
from PIL import Image

from constants import LMDB_SIZES
from my_utils.data.dataset import FaceDataset, check_pairing
from my_utils.data.lmdb_images import NORMAL_MAP, LmdbImages
from my_utils.data.photograph_lmdb import find_photographs, write_photograph_lmdb
from my_utils.data.rendering_lmdb import write_rendering_lmdb
from my_utils.data.resources import Resources
from tests.support.toy_resources import write_toy_resources

PHOTOGRAPHS = range(5)
WITH_PARAMETERS = [0, 1, 4]  # DECA failed on the others
CONFIG = SimpleNamespace(
    resolution=256, render_size=256, condition="render+normal", texture_weight=0
)


def colour(face_id: int, salt: int) -> tuple[int, int, int]:
    return (40 * face_id + 10, 20 * salt, 100)


def encoded(size: int, face_id: int, salt: int, **options) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), colour(face_id, salt)).save(buffer, **options)
    return buffer.getvalue()


def write_as_published(path, records: dict[str, bytes]) -> None:
    """A folder, a map of 1 TiB, one transaction."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        lmdb.open(str(path), map_size=1024**4, readahead=False) as environment,
        environment.begin(write=True) as transaction,
    ):
        for key, value in records.items():
            transaction.put(key.encode("utf-8"), value)


def published_photographs() -> dict[str, bytes]:
    records = {
        f"{size}-{str(i).zfill(5)}": encoded(size, i, 0, format="JPEG", quality=100)
        for i in PHOTOGRAPHS
        for size in (8, 16, 32, 64, 128, 256, 512, 1024)
    }
    return records | {"length": str(len(PHOTOGRAPHS)).encode("utf-8")}


def published_renderings() -> dict[str, bytes]:
    records = {}
    for i in WITH_PARAMETERS:
        records[f"256-{str(i).zfill(5)}"] = encoded(256, i, 1, format="PNG")
        records[f"norm_map_256-{str(i).zfill(5)}"] = encoded(256, i, 2, format="PNG")
    return records | {"length": str(len(WITH_PARAMETERS)).encode("utf-8")}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    paths = write_toy_resources(tmp_path_factory.mktemp("p") / "resources", ids=WITH_PARAMETERS)
    write_as_published(paths.photographs, published_photographs())
    write_as_published(paths.renderings, published_renderings())
    return paths


def test_published_lmdbs_are_read_as_they_are(published):
    dataset = FaceDataset(Resources(published.root), CONFIG)
    assert check_pairing(dataset) == []
    assert len(dataset) == 3
    for position, face_id in enumerate(WITH_PARAMETERS):
        pair = dataset[position]
        assert pair.position == position
        expected = np.concatenate([colour(face_id, salt) for salt in (0, 1, 2)]) / 127.5 - 1
        found = torch.cat([pair.image, pair.condition])
        assert found.shape == (9, 256, 256)
        # JPEG keeps a flat colour to a level or two, PNG exactly.
        assert torch.allclose(
            found[:3].mean((1, 2)).double(), torch.tensor(expected[:3]), atol=0.02
        )
        assert torch.allclose(
            found[3:].mean((1, 2)).double(), torch.tensor(expected[3:]), atol=1e-6
        )


def test_their_sizes_ids_and_lengths_are_found(published):
    photographs, renderings = LmdbImages(published.photographs), LmdbImages(published.renderings)
    assert photographs.sizes() == list(LMDB_SIZES) and photographs.sizes(NORMAL_MAP) == []
    assert renderings.sizes() == renderings.sizes(NORMAL_MAP) == [256]
    assert photographs.length == 5 and photographs.ids(1024).tolist() == list(PHOTOGRAPHS)
    assert renderings.length == 3 and renderings.ids(256).tolist() == WITH_PARAMETERS


def contents(path) -> dict:
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as t:
        return {key.decode(): value for key, value in t.cursor()}


def test_our_photographs_have_the_same_records(tmp_path):
    for i in PHOTOGRAPHS:
        path = tmp_path / "photos" / "00000" / f"{i:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(1024, i, 0, format="PNG"))
    photographs = find_photographs(tmp_path / "photos")
    write_photograph_lmdb(tmp_path / "p.lmdb", photographs, sizes=LMDB_SIZES, workers=1)
    ours = contents(tmp_path / "p.lmdb")
    assert ours.pop("made_from")  # which no published file holds
    assert ours == published_photographs()


def test_our_renderings_have_the_same_keys_and_length(tmp_path):
    resources = Resources(write_toy_resources(tmp_path / "toy", ids=WITH_PARAMETERS).root)
    write_rendering_lmdb(
        tmp_path / "r.lmdb", resources.face_renderer(256), resources.parameters, size=256
    )
    found, expected = contents(tmp_path / "r.lmdb"), published_renderings()
    assert found.keys() == expected.keys()
    assert found["length"] == expected["length"]
    for key in found.keys() - {"length"}:
        with Image.open(io.BytesIO(found[key])) as picture:
            assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (256, 256))
