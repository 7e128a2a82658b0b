"""Facts every part shares: the parameter layout, sizes, vertex ids, and where files live."""

import os
from dataclasses import dataclass
from pathlib import Path

# The 236 numbers that describe one face (DECA's order, as in the published code).
FLAME_SLICES = {
    "shape": slice(0, 100),  # identity coefficients, in standard deviations
    "expression": slice(100, 150),  # expression coefficients, in standard deviations
    "pose": slice(150, 156),  # axis-angle in radians: global rotation (3), jaw (3)
    "camera": slice(156, 159),  # scaled orthographic: scale, tx, ty
    "texture": slice(159, 209),  # texture-space coefficients, in standard deviations
    "lighting": slice(209, 236),  # 9 spherical harmonics x RGB, row-major
}
PARAM_DIM = 236
SHAPE_DIM, EXPRESSION_DIM, TEXTURE_DIM = 100, 50, 50

# What a generator and a discriminator see of the parameters: renderings, or the vector itself.
CONDITION_KINDS = ("render", "normal", "render+normal", "vector")

RENDER_SIZE = 256  # pixels; the published renderings, textures and masks
LMDB_SIZES = (8, 16, 32, 64, 128, 256, 512, 1024)  # photographs stored by the FFHQ builder

# The fronts of the two eyeballs in FLAME's topology, and where DECA-aligned FFHQ crops show them
# (image plane, x right, y down, [-1, 1]).
EYE_VERTICES = (4051, 4597)
EYE_TARGETS = ((0.2419, -0.0499), (-0.2441, -0.0491))

REPOSITORY = Path(__file__).resolve().parent
resources_root = Path(os.environ.get("GIF_RESOURCES", REPOSITORY / "GIF_resources"))
demo_root = REPOSITORY / "GIF_resources_demo"
DEMO_GENERATOR = REPOSITORY / "my_utils" / "demo" / "generator-demo.safetensors"  # shipped


@dataclass(frozen=True)
class ResourcePaths:
    """The published folder layout below one resources root."""

    root: Path

    @property
    def flame_resource(self) -> Path:
        return self.root / "input_files" / "flame_resource"

    @property
    def deca_inferred(self) -> Path:
        return self.root / "input_files" / "DECA_inferred"

    @property
    def ffhq(self) -> Path:
        return self.root / "input_files" / "FFHQ"

    @property
    def flame_model(self) -> Path:
        return self.flame_resource / "generic_model.pkl"

    @property
    def converted_flame_model(self) -> Path:  # made by prepare_lmdb/convert_flame_model.py
        return self.flame_resource / "generic_model.npz"

    @property
    def landmark_embedding(self) -> Path:
        return self.flame_resource / "landmark_embedding.npy"

    @property
    def face_mesh_embedding(self) -> Path:  # made and read by photos.landmark_embedding
        return self.flame_resource / "face_mesh_embedding.npz"

    @property
    def landmark_networks(self) -> Path:  # from prepare_lmdb/get_landmark_networks.py
        return self.root / "input_files" / "landmark_networks"

    @property
    def named_expressions(self) -> Path:  # read by faces.named_factors
        return self.flame_resource / "named_expressions.json"

    @property
    def template_mesh(self) -> Path:
        return self.flame_resource / "head_template_mesh.obj"

    @property
    def texture_space(self) -> Path:
        return self.flame_resource / "FLAME_texture.npz"

    @property
    def texel_table(self) -> Path:
        return self.flame_resource / "texture_data_256.npy"

    @property
    def face_mask(self) -> Path:
        return self.flame_resource / "texture_map_256X256_face_only_mask.png"

    @property
    def parameters(self) -> Path:
        return self.deca_inferred / "flame_params_public_texture_model.npy"

    @property
    def parameter_folder(self) -> Path:  # DECA's own output, one file for each face
        return self.deca_inferred / "data"

    @property
    def bad_images(self) -> Path:
        return self.deca_inferred / "b_box_stats.npz"

    @property
    def renderings(self) -> Path:
        return self.deca_inferred / "deca_rendered_with_public_texture.lmdb"

    @property
    def photographs(self) -> Path:
        return self.ffhq / "multiscale.lmdb"

    @property
    def fid_statistics(self) -> Path:
        return self.ffhq / "ffhq_fid_stats"

    @property
    def output_root(self) -> Path:
        return self.root / "output_files"
