"""Exported generators: the files that people use, with the configuration they were trained by.

A safetensors file with a digest, and a model card beside it. Loading executes nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model.generator import Generator
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.files.tensors import load_tensors, save_tensors
from my_utils.runs.checkpoint import load_training_state, remove
from my_utils.runs.config import RunConfig
from my_utils.runs.model_card import model_card
from my_utils.runs.networks import build_generator, check_weights, load_weights
from my_utils.runs.person import Person, take_person
from my_utils.runs.released import released_generator
from my_utils.untrusted.reader import reading


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
    facts = {"config": json.dumps(config.to_dict()), "nimg": str(nimg)}
    save_tensors(path, tensors, facts)
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
    """A generator in evaluation mode, ready for truncation, with its configuration."""

    generator: Generator
    config: RunConfig
    nimg: int
    person: Person | None  # whom it can draw in a style of their own


def load_generator(path: Path, *, run_id: int | None = None) -> LoadedGenerator:
    """Load an exported generator, or the averaged one of a training state or released checkpoint.

    The file of a person is an exported generator too.

    Args:
        run_id: of a released `.model` file, where its folder does not tell.
    """
    path, person = Path(path), None
    if path.suffix == ".safetensors":
        tensors, config, nimg, person = _read_exported(path)
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
    if config.condition != "vector" and not generator.mapping.mean_w.any():
        generator.mapping.mean_w.copy_(generator.average_w())  # exported files carry it
    return LoadedGenerator(generator.eval().requires_grad_(False), config, nimg, person)


def _read_exported(path: Path) -> tuple[dict[str, Tensor], RunConfig, int, Person | None]:
    kind = "a generator exported by this project"
    tensors, facts = load_tensors(path, kind, ("config", "nimg"))
    with reading(path):
        config, nimg = RunConfig.from_dict(json.loads(facts["config"])), int(facts["nimg"])
        person = take_person(tensors, facts, config)
    return tensors, config, nimg, person
