"""Do generated faces have the parameters that were asked for, and does the rest stay?

Pictures are drawn by one function and read by another, so a generator, a photographer and a reader
that never errs are measured by the same lines.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from constants import PARAM_DIM
from model.camera import center_eyes
from model.flame import FLAME, FlameParams
from my_utils.metrics.control.regressor import Reading
from my_utils.metrics.control.visible_factors import FACTORS, UNITS, VisibleFactors

Draw = Callable[[FlameParams, Sequence[int]], Tensor]  # faces, styles -> images in [-1, 1]
Read = Callable[[Tensor], Reading]

CHANGES = (*FACTORS, "style")
SAME_PERSON = ("pose", "expression", "light")  # changes that leave a person who it is
OTHER_PERSON = "another person"
SAME = 1e-6  # in any unit: faces that differ by rounding alone
CORRELATED = 10  # components of shape, expression and texture


def read_faces(
    draw: Draw, read: Read, params: FlameParams, styles: Sequence[int], *, batch: int
) -> Reading:
    """Draw N faces in N styles, a few at a time, and read them."""
    readings = []
    for start in range(0, len(params), batch):
        rows = slice(start, start + batch)
        readings.append(read(draw(params[rows], styles[rows])))
    return Reading(
        FlameParams.cat([reading.params for reading in readings]),
        torch.cat([reading.features for reading in readings]),
    )


def factor_errors(
    factors: VisibleFactors, inferred: FlameParams, wanted: FlameParams
) -> dict[str, float]:
    """Mean distance between two lists of N faces in every factor, in the units of UNITS."""
    return {factor: factors.distance(factor, inferred, wanted).mean().item() for factor in FACTORS}


def varying_factors(factors: VisibleFactors, faces: FlameParams) -> list[str]:
    """Those in which N faces differ. Of the others there is nothing to measure: many trackers leave
    texture or light, some all but the shape, at one value."""
    differences = factor_errors(factors, neighbours(faces), faces)
    return [factor for factor, difference in differences.items() if difference > SAME]


def error_name(factor: str) -> str:
    """What the error of a factor is called in reports, e.g. "shape_error_mm"."""
    return f"{factor}_error_{UNITS[factor].split()[0]}"


def component_correlations(inferred: FlameParams, wanted: FlameParams) -> dict[str, float]:
    """Pearson's correlation over N faces of single numbers: "shape 1", ..., "yaw", "jaw".

    Yaw, pitch and roll are Euler angles, about the vertical axis first; the jaw's is its opening.
    Not a number where one of the two never varies.
    """
    found, asked = (named_components(params.to("cpu")) for params in (inferred, wanted))
    with np.errstate(invalid="ignore"):
        return {name: np.corrcoef(found[name], asked[name])[0, 1].item() for name in found}


def named_components(params: FlameParams) -> dict[str, np.ndarray]:
    """The numbers that correlations are given of, each [N]."""
    angles = Rotation.from_rotvec(params.pose[:, :3].double().numpy()).as_euler("YXZ")
    named = dict(zip(("yaw", "pitch", "roll"), angles.T, strict=True))
    named["jaw"] = params.pose[:, 3].double().numpy()
    for factor in ("shape", "expression", "texture"):
        components = getattr(params, factor).double().numpy().T[:CORRELATED]
        named |= {f"{factor} {k}": numbers for k, numbers in enumerate(components, start=1)}
    return named


def neighbours(params: FlameParams) -> FlameParams:
    """For each of N faces the next one, for the last the first."""
    return params[torch.arange(len(params)).roll(-1)]


def changed_faces(
    base: FlameParams,  # N rows
    other: FlameParams,  # N rows
    change: str,
    flame: FLAME,
) -> FlameParams:
    """The base faces with one factor of the others, seen by the eye-centred camera."""
    vector = base.to_vector().clone()
    if change in FACTORS:
        vector[:, FACTORS[change]] = other.to_vector()[:, FACTORS[change]]
    return center_eyes(FlameParams.from_vector(vector), flame)


def read_changes(
    draw: Draw,
    read: Read,
    base: FlameParams,  # N rows
    flame: FLAME,
    *,
    batch: int,
) -> dict[str, Reading]:
    """What is read off the base faces, under "base", and after each of the CHANGES.

    Face k takes a factor, or the style, from face k + 1. Everything else is drawn as before.
    """
    other = neighbours(base)
    styles = list(range(len(base)))
    readings = {}
    for change in tqdm(("base", *CHANGES), unit="change", disable=None):
        faces = changed_faces(base, other, change, flame)
        in_styles = styles[1:] + styles[:1] if change == "style" else styles
        readings[change] = read_faces(draw, read, faces, in_styles, batch=batch)
    return readings


def disentanglement(
    factors: VisibleFactors,
    readings: Mapping[str, Reading],  # as `read_changes` gives them
    photographs: FlameParams,  # N rows, what is read off photographs of the base faces
    varying: Collection[str] = tuple(FACTORS),  # see `varying_factors`
) -> Tensor:
    """How much each change moves what is read of each factor: [len(CHANGES), len(FACTORS)].

    In units of the mean difference between the readings of two photographs. So a factor that is
    obeyed moves itself by about 1, and one that leaks into no other moves those by 0. Not a number
    in the rows and columns of factors that do not vary.
    """
    usual = factor_errors(factors, photographs, neighbours(photographs))
    base = readings["base"].params
    moved = [factor_errors(factors, readings[change].params, base) for change in CHANGES]
    known = {*varying, "style"}
    return torch.tensor(
        [
            [row[name] / usual[name] if {name, change} <= known else math.nan for name in FACTORS]
            for change, row in zip(CHANGES, moved, strict=True)
        ]
    )


def identity_similarity(
    readings: Mapping[str, Reading],  # as `read_changes` gives them
    embed: Callable[[Reading], Tensor],  # -> [N, D] vectors around zero that tell people apart
    same_person: Sequence[str] = SAME_PERSON,  # changes that leave a person who it is
) -> dict[str, float]:
    """Mean cosine between a person and the same one changed, and between different people."""
    base = embed(readings["base"])
    pairs = {change: embed(readings[change]) for change in same_person}
    pairs[OTHER_PERSON] = base.roll(-1, dims=0)
    return {
        name: F.cosine_similarity(base, others, dim=1).mean().item()
        for name, others in pairs.items()
    }


def identity_codes(
    mean: Tensor,  # [236] of the data set
    std: Tensor,  # [236]
    weights: Tensor,  # [236], see component_weights
) -> Callable[[Reading], Tensor]:
    """An embedding of who somebody is: shape and texture, as strong as they are seen."""
    scale = weights.sqrt() / std
    columns = torch.cat([torch.arange(PARAM_DIM)[FACTORS[name]] for name in ("shape", "texture")])

    def embed(reading: Reading) -> Tensor:
        return ((reading.params.to_vector() - mean) * scale)[:, columns]

    return embed


def identity_features(reading_of_all: Reading) -> Callable[[Reading], Tensor]:
    """An embedding by the reader's own features, around their mean over many faces."""
    centre = reading_of_all.features.mean(dim=0)

    def embed(reading: Reading) -> Tensor:
        return reading.features - centre

    return embed
