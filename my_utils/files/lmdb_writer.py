"""Writes an LMDB that is either complete under its final name or not there at all.

Building one takes hours for 70 000 photographs, so a build that was interrupted goes on where it
stopped when the same command is run again. Until it is finished it lives in `<path>.partial`.
"""

import contextlib
import fcntl
import mmap
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import lmdb

from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path, remove_partial_files
from my_utils.files.lmdb_file import LmdbFile

INITIAL_MAP_SIZE = 64 * 2**20  # bytes; doubled whenever it is full


class LmdbWriter:
    """Context manager that collects records, commits them in batches and renames at the end.

        with LmdbWriter(path, recipe="sizes 64,256") as writer:
            if "256-00000" not in writer:
                writer.put("256-00000", png_bytes)
            writer.finish(length=1)

    Leaving the block without `finish` keeps the committed records for the next run. An interrupted
    build ends with the same records as an uninterrupted one; records put in the same order make
    the same file.

    Args:
        path: folder of the finished LMDB.
        recipe: one line naming the options that decide the content; an unfinished build with
            another recipe is not continued.
        records_per_commit: what a kill can lose.

    Raises:
        UserError: the LMDB exists already, is being written by another process, was begun with
            another recipe, is damaged, or cannot be written.
    """

    _environment: lmdb.Environment  # of the unfinished LMDB, from entering on

    def __init__(self, path: Path, *, recipe: str = "", records_per_commit: int = 256):
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + ".partial")
        self.recipe = recipe
        self.records_per_commit = records_per_commit
        self._pending: dict[bytes, bytes] = {}
        self._lock = -1

    def __enter__(self) -> "LmdbWriter":
        if self.path.exists():
            raise UserError(f"{self.path} exists already: delete it or choose another output")
        self.partial.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.partial, os.O_RDONLY)
        try:
            self._claim()
            self._check()
            with self._writing():
                self._environment = lmdb.open(
                    str(self.partial), map_size=INITIAL_MAP_SIZE, readahead=False, lock=False
                )
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._pending.clear()
        self._environment.close()
        os.close(self._lock)

    def __contains__(self, key: str) -> bool:
        return self._stored(key.encode()) is not None

    def put(self, key: str, value: bytes) -> None:
        """Add one record."""
        self.put_all({key: value})

    def put_all(self, records: Mapping[str, bytes]) -> None:
        """Add records of which a kill leaves all or none; those stored before are only compared."""
        for key, value in records.items():
            stored = self._stored(key.encode())
            if stored is None:
                self._pending[key.encode()] = value
            elif stored != value:
                raise UserError(
                    f"record {key} of the unfinished {self.partial} has another content now: the "
                    "input has changed or holds it twice; delete that folder to start again"
                )
        if len(self._pending) >= self.records_per_commit:
            self._commit()

    def finish(self, length: int, about: Mapping[str, bytes] | None = None) -> None:
        """Write records `about` it and `length`, the number of ids, and give the LMDB its name."""
        self._commit()
        self._pending |= {key.encode(): value for key, value in (about or {}).items()}
        self._pending[b"length"] = str(length).encode()
        self._commit()
        self._environment.close()
        os.replace(self.partial, self.path)
        (self.path / self._recipe_file.name).unlink()  # last: an unfinished build always has one
        _sync_folder(self.path.parent)

    @property
    def _recipe_file(self) -> Path:
        return self.partial / "recipe.txt"

    def _claim(self) -> None:
        """Take the folder's lock, which the kernel frees when a process dies, and its recipe."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another process is writing {self.partial}: wait for it") from None
        remove_partial_files(self.partial)
        if not self._recipe_file.exists():
            with atomic_path(self._recipe_file) as temporary:
                temporary.write_text(self.recipe)
        elif (begun := self._recipe_file.read_text()) != self.recipe:
            raise UserError(
                f"{self.partial} was begun with other options ({begun}, now {self.recipe}); "
                "repeat those options, or delete that folder to start again"
            )

    def _check(self) -> None:
        """Refuse an unfinished LMDB in which the lmdb package might crash, as after a bad copy."""
        file = self.partial / "data.mdb"
        if not file.exists():
            return
        if file.stat().st_size < 2 * mmap.PAGESIZE:  # the disk was full before the first record
            file.unlink()
            return
        try:
            unfinished = LmdbFile(file)
            unfinished.keys()
            unfinished.close()
        except (OSError, ValueError) as error:
            raise UserError(
                f"{file} is damaged ({error}): delete {self.partial} to start again"
            ) from None

    def _stored(self, key: bytes) -> bytes | None:
        if key in self._pending:
            return self._pending[key]
        with self._environment.begin() as transaction:
            return transaction.get(key)

    def _commit(self) -> None:
        """Store the pending records in one transaction, with a larger map where they need it."""
        while self._pending:
            with self._writing():
                try:
                    with self._environment.begin(write=True) as transaction:
                        for key, value in self._pending.items():
                            transaction.put(key, value)
                    self._pending.clear()
                except lmdb.MapFullError:
                    self._environment.set_mapsize(2 * self._environment.info()["map_size"])

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except lmdb.Error as error:
            raise UserError(
                f"writing {self.partial} failed ({error}); if the disk is full, free some space "
                "and run the same command again, it goes on from here"
            ) from None


def _sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
