"""Two kinds of file: training states to resume from, and generators for people to use.

Both carry the run's configuration and a sha256, because neither torch's format nor safetensors
notices a flipped bit. Both load without executing anything.
"""

import hashlib
import json
import shutil
import struct
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from model.generator import Generator
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.files.digest import file_sha256
from my_utils.files.tensors import load_tensors
from my_utils.runs.config import RunConfig
from my_utils.runs.model_card import model_card
from my_utils.runs.networks import build_generator, check_weights, load_weights
from my_utils.runs.released import released_generator

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
    state = load_tensors(path)
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


def save_generator(
    path: Path,
    generator: Generator,
    config: RunConfig,
    *,
    nimg: int,
    measures: Mapping[str, float] | None = None,  # for the model card, by what and how
) -> None:
    """Export a generator with its configuration, ready for truncation, and its model card.

    The generator is a safetensors file, the card a Markdown file of the same name.
    """
    tensors = generator.state_dict()
    if config.condition != "vector":
        tensors["mapping.mean_w"] = generator.average_w()
    tensors = {name: value.contiguous().cpu() for name, value in tensors.items()}
    metadata = {
        "config": json.dumps(config.to_dict()),
        "nimg": str(nimg),
        "sha256": tensor_digest(tensors),
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(safetensors.torch.save(tensors, metadata=metadata))
    with atomic_path(path.with_suffix(".md")) as temporary:
        temporary.write_text(model_card(config, nimg=nimg, measures=measures or {}))


def prune_generators(folder: Path, *, keep: int, every_kimg: float) -> None:
    """Remove exported generators with their cards, but for some.

    The newest `keep` of them stay, and so does the first one in every stretch of `every_kimg`
    thousand images but the very first stretch.
    """
    paths = sorted(folder.glob("generator-*.safetensors"))
    stretches = [int(float(path.stem.removeprefix("generator-")) // every_kimg) for path in paths]
    for path, stretch, before in zip(paths[:-keep], stretches, [0, *stretches], strict=False):
        if stretch == before:
            remove(path)
            remove(path.with_suffix(".md"))


@dataclass(frozen=True)
class LoadedGenerator:
    """A generator in evaluation mode, the configuration it was trained with, and for how long."""

    generator: Generator
    config: RunConfig
    nimg: int


def load_generator(path: Path, *, run_id: int | None = None) -> LoadedGenerator:
    """Load an exported generator, or the averaged one of a training state or released checkpoint.

    Args:
        run_id: of a released `.model` file, where its folder does not tell.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        tensors, config, nimg = _read_safetensors(path)
    elif path.suffix == ".model":
        tensors, config, nimg = released_generator(path, run_id)
    elif path.suffix == ".pt":
        state = load_training_state(path)
        tensors, nimg = state["generator_ema"], state["nimg"]
        config = RunConfig.from_dict(state["config"])
    else:
        raise UserError(
            f"--ckpt {path} must be a generator (.safetensors), a training state (.pt) or a "
            "released checkpoint (.model)"
        )
    with torch.device("meta"):  # a forged configuration could ask for any amount of memory
        check_weights(build_generator(config), tensors, path)
    generator = build_generator(config)
    load_weights(generator, tensors, path)
    return LoadedGenerator(generator.eval().requires_grad_(False), config, nimg)


def kimg_name(nimg: int) -> str:
    """Thousands of images as they stand in file names, sortable: 1500 -> "00001.500"."""
    return f"{nimg / 1000:09.3f}"


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], RunConfig, int]:
    if not path.is_file():
        raise UserError(f"checkpoint {path} does not exist")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        config, nimg = json.loads(metadata["config"]), int(metadata["nimg"])
        expected = metadata["sha256"]
    except (safetensors.SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a generator exported by this project") from error
    if tensor_digest(tensors) != expected:
        raise UserError(f"checkpoint {path} is damaged: its sha256 is not the recorded one")
    return tensors, RunConfig.from_dict(config), nimg


def _digest_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def tensor_digest(tensors: dict[str, Tensor]) -> str:
    """sha256 over names and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(struct.pack("<I", len(name)) + name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
