"""How closely generated faces follow their conditions, measured on photographs never trained on.

The generated face is compared with the photograph of the same parameters inside the face region,
and with photographs of other faces. The ratio of the two errors is 0 for a perfect copy and 1 for
a generator that ignores its condition.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model.condition import shrink
from model.flame import FlameParams
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.images import save_grid

SHUFFLES = 4  # every photograph is compared with this many faces of other conditions


@dataclass(frozen=True)
class ConditionError:
    """Mean absolute differences inside the face region, images in [-1, 1]."""

    matched: float
    shuffled: float

    @property
    def ratio(self) -> float:
        return self.matched / self.shuffled


def condition_error(
    synthesizer: FaceSynthesizer,
    params: FlameParams,  # N rows
    photographs: Tensor,  # [N, 3, R, R] in [-1, 1], of these faces
    region: Tensor,  # [N, 1, R, R] in {0, 1}, the face in each photograph
    *,
    batch: int,
) -> ConditionError:
    """Generate every face in a style of its own and compare; N must exceed SHUFFLES."""
    seeds = list(range(len(params)))
    faces = synthesizer.batches(params, seeds, batch=batch)
    generated = torch.cat([face.clamped.cpu() for face in faces])

    def error(images: Tensor) -> float:
        weight = region.expand_as(images)
        return (((images - photographs).abs() * weight).sum() / weight.sum()).item()

    others = [error(generated.roll(offset, dims=0)) for offset in range(1, SHUFFLES + 1)]
    return ConditionError(matched=error(generated), shuffled=sum(others) / SHUFFLES)


def save_comparison(
    path: Path,
    synthesizer: FaceSynthesizer,
    params: FlameParams,  # N rows
    photographs: Tensor,  # [N, 3, R, R] in [-1, 1], of these faces
) -> None:
    """Write a grid of photographs, renderings and generated faces, one face a column."""
    faces = synthesizer(params, range(len(params)))
    renders = shrink(faces.render, synthesizer.config.resolution)
    rows = (photographs, renders.cpu(), faces.image.cpu())
    labels = ("photograph (never seen)", "rendering", "generated")
    save_grid(path, torch.cat(rows), len(params), row_labels=labels)
