"""The crop of FFHQ, and cutting oriented squares out of pictures."""

import numpy as np
import pytest

from my_utils.photos.alignment import (
    LEFT_EYE,
    MOUTH_CORNERS,
    RIGHT_EYE,
    SIDE_BY_DLIB,
    OrientedSquare,
    align,
    cut_out,
    ffhq_square,
    inverse,
    transform,
)


def landmarks_at(right_eye, left_eye, mouth):
    """Landmarks that lie on top of each other in the eyes and the mouth."""
    landmarks = np.zeros((468, 2))
    for ids, place in ((RIGHT_EYE, right_eye), (LEFT_EYE, left_eye), (MOUTH_CORNERS, mouth)):
        landmarks[list(ids)] = place
    return landmarks


def smooth_picture(height, width):
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 17) + np.cos(y / 23), np.sin((x + y) / 29), np.cos((x - y) / 19)]
    return np.uint8(np.round(127 + 60 * np.stack(waves, axis=-1)))


def test_the_crop_of_an_upright_face():
    square = ffhq_square(landmarks_at((400, 500), (600, 500), (500, 720)))
    # Twice the distance of the eyes, 400, is more than 1.8 times that to the mouth, 396.
    assert square == pytest.approx(OrientedSquare(500, 522, SIDE_BY_DLIB * 800, 0))
    assert ffhq_square(landmarks_at((400, 500), (600, 500), (500, 730))).side == pytest.approx(
        SIDE_BY_DLIB * 828
    )


@pytest.mark.parametrize("degrees", [-70, 25, 140])
def test_the_crop_turns_with_the_face(degrees):
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upright = landmarks_at((400, 500), (600, 500), (500, 720))
    square = ffhq_square(upright @ turn.T)
    assert square.angle == pytest.approx(angle)
    assert np.allclose(square.corners(), ffhq_square(upright).corners() @ turn.T)


def test_what_is_aligned_already_stays_as_it_is():
    aligned = landmarks_at((96, 122), (160, 122), (128, 192))
    assert align(aligned, width=256, height=256) == OrientedSquare(128, 128, 256)
    assert align(aligned, width=300, height=256) == ffhq_square(aligned)
    assert align(aligned + 40, width=256, height=256) == ffhq_square(aligned + 40)
    pixels = smooth_picture(256, 256)
    assert cut_out(pixels, OrientedSquare(128, 128, 256), 256) is pixels
    assert np.array_equal(cut_out(pixels, OrientedSquare(128, 128, 64), 64), pixels[96:160, 96:160])


def test_the_map_back_to_the_photograph():
    affine = OrientedSquare(310, 170, 240, 0.4).to_picture(64)
    points = np.random.default_rng(0).uniform(0, 64, (5, 2))
    assert np.allclose(transform(inverse(affine), transform(affine, points)), points)
    assert np.allclose(transform(affine, np.array([32, 32])), [310, 170])


@pytest.mark.parametrize("side", [40, 64, 130, 300, 700])
def test_pixels_come_from_where_the_map_says(side):
    """Each pixel of a cut is the picture at its center, whatever is reduced on the way."""
    square, size = OrientedSquare(410, 395, side, 0.3), 64
    step = side / size
    picture = smooth_picture(800, 800)
    cut = cut_out(picture, square, size).astype(float)
    rows, columns = np.mgrid[4:60, 4:60]
    places = np.stack([columns, rows], axis=-1) + 0.5
    x, y = np.moveaxis(transform(square.to_picture(size), places), -1, 0) - 0.5
    waves = [np.sin(x / 17) + np.cos(y / 23), np.sin((x + y) / 29), np.cos((x - y) / 19)]
    expected = 127 + 60 * np.stack(waves, axis=-1)
    tolerance = 2 + 0.3 * step**2  # averages of a curved function
    assert np.abs(cut[4:60, 4:60] - expected).max() < tolerance


def test_beyond_the_border_is_a_mirror_or_black():
    picture = smooth_picture(60, 80)
    square = OrientedSquare(0, 30, 40)  # its left half is outside
    mirrored = cut_out(picture, square, 40)
    assert np.array_equal(mirrored[:, 20:], picture[10:50, :20])
    assert np.array_equal(mirrored[:, :20], picture[10:50, :20][:, ::-1])
    assert not cut_out(picture, square, 40, beyond="black")[:, :18].any()
