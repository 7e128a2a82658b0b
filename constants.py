"""Facts every part shares: the parameter layout, sizes, vertex ids, and where files live."""

import os
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
LARGEST_SEED = 2**53 - 1  # the largest whole number that every browser holds exactly
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
