"""FLAME: the parameters of a face, the mesh they stand for, and its albedo texture.

`FlameParams` is the one place that knows how the 236 numbers of DECA are laid out; the two modules
take arrays, never files, so the licensed head, the demo head and a test head are one class.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from constants import EXPRESSION_DIM, FLAME_SLICES, PARAM_DIM, SHAPE_DIM, TEXTURE_DIM
from model.lbs import lbs

EXPRESSION_COLUMNS = 100  # the last columns of the file's shapedirs
NECK_JOINT, JAW_JOINT, EYE_JOINTS = 1, 2, slice(3, 5)  # FLAME's joints: root, neck, jaw, eyes


@dataclass(frozen=True, eq=False)
class FlameParams:
    """The parameters of N faces, one row each."""

    shape: Tensor  # [N, 100] identity, in standard deviations
    expression: Tensor  # [N, 50], in standard deviations
    pose: Tensor  # [N, 6] axis-angle in radians: global rotation, jaw
    camera: Tensor  # [N, 3] scale, tx, ty
    texture: Tensor  # [N, 50], in standard deviations
    lighting: Tensor  # [N, 9, 3] spherical harmonics x RGB

    def __post_init__(self):
        for name, columns in FLAME_SLICES.items():
            width = columns.stop - columns.start
            expected = (len(self), 9, 3) if name == "lighting" else (len(self), width)
            found = tuple(getattr(self, name).shape)
            if found != expected:
                raise ValueError(f"FlameParams.{name} must have shape {expected}, not {found}")

    @staticmethod
    def from_vector(
        vector: Tensor,  # [N, 236]
    ) -> "FlameParams":
        """Split full parameter vectors (order: shape, expression, pose, camera, texture, light)."""
        if vector.ndim != 2 or vector.shape[1] != PARAM_DIM:
            found = tuple(vector.shape)
            raise ValueError(f"a parameter array must have shape (N, {PARAM_DIM}), not {found}")
        fields = {name: vector[:, columns] for name, columns in FLAME_SLICES.items()}
        fields["lighting"] = fields["lighting"].unflatten(1, (9, 3))
        return FlameParams(**fields)

    def to_vector(self) -> Tensor:
        """Full parameter vectors [N, 236]."""
        return torch.cat([getattr(self, name).flatten(1) for name in FLAME_SLICES], dim=1)

    def replace(self, **fields: Tensor) -> "FlameParams":
        """The same faces with some fields exchanged."""
        return dataclasses.replace(self, **fields)

    def lerp(
        self,
        other: "FlameParams",
        t: float | Tensor,  # one number, or [N] numbers: 0 gives self, 1 gives other
    ) -> "FlameParams":
        """Faces between these and others, linear in every parameter."""
        start, end = self.to_vector(), other.to_vector()
        weight = torch.as_tensor(t, dtype=start.dtype, device=start.device).reshape(-1, 1)
        return FlameParams.from_vector(start + weight * (end - start))

    def to(self, device: torch.device | str) -> "FlameParams":
        """The same faces on another device."""
        return FlameParams.from_vector(self.to_vector().to(device))

    def __len__(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: int | slice | Sequence[int] | Tensor) -> "FlameParams":
        """Some of the faces; a single index gives a batch of one."""
        rows = self.to_vector()[index]
        return FlameParams.from_vector(rows[None] if rows.ndim == 1 else rows)

    @staticmethod
    def cat(parts: Sequence["FlameParams"]) -> "FlameParams":
        """All faces of several batches, one after another."""
        return FlameParams.from_vector(torch.cat([part.to_vector() for part in parts]))


@dataclass(frozen=True, eq=False)
class FlameAssets:
    """The arrays of a FLAME model file."""

    v_template: np.ndarray  # [V, 3] metres
    faces: np.ndarray  # [F, 3]
    shapedirs: np.ndarray  # [V, 3, 400]: 300 identity directions, then 100 of expression
    posedirs: np.ndarray  # [V, 3, 9 * (J - 1)]
    J_regressor: np.ndarray  # [J, V]
    parents: np.ndarray  # [J], the root's is -1
    lbs_weights: np.ndarray  # [V, J]


@dataclass(frozen=True, eq=False)
class TextureSpace:
    """A linear space of albedo textures, as in the file: BGR, 0..255."""

    mean: np.ndarray  # [H, W, 3]
    directions: np.ndarray  # [H, W, 3, K] per standard deviation


class FLAME(nn.Module):
    """FLAME as a decoder: parameters in, posed mesh out.

    The parameters hold no rotation of neck and eyes (DECA keeps them at rest); their camera,
    texture and lighting play no part. Everything is differentiable. No buffer enters a state dict:
    the model is licensed data.
    """

    v_template: Tensor  # [V, 3] metres
    faces: Tensor  # [F, 3] int64
    shapedirs: Tensor  # [V, 3, 150]: 100 of identity, 50 of expression
    posedirs: Tensor  # [V, 3, 9 * (J - 1)]
    J_regressor: Tensor  # [J, V]
    lbs_weights: Tensor  # [V, J]

    def __init__(self, assets: FlameAssets):
        super().__init__()
        identity_columns = assets.shapedirs.shape[2] - EXPRESSION_COLUMNS
        if identity_columns < SHAPE_DIM:
            raise ValueError(
                f"shapedirs has {assets.shapedirs.shape[2]} columns; FLAME needs at least "
                f"{SHAPE_DIM} of identity and then {EXPRESSION_COLUMNS} of expression"
            )
        columns = np.r_[:SHAPE_DIM, identity_columns : identity_columns + EXPRESSION_DIM]
        self.parents = [int(parent) for parent in assets.parents]
        self._add_floats("v_template", assets.v_template)
        self._add_floats("shapedirs", assets.shapedirs[:, :, columns])
        self._add_floats("posedirs", assets.posedirs)
        self._add_floats("J_regressor", assets.J_regressor)
        self._add_floats("lbs_weights", assets.lbs_weights)
        self._add_indices("faces", assets.faces)

    def _add_floats(self, name: str, array: np.ndarray) -> None:
        self.register_buffer(name, torch.tensor(array, dtype=torch.float32), persistent=False)

    def _add_indices(self, name: str, array: np.ndarray) -> None:
        indices = torch.tensor(array.astype(np.int64))
        self.register_buffer(name, indices, persistent=False)

    def forward(
        self,
        params: FlameParams,  # N rows
        *,
        neck: Tensor | None = None,  # [N, 3] axis-angle in radians; at rest where not given
        eyes: Tensor | None = None,  # [N, 6] axis-angle of joints 3 and 4; likewise
    ) -> Tensor:
        """Posed vertices [N, V, 3] in metres."""
        betas = torch.cat([params.shape, params.expression], dim=1)
        pose = params.pose.new_zeros(len(params), len(self.parents), 3)
        pose[:, 0], pose[:, JAW_JOINT] = params.pose[:, :3], params.pose[:, 3:]
        if neck is not None:
            pose[:, NECK_JOINT] = neck
        if eyes is not None:
            pose[:, EYE_JOINTS] = eyes.unflatten(1, (2, 3))
        return lbs(
            betas,
            pose,
            self.v_template,
            self.shapedirs,
            self.posedirs,
            self.J_regressor,
            self.parents,
            self.lbs_weights,
        )


class FlameTexture(nn.Module):
    """Albedo from texture codes: mean plus directions, at the size that is rendered."""

    mean: Tensor  # [3 * size * size]
    directions: Tensor  # [K, 3 * size * size]

    def __init__(self, texture_space: TextureSpace, size: int = 256):
        super().__init__()
        self.size = size
        # Nearest-neighbour reduction as published: row k of 256 is row 2k of 512, no average.
        rows, columns = (
            np.arange(size) * file_size // size for file_size in texture_space.mean.shape[:2]
        )
        pick = np.ix_(rows, columns)
        mean = texture_space.mean[pick][..., ::-1]  # BGR to RGB
        directions = texture_space.directions[pick][..., ::-1, :TEXTURE_DIM]
        mean = np.ascontiguousarray(mean.transpose(2, 0, 1), dtype=np.float32)
        directions = np.ascontiguousarray(directions.transpose(3, 2, 0, 1), dtype=np.float32)
        self.register_buffer("mean", torch.from_numpy(mean).flatten(), persistent=False)
        self.register_buffer(
            "directions", torch.from_numpy(directions).flatten(1), persistent=False
        )

    def forward(
        self,
        codes: Tensor,  # [N, 50], in standard deviations
    ) -> Tensor:
        """Albedo [N, 3, size, size], RGB, 0..255 (not clipped: extreme codes leave the range)."""
        albedo = self.mean + codes[:, : len(self.directions)] @ self.directions
        return albedo.view(-1, 3, self.size, self.size)
