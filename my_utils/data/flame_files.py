"""Reads the files around FLAME: model, texture space, layout, texels and mask."""

import itertools
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Literal

import numpy as np

from constants import RENDER_SIZE, SHAPE_DIM, TEXTURE_DIM
from model.flame import EXPRESSION_COLUMNS, FlameAssets, TextureSpace
from model.mesh import UvLayout
from model.texture_sampler import TexelTable
from my_utils.data.resource_files import FLAME_SITE
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.files.image_codec import decode_image
from my_utils.untrusted.fields import float_field, index_field, read_fields, require
from my_utils.untrusted.reader import npy_header, reading
from my_utils.untrusted.text import shown

# An albedo space of colours 0..255 has a mean far above this, one of colours 0..1 never reaches it.
LARGEST_UNIT_COLOUR = 1.5


def load_flame(path: Path) -> FlameAssets:
    """Read a FLAME model: 2020 (chumpy, Python 2), 2023 Open (plain NumPy), or converted (.npz)."""
    fields = read_fields(path)
    with reading(path):
        v_template = float_field(fields, "v_template", (None, 3))
        vertices = len(v_template)
        parents = _parents(fields)
        joints = len(parents)
        assets = FlameAssets(
            v_template=v_template,
            faces=index_field(fields, "f", (None, 3), below=vertices),
            shapedirs=float_field(fields, "shapedirs", (vertices, 3, None)),
            posedirs=float_field(fields, "posedirs", (vertices, 3, 9 * (joints - 1))),
            J_regressor=float_field(fields, "J_regressor", (joints, vertices)),
            parents=parents,
            lbs_weights=float_field(fields, "weights", (vertices, joints)),
        )
        if assets.shapedirs.shape[2] < SHAPE_DIM + EXPRESSION_COLUMNS:
            raise ValueError(
                f"'shapedirs' has {assets.shapedirs.shape[2]} directions, FLAME has 300 of "
                "identity and 100 of expression"
            )
    return assets


def _parents(fields: Mapping) -> np.ndarray:
    """The parent [J] of each joint, which comes before it; the root's is -1."""
    table = index_field(fields, "kintree_table", (2, None), first=-1)  # a signed root is -1
    parents = np.concatenate([[-1], table[0, 1:]])
    if (parents[1:] < 0).any():
        raise ValueError("'kintree_table' has more than one root")
    if (parents >= np.arange(len(parents))).any():
        raise ValueError("'kintree_table' names a joint before its parent")
    return parents


def save_flame(path: Path, assets: FlameAssets, *, source_sha256: str) -> None:
    """Write a model as .npz under FLAME's field names, uncompressed so that it loads at once.

    Args:
        source_sha256: of the file that `assets` were read from; see `converted_from`.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            v_template=assets.v_template,
            f=assets.faces,
            shapedirs=assets.shapedirs,
            posedirs=assets.posedirs,
            J_regressor=assets.J_regressor,
            kintree_table=np.stack([assets.parents.clip(0), np.arange(len(assets.parents))]),
            weights=assets.lbs_weights,
            source_sha256=source_sha256,
        )


def converted_from(path: Path) -> str:
    """The sha256 of the file that a model written by `save_flame` was read from."""
    with reading(path), zipfile.ZipFile(path) as archive:
        return str(_member(archive, "source_sha256"))


def _member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array of a .npz file."""
    require(archive.namelist(), f"{name}.npy")
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def load_texture_space(path: Path) -> TextureSpace:
    """Read `FLAME_texture.npz`, of the directions only the 50 that the parameters reach.

    The published file holds 200 directions, 1.2 GB in memory, so it is read in pieces.
    """
    with reading(path), zipfile.ZipFile(path) as archive:
        if "MU.npy" in archive.namelist():
            raise _other_texture_space(path, "the albedo space FLAME_albedo_from_BFM.npz")
        mean = float_field({"mean": _member(archive, "mean")}, "mean", (None, None, 3))
        if mean.size == 0 or mean.max() <= LARGEST_UNIT_COLOUR:
            raise _other_texture_space(path, "a space of colours from 0 to 1, not to 255")
        require(archive.namelist(), "tex_dir.npy")
        with archive.open("tex_dir.npy") as file:
            directions = _first_directions(file, mean.shape)
    return TextureSpace(mean, directions)


def _other_texture_space(path: Path, kind: str) -> UserError:
    return UserError(
        f"{path} is {kind}, which the texture codes of the parameters do not fit: put there "
        f"FLAME_texture.npz of the FLAME texture space from {FLAME_SITE}"
    )


