"""Finds, checks and reads every resource file: FLAME, textures, masks and parameters.

The files are third-party downloads. Whatever is missing, incomplete or misshapen becomes one
sentence that says where to get the right file.
"""

import functools
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from constants import FLAME_SLICES, PARAM_DIM, RENDER_SIZE, SHAPE_DIM, TEXTURE_DIM, ResourcePaths
from model.flame import (
    EXPRESSION_COLUMNS,
    FLAME,
    FlameAssets,
    FlameTexture,
    LandmarkEmbedding,
    TextureSpace,
)
from model.mesh import UvLayout
from model.renderer import FaceRenderer, MeshRenderer
from model.texture_sampler import TexelTable, TextureSampler, texel_table_from_uv
from my_utils.errors import UserError
from my_utils.image_codec import decode_image
from my_utils.safe_read import npy_header, reading, restricted_load
from my_utils.wavefront import read_obj

INPUT_ARCHIVE = "the authors' archive http://files.is.tuebingen.mpg.de/gif/input_files.zip"
FLAME_SITE = "https://flame.is.tue.mpg.de after registration"
SOURCES = {  # ResourcePaths property: where the file comes from
    "flame_model": f"FLAME 2020 from {FLAME_SITE}",
    "template_mesh": f"the FLAME texture download from {FLAME_SITE}",
    "texture_space": f"the FLAME texture space from {FLAME_SITE}",
    "landmark_embedding": INPUT_ARCHIVE,
    "texel_table": INPUT_ARCHIVE,
    "face_mask": INPUT_ARCHIVE,
    "parameters": INPUT_ARCHIVE,
    "bad_images": INPUT_ARCHIVE,
    "photographs": "python prepare_lmdb/prepare_ffhq_multiscale_dataset.py FOLDER (the images are "
    "FFHQ's, https://github.com/NVlabs/ffhq-dataset)",
    "renderings": "python prepare_lmdb/create_deca_rendered_lmdb.py",
}
PARAMETER_FIELDS = {  # name in the parameter file: name here, in the order of the vector
    "shape": "shape",
    "exp": "expression",
    "pose": "pose",
    "cam": "camera",
    "tex": "texture",
    "lit": "lighting",
}


class ParameterTable(NamedTuple):
    """The faces of the data set, in file order."""

    ids: np.ndarray  # [P] int64, number of the photograph
    vectors: np.ndarray  # [P, 236] float32


def _array(fields: Mapping, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """A field as an array whose shape must fit; None fits any size."""
    if name not in fields:
        raise ValueError(f"it has no field {name!r}")
    array = np.asarray(fields[name])
    if array.ndim != len(shape) or any(
        size not in (None, found) for size, found in zip(shape, array.shape, strict=True)
    ):
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name!r} has shape {array.shape} instead of ({expected})")
    return array


def load_flame(path: Path, landmarks_path: Path | None = None) -> FlameAssets:
    """Read a FLAME model file: 2020 (chumpy, Python 2) or 2023 Open (plain NumPy)."""
    fields = restricted_load(path)
    with reading(path):
        v_template = _array(fields, "v_template", (None, 3))
        vertices = len(v_template)
        parents = _array(fields, "kintree_table", (2, None))[0].astype(np.int64)
        parents[0] = -1
        joints = len(parents)
        assets = FlameAssets(
            v_template=v_template.astype(np.float32),
            faces=_indices(fields, "f", (None, 3), vertices),
            shapedirs=_array(fields, "shapedirs", (vertices, 3, None)).astype(np.float32),
            posedirs=_array(fields, "posedirs", (vertices, 3, 9 * (joints - 1))).astype(np.float32),
            J_regressor=_array(fields, "J_regressor", (joints, vertices)).astype(np.float32),
            parents=parents,
            lbs_weights=_array(fields, "weights", (vertices, joints)).astype(np.float32),
            landmarks=load_landmarks(landmarks_path) if landmarks_path else None,
        )
        if assets.shapedirs.shape[2] < SHAPE_DIM + EXPRESSION_COLUMNS:
            raise ValueError(
                f"'shapedirs' has {assets.shapedirs.shape[2]} directions, FLAME has 300 of "
                "identity and 100 of expression"
            )
    return assets


