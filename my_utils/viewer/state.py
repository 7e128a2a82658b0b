"""What the viewer's sliders stand for: the state of one face, and undoing its changes.

Nothing here knows of a page, so it is tested without a browser.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from constants import LARGEST_SEED
from model.camera import fit_camera_to_head, looking_ahead
from model.flame import FLAME, FlameParams
from my_utils.errors import UserError
from my_utils.faces.named_factors import NamedExpressions
from my_utils.faces.sliders import (
    COMPONENTS,
    NECK_AND_EYES,
    SLIDERS,
    STRONGEST_EXPRESSION,
    expression_sliders,
)
from my_utils.untrusted.text import shown
from my_utils.viewer.light import adjust_light, light_direction

Value = float | int | bool
RANGES = {slider.name: (slider.low, slider.high) for group in SLIDERS.values() for slider in group}
AT_REST = {slider.name: 0.0 for slider in SLIDERS[NECK_AND_EYES]}


def checked_value(name: str, value: object, *, first_seed: int = 0) -> Value:
    """What a browser sent for a value of the state; UserError where it cannot be that."""
    if name == "Centre eyes":
        return bool(value)
    if not isinstance(value, int | float):
        raise UserError(f"{name} is no number: {shown(value)}")
    if name == "Style seed":
        if not first_seed <= value <= LARGEST_SEED or value != int(value):
            raise UserError(
                f"the style seed must be a whole number from {first_seed} to {LARGEST_SEED}"
            )
        return int(value)
    low, high = RANGES.get(name, (0.0, STRONGEST_EXPRESSION))
    if not low <= value <= high:
        raise UserError(f"{name} must be a number from {low:g} to {high:g}")
    return float(value)


class PosedFace(NamedTuple):
    """One face, ready to be drawn."""

    params: FlameParams  # one row
    neck: Tensor  # [1, 3] axis-angle in radians
    eyes: Tensor  # [1, 6] axis-angle in radians
    vertices: Tensor  # [1, V, 3] metres


@dataclass(frozen=True)
class ViewerState:
    """A face as a person sees it on the page; changes make a new one."""

    base: FlameParams  # one row, on the CPU; what no slider reaches is taken from it
    values: Mapping[str, Value]  # of every slider, of "Style seed" and of "Centre eyes"
    off_center: Tensor | None = None  # [1, 3] added to the camera that centers the eyes
    expressions: NamedExpressions = field(default_factory=dict)  # each is a slider, too
    first_seed: int = 0  # of styles; below 0 where there is a person's own

    @staticmethod
    def of(
        params: FlameParams,  # one row
        seed: int,
        *,
        truncation: float,
        center_eyes: bool,  # otherwise the camera stays the one of `params`
        off_center: Tensor | None = None,
        expressions: NamedExpressions | None = None,
        first_seed: int = 0,
    ) -> "ViewerState":
        """The state that draws these parameters."""
        params = params.to("cpu")
        head = Rotation.from_rotvec(params.pose[0, :3].numpy()).as_euler("YXZ", degrees=True)
        azimuth, elevation = light_direction(params.lighting[0])
        values = dict(zip(("Head yaw", "Head pitch", "Head roll"), head.tolist(), strict=True))
        values |= AT_REST | {
            "Jaw": float(params.pose[0, 3].rad2deg()),
            "Azimuth": azimuth,
            "Elevation": elevation,
            "Strength": 1.0,
            "Ambient": 1.0,
            "Truncation": truncation,
            "Zoom": 1.0,
            "Style seed": seed,
            "Centre eyes": center_eyes,
        }
        for name in ("Shape", "Expression", "Texture"):
            row = getattr(params, name.lower())[0, :COMPONENTS].tolist()
            values |= {f"{name} {k + 1}": value for k, value in enumerate(row)}
        expressions = expressions or {}
        values |= {slider.name: 0.0 for slider in expression_sliders(expressions)}
        return ViewerState(params, values, off_center, expressions, first_seed)

    def change(self, name: str, value: object) -> "ViewerState":
        """The same face with one value exchanged, as a browser sent it.

        Raises:
            UserError: there is no such value, or it is outside its range.
        """
        checked = checked_value(name, value, first_seed=self.first_seed)
        return replace(self, values={**self.values, name: checked})

    def at_rest(self) -> "ViewerState":
        """The same face with neck and eyes at rest, as parameter files hold it."""
        return replace(self, values={**self.values, **AT_REST})

    def pose(self, flame: FLAME) -> PosedFace:
        """Its parameters and its mesh, on the device of `flame`."""
        device, value = flame.v_template.device, self.values
        params = self._params().to(device)
        neck = _rotation("Neck", value)[None].to(device)
        eyes = _rotation("Eyes", value).repeat(2)[None].to(device)
        vertices = flame(params, neck=neck, eyes=eyes)
        camera = params.camera
        if value["Centre eyes"]:
            camera = fit_camera_to_head(vertices, flame(looking_ahead(params)))
            if self.off_center is not None:
                camera = camera + self.off_center.to(device)
        camera = camera * camera.new_tensor([value["Zoom"], 1, 1])
        return PosedFace(params.replace(camera=camera), neck, eyes, vertices)

    def _params(self) -> FlameParams:
        value = self.values
        pose = self.base.pose.clone()
        pose[0, :3] = _rotation("Head", value)
        pose[0, 3] = torch.tensor(value["Jaw"]).deg2rad()
        lighting = adjust_light(
            self.base.lighting[0],
            azimuth=value["Azimuth"],
            elevation=value["Elevation"],
            strength=value["Strength"],
            ambient=value["Ambient"],
        )
        params = self.base.replace(
            shape=self._coefficients("Shape"),
            expression=self._coefficients("Expression"),
            texture=self._coefficients("Texture"),
            pose=pose,
            lighting=lighting[None],
        )
        return self._express(params)

    def _coefficients(self, name: str) -> Tensor:
        coefficients = getattr(self.base, name.lower()).clone()
        for k in range(COMPONENTS):
            coefficients[0, k] = self.values[f"{name} {k + 1}"]
        return coefficients

    def _express(self, params: FlameParams) -> FlameParams:
        """The face with the named expressions on top of its own."""
        expression, pose = params.expression.clone(), params.pose.clone()
        for name, (components, jaw) in self.expressions.items():
            amount = float(self.values.get(name.capitalize(), 0.0))
            pose[0, 3] += amount * math.radians(jaw)
            for component, size in components.items():
                expression[0, component] += amount * size
        return params.replace(expression=expression, pose=pose)


def _rotation(name: str, values: Mapping[str, Value]) -> Tensor:
    """Axis-angle [3] in radians of the angles under this name: yaw, then pitch, then roll."""
    angles = [values.get(f"{name} {angle}", 0.0) for angle in ("yaw", "pitch", "roll")]
    rotation = Rotation.from_euler("YXZ", angles, degrees=True)
    return torch.from_numpy(rotation.as_rotvec()).float()


class History:
    """A state that remembers what it was: changes can be undone and done again."""

    def __init__(self, state: ViewerState) -> None:
        self.state = state
        self._past: list[ViewerState] = []
        self._future: list[ViewerState] = []
        self._last_name = ""

    def set(self, state: ViewerState) -> None:
        """Go on to another state: one step."""
        self._past.append(self.state)
        self._future.clear()
        self.state, self._last_name = state, ""

    def change(self, name: str, value: object) -> None:
        """Exchange one value; changes of the same value in a row, as by dragging, are one step."""
        if name == self._last_name:
            self.state = self.state.change(name, value)
        else:
            self.set(self.state.change(name, value))
            self._last_name = name

    def undo(self) -> None:
        """Go back by one step, where there is one."""
        self._step(self._past, self._future)

    def redo(self) -> None:
        """Go forward again to what was undone last."""
        self._step(self._future, self._past)

    def _step(self, source: list[ViewerState], target: list[ViewerState]) -> None:
        if source:
            target.append(self.state)
            self.state, self._last_name = source.pop(), ""
