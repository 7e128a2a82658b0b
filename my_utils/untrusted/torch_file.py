"""Reads what torch.save wrote, in today's format and in the one before torch 1.6, without torch.

Both hold a pickle, which names storages: the numbers of one or several tensors, kept beside it.
"""

import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from my_utils.untrusted.allowance import Allowance
from my_utils.untrusted.pickle_machine import PickleMachine
from my_utils.untrusted.stand_ins import TORCH_NUMBERS, Name, Resolver, TorchStorage

OLD_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older format; its content is fourth

ReadNumbers = Callable[[str, int], bytes]  # by the key of a storage and its number of bytes


class Storages:
    """The storages of one file; each is read when a tensor first needs it."""

    def __init__(self, read: ReadNumbers):
        self._read = read
        self._loaded: dict[str, np.ndarray] = {}  # tensors may share numbers
        self.item_bytes: dict[str, int] = {}  # by key, of all that a pickle has named

    def name(self, identifier: tuple) -> "Storage":
        """The storage that a pickle names: ("storage", type, key, device, length), and more."""
        _, kind, key, _, length = identifier[:5]
        code = TORCH_NUMBERS.get(kind.name.removesuffix("Storage")) if type(kind) is Name else None
        if code is None or not isinstance(key, str) or not isinstance(length, int):
            raise ValueError("it refers to data outside of itself")
        dtype = np.dtype(code)
        self.item_bytes[key] = dtype.itemsize
        return Storage(self, key, dtype, length)

    def numbers(self, key: str, dtype: np.dtype, length: int, allowance: Allowance) -> np.ndarray:
        if key not in self._loaded:
            data = self._read(key, length * dtype.itemsize)
            allowance.take(len(data))
            self._loaded[key] = np.frombuffer(bytearray(data), dtype)  # which can be written to
        numbers = self._loaded[key]
        if numbers.dtype != dtype or len(numbers) != length:
            raise ValueError(f"its member data/{key} is not {length} numbers of {dtype}")
        return numbers


class Storage(TorchStorage):
    """One of the storages of a file."""

    __slots__ = ("_storages",)

    def __init__(self, storages: Storages, *arguments: Any):
        super().__init__(*arguments)
        self._storages = storages

    def resolve(self, resolve: Resolver) -> np.ndarray:
        key, dtype, length = self.arguments
        return self._storages.numbers(key, dtype, length, resolve.allowance)


def read_torch_archive(archive: zipfile.ZipFile, pickle: str, allowance: Allowance) -> object:
    """The content of an archive whose member `pickle` is named folder/data.pkl, unresolved."""
    folder = pickle.removesuffix("data.pkl")
    # torch does not compress; a compressed member may hold far more than the file.
    if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
        raise ValueError("it is compressed, which torch.save never does")
    byte_order = f"{folder}byteorder"  # missing in older files
    if byte_order in archive.namelist() and archive.read(byte_order) != b"little":
        raise ValueError("its numbers are not in little-endian order")

    def read(key: str, size: int) -> bytes:
        name = f"{folder}data/{key}"
        if archive.getinfo(name).file_size != size:
            raise ValueError(f"its member {name} is not as long as its tensors say")
        return archive.read(name)

    return PickleMachine(archive.read(pickle), Storages(read).name, allowance).run()


def read_old_torch(data: bytes, allowance: Allowance) -> object:
    """The content of a file in the older format, unresolved.

    It is five pickles (magic number, version, machine, content, keys of the storages), and then the
    storages, each after the number of its items.
    """
    places: dict[str, tuple[int, int]] = {}

    def read(key: str, size: int) -> bytes:
        start, there = places[key]
        if there != size:
            raise ValueError(f"its storage {key} is not as long as its tensors say")
        return data[start : start + size]

    storages, place, pickles = Storages(read), 0, []
    for _ in range(5):
        machine = PickleMachine(data, storages.name, allowance, start=place)
        pickles.append(machine.run())
        place = machine.place
    magic, _, machine_facts, content, keys = pickles
    if magic != OLD_MAGIC or machine_facts.get("little_endian") is not True:
        raise ValueError("it is no file of torch, or its numbers are not in little-endian order")
    for key in keys:
        size = int.from_bytes(data[place : place + 8], "little") * storages.item_bytes[key]
        place += 8
        if place + size > len(data):
            raise ValueError("it ends in the middle of its tensors")
        places[key] = place, size
        place += size
    return content


def is_old_torch(data: bytes) -> bool:
    """Whether these are the first bytes of a file in the older format, at least 14 of them."""
    return data[:2] == b"\x80\x02" and data[2:14] == b"\x8a\x0a" + OLD_MAGIC.to_bytes(10, "little")
