"""Reads pictures from the LMDBs of photographs and renderings, safely in any process.

An LMDB must not be used across a fork, not be opened twice in a process, and a truncated one kills
its reader without a word; all three are dealt with here, once.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import lmdb
import numpy as np

from constants import LMDB_SIZES
from my_utils.errors import UserError
from my_utils.image_codec import decode_image
from my_utils.safe_read import reading

NORMAL_MAP = "norm_map_"  # key prefix; photographs and textured renderings have none

# The environments of this process by device and inode of the file: LMDB allows one each.
_open_environments: dict[tuple[int, int], tuple[int, lmdb.Environment]] = {}


class RecordError(ValueError):
    """A picture is missing from an LMDB or cannot be decoded."""


def image_key(size: int, face_id: int, prefix: str = "") -> str:
    """The key of a picture, as in the published LMDBs: 256-00017, norm_map_256-00017."""
    return f"{prefix}{size}-{face_id:05d}"


class LmdbImages:
    """An LMDB of encoded square pictures, opened when first used in each process.

    Args:
        path: its folder.
        made_by: the command that builds it, for error messages.

    Raises:
        UserError: (when first used) there is no LMDB, or a part of its file is missing.
    """

    def __init__(self, path: Path, *, made_by: str = "its prepare_lmdb script"):
        self.path = Path(path)
        self.made_by = made_by
        self._pid = 0
        self._environment: lmdb.Environment | None = None

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_pid": 0, "_environment": None}

    def get(self, key: str, *, size: int | None = None) -> np.ndarray:
        """One picture, uint8 [size, size, 3]; RecordError if missing, broken or wrong-sized."""
        try:
            with self._begin() as transaction:
                data = transaction.get(key.encode())
        except lmdb.Error as error:
            raise RecordError(f"record {key} of {self.path} cannot be found ({error})") from error
        if data is None:
            raise RecordError(f"{self.path} has no record {key}")
        try:
            return decode_image(data, expected_size=size)
        except ValueError as error:
            raise RecordError(f"record {key} of {self.path} is {error}") from error

    @property
    def length(self) -> int:
        """The number of ids that the LMDB says it holds."""
        with self._listing() as transaction:
            return int(transaction.get(b"length", b"0"))

    def sizes(self, prefix: str = "") -> list[int]:
        """The picture sizes there are, in pixels, ascending."""
        with self._listing() as transaction, transaction.cursor() as cursor:
            starts = {size: f"{prefix}{size}-".encode() for size in LMDB_SIZES}
            return [
                size
                for size, start in starts.items()
                if cursor.set_range(start) and cursor.key().startswith(start)
            ]

    def ids(self, size: int, prefix: str = "") -> np.ndarray:
        """The ids that have a picture of this size: int64, ascending."""
        start = f"{prefix}{size}-".encode()
        ids = []
        with self._listing() as transaction, transaction.cursor() as cursor:
            if cursor.set_range(start):
                for key in cursor.iternext(keys=True, values=False):
                    if not key.startswith(start):
                        break
                    ids.append(int(key[len(start) :]))
        return np.sort(np.array(ids, dtype=np.int64))

    @contextlib.contextmanager
    def _listing(self) -> Iterator["lmdb.Transaction[bytes]"]:
        """Where a damaged LMDB is an error, not one picture less."""
        with self._begin() as transaction, reading(self.path / "data.mdb"):
            yield transaction

    def _begin(self) -> "lmdb.Transaction[bytes]":
        if self._environment is None or self._pid != os.getpid():
            self._environment = _open_environment(self.path, self.made_by)
            self._pid = os.getpid()
        return self._environment.begin()


def _open_environment(path: Path, made_by: str) -> lmdb.Environment:
    """This process's environment for an LMDB folder, checked to be complete."""
    file = path / "data.mdb"
    if not file.exists():
        raise UserError(f"there is no LMDB in {path}: make it with {made_by}")
    status = file.stat()
    key = (status.st_dev, status.st_ino)
    if key in _open_environments:
        pid, environment = _open_environments[key]
        if pid == os.getpid():
            return environment
        environment.close()  # inherited by a fork; this copy must go before a new one is opened
    try:
        environment = lmdb.open(str(path), readonly=True, lock=False, readahead=False)
        needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    except lmdb.Error as error:
        raise UserError(f"{path} is not a usable LMDB ({error}): make it with {made_by}") from None
    if needed > status.st_size:
        environment.close()
        raise UserError(
            f"{file} is truncated, it has {status.st_size} of {needed} bytes: copy it again or "
            f"make it with {made_by}"
        )
    _open_environments[key] = (os.getpid(), environment)
    return environment
