"""Reads what torch.save wrote, by torch's restricted reader, with NumPy's arrays in it."""

import pickle
import re
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from my_utils.untrusted.stand_ins import ALLOWED, RefusedError
from my_utils.untrusted.text import shown

NAMES: list[Any] = [  # beside those of torch itself
    (stand_in, f"{module}.{name}")
    for (module, name), stand_in in ALLOWED.items()
    if module.startswith(("numpy", "builtins"))
]


def load_torch(source: Path | IO[bytes], *, mmap: bool = False) -> Any:
    """The content of a torch file of any age, on the CPU.

    Args:
        mmap: leave its tensors in the file until they are needed.

    Raises:
        ValueError: it is damaged; a RefusedError where it asks for more than array data.
    """
    is_archive = zipfile.is_zipfile(source)  # else of a torch before 1.6
    if not isinstance(source, Path):
        source.seek(0)
    if is_archive:
        with zipfile.ZipFile(source) as archive:
            if damaged := archive.testzip():  # torch does not compare the checksums
                raise ValueError(f"Bad CRC-32 for file {damaged}")
    try:
        with torch.serialization.safe_globals(NAMES):
            return torch.load(
                source, map_location="cpu", weights_only=True, mmap=mmap and is_archive
            )
    except pickle.UnpicklingError as error:
        if asked := re.search(r"GLOBAL (\S+)", str(error)):
            name = shown(asked[1])
            raise RefusedError(f"it asks for {name}, which array data never needs") from error
        raise ValueError(f"its pickle is damaged: {shown(error)}") from error
    except (RuntimeError, EOFError, AttributeError, TypeError, LookupError) as error:
        raise ValueError(f"torch cannot read it: {shown(error)}") from error


def tensor_array(storage: Any, offset: int, size: tuple, stride: tuple) -> np.ndarray:
    """The numbers of a tensor that is made of a part of a storage."""
    if not isinstance(storage, torch.storage.TypedStorage):
        raise ValueError("one of its torch tensors has no numbers")
    numbers, tensor = storage._untyped_storage, torch.empty(0, dtype=storage.dtype)
    bytes_there = numbers.nbytes()
    try:
        tensor.set_(numbers, offset, size, stride)
    except RuntimeError as error:
        raise ValueError(f"one of its torch tensors is damaged ({shown(error)})") from error
    if numbers.nbytes() > bytes_there:  # torch has made room
        raise ValueError("one of its torch tensors is larger than its numbers")
    return array_of(tensor)


def array_of(tensor: torch.Tensor) -> np.ndarray:
    """The numbers of a tensor; of bfloat16, which NumPy does not know, as float32."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
