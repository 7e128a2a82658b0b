"""Writes the files around FLAME in the published layouts, for heads that lack them."""

from pathlib import Path

import numpy as np

from constants import RENDER_SIZE
from model.flame import TextureSpace
from model.mesh import UvLayout
from model.texture_sampler import TexelTable
from my_utils.files.atomic import atomic_path


def save_template_mesh(
    path: Path,
    vertices: np.ndarray,  # [V, 3] metres
    faces: np.ndarray,  # [F, 3]
    layout: UvLayout,
) -> None:
    """Write a mesh with its texture layout as `head_template_mesh.obj`."""
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in layout.coordinates]
    corners = np.stack([faces, layout.faces], axis=-1) + 1
    lines += ["f " + " ".join(f"{v}/{vt}" for v, vt in face) for face in corners]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def save_texture_space(path: Path, space: TextureSpace, layout: UvLayout) -> None:
    """Write a texture space as `FLAME_texture.npz`, in half precision."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            mean=space.mean.astype(np.float16),
            tex_dir=space.directions.astype(np.float16),
            vt=layout.coordinates,
            ft=layout.faces.astype(np.uint32),
        )


def save_texel_table(path: Path, table: TexelTable) -> None:
    """Write which point of the mesh every texel shows as `texture_data_256.npy`."""
    rows, columns = np.divmod(np.arange(RENDER_SIZE**2), RENDER_SIZE)
    fields = {
        "x_coords": columns,
        "y_coords": rows,
        "valid_pixel_ids": table.y * RENDER_SIZE + table.x,
        "valid_pixel_3d_faces": table.vertex_ids,
        "valid_pixel_b_coords": table.barycentric,
        "img_size": RENDER_SIZE,
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.array(fields, dtype=object))
