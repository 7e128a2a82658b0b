"""Builds the LMDB of renderings: what the networks are conditioned on, rendered once for all.

The script for real data and the writer of the demo resources share this function.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from model.flame import FlameParams
from model.renderer import FaceRenderer
from my_utils.data.lmdb_images import NORMAL_MAP, image_key
from my_utils.data.resources import ParameterTable
from my_utils.files.image_codec import encode_rendering
from my_utils.files.images import to_uint8
from my_utils.files.lmdb_writer import LmdbWriter
from my_utils.files.workers import ordered_map


def write_rendering_lmdb(
    path: Path,
    renderer: FaceRenderer,
    parameters: ParameterTable,
    *,
    size: int,
    batch: int = 8,
    workers: int = 2,
    device: torch.device | str = "cpu",
    origin: Mapping[str, bytes] | None = None,
) -> None:
    """Render every face of the parameter file as two PNG records: textured, and its normal map.

    Interrupted, it goes on where it stopped when called again with the same head and parameters.

    Args:
        size: of the renderer's pictures, in pixels; part of the keys.
        batch: faces rendered at once; no effect on the pictures.
        workers: threads, each of which renders and compresses a batch at a time.
        origin: what the LMDB will know of the head and the parameters; see `origins`.
    """
    recipe = f"{size} pixels, head and parameters {_digest(renderer, parameters)}"
    draw = partial(_draw, renderer.to(device), parameters, device=device, size=size)
    with (
        LmdbWriter(path, recipe=recipe) as writer,
        _one_thread_in_torch(),
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(parameters.ids), unit="face", desc="rendering", disable=None) as progress,
    ):
        todo = [n for n, i in enumerate(parameters.ids) if image_key(size, i) not in writer]
        progress.update(len(parameters.ids) - len(todo))
        batches = [todo[start : start + batch] for start in range(0, len(todo), batch)]
        for faces in ordered_map(pool, draw, batches, ahead=2 * workers):
            for records in faces:
                writer.put_all(records)
                progress.update()
        writer.finish(len(parameters.ids), origin)


def _digest(renderer: FaceRenderer, parameters: ParameterTable) -> str:
    """Twelve digits that change with anything that shows in the pictures."""
    digest = hashlib.sha256(parameters.ids.tobytes())
    digest.update(parameters.vectors.tobytes())
    for buffer in renderer.buffers():
        digest.update(buffer.cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


@contextlib.contextmanager
def _one_thread_in_torch() -> Iterator[None]:
    """Let threads started here compute alone: more inside each would wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def _draw(
    renderer: FaceRenderer,
    parameters: ParameterTable,
    rows: list[int],  # of the parameters
    *,
    device: torch.device | str,
    size: int,
) -> list[dict[str, bytes]]:
    """The two records of each face."""
    vectors = torch.from_numpy(parameters.vectors[rows])
    rendering = renderer(FlameParams.from_vector(vectors.to(device)))
    return [
        {
            image_key(size, face_id): encode_rendering(image),
            image_key(size, face_id, NORMAL_MAP): encode_rendering(normal_map),
        }
        for face_id, image, normal_map in zip(
            parameters.ids[rows],
            to_uint8(rendering.image),
            to_uint8(rendering.normal_map),
            strict=True,
        )
    ]
