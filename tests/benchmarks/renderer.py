"""FLAME decoding and both renderings of the demo's head against casting rays with Embree.

    python tests/benchmarks/renderer.py
    python tests/benchmarks/renderer.py --batch 8 --size 512
    python tests/benchmarks/renderer.py --device cuda

This project's side goes from parameters to the two pictures. Embree, through embreex, is given the
vertices: it builds a scene for each head and finds the face that each pixel's ray meets first, and
does not shade.
"""

import argparse
import copy
import sys
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import numpy as np
import torch
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from timing import add_timing_options, compare, report

from model.camera import orthographic_projection
from my_utils.demo.held_out import face_renderer
from my_utils.demo.parameters import sample_parameters
from my_utils.files.workers import keep_freed_memory


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 32], help="(1 32)")
    parser.add_argument("--size", type=int, default=256, help="of the pictures in pixels (256)")
    parser.add_argument("--device", default="cpu", help="of this project's side (cpu)")
    add_timing_options(parser, repeats=9)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_freed_memory()
    for batch in args.batch:
        turns = {"repeats": args.repeats, "warmup": args.warmup}
        functions = alternatives(batch, args.size, args.device)
        rows = compare(functions, baseline="embreex", images=batch, **turns)
        faces = len(face_renderer(args.size).mesh_renderer.faces)
        title = f"renderings of {faces} faces at {args.size} px, batch {batch}"
        report(title, rows, json=args.json, device=args.device, **turns)


def alternatives(batch: int, size: int, device: str) -> dict[str, Callable[[], object]]:
    """Functions that handle so many heads."""
    renderer = face_renderer(size)
    params = sample_parameters(range(batch), seed=0)
    projected = orthographic_projection(renderer.flame(params), params.camera)
    triangles = projected[:, renderer.mesh_renderer.faces].numpy()  # [N, F, 3, 3]
    centres = (2 * np.arange(size, dtype=np.float32) + 1) / size - 1
    x, y = np.meshgrid(centres, centres)
    origins = np.stack([x.ravel(), y.ravel(), np.full(size * size, -9, np.float32)], axis=1)
    directions = np.broadcast_to(np.float32([0, 0, 1]), origins.shape).copy()

    def cast_rays() -> list[np.ndarray]:
        hits = []
        for head in triangles:
            scene = EmbreeScene()
            TriangleMesh(scene, head)
            hits.append(scene.run(origins, directions))
        return hits

    covered = torch.from_numpy(np.stack(cast_rays())) >= 0
    differing = (
        (covered.view(batch, size, size) != (renderer(params).mask[:, 0] > 0)).float().mean()
    )
    assert differing < 1e-3, "the two sides do not see the same heads"
    renderer, params = copy.deepcopy(renderer).to(device), params.to(device)
    return {"embreex": cast_rays, "this project": lambda: renderer(params)}


if __name__ == "__main__":
    main()
