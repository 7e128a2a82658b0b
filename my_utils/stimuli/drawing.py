"""Draws what is missing of a set: the pictures as the generator gives them, and where the head is.

A generated picture is filed under a digest of all that it depends on, so pictures of an earlier
design or of a stopped run are found again and never mixed up. Each is drawn by itself: in a batch
the last digits of the arithmetic depend on its neighbours, and the set would not come out the same.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.atomic import atomic_path
from my_utils.files.images import decode_image, encode_png, to_uint8
from my_utils.stimuli.plan import Stimulus
from my_utils.stimuli.surface import view_surface

GENERATED, MASKS = "generated", "masks"  # folders of a set
SMALL = 128  # pixels
HEAD_LEVEL, FACE_LEVEL = 128, 255  # of masks; 0 beside the head


@contextlib.contextmanager
def threads_for(resolution: int) -> Iterator[None]:
    """One thread while small pictures are drawn one by one: their operations are shorter than it
    takes threads to meet, which on a busy machine costs twenty times the work itself.
    """
    before = torch.get_num_threads()
    if resolution <= SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def picture_key(picture: Stimulus, generator_sha256: str, truncation: float) -> str:
    """32 hexadecimal digits that name a generated picture."""
    digest = hashlib.sha256(f"{generator_sha256} {truncation!r}".encode())
    for tensor in (picture.face.params.to_vector(), picture.eyes, picture.face.z):
        digest.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    return digest.hexdigest()[:32]


def draw_missing(
    folder: Path,
    pictures: Sequence[Stimulus],
    keys: Sequence[str],  # as picture_key
    synthesizer: FaceSynthesizer,
    truncation: float,
) -> int:
    """Generate the pictures that are not in `folder/generated`, and remove those of no use.

    Returns how many were drawn.
    """
    home = folder / GENERATED
    home.mkdir(parents=True, exist_ok=True)
    for path in home.glob("*.png"):
        if path.stem not in keys:
            path.unlink()
    missing = {key: picture for key, picture in zip(keys, pictures, strict=True)}
    missing = {key: one for key, one in missing.items() if not (home / f"{key}.png").exists()}
    for key, picture in tqdm(missing.items(), desc="drawing", unit="picture", disable=None):
        faces = synthesizer(
            picture.face.params,
            z=picture.face.z,
            eyes=picture.eyes.to(synthesizer.device),
            truncation_psi=truncation,
        )
        write_png(home / f"{key}.png", to_uint8(faces.image[0]))
    return len(missing)


def write_masks(
    folder: Path, pictures: Sequence[Stimulus], synthesizer: FaceSynthesizer, size: int
) -> None:
    """Write `folder/masks`: where each picture shows the head, and on it the face."""
    home = folder / MASKS
    home.mkdir(parents=True, exist_ok=True)
    face_mask = torch.from_numpy(synthesizer.resources.face_mask)
    for picture in tqdm(pictures, desc="masks", unit="picture", disable=None):
        seen = view_surface(
            synthesizer.renderer, face_mask, picture.face.params, picture.eyes, size
        )
        levels = np.where(seen.face, FACE_LEVEL, np.where(seen.head, HEAD_LEVEL, 0))
        write_png(home / f"{picture.name}.png", levels.astype(np.uint8)[..., None].repeat(3, 2))


def read_mask(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Head and face of a picture: [S, S] bool each."""
    levels = read_png(folder / MASKS / f"{name}.png")[..., 0]
    return levels >= HEAD_LEVEL, levels >= FACE_LEVEL


def read_png(path: Path) -> np.ndarray:
    """uint8 [H, W, 3]."""
    try:
        return decode_image(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: {error}; delete it and run the command again") from None


def write_png(
    path: Path,
    pixels: np.ndarray,  # uint8 [H, W, 3 or 4]
) -> None:
    """Write a picture, unless these very bytes are there already."""
    data = encode_png(pixels)
    if path.exists() and path.read_bytes() == data:
        return
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
