"""Inert stand-ins for the classes that pickled array data names, so that reading it runs no code.

FLAME and DECA ship their arrays as pickles, and a pickle may call anything. Here the names that
array data needs stand for classes that only remember what they were given; `resolve` then turns the
memories into arrays. NumPy's own unpickling is not used either: forged types make it read foreign
memory. chumpy, which no longer installs, is covered by one class whose array is found when asked.
"""

import functools
import io
import math
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import scipy.sparse
import torch

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
SAFE_TYPE_CODE = re.compile(r"[<>|=]?([?biufcSUO])(\d*)")


class StandIn:
    """Remembers the arguments and the state that the pickle gives it; subclasses resolve them."""

    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any) -> "StandIn":
        self = object.__new__(cls)
        self.arguments = arguments
        self.state = None
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def resolve(self) -> object:
        raise NotImplementedError


class DType(StandIn):
    """numpy.dtype: plain numbers, strings and objects, no structures."""

    @functools.cached_property
    def plain(self) -> np.dtype:
        match = SAFE_TYPE_CODE.fullmatch(self.arguments[0])
        if not match or (self.state and any(self.state[2:5])):
            raise ValueError(f"array type {self.arguments[0]!r} is not plain")
        byte_order = self.state[1] if self.state else "="
        return np.dtype(self.arguments[0]).newbyteorder(byte_order)

    def resolve(self) -> np.dtype:
        return self.plain


class NdArray(StandIn):
    """numpy.ndarray: its arguments only name the type, its state is the array."""

    def resolve(self) -> np.ndarray:
        _, shape, dtype, column_major, data = self.state
        return array_of(data, dtype, shape, "F" if column_major else "C")


class FromBuffer(StandIn):
    """numpy's `_frombuffer`, which pickle protocol 5 uses instead of an array's state."""

    def resolve(self) -> np.ndarray:
        data, dtype, shape, order = self.arguments
        return array_of(data, dtype, shape, order)


class NumpyScalar(StandIn):
    """One NumPy number."""

    def resolve(self) -> object:
        dtype, data = self.arguments
        return array_of(data, dtype, (), "C")[()]


def array_of(data: Any, dtype: DType, shape: tuple, order: Literal["C", "F"]) -> np.ndarray:
    """An array from the parts a pickle holds; ValueError where they do not agree."""
    if dtype.plain.hasobject:
        array = np.empty(len(data), dtype=object)
        for n, item in enumerate(data):
            array[n] = resolve(item)
    else:
        raw = data.encode("latin1") if isinstance(data, str) else data  # str: from Python 2
        array = np.frombuffer(raw, dtype.plain).copy()
    return array.reshape(shape, order=order)


class SparseMatrix(StandIn):
    """A SciPy matrix, resolved to a dense array."""

    matrix: type

    def resolve(self) -> np.ndarray:
        fields = {name: resolve(value) for name, value in self.state.items()}
        shape = fields.get("_shape", fields.get("shape"))
        if "indptr" in fields:
            parts = (fields["data"], fields["indices"], fields["indptr"])
            matrix = self.matrix(parts, shape=shape)
            matrix.check_format(full_check=True)  # wrong indices would read foreign memory
        else:
            row, column = fields.get("coords") or (fields["row"], fields["col"])
            matrix = self.matrix((fields["data"], (row, column)), shape=shape)
        return matrix.toarray()


class CscMatrix(SparseMatrix):
    matrix = scipy.sparse.csc_matrix


class CsrMatrix(SparseMatrix):
    matrix = scipy.sparse.csr_matrix


class CooMatrix(SparseMatrix):
    matrix = scipy.sparse.coo_matrix


class ChumpyNode(StandIn):
    """Any chumpy object. Plain arrays, selections and reshapes of them are known as arrays.

    It stays a node when the file is read, because files also hold expressions nobody asks for;
    `numpy.asarray(node)` gives the array, or raises ValueError where it would have to compute.
    """

    name = ""

    def resolve(self) -> "ChumpyNode":
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        state = self.state if isinstance(self.state, dict) else {}
        if self.name == "Reshape":
            array = np.asarray(resolve(state["a"])).reshape(resolve(state["newshape"]))
        elif self.name == "Select":
            array = np.asarray(resolve(state["a"])).ravel()[resolve(state["idxs"])]
            array = array.reshape(resolve(state["preferred_shape"]))
        elif "x" in state:
            array = np.asarray(resolve(state["x"]))
        else:
            raise ValueError(f"the chumpy expression {self.name!r} is not plain array data")
        return np.array(array, dtype=dtype)


