"""An LMDB is complete under its final name or not there; an interrupted build goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import lmdb
import numpy as np
import pytest

import my_utils.files.lmdb_writer as lmdb_writer
from my_utils.errors import UserError
from my_utils.files.lmdb_writer import LmdbWriter

RECORDS = {f"256-{n:05d}": np.random.default_rng(n).bytes(50 + 97 * n) for n in range(120)}


def build(path, *, stop_at=None, **options):
    """Write all records, or leave the block when `stop_at` of them were put."""
    with LmdbWriter(path, records_per_commit=20, **options) as writer:
        for n, (key, value) in enumerate(RECORDS.items()):
            if n == stop_at:
                return
            writer.put(key, value)
        writer.finish(len(RECORDS))


def contents(path) -> dict:
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as t:
        return {key.decode(): value for key, value in t.cursor()}


def test_all_records_and_the_length_are_there_and_nothing_else(tmp_path):
    build(tmp_path / "a.lmdb")
    assert contents(tmp_path / "a.lmdb") == RECORDS | {"length": b"120"}
    assert os.listdir(tmp_path) == ["a.lmdb"]
    assert os.listdir(tmp_path / "a.lmdb") == ["data.mdb"]


def test_an_unfinished_build_has_another_name_and_keeps_whole_batches(tmp_path):
    build(tmp_path / "a.lmdb", stop_at=50)
    assert os.listdir(tmp_path) == ["a.lmdb.partial"]
    assert list(contents(tmp_path / "a.lmdb.partial")) == list(RECORDS)[:40]


@pytest.mark.parametrize("stops", [[0], [19, 20, 21], [50, 119]])
def test_an_interrupted_build_ends_with_the_same_records(tmp_path, stops):
    for stop in stops:
        build(tmp_path / "a.lmdb", stop_at=stop)
    build(tmp_path / "a.lmdb")
    assert contents(tmp_path / "a.lmdb") == RECORDS | {"length": b"120"}


def test_a_killed_build_goes_on(tmp_path):
    code = f"""
import sys, os, signal
sys.path[:0] = {[str(Path(__file__).parents[2])]!r}
from tests.files.test_lmdb_writer import RECORDS, LmdbWriter
with LmdbWriter({str(tmp_path / "a.lmdb")!r}, records_per_commit=20) as writer:
    for n, (key, value) in enumerate(RECORDS.items()):
        if n == 70:
            os.kill(os.getpid(), signal.SIGKILL)
        writer.put(key, value)
"""
    killed = subprocess.run([sys.executable, "-c", code])
    assert killed.returncode == -signal.SIGKILL
    assert len(contents(tmp_path / "a.lmdb.partial")) == 60
    build(tmp_path / "a.lmdb")
    assert contents(tmp_path / "a.lmdb") == RECORDS | {"length": b"120"}


def test_the_same_records_make_the_same_file(tmp_path):
    build(tmp_path / "a.lmdb")
    build(tmp_path / "b.lmdb")
    first, second = ((tmp_path / f"{name}.lmdb" / "data.mdb").read_bytes() for name in "ab")
    assert first == second


def test_a_group_is_stored_whole_or_not_at_all(tmp_path):
    with LmdbWriter(tmp_path / "a.lmdb", records_per_commit=3) as writer:
        for n in range(5):
            writer.put_all({f"64-{n}": b"small", f"256-{n}": b"large"})
    stored = contents(tmp_path / "a.lmdb.partial")
    assert sorted(stored) == sorted(f"{size}-{n}" for size in (64, 256) for n in range(4))


def test_a_full_map_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(lmdb_writer, "INITIAL_MAP_SIZE", 2**15)
    build(tmp_path / "a.lmdb")
    assert contents(tmp_path / "a.lmdb") == RECORDS | {"length": b"120"}


def test_the_file_is_no_larger_than_its_records_need(tmp_path):
    build(tmp_path / "a.lmdb")
    assert (tmp_path / "a.lmdb" / "data.mdb").stat().st_size < 2 * sum(map(len, RECORDS.values()))


def test_a_finished_lmdb_is_left_alone(tmp_path):
    build(tmp_path / "a.lmdb")
    with pytest.raises(UserError, match="exists already"):
        build(tmp_path / "a.lmdb")


def test_other_options_or_other_input_do_not_mix_with_an_unfinished_build(tmp_path):
    build(tmp_path / "a.lmdb", recipe="sizes 64", stop_at=50)
    with pytest.raises(UserError, match="other options .sizes 64, now sizes 32"):
        build(tmp_path / "a.lmdb", recipe="sizes 32")
    with (
        LmdbWriter(tmp_path / "a.lmdb", recipe="sizes 64") as writer,
        pytest.raises(UserError, match="256-00000 .* another content"),
    ):
        writer.put("256-00000", b"something else")


def test_two_writers_of_one_lmdb_are_refused(tmp_path):
    with (
        LmdbWriter(tmp_path / "a.lmdb"),
        pytest.raises(UserError, match="another process"),
        LmdbWriter(tmp_path / "a.lmdb"),
    ):
        pass
    build(tmp_path / "a.lmdb")  # the lock is free again


@pytest.mark.parametrize("limit", [100, 5000, 100_000, 300_000])
def test_a_full_disk_is_one_sentence_and_the_build_goes_on_later(tmp_path, limit):
    code = f"""
import resource, sys
sys.path[:0] = {[str(Path(__file__).parents[2])]!r}
from tests.files.test_lmdb_writer import Path, UserError, build
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    build(Path({str(tmp_path / "a.lmdb")!r}))
except UserError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "a.lmdb.partial failed" in done.stdout
    assert "run the same command again" in done.stdout
    build(tmp_path / "a.lmdb")
    assert contents(tmp_path / "a.lmdb") == RECORDS | {"length": b"120"}


@pytest.mark.parametrize("place", ["end", "first page", "leaf"])
def test_a_damaged_unfinished_build_is_refused_before_it_can_crash(tmp_path, place):
    build(tmp_path / "a.lmdb", stop_at=100)
    file = tmp_path / "a.lmdb.partial" / "data.mdb"
    if place == "end":
        os.truncate(file, file.stat().st_size - 4096)
    else:
        leaf = next(n for n in range(2, 99) if file.read_bytes()[4096 * n + 10] == 2)
        page = 0 if place == "first page" else leaf
        with file.open("rb+") as damaged:
            damaged.seek(4096 * page)
            damaged.write(bytes(4096))
    with pytest.raises(UserError, match="is damaged.*delete .*partial to start again"):
        build(tmp_path / "a.lmdb")
