"""What may be set on a face by name, as in a design, a flag or a slider: `yaw`, `expression.3`...

| name | value |
|---|---|
| yaw, pitch, roll, jaw | degrees: to the picture's right, down, leaning to its left, open |
| shape.K, expression.K, texture.K | component K (from 0) in standard deviations |
| expression | a name of `NamedExpressions`, or `NAME:AMOUNT`; replaces the expression and the jaw |
| light | one of LIGHTS, or `NAME:AMOUNT`; amount 0 is the face's own light |
| gaze | two angles in degrees: both eyes to the picture's right, and down |
| style | the seed of a style; no parameter, the caller hands it to the generator |
"""

import difflib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from constants import EXPRESSION_DIM, SHAPE_DIM, TEXTURE_DIM
from model.flame import FlameParams
from model.renderer import SH_FACTORS
from my_utils.errors import UserError

Value = float | str | tuple[float, float]  # of a factor

ANGLES = ("yaw", "pitch", "roll", "jaw")
COMPONENTS = {"shape": SHAPE_DIM, "expression": EXPRESSION_DIM, "texture": TEXTURE_DIM}
NAMES = (*ANGLES, *(f"{name}.K" for name in COMPONENTS), "expression", "light", "gaze", "style")
LIGHTS = ("left", "right", "top", "below", "front", "back", "soft", "warm", "cold")

# Where the named lights come from (x to the picture's right, y up, z to the viewer).
_DIRECTIONS = {
    "left": (-1.0, 0.1, 0.4),
    "right": (1.0, 0.1, 0.4),
    "top": (0.0, 1.0, 0.4),
    "below": (0.0, -1.0, 0.4),
    "front": (0.0, 0.0, 1.0),
    "back": (0.0, 0.3, -1.0),
}
_TINTS = {"warm": (1.15, 1.0, 0.8), "cold": (0.85, 1.0, 1.2)}
_STRENGTH = 0.42  # shading that a directional light adds where it falls straight on the skin
HEAD_DIGEST = "head"  # key in the file of expressions that were solved for a head
_LARGEST_SEED = 2**63 - 1


class NamedExpression(NamedTuple):
    """An expression at amount 1."""

    components: dict[int, float]  # component of the expression: standard deviations
    jaw: float = 0.0  # degrees


NamedExpressions = Mapping[str, NamedExpression]


