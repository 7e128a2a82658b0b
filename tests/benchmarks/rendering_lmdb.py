"""The LMDB of renderings against one process that renders 32 faces at a time and encodes in line.

    python tests/benchmarks/rendering_lmdb.py
    python tests/benchmarks/rendering_lmdb.py --resources GIF_resources --faces 256

The plain way renders with the same renderer and as many threads of torch as --threads says, and
saves PNG with Pillow's own settings, in memory; "PNG level 3" does so with the faster ones of
`encode_png`. The builder's time includes the LMDB on the disk. Without --resources the faces are
the demo's.
"""

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import numpy as np
import torch
from PIL import Image
from timing import add_timing_options, compare, report

from constants import RENDER_SIZE
from model.flame import FlameParams
from model.renderer import FaceRenderer
from my_utils.data.parameters import ParameterTable
from my_utils.data.rendering_lmdb import write_rendering_lmdb
from my_utils.data.resources import Resources
from my_utils.demo.held_out import face_renderer
from my_utils.demo.parameters import sample_parameters
from my_utils.files.image_codec import encode_png
from my_utils.files.images import to_uint8
from my_utils.files.workers import keep_freed_memory

PLAIN_BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resources", type=Path, help="whose faces to render (the demo's)")
    parser.add_argument("--faces", type=int, default=512, help="to render (512)")
    parser.add_argument("--workers", type=int, default=2, help="threads of the builder (2)")
    add_timing_options(parser, repeats=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    turns = {"repeats": args.repeats, "warmup": args.warmup}

    if args.resources:
        resources = Resources(args.resources)
        renderer = resources.face_renderer(RENDER_SIZE)
        table = ParameterTable(*(column[: args.faces] for column in resources.parameters))
    else:
        renderer, ids = face_renderer(RENDER_SIZE), np.arange(args.faces)
        table = ParameterTable(ids, sample_parameters(range(args.faces)).to_vector().numpy())

    with tempfile.TemporaryDirectory() as folder:
        lmdb = Path(folder) / "renderings.lmdb"

        def build() -> None:
            shutil.rmtree(lmdb, ignore_errors=True)
            write_rendering_lmdb(lmdb, renderer, table, size=RENDER_SIZE, workers=args.workers)

        ways = {
            "plain": lambda: render_plainly(renderer, table.vectors, pillow_png),
            "plain, PNG level 3": lambda: render_plainly(renderer, table.vectors, encode_png),
            "builder": build,
        }
        rows = compare(ways, baseline="plain", images=len(table.ids), **turns)
        title = f"renderings and normal maps of {RENDER_SIZE} px"
        report(title, rows, json=args.json, workers=args.workers, **turns)


@torch.no_grad()
def render_plainly(
    renderer: FaceRenderer, vectors: np.ndarray, encode: Callable[[np.ndarray], bytes]
) -> None:
    for part in torch.from_numpy(vectors).split(PLAIN_BATCH):
        rendering = renderer(FlameParams.from_vector(part))
        for images in (rendering.image, rendering.normal_map):
            for pixels in to_uint8(images):
                encode(pixels)


def pillow_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
