"""Training states on the disk: what a run resumes from.

Each carries the run's configuration, with a sha256 beside it, because torch's format does not
notice a flipped bit. Loading executes nothing.
"""

import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path, file_sha256
from my_utils.files.tensors import load_state

NETWORKS = ("generator", "discriminator", "generator_ema")
OPTIMIZERS = ("optimizer_g", "optimizer_d")


class CheckpointStore:
    """The training states of one run: `training-state-<kimg>.pt` with its `.sha256` beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def paths(self) -> list[Path]:
        """All training states, oldest first."""
        return sorted(self.folder.glob("training-state-*.pt"))

    def save(self, state: dict, *, nimg: int, keep: int) -> Path:
        """Write a state atomically, then remove all but the `keep` newest that are intact.

        Raises:
            UserError: a weight is not finite, or the disk did not take the state; older states
                are as they were.
        """
        path = self.folder / f"training-state-{kimg_name(nimg)}.pt"
        tensors = list(_tensors_in(state))
        if not all(torch.isfinite(tensor).all() for tensor in tensors):
            raise UserError(f"{path.name} was not saved, as it has numbers that are not finite")
        try:
            with atomic_path(path) as temporary:
                torch.save(state, temporary)
                digest = file_sha256(temporary)
                with atomic_path(_digest_path(path)) as digest_file:
                    digest_file.write_text(f"{digest}  {path.name}\n")
        except (OSError, RuntimeError) as error:  # a full disk is a RuntimeError inside torch.save
            needed = sum(tensor.nbytes for tensor in tensors) / 1e6
            free = shutil.disk_usage(self.folder).free / 1e6
            reason = error.strerror if isinstance(error, OSError) else "writing stopped half-way"
            raise UserError(
                f"cannot save {path}: {reason}; it needs {needed:,.1f} MB and there are "
                f"{free:,.1f}; older checkpoints are intact, so repeat the command with more room"
            ) from error
        self._prune(keep)
        return path

    def _prune(self, keep: int) -> None:
        intact = 0
        for path in reversed(self.paths()):
            if intact >= keep:
                remove(path)
                remove(_digest_path(path))
            elif _is_intact(path):
                intact += 1

    def load_newest(self) -> dict | None:
        """The newest state that is intact, or None for a new run.

        Damaged ones are skipped with a warning; UserError when all are damaged, because starting
        from scratch would silently throw the run away.
        """
        paths = self.paths()
        for path in reversed(paths):
            try:
                return load_training_state(path)
            except UserError as error:
                warnings.warn(f"{error}; trying the one before it", stacklevel=2)
        if paths:
            raise UserError(
                f"every training state in {self.folder} is damaged: restore one, or move the "
                "folder away to start from scratch"
            )
        return None


def load_training_state(path: Path) -> dict:
    """Read a training state whose digest agrees; UserError otherwise."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"checkpoint {path} does not exist")
    if not _digest_path(path).is_file():
        raise UserError(f"checkpoint {path} lacks its digest {_digest_path(path).name}")
    if not _is_intact(path):
        raise UserError(f"checkpoint {path} is damaged: its sha256 is not the recorded one")
    state = load_state(path)
    parts = {*NETWORKS, *OPTIMIZERS, "nimg", "config"}
    if not isinstance(state, dict) or not parts <= state.keys():
        raise UserError(f"checkpoint {path} is not a training state of this project")
    return state


def _is_intact(path: Path) -> bool:
    """Whether a training state is what its digest says; False where that cannot be told."""
    try:
        return _digest_path(path).read_text().split()[:1] == [file_sha256(path)]
    except (OSError, UnicodeDecodeError):
        return False


def _tensors_in(value: object) -> Iterator[Tensor]:
    """Every tensor anywhere inside plain containers."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors_in(item)


def remove(path: Path) -> None:
    """Delete a file that is not needed any more; where that fails it stays, with a warning."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        warnings.warn(f"{path} could not be removed ({error.strerror})", stacklevel=2)


def kimg_name(nimg: int) -> str:
    """Thousands of images as they stand in file names, sortable: 1500 -> "00001.500"."""
    return f"{nimg / 1000:09.3f}"


def _digest_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")
