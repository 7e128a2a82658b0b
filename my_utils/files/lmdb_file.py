"""Reads an LMDB file by checked reads: whatever is wrong with it is an error, never a crash.

The lmdb package maps the file into memory, where a wrong page number, a file that shrinks while it
is open, or a failing disk ends the process by a signal, without a word; nor may what it has opened
be used after a fork. To read a finished file takes little: LMDB 0.9 keeps its records in a tree of
pages, sorted by key, and one of the first two pages says where the root is.
"""

import os
import struct
import weakref
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

MAX_VALUE_BYTES = 2**28  # more than any picture has; bounds the memory of a damaged size

# LMDB's C structures as 64-bit little-endian machines write them, without what is not needed.
HEADER = struct.Struct("<Q2xHH2x")  # of a page: its number, its kind, end of the table of nodes
META = struct.Struct("<II16xI50xH32xQQQ")  # the fields of Meta
NODE = struct.Struct("<HHHH")  # a number in two parts; its third part, or a leaf's flags; key size
BRANCH, LEAF, OVERFLOW, META_PAGE = 1, 2, 4, 8  # kinds of page
INLINE, ON_OTHER_PAGES = 0, 1  # flags of a leaf's node: where the value is
NO_PAGE = 2**64 - 1  # the root of an empty tree
LFS_POINTER = b"version https://git-lfs"
MAGIC, VERSION, MAX_DEPTH = 0xBEEFC0DE, 1, 32


class Meta(NamedTuple):
    """What each of the first two pages says; they are written in turns."""

    magic: int
    version: int
    page_size: int
    depth: int  # of the tree
    root: int
    last_page: int
    transaction: int


class Page:
    """A branch or leaf of the tree: nodes in the order of their keys."""

    def __init__(self, data: bytes):
        *_, end = HEADER.unpack_from(data)
        count = (end - HEADER.size) // 2
        if count < 1 or end > len(data):
            raise ValueError("one of its pages is damaged")
        self._data = data
        self._places = struct.unpack_from(f"<{count}H", data, HEADER.size)
        if max(self._places) > len(data) - NODE.size:
            raise ValueError("one of its pages is damaged")

    def __len__(self) -> int:
        return len(self._places)

    def key(self, index: int) -> bytes:
        place = self._places[index]
        *_, size = NODE.unpack_from(self._data, place)
        return self.part(place + NODE.size, size)

    def child(self, index: int) -> int:
        """The page below a branch that holds the keys from `key(index)` on."""
        low, middle, high, _ = NODE.unpack_from(self._data, self._places[index])
        return low | middle << 16 | high << 32

    def value(self, index: int) -> tuple[int, int, int]:
        """Flags, size and place in this page of a leaf's value."""
        place = self._places[index]
        low, high, flags, key_size = NODE.unpack_from(self._data, place)
        return flags, low | high << 16, place + NODE.size + key_size

    def part(self, start: int, size: int) -> bytes:
        """Bytes of this page."""
        part = self._data[start : start + size]
        if len(part) < size:
            raise ValueError("one of its pages is damaged")
        return part


class LmdbFile:
    """The records of a finished LMDB, for any number of threads, also after a fork.

    Args:
        path: its data.mdb.

    Raises:
        ValueError: (here and when reading) the file is damaged or truncated, or no LMDB.
        OSError: (likewise) it cannot be read.
    """

    def __init__(self, path: Path):
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        if os.pread(self._descriptor, len(LFS_POINTER), 0) == LFS_POINTER:
            raise ValueError("it is a Git LFS pointer: run `git lfs pull` where it came from")
        self._size = os.fstat(self._descriptor).st_size
        self._page_size = 0  # known after the first page was read, which needs no offset
        first = self._read_meta(0)
        self._page_size = first.page_size
        self._meta = max(first, self._read_meta(1), key=lambda meta: meta.transaction)
        whole = (self._meta.last_page + 1) * self._page_size
        if self._size < whole:
            raise ValueError(f"it is truncated, {self._size} of {whole} bytes are there")

    def get(self, key: bytes) -> bytes | None:
        """The value of a key; None where there is none."""
        leaf = next(self._leaves(key), None)
        if leaf is None:
            return None
        index = bisect_left(range(len(leaf)), key, key=leaf.key)
        if index == len(leaf) or leaf.key(index) != key:
            return None
        flags, size, start = leaf.value(index)
        if flags == INLINE:
            return leaf.part(start, size)
        if flags != ON_OTHER_PAGES:
            raise ValueError("one of its records is damaged")
        number = int.from_bytes(leaf.part(start, 8), "little")
        return self._read(number, OVERFLOW, HEADER.size + size)[HEADER.size :]

    def keys(self, start: bytes = b"") -> Iterator[bytes]:
        """All keys from `start` on, ascending."""
        previous = b""
        for leaf in self._leaves(start):
            keys = [leaf.key(index) for index in range(len(leaf))]
            # This also ends a walk in circles: the keys of a page cannot come twice.
            if not all(one < other for one, other in pairwise([previous, *keys])):
                raise ValueError("its keys are not in order")
            previous = keys[-1]
            yield from keys[bisect_left(keys, start) :]

    def _leaves(self, key: bytes) -> Iterator[Page]:
        """The leaves from the one on where this key belongs."""
        if self._meta.root != NO_PAGE:
            yield from self._leaves_below(self._meta.root, self._meta.depth, key)

    def _leaves_below(self, number: int, depth: int, key: bytes) -> Iterator[Page]:
        kind = LEAF if depth == 1 else BRANCH
        page = Page(self._read(number, kind, self._page_size))
        if depth == 1:
            yield page
            return
        # The first key of a branch is not stored; it stands for all smaller ones.
        first = bisect_right(range(len(page)), key, lo=1, key=page.key) - 1
        for index in range(first, len(page)):
            yield from self._leaves_below(page.child(index), depth - 1, key)

    def _read_meta(self, number: int) -> Meta:
        data = self._read(number, META_PAGE, HEADER.size + META.size)
        meta = Meta._make(META.unpack_from(data, HEADER.size))
        if meta.magic != MAGIC or meta.depth > MAX_DEPTH:
            raise ValueError("one of its first pages is damaged")
        if meta.version != VERSION:
            raise ValueError(f"it has format {meta.version}, this reads {VERSION}, of LMDB 0.9")
        return meta

    def _read(self, number: int, kind: int, size: int) -> bytes:
        """The first `size` bytes of a page, or of several that hold one value."""
        start = number * self._page_size
        if size > MAX_VALUE_BYTES or start + size > self._size:
            raise ValueError("one of its pages is damaged")
        data = os.pread(self._descriptor, size, start)
        if len(data) < size:
            raise ValueError("it has become shorter")
        if HEADER.unpack_from(data)[:2] != (number, kind):
            raise ValueError(f"its page {number} is damaged")
        return data
