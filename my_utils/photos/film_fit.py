"""Fits the face of a film: one person in all frames, moving smoothly.

The film is read three times instead of being kept: to find the face, to learn the person's shape
and skin from every frame, and to fit the rest of each frame to that person.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from tqdm import tqdm

from constants import FLAME_SLICES, RENDER_SIZE
from model.flame import FlameParams
from my_utils.errors import UserError
from my_utils.files.film import FilmWriter, read_film
from my_utils.files.images import image_grid
from my_utils.photos.alignment import OrientedSquare, cut_out, ffhq_square, inverse, transform
from my_utils.photos.contact_sheet import COLUMNS, face_tiles
from my_utils.photos.fitting import BATCH, AlignedPhotograph, FittingHead

CROP_SMOOTHING = 4.0  # frames: standard deviation, of the crops
SMOOTHING = 1.2  # frames: of expression, pose, camera and lighting


class FilmFace(NamedTuple):
    """The face of the frames that show one."""

    frames: np.ndarray  # [T] numbers of these frames
    landmarks: np.ndarray  # [T, 468, 2] in pixels of the film
    squares: list[OrientedSquare]  # T crops that move smoothly
    frame_count: int  # of the film, with those that show no face


def fit_film(head: FittingHead, path: Path, face: FilmFace, *, fine: bool = False) -> FlameParams:
    """The parameters [T] of the face of a film, in every frame that shows it."""
    first = []
    for photographs in aligned_batches(path, face, "person"):
        first.append(head.fit(photographs).params)
    person = mean_person(FlameParams.cat(first))
    last = []
    for photographs in aligned_batches(path, face, "motion"):
        last.append(head.fit(photographs, fine=fine, person=person).params)
    return smooth(FlameParams.cat(last), face.frames)


def find_face(head: FittingHead, path: Path) -> FilmFace:
    """The largest face of each frame.

    Raises:
        UserError: it is no film, or no frame shows a face.
    """
    _, frames = read_film(path)
    found, count = {}, 0
    for count, pixels in enumerate(tqdm(frames, unit="frame", desc="faces", disable=None), 1):
        face = head.detector(pixels)
        if face is not None:
            found[count - 1] = face.landmarks
    if not found:
        raise UserError(f"none of the {count} frames of {path} shows a face")
    numbers, landmarks = np.array(list(found)), np.stack(list(found.values()))
    return FilmFace(numbers, landmarks, smooth_squares(landmarks, numbers), count)


def smooth_squares(landmarks: np.ndarray, numbers: np.ndarray) -> list[OrientedSquare]:
    """FFHQ crops [T] that do not tremble."""
    squares = np.array([ffhq_square(points) for points in landmarks])
    squares[:, 3] = np.unwrap(squares[:, 3])
    return [OrientedSquare(*map(float, row)) for row in smoothed(squares, numbers, CROP_SMOOTHING)]


def smoothed(
    values: np.ndarray,  # [T, C]
    numbers: np.ndarray,  # [T] of the frames
    sigma: float,
) -> np.ndarray:
    """Values [T, C] after a Gaussian filter over time, within runs of successive frames."""
    runs = np.split(values, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return np.concatenate([gaussian_filter1d(run, sigma, axis=0, mode="nearest") for run in runs])


def aligned_batches(path: Path, face: FilmFace, name: str) -> Iterator[list[AlignedPhotograph]]:
    """The crops of all frames that show the face, some at a time."""
    _, frames = read_film(path)
    row_of = {int(number): row for row, number in enumerate(face.frames)}
    batch = []
    for number, pixels in enumerate(
        tqdm(frames, total=face.frame_count, unit="frame", desc=name, disable=None)
    ):
        if number not in row_of:
            continue
        row = row_of[number]
        square = face.squares[row]
        landmarks = transform(inverse(square.to_picture(RENDER_SIZE)), face.landmarks[row])
        crop = cut_out(pixels, square, RENDER_SIZE)
        batch.append(AlignedPhotograph(crop, landmarks.astype(np.float32), square, 0))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def mean_person(params: FlameParams) -> FlameParams:
    """Shape and skin over all frames: one row."""
    return FlameParams.from_vector(params.to_vector().median(dim=0, keepdim=True).values)


def smooth(params: FlameParams, numbers: np.ndarray) -> FlameParams:
    """Faces whose expression, pose, camera and lighting change smoothly over the frames."""
    vector = params.to_vector().numpy().copy()
    for name in ("expression", "pose", "camera", "lighting"):
        columns = FLAME_SLICES[name]
        vector[:, columns] = smoothed(vector[:, columns], numbers, SMOOTHING)
    return FlameParams.from_vector(torch.from_numpy(vector))


def write_comparison(
    head: FittingHead, path: Path, face: FilmFace, params: FlameParams, out: Path
) -> None:
    """Write a film of the crops beside what was fitted to them, as on contact sheets."""
    fps, _ = read_film(path)
    row = 0
    with FilmWriter(out, fps=fps) as film:
        for photographs in aligned_batches(path, face, "comparison"):
            for photograph in photographs:
                tiles = face_tiles(head, photograph.pixels, params[[row]])
                film.add(image_grid(tiles[:3], 3, column_labels=COLUMNS[:3]))
                row += 1
