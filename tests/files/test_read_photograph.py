"""Photographs that are not plain 8-bit RGB are read as a viewer shows them."""

import struct

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


def linear_profile() -> bytes:
    """An ICC profile of sRGB's primaries whose levels are proportional to the light."""

    def xyz(*values):
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    name = b"linear light\0"
    curve = b"curv" + bytes(8)  # without entries: the identity
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(78),
        b"wtpt": xyz(0.9642, 1, 0.8249),
        b"rXYZ": xyz(0.4360, 0.2225, 0.0139),
        b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": xyz(0.1431, 0.0606, 0.7139),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    start, table, data = 132 + 12 * len(tags), b"", b""
    for tag, content in tags.items():
        content += bytes(-len(content) % 4)
        table += tag + struct.pack(">II", start + len(data), len(content))
        data += content
    kind = bytes(4) + struct.pack(">I", 0x02100000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    header = struct.pack(">I", start + len(data)) + kind + bytes(28)
    header += struct.pack(">iii", *(round(v * 65536) for v in (0.9642, 1, 0.8249)))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
def test_colours_of_another_profile_become_srgb_s(tmp_path, ending):
    levels = np.linspace(0, 255, 16).round().astype(np.uint8)
    pixels = np.repeat(np.repeat(levels, 8)[None, :, None], 16, axis=0).repeat(3, axis=2)
    quality = {"jpg": {"quality": 100}, "webp": {"lossless": True}}.get(ending, {})
    profile = linear_profile()
    path = tmp_path / f"a.{ending}"
    Image.fromarray(pixels).save(path, icc_profile=profile, **quality)
    light = levels / 255
    expected = 255 * np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    found = read_photograph(path)[8, 4::8]
    assert np.abs(found - expected[:, None]).max() < 3
    for unknown in (b"", b"no profile" * 20, profile.replace(b"linear light", b"sRGB as told")):
        Image.fromarray(pixels).save(path, icc_profile=unknown, **quality)
        assert np.abs(read_photograph(path).astype(int) - pixels).max() <= 1
