"""Reads files of strangers without running anything in them: pickles and NumPy object arrays.

This is the project's only unpickler. It gives out nothing but inert stand-ins, and whatever goes
wrong while reading becomes one sentence that names the file.
"""

import contextlib
import gc
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from my_utils.errors import UserError
from my_utils.pickle_stand_ins import resolve, stand_in


class _RestrictedUnpickler(pickle.Unpickler):
    """Knows the names that array data needs, as inert stand-ins, and refuses all others."""

    def __init__(self, file: BinaryIO, path: Path):
        # latin1 keeps the bytes of Python 2 strings, in which NumPy data of that time is stored.
        super().__init__(file, encoding="latin1")
        self.path = path

    def find_class(self, module: str, name: str) -> type:
        kind = stand_in(module, name)
        if kind is None:
            raise UserError(
                f"{self.path} is refused and nothing in it was executed: it asks for "
                f"{module}.{name}, which array data never needs"
            )
        return kind


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn every way in which reading `path` can fail into one sentence that names it."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
        if head.startswith(b"version https://git-lfs"):
            raise UserError(
                f"{path} is a Git LFS pointer, not the file itself: run `git lfs pull` where it "
                "came from, or download the file"
            )
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except Exception as error:  # damaged files make the readers raise nearly anything
        reason = str(error) or type(error).__name__
        raise UserError(f"{path} is incomplete, damaged or of another kind: {reason}") from error


def restricted_load(path: Path) -> object:
    """Read a pickle (.pkl) or NumPy file (.npy) that may hold objects, without running any code.

    Containers, numbers and text come as they are; NumPy arrays, SciPy matrices (dense) and torch
    tensors come as NumPy arrays, chumpy objects as something `numpy.asarray` understands. A
    dictionary saved with numpy.save comes as that dictionary.

    Raises:
        UserError: the file is missing, damaged, or names anything that is not array data.
    """
    path = Path(path)
    with reading(path), path.open("rb") as file:
        if path.suffix != ".npy":
            return _unpickle(file, path)
        _, _, dtype = npy_header(file)
        if not dtype.hasobject:
            return np.load(path, allow_pickle=False)
        array = np.asarray(_unpickle(file, path))
        return array.item() if array.shape == () else array


def _unpickle(file: BinaryIO, path: Path) -> object:
    # The parameters of 70 000 faces are a million small objects; collecting garbage among them
    # doubles the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return resolve(_RestrictedUnpickler(file, path).load())
    finally:
        if was_enabled:
            gc.enable()


def npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, column-major order and type of the NumPy array that follows in the file."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)
