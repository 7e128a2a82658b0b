"""Our reader of LMDB files agrees with the lmdb package, and no damage to a file can crash it."""

import os
import struct
import threading

import lmdb
import numpy as np
import pytest

from my_utils.files.lmdb_file import BRANCH, HEADER, LEAF, NODE, OVERFLOW, LmdbFile

PAGE = 4096
DAMAGE = [b"\0", b"\xff", b"\x01", bytes(8), b"\xff" * 4, b"\x02\0\0\0\0\0\0\0"]


def write(folder, records):
    with lmdb.open(str(folder), map_size=2**26) as environment:
        for part in np.array_split(np.array(list(records), dtype=object), 3):
            with environment.begin(write=True) as transaction:
                for key in part:
                    transaction.put(key, records[key])
    return folder / "data.mdb"


def some_records(count):
    """Keys in no order; values from none to several pages."""
    random = np.random.default_rng(0)
    numbers = random.permutation(count)
    sizes = random.choice([0, 1, 30, 400, 1500, 2100, 5000, 9000], count)
    prefixes = ["8-", "256-", "norm_map_256-", "x" * 90]
    return {
        f"{prefixes[n % 4]}{n:05d}".encode(): random.bytes(size)
        for n, size in zip(numbers, sizes, strict=True)
    }


@pytest.fixture(scope="module")
def records():
    return some_records(700)


@pytest.fixture(scope="module")
def whole(records, tmp_path_factory):
    return write(tmp_path_factory.mktemp("lmdb"), records).read_bytes()


@pytest.fixture
def file(whole, tmp_path):
    """A copy to damage."""
    path = tmp_path / "data.mdb"
    path.write_bytes(whole)
    return path


def overwrite(path, offset, data):
    with path.open("rb+") as file:
        file.seek(offset)
        file.write(data)


def pages_of(whole, kind):
    return [n for n in range(len(whole) // PAGE) if HEADER.unpack_from(whole, n * PAGE)[1] == kind]


def read_everything(path, keys):
    """What can be read, by key; the listing as 'keys'. A ValueError in either is damage found."""
    found = {}
    try:
        opened = LmdbFile(path)
        found["keys"] = list(opened.keys())
    except ValueError:
        return found
    for key in keys:
        try:
            found[key] = opened.get(key)
        except ValueError:
            found.pop("keys", None)
    return found


# What is whole.


def test_records_are_those_of_the_lmdb_package(file, records):
    opened = LmdbFile(file)
    assert list(opened.keys()) == sorted(records)
    assert all(opened.get(key) == value for key, value in records.items())


def test_absent_keys_and_places_between_keys(file, records):
    opened, keys = LmdbFile(file), sorted(records)
    near = [key[:-1] for key in keys] + [key + b"0" for key in keys] + [b"\0", b"\xff" * 9]
    for key in near:
        assert opened.get(key) is None
        expected = next((there for there in keys if there >= key), None)
        assert next(opened.keys(key), None) == expected


@pytest.mark.parametrize("count", [0, 1, 2])
def test_small_ones(tmp_path, count):
    records = {f"{n}".encode(): bytes(n) for n in range(count)}
    opened = LmdbFile(write(tmp_path, records))
    assert list(opened.keys()) == list(records) and opened.get(b"none") is None
    assert all(opened.get(key) == value for key, value in records.items())


def test_files_are_closed_again(file):
    before = os.listdir("/proc/self/fd")
    for _ in range(1000):
        LmdbFile(file).get(b"8-00000")
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_threads_and_forks_share_one(file, records):
    opened, wrong = LmdbFile(file), []

    def read():
        wrong.extend(key for key, value in records.items() if opened.get(key) != value)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    child = os.fork()
    if child == 0:
        os._exit(any(opened.get(key) != value for key, value in records.items()))
    for thread in threads:
        thread.join()
    assert os.waitpid(child, 0)[1] == 0 and not wrong


# What is not.


@pytest.mark.parametrize("kept", [0, 1, 100, 151, PAGE, PAGE + 100, 2 * PAGE, 0.5, -PAGE, -1])
def test_a_truncated_file_is_refused(file, whole, kept):
    os.truncate(file, int(len(whole) * kept) if kept == 0.5 else kept % len(whole))
    with pytest.raises(ValueError):
        LmdbFile(file)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"hello " * 5000, "damaged"),
        (bytes(10 * PAGE), "damaged"),
    ],
)
def test_what_is_no_lmdb_is_refused(file, content, message):
    file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        LmdbFile(file)


