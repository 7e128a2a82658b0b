"""Contact sheets: photographs beside what was fitted to them, to be looked at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from model.flame import FlameParams
from my_utils.data.parameters import load_parameters
from my_utils.files.image_codec import read_photograph
from my_utils.files.images import from_uint8, image_grid, save_picture
from my_utils.photos.fitting import FittingHead
from my_utils.photos.folder_fit import FaceReport, Places

FACES_PER_SHEET = 12
COLUMNS = ("photograph", "rendering", "overlay", "landmarks")
DETECTED, EXPECTED = (255, 60, 60), (60, 220, 255)


def write_contact_sheets(head: FittingHead, faces: Sequence[FaceReport]) -> list[Path]:
    """Write sheets of these faces, in this order, beside the report of their folder."""
    places = Places.below(head.resources.paths.root)
    table = load_parameters(places.parameters)
    row_of = {int(number): row for row, number in enumerate(table.ids)}
    paths = []
    for start in range(0, len(faces), FACES_PER_SHEET):
        shown = faces[start : start + FACES_PER_SHEET]
        tiles = []
        for face in shown:
            vector = torch.from_numpy(table.vectors[[row_of[face.id]]])
            pixels = read_photograph(places.images / f"{face.id:05d}.png")
            tiles.append(face_tiles(head, pixels, FlameParams.from_vector(vector)))
        labels = [f"{face.id:05d}\n{face.landmark_residual:.1f} px" for face in shown]
        path = places.sheets / f"contact_sheet_{start // FACES_PER_SHEET + 1:03d}.png"
        save_picture(path, sheet(torch.cat(tiles), labels))
        paths.append(path)
    return paths


def sheet(tiles: Tensor, labels: Sequence[str]) -> Image.Image:
    """A grid of the four pictures of each face, with a caption that says what is seen."""
    return image_grid(
        tiles,
        len(COLUMNS),
        row_labels=labels,
        column_labels=COLUMNS,
        caption="Faces fitted to photographs, worst first. Left: id, and median distance of "
        "landmarks as detected (red) and as expected on the fitted face (blue), in 1/256 of the "
        "picture.",
    )


def face_tiles(
    head: FittingHead,
    pixels: np.ndarray,  # uint8 [S, S, 3], aligned
    params: FlameParams,  # one row
) -> Tensor:
    """Photograph, rendering, both, and landmarks: [4, 3, 256, 256] in [-1, 1]."""
    rendering = head.renderer(params)
    size = rendering.image.shape[-1]
    photograph = from_uint8(np.array(Image.fromarray(pixels).resize((size, size))))
    overlay = torch.lerp(photograph, rendering.image[0], 0.6 * rendering.mask[0])
    return torch.stack(
        [photograph, rendering.image[0], overlay, _landmarks(head, pixels, params, size)]
    )


def _landmarks(head: FittingHead, pixels: np.ndarray, params: FlameParams, size: int) -> Tensor:
    """The photograph with its landmarks, detected and as expected on the fitted face."""
    picture = Image.fromarray(pixels).resize((size, size))
    draw = ImageDraw.Draw(picture)
    expected = (head.landmark_term(params).position[0] + 1) * (size / 2)
    face = head.detector(pixels)
    if face is not None:
        detected = face.landmarks[head.embedding.landmarks] * (size / len(pixels))
        for (x, y), (u, v) in zip(detected.tolist(), expected.tolist(), strict=True):
            draw.point((x, y), DETECTED)
            draw.point((u, v), EXPECTED)
    return from_uint8(np.array(picture))
