"""Measures of what looks wrong in faces that obey: drawn lines, flicker, too little variety.

Lines appear where the condition has an edge that photographs do not have: along the border of the
picture, and along the outside of the mesh where hair covers it. Every number stands beside that of
photographs, where these can be taken.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from model.condition import shrink
from model.flame import FlameParams
from my_utils.faces.sampling import interpolate_path
from my_utils.faces.synthesizer import FaceSynthesizer

Photographer = Callable[[FlameParams, Sequence[int]], Tensor]  # of faces in styles: [N, 3, R, R]

BORDER_SHARE = 1 / 16  # of the picture's side: how far from the border lines are looked for
SILHOUETTE_SHARE = 1 / 32  # how far outside the mesh
STEPS = 64  # of a continuum from one face to the next: small ones, as for a film
STEPS_SEEN = 8  # of them
STYLE_SIZE = 16  # pixels to which pictures are averaged to compare hair, clothes and background
STYLE_FACES = 4  # whose styles are compared
NEIGHBORS = 3  # the distance to the third is the radius within which a style counts as reached


class Artefact(NamedTuple):
    """One measure of generated faces."""

    value: float
    floor: float | None  # the same of photographs


class Drawn(NamedTuple):
    """Generated faces and their renderings, on the CPU."""

    image: Tensor  # [N, 3, R, R] in [-1, 1]
    render: Tensor  # [N, 3, R, R] in [-1, 1]
    mask: Tensor  # [N, 1, R, R] in {0, 1}, where the mesh is


def measure_artefacts(
    synthesizer: FaceSynthesizer,
    params: FlameParams,  # N rows, at least five
    photographs: Tensor,  # [N, 3, R, R] in [-1, 1], of these faces
    photographer: Photographer | None,  # takes others; only the demo has one
    *,
    batch: int,
    continua: int = 8,  # on which flicker is measured
    styles: int = 128,  # of each face whose styles are compared
) -> dict[str, Artefact]:
    """All measures by name, face k in style k.

    "border" and "silhouette": energy of lines there. "flicker": the mean change of the face per
    step of a continuum, as a multiple of the renderings'. "style_recall": the share of the styles
    of photographs that generated ones come near; only with a photographer.
    """
    faces = draw(synthesizer, params, range(len(params)), batch=batch)
    border = border_lines(faces.image.shape[-1])
    silhouette = silhouette_lines(faces.mask)
    changes: list[Tensor] = []
    for row in range(min(continua, len(params) - 1)):
        path = interpolate_path(params[[row, row + 1]], STEPS)[: STEPS_SEEN + 1]
        steps = draw(synthesizer, path, [row] * len(path), batch=batch)
        kinds = [steps.image, steps.render]
        if photographer:
            kinds.append(photographer(path, [row] * len(path)))
        changes.append(torch.tensor([mean_change(images, steps.mask) for images in kinds]))
    generated, rendered, *photographed = torch.stack(changes).sum(dim=0).tolist()
    found = {
        "border": Artefact(line_energy(faces.image, border), line_energy(photographs, border)),
        "silhouette": Artefact(
            line_energy(faces.image, silhouette), line_energy(photographs, silhouette)
        ),
        "flicker": Artefact(
            generated / rendered, photographed[0] / rendered if photographed else None
        ),
    }
    if photographer:
        recalls = [
            style_recall(synthesizer, params[[row]], photographer, styles, batch=batch)
            for row in range(STYLE_FACES)
        ]
        found["style_recall"] = Artefact(*torch.tensor(recalls).mean(dim=0).tolist())
    return found


def draw(
    synthesizer: FaceSynthesizer, params: FlameParams, styles: Sequence[int], *, batch: int
) -> Drawn:
    """Generate faces with their renderings at the size of the pictures."""
    size = synthesizer.config.resolution
    parts = [
        Drawn(faces.image.cpu(), shrink(faces.render, size).cpu(), shrink(faces.mask, size).cpu())
        for faces in synthesizer.batches(params, styles, batch=batch)
    ]
    image, render, mask = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return Drawn(image, render, (mask >= 0.5).float())


def rings(
    inside: Tensor,  # [N, 1, H, W] in {0, 1}
    count: int,
) -> list[Tensor]:  # each [N, 1, H, W] in {0, 1}
    """The pixels at a distance of 1, 2, ... `count` from a region, the nearest first."""
    grown = [inside]
    for _ in range(count):
        grown.append(F.max_pool2d(grown[-1], 3, stride=1, padding=1))
    return [larger - smaller for smaller, larger in zip(grown[:-1], grown[1:], strict=True)]


def border_lines(size: int) -> list[Tensor]:  # each [1, 1, size, size]
    """The frames of pixels along the border of a picture, the innermost first."""
    width = max(2, round(size * BORDER_SHARE))
    middle = torch.ones(1, 1, size - 2 * width, size - 2 * width)
    return rings(F.pad(middle, [width] * 4), width)


def silhouette_lines(
    mask: Tensor,  # [N, 1, H, W] in {0, 1}, where the mesh is
) -> list[Tensor]:
    """The rows of pixels along the outside of a mesh."""
    return rings(mask, max(2, round(mask.shape[-1] * SILHOUETTE_SHARE)))


def line_energy(
    images: Tensor,  # [N, 3, H, W] in [-1, 1]
    lines: Sequence[Tensor],  # each [N or 1, 1, H, W] in {0, 1}, side by side
) -> float:
    """The mean squared difference between the mean colours of neighbouring lines.

    The mean along a line keeps what is drawn along it, and next to nothing of noise and hair.
    """
    sums = torch.stack([(images * line).sum(dim=(2, 3)) for line in lines])
    counts = torch.stack([line.sum(dim=(2, 3)) for line in lines])
    both = ((counts[1:] > 0) & (counts[:-1] > 0)).expand(-1, len(images), 3)
    return (sums / counts.clamp(min=1)).diff(dim=0)[both].square().mean().item()


def mean_change(
    images: Tensor,  # [T, 3, H, W], along a continuum
    mask: Tensor,  # [T, 1, H, W]
) -> float:
    """The mean absolute change per step where the mesh is in both pictures."""
    both = mask[1:] * mask[:-1]
    change = images.diff(dim=0).abs().mean(dim=1, keepdim=True)
    return ((change * both).sum() / both.sum()).item()


def style_recall(
    synthesizer: FaceSynthesizer,
    face: FlameParams,  # one row
    photographer: Photographer,
    count: int,
    *,
    batch: int,
) -> tuple[float, float]:
    """How much of the variety of photographs of a face generated ones reach, and other photographs.

    Pictures are compared as they look from afar, where they differ by hair, clothes, background.
    """
    rows = face[[0] * count]
    photographs = photographer(rows, range(count))
    others = photographer(rows, range(count, 2 * count))
    generated = draw(synthesizer, rows, range(count), batch=batch).image
    views = [
        F.adaptive_avg_pool2d(images, STYLE_SIZE).flatten(1)
        for images in (photographs, generated, others)
    ]
    return recall(views[0], views[1]), recall(views[0], views[2])


def recall(
    real: Tensor,  # [N, D]
    generated: Tensor,  # [M, D]
) -> float:
    """The share of real rows within reach of a generated one (Kynkäänniemi et al. 2019)."""
    radius = torch.cdist(generated, generated).kthvalue(NEIGHBORS + 1, dim=1).values
    return (torch.cdist(real, generated) <= radius).any(dim=1).float().mean().item()
