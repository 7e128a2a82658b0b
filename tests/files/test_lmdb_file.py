"""LMDBs are read alike by threads, forked and spawned processes; a truncated one is a sentence."""

import multiprocessing
import os
import threading

import lmdb
import numpy as np
import pytest

from my_utils.data.lmdb_images import LmdbImages
from my_utils.errors import UserError
from my_utils.files.lmdb_file import LmdbFile, open_lmdb

PAGE = 4096
RECORDS = {
    f"{prefix}{n:05d}".encode(): np.random.default_rng(n).bytes(97 * n % 9000)
    for n in range(200)
    for prefix in ("8-", "256-", "norm_map_256-")
}


@pytest.fixture
def file(tmp_path):
    return write(tmp_path, RECORDS)


def write(folder, records):
    folder.mkdir(exist_ok=True)
    with lmdb.open(str(folder), map_size=2**26) as environment, environment.begin(write=True) as t:
        for key, value in records.items():
            t.put(key, value)
    return folder / "data.mdb"


def wrong_records(path):
    """The keys under which `path` has not what was written; called in other processes too."""
    opened = open_lmdb(path)
    return [key for key, value in RECORDS.items() if opened.get(key) != value]


def test_records_and_keys_are_those_that_were_written(file):
    opened = open_lmdb(file)
    assert opened.keys() == sorted(RECORDS) and not wrong_records(file)
    assert opened.keys(b"256-") == sorted(key for key in RECORDS if key.startswith(b"256-"))
    assert opened.keys(b"256-", limit=1) == [b"256-00000"]
    assert opened.keys(b"9-") == [] and opened.get(b"9-00000") is None


def test_threads_and_a_fork_among_them_read_the_same(file):
    opened, wrong = open_lmdb(file), []
    threads = [threading.Thread(target=lambda: wrong.extend(wrong_records(file))) for _ in range(4)]
    for thread in threads:
        thread.start()
    child = os.fork()
    if child == 0:
        os._exit(bool(wrong_records(file)))
    for thread in threads:
        thread.join()
    assert os.waitpid(child, 0)[1] == 0 and not wrong
    assert opened.keys() == sorted(RECORDS)


def test_two_spawned_processes_read_the_same_at_once(file):
    assert not wrong_records(file)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(wrong_records, [file, file], chunksize=1) == [[], []]


def test_those_who_read_one_file_share_it_and_the_last_closes_it(file):
    before = len(os.listdir("/proc/self/fd"))
    opened = [open_lmdb(file) for _ in range(50)]
    assert len(os.listdir("/proc/self/fd")) == before + 1
    del opened
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_was_replaced_is_read_anew(file):
    opened = open_lmdb(file)
    assert opened.get(b"new") is None
    os.replace(write(file.parent / "other", {b"new": b"value"}), file)
    assert open_lmdb(file).get(b"new") == b"value"


@pytest.mark.parametrize("kept", [0, 1, 151, PAGE, PAGE + 100, 2 * PAGE, 3 * PAGE, -PAGE, -1])
def test_a_truncated_file_is_one_sentence(file, kept):
    os.truncate(file, kept % file.stat().st_size)
    with pytest.raises(ValueError):
        LmdbFile(file)
    with pytest.raises(UserError, match="is not a usable LMDB .*copy it again"):
        LmdbImages(file.parent).sizes()


@pytest.mark.parametrize(
    "content, message",
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"hello " * 5000, "not a usable LMDB"),
        (bytes(10 * PAGE), "not a usable LMDB"),
    ],
)
def test_what_is_no_lmdb_is_one_sentence(file, content, message):
    file.write_bytes(content)
    with pytest.raises(UserError, match=message):
        LmdbImages(file.parent).sizes()
