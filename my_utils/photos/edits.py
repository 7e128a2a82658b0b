"""Edits of a person: some factors set to values or swept over ranges, or taken from somebody else.

`yaw=20`, `yaw=-20..20`, `expression=smile:0..1`, `gaze=-10,0..10,0`: see faces.named_factors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from model.camera import keep_framing
from model.flame import FLAME, FlameParams
from my_utils.errors import UserError
from my_utils.faces.named_factors import (
    NamedExpressions,
    Value,
    apply_factors,
    factor_from_text,
    visible_brightness,
)
from my_utils.faces.sampling import interpolate_path

RANGE = ".."
NAMED = ("expression", "light")  # factors whose value is a name and an amount
DARKEST = 0.05  # shading: no light is darker
TAKEN = ("expression", "light", "pose")  # what an edit may take from another photograph


@dataclass(frozen=True)
class Edit:
    """One change of a face, from `start` to `end`; both are the same where nothing is swept."""

    label: str
    start: Mapping[str, Value] = field(default_factory=dict)
    end: Mapping[str, Value] = field(default_factory=dict)
    taken: str = ""  # of TAKEN, from `other`
    other: FlameParams | None = None  # one row

    @property
    def is_range(self) -> bool:
        return self.start != self.end


class EditedFaces(NamedTuple):
    """N edited faces."""

    params: FlameParams  # N rows
    eyes: Tensor  # [N, 6] rotations in radians
    styles: list[int]

    @staticmethod
    def cat(parts: Sequence["EditedFaces"]) -> "EditedFaces":
        """All faces of several edits."""
        return EditedFaces(
            FlameParams.cat([part.params for part in parts]),
            torch.cat([part.eyes for part in parts]),
            [style for part in parts for style in part.styles],
        )


def edit_from_words(words: Sequence[str], expressions: NamedExpressions) -> Edit:
    """The edit that sets several factors at once, as written on a command line.

    Raises:
        UserError: there is no such factor, or it cannot have this value.
    """
    start: dict[str, Value] = {}
    end: dict[str, Value] = {}
    for word in words:
        head, dots, last = word.partition(RANGE)
        name, value = factor_from_text(head, expressions)
        if name in start:
            raise UserError(f"{word!r} sets {name} a second time in one --set")
        start[name] = end[name] = value
        if dots and name == "style":
            raise UserError(f"{word!r}: there is nothing between two styles, so name one seed")
        if dots:
            if name in NAMED and ":" not in last:
                last = f"{str(value).partition(':')[0]}:{last}"
            end[name] = factor_from_text(f"{name}={last}", expressions)[1]
    return Edit(", ".join(words), start, end)


def edit_taken_from(factor: str, other: FlameParams, name: str) -> Edit:
    """The edit that hands over a factor (of TAKEN) of the face of another photograph."""
    return Edit(f"{factor} of {name}", taken=factor, other=other)


def edited_faces(
    own: FlameParams,  # one row
    edit: Edit,
    flame: FLAME,
    expressions: NamedExpressions,
    *,
    style: int,  # where the edit names none
    steps: int = 2,  # of a range
) -> EditedFaces:
    """The face after an edit, `steps` faces where a range is swept.

    The camera goes with the eyes, so that they stay where the photograph has them.
    """
    ends = [edit.start, edit.end] if edit.is_range else [edit.start]
    faces = _through([_at(own, edit, values, expressions, style) for values in ends], steps - 1)
    return faces._replace(params=keep_framing(faces.params, own, flame))


def film_of_edits(
    own: FlameParams,  # one row
    edits: Sequence[Edit],
    flame: FLAME,
    expressions: NamedExpressions,
    *,
    style: int,
    frames: int,  # from one face to the next
) -> EditedFaces:
    """From the photograph's face through each of the edits in turn, and back to it in the end."""
    start = EditedFaces(own, own.pose.new_zeros(1, 6), [style])
    keys = [start]
    for edit in edits:
        ends = [edit.start, edit.end] if edit.is_range else [edit.start]
        keys += [_at(own, edit, values, expressions, style) for values in ends] + [start]
    faces = _through(keys, frames)
    return faces._replace(params=keep_framing(faces.params, own, flame))


def _at(
    own: FlameParams,
    edit: Edit,
    values: Mapping[str, Value],
    expressions: NamedExpressions,
    style: int,
) -> EditedFaces:
    """One end of an edit."""
    params, eyes = apply_factors(own, values, expressions)
    if edit.other is not None:
        pose, other = own.pose.clone(), edit.other
        if edit.taken == "pose":
            pose[:, :3] = other.pose[:, :3]
        elif edit.taken == "expression":
            pose[:, 3:] = other.pose[:, 3:]
            params = params.replace(expression=other.expression)
        else:
            params = params.replace(lighting=_light_of(other, own))
        params = params.replace(pose=pose)
    return EditedFaces(params, eyes, [int(values.get("style", style))])  # type: ignore[arg-type]


def _light_of(other: FlameParams, own: FlameParams) -> Tensor:
    """The light [1, 9, 3] of another face, as bright and of the same color as this face's.

    From one photograph, dark or reddish skin cannot be told from dim or reddish light: what a fit
    knows of a light is where it comes from.
    """
    brightness = [visible_brightness(face.lighting).clamp(min=DARKEST) for face in (own, other)]
    return other.lighting * (brightness[0] / brightness[1])[:, None]


def _through(keys: Sequence[EditedFaces], steps: int) -> EditedFaces:
    """`steps` from each face to the next; the style changes halfway, all else moves steadily."""
    if len(keys) == 1:
        return keys[0]
    all_keys = EditedFaces.cat(keys)
    place = torch.arange((len(keys) - 1) * steps + 1) / steps
    before = place.long().clamp(max=len(keys) - 2)
    share = (place - before)[:, None]
    eyes = all_keys.eyes[before] + share * (all_keys.eyes[before + 1] - all_keys.eyes[before])
    styles = [all_keys.styles[number] for number in place.round().long().tolist()]
    return EditedFaces(interpolate_path(all_keys.params, steps), eyes, styles)
