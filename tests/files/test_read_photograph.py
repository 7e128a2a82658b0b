"""Photographs that are not plain 8-bit RGB are read as a viewer shows them."""

import numpy as np
import pytest
from PIL import Image

from my_utils.files.image_codec import read_photograph

RAMP = np.linspace(0, 1, 256)[None].repeat(8, axis=0)


def test_the_camera_was_held_sideways(tmp_path):
    upright = np.zeros((64, 48, 3), np.uint8)
    upright[:32, :, 0], upright[:, :24, 2] = 255, 255
    lying = Image.fromarray(upright).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    lying.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_photograph(tmp_path / "a.png"), upright)


@pytest.mark.parametrize(
    ("levels", "name"),
    [
        (np.uint16(RAMP * 65535), "grey.png"),
        (np.uint16(RAMP * 65535), "grey.tif"),
        (np.float32(RAMP), "float.tif"),
        (np.uint8(RAMP * 255), "plain.png"),
    ],
)
def test_every_depth_keeps_its_range(tmp_path, levels, name):
    Image.fromarray(levels).save(tmp_path / name)
    pixels = read_photograph(tmp_path / name)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels[..., 0] - RAMP * 255).max() <= 1


def test_floats_of_an_unknown_range_are_refused(tmp_path):
    Image.fromarray(np.float32(RAMP * 80)).save(tmp_path / "hdr.tif")
    with pytest.raises(ValueError, match="black and white are unknown"):
        read_photograph(tmp_path / "hdr.tif")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(tmp_path, mode):
    picture = Image.new("RGBA", (16, 16), (10, 10, 10, 0))
    picture.paste((10, 10, 10, 255), (0, 0, 8, 16))
    picture.convert(mode).save(tmp_path / "a.png")
    pixels = read_photograph(tmp_path / "a.png")
    assert pixels[0, 0].tolist() == [10] * 3
    assert pixels[0, 15].tolist() == [255] * 3


@pytest.mark.parametrize("mode", ["CMYK", "L", "1"])
def test_other_modes_become_colors(tmp_path, mode):
    Image.new("RGB", (16, 16), "white").convert(mode).save(tmp_path / "a.tif")
    assert (read_photograph(tmp_path / "a.tif") == 255).all()


def test_what_is_no_picture_is_said(tmp_path):
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(ValueError, match="format is unknown"):
        read_photograph(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="not a file"):
        read_photograph(tmp_path)
