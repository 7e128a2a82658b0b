"""Finished LMDBs, opened for reading by the lmdb package, which maps them into memory.

The package opens a file once in a process, and what it has opened must not be used after a fork.
So those who read one file share it, and it is closed before a fork and opened again when needed.
"""

import os
import threading
from pathlib import Path
from weakref import WeakValueDictionary

import lmdb

from my_utils.untrusted.reader import check_is_file

_lock = threading.RLock()  # so that no fork falls into the middle of a reading


class LmdbFile:
    """The records of a finished LMDB, for any number of threads and processes.

    Raises:
        ValueError: (here and when reading) the file is damaged or truncated, or no LMDB.
        OSError: (likewise) it cannot be read.
    """

    def __init__(self, path: Path):
        self._path = path  # of its data.mdb
        self._environment: lmdb.Environment | None = None
        with _lock:
            self._open()

    def get(self, key: bytes) -> bytes | None:
        """The value of a key; None where there is none."""
        with _lock:
            try:
                with self._open().begin() as transaction:
                    return transaction.get(key)
            except lmdb.Error as error:
                raise ValueError(str(error)) from error

    def keys(self, prefix: bytes = b"", *, limit: int | None = None) -> list[bytes]:
        """The keys that begin so, ascending, or the first `limit` of them."""
        found: list[bytes] = []
        with _lock:
            try:
                with self._open().begin() as transaction, transaction.cursor() as cursor:
                    cursor.set_range(prefix)
                    for key in cursor.iternext(keys=True, values=False):
                        if not key.startswith(prefix) or len(found) == limit:
                            break
                        found.append(key)
            except lmdb.Error as error:
                raise ValueError(str(error)) from error
        return found

    def close(self) -> None:
        """Close the file until it is read again."""
        if self._environment is not None:
            self._environment.close()
            self._environment = None

    def _open(self) -> lmdb.Environment:
        if self._environment is None:
            check_is_file(self._path)
            try:
                self._environment = lmdb.open(
                    str(self._path), subdir=False, readonly=True, lock=False, readahead=False
                )
            except lmdb.Error as error:
                raise ValueError(str(error)) from error
            pages = self._environment.info()["last_pgno"] + 1
            self._whole = pages * self._environment.stat()["psize"]
        if (size := self._path.stat().st_size) < self._whole:  # reading would end the process
            self.close()
            raise ValueError(f"it is truncated, {size} of {self._whole} bytes are there")
        return self._environment


_files: WeakValueDictionary[tuple[Path, int, int], LmdbFile] = WeakValueDictionary()


def open_lmdb(path: Path) -> LmdbFile:
    """The LMDB with this data.mdb, the same for all who ask while one of them has it."""
    state = path.stat()
    key = (path.resolve(), state.st_ino, state.st_size)
    with _lock:
        file = _files.get(key)
        if file is None:
            for (other, *_), replaced in list(_files.items()):
                if other == key[0]:
                    replaced.close()
            file = _files[key] = LmdbFile(path)
        return file


def _before_fork() -> None:
    _lock.acquire()
    for file in list(_files.values()):
        file.close()


os.register_at_fork(
    before=_before_fork, after_in_parent=_lock.release, after_in_child=_lock.release
)
