"""One face in the files of every tracker, written from the same parameters.

Each writer states a tool's conventions once more, independently of the readers.
"""

import json
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

DISTANCE = 60.0  # metres: so far away that perspective hardly shows
OPENGL_TO_OPENCV = np.diag([1, -1, -1])


class TrueFace:
    """Parameters and a pinhole camera in OpenGL's axes, which are FLAME's."""

    def __init__(self, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.shape = rng.normal(0, 0.5, 300).astype(np.float32)
        self.expression = rng.normal(0, 0.5, 100).astype(np.float32)
        self.yaw_pitch_roll = rng.uniform(-0.3, 0.3, 3)
        self.rotation = Rotation.from_euler("YXZ", self.yaw_pitch_roll)
        self.jaw = np.array([0.15, 0.02, -0.01])
        self.translation = np.array([0.04, -0.03, -DISTANCE])
        self.texture = rng.normal(size=50).astype(np.float32)
        self.light = rng.normal(size=(9, 3)).astype(np.float32)
        self.camera = np.array([8.0, 0.01, -0.02])  # orthographic, in the crop
        self.size, self.focal = 512, 4 * DISTANCE * 512  # pixels

    def intrinsics(self) -> np.ndarray:
        return np.array([[self.focal, 0, 256], [0, self.focal, 256], [0, 0, 1]])

    def image_points(self, points: np.ndarray) -> np.ndarray:
        """Where the pinhole camera sees points [P, 3] in its own OpenGL axes, in [-1, 1]."""
        return self.focal / 256 * points[:, :2] / -points[:, 2:] * [1, -1]


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


def write_metrical_tracker(folder: Path, number: int, face: TrueFace) -> None:
    frame = {
        "flame": {
            "exp": face.expression[None],
            "shape": face.shape[None],
            "tex": np.pad(face.texture, (0, 90))[None],
            "sh": face.light[None],
            "eyes": np.array([[1, 0, 0, 0, 1, 0] * 2], np.float32),
            "eyelids": np.zeros((1, 2)),
            "jaw": Rotation.from_rotvec(face.jaw).as_matrix()[:2].reshape(1, 6),
        },
        "camera": {"R": np.eye(3)[None], "t": np.zeros((1, 3)), "fl": 5.0, "pp": np.zeros((1, 2))},
        "opencv": {
            "R": (OPENGL_TO_OPENCV @ face.rotation.as_matrix())[None],
            "t": (OPENGL_TO_OPENCV @ face.translation)[None],
            "K": face.intrinsics()[None],
        },
    }
    torch.save(frame, folder / f"{number:05d}.frame")


def write_pixel3dmm(folder: Path, number: int, face: TrueFace) -> None:
    matrix = face.rotation.as_matrix()
    frame = {
        "flame": {
            "exp": face.expression[None],
            "shape": face.shape[None],
            "eyes": np.array([[1, 0, 0, 0, 1, 0] * 2], np.float32),
            "eyelids": np.full((1, 2), 0.3),
            "jaw": Rotation.from_rotvec(face.jaw).as_matrix()[:2].reshape(1, 6),
            "neck": np.array([[1, 0, 0, 0, 1, 0]], np.float32),
            "R": matrix[:2].reshape(1, 6),
            "R_rotation_matrix": matrix[None],
            "t": (face.translation + [0, 0, DISTANCE])[None],
        },
        "img_size": np.array([face.size, face.size]),
        "camera": {
            "R_base_0": np.eye(3)[None],
            "t_base_0": np.array([[0, 0, -DISTANCE]]),
            "fl": np.array([[face.focal / face.size]]),
            "pp": np.zeros((1, 2)),
        },
    }
    torch.save(frame, folder / f"{number:05d}.frame")


def vhap_fields(faces: list[TrueFace]) -> dict[str, np.ndarray]:
    return {
        "shape": faces[0].shape,
        "expr": np.stack([face.expression for face in faces]),
        "rotation": np.stack([face.rotation.as_rotvec() for face in faces]),
        "translation": np.stack([face.translation + [0, 0, DISTANCE] for face in faces]),
        "neck_pose": np.zeros((len(faces), 3)),
        "jaw_pose": np.stack([face.jaw for face in faces]),
        "eyes_pose": np.zeros((len(faces), 6)),
        "static_offset": np.full((1, 302, 3), 1e-4),
    }


def write_vhap(folder: Path, number: int, face: TrueFace) -> None:
    """One more frame of a NeRF export."""
    (folder / "flame_param").mkdir(exist_ok=True)
    np.savez(folder / "flame_param" / f"{number:05d}.npz", **vhap_fields([face]))
    to_world = np.eye(4)
    to_world[2, 3] = DISTANCE
    frame = {
        "file_path": f"images/{number:05d}.png",
        "flame_param_path": f"flame_param/{number:05d}.npz",
        "transform_matrix": to_world.tolist(),
    }
    path = folder / "transforms.json"
    scene = json.loads(path.read_text()) if path.exists() else {"frames": []}
    scene |= {"fl_x": face.focal, "fl_y": face.focal, "cx": 256, "cy": 256, "w": 512, "h": 512}
    scene["frames"].append(frame)
    path.write_text(json.dumps(scene))


def write_flame_head_tracker(folder: Path, number: int, face: TrueFace) -> None:
    result = {
        "shape": face.shape[None],
        "exp": face.expression[None],
        "head_pose": np.zeros((1, 3)),
        "jaw_pose": face.jaw[None],
        "neck_pose": np.zeros((1, 3)),
        "eye_pose": np.full((1, 6), 0.1),
        "tex": face.texture[None],
        "light": face.light[None],
        "cam": np.concatenate([face.yaw_pitch_roll, face.translation])[None],
        "fov": 2 * np.rad2deg(np.arctan(256 / face.focal)),
        "K": face.intrinsics()[None],
        "image": None,
    }
    np.savez(folder / f"{number:05d}.npz", **result)


WRITERS = {
    "deca": write_deca,
    "emoca": write_emoca,
    "smirk": write_smirk,
    "mica": write_mica,
    "metrical-tracker": write_metrical_tracker,
    "pixel3dmm": write_pixel3dmm,
    "vhap": write_vhap,
    "flame-head-tracker": write_flame_head_tracker,
}
