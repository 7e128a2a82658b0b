"""The sliders that move a face, in the viewer and in the page that needs no server."""

from collections.abc import Iterable
from typing import NamedTuple

STRONGEST_EXPRESSION = 1.5  # times the named one
COMPONENTS = 10  # of shape, expression and texture that have a slider


class Slider(NamedTuple):
    """A number of the state that a person may move."""

    name: str  # key in ViewerState.values, and the label
    low: float
    high: float
    step: float
    hint: str


def _components(name: str, hint: str) -> tuple[Slider, ...]:
    hint = f"a component {hint}; 0 is the average"
    return tuple(Slider(f"{name} {k + 1}", -3.0, 3.0, 0.1, hint) for k in range(COMPONENTS))


NECK_AND_EYES, STYLE_AND_CAMERA = "Neck and eyes (degrees)", "Style and camera"


def expression_sliders(names: Iterable[str]) -> tuple[Slider, ...]:
    """A slider for each named expression; a face at rest in every way is no expression."""
    hint = "on top of the face's own expression"
    return tuple(
        Slider(name.capitalize(), 0.0, STRONGEST_EXPRESSION, 0.05, hint)
        for name in names
        if name != "neutral"
    )


SLIDERS = {  # by folder
    "Head pose (degrees)": (
        Slider("Head yaw", -60.0, 60.0, 1.0, "turns to the picture's right"),
        Slider("Head pitch", -45.0, 45.0, 1.0, "nods downwards"),
        Slider("Head roll", -45.0, 45.0, 1.0, "leans to the picture's left"),
        Slider("Jaw", 0.0, 30.0, 0.5, "opens the mouth"),
    ),
    "Expression (standard deviations)": _components("Expression", "of the face's expressions"),
    "Shape (standard deviations)": _components("Shape", "of the shapes of heads"),
    "Skin texture (standard deviations)": _components("Texture", "of the skin's colours"),
    "Light": (
        Slider("Azimuth", -180.0, 180.0, 1.0, "degrees; to the picture's right, 0 is in front"),
        Slider("Elevation", -90.0, 90.0, 1.0, "degrees above the face"),
        Slider("Strength", 0.0, 2.0, 0.05, "light from that direction; 1 is this face's own"),
        Slider("Ambient", 0.0, 2.0, 0.05, "light from everywhere; 1 is this face's own"),
    ),
    NECK_AND_EYES: (
        Slider("Neck yaw", -40.0, 40.0, 1.0, "turns to the picture's right"),
        Slider("Neck pitch", -30.0, 30.0, 1.0, "nods downwards"),
        Slider("Neck roll", -30.0, 30.0, 1.0, "leans to the picture's left"),
        Slider("Eyes yaw", -30.0, 30.0, 1.0, "both look to the picture's right"),
        Slider("Eyes pitch", -30.0, 30.0, 1.0, "both look down"),
    ),
    STYLE_AND_CAMERA: (
        Slider("Truncation", 0.0, 1.0, 0.05, "1 keeps the style, 0 is the mean style"),
        Slider("Zoom", 0.5, 2.0, 0.05, "of the camera"),
    ),
}
