"""Builds the LMDB of photographs: every picture of a folder at several sizes, cropped square."""

import hashlib
import io
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from tqdm import tqdm

from my_utils.data.lmdb_images import image_key
from my_utils.errors import UserError
from my_utils.files.image_codec import read_photograph
from my_utils.files.lmdb_writer import LmdbWriter
from my_utils.files.workers import WorkerProcesses, ordered_map

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
OTHER_PICTURES = (  # that are not read, raw ones too
    *(".gif", ".heic", ".heif", ".avif", ".jfif", ".jxl", ".jp2", ".psd"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"),
)
NUMBER = re.compile("[0-9]{1,9}")  # of a face, as the name of its picture
MADE_FROM = "made_from"  # key of the record with the recipe
MAX_UNREADABLE = 10  # pictures that are skipped before the build gives up


class EncodedPhotograph(NamedTuple):
    """One photograph at the sizes wanted, or why it cannot be used."""

    jpegs: dict[int, bytes]  # size in pixels: JPEG bytes
    skipped_sizes: tuple[int, ...]  # larger than the photograph
    problem: str | None


class BuildReport(NamedTuple):
    """What a build left out."""

    written: int  # photographs in the LMDB
    unreadable: list[str]  # one sentence each
    too_small: int  # photographs that lack the larger sizes


def find_photographs(folder: Path, *, ranks: bool = False) -> dict[int, Path]:
    """The pictures at any depth below a folder, by id in ascending order.

    FFHQ's names are its ids (00017.png). Where no name is a number, or with `ranks`, the id is the
    rank of the path among the sorted paths, which is what the published builder always used.

    Raises:
        UserError: there is no picture, two of them have the same number, or only some have one:
            ranks would then pair each with the parameters of another.
    """
    folder = Path(folder)
    paths = [p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.name[0] != "."]
    paths.sort(key=str)
    if not paths:
        raise UserError(f"there are no pictures in {folder} ({', '.join(SUFFIXES)})")
    unnumbered = [path for path in paths if not NUMBER.fullmatch(path.stem)]
    if ranks or len(unnumbered) == len(paths):
        return dict(enumerate(paths))
    if unnumbered:
        raise UserError(
            f"{len(unnumbered)} of the {len(paths)} pictures in {folder} have no number for a "
            f"name, first {unnumbered[0].name}, so the ids of the others are not known for sure: "
            "take them out, or count all paths by --ranks"
        )
    photographs: dict[int, Path] = {}
    for path in paths:
        if (first := photographs.setdefault(int(path.stem), path)) is not path:
            raise UserError(
                f"{first} and {path} are both number {int(path.stem)}: give the one folder that "
                "holds the photographs wanted"
            )
    return dict(sorted(photographs.items()))


def remarks(folder: Path, photographs: dict[int, Path]) -> list[str]:
    """What a person must know of the ids and of the pictures below a folder that are not read."""
    said = []
    if not any(NUMBER.fullmatch(path.stem) for path in photographs.values()):
        said.append("ids: ranks of the sorted paths, as no picture is named by a number")
    elif any(int(path.stem) != i for i, path in photographs.items() if path.stem.isdecimal()):
        said.append("ids: ranks of the sorted paths, not the numbers of the names")
    elif numbered_otherwise_than_published(photographs):
        said.append(
            "ids: the numbers of the names, which have gaps or another order than the paths; the "
            "published builder would have counted the paths"
        )
    others = [path for path in Path(folder).rglob("*") if path.suffix.lower() in OTHER_PICTURES]
    others = sorted(path for path in others if path.name[0] != ".")
    if others:
        kinds = ", ".join(sorted({path.suffix.lower() for path in others}))
        said.append(
            f"{len(others)} picture{'s' * (len(others) > 1)} passed over, first {others[0]}: "
            f"{kinds} cannot be read here, convert them to .png or .jpg"
        )
    return said


def numbered_otherwise_than_published(photographs: dict[int, Path]) -> bool:
    """Whether the published builder, which counted sorted paths, would give other ids."""
    return list(photographs) != list(range(len(photographs))) or list(
        photographs.values()
    ) != sorted(photographs.values(), key=str)


def resize_and_crop(picture: Image.Image, size: int) -> Image.Image:
    """The shorter side resized to `size` (Lanczos), then the centre cropped to size x size."""
    width, height = picture.size
    short = min(width, height)
    if short != size:
        scaled = (size * width // short, size * height // short)
        picture = picture.resize(scaled, Image.Resampling.LANCZOS)
    left, top = round((picture.width - size) / 2), round((picture.height - size) / 2)
    return picture.crop((left, top, left + size, top + size))


def multiscale(picture: Image.Image, sizes: Sequence[int]) -> dict[int, Image.Image]:
    """The picture at every size, each like `resize_and_crop` of the full picture.

    Of a square picture, each is made from the smallest reduced one there is of four times its size
    or more, else from any. That is a third of the work, and photographs stay within 53 dB.
    """
    full = picture.width if picture.width == picture.height else 0
    made: dict[int, Image.Image] = {}
    for size in sorted(sizes, reverse=True):
        reduced = [there for there in made if there < full]
        sources = [there for there in reduced if there >= 4 * size] or reduced
        made[size] = resize_and_crop(made[min(sources)] if sources else picture, size)
    return made


def encode_photograph(path: Path, *, sizes: Sequence[int], upscale: bool) -> EncodedPhotograph:
    """A photograph at every size; at sizes beyond its own only with `upscale`."""
    try:
        picture = Image.fromarray(read_photograph(path))
    except (OSError, ValueError) as error:
        return EncodedPhotograph({}, (), f"{path}: {error}")
    short = min(picture.size)
    skipped = () if upscale else tuple(size for size in sizes if size > short)
    if len(skipped) == len(sizes):
        return EncodedPhotograph({}, skipped, f"{path}: {short} pixels, less than any size wanted")
    pictures = multiscale(picture, [size for size in sizes if size not in skipped])
    return EncodedPhotograph(
        {size: _jpeg(small) for size, small in sorted(pictures.items())}, skipped, None
    )


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=100)
    return buffer.getvalue()


def write_photograph_lmdb(
    path: Path,
    photographs: dict[int, Path],  # by id, from `find_photographs`
    *,
    sizes: Sequence[int],
    workers: int,
    upscale: bool = False,
) -> BuildReport:
    """Write the photographs as JPEG records of all sizes, in the order of their ids.

    The result does not depend on the number of worker processes. Interrupted, the build goes on
    where it stopped when called again with the same photographs and sizes.

    Raises:
        UserError: more than 10 photographs are unreadable.
    """
    sizes = sorted(sizes)
    recipe = photograph_recipe(photographs, sizes=sizes, upscale=upscale)
    unreadable, too_small = [], 0
    encode = partial(encode_photograph, sizes=sizes, upscale=upscale)
    with (
        LmdbWriter(path, recipe=recipe) as writer,
        WorkerProcesses(workers) as pool,
        tqdm(total=len(photographs), unit="photo", desc="resizing", disable=None) as progress,
    ):
        todo = {i: p for i, p in photographs.items() if image_key(sizes[0], i) not in writer}
        progress.update(len(photographs) - len(todo))
        results = ordered_map(pool, encode, todo.values(), ahead=4 * workers)
        for face_id, photograph in zip(todo, results, strict=True):
            progress.update()
            if photograph.problem:
                unreadable.append(photograph.problem)
                _check_unreadable(unreadable)
            too_small += bool(photograph.skipped_sizes)
            writer.put_all(
                {image_key(size, face_id): data for size, data in photograph.jpegs.items()}
            )
        written = len(photographs) - len(unreadable)
        writer.finish(written, {MADE_FROM: recipe.encode()})
    return BuildReport(written, unreadable, too_small)


def photograph_recipe(photographs: dict[int, Path], *, sizes: Sequence[int], upscale: bool) -> str:
    """One line that changes with the options and with the photographs, by name and file size."""
    names = (f"{i} {photo.name} {photo.stat().st_size}" for i, photo in photographs.items())
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
    return f"sizes {sorted(sizes)}, upscale {upscale}, {len(photographs)} photographs {digest}"


def _check_unreadable(unreadable: list[str]) -> None:
    if len(unreadable) > MAX_UNREADABLE:
        head = (
            "more photographs than a few are unusable: replace them and repeat the command, which"
        )
        raise UserError("\n  ".join([f"{head} goes on from here", *unreadable]))
