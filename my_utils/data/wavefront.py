"""Reads the texture layout of a triangle mesh from a Wavefront OBJ file.

Only the layout is taken: FLAME's vertices come from its model file.
"""

import itertools
from pathlib import Path

import numpy as np

from model.mesh import UvLayout
from my_utils.errors import UserError
from my_utils.untrusted.text import shown


def read_obj(path: Path) -> tuple[UvLayout, np.ndarray]:
    """The texture layout and the vertex ids [F, 3] of the triangles, both in file order.

    Raises:
        UserError: a line cannot be read, a face is not a triangle with texture coordinates, or
            these are not in [0, 1].
    """
    coordinates: list[float] = []  # two for each point
    indices: list[int] = []  # two for each of the three corners of a face, if all is well
    are_triangles = True
    with path.open(encoding="latin1") as lines:
        for number, line in enumerate(lines, start=1):
            keyword, *words = line.split() or [""]
            try:
                if keyword == "vt":
                    coordinates += (float(words[0]), float(words[1]))
                elif keyword == "f":
                    corners = [[int(n) for n in word.split("/")[:2]] for word in words[:4]]
                    are_triangles &= list(map(len, corners)) == [2, 2, 2]
                    indices += itertools.chain(*corners)
            except (ValueError, IndexError):
                raise UserError(
                    f"{path}, line {number}, is not readable as OBJ: {shown(line[:60])}"
                ) from None
    faces = np.array(indices if are_triangles else [], dtype=np.int64).reshape(-1, 3, 2) - 1
    if len(faces) == 0 or faces.min() < 0 or faces[..., 1].max() >= len(coordinates) // 2:
        raise UserError(
            f"{path} is not a triangle mesh with texture coordinates (faces written v/vt): "
            "use the head_template_mesh.obj that comes with FLAME"
        )
    layout = UvLayout(np.array(coordinates, dtype=np.float32).reshape(-1, 2), faces[..., 1])
    if not ((layout.coordinates >= 0) & (layout.coordinates <= 1)).all():
        raise UserError(f"{path} has texture coordinates (vt) that are not between 0 and 1")
    return layout, faces[..., 0]