@pytest.mark.parametrize("field, message", [(0, "damaged"), (4, "it has format 3, this reads 1")])
def test_another_format_is_named(file, field, message):
    for page in (0, 1):
        overwrite(file, page * PAGE + HEADER.size + field, struct.pack("<I", 3))
    with pytest.raises(ValueError, match=message):
        LmdbFile(file)


def test_a_file_that_shrinks_while_open_is_an_error(file, records):
    opened = LmdbFile(file)
    os.truncate(file, 3 * PAGE)
    with pytest.raises(ValueError, match="shorter"):
        list(opened.keys())


def test_holes_are_found(file, whole):
    """As a copy that was interrupted leaves them: the size is right, the pages are zeros."""
    for page in pages_of(whole, LEAF):
        overwrite(file, page * PAGE, bytes(PAGE))
    with pytest.raises(ValueError, match="damaged"):
        list(LmdbFile(file).keys())


def test_a_page_in_the_place_of_another_is_found(file, whole, records):
    """Else a face would get the picture of another."""
    one, other = pages_of(whole, OVERFLOW)[:2]
    overwrite(file, one * PAGE, whole[other * PAGE : (other + 1) * PAGE])
    found = read_everything(file, records)
    assert "keys" not in found
    assert all(value == records[key] for key, value in found.items())


def test_a_key_that_leaves_its_page_is_found(file, whole):
    for page in pages_of(whole, LEAF):
        last = max(struct.unpack_from("<2H", whole, page * PAGE + HEADER.size))
        overwrite(file, page * PAGE + last + 6, b"\xff\xff")  # its size
    with pytest.raises(ValueError, match="damaged"):
        list(LmdbFile(file).keys())


def test_a_walk_in_circles_ends(file, whole):
    """Every child of every branch is the root or the first leaf: the worst a forger can do."""
    branches, leaf = pages_of(whole, BRANCH), pages_of(whole, LEAF)[0]
    for target in (branches[-1], leaf):
        for page in branches:
            *_, end = HEADER.unpack_from(whole, page * PAGE)
            table = whole[page * PAGE + HEADER.size : page * PAGE + end]
            for (place,) in struct.iter_unpack("<H", table):
                overwrite(file, page * PAGE + place, struct.pack("<IH", target, 0))
        with pytest.raises(ValueError):
            list(LmdbFile(file).keys())
        read_everything(file, [b"8-00000"])


def test_a_forged_size_takes_no_memory(file, whole, records):
    key = next(key for key, value in records.items() if len(value) == 9000)
    place = whole.rindex(key) - NODE.size
    overwrite(file, place, b"\xff" * 4)
    os.truncate(file, 2**33)  # with a hole that would hold it
    with pytest.raises(ValueError, match="damaged"):
        LmdbFile(file).get(key)


def test_damage_anywhere_in_the_tree_is_an_error_or_unnoticed(file, whole, records):
    """What is listed without an error has its order; what is read is a value or none."""
    random = np.random.default_rng(0)
    keys = sorted(records)[::29]
    structure = [0, 1, *pages_of(whole, BRANCH), *pages_of(whole, LEAF)]
    noticed = 0
    for _ in range(300):
        page = random.choice(structure)
        offset = page * PAGE + random.integers(random.choice([40, 160, PAGE]))
        damage = DAMAGE[random.integers(len(DAMAGE))]
        overwrite(file, offset, damage)
        found = read_everything(file, keys)
        noticed += "keys" not in found
        assert found.get("keys", []) == sorted(set(found.get("keys", [])))
        overwrite(file, offset, whole[offset : offset + len(damage)])
    assert noticed > 20
    assert read_everything(file, keys) == {"keys": sorted(records)} | {k: records[k] for k in keys}
