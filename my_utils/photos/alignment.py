"""Where a face lies in a photograph: oriented squares, and the one that FFHQ would cut out.

Picture coordinates are pixels, x right and y down, 0 at the left upper corner of the picture, so
that the center of the first pixel is at 0.5.
"""

from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

# Landmarks of the Face Mesh network nearest to those that FFHQ was aligned with (dlib's 68: eyes
# 36..47, corners of the mouth 48 and 54). The right eye is on the left of the picture.
RIGHT_EYE = (33, 160, 158, 133, 153, 144)
LEFT_EYE = (362, 385, 387, 263, 373, 380)
MOUTH_CORNERS = (61, 291)
MARGIN = 4  # pixels around a square, for the filters
# These landmarks make the crop larger than dlib's do: measured on 522 pictures aligned as FFHQ.
SIDE_BY_DLIB = 0.965
ALIGNED_TOLERANCE = 0.14  # of the side: a square picture this near to its crop is aligned already


class OrientedSquare(NamedTuple):
    """A square of a picture, turned clockwise by `angle` as seen on the screen."""

    x: float  # of the center
    y: float
    side: float
    angle: float = 0.0  # radians

    def to_picture(self, size: int) -> np.ndarray:
        """The affine map [2, 3] from pixels of the square, size x size, to the picture's."""
        step = self.side / size
        cosine, sine = step * np.cos(self.angle), step * np.sin(self.angle)
        turn = np.array([[cosine, -sine], [sine, cosine]])
        origin = np.array([self.x, self.y]) - turn @ [size / 2, size / 2]
        return np.column_stack([turn, origin])

    def corners(self) -> np.ndarray:
        """The four corners [4, 2] in the picture, clockwise from the left upper one."""
        return transform(self.to_picture(1), np.array([[0, 0], [1, 0], [1, 1], [0, 1]]))


def transform(
    affine: np.ndarray,  # [2, 3]
    points: np.ndarray,  # [..., 2]
) -> np.ndarray:
    """Points [..., 2] after an affine map."""
    return points @ affine[:, :2].T + affine[:, 2]


def inverse(
    affine: np.ndarray,  # [2, 3]
) -> np.ndarray:
    """The affine map [2, 3] that undoes another."""
    back = np.linalg.inv(affine[:, :2])
    return np.column_stack([back, -back @ affine[:, 2]])


def ffhq_square(
    landmarks: np.ndarray,  # [468, 2] in the picture
) -> OrientedSquare:
    """The crop of FFHQ (Karras et al. 2019, appendix A), from the eyes and the mouth.

    It is upright along the mean of the line between the eyes and the normal of the line from the
    eyes to the mouth; twice the distance of the eyes or 1.8 times that to the mouth is half of
    its side.
    """
    right, left = landmarks[list(RIGHT_EYE)].mean(axis=0), landmarks[list(LEFT_EYE)].mean(axis=0)
    eyes = (left + right) / 2
    across, down = left - right, landmarks[list(MOUTH_CORNERS)].mean(axis=0) - eyes
    direction = across + [down[1], -down[0]]
    half = max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down))
    x, y = eyes + 0.1 * down
    angle = np.arctan2(direction[1], direction[0])
    return OrientedSquare(float(x), float(y), float(2 * SIDE_BY_DLIB * half), float(angle))


def align(
    landmarks: np.ndarray,  # [468, 2] in the picture
    width: int,
    height: int,
) -> OrientedSquare:
    """The FFHQ crop, or the whole picture where that is such a crop already.

    A picture that was aligned by other landmarks is kept as it is: cutting it out again would only
    blur it, and move it by the disagreement of the two, a few percent of its side.
    """
    crop = ffhq_square(landmarks)
    whole = OrientedSquare(width / 2, height / 2, width)
    moved = np.abs(crop.corners() - whole.corners()).max()
    return whole if width == height and moved <= ALIGNED_TOLERANCE * width else crop


def cut_out(
    pixels: np.ndarray,  # uint8 [H, W, 3]
    square: OrientedSquare,
    size: int,
    *,
    beyond: Literal["mirror", "black"] = "mirror",
) -> np.ndarray:
    """The square of a picture at size x size pixels: uint8 [size, size, 3].

    What lies beyond the borders of the picture is its mirror image, as in FFHQ, or black.
    """
    if pixels.shape[:2] == (size, size) and square == OrientedSquare(size / 2, size / 2, size):
        return pixels
    part, corner = _with_margins(pixels, square, beyond)
    picture, affine = Image.fromarray(part), square.to_picture(size)
    affine[:, 2] -= corner
    step = square.side / size  # in pixels of the picture
    if step >= 2:  # averages, so that no detail between the samples is lost
        picture = picture.reduce(int(step))
        affine, step = affine / int(step), step / int(step)
    samples = 2 if step > 1 else 1  # in a row of every pixel
    affine = affine / [samples, samples, 1]
    shape = (samples * size, samples * size)
    cut = picture.transform(
        shape, Image.Transform.AFFINE, affine.ravel().tolist(), Image.Resampling.BICUBIC
    )
    return np.asarray(cut.reduce(samples))


def _with_margins(
    pixels: np.ndarray,  # uint8 [H, W, 3]
    square: OrientedSquare,
    beyond: str,
) -> tuple[np.ndarray, np.ndarray]:
    """The part of a picture around a square, continued beyond the borders, and its corner [2]."""
    corners = square.corners()
    first = np.floor(corners.min(axis=0)).astype(int) - MARGIN
    last = np.ceil(corners.max(axis=0)).astype(int) + MARGIN
    index = [np.arange(*ends) for ends in zip(first, last, strict=True)]
    counts = pixels.shape[1::-1]
    columns, rows = (_mirrored(places, count) for places, count in zip(index, counts, strict=True))
    part = pixels[rows[:, None], columns]
    if beyond == "black":
        outside_x, outside_y = (
            (places < 0) | (places >= count) for places, count in zip(index, counts, strict=True)
        )
        part[:, outside_x] = part[outside_y] = 0
    return part, first


def _mirrored(index: np.ndarray, count: int) -> np.ndarray:
    """Indices outside 0..count - 1 reflected into it."""
    index = index % (2 * count)
    return np.minimum(index, 2 * count - 1 - index)
