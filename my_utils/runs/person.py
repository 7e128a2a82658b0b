"""One person's photograph as a file: parameters, a style for each block, weights tuned to both.

The file is a generator like any other, with the tuned weights beside its own. All are of half
precision, so it is no larger than the generator was. It knows by some vertices which head its
parameters are meant for.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from constants import PARAM_DIM
from model.flame import FLAME, FlameParams
from model.generator import Generator, SynthesisNetwork
from my_utils.errors import UserError
from my_utils.files.tensors import save_tensors, tensor_digest
from my_utils.runs.config import RunConfig

PERSON_FILE = "person.safetensors"  # in the folder of a person
OWN_STYLE = -1  # in place of a style's seed: the style found for the photograph
PREFIX = "person."  # of the tensors in the file that are not the generator's
TUNED = "weights."  # after the prefix: tuned ones
EVERY = 50  # vertices from one to the next of those that a head is known by
SAME_HEAD = 2e-4  # metres, within which its vertices must lie


@dataclass(frozen=True)
class Person:
    """What is known of a photograph's person beside the generator."""

    params: FlameParams  # one row: the photograph's
    style: Tensor  # [num_blocks, w_dim]
    vertices: Tensor  # [K, 3] metres, some of its mesh
    tuned_from: str  # digest of the generator
    weights: Mapping[str, Tensor]  # of its synthesis network in this style, where they are tuned

    @staticmethod
    def of(
        params: FlameParams,
        style: Tensor,
        flame: FLAME,
        tuned_from: str,
        weights: Mapping[str, Tensor],
    ) -> "Person":
        """The person with these parameters, on the CPU."""
        vertices = _known_vertices(params, flame)
        weights = {name: value.cpu() for name, value in weights.items()}
        return Person(params.to("cpu"), style.cpu(), vertices, tuned_from, weights)

    def synthesis(self, generator: Generator) -> SynthesisNetwork:
        """A generator's synthesis network with the tuned weights, which draws only this person."""
        if not self.weights:
            return generator.synthesis
        tuned = copy.deepcopy(generator.synthesis)
        tuned.load_state_dict(self.weights, strict=False)
        return tuned

    def check_head(self, flame: FLAME, path: Path) -> None:
        """UserError where `flame` is not the head that the parameters are meant for."""
        found = _known_vertices(self.params, flame)
        if found.shape != self.vertices.shape:
            raise UserError(f"{path} is a person of another head: its mesh has other vertices")
        distance = float((found - self.vertices).norm(dim=1).max())
        if not distance <= SAME_HEAD:
            raise UserError(
                f"{path} is a person of another head: with the one here the face would lie up to "
                f"{1000 * distance:.1f} mm elsewhere; name its folder with --resources"
            )


def _known_vertices(params: FlameParams, flame: FLAME) -> Tensor:
    params = params.to(flame.v_template.device)
    with torch.no_grad():
        return flame(params)[0, ::EVERY].cpu().clone()


def generator_digest(generator: Generator) -> str:
    """64 hexadecimal digits that name the weights of a generator."""
    return tensor_digest({name: value.cpu() for name, value in generator.state_dict().items()})


@torch.no_grad()
def round_to_half(generator: Generator) -> Generator:
    """The generator with its weights rounded, in place, to what a person's file holds of them."""
    for value in generator.state_dict().values():
        value.copy_(value.half())
    return generator


def save_person(
    path: Path,
    person: Person,
    generator: Generator,  # as round_to_half returns it
    config: RunConfig,
    *,
    nimg: int,
) -> None:
    """Write a person's file, whole or not at all."""
    tensors = {name: value.half() for name, value in generator.state_dict().items()}
    for name, value in person.weights.items():
        tensors[f"{PREFIX}{TUNED}{name}"] = value.half()
    tensors[f"{PREFIX}params"] = person.params.to_vector()
    tensors[f"{PREFIX}style"] = person.style
    tensors[f"{PREFIX}vertices"] = person.vertices
    facts = {
        "config": json.dumps(config.to_dict()),
        "nimg": str(nimg),
        "tuned_from": person.tuned_from,
    }
    save_tensors(path, tensors, facts)


def take_person(
    tensors: dict[str, Tensor],  # of a file; after it those of the generator alone
    facts: Mapping[str, str],
    config: RunConfig,
) -> Person | None:
    """The person in a generator's file; None where there is none.

    Raises:
        ValueError: something of the person is missing or misshapen.
    """
    names = [name for name in tensors if name.startswith(PREFIX)]
    if not names:
        return None
    taken = {name.removeprefix(PREFIX): tensors.pop(name) for name in names}
    weights = {
        name.removeprefix(TUNED): taken.pop(name).float()
        for name in list(taken)
        if name.startswith(TUNED)
    }
    shapes = {
        "params": (1, PARAM_DIM),
        "style": (config.resolution.bit_length() - 2, config.w_dim),
        "vertices": (len(taken.get("vertices", ())), 3),
    }
    fitting = all(
        f"synthesis.{name}" in tensors and tensors[f"synthesis.{name}"].shape == value.shape
        for name, value in weights.items()
    )
    if not fitting or {name: tuple(value.shape) for name, value in taken.items()} != shapes:
        raise ValueError("what it holds of a person is incomplete")
    if not all(value.isfinite().all() for value in (*taken.values(), *weights.values())):
        raise ValueError("what it holds of a person has numbers that are not finite")
    return Person(
        FlameParams.from_vector(taken["params"].float()),
        taken["style"].float(),
        taken["vertices"].float(),
        facts.get("tuned_from", ""),
        weights,
    )
