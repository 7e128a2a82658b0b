"""Shows what training reads: photographs beside the renderings of their faces."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from my_utils.data.dataset import FaceDataset
from my_utils.data.lmdb_images import NORMAL_MAP, LmdbImages
from my_utils.data.resource_files import FILES
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.files.film import FilmWriter
from my_utils.files.images import image_grid, save_grid
from my_utils.runs.config import run_config

WALL_ROWS, WINDOW_COLUMNS = 6, 5  # faces
FPS, PIXELS_PER_FRAME = 60, 5  # as published
OUTLINE = (-1.0, 1.0, 1.0)  # cyan is seen on skin, hair and clothes


def largest_pairs(resources: Resources) -> FaceDataset:
    """The pairs at the largest size of which there are renderings and normal maps."""
    paths, config = resources.paths, run_config(29)
    renderings = LmdbImages(paths.renderings, made_by=FILES["renderings"].source)
    photographs = LmdbImages(paths.photographs, made_by=FILES["photographs"].source)
    rendered = set(renderings.sizes()) & set(renderings.sizes(NORMAL_MAP))
    render_size = max(rendered, default=config.render_size)
    fitting = [size for size in photographs.sizes() if size <= render_size]
    resolution = max(fitting, default=render_size)
    config = dataclasses.replace(config, render_size=render_size, resolution=resolution)
    return FaceDataset(resources, config)


def overlay(
    photographs: Tensor,  # [N, 3, R, R] in [-1, 1]
    renders: Tensor,  # [N, 3, R, R]
    normal_maps: Tensor,  # [N, 3, R, R]
) -> Tensor:
    """The photographs under half transparent renderings, with the outlines of the meshes."""
    mesh = (normal_maps.amax(dim=1, keepdim=True) > -1).float()
    width = max(1, photographs.shape[-1] // 128)
    outline = F.max_pool2d(mesh, 2 * width + 1, stride=1, padding=width) - mesh
    blended = photographs + mesh / 2 * (renders - photographs)
    return blended + outline * (torch.tensor(OUTLINE)[:, None, None] - blended)


def save_pairs(path: Path, dataset: FaceDataset, positions: Sequence[int]) -> None:
    """Write a grid, one column per face: photograph, renderings and overlay."""
    pairs = [dataset[position] for position in positions]
    photographs = torch.stack([pair.image for pair in pairs])
    renders, normal_maps = torch.stack([pair.condition for pair in pairs]).split(3, dim=1)
    over = overlay(photographs, renders, normal_maps)
    save_grid(
        path,
        torch.cat([photographs, renders, normal_maps, over]),
        len(pairs),
        row_labels=("photograph", "rendering", "normal map", "overlay"),
        column_labels=[f"{dataset.ids[pair.position]:05d}" for pair in pairs],
    )


def save_wall(path: Path, dataset: FaceDataset, positions: Sequence[int]) -> None:
    """Write a film: a wall of renderings and photographs, six faces high, scrolls to the left."""
    columns = np.array(positions[: len(positions) // WALL_ROWS * WALL_ROWS]).reshape(-1, WALL_ROWS)
    if len(columns) <= WINDOW_COLUMNS:
        needed = WALL_ROWS * (WINDOW_COLUMNS + 1)
        raise UserError(f"{len(positions)} faces do not fill the film: name {needed} in --faces")
    in_view: list[np.ndarray] = []
    offset = 0
    with FilmWriter(path, fps=FPS) as film:
        for column in tqdm(columns, unit="column", disable=None):
            pairs = [dataset[position] for position in column]
            tiles = [picture for pair in pairs for picture in (pair.condition[:3], pair.image)]
            in_view.append(np.asarray(image_grid(torch.stack(tiles), 2)))
            if len(in_view) > WINDOW_COLUMNS:
                wall = np.concatenate(in_view, axis=1)
                width = in_view.pop(0).shape[1]
                while offset < width:
                    film.add(wall[:, offset : offset + WINDOW_COLUMNS * width])
                    offset += PIXELS_PER_FRAME
                offset -= width
