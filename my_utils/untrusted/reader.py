"""Reads files of others without running anything in them: pickles, NumPy, MATLAB and torch files.

Only inert stand-ins are made of what a pickle names. What damaged files make their readers raise
becomes one sentence that names the file. A forged file may still exhaust the memory.
"""

import contextlib
import csv
import gc
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from my_utils.errors import UserError
from my_utils.untrusted.stand_ins import RefusedError, plain, unpickle
from my_utils.untrusted.text import shown

DAMAGE = (  # what readers raise for damaged files, and seldom for a mistake of ours
    *(OSError, EOFError, ValueError, OverflowError, MemoryError, RecursionError),
    *(NotImplementedError, zipfile.BadZipFile, zlib.error, struct.error, csv.Error),
)
REASONS = {
    RecursionError: "it is nested too deeply",
    MemoryError: "it asks for more memory than there is",
}


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what damage of the file `path` raises into one sentence that names it."""
    try:
        check_is_file(path)
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except RefusedError as error:
        raise UserError(f"{path} is refused and nothing in it was executed: {error}") from error
    except DAMAGE as error:
        reason = REASONS.get(type(error)) or shown(error) or type(error).__name__
        raise UserError(f"{path} is incomplete, damaged or of another kind: {reason}") from error


def check_is_file(path: Path) -> None:
    """UserError where `path` is no file, or only the pointer to one."""
    if not stat.S_ISREG(path.stat().st_mode):  # to read a device may never end
        raise UserError(f"{path} is a folder or a device, not a file")
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"version https://git-lfs"):
        raise UserError(
            f"{path} is a Git LFS pointer, not the file itself: run `git lfs pull` where it "
            "came from, or download the file"
        )


def restricted_load(path: Path) -> Any:
    """Read a file that may hold objects, without running any code.

    Pickles, .npy, .npz, .mat and what torch.save writes are told apart by their first bytes.
    Containers, numbers and text come as they are; NumPy arrays, SciPy matrices (dense) and torch
    tensors come as NumPy arrays, chumpy objects as something `numpy.asarray` understands. A
    dictionary saved with numpy.save comes as that dictionary, an archive as one of its arrays.

    Raises:
        UserError: the file is missing, damaged, or names anything that is not array data.
    """
    path = Path(path)
    with reading(path), path.open("rb") as file, _no_garbage_collection():
        head = file.read(16)
        file.seek(0)
        if head.startswith(b"PK"):
            with zipfile.ZipFile(file) as archive:
                if not any(name.endswith("/data.pkl") for name in archive.namelist()):
                    return {
                        name.removesuffix(".npy"): _read_member(archive, name)
                        for name in archive.namelist()
                    }
            return _read_torch(path)
        if head.startswith(b"\x93NUMPY"):
            return _read_npy(file)
        if head.startswith(b"MATLAB"):
            return _read_matlab(path)
        if head.startswith(b"\x80\x02\x8a\x0a"):  # torch's magic number, before torch 1.6
            return _read_torch(path)
        return unpickle(file)


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    # The parameters of 70 000 faces are a million small objects; collecting garbage among them
    # doubles the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read_member(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as file:
        return _read_npy(file)


def _read_npy(file: IO[bytes]) -> Any:
    _, _, dtype = npy_header(file)
    if dtype.hasobject:
        array = np.asarray(unpickle(file), dtype=object)
        return array.item() if array.shape == () else array
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, column-major order and type of the NumPy array that follows in the file."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def _read_matlab(path: Path) -> dict[str, np.ndarray]:
    import scipy.io

    return {
        name: array for name, array in scipy.io.loadmat(path).items() if not name.startswith("__")
    }


def _read_torch(path: Path) -> Any:
    from my_utils.untrusted.torch_file import load_torch

    return plain(load_torch(path))
