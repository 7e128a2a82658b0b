"""From a design to the list of its pictures, each with its levels and its face."""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from constants import EYE_TARGETS, EYE_VERTICES
from model.flame import FLAME, FlameParams
from my_utils.faces.named_factors import NamedExpressions, Value, apply_factors
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.stimuli.design import Design
from my_utils.stimuli.people import Face, between, styled


class Stimulus(NamedTuple):
    """One picture of the set."""

    name: str  # of its files, without ending
    person: str  # or the start of a continuum
    continuum: str  # empty for a person
    step: int | None  # of the continuum, from 1
    percent: float | None  # of the way from start to end
    levels: Mapping[str, Value]  # of the factors that vary
    face: Face
    eyes: Tensor  # [1, 6] axis-angle in radians

    @property
    def series(self) -> tuple:
        """What is the same for all steps of one continuum."""
        return self.continuum, tuple(self.levels.items())


def combinations(design: Design) -> list[dict[str, Value]]:
    """The levels of every combination of factors; the first factor varies slowest."""
    units: list[tuple[str, ...]] = []
    for name in design.factors:
        unit = next((group for group in design.zipped if name in group), (name,))
        if unit not in units:
            units.append(unit)
    choices = [
        [
            dict(zip(unit, values, strict=True))
            for values in zip(*(design.factors[n] for n in unit), strict=True)
        ]
        for unit in units
    ]
    rows = (
        {name: value for part in row for name, value in part.items()}
        for row in itertools.product(*choices)
    )
    return [{name: row[name] for name in design.factors} for row in rows]


def picture_count(design: Design) -> int:
    """How many pictures the design asks for."""
    shown = sum(
        design.continua[name].steps if name in design.continua else 1 for name in design.show
    )
    return shown * len(combinations(design))


def plan_pictures(
    design: Design,
    people: Mapping[str, Face],
    synthesizer: FaceSynthesizer,
    expressions: NamedExpressions,
) -> list[Stimulus]:
    """All pictures, in the order of `show`, steps, and combinations of factors."""
    pictures: list[Stimulus] = []
    digits = len(str(picture_count(design)))
    flame = synthesizer.renderer.flame
    for shown in design.show:
        for person, step, percent, base in _faces(design, people, shown):
            for levels in combinations(design):
                face, eyes = _set_factors(base, {**design.hold, **levels}, synthesizer, expressions)
                if design.camera == "eyes":
                    face = face._replace(params=hold_eyes(face.params, flame))
                words = [shown, *([] if percent is None else [f"{percent:g}"])]
                words += [f"{name}{written(value)}" for name, value in levels.items()]
                number = f"{len(pictures) + 1:0{digits}d}"
                name = "_".join([number, *(re.sub(r"[^\w.+-]+", "-", word) for word in words)])
                continuum = "" if step is None else shown
                pictures.append(
                    Stimulus(name[:120], person, continuum, step, percent, levels, face, eyes)
                )
    return pictures


def _faces(
    design: Design, people: Mapping[str, Face], shown: str
) -> Iterator[tuple[str, int | None, float | None, Face]]:
    if shown not in design.continua:
        yield shown, None, None, people[shown]
        return
    continuum = design.continua[shown]
    low, high = continuum.range
    start, end = people[continuum.start], people[continuum.end]
    for step in range(continuum.steps):
        percent = round(low + (high - low) * step / (continuum.steps - 1), 6)
        face = between(start, end, percent / 100, continuum.vary)
        yield continuum.start, step + 1, percent, face


def _set_factors(
    base: Face,
    factors: Mapping[str, Value],
    synthesizer: FaceSynthesizer,
    expressions: NamedExpressions,
) -> tuple[Face, Tensor]:
    params, eyes = apply_factors(base.params, factors, expressions)
    face = base._replace(params=params)
    style = factors.get("style")
    return (face if style is None else face._replace(**styled(synthesizer, int(style)))), eyes  # type: ignore[arg-type]


def written(value: Value) -> str:
    """A level as it stands in tables and names of files."""
    if isinstance(value, str):
        return value
    return ",".join(f"{part:g}" for part in value) if isinstance(value, tuple) else f"{value:g}"


@torch.no_grad()
def hold_eyes(params: FlameParams, flame: FLAME) -> FlameParams:
    """The same faces with the middle of both eyes where FFHQ crops show it; the scale stays.

    (A camera fitted to both eyes enlarges a head that turns aside.)
    """
    vertices = flame(params.to(flame.v_template.device)).to(params.camera)
    middle = vertices[:, list(EYE_VERTICES), :2].mean(dim=1)
    goal = vertices.new_tensor(EYE_TARGETS).mean(dim=0) * vertices.new_tensor([1.0, -1.0])  # y up
    scale = params.camera[:, :1]
    return params.replace(camera=torch.cat([scale, goal / scale - middle], dim=1))
