"""What a page is told beside its arrays: sizes, sliders, where to start, names and licences."""

import math
from typing import Any

import torch

from constants import EYE_TARGETS, EYE_VERTICES
from model.camera import center_eyes
from model.flame import FlameParams
from my_utils.faces.named_factors import LIGHTS, load_named_expressions, named_light
from my_utils.faces.sampling import mean_face
from my_utils.faces.sliders import NECK_AND_EYES, SLIDERS
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.web.onnx_export import condition_shape

SCENES = 64  # faces of the data set that lend random people their light
DIGITS = 5  # of numbers in the page
NOTE = "Neck and eyes are drawn, but parameter files do not hold them."


def page_settings(
    synthesizer: FaceSynthesizer,
    *,
    terms: str,  # of the head
) -> dict[str, Any]:
    """The settings, plain enough for JSON."""
    config, generator = synthesizer.config, synthesizer.generator
    named_expressions = synthesizer.resources.paths.named_expressions
    scenes = synthesizer.dataset_params()
    start = center_eyes(mean_face(scenes), synthesizer.renderer.flame)
    return {
        "terms": terms,
        "name": f"{synthesizer.name}, {synthesizer.nimg / 1000:g} thousand images",
        "condition": config.condition,
        "condition_shape": condition_shape(generator),
        "resolution": config.resolution,
        "render_size": config.render_size,
        "z_dim": config.z_dim,
        "eye_vertices": EYE_VERTICES,
        "eye_targets": EYE_TARGETS,
        "sliders": _sliders(can_truncate=config.condition != "vector"),
        "notes": {NECK_AND_EYES: NOTE},
        "start": _rounded(start.to_vector()[0]),
        "lightings": [_rounded(row) for row in _some(scenes).lighting.flatten(1)],
        "expressions": {
            name: {"components": found.components, "jaw": found.jaw}
            for name, found in load_named_expressions(named_expressions).items()
        },
        "lights": {name: _rounded(named_light(start.lighting, name).flatten()) for name in LIGHTS},
    }


def _some(scenes: FlameParams) -> FlameParams:
    """SCENES faces evenly spread over all, or all of fewer."""
    step = math.ceil(len(scenes) / SCENES)
    return scenes[::step]


def _sliders(*, can_truncate: bool) -> dict[str, list[dict]]:
    return {
        folder: [
            slider._asdict() for slider in sliders if slider.name != "Truncation" or can_truncate
        ]
        for folder, sliders in SLIDERS.items()
    }


def _rounded(row: torch.Tensor) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in row.tolist()]
