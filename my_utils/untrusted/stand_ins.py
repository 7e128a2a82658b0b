"""Inert stand-ins for what pickled array data names, so that reading it runs no code.

FLAME and DECA ship their arrays as pickles, and a pickle may call anything. Here the names that
array data needs stand for classes that only remember what they were given; a `Resolver` then turns
the memories into arrays. NumPy's own unpickling is not used either: forged types make it read
foreign memory. chumpy, which no longer installs, is covered by one class whose array is found when
asked.
"""

import functools
import math
import re
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import scipy.sparse

from my_utils.untrusted.allowance import Allowance
from my_utils.untrusted.text import shown

TORCH_NUMBERS = {  # as in torch.FloatStorage: NumPy's code of the same numbers
    "Float": "<f4",
    "Double": "<f8",
    "Half": "<f2",
    "Long": "<i8",
    "Int": "<i4",
    "Short": "<i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": "?",
}
LARGEST_KEY = 2**60  # hashes of larger numbers can be made equal
SAFE_TYPE_CODE = re.compile(r"[<>|=]?([?biufcSUO])(\d*)")


class RefusedError(ValueError):
    """A pickle asks for what array data never needs."""


class Resolver:
    """Replaces the stand-ins anywhere inside plain containers by arrays and numbers.

    Every place gets a container of its own, also where a pickle has one in several places; the
    allowance ends what would double again and again.

    Args:
        read_torch: the unresolved content of a torch file that is inside a pickle.
    """

    def __init__(self, allowance: Allowance, read_torch: Callable[[bytes, Allowance], object]):
        self.allowance, self.read_torch = allowance, read_torch

    def __call__(self, value: Any) -> Any:
        if isinstance(value, StandIn):
            return value.resolve(self)
        kind = type(value)
        if kind is dict:
            self.allowance.take_container(4 * len(value))
            return {self(key): self(item) for key, item in value.items()}
        if kind is list or kind is tuple:
            self.allowance.take_container(len(value))
            return kind([self(item) for item in value])
        return value


class StandIn:
    """Remembers the arguments and the state that the pickle gives it; subclasses resolve them."""

    __slots__ = ("arguments", "state")

    def __init__(self, *arguments: Any):
        self.arguments = arguments
        self.state: Any = None

    def resolve(self, resolve: Resolver) -> object:
        raise NotImplementedError


class Name:
    """A name in a pickle: what it is called, and what a call of it makes."""

    __slots__ = ("make", "module", "name")

    def __init__(self, module: str, name: str, make: Callable[..., StandIn]):
        self.module, self.name, self.make = module, name, make


def checked_key(key: Any) -> Any:
    """A key, or an item of a set, as array data has them.

    Numbers of equal hashes would take for ever, and tuples nested deep enough end the process.
    """
    if key is None or isinstance(key, (str, bytes, float, complex, np.generic, StandIn)):
        return key
    if isinstance(key, int) and abs(key) < LARGEST_KEY:
        return key
    raise ValueError(f"a key of one of its dictionaries is too large, or a {type(key).__name__}")


class Items(StandIn):
    """A set, or a dictionary that remembers the order of its items, as every one does today."""

    __slots__ = ("added", "kind")

    def __init__(self, kind: type, items: Any = ()):
        super().__init__(items)
        self.kind = kind
        self.added: dict = {}

    def resolve(self, resolve: Resolver) -> object:
        items = resolve(list(self.arguments[0]))
        if self.kind is dict:
            return {checked_key(key): item for key, item in items} | resolve(self.added)
        return self.kind(map(checked_key, items))


class Bytes(StandIn):
    """Bytes, which Python 2 compatible pickles write as latin1 text."""

    __slots__ = ()

    def resolve(self, resolve: Resolver) -> bytes:
        data = resolve(self.arguments[0]) if self.arguments else b""
        resolve.allowance.take(len(data))
        return data.encode("latin1") if isinstance(data, str) else bytes(memoryview(data))


class Complex(StandIn):
    """A complex number."""

    __slots__ = ()

    def resolve(self, resolve: Resolver) -> complex:
        real, imaginary = self.arguments
        return complex(real, imaginary)


class Plain(StandIn):
    """An object of a class without content."""

    __slots__ = ()

    def resolve(self, resolve: Resolver) -> None:
        return None