def load_named_expressions(path: Path) -> dict[str, NamedExpression]:
    """The named expressions of a head, from the file beside it; only "neutral" where it is missing.

    Raises:
        UserError: the file is damaged.
    """
    expressions = {"neutral": NamedExpression({})}
    if not path.exists():
        return expressions
    try:
        for name, entry in json.loads(path.read_text()).items():
            if name == HEAD_DIGEST:
                continue
            components = {int(k): float(amount) for k, amount in entry["expression"].items()}
            if not all(0 <= k < EXPRESSION_DIM for k in components):
                raise ValueError(f"{name} has components outside 0..{EXPRESSION_DIM - 1}")
            expressions[name] = NamedExpression(components, float(entry["jaw"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} holds no named expressions ({error}): delete it") from error
    return expressions


def factor_from_text(text: str, expressions: NamedExpressions) -> tuple[str, Value]:
    """A factor as written on a command line: "yaw=20", "light=left", "gaze=10,-5"."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"{text!r} sets nothing: write NAME=VALUE, for example yaw=20")
    parts = [_number_or_text(part) for part in value.split(",")]
    written = parts if len(parts) > 1 else parts[0]
    return name, check_factor(name, written, expressions)


def _number_or_text(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def check_factor(name: str, value: object, expressions: NamedExpressions) -> Value:
    """The value of a factor, checked.

    Raises:
        UserError: there is no such factor, or it cannot have this value.
    """
    check_name(name)
    if name == "gaze":
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
            raise UserError(f"gaze = {value!r}: it needs two angles in degrees, for example 10,-5")
        return _number(name, value[0], limit=45), _number(name, value[1], limit=45)
    if name == "light":
        _named(name, value, LIGHTS)
        return str(value)
    if name == "expression":
        _named(name, value, expressions)
        return str(value)
    if name == "style":
        if type(value) is not int or not 0 <= value <= _LARGEST_SEED:
            raise UserError(f"style = {value!r}: a style is named by its seed, 0 or more")
        return value
    return _number(name, value, limit=90 if name in ANGLES else 20)


def check_name(name: str) -> None:
    """UserError where no factor has this name."""
    field, dot, component = name.partition(".")
    if dot and field in COMPONENTS:
        if component.isdecimal() and int(component) < COMPONENTS[field]:
            return
        raise UserError(f"{name}: {field} has the components 0 to {COMPONENTS[field] - 1}")
    if dot or name not in NAMES:
        raise UserError(f"there is no factor {name!r}: {_choice(name, NAMES)}")


def _number(name: str, value: object, *, limit: float) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):  # type: ignore[arg-type]
        raise UserError(f"{name} = {value!r} is not a number")
    number = float(value)  # type: ignore[arg-type]
    if abs(number) > limit:
        unit = "degrees" if name in (*ANGLES, "gaze") else "standard deviations"
        raise UserError(f"{name} = {value}: at most {limit:g} {unit} either way")
    return number


def _named(name: str, value: object, known: Iterable[str]) -> tuple[str, float]:
    """A name and its amount, of "NAME" or "NAME:AMOUNT"."""
    if not isinstance(value, str):
        raise UserError(f"{name} = {value!r}: it needs a name: {', '.join(known)}")
    chosen, colon, amount = value.partition(":")
    if chosen not in known:
        raise UserError(f"{name} = {value!r}: there is no {chosen!r}; {_choice(chosen, known)}")
    try:
        number = float(amount) if colon else 1.0
    except ValueError:
        number = math.nan
    if not -2 <= number <= 2:
        raise UserError(f"{name} = {value!r}: the amount must be a number from -2 to 2")
    return chosen, number


def _choice(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}"


def apply_factors(
    params: FlameParams,  # N rows
    factors: Mapping[str, Value],  # as check_factor returns them
    expressions: NamedExpressions,
) -> tuple[FlameParams, Tensor]:
    """The same faces with these factors set, and the rotation of their eyes [N, 6] in radians.

    Whatever is not named stays that of the face; named expressions come before single components
    and the jaw, whatever the order in `factors`. Style is not looked at.
    """
    eyes = params.pose.new_zeros(len(params), 6)
    if "expression" in factors:
        params = _express(
            params, *_named("expression", factors["expression"], expressions), expressions
        )
    if "light" in factors:
        name, amount = _named("light", factors["light"], LIGHTS)
        own = params.lighting
        params = params.replace(lighting=own + amount * (named_light(own, name) - own))
    for name, value in factors.items():
        field, _, component = name.partition(".")
        if component:
            coefficients = getattr(params, field).clone()
            coefficients[:, int(component)] = value
            params = params.replace(**{field: coefficients})
    if factors.keys() & set(ANGLES):
        params = _turn(params, factors)
    gaze = factors.get("gaze")
    if isinstance(gaze, tuple):
        turned = Rotation.from_euler("YX", gaze, degrees=True).as_rotvec()
        eyes += torch.from_numpy(turned).to(eyes).repeat(2)
    return params, eyes


def _express(
    params: FlameParams, name: str, amount: float, expressions: NamedExpressions
) -> FlameParams:
    chosen = expressions[name]
    expression, pose = torch.zeros_like(params.expression), params.pose.clone()
    for component, size in chosen.components.items():
        expression[:, component] = amount * size
    pose[:, 3:] = 0
    pose[:, 3] = math.radians(amount * chosen.jaw)
    return params.replace(expression=expression, pose=pose)


def _turn(params: FlameParams, factors: Mapping[str, Value]) -> FlameParams:
    angles = head_angles(params)
    for column, name in enumerate(ANGLES):
        if name in factors:
            angles[:, column] = float(factors[name])  # type: ignore[arg-type]
    pose = params.pose.clone()
    head = Rotation.from_euler("YXZ", angles[:, :3].numpy(), degrees=True)
    pose[:, :3] = torch.from_numpy(head.as_rotvec()).to(pose)
    pose[:, 3] = angles[:, 3].deg2rad().to(pose)
    return params.replace(pose=pose)


def head_angles(params: FlameParams) -> Tensor:
    """Yaw, pitch, roll and jaw in degrees: [N, 4], on the CPU; turned in this order."""
    pose = params.pose.detach().cpu().double()
    head = Rotation.from_rotvec(pose[:, :3].numpy()).as_euler("YXZ", degrees=True)
    return torch.cat([torch.from_numpy(head), pose[:, 3:4].rad2deg()], dim=1)


def factor_numbers(params: FlameParams, name: str) -> Tensor | None:
    """What N faces have of a factor: [N] numbers in its unit; None where it is no single number."""
    field, _, component = name.partition(".")
    if component:
        return getattr(params, field)[:, int(component)]
    return head_angles(params)[:, ANGLES.index(name)] if name in ANGLES else None


def named_light(
    lighting: Tensor,  # [N, 9, 3] harmonics x RGB
    name: str,  # of LIGHTS
) -> Tensor:
    """Lights [N, 9, 3] that are as bright as the given ones, averaged over what the viewer sees.

    A direction is white light of one strength from there on top of even light; "soft" is even
    light alone; "warm" and "cold" are the given lights in another colour.
    """
    if name in _TINTS:
        tint = lighting.new_tensor(_TINTS[name])
        grey = lighting.mean(dim=2, keepdim=True)
        return grey * tint / tint.mean()
    brightness = visible_brightness(lighting).mean(dim=1)
    made = torch.zeros_like(lighting)
    if name in _DIRECTIONS:
        direction = lighting.new_tensor(_DIRECTIONS[name])
        made[:, 1:4] = (_STRENGTH * direction / direction.norm() / SH_FACTORS[1])[:, None]
    directional = visible_brightness(made).mean(dim=1)
    made[:, 0] = ((brightness - directional) / SH_FACTORS[0])[:, None]
    return made


def visible_brightness(
    lighting: Tensor,  # [N, 9, 3] harmonics x RGB
) -> Tensor:
    """The shading of each color, averaged over what the viewer sees of a ball: [N, 3]."""
    # Means over the visible half of the harmonics 1, z and 3 z z - 1; the others' are 0.
    seen = lighting.new_zeros(9)
    seen[0], seen[3], seen[8] = 1.0, 2 / 3, 1 / 2
    return torch.einsum("nkc,k->nc", lighting, seen * lighting.new_tensor(SH_FACTORS))
