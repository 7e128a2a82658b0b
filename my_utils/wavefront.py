"""Reads the texture layout of a triangle mesh from a Wavefront OBJ file.

Only the layout is taken: FLAME's vertices come from its model file.
"""

from pathlib import Path

import numpy as np

from model.mesh import UvLayout
from my_utils.errors import UserError


def read_obj(path: Path, text: str) -> tuple[UvLayout, np.ndarray]:
    """The texture layout and the vertex ids [F, 3] of the triangles, both in file order.

    Raises:
        UserError: a line cannot be read, a face is not a triangle with texture coordinates, or
            these are not in [0, 1].
    """
    coordinates: list[tuple[float, float]] = []
    faces: list[list[list[int]]] = []  # three corners of two numbers each, if all is well
    for number, line in enumerate(text.splitlines(), start=1):
        keyword, *words = line.split() or [""]
        try:
            if keyword == "vt":
                coordinates.append((float(words[0]), float(words[1])))
            elif keyword == "f":
                faces.append([[int(n) for n in word.split("/")[:2]] for word in words])
        except (ValueError, IndexError):
            raise UserError(f"{path}, line {number}, is not readable as OBJ: {line[:60]}") from None
    if {len(face) for face in faces} != {3} or {len(c) for f in faces for c in f} != {2}:
        faces = []
    corners = np.array(faces, dtype=np.int64).reshape(-1, 3, 2) - 1
    if len(corners) == 0 or corners.min() < 0 or corners[..., 1].max() >= len(coordinates):
        raise UserError(
            f"{path} is not a triangle mesh with texture coordinates (faces written v/vt): "
            "use the head_template_mesh.obj that comes with FLAME"
        )
    layout = UvLayout(np.array(coordinates, dtype=np.float32), corners[..., 1])
    if not ((layout.coordinates >= 0) & (layout.coordinates <= 1)).all():
        raise UserError(f"{path} has texture coordinates (vt) that are not between 0 and 1")
    return layout, corners[..., 0]
