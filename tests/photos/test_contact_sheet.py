from types import SimpleNamespace

import numpy as np
import pytest
import torch

from my_utils.photos.contact_sheet import DETECTED, EXPECTED, face_tiles

SIZE = 16  # of the renderings
DETECTED_AT, EXPECTED_AT = [(3, 5), (12, 9)], [(4, 5), (12, 11)]  # column, row of 16


def fitted_head(face):
    """What a contact sheet asks of a head; it knows landmarks 1 and 3 of those detected."""
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., 8:] = 1
    position = (torch.tensor(EXPECTED_AT) + 0.5) / (SIZE / 2) - 1
    return SimpleNamespace(
        renderer=lambda params: SimpleNamespace(image=torch.ones(1, 3, SIZE, SIZE), mask=mask),
        landmark_term=lambda params: SimpleNamespace(position=position[None]),
        embedding=SimpleNamespace(landmarks=[1, 3]),
        detector=lambda pixels: face,
    )


def levels(tile):
    """uint8 [S, S, 3] of a tile."""
    return ((tile + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()


@pytest.fixture
def gray():
    """A photograph of twice the renderings' size."""
    return np.full((2 * SIZE, 2 * SIZE, 3), 100, np.uint8)


def test_landmarks_lie_where_they_are_detected_and_where_they_are_expected(gray):
    landmarks = np.zeros((4, 2), np.float32)
    landmarks[[1, 3]] = 2 * (np.array(DETECTED_AT) + 0.5)
    tiles = face_tiles(fitted_head(SimpleNamespace(landmarks=landmarks)), gray, None)
    wanted = np.full((SIZE, SIZE, 3), 100, np.uint8)
    for places, color in ((DETECTED_AT, DETECTED), (EXPECTED_AT, EXPECTED)):
        for column, row in places:
            wanted[row, column] = color
    assert np.array_equal(levels(tiles[3]), wanted)


def test_the_rendering_lies_over_the_photograph_where_the_head_is(gray):
    photograph, rendering, overlay, landmarks = face_tiles(fitted_head(None), gray, None)
    assert (levels(photograph) == 100).all() and (levels(rendering) == 255).all()
    assert (levels(overlay)[:, :8] == 100).all() and (levels(overlay)[:, 8:] == 193).all()
    assert torch.equal(landmarks, photograph), "no face was detected"
