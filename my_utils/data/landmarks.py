"""The 68 facial landmarks as points of a head, from the `landmark_embedding.npy` beside it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from my_utils.untrusted.fields import float_field, index_field, read_fields
from my_utils.untrusted.reader import reading

LANDMARKS = 68  # in the order of iBUG: jaw line, brows, nose, eyes, mouth
MOUTH_OUTLINE = range(48, 60)
CHIN = 8


class Landmarks(NamedTuple):
    """Points that stay on the same place of the surface, also where the jaw line is hidden."""

    faces: np.ndarray  # [68] int64, numbers of triangles
    barycentric: np.ndarray  # [68, 3]

    def locate(
        self,
        vertices: Tensor,  # [..., V, 3]
        triangles: Tensor,  # [F, 3]
    ) -> Tensor:
        """The landmarks on meshes: [..., 68, 3]."""
        corners = vertices[..., triangles[torch.from_numpy(self.faces)], :]
        return (corners * torch.from_numpy(self.barycentric)[..., None].to(vertices)).sum(dim=-2)


def load_landmarks(
    path: Path,
    face_count: int | None = None,  # of the head, to compare with
) -> Landmarks:
    """Read the file; UserError where it is damaged or of another head."""
    fields = read_fields(path)
    with reading(path):
        fields = {  # published with a leading axis of one
            name: np.asarray(fields[name]).squeeze()
            for name in ("full_lmk_faces_idx", "full_lmk_bary_coords")
            if name in fields
        }
        return Landmarks(
            index_field(fields, "full_lmk_faces_idx", (LANDMARKS,), below=face_count),
            float_field(fields, "full_lmk_bary_coords", (LANDMARKS, 3)),
        )
