"""Reads pickles with inert stand-ins for what array data names, so that reading runs no code.

FLAME, DECA and the face trackers ship their arrays as pickles, and a pickle may call anything. Here
every name in a pickle either stands for one of the classes and functions below, or is refused.
NumPy's own unpickling is not used either: a forged array type makes it take numbers for addresses.
chumpy, which no longer installs, is covered by one class whose array is found when asked.
"""

import functools
import io
import pickle
import re
from typing import IO, Any, Literal

import numpy as np

from my_utils.untrusted.text import shown

SAFE_TYPE_CODE = re.compile(r"[<>|=]?[?biufcSUO]\d*")
BYTE_ORDERS = tuple("<>|=")
PICKLE_ERRORS = (  # that Python's unpickler raises where a pickle is damaged
    *(pickle.UnpicklingError, EOFError, AttributeError, TypeError, LookupError, ImportError),
    *(OverflowError, MemoryError),
)


class RefusedError(ValueError):
    """A pickle asks for what array data never needs."""


class Function(functools.partial):
    """A function that a pickle may call, and cannot change by giving it a state."""

    def __setstate__(self, state: object) -> None:
        raise ValueError("its pickle changes a function")


class Dictionary(dict):
    """collections.OrderedDict, without the attributes that networks put into its state."""

    def __setstate__(self, state: object) -> None:
        pass


class DType:
    """numpy.dtype: plain numbers, text and objects, no structures."""

    __slots__ = ("dtype",)

    def __init__(self, code: str, *flags: object):
        if not isinstance(code, str) or not SAFE_TYPE_CODE.fullmatch(code):
            raise ValueError(f"array type {code!r} is not plain")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        _, byte_order, *structure = state
        if byte_order not in BYTE_ORDERS or any(structure[:3]):
            raise ValueError(f"a structured array type of {self.dtype} is not plain")
        self.dtype = self.dtype.newbyteorder(byte_order)


class Array(np.ndarray):
    """numpy.ndarray, which here only takes types that were checked."""

    def __new__(cls, *arguments: object) -> "Array":
        return np.ndarray.__new__(cls, 0)  # the state brings shape, type and content

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, column_major, data = state
        if type(dtype) is not DType:
            raise ValueError("the type of one of its arrays is none")
        np.ndarray.__setstate__(self, (1, shape, dtype.dtype, column_major, data))


def _from_buffer(data: bytes, dtype: DType, shape: tuple, order: Literal["C", "F"]) -> np.ndarray:
    """What pickle protocol 5 uses instead of an array's state."""
    # A copy of the bytes, as what holds them may change later.
    return np.frombuffer(bytearray(data), dtype.dtype).reshape(shape, order=order)


def _scalar(dtype: DType, data: bytes | str) -> np.generic:
    """One NumPy number."""
    raw = data.encode("latin1") if isinstance(data, str) else data  # str: from Python 2
    return np.frombuffer(bytearray(raw), dtype.dtype)[0]


def _bytes(text: str, encoding: str) -> bytes:
    """How pickles that Python 2 can read hold bytes."""
    return text.encode("latin1")


def _reconstructed(kind: type, base: object, state: object) -> object:
    """How the oldest pickle protocols make an instance: of its class, a base class and a state."""
    if kind not in (SparseColumns, SparseRows) and not issubclass(kind, ChumpyNode):
        raise ValueError("its pickle makes an instance of what is no class of arrays")
    return object.__new__(kind)


class SparseColumns:
    """A SciPy matrix of compressed columns; `numpy.asarray` gives the dense array."""

    layout = "csc_matrix"

    def __setstate__(self, state: dict) -> None:
        self.state = state

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        import scipy.sparse  # which takes as long to import as many a file to read

        parts = (self.state["data"], self.state["indices"], self.state["indptr"])
        shape = self.state.get("_shape", self.state.get("shape"))
        matrix = getattr(scipy.sparse, self.layout)(parts, shape=shape)
        matrix.check_format(full_check=True)  # wrong indices would write to foreign memory
        return np.asarray(matrix.toarray(), dtype=dtype)


class SparseRows(SparseColumns):
    """A SciPy matrix of compressed rows."""

    layout = "csr_matrix"


