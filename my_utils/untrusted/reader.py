"""Reads files of strangers without running anything in them: pickles, NumPy and torch files.

Only inert stand-ins are made of what a pickle names, and no file takes more memory than its size
explains. Whatever goes wrong while reading becomes one sentence that names the file.
"""

import contextlib
import gc
import math
import stat
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from my_utils.errors import UserError
from my_utils.untrusted.allowance import Allowance
from my_utils.untrusted.matlab_file import read_matlab
from my_utils.untrusted.pickle_machine import PickleMachine
from my_utils.untrusted.stand_ins import RefusedError, Resolver
from my_utils.untrusted.text import shown
from my_utils.untrusted.torch_file import is_old_torch, read_old_torch, read_torch_archive


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn every way in which reading `path` can fail into one sentence that names it."""
    try:
        _check_is_file(path)
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except RefusedError as error:
        raise UserError(f"{path} is refused and nothing in it was executed: {error}") from error
    except Exception as error:  # damaged files make the readers raise nearly anything
        reasons = {
            RecursionError: "it is nested too deeply",
            MemoryError: "it asks for more memory than there is",
        }
        reason = reasons.get(type(error)) or shown(error) or type(error).__name__
        raise UserError(f"{path} is incomplete, damaged or of another kind: {reason}") from error


def _check_is_file(path: Path) -> None:
    if not stat.S_ISREG(path.stat().st_mode):  # to read a device may never end
        raise UserError(f"{path} is a folder or a device, not a file")
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"version https://git-lfs"):
        raise UserError(
            f"{path} is a Git LFS pointer, not the file itself: run `git lfs pull` where it "
            "came from, or download the file"
        )


def restricted_load(path: Path, only: Collection[str] | None = None) -> object:
    """Read a file of a stranger that may hold objects, without running any code.

    Pickles, .npy, .npz, .mat and what torch.save writes are told apart by their first bytes.
    Containers, numbers and text come as they are; NumPy arrays, SciPy matrices (dense) and torch
    tensors come as NumPy arrays, chumpy objects as something `numpy.asarray` understands. A
    dictionary saved with numpy.save comes as that dictionary, an archive as one of its arrays.

    Args:
        only: entries of the dictionary in a pickle or torch file that are wanted; the others are
            not looked at.

    Raises:
        UserError: the file is missing, damaged, or names anything that is not array data.
    """
    path = Path(path)
    with reading(path), path.open("rb") as file, _no_garbage_collection():
        size = path.stat().st_size
        allowance = Allowance(size)
        head = file.read(16)
        file.seek(0)
        if head.startswith(b"PK"):
            with open_archive(file, allowance) as archive:
                return _read_archive(archive, allowance, only)
        if head.startswith(b"\x93NUMPY"):
            return _read_npy(file, size, allowance)
        if head.startswith(b"MATLAB"):
            return read_matlab(file.read(), allowance)
        if is_old_torch(head):
            return _resolve(read_old_torch(file.read(), allowance), allowance, only)
        return _unpickle(file.read(), allowance, only)


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


def open_archive(file: IO[bytes] | Path, allowance: Allowance) -> zipfile.ZipFile:
    """A zip archive whose members are plain, each there once, and fit into the allowance together.

    What they say of their size holds: the reader stops there.
    """
    archive = zipfile.ZipFile(file)
    members = archive.infolist()
    if len({member.filename for member in members}) < len(members):
        raise ValueError("it has two members of one name")
    if not {member.compress_type for member in members} <= {
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
    }:
        raise ValueError("it is compressed as NumPy and torch never do")
    allowance.take(sum(member.file_size for member in members))
    return archive


def _read_archive(
    archive: zipfile.ZipFile, allowance: Allowance, only: Collection[str] | None
) -> object:
    for member in archive.infolist():
        if member.filename.endswith("/data.pkl"):
            content = read_torch_archive(archive, member.filename, allowance)
            return _resolve(content, allowance, only)
    arrays = {}
    for member in archive.infolist():
        with archive.open(member) as file:
            name = member.filename.removesuffix(".npy")
            arrays[name] = _read_npy(file, member.file_size, allowance)
    return arrays


def _read_npy(file: IO[bytes], size: int, allowance: Allowance) -> object:
    _, _, dtype = npy_header(file)
    if dtype.hasobject:
        array = np.asarray(_unpickle(file.read(), allowance))
        return array.item() if array.shape == () else array
    file.seek(0)
    return read_plain_npy(file, size)


def read_plain_npy(file: IO[bytes], size: int) -> np.ndarray:
    """The array of numbers or text in an open .npy file of so many bytes.

    Raises:
        ValueError: it holds objects, or is larger than the file.
    """
    shape, _, dtype = npy_header(file)
    # Of text without letters, an array of any size takes no byte.
    if dtype.itemsize == 0 or not 0 <= math.prod(shape) * dtype.itemsize <= size:
        raise ValueError(f"its array {shape} of {dtype} is larger than the file")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def as_numbers(value: object) -> np.ndarray:
    """What a file of a stranger holds in place of an array, as one; ValueError for a list of text.

    In an array of text, every item has the room of the longest.
    """
    if isinstance(value, (list, tuple)) and _holds_text(value):
        raise ValueError("there is text where numbers should be")
    return np.asarray(value)


def _holds_text(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_text, value))
    return isinstance(value, (str, bytes))


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, column-major order and type of the NumPy array that follows in the file."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def _unpickle(data: bytes, allowance: Allowance, only: Collection[str] | None = None) -> object:
    def refuse(identifier: object) -> None:
        raise ValueError("it refers to data outside of itself")

    return _resolve(PickleMachine(data, refuse, allowance).run(), allowance, only)


def _resolve(content: object, allowance: Allowance, only: Collection[str] | None) -> object:
    if only is not None:
        if not isinstance(content, dict):
            raise ValueError("it does not hold a dictionary")
        if missing := [name for name in only if name not in content]:
            raise ValueError(f"it lacks {missing[0]!r}")
        content = {name: content[name] for name in only}
    return Resolver(allowance, read_old_torch)(content)