def _first_directions(file: IO[bytes], mean_shape: tuple[int, ...]) -> np.ndarray:
    """The first 50 directions [H, W, 3, 50] of an .npy stream [H, W, 3, K], read to its end.

    At the end the archive compares its checksum.
    """
    shape, column_major, dtype = npy_header(file)
    if shape[:-1] != mean_shape or dtype.kind != "f":
        raise ValueError(f"'tex_dir' is {dtype} {shape} instead of float {mean_shape} + (any,)")

    def read(shape: tuple[int, ...], order: Literal["C", "F"]) -> np.ndarray:
        data = file.read(math.prod(shape) * dtype.itemsize)
        return np.frombuffer(data, dtype).reshape(shape, order=order)

    directions = np.empty((*mean_shape, min(shape[-1], TEXTURE_DIM)), dtype=np.float32)
    if column_major:
        for number in range(shape[-1]):
            direction = read(mean_shape, "F")
            if number < TEXTURE_DIM:
                directions[..., number] = direction
    else:
        for row in directions:
            row[:] = read(shape[1:], "C")[..., :TEXTURE_DIM]
    if not np.isfinite(directions).all():
        raise ValueError("'tex_dir' has numbers that are not finite")
    return directions


def load_uv_layout(
    path: Path,
    faces: np.ndarray | None = None,  # [F, 3] of the model, to compare with
) -> UvLayout:
    """Read the texture layout of `head_template_mesh.obj`; UserError if it has other triangles."""
    with reading(path):
        layout, obj_faces = _read_obj(path)
    if faces is not None and not np.array_equal(obj_faces, faces):
        raise UserError(
            f"{path} has other triangles than the FLAME model ({len(obj_faces)} and {len(faces)}, "
            "or in another order): the two files must come from the same download"
        )
    return layout


def _read_obj(path: Path) -> tuple[UvLayout, np.ndarray]:
    """The texture layout and the vertex ids [F, 3] of the triangles, both in file order.

    Raises:
        UserError: a line cannot be read, a face is not a triangle with texture coordinates, or
            these are not in [0, 1].
    """
    coordinates: list[float] = []  # two for each point
    indices: list[int] = []  # two for each of the three corners of a face, if all is well
    are_triangles = True
    with path.open(encoding="latin1") as lines:
        for number, line in enumerate(lines, start=1):
            keyword, *words = line.split() or [""]
            try:
                if keyword == "vt":
                    coordinates += (float(words[0]), float(words[1]))
                elif keyword == "f":
                    corners = [[int(n) for n in word.split("/")[:2]] for word in words[:4]]
                    are_triangles &= list(map(len, corners)) == [2, 2, 2]
                    indices += itertools.chain(*corners)
            except (ValueError, IndexError):
                raise UserError(
                    f"{path}, line {number}, is not readable as OBJ: {shown(line[:60])}"
                ) from None
    faces = np.array(indices if are_triangles else [], dtype=np.int64).reshape(-1, 3, 2) - 1
    if len(faces) == 0 or faces.min() < 0 or faces[..., 1].max() >= len(coordinates) // 2:
        raise UserError(
            f"{path} is not a triangle mesh with texture coordinates (faces written v/vt): "
            "use the head_template_mesh.obj that comes with FLAME"
        )
    layout = UvLayout(np.array(coordinates, dtype=np.float32).reshape(-1, 2), faces[..., 1])
    if not ((layout.coordinates >= 0) & (layout.coordinates <= 1)).all():
        raise UserError(f"{path} has texture coordinates (vt) that are not between 0 and 1")
    return layout, faces[..., 0]


def load_texel_table(
    path: Path,
    vertex_count: int | None = None,  # of the model, to compare with
) -> TexelTable:
    """Read `texture_data_256.npy`: which point of the mesh every texel shows."""
    fields = read_fields(path)
    with reading(path):
        x = index_field(fields, "x_coords", (None,), below=RENDER_SIZE)
        y = index_field(fields, "y_coords", x.shape, below=RENDER_SIZE)
        texels = index_field(fields, "valid_pixel_ids", (None,), below=len(x))
        corners = (len(texels), 3)
        return TexelTable(
            x=x[texels],
            y=y[texels],
            vertex_ids=index_field(fields, "valid_pixel_3d_faces", corners, below=vertex_count),
            barycentric=float_field(fields, "valid_pixel_b_coords", corners),
        )


def load_face_mask(path: Path) -> np.ndarray:
    """Read the mask of the face in the texture: [1, 1, 256, 256] float32 in [0, 1]."""
    with reading(path):
        mask = decode_image(path.read_bytes(), expected_size=RENDER_SIZE)[..., 0]
        if not mask.any():
            raise ValueError("it is black everywhere, so it marks no face")
    return mask[None, None].astype(np.float32) / 255
