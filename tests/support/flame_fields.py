"""The fields of FLAME's smaller files."""

import numpy as np
import torch

from tests.support.toy_head import toy_flame_assets


def landmark_fields() -> dict:
    expected = toy_flame_assets().landmarks
    return {
        "static_lmk_faces_idx": expected.static_faces,
        "static_lmk_bary_coords": expected.static_barycentric,
        "dynamic_lmk_faces_idx": torch.from_numpy(expected.dynamic_faces),
        "dynamic_lmk_bary_coords": torch.from_numpy(expected.dynamic_barycentric),
        "full_lmk_faces_idx": expected.full_faces[None],
        "full_lmk_bary_coords": expected.full_barycentric[None],
    }


def texel_fields() -> dict:
    rows, columns = np.mgrid[:4, :4]
    return {
        "x_coords": columns.ravel().astype(float),
        "y_coords": rows.ravel().astype(float),
        "valid_pixel_ids": np.array([1, 6, 15]),
        "valid_pixel_3d_faces": np.arange(9).reshape(3, 3),
        "valid_pixel_b_coords": np.full((3, 3), 1 / 3),
    }
