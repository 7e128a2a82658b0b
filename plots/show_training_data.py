"""Show what a generator learns from: photographs beside the renderings of their faces.

    python plots/show_training_data.py --demo
    python plots/show_training_data.py --faces 0-15,300
    python plots/show_training_data.py --film --faces 0-299 --out wall.mp4

A face is named by its position in the parameter file; one without a usable photograph gives its
place to the next. The still grid shows photograph, rendering, normal map, and the rendering half
transparent on the photograph with the outline of the mesh, where misfits are seen. The film is a
wall of renderings and photographs that scrolls by. Writes training_data.png or training_data.mp4
into output_files/sample/groundtruth_data, or the file that --out names.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    add_resource_options,
    parse_seeds,
    resource_folder,
    run_script,
    script_parser,
)
from my_utils.errors import UserError

WALL_ROWS, WINDOW_COLUMNS = 6, 5  # faces
FPS, PIXELS_PER_FRAME = 60, 5  # as published
OUTLINE = (-1.0, 1.0, 1.0)  # cyan is seen on skin, hair and clothes


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_resource_options(parser)
    parser.add_argument("--faces", help="positions, e.g. 0-15,300 (0-7; the first 120 in a film)")
    parser.add_argument("--film", action="store_true", help="a scrolling wall instead of a grid")
    parser.add_argument("--out", type=Path, metavar="FILE", help="picture or film to write")
    return parser.parse_args()


def open_dataset(resources):
    """The pairs at the largest size of which there are renderings and normal maps."""
    import dataclasses

    from my_utils.data.dataset import FaceDataset
    from my_utils.data.lmdb_images import NORMAL_MAP, LmdbImages
    from my_utils.data.resources import SOURCES
    from my_utils.runs.config import run_config

    paths, config = resources.paths, run_config(29)
    renderings = LmdbImages(paths.renderings, made_by=SOURCES["renderings"])
    photographs = LmdbImages(paths.photographs, made_by=SOURCES["photographs"])
    drawn = set(renderings.sizes()) & set(renderings.sizes(NORMAL_MAP))
    render_size = max(drawn, default=config.render_size)
    fitting = [size for size in photographs.sizes() if size <= render_size]
    resolution = max(fitting, default=render_size)
    config = dataclasses.replace(config, render_size=render_size, resolution=resolution)
    return FaceDataset(resources, config)


def overlay(
    photographs,  # [N, 3, R, R] in [-1, 1]
    renders,  # [N, 3, R, R]
    normal_maps,  # [N, 3, R, R]
):
    """The photographs under half transparent renderings, with the outlines of the meshes."""
    import torch
    from torch.nn import functional as F

    mesh = (normal_maps.amax(dim=1, keepdim=True) > -1).float()
    width = max(1, photographs.shape[-1] // 128)
    outline = F.max_pool2d(mesh, 2 * width + 1, stride=1, padding=width) - mesh
    blended = photographs + mesh / 2 * (renders - photographs)
    return blended + outline * (torch.tensor(OUTLINE)[:, None, None] - blended)


def write_figure(path: Path, dataset, positions: list[int]) -> None:
    """One column per face: photograph, renderings and overlay."""
    import torch

    from my_utils.files.images import save_grid

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


def write_film(path: Path, dataset, positions: list[int]) -> None:
    """A wall, six faces high, of renderings and photographs that scrolls to the left."""
    import numpy as np
    import torch
    from tqdm import tqdm

    from my_utils.files.film import FilmWriter
    from my_utils.files.images import image_grid

    columns = np.array(positions[: len(positions) // WALL_ROWS * WALL_ROWS]).reshape(-1, WALL_ROWS)
    if len(columns) <= WINDOW_COLUMNS:
        needed = WALL_ROWS * (WINDOW_COLUMNS + 1)
        raise UserError(f"{len(positions)} faces do not fill the film: name {needed} in --faces")
    in_view, offset = [], 0
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


def main() -> None:
    args = parse_args()
    positions = parse_seeds(args.faces, option="--faces") if args.faces else None

    from my_utils.data.resources import Resources

    resources = Resources(resource_folder(args))
    resources.require("parameters", "photographs", "renderings")
    dataset = open_dataset(resources)
    positions = positions or list(range(min(len(dataset), 120 if args.film else 8)))
    if max(positions) >= len(dataset):
        raise UserError(f"--faces {max(positions)} is too large: there are {len(dataset)} faces")
    name, write = "training_data.png", write_figure
    if args.film:
        name, write = "training_data.mp4", write_film
    out = args.out or resources.paths.output_root / "sample" / "groundtruth_data" / name
    write(out, dataset, positions)
    print(f"wrote {out}")


if __name__ == "__main__":
    run_script(main)
