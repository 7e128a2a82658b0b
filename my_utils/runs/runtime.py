"""The process around a computation: its device and its seeds."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

from my_utils.errors import UserError
from my_utils.files.workers import keep_freed_memory


def select_device(name: str = "auto") -> torch.device:
    """The device a person named: "auto" is CUDA where there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"--device {name!r} is not a device: try auto, cpu or cuda:0") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(f"--device {name} asks for a GPU, but torch sees none: pass --device cpu")
    return device


def configure_process(device: torch.device, precision: str = "float32") -> None:
    """Set what the C library and torch hold for a whole process, at its start.

    On the CPU it keeps freed memory. With "tf32", GPUs that can round the factors of products of
    float32 to ten bits; any other precision leaves them exact.
    """
    if device.type == "cpu":
        keep_freed_memory()
    rounding = "tf32" if precision == "tf32" else "ieee"
    torch.backends.fp32_precision = rounding  # type: ignore[attr-defined] # torch lacks its type


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw initial weights from `seed` without disturbing the caller's random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def step_generator(*numbers: int) -> torch.Generator:
    """The random stream of one training step, a function of (seed, rank, images seen, ...) alone.

    Nothing random needs saving for an exact resume, because every step starts its own stream.
    """
    entropy = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(entropy >> np.uint64(1)))
