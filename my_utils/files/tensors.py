"""Files of tensors: safetensors with a digest for networks, torch's own for training states.

Neither format notices a flipped bit, so ours carry a sha256. Both are read without running
anything in them.
"""

import hashlib
import struct
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from my_utils.files.atomic import atomic_path
from my_utils.untrusted.reader import reading
from my_utils.untrusted.torch_file import load_torch


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors and a few texts about them as one safetensors file, with a digest."""
    tensors = {name: value.contiguous().cpu() for name, value in tensors.items()}
    facts = {**metadata, "sha256": tensor_digest(tensors)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(tensors, metadata=facts))


def load_tensors(
    path: Path, kind: str, facts: Collection[str]
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors that `save_tensors` wrote, and the texts about them.

    Args:
        kind: what the file should be, for the error message.
        facts: the names of the texts that this kind of file has.

    Raises:
        UserError: the file is missing, damaged or of another kind.
    """
    with reading(path):
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except safetensors.SafetensorError as error:
            raise ValueError(f"it is not {kind} ({error})") from error
        if not {*facts, "sha256"} <= metadata.keys():
            raise ValueError(f"it is not {kind}")
        if tensor_digest(tensors) != metadata["sha256"]:
            raise ValueError("its sha256 is not the recorded one")
    return tensors, metadata


def tensor_digest(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over names and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(struct.pack("<I", len(name)) + name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def load_state(path: Path, *, mmap: bool = False) -> Any:
    """What torch.save wrote, of containers, numbers, text and tensors.

    Args:
        mmap: leave the tensors in the file until they are used, where its format allows it.

    Raises:
        UserError: the file is missing, damaged, or holds anything else.
    """
    with reading(path):
        return load_torch(path, mmap=mmap)
