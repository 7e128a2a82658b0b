"""Renderings are encoded without loss, as files that any reader knows."""

import io

import numpy as np
import pytest
from PIL import Image

from my_utils.files.image_codec import decode_image, encode_png, encode_rendering

RANDOM = np.random.default_rng(0)
PICTURES = {
    "black": np.zeros((64, 64, 3), np.uint8),
    "noise": RANDOM.integers(0, 256, (31, 57, 3), dtype=np.uint8),
    "one pixel": np.array([[[1, 2, 3]]], np.uint8),
    "not contiguous": RANDOM.integers(0, 256, (3, 40, 40), dtype=np.uint8).transpose(1, 2, 0),
}


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_is_lost(name):
    data = encode_rendering(PICTURES[name])
    assert np.array_equal(decode_image(data), PICTURES[name])
    with Image.open(io.BytesIO(data)) as picture:
        picture.verify()  # the checksums
        assert (picture.format, picture.mode) == ("PNG", "RGB")


def test_shaded_surfaces_on_black_are_as_small_as_from_other_encoders():
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    depth = np.sqrt(np.clip(1 - x * x - y * y, 0, 1))
    sphere = (np.stack([depth, depth * (0.5 + x / 2), depth * (0.5 + y / 2)], -1) * 255).astype(
        "u1"
    )
    assert len(encode_rendering(sphere)) < 1.1 * len(encode_png(sphere))
