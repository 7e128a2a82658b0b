"""What belongs where in a resources folder: one table of its files, and their paths.

The published archives are unpacked into `input_files`; what this project makes is beside them.
"""

from dataclasses import dataclass
from pathlib import Path

from constants import demo_root

FLAME = "input_files/flame_resource"
DECA = "input_files/DECA_inferred"
FFHQ = "input_files/FFHQ"
OUTPUT_FILES = "output_files"
FLAME_SITE = "https://flame.is.tue.mpg.de after registration"
INPUT_ARCHIVE = "the authors' archive http://files.is.tuebingen.mpg.de/gif/input_files.zip"
OUTPUT_ARCHIVE = "train.py, or the authors' http://files.is.tuebingen.mpg.de/gif/output_files.zip"
DRAWING = "training, renderings, plots"


@dataclass(frozen=True)
class ResourceFile:
    """A file or folder that this project reads."""

    path: str  # below the resources folder
    source: str  # where it comes from
    needed_by: str
    required: bool = True  # by training
    sha256: str = ""  # of the published file; its beginning will do
    choices: tuple[str, ...] = ()  # names of the places that serve as it, the one preferred first


FILES = {
    "flame_model": ResourceFile(
        f"{FLAME}/generic_model.pkl",
        f"FLAME 2020 from {FLAME_SITE}",
        DRAWING,
        choices=("converted_flame_model", "flame_model"),
    ),
    "template_mesh": ResourceFile(
        f"{FLAME}/head_template_mesh.obj",
        f"the FLAME texture download from {FLAME_SITE}",
        DRAWING,
        sha256="dd5bfbce75adb99b1963f43bca7ec3557bd4a7321f8fc515f4100599e80d99f2",
    ),
    "texture_space": ResourceFile(
        f"{FLAME}/FLAME_texture.npz",
        f"the FLAME texture space from {FLAME_SITE} (or made by make_texture_space.py)",
        DRAWING,
    ),
    "face_mask": ResourceFile(
        f"{FLAME}/texture_map_256X256_face_only_mask.png", INPUT_ARCHIVE, "training"
    ),
    "texel_table": ResourceFile(
        f"{FLAME}/texture_data_256.npy", INPUT_ARCHIVE, "optional (else computed)", required=False
    ),
    "parameters": ResourceFile(
        f"{DECA}/flame_params_public_texture_model.npy",
        INPUT_ARCHIVE,
        DRAWING,
        choices=("parameters", "parameter_folder"),
    ),
    "bad_images": ResourceFile(
        f"{DECA}/b_box_stats.npz",
        INPUT_ARCHIVE,
        "optional (else none is bad)",
        required=False,
        sha256="be24ba73e586d13223e34d858c14d8efdc2323d73410f00fcda008578a0d56a0",
    ),
    "renderings": ResourceFile(
        f"{DECA}/deca_rendered_with_public_texture.lmdb",
        "python prepare_lmdb/create_deca_rendered_lmdb.py",
        "training",
    ),
    "photographs": ResourceFile(
        f"{FFHQ}/multiscale.lmdb",
        "python prepare_lmdb/prepare_ffhq_multiscale_dataset.py FOLDER (the images are FFHQ's, "
        "https://github.com/NVlabs/ffhq-dataset)",
        "training",
    ),
    "fid_statistics": ResourceFile(
        f"{FFHQ}/ffhq_fid_stats", INPUT_ARCHIVE, "optional (FID; else computed)", required=False
    ),
    "checkpoints": ResourceFile(
        f"{OUTPUT_FILES}/checkpoint", OUTPUT_ARCHIVE, "optional (plots)", required=False
    ),
    "named_expressions": ResourceFile(
        f"{FLAME}/named_expressions.json",
        "written by hand",
        "optional (expressions by name)",
        required=False,
    ),
    "landmark_embedding": ResourceFile(
        f"{FLAME}/landmark_embedding.npy",
        INPUT_ARCHIVE,
        "optional (68 landmarks of stimulus sets)",
        required=False,
    ),
    "landmark_networks": ResourceFile(
        "input_files/landmark_networks",
        "python prepare_lmdb/get_landmark_networks.py",
        "optional (photographs)",
        required=False,
    ),
    "face_mesh_embedding": ResourceFile(
        f"{FLAME}/face_mesh_embedding.npz",
        "made when it is first needed",
        "optional (photographs)",
        required=False,
    ),
}
PLACES = {name: file.path for name, file in FILES.items()} | {
    "flame_resource": FLAME,
    "ffhq": FFHQ,
    "output_root": OUTPUT_FILES,
    "demo_manifest": "demo.json",  # of prepare_lmdb/create_demo_resources.py
    "converted_flame_model": f"{FLAME}/generic_model.npz",  # of prepare_lmdb/convert_flame_model.py
    "parameter_folder": f"{DECA}/data",  # DECA's own output, one file for each face
}


@dataclass(frozen=True)
class ResourcePaths:
    """Where the files are below one resources folder: an attribute for each of the PLACES."""

    root: Path

    def __getattr__(self, name: str) -> Path:
        if name not in PLACES:
            raise AttributeError(f"there is no resource file {name!r}")
        return self.root / PLACES[name]

    @property
    def is_demo(self) -> bool:
        """Whether this is the embedded default's folder, complete or not."""
        return self.demo_manifest.exists() or self.root.resolve() == demo_root

    def in_use(self, name: str) -> Path:
        """The file or folder that serves as this one, or where it should be."""
        there = [path for choice in FILES[name].choices if (path := getattr(self, choice)).exists()]
        return there[0] if there else getattr(self, name)
