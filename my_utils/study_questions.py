"""The questions of a perceptual study, from its manifest, and attention checks: questions whose
answer is known. Mechanical Turk's CSVs and the study page ask the same ones. Needs no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from my_utils.atomic_file import atomic_path
from my_utils.errors import UserError
from my_utils.image_codec import decode_image, encode_png
from my_utils.study_manifest import Picture

THUMBNAIL = 32  # pixels; enough to tell how different two faces are


@dataclass(frozen=True)
class PairQuestion:
    """Which of two pictures follows the mesh better?"""

    condition: int
    GT: str  # file of the mesh
    files: tuple[str, str]  # of the full model, then of the ablation; of a check: the right first
    models: tuple[str, str]


@dataclass(frozen=True)
class RatingQuestion:
    """How far do you agree that the two halves of a picture match?"""

    condition: int
    style: int
    image_url: str  # file of the picture
    expected: int | None = None  # of a check: 1 to 5


def pair_questions(pictures: Sequence[Picture]) -> list[PairQuestion]:
    """The first model of the manifest against each of the others, for every face of a mesh."""
    meshes = {picture.condition: picture.file for picture in pictures if picture.kind == "mesh"}
    faces = {
        (picture.model, picture.condition): picture.file
        for picture in pictures
        if picture.kind == "generated"
    }
    full, *ablations = dict.fromkeys(model for model, _ in faces)
    if not ablations or not meshes:
        raise UserError("the manifest must list the faces of at least two models, and the meshes")
    for model in (full, *ablations):
        for condition in meshes:
            if (model, condition) not in faces:
                raise UserError(f"the manifest lacks the face of {model} for mesh {condition}")
    return [
        PairQuestion(
            condition, mesh, (faces[full, condition], faces[model, condition]), (full, model)
        )
        for model in ablations
        for condition, mesh in meshes.items()
    ]


def rating_questions(pictures: Sequence[Picture]) -> list[RatingQuestion]:
    """One question per picture of a Likert manifest."""
    return [
        RatingQuestion(picture.condition, _style(picture), picture.file) for picture in pictures
    ]


def pair_checks(
    folder: Path, pictures: Sequence[Picture], count: int, seed: int
) -> list[PairQuestion]:
    """Checks whose right option is the very picture of the reference mesh.

    The wrong one is the mesh that differs most from it.
    """
    meshes = [picture for picture in pictures if picture.kind == "mesh"]
    pixels = [_pixels(folder / mesh.file) for mesh in meshes]
    return [
        PairQuestion(
            meshes[row].condition,
            meshes[row].file,
            (meshes[row].file, meshes[other].file),
            ("mesh", "mesh of another face"),
        )
        for row, other in _different_pairs(pixels, count, seed)
    ]


def rating_checks(
    folder: Path, pictures: Sequence[Picture], count: int, seed: int, outdir: Path
) -> list[RatingQuestion]:
    """Checks of a rendering beside itself (expected 5) and, in turn, beside the rendering that
    differs most from it (expected 1). Their pictures are written into `outdir/attention`.
    """
    sources = list({picture.condition: picture for picture in reversed(pictures)}.values())
    pixels = [_pixels(folder / picture.file) for picture in sources]
    renders = [pair[:, -pair.shape[0] :] for pair in pixels]
    pairs = _different_pairs(renders, count, seed)
    (outdir / "attention").mkdir(parents=True, exist_ok=True)
    checks = []
    for number, (row, other) in enumerate(pairs):
        source, same = sources[row], number % 2 == 0
        picture = pixels[row].copy()
        picture[:, : len(picture)] = renders[row if same else other]
        file = f"attention/{'same' if same else 'other'}_{source.condition:04d}.png"
        with atomic_path(outdir / file) as temporary:
            temporary.write_bytes(encode_png(picture))
        checks.append(RatingQuestion(source.condition, _style(source), file, 5 if same else 1))
    return checks


def _style(picture: Picture) -> int:
    assert picture.style is not None  # as in every row of a Likert manifest
    return picture.style


def _pixels(path: Path) -> np.ndarray:
    """uint8 [H, W, 3]."""
    try:
        return decode_image(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def _different_pairs(
    images: Sequence[np.ndarray],  # uint8 [H, W, 3] each
    count: int,
    seed: int,
) -> list[tuple[int, int]]:
    """`count` images drawn from all, each with the one of largest mean absolute difference."""
    if count > len(images) or len(images) < 2:
        raise UserError(
            f"{count} questions with a known answer need {max(2, count)} faces, and the manifest "
            f"has {len(images)}"
        )
    size = (THUMBNAIL, THUMBNAIL)
    thumbnails = np.stack(
        [np.asarray(Image.fromarray(image).convert("L").resize(size)) for image in images]
    )
    rows = np.random.default_rng(seed).choice(len(images), count, replace=False).tolist()
    differences = [np.abs(thumbnails - thumbnails[row].astype(float)) for row in rows]
    return [
        (row, int(difference.mean(axis=(1, 2)).argmax()))
        for row, difference in zip(rows, differences, strict=True)
    ]
