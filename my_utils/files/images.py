"""Pictures in and out: the only place where images are 8-bit RGB instead of floats in [-1, 1].

Every script writes its pictures and labelled grids here, so they all round, name and finish their
files in the same way: a picture appears whole or not at all.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.files.image_codec import GENERATED, decode_image, encode_jpeg, encode_png, png_note

__all__ = [
    "decode_image",
    "encode_jpeg",
    "encode_png",
    "from_levels",
    "from_uint8",
    "image_grid",
    "save_grid",
    "save_image",
    "save_picture",
    "to_uint8",
]

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont  # the second where FreeType is missing
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG"},
    ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".webp": {"format": "WEBP", "quality": 95},
    ".pdf": {"format": "PDF"},
}
IMAGE_DESCRIPTION = 0x010E  # of EXIF
GAP = 2  # pixels between the tiles of a grid
MIN_TILE = 128  # pixels; smaller images are magnified by a whole factor to be looked at
MIN_CAPTION_WIDTH = 256  # pixels; a narrower grid gets white space at its right instead
TEXT_COLOUR = (32, 32, 32)


def to_uint8(
    image: Tensor,  # [..., 3, H, W], shown from -1 (black) to 1 (white)
) -> np.ndarray:
    """The nearest 8-bit levels, channels last: uint8 [..., H, W, 3]."""
    levels = (image.detach().float().clamp(-1, 1) + 1) * 127.5
    return levels.round().to(torch.uint8).movedim(-3, -1).cpu().numpy()


def from_uint8(
    pixels: np.ndarray,  # uint8 [..., H, W, 3]
) -> Tensor:
    """Floats in [-1, 1], channels first: [..., 3, H, W]."""
    return from_levels(torch.from_numpy(pixels)).contiguous()


def from_levels(
    levels: Tensor,  # uint8 [..., H, W, C]
) -> Tensor:
    """Floats in [-1, 1], channels first: [..., C, H, W], on the device of the levels.

    In memory the channels stay last, as networks like them.
    """
    return levels.to(torch.float32).div_(255).mul_(2).sub_(1).movedim(-1, -3)


def save_picture(path: Path, picture: Image.Image, *, note: str = "") -> None:
    """Write a picture whole or not at all, creating its folder; the suffix says the format.

    A note on a generated picture goes into the file: as a text chunk of a PNG under GENERATED, in
    the description of a JPEG or WebP.
    """
    path = Path(path)
    if path.suffix.lower() not in SAVE_OPTIONS:
        raise UserError(f"cannot write {path}: use one of the endings {', '.join(SAVE_OPTIONS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        options = SAVE_OPTIONS[path.suffix.lower()]
        picture.convert("RGB").save(temporary, **options, **_noted(note, options["format"]))


def _noted(note: str, kind: str) -> dict[str, Any]:
    """The options with which Pillow writes a note into a file of this format."""
    if not note:
        return {}
    if kind == "PNG":
        return {"pnginfo": png_note(note)}
    exif = Image.Exif()
    exif[IMAGE_DESCRIPTION] = f"{GENERATED}: {note}"
    return {"subject": exif[IMAGE_DESCRIPTION]} if kind == "PDF" else {"exif": exif}


def save_image(
    path: Path,
    image: Tensor,  # [3, H, W] in [-1, 1]
    *,
    note: str = "",
) -> None:
    """Write one image; for the note see `save_picture`."""
    save_picture(path, Image.fromarray(to_uint8(image)), note=note)


def save_grid(
    path: Path,
    images: Tensor,  # [N, 3, H, W] in [-1, 1]
    columns: int,
    *,
    note: str = "",
    **labels: Any,
) -> None:
    """Write a labelled grid; see `image_grid`, and for the note `save_picture`."""
    save_picture(path, image_grid(images, columns, **labels), note=note)


def image_grid(
    images: Tensor,  # [N, 3, H, W] in [-1, 1], row after row
    columns: int,
    *,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    caption: str | None = None,
) -> Image.Image:
    """Lay images out like a figure of a paper: labels at the left and top, a caption below.

    Images smaller than 128 pixels are magnified by a whole factor. Text is wrapped at spaces;
    where one word is wider than a tile, the cells grow, so that no label is ever cut.
    """
    rows = -(-len(images) // columns)
    for labels, count in ((row_labels, rows), (column_labels, columns)):
        if labels is not None and len(labels) != count:
            raise ValueError(f"{len(labels)} labels for {count} rows or columns")
    factor = max(1, MIN_TILE // images.shape[-1])
    images = images.repeat_interleave(factor, dim=-1).repeat_interleave(factor, dim=-2)
    height, width = images.shape[-2:]
    font = ImageFont.load_default(size=max(12, min(height // 10, 24)))

    side = _wrap(row_labels or (), font, width)
    top = _wrap(column_labels or (), font, width)
    cell_width = max([width] + [text.width for text in top]) + GAP
    cell_height = max([height] + [text.height for text in side]) + GAP
    left_margin = max([0] + [text.width + 3 * GAP for text in side])
    top_margin = max([0] + [text.height + 2 * GAP for text in top])

    grid_width = left_margin + columns * cell_width
    caption_width = max(grid_width, MIN_CAPTION_WIDTH) - 2 * GAP
    below = _wrap((caption,) if caption else (), font, caption_width, align="left")
    canvas_width = max([grid_width] + [text.width + 2 * GAP for text in below])
    grid_height = top_margin + rows * cell_height
    canvas_height = grid_height + sum(text.height + 2 * GAP for text in below)
    canvas = Image.new("RGB", (canvas_width, canvas_height), "white")

    for n, pixels in enumerate(to_uint8(images)):
        x = left_margin + n % columns * cell_width + (cell_width - width) // 2
        y = top_margin + n // columns * cell_height + (cell_height - height) // 2
        canvas.paste(Image.fromarray(pixels), (x, y))
    for column, text in enumerate(top):
        x = left_margin + column * cell_width + (cell_width - text.width) // 2
        canvas.paste(text, (x, top_margin - GAP - text.height))
    for row, text in enumerate(side):
        y = top_margin + row * cell_height + (cell_height - text.height) // 2
        canvas.paste(text, (left_margin - 2 * GAP - text.width, y))
    for text in below:
        canvas.paste(text, (GAP, grid_height + GAP))
    return canvas


def _wrap(
    labels: Sequence[str], font: Font, width: int, align: str = "center"
) -> list[Image.Image]:
    """Each label as a small picture, broken at spaces to at most `width` pixels where it can be."""
    return [_draw_text(_break_lines(label, font, width), font, align) for label in labels]


def _break_lines(label: str, font: Font, width: int) -> str:
    lines = []
    for paragraph in label.split("\n"):
        lines.append("")
        for word in paragraph.split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and font.getlength(longer) > width:
                lines.append(word)
            else:
                lines[-1] = longer
    return "\n".join(lines)


def _draw_text(text: str, font: Font, align: str) -> Image.Image:
    bounds = ImageDraw.Draw(Image.new("RGB", (1, 1))).multiline_textbbox((0, 0), text, font)
    picture = Image.new("RGB", (int(bounds[2]) + 1, int(bounds[3]) + 1), "white")
    ImageDraw.Draw(picture).multiline_text((0, 0), text, TEXT_COLOUR, font, align=align)
    return picture
