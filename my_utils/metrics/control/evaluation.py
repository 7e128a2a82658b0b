"""Measures the control that one generator gives: errors, disentanglement, identity."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from model.flame import FlameParams
from my_utils.data.dataset import MIN_STD
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.metrics.control.measures import (
    CHANGES,
    SAME_PERSON,
    Draw,
    component_correlations,
    disentanglement,
    error_name,
    factor_errors,
    identity_codes,
    identity_features,
    identity_similarity,
    neighbours,
    read_changes,
    read_faces,
    varying_factors,
)
from my_utils.metrics.control.regressor import ParameterRegressor, Reading, save_regressor
from my_utils.metrics.control.regressor_training import (
    EPOCHS,
    MOST,
    RENDERED,
    LabelledFaces,
    load_photographs,
    rendered_faces,
    train_regressor,
)
from my_utils.metrics.control.visible_factors import FACTORS, UNITS, VisibleFactors

SIZE, DEMO_SIZE = 128, 64  # pixels that a regressor looks at


@dataclass(frozen=True)
class Control:
    """What was measured, beside the same for photographs: the floor that the regressor sets."""

    errors: dict[str, float]  # by factor, in its unit
    floor_errors: dict[str, float]
    strangers: dict[str, float]  # the same between the parameters of different people
    correlations: dict[str, float]  # by name of the component
    floor_correlations: dict[str, float]
    matrix: Tensor  # [changes, factors], see `disentanglement`
    floor_matrix: Tensor | None  # only where changed photographs can be had: in the demo
    identity: dict[str, dict[str, float]]  # by embedding and change, see `identity_similarity`

    @property
    def constant(self) -> list[str]:
        """The factors that do not vary in the data, and are not measured."""
        return [factor for factor in FACTORS if factor not in self.errors]

    def to_dict(self) -> dict:
        """Everything as JSON holds it."""
        values = vars(self) | {"matrix": named_rows(self.matrix), "units": UNITS}
        return values | {"floor_matrix": named_rows(self.floor_matrix) or None}

    def measures(self) -> dict[str, dict[str, float | None]]:
        """The numbers that runs are compared by, by name: each as "value", its floor as "floor"."""
        found: dict[str, tuple[float, float | None]] = {
            error_name(factor): (error, self.floor_errors[factor])
            for factor, error in self.errors.items()
        }
        for name in ("yaw", "pitch", "roll", "jaw"):
            if name in self.correlations:
                pair = (self.correlations[name], self.floor_correlations.get(name))
                found[f"{name}_correlation"] = pair
        floors = summary(self.floor_matrix) if self.floor_matrix is not None else {}
        for name, value in summary(self.matrix).items():
            found[name] = (value, floors.get(name))
        return {name: {"value": value, "floor": floor} for name, (value, floor) in found.items()}


def summary(
    matrix: Tensor,  # [changes, factors], see `disentanglement`
) -> dict[str, float]:
    """Obedience, the mean of the diagonal, and leakage, that of the other places.

    Of factors that vary; what has no value is left out.
    """
    square = matrix[: len(FACTORS)]  # without the style, which is no factor
    own = torch.eye(len(square), dtype=torch.bool)
    place = CHANGES.index("expression"), list(FACTORS).index("texture")
    found = {
        "obedience": square[own].nanmean().item(),
        "leakage": square[~own].nanmean().item(),
        "leakage_expression_to_texture": matrix[place].item(),
    }
    return finite(found)


def named_rows(matrix: Tensor | None) -> dict[str, dict[str, float]]:
    """The numbers by change and factor, those alone that have a value; none without a matrix."""
    if matrix is None:
        return {}
    rows = [finite(dict(zip(FACTORS, row, strict=True))) for row in matrix.tolist()]
    return {change: row for change, row in zip(CHANGES, rows, strict=True) if row}


def finite(values: Mapping[str, float]) -> dict[str, float]:
    """Those that have a value."""
    return {name: value for name, value in values.items() if math.isfinite(value)}


def regressor_path(synthesizer: FaceSynthesizer) -> Path:
    """Where the regressor of a resources folder is, or is to be."""
    folder = synthesizer.resources.paths.output_root / "reinference"
    return folder / f"regressor-{regressor_size(synthesizer)}.safetensors"


def regressor_size(synthesizer: FaceSynthesizer) -> int:
    """The pixels that the regressor looks at: a generator's own, or fewer."""
    config = synthesizer.config
    return min(config.resolution, DEMO_SIZE if config.demo else SIZE)


