"""Reads the arrays of a MATLAB 5 file (`.mat`): numbers and text.

SciPy's reader takes the memory that a file asks for, and ends the process where cells are nested
deep. Cells, structures and objects, which hold no codes of faces, are left out here.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from my_utils.untrusted.allowance import Allowance

HEADER_BYTES = 128
LITTLE_ENDIAN = b"IM"
MATRIX, COMPRESSED = 14, 15  # kinds of element beside numbers
NUMBERS = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4"}  # by kind of element
NUMBERS |= {7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
TEXT = {1: "latin1", 2: "latin1", 4: "utf-16-le", 16: "utf-8", 17: "utf-16-le", 18: "utf-32-le"}
CHARACTERS = 4  # classes of matrices; those of numbers:
CLASSES = {6: "<f8", 7: "<f4", 8: "i1", 9: "u1", 10: "<i2", 11: "<u2", 12: "<i4", 13: "<u4"}
CLASSES |= {14: "<i8", 15: "<u8"}
IS_COMPLEX = 0x800  # flag of a matrix


def read_matlab(data: bytes, allowance: Allowance) -> dict[str, np.ndarray]:
    """The arrays by name, of at least two dimensions, as MATLAB has them; text as one string a row.

    Raises:
        ValueError: it is damaged, of another version or another byte order.
    """
    if data[HEADER_BYTES - 2 : HEADER_BYTES] != LITTLE_ENDIAN or data[:10] != b"MATLAB 5.0":
        raise ValueError("it is no MATLAB 5 file of a usual machine: save it with -v7 or -v6")
    arrays: dict[str, np.ndarray] = {}
    for kind, content in _elements(data[HEADER_BYTES:]):
        if kind == COMPRESSED:
            kind, content = next(_elements(_decompress(content, allowance)))
        if kind == MATRIX:
            arrays |= _array(content)
    return arrays


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of one element after the other."""
    place = 0
    while place < len(data):
        kind, size = struct.unpack_from("<II", data, place)
        place += 8
        if kind >> 16:  # a short element: its size is in the kind, its content in place of a size
            kind, size, place = kind & 0xFFFF, kind >> 16, place - 4
            after = place + 4
        else:
            after = place + size + (-size % 8 if kind != COMPRESSED else 0)
        if place + size > len(data) or size > after - place:
            raise ValueError("one of its elements is longer than the file")
        yield kind, data[place : place + size]
        place = after


def _decompress(data: bytes, allowance: Allowance) -> bytes:
    machine = zlib.decompressobj()
    content = machine.decompress(data, max(allowance.left, 1))
    if not machine.eof:
        raise ValueError("a compressed array is damaged, or far larger than it looks")
    allowance.take(len(content))
    return content


def _array(data: bytes) -> dict[str, np.ndarray]:
    """The array of a matrix element by its name; nothing where it holds anything else."""
    elements = _elements(data)
    flags = struct.unpack_from("<I", next(elements)[1])[0]
    shape = np.frombuffer(next(elements)[1], "<i4").tolist()
    name = next(elements)[1].decode("latin1")
    matrix_class = flags & 0xFF
    if matrix_class not in CLASSES | {CHARACTERS: ""}:
        return {}
    kind, content = next(elements)
    if matrix_class == CHARACTERS:
        letters = list(content.decode(TEXT[kind]))
        if not letters:
            return {name: np.array([], dtype="U1")}
        rows = np.array(letters, dtype="U1").reshape(shape, order="F")
        return {name: np.array(["".join(row) for row in rows.reshape(shape[0], -1)])}
    array = np.frombuffer(content, NUMBERS[kind]).reshape(shape, order="F")
    if flags & IS_COMPLEX:
        raise ValueError(f"its array {name!r} is complex")
    return {name: array.astype(CLASSES[matrix_class])}
