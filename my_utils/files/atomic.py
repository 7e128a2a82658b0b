"""Files appear whole or not at all, and are known by their digest."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it to `path` once the block has succeeded.

    The bytes are on the disk before the name is, and after a failure neither file exists. What a
    killed process leaves behind is removed by `remove_partial_files`.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with writing(path, temporary):
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def writing(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Give an OSError the file that is written: one of a full disk names none, or the temporary."""
    try:
        yield
    except OSError as error:
        if error.filename in (None, temporary, str(temporary)):
            error.filename, error.filename2 = str(path), None
        raise


def remove_partial_files(folder: Path) -> None:
    """Remove what killed processes left of unfinished files: for the only writer of a folder."""
    for path in folder.glob(".*.partial"):
        path.unlink()


def file_sha256(path: Path) -> str:
    """The digest of a file, however large: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