def train_regressor_for(
    synthesizer: FaceSynthesizer,
    factors: VisibleFactors,
    *,
    rendered: int = RENDERED,  # faces beside the photographs
    epochs: int = EPOCHS,
) -> None:
    """Train a regressor on the photographs of a generator's resources, and save it."""
    resources, config, device = synthesizer.resources, synthesizer.config, synthesizer.device
    if config.demo and not resources.paths.photographs.exists():
        raise UserError(
            f"there are no photographs in {resources.paths.root} to learn to read parameters "
            "from: draw them with `python prepare_lmdb/create_demo_resources.py`, or pass "
            "--measure condition"
        )
    size = regressor_size(synthesizer)
    photographs = load_photographs(resources, config, size, held_out=False, most=MOST)
    vectors = photographs.params.to_vector()
    mean, std = vectors.mean(dim=0), vectors.std(dim=0, correction=0).clamp(min=MIN_STD)
    weights = factors.component_weights(mean.to(device), std.to(device))
    more = rendered_faces(photographs, synthesizer.renderer, count=rendered)
    faces = LabelledFaces(
        torch.cat([photographs.images, more.images]),
        FlameParams.cat([photographs.params, more.params]),
    )
    regressor = train_regressor(faces, weights, mean=mean, std=std, device=device, epochs=epochs)
    save_regressor(regressor_path(synthesizer), regressor, faces=len(photographs.images))


@dataclass(frozen=True)
class HeldOut:
    """Faces that the regressor never saw, with their photographs."""

    params: FlameParams  # N rows
    photographs: Tensor  # [N, 3, R, R] in [-1, 1], of the generator's size
    photographer: Draw | None  # takes others, of any parameters; only the demo has one


def held_out(synthesizer: FaceSynthesizer, count: int) -> HeldOut:
    """The first held-out faces; those of the demo were not seen by its generators either."""
    config = synthesizer.config
    if not config.demo:
        kept = load_photographs(
            synthesizer.resources, config, config.resolution, held_out=True, most=count
        )
        return HeldOut(kept.params, kept.floats(), None)
    from my_utils.demo.held_out import held_out_faces, held_out_photographs

    faces = held_out_faces(count, config.resolution)
    photographer = partial(held_out_photographs, size=regressor_size(synthesizer))
    return HeldOut(faces.params, faces.photographs, photographer)


def measure_control(
    synthesizer: FaceSynthesizer,
    regressor: ParameterRegressor,
    factors: VisibleFactors,
    faces: HeldOut,
    *,
    batch: int,
    truncation_psi: float = 1.0,
) -> Control:
    """Draw the held-out faces and changed ones, face k in style k, and read them all."""

    device, flame = synthesizer.device, synthesizer.renderer.flame
    wanted, styles = faces.params.to(device), list(range(len(faces.params)))

    def generate(params: FlameParams, styles: Sequence[int]) -> Tensor:
        return synthesizer(params, styles, truncation_psi=truncation_psi).clamped

    def take_photograph(params: FlameParams, styles: Sequence[int]) -> Tensor:
        return faces.photographs[styles]

    def read(images: Tensor) -> Reading:
        return regressor(images.to(device))

    generated = read_faces(generate, read, wanted, styles, batch=batch).params
    photographed = read_faces(take_photograph, read, wanted, styles, batch=batch).params
    varying = varying_factors(factors, wanted)
    changes = {"generated": read_changes(generate, read, wanted, flame, batch=batch)}
    floor_matrix = None
    if faces.photographer:
        floor = read_changes(faces.photographer, read, wanted, flame, batch=batch)
        floor_matrix = disentanglement(factors, floor, floor["base"].params, varying)
        changes["photographs"] = floor
    weights = factors.component_weights(regressor.mean, regressor.std)
    codes = identity_codes(regressor.mean, regressor.std, weights)
    identity = {}
    for drawn, readings in changes.items():
        features = identity_features(readings["base"])
        same = [change for change in SAME_PERSON if change in varying]
        identity[f"shape and texture, {drawn}"] = identity_similarity(readings, codes, same)
        identity[f"features, {drawn}"] = identity_similarity(readings, features, same)
    errors, floor_errors, others = (
        {factor: distances[factor] for factor in varying}
        for distances in (
            factor_errors(factors, one, wanted)
            for one in (generated, photographed, neighbours(wanted))
        )
    )
    return Control(
        errors=errors,
        floor_errors=floor_errors,
        strangers=others,
        correlations=finite(component_correlations(generated, wanted)),
        floor_correlations=finite(component_correlations(photographed, wanted)),
        matrix=disentanglement(factors, changes["generated"], photographed, varying),
        floor_matrix=floor_matrix,
        identity=identity,
    )
