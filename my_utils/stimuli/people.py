"""From the people of a design to faces: parameters, and the z of a style."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from model.camera import center_eyes
from model.flame import FlameParams
from my_utils.errors import UserError
from my_utils.faces.named_factors import NamedExpressions, apply_factors
from my_utils.faces.params_file import load_params
from my_utils.faces.sampling import random_params
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.atomic import atomic_path
from my_utils.stimuli.design import COMPUTED, IDENTITY, Design, Person

FIELDS = tuple(field.name for field in dataclasses.fields(FlameParams))
SHAPE_COMPONENTS = 20  # of a person made from a seed; the later ones hardly show


class Face(NamedTuple):
    """A person as drawn: one face and one style."""

    params: FlameParams  # one row
    z: Tensor  # [1, z_dim]
    style: str  # the seed of z, or which styles it lies between


def resolve_people(
    design: Design,
    synthesizer: FaceSynthesizer,
    expressions: NamedExpressions,
    kept: Mapping[str, tuple[str, Face]],
) -> dict[str, Face]:
    """The face of every person.

    Args:
        kept: Faces of an earlier making of the set, by name, with the source they were made from:
            taken as they are where the source is still the same.
    """
    faces: dict[str, Face] = {}
    for name, person in design.people.items():
        source, face = kept.get(name, ("", None))
        if face is None or source != source_text(person) or person.kind in COMPUTED:
            try:
                face = _SOURCES[person.kind](person, synthesizer, faces)
                if person.style is not None:
                    face = face._replace(**styled(synthesizer, person.style))
                params, _ = apply_factors(face.params, dict(person.factors), expressions)
                face = face._replace(params=params)
            except UserError as error:
                raise UserError(f"{person.where}: {error}") from None
        faces[name] = face
    return faces


def styled(synthesizer: FaceSynthesizer, seed: int) -> dict:
    """The style fields of a Face."""
    synthesizer.check_styles([seed])
    return {"z": synthesizer.generator.styles([seed]).cpu(), "style": str(seed)}


def _from_seed(person: Person, synthesizer: FaceSynthesizer, faces: Mapping[str, Face]) -> Face:
    """A random person who looks ahead without expression, in the light of a random scene."""
    scenes = synthesizer.dataset_params()
    params = random_params([person.number], scenes, components=SHAPE_COMPONENTS)
    params = params.replace(
        expression=torch.zeros_like(params.expression), pose=torch.zeros_like(params.pose)
    )
    params = center_eyes(params, synthesizer.renderer.flame)
    return Face(params, **styled(synthesizer, person.number))


def _from_row(person: Person, synthesizer: FaceSynthesizer, faces: Mapping[str, Face]) -> Face:
    dataset = synthesizer.dataset_params()
    if person.number >= len(dataset):
        raise UserError(f"row {person.number}: the data set has the rows 0 to {len(dataset) - 1}")
    return Face(dataset[person.number], **styled(synthesizer, person.number))


def _from_file(person: Person, synthesizer: FaceSynthesizer, faces: Mapping[str, Face]) -> Face:
    assert person.file is not None  # as of every person of this kind
    params, seeds = load_params(person.file)
    if person.number >= len(params):
        raise UserError(f"row {person.number}: {person.file} has the rows 0 to {len(params) - 1}")
    return Face(params[person.number], **styled(synthesizer, seeds[person.number]))


def _average(person: Person, synthesizer: FaceSynthesizer, faces: Mapping[str, Face]) -> Face:
    """Means of all parameters; of the styles too, brought to their usual length."""
    members = [faces[name] for name in person.members]
    vectors = torch.cat([face.params.to_vector() for face in members])
    z = torch.cat([face.z for face in members])
    mean = z.mean(dim=0, keepdim=True)
    mean = mean * z.norm(dim=1).mean() / mean.norm().clamp(min=1e-6)
    params = FlameParams.from_vector(vectors.mean(dim=0, keepdim=True))
    return Face(params, mean, f"average of {len(members)}")


def _caricature(person: Person, synthesizer: FaceSynthesizer, faces: Mapping[str, Face]) -> Face:
    """The original with its identity moved along the line from the reference."""
    original, reference = faces[person.original], faces[person.reference]
    return between(reference, original, person.amount, IDENTITY, rest=original)


_SOURCES = {
    "seed": _from_seed,
    "row": _from_row,
    "params": _from_file,
    "average": _average,
    "caricature": _caricature,
}


def between(
    start: Face, end: Face, t: float, groups: tuple[str, ...], *, rest: Face | None = None
) -> Face:
    """The face at `t` from start (0) to end (1) in these groups; all else is that of `rest`.

    Parameters move on a straight line, the z of a style on the arc through both.
    """
    rest = rest or start
    way = start.params.lerp(end.params, t)
    params = rest.params.replace(**{name: getattr(way, name) for name in groups if name != "style"})
    if "style" not in groups:
        return Face(params, rest.z, rest.style)
    return Face(params, _along_arc(start.z, end.z, t), f"{start.style} to {end.style} at {t:.4g}")


def _along_arc(start: Tensor, end: Tensor, t: float) -> Tensor:
    cosine = torch.nn.functional.cosine_similarity(start.double(), end.double())
    angle = torch.arccos(cosine.clamp(-1, 1))
    if angle.sin() < 1e-6:
        return start
    weights = torch.sin((1 - t) * angle), torch.sin(t * angle)
    return ((weights[0] * start + weights[1] * end) / angle.sin()).to(start)


# --- the people of a set, kept beside its pictures ------------------------------------------------


def source_text(person: Person) -> str:
    """What a person is made of, in one line, without the place of a file."""
    return repr(dataclasses.replace(person, file=None, where=""))


def save_people(path: Path, design: Design, faces: Mapping[str, Face]) -> None:
    """Write every face with its source, so that the set can be made again without the data set."""
    entries = {
        name: {
            "source": source_text(design.people[name]),
            "style": face.style,
            "z": face.z[0].tolist(),
            **{field: getattr(face.params, field)[0].tolist() for field in FIELDS},
        }
        for name, face in faces.items()
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


def load_people(path: Path, z_dim: int) -> dict[str, tuple[str, Face]]:
    """The faces of `save_people` with their sources; none where there is no file."""
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        people = {}
        for name, entry in entries.items():
            arrays = {field: np.array([entry[field]], np.float32) for field in (*FIELDS, "z")}
            if arrays["z"].shape != (1, z_dim) or not all(
                map(np.all, map(np.isfinite, arrays.values()))
            ):
                raise ValueError(f"{name} does not fit the generator")
            tensors = {field: torch.from_numpy(array) for field, array in arrays.items()}
            z = tensors.pop("z")
            people[name] = (
                str(entry["source"]),
                Face(FlameParams(**tensors), z, str(entry["style"])),
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged or of another generator ({error}): delete it") from None
    return people
