"""Every parser is given files that are almost as they should be, and files that are not at all.

Whatever comes, it is read or answered by the errors that the parser documents: nothing else is
raised, no input takes for ever, and neither memory nor the number of open files grows. The slow
suite gives 2,000 inputs to each of 48 parsers, 300 to each of the 9 that take longest, and 20,000
programs to the pickle machine: 118,700 inputs. The fast suite gives a few to each.
"""

import ctypes
import gc
import io
import os
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.io
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from PIL import Image

from my_utils.data.lmdb_images import RecordError
from my_utils.errors import UserError
from my_utils.files.image_codec import decode_image
from my_utils.untrusted.reader import restricted_load
from tests.support.array_trees import TREE, same
from tests.support.file_readers import READER_NAMES, file_readers
from tests.support.hostile_files import hostile_arrays, hostile_pickles, hostile_texts
from tests.support.mutations import Donors, almost, programs

EXPENSIVE = (  # tens of milliseconds for each input
    "FLAME model",
    "landmark embedding",
    "texture space",
    "exported generator",
    "training state to draw with",
    "released checkpoint",
    "old released checkpoint",
    "released checkpoint to resume",
    "progress of a released checkpoint",
)
PICTURES = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
OBJECTS = ("pickle 0", "pickle 2", "pickle 5", "npy", "npz", "torch", "older torch", "mat", "zmat")
PROGRAMS = "pickle programs"
PARSERS = (*READER_NAMES, *PICTURES, *OBJECTS, PROGRAMS)
SLOW_COUNTS = {name: 300 if name in EXPENSIVE else 2000 for name in PARSERS} | {PROGRAMS: 20_000}
FAST_COUNTS = {name: 2 if name in EXPENSIVE else 8 for name in PARSERS} | {PROGRAMS: 200}
ROUND = 50  # inputs of one run of Hypothesis, which remembers what it has drawn
SECONDS = 60  # after which an input counts as one that hangs
MOST_GROWTH = 16  # megabytes, which allocators may keep back


class Parser(NamedTuple):
    """What reads a file, and what it is given."""

    read: Callable[[bytes], object]
    inputs: st.SearchStrategy[bytes]
    errors: tuple[type[Exception], ...] = (UserError,)


@pytest.fixture(scope="module")
def parsers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    hostile = hostile_pickles(folder) | hostile_arrays(folder) | hostile_texts()
    donors = Donors([content for content in hostile.values() if len(content) < 4000])
    path = folder / "any"

    def read_any(content: bytes) -> object:
        path.write_bytes(content)
        return restricted_load(path)

    found = {}
    for name, reader in file_readers(folder).items():
        whole = reader.path.read_bytes()
        errors = (UserError, RecordError) if name == "LMDB" else (UserError,)
        found[name] = Parser(reading_with(reader), almost(whole, donors), errors)
    for name in PICTURES:
        found[name] = Parser(decode_image, almost(picture(name), donors), (ValueError,))
    for name, whole in objects().items():
        found[name] = Parser(read_any, almost(whole, donors))
    found[PROGRAMS] = Parser(read_any, programs())
    return found


def reading_with(reader) -> Callable[[bytes], object]:
    """The file as it was is put back, because other parsers read it too."""
    whole = reader.path.read_bytes()

    def read(content: bytes) -> object:
        reader.write(content)
        try:
            return reader.read()
        finally:
            reader.write(whole)

    return read


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    options: dict[str, Any] = {"progressive": True} if kind == "JPEG" else {}
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def objects() -> dict[str, bytes]:
    """Array data in every container that the restricted reader knows."""
    files = {f"pickle {protocol}": pickle.dumps(TREE, protocol) for protocol in (0, 2, 5)}
    tensors = {"a": torch.arange(12.0).reshape(3, 4)[:, 1:], "b": [torch.arange(3)]}
    for name, save in {
        "npy": lambda file: np.save(file, TREE, allow_pickle=True),
        "npz": lambda file: np.savez_compressed(file, a=np.arange(3), b=np.array("text"), c=TREE),
        "torch": lambda file: torch.save(tensors, file),
        "older torch": lambda file: torch.save(tensors, file, _use_new_zipfile_serialization=False),
        "mat": lambda file: scipy.io.savemat(file, {"a": np.eye(3), "b": "text"}),
        "zmat": lambda file: scipy.io.savemat(file, {"a": np.eye(3)}, do_compression=True),
    }.items():
        file = io.BytesIO()
        save(file)
        files[name] = file.getvalue()
    return files


class Hang(BaseException):
    """An input takes for ever; no `except Exception` of a parser may hide it."""


@contextmanager
def time_limit() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def give(parser: Parser, count: int) -> None:
    """Give so many inputs to a parser, of which each must be answered as documented."""
    for start in range(0, count, ROUND):

        @seed(start)
        @settings(
            max_examples=min(ROUND, count - start),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(parser.inputs)
        def one_round(content: bytes) -> None:
            with time_limit():
                try:
                    parser.read(content)
                except parser.errors as error:
                    assert "\n" not in str(error)

        one_round()
        gc.collect()  # Hypothesis leaves inputs, of megabytes, in cycles


def megabytes() -> float:
    """Resident, without what only waits for its next use."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_counts_are_as_the_docstring_says(parsers):
    assert tuple(parsers) == PARSERS
    assert len(PARSERS) == 58 and len(EXPENSIVE) == 9
    assert sum(SLOW_COUNTS.values()) == 118_700


@pytest.mark.parametrize("name", PARSERS)
def test_a_few_files_are_read_or_answered_in_a_sentence(parsers, name):
    give(parsers[name], FAST_COUNTS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.filterwarnings("ignore")
def test_many_files_are_read_or_answered_and_nothing_grows(parsers, name):
    give(parsers[name], ROUND)  # what is imported and kept once is there now
    before, files = megabytes(), open_files()
    give(parsers[name], SLOW_COUNTS[name])
    assert megabytes() - before < MOST_GROWTH
    assert open_files() == files


# --- what is read is what Python's own readers read ----------------------------------------------

NUMBERS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary()
)
TREES = st.recursive(
    NUMBERS | st_numpy.arrays(st.sampled_from(("f4", ">i2", "?", "S3", "U2")), (2, 3)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers(-(2**40), 2**40), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, database=None, derandomize=True, max_examples=150)
@given(tree=TREES, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_pickles_come_as_they_were(tmp_path_factory, tree, protocol):
    path = tmp_path_factory.getbasetemp() / "tree.pkl"
    path.write_bytes(pickle.dumps(tree, protocol))
    assert same(restricted_load(path), tree)


@settings(deadline=None, database=None, derandomize=True, max_examples=100)
@given(
    array=st_numpy.arrays(
        st.sampled_from(("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "U5")),
        st_numpy.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=3),
        elements={"allow_nan": False},
    ).filter(lambda array: array.dtype.kind != "U" or "\0" not in "".join(array.ravel())),
    compressed=st.booleans(),
)
def test_arrays_of_matlab_come_as_scipy_reads_them(tmp_path_factory, array, compressed):
    path = tmp_path_factory.getbasetemp() / "arrays.mat"
    scipy.io.savemat(path, {"shape": array}, do_compression=compressed)
    expected = scipy.io.loadmat(path)["shape"]
    if array.dtype.kind != "U":
        assert same(restricted_load(path)["shape"], expected)
