"""The fields of FLAME's smaller files."""

import numpy as np


def texel_fields() -> dict:
    rows, columns = np.mgrid[:4, :4]
    return {
        "x_coords": columns.ravel().astype(float),
        "y_coords": rows.ravel().astype(float),
        "valid_pixel_ids": np.array([1, 6, 15]),
        "valid_pixel_3d_faces": np.arange(9).reshape(3, 3),
        "valid_pixel_b_coords": np.full((3, 3), 1 / 3),
    }
