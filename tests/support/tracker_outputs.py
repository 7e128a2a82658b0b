"""One face in the files of trackers that write codes, and recorded files of those with cameras."""

import shutil
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation


class TrueFace:
    """Parameters of a face, with the camera of a crop."""

    def __init__(self, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.shape = rng.normal(0, 0.5, 300).astype(np.float32)
        self.expression = rng.normal(0, 0.5, 100).astype(np.float32)
        self.rotation = Rotation.from_euler("YXZ", rng.uniform(-0.3, 0.3, 3))
        self.jaw = np.array([0.15, 0.02, -0.01])
        self.texture = rng.normal(size=50).astype(np.float32)
        self.light = rng.normal(size=(9, 3)).astype(np.float32)
        self.camera = np.array([8.0, 0.01, -0.02])  # orthographic, in the crop


def write_deca(folder: Path, number: int, face: TrueFace) -> None:
    codes = {
        "shape": face.shape[None, :100],
        "exp": face.expression[None, :50],
        "pose": np.concatenate([face.rotation.as_rotvec(), face.jaw])[None].astype(np.float32),
        "cam": face.camera[None],
        "tex": face.texture[None],
        "light": face.light[None],
        "detail": np.ones((1, 128)),
    }
    np.save(folder / f"{number:05d}.npy", codes, allow_pickle=True)


def write_emoca(folder: Path, number: int, face: TrueFace) -> None:
    pose = np.concatenate([face.rotation.as_rotvec(), face.jaw])
    _write_arrays(
        folder / f"{number:05d}",
        shape=face.shape[:100],
        exp=face.expression[:50],
        pose=pose,
        tex=face.texture,
        detail=np.ones(128),
    )


def write_smirk(folder: Path, number: int, face: TrueFace) -> None:
    outputs = {
        "pose_params": face.rotation.as_rotvec()[None],
        "cam": face.camera[None],
        "shape_params": face.shape[None],
        "expression_params": face.expression[None, :50],
        "eyelid_params": np.full((1, 2), 0.5),
        "jaw_params": face.jaw[None],
    }
    torch.save({k: torch.tensor(v) for k, v in outputs.items()}, folder / f"{number:05d}.pt")


def write_smirk_arrays(folder: Path, number: int, face: TrueFace) -> None:
    _write_arrays(
        folder / f"{number:05d}",
        shape=face.shape,
        exp=face.expression[:50],
        globalpose=face.rotation.as_rotvec(),
        jawpose=face.jaw,
        cam=face.camera,
        eyelid=np.full(2, 0.5),
    )


def write_mica(folder: Path, number: int, face: TrueFace) -> None:
    _write_arrays(folder / f"{number:05d}", identity=face.shape[None], kpt68=np.ones((68, 2)))


def _write_arrays(folder: Path, **arrays: np.ndarray) -> None:
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


# Recorded from the tools' own conventions, see tests/data/cases.
CASES = Path(__file__).resolve().parents[1] / "data" / "cases"
RECORDED = {
    "metrical-tracker": "07-metrical-tracker-light-in-head-axes/output",
    "pixel3dmm": "14-pixel3dmm-newer-flame-leaves-no-mark/checkpoint",
    "vhap": "06-vhap-union-and-subject-folder/SUBJ_A_DS4_whiteBg_staticOffset_maskBelowLine",
    "flame-head-tracker": "03-flame-head-tracker-camera",
}


def copy_recorded(tool: str, folder: Path) -> None:
    """The files of a tool whose camera is a part of them."""
    shutil.copytree(CASES / RECORDED[tool], folder, dirs_exist_ok=True)


WRITERS = {
    "deca": write_deca,
    "emoca": write_emoca,
    "smirk": write_smirk,
    "mica": write_mica,
}