class DType(StandIn):
    """numpy.dtype: plain numbers, strings and objects, no structures."""

    __slots__ = ("_plain",)

    def plain(self) -> np.dtype:
        if not hasattr(self, "_plain"):
            match = SAFE_TYPE_CODE.fullmatch(self.arguments[0])
            if not match or (self.state and any(self.state[2:5])):
                raise ValueError(f"array type {self.arguments[0]!r} is not plain")
            byte_order = self.state[1] if self.state else "="
            self._plain = np.dtype(self.arguments[0]).newbyteorder(byte_order)
        return self._plain

    def resolve(self, resolve: Resolver) -> np.dtype:
        return self.plain()


class NdArray(StandIn):
    """numpy.ndarray: its arguments only name the type, its state is the array."""

    __slots__ = ()

    def resolve(self, resolve: Resolver) -> np.ndarray:
        _, shape, dtype, column_major, data = self.state
        return array_of(resolve, data, dtype, shape, "F" if column_major else "C")


class FromBuffer(StandIn):
    """numpy's `_frombuffer`, which pickle protocol 5 uses instead of an array's state."""

    __slots__ = ()

    def resolve(self, resolve: Resolver) -> np.ndarray:
        data, dtype, shape, order = self.arguments
        return array_of(resolve, data, dtype, shape, order)


class NumpyScalar(StandIn):
    """One NumPy number."""

    __slots__ = ()

    def resolve(self, resolve: Resolver) -> object:
        dtype, data = self.arguments
        return array_of(resolve, data, dtype, (), "C")[()]


def array_of(
    resolve: Resolver, data: Any, dtype: DType, shape: tuple, order: Literal["C", "F"]
) -> np.ndarray:
    """An array from the parts a pickle holds; ValueError where they do not agree."""
    if dtype.plain().hasobject:
        items = resolve(list(data))
        array = np.empty(len(items), dtype=object)
        for n, item in enumerate(items):
            array[n] = item
    else:
        data = resolve(data)
        raw = data.encode("latin1") if isinstance(data, str) else data  # str: from Python 2
        resolve.allowance.take(len(raw))
        array = np.frombuffer(raw, dtype.plain()).copy()
    return array.reshape(shape, order=order)


class SparseMatrix(StandIn):
    """A SciPy matrix, resolved to a dense array."""

    __slots__ = ("_kind",)

    def __init__(self, kind: type, *arguments: Any):
        super().__init__(*arguments)
        self._kind = kind

    def resolve(self, resolve: Resolver) -> np.ndarray:
        fields = {name: resolve(value) for name, value in self.state.items()}
        shape = fields.get("_shape", fields.get("shape"))
        if "indptr" in fields:
            parts = (fields["data"], fields["indices"], fields["indptr"])
            matrix = self._kind(parts, shape=shape)
            matrix.check_format(full_check=True)  # wrong indices would read foreign memory
        else:
            row, column = fields.get("coords") or (fields["row"], fields["col"])
            matrix = self._kind((fields["data"], (row, column)), shape=shape)
        resolve.allowance.take(math.prod(matrix.shape) * matrix.dtype.itemsize)
        return matrix.toarray()


class ChumpyNode(StandIn):
    """Any chumpy object. Plain arrays, selections and reshapes of them are known as arrays.

    It stays a node when the file is read, because files also hold expressions nobody asks for;
    `numpy.asarray(node)` gives the array, or raises ValueError where it would have to compute.
    """

    __slots__ = ("_name", "_resolve")

    def __init__(self, name: str, *arguments: Any):
        super().__init__(*arguments)
        self._name = name

    def resolve(self, resolve: Resolver) -> "ChumpyNode":
        self._resolve = resolve
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        state = self.state if isinstance(self.state, dict) else {}
        if self._name == "Reshape":
            array = self._array(state["a"]).reshape(self._resolve(state["newshape"]))
        elif self._name == "Select":
            chosen = self._resolve(state["idxs"])
            if not isinstance(chosen, np.ndarray):
                raise ValueError("a chumpy selection has no plain list of places")
            array = self._array(state["a"]).ravel()[chosen]
            array = array.reshape(self._resolve(state["preferred_shape"]))
        elif "x" in state:
            array = self._array(state["x"])
        else:
            raise ValueError(f"the chumpy expression {self._name!r} is not plain array data")
        return np.array(array, dtype=dtype)

    def _array(self, value: Any) -> np.ndarray:
        # Of a list of nodes NumPy would look at each twice, and so on below.
        found = self._resolve(value)
        if not isinstance(found, (np.ndarray, ChumpyNode, int, float)):
            raise ValueError(f"the chumpy object {self._name!r} is not plain array data")
        return np.asarray(found)


