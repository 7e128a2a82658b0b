"""Reads pictures from the LMDBs of photographs and renderings, in any process."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from constants import LMDB_SIZES
from my_utils.errors import UserError
from my_utils.files.image_codec import decode_image
from my_utils.files.lmdb_file import LmdbFile, open_lmdb

NORMAL_MAP = "norm_map_"  # key prefix; photographs and textured renderings have none


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

    def __getstate__(self) -> dict:
        return {"path": self.path, "made_by": self.made_by}

    def get(self, key: str, *, size: int | None = None) -> np.ndarray:
        """One picture, uint8 [size, size, 3]; RecordError if missing, broken or wrong-sized."""
        try:
            data = self._file.get(key.encode())
        except (OSError, ValueError) as error:
            raise RecordError(f"record {key} of {self.path} cannot be read ({error})") from error
        if data is None:
            raise RecordError(f"{self.path} has no record {key}")
        try:
            return decode_image(data, expected_size=size)
        except ValueError as error:
            raise RecordError(f"record {key} of {self.path} is {error}") from error

    def record(self, key: str) -> bytes | None:
        """What is stored under a key that is no picture's; None where there is nothing."""
        with self._listing() as file:
            return file.get(key.encode())

    @property
    def length(self) -> int:
        """The number of ids that the LMDB says it holds."""
        with self._listing() as file:
            return int(file.get(b"length") or 0)

    def sizes(self, prefix: str = "") -> list[int]:
        """The picture sizes there are, in pixels, ascending."""
        with self._listing() as file:
            return [n for n in LMDB_SIZES if file.keys(f"{prefix}{n}-".encode(), limit=1)]

    def ids(self, size: int, prefix: str = "") -> np.ndarray:
        """The ids that have a picture of this size: int64, ascending."""
        start = f"{prefix}{size}-".encode()
        with self._listing() as file:
            ids = [int(key[len(start) :]) for key in file.keys(start)]
            return np.sort(np.array(ids, dtype=np.int64))

    @contextlib.contextmanager
    def _listing(self) -> Iterator[LmdbFile]:
        """Where a damaged LMDB is an error, not one picture less."""
        try:
            yield self._file
        except (OSError, ValueError, OverflowError) as error:
            raise self._unusable(error) from error

    @functools.cached_property
    def _file(self) -> LmdbFile:
        path = self.path / "data.mdb"
        if not path.exists():
            raise UserError(f"there is no LMDB in {self.path}: make it with {self.made_by}")
        try:
            return open_lmdb(path)
        except (OSError, ValueError, UserError) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> UserError:
        return UserError(
            f"{self.path} is not a usable LMDB ({error}): copy it again or make it with "
            f"{self.made_by}"
        )
