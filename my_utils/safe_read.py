"""Reads files of strangers without running anything in them: pickles, NumPy and torch files.

This is the project's only unpickler. It gives out nothing but inert stand-ins, and whatever goes
wrong while reading becomes one sentence that names the file.
"""

import contextlib
import gc
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import scipy.io

from my_utils.errors import UserError
from my_utils.pickle_stand_ins import resolve, stand_in


class _RestrictedUnpickler(pickle.Unpickler):
    """Knows the names that array data needs, as inert stand-ins, and refuses all others."""

    def __init__(self, file: IO[bytes], path: Path, storages: "_TorchStorages | None" = None):
        # latin1 keeps the bytes of Python 2 strings, in which NumPy data of that time is stored.
        super().__init__(file, encoding="latin1")
        self.path = path
        self.storages = storages

    def find_class(self, module: str, name: str) -> Callable:
        kind = stand_in(module, name)
        if kind is None:
            raise UserError(
                f"{self.path} is refused and nothing in it was executed: it asks for "
                f"{module}.{name}, which array data never needs"
            )
        return kind

    def persistent_load(self, identifier: tuple) -> np.ndarray:
        if self.storages is None:
            raise ValueError("it refers to data outside of itself")
        return self.storages.read(identifier)


class _TorchStorages:
    """The numbers of the tensors in a file of torch.save: one member of the archive for each."""

    def __init__(self, archive: zipfile.ZipFile, folder: str):
        # torch does not compress; a compressed member may hold far more than the file.
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("it is compressed, which torch.save never does")
        byte_order = f"{folder}byteorder"  # missing in older files
        if byte_order in archive.namelist() and archive.read(byte_order) != b"little":
            raise ValueError("its numbers are not in little-endian order")
        self.archive, self.folder = archive, folder
        self.loaded: dict[str, np.ndarray] = {}  # tensors may share numbers

    def read(self, identifier: tuple) -> np.ndarray:
        """The storage that a pickle names: ("storage", type, member, device, length)."""
        _, kind, key, _, length = identifier
        if key not in self.loaded:
            data = self.archive.read(f"{self.folder}data/{key}")
            self.loaded[key] = np.frombuffer(data, kind.dtype)
        numbers = self.loaded[key]
        if numbers.dtype != kind.dtype or len(numbers) != length:
            raise ValueError(f"its member data/{key} is not {length} numbers of {kind.dtype}")
        return numbers


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
    """Read a file of a stranger that may hold objects, without running any code.

    Pickles, .npy, .npz, .mat and what torch.save writes are told apart by their first bytes.
    Containers, numbers and text come as they are; NumPy arrays, SciPy matrices (dense) and torch
    tensors come as NumPy arrays, chumpy objects as something `numpy.asarray` understands. A
    dictionary saved with numpy.save comes as that dictionary, an archive as one of its arrays.

    Raises:
        UserError: the file is missing, damaged, or names anything that is not array data.
    """
    path = Path(path)
    with reading(path), path.open("rb") as file:
        head = file.read(6)
        file.seek(0)
        if head.startswith(b"PK"):
            return _read_archive(file, path)
        if head == b"\x93NUMPY":
            return _read_npy(file, path)
        if head == b"MATLAB":
            fields = scipy.io.loadmat(file)
            return {name: value for name, value in fields.items() if not name.startswith("__")}
        return _unpickle(file, path)


def _read_archive(file: IO[bytes], path: Path) -> object:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        for name in names:
            if name.endswith("/data.pkl"):
                storages = _TorchStorages(archive, name.removesuffix("data.pkl"))
                with archive.open(name) as member:
                    return _unpickle(member, path, storages)
        arrays = {}
        for name in names:
            with archive.open(name) as member:
                arrays[name.removesuffix(".npy")] = _read_npy(member, path)
        return arrays


def _read_npy(file: IO[bytes], path: Path) -> object:
    _, _, dtype = npy_header(file)
    if dtype.hasobject:
        array = np.asarray(_unpickle(file, path))
        return array.item() if array.shape == () else array
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _unpickle(file: IO[bytes], path: Path, storages: _TorchStorages | None = None) -> object:
    # The parameters of 70 000 faces are a million small objects; collecting garbage among them
    # doubles the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return resolve(_RestrictedUnpickler(file, path, storages).load())
    finally:
        if was_enabled:
            gc.enable()


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, column-major order and type of the NumPy array that follows in the file."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)