class TorchStorage(StandIn):
    """The numbers of torch tensors: a one-dimensional array without gaps."""

    __slots__ = ()

    def resolve(self, resolve: Resolver) -> np.ndarray:
        raise NotImplementedError


class TorchBytes(TorchStorage):
    """Numbers that are saved inside the pickle, as a torch file of their own."""

    __slots__ = ()

    def resolve(self, resolve: Resolver) -> np.ndarray:
        data = resolve(self.arguments[0])
        resolve.allowance.take(len(data))
        storage = resolve.read_torch(data, resolve.allowance)
        if not isinstance(storage, TorchStorage):
            raise ValueError("one of its torch tensors is not just numbers")
        return resolve(storage)


class TorchTensor(StandIn):
    """A torch tensor, resolved to a NumPy array, which shares its numbers with others as there."""

    __slots__ = ()

    def resolve(self, resolve: Resolver) -> np.ndarray:
        storage, offset, size, stride = self.arguments[:4]
        if not isinstance(storage, TorchStorage):
            raise ValueError("one of its torch tensors has no numbers")
        numbers = resolve(storage)
        # A forged view would read foreign memory, or a few numbers without end.
        reach = sum((count - 1) * step for count, step in zip(size, stride, strict=True))
        if (
            min((offset, *size, *stride)) < 0
            or offset + reach >= len(numbers) > 0
            or math.prod(size) > len(numbers)
        ):
            raise ValueError("one of its torch tensors is larger than its numbers")
        steps = [step * numbers.itemsize for step in stride]
        return np.lib.stride_tricks.as_strided(numbers[offset:], size, steps)


class TorchParameter(StandIn):
    """A tensor of a network, resolved to a NumPy array."""

    __slots__ = ()

    def resolve(self, resolve: Resolver) -> np.ndarray:
        return resolve(self.arguments[0])


def reconstructed(kind: Name, base: object, state: object) -> StandIn:
    """How the oldest pickle protocols name an instance: its class, a base class and a state."""
    return kind.make()


def _allowed() -> dict[tuple[str, str], Callable[..., StandIn]]:
    names: dict[tuple[str, str], Callable[..., StandIn]] = {
        ("numpy", "dtype"): DType,
        ("numpy", "ndarray"): NdArray,
        ("_codecs", "encode"): Bytes,
        ("collections", "OrderedDict"): functools.partial(Items, dict),
        ("torch._utils", "_rebuild_tensor_v2"): TorchTensor,
        ("torch._utils", "_rebuild_parameter"): TorchParameter,
        ("torch.storage", "_load_from_bytes"): TorchBytes,
    }
    names |= {("torch", f"{name}Storage"): Plain for name in TORCH_NUMBERS}  # never called
    for package in ("numpy.core", "numpy._core"):
        names[f"{package}.multiarray", "_reconstruct"] = NdArray
        names[f"{package}.multiarray", "scalar"] = NumpyScalar
        names[f"{package}.numeric", "_frombuffer"] = FromBuffer
    for layout in ("csc", "csr", "coo"):
        kind = functools.partial(SparseMatrix, getattr(scipy.sparse, f"{layout}_matrix"))
        for module in (f"scipy.sparse.{layout}", f"scipy.sparse._{layout}"):
            names[module, f"{layout}_matrix"] = names[module, f"{layout}_array"] = kind
    for module in ("builtins", "__builtin__"):
        names[module, "object"] = Plain
        names[module, "complex"] = Complex
        names[module, "bytes"] = names[module, "bytearray"] = Bytes
        names[module, "set"] = functools.partial(Items, set)
        names[module, "frozenset"] = functools.partial(Items, frozenset)
    for module in ("copyreg", "copy_reg"):
        names[module, "_reconstructor"] = reconstructed
    return names


ALLOWED = _allowed()


def find_name(module: object, name: object) -> Name:
    """What a name in a pickle stands for; RefusedError where it is not array data."""
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("its pickle is damaged: a name is no text")
    if module == "chumpy" or module.startswith("chumpy."):
        return Name(module, name, functools.partial(ChumpyNode, name))
    make = ALLOWED.get((module, name))
    if make is None:
        asked = shown(f"{module}.{name}")
        raise RefusedError(f"it asks for {asked}, which array data never needs")
    return Name(module, name, make)
