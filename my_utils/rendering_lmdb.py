"""Builds the LMDB of renderings: what the networks are conditioned on, rendered once for all.

The script for real data and the writer of the demo resources share this function.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from model.flame import FlameParams
from model.renderer import FaceRenderer
from my_utils.assets import ParameterTable
from my_utils.image_codec import encode_png
from my_utils.image_io import to_uint8
from my_utils.lmdb_images import NORMAL_MAP, image_key
from my_utils.lmdb_writer import LmdbWriter
from my_utils.ordered_map import ordered_map


def write_rendering_lmdb(
    path: Path,
    renderer: FaceRenderer,
    parameters: ParameterTable,
    *,
    size: int,
    batch: int = 32,
    workers: int = 2,
    device: torch.device | str = "cpu",
    overwrite: bool = False,
) -> None:
    """Render every face of the parameter file as two PNG records: textured, and its normal map.

    Interrupted, it goes on where it stopped when called again with the same parameters and size.

    Args:
        size: of the renderer's pictures, in pixels; part of the keys.
        batch: faces rendered at once; no effect on the pictures.
        workers: threads that compress pictures.
        overwrite: replace an existing LMDB.
    """
    digest = hashlib.sha256(parameters.vectors.tobytes()).hexdigest()[:12]
    recipe = f"{size} pixels, parameters {digest}"
    renderer = renderer.to(device)
    with (
        LmdbWriter(path, recipe=recipe, overwrite=overwrite) as writer,
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(parameters.ids), unit="face", desc="rendering", disable=None) as progress,
    ):
        todo = [n for n, i in enumerate(parameters.ids) if image_key(size, i) not in writer]
        progress.update(len(parameters.ids) - len(todo))
        batches = [todo[start : start + batch] for start in range(0, len(todo), batch)]
        pictures = (
            (parameters.ids[n], face)
            for rows in batches
            for n, face in zip(
                rows, _render(renderer, parameters.vectors[rows], device), strict=True
            )
        )
        for face_id, render, normal_map in ordered_map(pool, _encode, pictures, ahead=2 * batch):
            writer.put_all(
                {
                    image_key(size, face_id): render,
                    image_key(size, face_id, NORMAL_MAP): normal_map,
                }
            )
            progress.update()
        writer.finish(len(parameters.ids))


@torch.no_grad()
def _render(renderer: FaceRenderer, vectors: np.ndarray, device: torch.device | str) -> np.ndarray:
    """uint8 [N, 2, S, S, 3]: textured rendering and normal map of each face."""
    rendering = renderer(FlameParams.from_vector(torch.from_numpy(vectors).to(device)))
    return to_uint8(torch.stack([rendering.image, rendering.normal_map], dim=1))


def _encode(face: tuple[int, np.ndarray]) -> tuple[int, bytes, bytes]:
    face_id, (render, normal_map) = face
    return face_id, encode_png(render), encode_png(normal_map)