def load_landmarks(path: Path) -> LandmarkEmbedding:
    """Read `landmark_embedding.npy`."""
    fields = restricted_load(path)
    with reading(path):
        full_faces = np.asarray(fields["full_lmk_faces_idx"]).reshape(-1)
        return LandmarkEmbedding(
            static_faces=_array(fields, "static_lmk_faces_idx", (51,)),
            static_barycentric=_array(fields, "static_lmk_bary_coords", (51, 3)),
            dynamic_faces=_array(fields, "dynamic_lmk_faces_idx", (79, 17)),
            dynamic_barycentric=_array(fields, "dynamic_lmk_bary_coords", (79, 17, 3)),
            full_faces=full_faces,
            full_barycentric=np.asarray(fields["full_lmk_bary_coords"]).reshape(-1, 3),
        )


def _indices(fields: Mapping, name: str, shape: tuple[int | None, ...], count: int) -> np.ndarray:
    """A field of ids below `count`, as int64."""
    array = _array(fields, name, shape).astype(np.int64)
    if array.size and not 0 <= array.min() <= array.max() < count:
        raise ValueError(f"{name!r} names vertices beyond the {count} there are")
    return array


def load_texture_space(path: Path) -> TextureSpace:
    """Read `FLAME_texture.npz`, of the directions only the 50 that the parameters reach.

    The published file holds 200 directions, 1.2 GB in memory, so it is read one row at a time.
    """
    with reading(path), zipfile.ZipFile(path) as archive:
        with np.load(path, allow_pickle=False) as fields:
            mean = _array(fields, "mean", (None, None, 3)).astype(np.float32)
        with archive.open("tex_dir.npy") as file:
            shape, column_major, dtype = npy_header(file)
            if len(shape) != 4 or shape[:3] != mean.shape or column_major or dtype.hasobject:
                raise ValueError(f"'tex_dir' has shape {shape} instead of {mean.shape} + (any,)")
            directions = np.empty((*shape[:3], min(shape[3], TEXTURE_DIM)), dtype=np.float32)
            for row in directions:
                data = file.read(math.prod(shape[1:]) * dtype.itemsize)
                row[:] = np.frombuffer(data, dtype).reshape(shape[1:])[..., :TEXTURE_DIM]
    return TextureSpace(mean, directions)


def load_uv_layout(
    path: Path,
    faces: np.ndarray | None = None,  # [F, 3] of the model, to compare with
) -> UvLayout:
    """Read the texture layout of `head_template_mesh.obj`; UserError if it has other triangles."""
    with reading(path):
        layout, obj_faces = read_obj(path, path.read_text(encoding="latin1"))
    if faces is not None and not np.array_equal(obj_faces, faces):
        raise UserError(
            f"{path} has other triangles than the FLAME model ({len(obj_faces)} and {len(faces)}, "
            "or in another order): the two files must come from the same download"
        )
    return layout


def load_texel_table(path: Path) -> TexelTable:
    """Read `texture_data_256.npy`: which point of the mesh every texel shows."""
    fields = restricted_load(path)
    with reading(path):
        texels = _array(fields, "valid_pixel_ids", (None,)).astype(np.int64)
        return TexelTable(
            x=_array(fields, "x_coords", (None,))[texels].astype(np.int64),
            y=_array(fields, "y_coords", (None,))[texels].astype(np.int64),
            vertex_ids=_array(fields, "valid_pixel_3d_faces", (len(texels), 3)).astype(np.int64),
            barycentric=_array(fields, "valid_pixel_b_coords", (len(texels), 3)).astype(np.float32),
        )


def load_face_mask(path: Path) -> np.ndarray:
    """Read the mask of the face in the texture: [1, 1, 256, 256] float32 in [0, 1]."""
    with reading(path):
        mask = decode_image(path.read_bytes(), expected_size=RENDER_SIZE)[..., 0]
    return mask[None, None].astype(np.float32) / 255


