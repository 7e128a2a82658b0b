"""DECA's parameters and its failures are read in any published form, and mistakes are named."""

import numpy as np
import pytest

from constants import FLAME_SLICES
from my_utils.data.parameters import (
    ParameterTable,
    load_bad_images,
    load_parameters,
    save_parameters,
)
from my_utils.errors import UserError
from my_utils.untrusted.reader import restricted_load
from tests.support.toy_resources import parameter_entry, write_toy_resources


@pytest.fixture
def toy(tmp_path):
    return write_toy_resources(tmp_path / "resources", ids=[0, 3, 17, 5])


def test_parameters_keep_the_order_of_the_file(toy):
    table = load_parameters(toy.parameters)
    assert table.ids.tolist() == [0, 3, 17, 5]
    rng = np.random.default_rng(0)
    for vector in table.vectors:
        entry = parameter_entry(rng)
        parts = [entry[name].ravel() for name in ("shape", "exp", "pose", "cam", "tex", "lit")]
        assert np.array_equal(vector, np.concatenate(parts))
    assert table.vectors[0, FLAME_SLICES["camera"]].tolist() == [8, 0, 0]


def entries() -> dict:
    return {f"{i:05d}.pkl": parameter_entry(np.random.default_rng(i)) for i in (0, 17, 20)}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"exp": np.zeros(49)}, "entry 00017.pkl must have 50 numbers of 'exp', it has 49"),
        ({"lit": np.zeros((9, 4))}, "entry 00017.pkl must have 27 numbers of 'lit', it has 36"),
        ({"cam": np.array([8, np.nan, 0])}, "entry 00017.pkl has numbers that are not finite"),
        ({"cam": np.array([8, 1e300, 0])}, "entry 00017.pkl has numbers that are not finite"),
        ({"cam": np.array(["8", "0", "0"])}, "entry 00017.pkl 'cam' does not hold numbers"),
        ({"tex": None}, "entry 00017.pkl 'tex' does not hold numbers"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_wrong_parameter_entry_is_named(tmp_path, change, message):
    faces = entries()
    faces["00017.pkl"] |= change
    np.save(tmp_path / "p.npy", faces, allow_pickle=True)
    with pytest.raises(UserError, match=f"p.npy does not hold DECA's parameters: {message}"):
        load_parameters(tmp_path / "p.npy")


@pytest.mark.parametrize(
    "key, entry, message",
    [
        ("17.pkl", entries()["00017.pkl"], "00017.pkl and 17.pkl are both face 00017"),
        ("zoe.pkl", entries()["00017.pkl"], "'zoe.pkl' is not named by a number"),
        (5, entries()["00017.pkl"] | {"exp": 0}, "entry 5 must have 50 numbers"),
        ("00021.pkl", {}, "entry 00021.pkl has no 'shape'"),
        ("00021.pkl", 7, "entry 00021.pkl has no 'shape'"),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path, key, entry, message):
    np.save(tmp_path / "p.npy", entries() | {key: entry}, allow_pickle=True)
    with pytest.raises(UserError, match=message):
        load_parameters(tmp_path / "p.npy")


def write_folder(folder, names):
    """DECA's own output, where each code may be a row [1, n]."""
    folder.mkdir()
    for name, entry in zip(names, entries().values(), strict=True):
        rows = {field: code if field == "lit" else code[None] for field, code in entry.items()}
        np.save(folder / name, rows, allow_pickle=True)


def test_a_folder_of_faces_is_read_like_the_one_file(tmp_path):
    write_folder(tmp_path / "data", ["00000.npy", "17.npy", "00020.npy"])
    np.save(tmp_path / "data" / "imgHQ00017.npy", {"of": "another data set"}, allow_pickle=True)
    np.save(tmp_path / "p.npy", entries(), allow_pickle=True)
    found, expected = (load_parameters(tmp_path / name) for name in ("data", "p.npy"))
    order = np.argsort(found.ids)
    assert found.ids[order].tolist() == [0, 17, 20]
    assert np.array_equal(found.vectors[order], expected.vectors)


def test_in_a_folder_of_faces_the_wrong_file_is_named(tmp_path):
    write_folder(tmp_path / "data", ["00000.npy", "00017.npy", "17.npy"])
    with pytest.raises(UserError, match="data .* 00017.npy and 17.npy are both face 00017"):
        load_parameters(tmp_path / "data")
    (tmp_path / "data" / "17.npy").write_bytes(b"")
    with pytest.raises(UserError, match="17.npy is incomplete"):
        load_parameters(tmp_path / "data")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="it has no entries"):
        load_parameters(tmp_path / "empty")


def test_an_empty_parameter_file_is_refused(tmp_path):
    np.save(tmp_path / "p.npy", {}, allow_pickle=True)
    with pytest.raises(UserError, match="no entries"):
        load_parameters(tmp_path / "p.npy")


def test_bad_images(toy, tmp_path):
    assert load_bad_images(toy.bad_images) == {3}
    for names, expected in [
        (np.array([], dtype="<U9"), set()),
        (np.array([b"00017.npy", b"00003.npy"]), {3, 17}),
    ]:
        np.savez(tmp_path / "b.npz", bad_images=names)
        assert load_bad_images(tmp_path / "b.npz") == expected


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"bad_images": np.array(["00017.npy", "zoe.npy"])}, "'zoe.npy' is not named by a number"),
        ({"bad_images": np.array([[0.5, np.nan]])}, "not named by a number"),
        ({"images": np.array(["00017.npy"])}, "no field 'bad_images'"),
    ],
)
def test_a_wrong_list_of_bad_images_says_what_is_wrong(tmp_path, fields, message):
    np.savez(tmp_path / "b_box_stats.npz", **fields)
    with pytest.raises(UserError, match=f"b_box_stats.npz.*{message}"):
        load_bad_images(tmp_path / "b_box_stats.npz")


# Written again.

CODE_SHAPES = {
    "shape": (100,),
    "exp": (50,),
    "pose": (6,),
    "cam": (3,),
    "tex": (50,),
    "lit": (9, 3),
}


@pytest.fixture
def table():
    vectors = np.random.default_rng(0).normal(size=(3, 236)).astype(np.float32)
    return ParameterTable(np.array([17, 3, 123456]), vectors)


def test_a_table_is_found_again_in_its_order(tmp_path, table):
    save_parameters(tmp_path / "new" / "p.npy", table)
    found = load_parameters(tmp_path / "new" / "p.npy")
    assert found.ids.tolist() == [17, 3, 123456]
    assert np.array_equal(found.vectors, table.vectors)


def test_the_file_has_the_published_form(tmp_path, table):
    save_parameters(tmp_path / "p.npy", table)
    entries = restricted_load(tmp_path / "p.npy")
    assert list(entries) == ["00017.pkl", "00003.pkl", "123456.pkl"]
    for entry in entries.values():
        assert {name: code.shape for name, code in entry.items()} == CODE_SHAPES
        assert all(code.dtype == np.float32 for code in entry.values())


def test_the_table_stays_as_it_is(tmp_path, table):
    table.vectors.flags.writeable = True
    before = table.vectors.copy()
    save_parameters(tmp_path / "p.npy", table)
    assert np.array_equal(table.vectors, before)