class TorchStorage(StandIn):
    """The numbers of a torch tensor, saved inside the pickle as a torch file of their own."""

    def resolve(self) -> np.ndarray:
        try:
            storage = torch.load(io.BytesIO(self.arguments[0]), weights_only=True)
        except Exception as error:  # torch's own text advises to load without this protection
            raise ValueError("one of its torch tensors is damaged or not just numbers") from error
        return torch.empty(0, dtype=storage.dtype).set_(storage).numpy()


class TorchStorageType(StandIn):
    """A class like torch.FloatStorage, which names the type of numbers; it is never called."""

    dtype: np.dtype


class TorchTensor(StandIn):
    """A torch tensor, resolved to a NumPy array."""

    def resolve(self) -> np.ndarray:
        storage, offset, size, stride = self.arguments[:4]
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
        return np.lib.stride_tricks.as_strided(numbers[offset:], size, steps).copy()


class TorchParameter(StandIn):
    """A tensor of a network, resolved to a NumPy array."""

    def resolve(self) -> np.ndarray:
        return resolve(self.arguments[0])


def encoded_text(text: str, encoding: str) -> bytes:
    """Bytes that Python 2 compatible pickles write as latin1 text."""
    return text.encode("latin1")


def reconstructed(kind: type, base: type, state: object) -> StandIn:
    """How the oldest pickle protocols name an instance: its class, a base class and a state."""
    if not (isinstance(kind, type) and issubclass(kind, StandIn)):
        raise ValueError(f"an instance of {kind!r} is not array data")
    return kind()


def resolve(value: Any) -> Any:
    """Replace the stand-ins anywhere inside plain containers by arrays and numbers."""
    if isinstance(value, StandIn):
        return value.resolve()
    if isinstance(value, dict):
        return {resolve(key): resolve(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(resolve(item) for item in value)
    return value


def _allowed() -> dict[tuple[str, str], Callable]:
    names: dict[tuple[str, str], Callable] = {
        ("numpy", "dtype"): DType,
        ("numpy", "ndarray"): NdArray,
        ("_codecs", "encode"): encoded_text,
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): TorchTensor,
        ("torch._utils", "_rebuild_parameter"): TorchParameter,
        ("torch.storage", "_load_from_bytes"): TorchStorage,
    }
    for name, code in TORCH_NUMBERS.items():
        kind = type(f"{name}Storage", (TorchStorageType,), {"dtype": np.dtype(code)})
        names["torch", kind.__name__] = kind
    for package in ("numpy.core", "numpy._core"):
        names[f"{package}.multiarray", "_reconstruct"] = NdArray
        names[f"{package}.multiarray", "scalar"] = NumpyScalar
        names[f"{package}.numeric", "_frombuffer"] = FromBuffer
    for layout, kind in (("csc", CscMatrix), ("csr", CsrMatrix), ("coo", CooMatrix)):
        for module in (f"scipy.sparse.{layout}", f"scipy.sparse._{layout}"):
            names[module, f"{layout}_matrix"] = names[module, f"{layout}_array"] = kind
    plain = (set, frozenset, list, dict, tuple, str, bytes, bytearray, int, float, bool, complex)
    for module in ("builtins", "__builtin__"):
        names |= {(module, kind.__name__): kind for kind in (*plain, slice, object)}
        names |= {(module, "unicode"): str, (module, "long"): int}
    for module in ("copyreg", "copy_reg"):
        names[module, "_reconstructor"] = reconstructed
    return names


ALLOWED = _allowed()


def stand_in(module: str, name: str) -> Callable | None:
    """What a name in a pickle stands for; None where it is not array data."""
    if module == "chumpy" or module.startswith("chumpy."):
        return type(name, (ChumpyNode,), {"name": name})
    return ALLOWED.get((module, name))
