"""Pictures are rounded, encoded, labelled and finished as promised."""

import io
import os

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from my_utils.errors import UserError
from my_utils.files.image_codec import MAX_PIXELS
from my_utils.files.images import (
    decode_image,
    encode_jpeg,
    encode_png,
    from_uint8,
    image_grid,
    save_grid,
    save_image,
    save_picture,
    to_uint8,
)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def test_every_level_survives_the_way_to_floats_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    floats = from_uint8(levels)
    assert floats.shape == (1, 3, 16, 16)
    twin = torch.arange(256) / 255 * 2 - 1
    assert torch.equal(floats[0, 0].flatten(), twin)
    assert np.array_equal(to_uint8(floats), levels)


def test_floats_become_the_nearest_level_and_are_clamped():
    values = torch.tensor([-7.0, -1.0, (100.4 / 255) * 2 - 1, (100.6 / 255) * 2 - 1, 1.0, 3.0])
    found = to_uint8(values.view(1, 1, 6).expand(3, 1, 6))
    assert found[0, :, 0].tolist() == [0, 0, 100, 101, 255, 255]


def test_png_is_exact_and_jpeg_is_close(pixels):
    assert np.array_equal(decode_image(encode_png(pixels)), pixels)
    smooth = np.asarray(Image.fromarray(pixels[::6, ::6]).resize((96, 96), Image.BICUBIC))
    error = np.abs(decode_image(encode_jpeg(smooth)).astype(int) - smooth)
    assert error.mean() < 2
    buffer = io.BytesIO()
    Image.fromarray(smooth).save(buffer, "JPEG", quality=100)  # the published builder's call
    assert encode_jpeg(smooth) == buffer.getvalue()


def test_a_picture_with_alpha_or_one_channel_is_read_as_rgb(pixels):
    for mode in ("RGBA", "L", "P"):
        buffer = io.BytesIO()
        Image.fromarray(pixels).convert(mode).save(buffer, "PNG")
        assert decode_image(buffer.getvalue()).shape == (24, 32, 3)


@pytest.mark.parametrize("cut", [0, 1, 20, 100, -30])
def test_broken_bytes_are_a_value_error(pixels, cut):
    with pytest.raises(ValueError, match="not a usable picture"):
        decode_image(encode_png(pixels)[:cut])


def test_a_picture_of_another_size_is_refused(pixels):
    with pytest.raises(ValueError, match="32 x 24 pixels instead of 32"):
        decode_image(encode_png(pixels), expected_size=32)


def test_a_decompression_bomb_is_refused_before_decoding():
    buffer = io.BytesIO()
    side = int(MAX_PIXELS**0.5) + 1
    Image.new("1", (side, side)).save(buffer, "PNG")
    assert len(buffer.getvalue()) < 100_000
    with pytest.raises(ValueError, match="too many"):
        decode_image(buffer.getvalue())


def test_saved_pictures_are_whole_or_absent(tmp_path, pixels, monkeypatch):
    path = tmp_path / "new" / "face.png"
    save_image(path, from_uint8(pixels))
    assert np.array_equal(np.asarray(Image.open(path)), pixels)

    before = path.read_bytes()

    def fail(self, file, **options):
        file.write_bytes(b"half of a")
        raise OSError(28, "disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        save_image(path, torch.zeros(3, 8, 8))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["face.png"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".pdf"])
def test_the_suffix_chooses_the_format(tmp_path, pixels, suffix):
    path = tmp_path / f"face{suffix}"
    save_image(path, from_uint8(pixels))
    magic = {".png": b"\x89PNG", ".jpg": b"\xff\xd8", ".webp": b"RIFF", ".pdf": b"%PDF"}
    assert path.read_bytes().startswith(magic[suffix])


def test_an_unknown_suffix_names_the_known_ones(tmp_path):
    with pytest.raises(UserError, match=".png, .jpg"):
        save_picture(tmp_path / "face.tga", Image.new("RGB", (2, 2)))
    assert not list(tmp_path.iterdir())


def test_a_grid_without_labels_holds_the_images_row_by_row():
    images = torch.linspace(-1, 1, 5).view(5, 1, 1, 1).expand(5, 3, 150, 200)
    grid = np.asarray(image_grid(images, 3))
    assert grid.shape == (304, 606, 3)
    for n, level in enumerate(to_uint8(images)[:, 0, 0, 0]):
        y, x = n // 3 * 152 + 1, n % 3 * 202 + 1
        assert (grid[y : y + 150, x : x + 200] == level).all()
    assert (grid[152:, 404:] == 255).all()  # no sixth image: paper


def test_small_images_are_magnified_by_a_whole_factor():
    images = torch.rand(1, 3, 50, 50) * 2 - 1
    grid = np.asarray(image_grid(images, 1))[1:-1, 1:-1]
    assert (grid == to_uint8(images)[0].repeat(2, axis=0).repeat(2, axis=1)).all()


def ink(picture) -> int:
    return int((255 - np.asarray(picture.convert("L")).astype(int)).sum())


def ink_of(words: str, size: int = 12) -> int:
    """Ink of separate words drawn on paper that is large enough."""
    font = ImageFont.load_default(size)
    paper = Image.new("RGB", (200 * len(words.split()) + 200, 100), "white")
    for n, word in enumerate(words.split()):
        ImageDraw.Draw(paper).text((10 + 200 * n, 20), word, (32, 32, 32), font)
    return ink(paper)


@pytest.mark.parametrize(
    "labels",
    [
        {"column_labels": ["a", "normal map", "disproportionatelylongword"]},
        {"row_labels": ["shape, expression and jaw pose of a quite different face", "typography"]},
        {"caption": "Figure 3. Every row exchanges one group of parameters, and nothing else."},
        {"row_labels": ["p", "q"], "column_labels": ["g", "j", "y"], "caption": "Qgjpqy"},
    ],
)
def test_no_label_is_ever_cut(labels):
    white = torch.ones(6, 3, 16, 16)
    grid = image_grid(white, 3, **labels)
    words = " ".join(text if isinstance(text, str) else " ".join(text) for text in labels.values())
    assert ink(grid) == pytest.approx(ink_of(words), rel=0.02)
    edge = np.asarray(grid.convert("L"))
    assert min(edge[0].min(), edge[-1].min(), edge[:, 0].min(), edge[:, -1].min()) > 200


def test_labels_stand_beside_their_images():
    black = -torch.ones(4, 3, 40, 40)
    plain = image_grid(black, 2)
    labelled = image_grid(black, 2, row_labels=["one", "two"], column_labels=["left", "right"])
    margin = np.array(labelled.size) - plain.size
    assert (margin > 10).all()
    picture = np.asarray(labelled)
    corner = picture[: margin[1], : margin[0]]
    assert (corner == 255).all()
    assert np.array_equal(picture[margin[1] :, margin[0] :], np.asarray(plain))


def test_labels_must_be_as_many_as_rows_and_columns():
    with pytest.raises(ValueError, match="3 labels for 2"):
        image_grid(torch.zeros(4, 3, 8, 8), 2, row_labels=["a", "b", "c"])


def test_save_grid_passes_labels_on(tmp_path):
    save_grid(tmp_path / "grid.png", torch.zeros(2, 3, 16, 16), 2, column_labels=["a", "b"])
    assert Image.open(tmp_path / "grid.png").height > 18