def load_parameters(path: Path) -> ParameterTable:
    """Read DECA's parameters: a dictionary from "00017.pkl" to that photograph's six codes."""
    entries = restricted_load(path)
    with reading(path):
        ids = np.array([int(key.split(".")[0]) for key in entries], dtype=np.int64)
        if len(ids) == 0:
            raise ValueError("it has no entries")
        vectors = np.empty((len(ids), PARAM_DIM), dtype=np.float32)
        for field, name in PARAMETER_FIELDS.items():
            columns = FLAME_SLICES[name]
            for row, (key, entry) in zip(vectors, entries.items(), strict=True):
                code = np.asarray(entry[field]).reshape(-1)
                if code.size != columns.stop - columns.start:
                    raise ValueError(f"entry {key} has {code.size} numbers of {field!r}")
                row[columns] = code
        if not np.isfinite(vectors).all():
            wrong = ids[~np.isfinite(vectors).all(axis=1)]
            raise ValueError(f"the entry of id {wrong[0]:05d} is not finite")
    return ParameterTable(ids, vectors)


def load_bad_images(path: Path) -> frozenset[int]:
    """Read the ids of photographs whose parameters are wrong, from names like "00017.npy"."""
    with reading(path), np.load(path, allow_pickle=False) as fields:
        return frozenset(int(name.split(".")[0]) for name in _array(fields, "bad_images", (None,)))


class Resources:
    """A resources folder; each file is read once, when it is first asked for."""

    def __init__(self, root: Path):
        self.paths = ResourcePaths(Path(root))

    def require(self, *names: str) -> None:
        """Raise one UserError that lists every missing file (names as in ResourcePaths)."""
        if not self.paths.root.is_dir():
            raise UserError(
                f"there is no resources folder {self.paths.root}: set GIF_RESOURCES to yours, or "
                "make one without licensed data with `python prepare_lmdb/create_demo_resources.py`"
            )
        missing = [name for name in names if not getattr(self.paths, name).exists()]
        if missing:
            lines = [f"{getattr(self.paths, name)}: from {SOURCES[name]}" for name in missing]
            raise UserError("\n  ".join(["these files are missing:", *lines]))

    @functools.cached_property
    def flame(self) -> FlameAssets:
        self.require("flame_model")
        landmarks = self.paths.landmark_embedding
        return load_flame(self.paths.flame_model, landmarks if landmarks.exists() else None)

    @functools.cached_property
    def uv(self) -> UvLayout:
        self.require("template_mesh")
        return load_uv_layout(self.paths.template_mesh, self.flame.faces)

    @functools.cached_property
    def texture_space(self) -> TextureSpace:
        self.require("texture_space")
        return load_texture_space(self.paths.texture_space)

    @functools.cached_property
    def texels(self) -> TexelTable:
        """The published table, or where it is missing the same computed from the layout."""
        if self.paths.texel_table.exists():
            return load_texel_table(self.paths.texel_table)
        return texel_table_from_uv(self.uv, self.flame.faces, size=RENDER_SIZE)

    @functools.cached_property
    def face_mask(self) -> np.ndarray:
        self.require("face_mask")
        return load_face_mask(self.paths.face_mask)

    @functools.cached_property
    def parameters(self) -> ParameterTable:
        self.require("parameters")
        return load_parameters(self.paths.parameters)

    @functools.cached_property
    def bad_images(self) -> frozenset[int]:
        """Ids not to train on; none where the list is missing."""
        path = self.paths.bad_images
        return load_bad_images(path) if path.exists() else frozenset()

    def face_renderer(self, size: int) -> FaceRenderer:
        """The renderer of conditions, at size x size pixels."""
        self.require("flame_model", "template_mesh", "texture_space")
        return FaceRenderer(
            FLAME(self.flame),
            FlameTexture(self.texture_space, size=RENDER_SIZE),
            MeshRenderer(self.flame.faces, self.uv, size=size),
        )

    def texture_sampler(self) -> TextureSampler:
        """The sampler of the texture-consistency loss."""
        self.require("flame_model", "template_mesh")
        return TextureSampler(self.texels, self.flame.faces, size=RENDER_SIZE)