class ChumpyNode:
    """Any chumpy object. Plain arrays, selections and reshapes of them are known as arrays.

    It stays a node when the file is read, because files also hold expressions nobody asks for;
    `numpy.asarray(node)` gives the array, or raises ValueError where it would have to compute.
    """

    state: Any = None

    def __new__(cls, *arguments: object) -> "ChumpyNode":
        return super().__new__(cls)

    def __setstate__(self, state: dict) -> None:
        self.state = state

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        kind, state = type(self).__name__, self.state
        try:
            if kind == "Ch":
                array = _known(state["x"])
            elif kind == "Reshape":
                array = _known(state["a"]).reshape(state["newshape"])
            elif kind == "Select":
                chosen = _known(state["a"]).ravel()[np.asarray(state["idxs"])]
                array = chosen.reshape(state["preferred_shape"])
            else:
                raise ValueError("it would have to be computed")
        except (ValueError, TypeError, LookupError) as error:
            raise ValueError(
                f"the chumpy expression {kind!r} is not plain array data ({error})"
            ) from None
        return np.array(array, dtype=dtype)


def _known(value: object) -> np.ndarray:
    # Of a list of nodes NumPy would look at each twice, and so on below.
    if not isinstance(value, (np.ndarray, ChumpyNode, int, float)):
        raise ValueError("it is made of others")
    return np.asarray(value)


def _torch_storage(data: bytes) -> Any:
    """The numbers of a torch tensor, which is inside a pickle as a torch file of its own."""
    from my_utils.untrusted.torch_file import load_torch

    return load_torch(io.BytesIO(data))


def _torch_tensor(storage: Any, offset: int, size: tuple, stride: tuple, *rest: Any) -> np.ndarray:
    from my_utils.untrusted.torch_file import tensor_array

    return tensor_array(storage, offset, size, stride)


def _allowed() -> dict[tuple[str, str], Any]:
    names: dict[tuple[str, str], Any] = {
        ("numpy", "dtype"): DType,
        ("numpy", "ndarray"): Array,
        ("_codecs", "encode"): Function(_bytes),
        ("collections", "OrderedDict"): Dictionary,
        ("torch._utils", "_rebuild_tensor_v2"): Function(_torch_tensor),
        ("torch.storage", "_load_from_bytes"): Function(_torch_storage),
    }
    for package in ("numpy.core", "numpy._core"):
        names[f"{package}.multiarray", "_reconstruct"] = Function(Array)
        names[f"{package}.multiarray", "scalar"] = Function(_scalar)
        names[f"{package}.numeric", "_frombuffer"] = Function(_from_buffer)
    for layout, kind in {"csc": SparseColumns, "csr": SparseRows}.items():
        for module in (f"scipy.sparse.{layout}", f"scipy.sparse._{layout}"):
            names[module, f"{layout}_matrix"] = names[module, f"{layout}_array"] = kind
    for module in ("builtins", "__builtin__"):
        for builtin in (object, complex, bytes, bytearray, set, frozenset):
            names[module, builtin.__name__] = builtin
    for module in ("copyreg", "copy_reg"):
        names[module, "_reconstructor"] = Function(_reconstructed)
    return names


ALLOWED = _allowed()


class ArrayUnpickler(pickle.Unpickler):
    """Python's unpickler, for which the names in a pickle stand for no more than array data."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "chumpy" or module.startswith("chumpy."):
            return type(name, (ChumpyNode,), {})
        if (module, name) not in ALLOWED:
            asked = shown(f"{module}.{name}")
            raise RefusedError(f"it asks for {asked}, which array data never needs")
        return ALLOWED[module, name]


def plain(value: Any) -> Any:
    """The same tree with NumPy's own arrays in place of stand-ins and tensors."""
    if isinstance(value, Array):
        array = value.view(np.ndarray)
        if array.dtype.hasobject:
            items = array.ravel(order="K")  # the same memory
            for place, item in enumerate(items):
                items[place] = plain(item)
        return array
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    if isinstance(value, SparseColumns):
        return np.asarray(value)
    if hasattr(value, "detach"):
        from my_utils.untrusted.torch_file import array_of

        return array_of(value)
    return value


def unpickle(file: IO[bytes]) -> Any:
    """What the pickle at the start of an open file makes.

    Containers, numbers and text come as they are, arrays, sparse matrices and tensors as NumPy
    arrays, chumpy objects as something `numpy.asarray` understands.

    Raises:
        ValueError: it is damaged; a RefusedError where it asks for more than array data.
    """
    try:
        return plain(ArrayUnpickler(file, encoding="latin1").load())
    except PICKLE_ERRORS as error:
        raise ValueError(f"its pickle is damaged: {shown(error)}") from error
