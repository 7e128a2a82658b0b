"""What is known of a triangle mesh beyond its vertices: normals and the texture layout.

Both the renderer and the texture sampler shade and unwrap the same surface with these.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


class UvLayout(NamedTuple):
    """Where each corner of each face lies in the texture."""

    coordinates: np.ndarray  # [T, 2] float, u to the right and v up, both in [0, 1]
    faces: np.ndarray  # [F, 3] int, rows of `coordinates`; same order as the mesh's faces


def vertex_normals(
    vertices: Tensor,  # [N, V, 3]
    faces: Tensor,  # [F, 3] int64
) -> Tensor:
    """Unit normals [N, V, 3]: mean of the normals of the faces around, weighted by their areas.

    A normal whose sum is shorter than 1e-6 (tiny or folded faces) stays shorter than one.
    """
    first, second, third = vertices[:, faces].unbind(dim=2)
    face_normals = torch.linalg.cross(second - first, third - first)  # length: twice the area
    index = faces.T.reshape(1, -1, 1).expand(len(vertices), -1, 3)
    sums = torch.zeros_like(vertices).scatter_add(1, index, face_normals.repeat(1, 3, 1))
    return F.normalize(sums, dim=-1, eps=1e-6)
