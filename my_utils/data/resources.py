"""The resources folder: finds every file, says where to get a missing one, and reads the others.

The files are third-party downloads. Whatever is missing, incomplete or misshapen becomes one
sentence.
"""

import functools
from pathlib import Path

import numpy as np

from constants import RENDER_SIZE
from model.flame import FLAME, FlameAssets, FlameTexture, TextureSpace
from model.mesh import UvLayout
from model.renderer import FaceRenderer, MeshRenderer
from model.texture_sampler import TexelTable, TextureSampler, texel_table_from_uv
from my_utils.data.flame_files import (
    converted_from,
    load_face_mask,
    load_flame,
    load_texel_table,
    load_texture_space,
    load_uv_layout,
)
from my_utils.data.landmarks import Landmarks, load_landmarks
from my_utils.data.parameters import ParameterTable, load_bad_images, load_parameters
from my_utils.data.resource_files import FILES, ResourcePaths
from my_utils.errors import UserError
from my_utils.files.atomic import file_sha256


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
        missing = [name for name in names if not self.path(name).exists()]
        if missing and self.paths.is_demo:
            raise UserError(
                f"the demo folder {self.paths.root} is not complete (there is no "
                f"{getattr(self.paths, missing[0]).name}): run `python "
                f"prepare_lmdb/create_demo_resources.py --out {self.paths.root}`"
            )
        if missing:
            lines = [f"{getattr(self.paths, name)}: from {FILES[name].source}" for name in missing]
            raise UserError("\n  ".join(["these files are missing:", *lines]))

    def path(self, name: str) -> Path:
        """The file (named as in ResourcePaths) or folder in use, or where it should be."""
        return self.paths.in_use(name)

    @functools.cached_property
    def flame(self) -> FlameAssets:
        self.require("flame_model")
        path, original = self.path("flame_model"), self.paths.flame_model
        if path != original and original.exists() and converted_from(path) != file_sha256(original):
            raise UserError(
                f"{path} was not converted from the {original.name} beside it: delete it, or "
                f"repeat `python prepare_lmdb/convert_flame_model.py {original}`"
            )
        return load_flame(path)

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
            return load_texel_table(self.paths.texel_table, len(self.flame.v_template))
        return texel_table_from_uv(self.uv, self.flame.faces, size=RENDER_SIZE)

    @functools.cached_property
    def face_mask(self) -> np.ndarray:
        self.require("face_mask")
        return load_face_mask(self.paths.face_mask)

    @functools.cached_property
    def landmarks(self) -> Landmarks | None:
        """The 68 landmarks of the head; None where their file is missing."""
        path = self.paths.landmark_embedding
        return load_landmarks(path, len(self.flame.faces)) if path.exists() else None

    @functools.cached_property
    def parameters(self) -> ParameterTable:
        self.require("parameters")
        return load_parameters(self.path("parameters"))

    @functools.cached_property
    def bad_images(self) -> frozenset[int]:
        """Ids not to train on; none where the list is missing."""
        path = self.paths.bad_images
        return load_bad_images(path) if path.exists() else frozenset()

    def face_renderer(self, size: int) -> FaceRenderer:
        """The renderer of conditions, at size x size pixels."""
        self.require("flame_model", "template_mesh", "texture_space")
        flame = FLAME(self.flame)
        return FaceRenderer(
            flame,
            FlameTexture(self.texture_space, size=RENDER_SIZE),
            MeshRenderer(flame.faces, self.uv, size=size),
        )

    def texture_sampler(self) -> TextureSampler:
        """The sampler of the texture-consistency loss."""
        self.require("flame_model", "template_mesh")
        return TextureSampler(self.texels, self.flame.faces, size=RENDER_SIZE)
