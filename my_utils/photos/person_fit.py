"""From a photograph with known parameters to its person: a style, and weights tuned to both."""

import copy

import numpy as np
from torch import Tensor

from model.camera import keep_framing
from model.condition import shrink
from model.flame import FlameParams
from model.renderer import Rendering
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.photos.inversion import (
    STYLE_STEPS,
    TUNING_STEPS,
    Views,
    find_style,
    head_weight,
    tune_weights,
)
from my_utils.photos.warped_views import warp_photograph
from my_utils.runs.networks import to_device
from my_utils.runs.person import Person, generator_digest, round_to_half

OTHER_VIEWS = 32  # of the photograph's face, in the pose, expression and light of other faces


def fit_person(
    synthesizer: FaceSynthesizer,
    photograph: Tensor,  # [1, 3, S, S] in [-1, 1], of the renderings' size
    params: FlameParams,  # one row, of this crop
    *,
    style_steps: int = STYLE_STEPS,
    tuning_steps: int = TUNING_STEPS,  # 0 leaves the generator as it is
    seed: int = 0,
) -> FaceSynthesizer:
    """A synthesizer that draws the person of the photograph in a style of its own.

    Its generator is the given one, rounded to half precision as in a person's file.

    Raises:
        UserError: the generator has no style beside the parameters.
    """
    if synthesizer.config.condition == "vector":
        raise UserError(
            "a photograph cannot be edited by run 24: its style holds the parameters too, so no "
            "other style can be found for them; pass a generator of another run"
        )
    generator, device = round_to_half(copy.deepcopy(synthesizer.generator)), synthesizer.device
    photograph, params = photograph.to(device), params.to(device)
    rendering = synthesizer.renderer(params)
    own = _views(synthesizer, rendering, params, photograph, head_weight(rendering.mask))
    style = find_style(generator, own, steps=style_steps)
    weights: dict[str, Tensor] = {}
    if tuning_steps:
        views = _other_views(synthesizer, photograph, params, np.random.default_rng(seed))
        tuned = tune_weights(generator, style, own, views=views, steps=tuning_steps, seed=seed)
        weights = {name: value.half().float() for name, value in tuned.items()}
    digest = generator_digest(synthesizer.generator)
    person = Person.of(params, style[0], synthesizer.renderer.flame, digest, weights)
    return FaceSynthesizer(
        generator,
        synthesizer.renderer,
        synthesizer.config,
        synthesizer.resources,
        file=synthesizer.file,
        nimg=synthesizer.nimg,
        person=person,
    )


def _views(
    synthesizer: FaceSynthesizer,
    rendering: Rendering,
    params: FlameParams,
    image: Tensor,  # [N, 3, S, S]
    weight: Tensor,  # [N, 1, S, S]
) -> Views:
    """At the generator's size and in its layout."""
    config, device = synthesizer.config, synthesizer.device
    image, weight = (shrink(part, config.resolution) for part in (image, weight))
    condition = synthesizer.condition(rendering, params)
    return Views(condition, to_device(image, config, device), weight)


def _other_views(
    synthesizer: FaceSynthesizer,
    photograph: Tensor,
    params: FlameParams,
    rng: np.random.Generator,
) -> Views:
    faces = synthesizer.dataset_params()
    faces = faces[rng.integers(len(faces), size=OTHER_VIEWS).tolist()].to(synthesizer.device)
    others = params[[0] * OTHER_VIEWS].replace(
        pose=faces.pose, expression=faces.expression, lighting=faces.lighting
    )
    others = keep_framing(others, params, synthesizer.renderer.flame)
    warped = warp_photograph(photograph, params, others, synthesizer.renderer)
    return _views(synthesizer, warped.rendering, others, warped.image, warped.weight)
