"""Named arrays of files from others: there, of the shape wanted, finite, with indices in range.

A check raises ValueError with half a sentence; `reader.reading` puts the file's name before it.
"""

from collections.abc import Container, Mapping
from pathlib import Path

import numpy as np

from my_utils.untrusted.reader import reading, restricted_load

Shape = tuple[int | None, ...]  # None fits any size


def read_fields(path: Path) -> Mapping:
    """The fields of a .npz archive, or of the dictionary in a pickle or .npy file."""
    fields = restricted_load(path)
    with reading(path):
        if not isinstance(fields, Mapping):
            raise ValueError("it does not hold a dictionary")
    return fields


def require(fields: Container[str], *names: str) -> None:
    """ValueError where one of these fields is missing."""
    if missing := [name for name in names if name not in fields]:
        raise ValueError(f"it has no field {missing[0]!r}")


def as_numbers(value: object, name: str) -> np.ndarray:
    """The field `name` of a file as an array; ValueError where it is none of numbers."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name!r} does not hold numbers: {error}") from error
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name!r} does not hold numbers")
    return array


@np.errstate(over="ignore")  # what float32 cannot hold becomes infinite, and is refused
def float_field(fields: Mapping, name: str, shape: Shape) -> np.ndarray:
    """A field of finite numbers, as float32."""
    array = _numbers(fields, name, shape).astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"{name!r} has numbers that are not finite")
    return array


def index_field(
    fields: Mapping, name: str, shape: Shape, *, first: int = 0, below: int | None = None
) -> np.ndarray:
    """A field of indices `first`, ... `below` - 1, as int64."""
    array = _numbers(fields, name, shape)
    limit = np.iinfo(np.int64).max if below is None else below
    if array.size and not (array.min() >= first and array.max() < limit):
        allowed = "" if below is None else f" to {below - 1}"
        raise ValueError(
            f"{name!r} has indices from {array.min()} to {array.max()} "
            f"instead of from {first}{allowed}"
        )
    return array.astype(np.int64)


def _numbers(fields: Mapping, name: str, shape: Shape) -> np.ndarray:
    require(fields, name)
    array = as_numbers(fields[name], name)
    if array.ndim != len(shape) or any(
        size not in (None, found) for size, found in zip(shape, array.shape, strict=True)
    ):
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name!r} has shape {array.shape} instead of ({expected})")
    return array
