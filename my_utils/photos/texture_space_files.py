"""Makes the files around a head that has none, out of photographs, in two rounds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from model.flame import TextureSpace
from my_utils.data.head_writer import save_template_mesh, save_texel_table, save_texture_space
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.files.image_codec import encode_png, read_photograph
from my_utils.photos.fitting import BATCH, AlignedPhotograph, FittingHead
from my_utils.photos.texture_space import (
    SkinLifter,
    cylindrical_layout,
    face_mask,
    outer_texels,
    plain_texture_space,
    texture_space_of,
)

MIN_FACES = 20  # fewer say nothing about how skins vary
TRAINED_ROUNDS = 2


def make_texture_space(resources: Resources, photographs: Sequence[Path]) -> int:
    """Write the layout, the face mask and the texture space of a head; how many faces were used.

    Raises:
        UserError: too few photographs show a face.
    """
    _write_layout(resources)
    space = plain_texture_space()
    head = FittingHead(resources, texture_space=space)
    _write_face_mask(resources, head)
    faces = _aligned(head, photographs)
    if len(faces) < MIN_FACES:
        raise UserError(
            f"{len(faces)} of {len(photographs)} photographs can be used: a texture space needs "
            f"{MIN_FACES} faces at least, better hundreds"
        )
    for number in range(1, TRAINED_ROUNDS + 1):
        head = FittingHead(resources, texture_space=space)
        space = _round(head, faces, f"round {number} of {TRAINED_ROUNDS}")
    save_texture_space(resources.paths.texture_space, space, resources.uv)
    return len(faces)


def _write_layout(resources: Resources) -> None:
    resources.require("flame_model")
    path, flame = resources.paths.template_mesh, resources.flame
    if not path.exists():
        layout = cylindrical_layout(flame.v_template, flame.faces)
        save_template_mesh(path, flame.v_template, flame.faces, layout)
        texels = outer_texels(layout, flame.v_template, flame.faces)
        save_texel_table(resources.paths.texel_table, texels)


def _write_face_mask(resources: Resources, head: FittingHead) -> None:
    path = resources.paths.face_mask
    if not path.exists():
        mask = face_mask(head.embedding, resources.uv, resources.flame.faces)
        with atomic_path(path) as temporary:
            temporary.write_bytes(encode_png(mask[..., None].repeat(3, axis=2)))


def _aligned(head: FittingHead, photographs: Sequence[Path]) -> list[AlignedPhotograph]:
    """Those photographs that can be read and show a face."""
    faces = []
    for path in tqdm(photographs, unit="photo", desc="faces", disable=None):
        try:
            face = head.align(read_photograph(path))
        except (OSError, ValueError):
            continue
        if face is not None:
            faces.append(face)
    return faces


def _round(head: FittingHead, faces: Sequence[AlignedPhotograph], name: str) -> TextureSpace:
    """The texture space of the skins that a fit lifts."""
    resources = head.resources
    lift = SkinLifter(resources.texels, head.renderer.flame)
    albedo, seen = [], []
    for start in tqdm(range(0, len(faces), BATCH), unit="batch", desc=name, disable=None):
        some = faces[start : start + BATCH]
        pictures = torch.from_numpy(np.stack([face.pixels for face in some]))
        skins, visible = lift(pictures.permute(0, 3, 1, 2).float(), head.fit(some).params)
        albedo.append(skins.astype(np.float16))
        seen.append(visible)
    mask = resources.face_mask[0, 0]
    return texture_space_of(np.concatenate(albedo).astype(np.float32), np.concatenate(seen), mask)
