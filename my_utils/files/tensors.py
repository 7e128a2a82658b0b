"""Files of torch.save as tensors, read by the one restricted reader instead of torch's own."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from my_utils.untrusted.reader import restricted_load


def load_tensors(path: Path, only: Collection[str] | None = None) -> Any:
    """What torch.save wrote, of containers, numbers, text and tensors.

    Args:
        only: entries of the dictionary in the file that are wanted; the others are not looked at.

    Raises:
        UserError: the file is missing, damaged, or holds anything else.
    """
    return _tensors(restricted_load(path, only))


def _tensors(value: Any) -> Any:
    """The same tree with tensors in place of arrays."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, dict):
        return {name: _tensors(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_tensors(item) for item in value)
    return value
