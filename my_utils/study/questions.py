"""The questions of a perceptual study, from its manifest, and attention checks: questions whose
answer is known. Mechanical Turk's CSVs and the study page ask the same ones. Needs no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.files.image_codec import decode_image, encode_png
from my_utils.study.manifest import Picture
from my_utils.untrusted.text import path_below

MAX_PIXELS = 2**23  # of a picture; those of 1024 pixels have a quarter
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
    thumbnails = [thumbnail(read_pixels(folder / mesh.file)) for mesh in meshes]
    return [
        PairQuestion(
            meshes[row].condition,
            meshes[row].file,
            (meshes[row].file, meshes[other].file),
            ("mesh", "mesh of another face"),
        )
        for row, other in _different_pairs(thumbnails, count, seed)
    ]


def rating_checks(
    folder: Path, pictures: Sequence[Picture], count: int, seed: int, outdir: Path
) -> list[RatingQuestion]:
    """Checks of a rendering beside itself (expected 5) and, in turn, beside the rendering that
    differs most from it (expected 1). Their pictures are written into `outdir/attention`.
    """
    sources = list({picture.condition: picture for picture in reversed(pictures)}.values())
    thumbnails = [thumbnail(_rendering(read_pixels(folder / one.file))) for one in sources]
    pairs = _different_pairs(thumbnails, count, seed)
    path_below(outdir, "attention").mkdir(parents=True, exist_ok=True)
    checks = []
    for number, (row, other) in enumerate(pairs):
        source, same = sources[row], number % 2 == 0
        picture = read_pixels(folder / source.file)
        other_pair = picture if same else read_pixels(folder / sources[other].file)
        if other_pair.shape != picture.shape:
            raise UserError(f"{source.file} and {sources[other].file} in {folder} differ in size")
        picture[:, : len(picture)] = _rendering(other_pair)
        file = f"attention/{'same' if same else 'other'}_{source.condition:04d}.png"
        with atomic_path(path_below(outdir, file)) as temporary:
            temporary.write_bytes(encode_png(picture))
        checks.append(RatingQuestion(source.condition, _style(source), file, 5 if same else 1))
    return checks


def _style(picture: Picture) -> int:
    assert picture.style is not None  # as in every row of a Likert manifest
    return picture.style


def read_pixels(path: Path) -> np.ndarray:
    """uint8 [H, W, 3]."""
    try:
        return decode_image(path.read_bytes(), max_pixels=MAX_PIXELS)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def _rendering(
    pair: np.ndarray,  # uint8 [R, W, 3]
) -> np.ndarray:
    """The right half of a Likert picture: uint8 [R, R, 3]."""
    return pair[:, -len(pair) :]


def thumbnail(
    pixels: np.ndarray,  # uint8 [H, W, 3]
) -> np.ndarray:
    """Small and grey: uint8 [THUMBNAIL, THUMBNAIL]."""
    return np.asarray(Image.fromarray(pixels).convert("L").resize((THUMBNAIL, THUMBNAIL)))


def _different_pairs(
    thumbnails: Sequence[np.ndarray],  # as thumbnail's
    count: int,
    seed: int,
) -> list[tuple[int, int]]:
    """`count` images drawn from all, each with the one of largest mean absolute difference."""
    if count > len(thumbnails) or len(thumbnails) < 2:
        raise UserError(
            f"{count} questions with a known answer need {max(2, count)} faces, and the manifest "
            f"has {len(thumbnails)}"
        )
    small = np.stack(thumbnails)
    rows = np.random.default_rng(seed).choice(len(small), count, replace=False).tolist()
    return [
        (row, int(np.abs(small - small[row].astype(float)).mean(axis=(1, 2)).argmax()))
        for row in rows
    ]
