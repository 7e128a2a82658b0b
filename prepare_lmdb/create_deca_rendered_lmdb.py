"""Render every face of the FLAME parameter file into the LMDB that training is conditioned on.

    python prepare_lmdb/create_deca_rendered_lmdb.py
    python prepare_lmdb/create_deca_rendered_lmdb.py --resources GIF_resources --device cuda:0

Each face becomes a textured rendering and a normal map. An interrupted run goes on when repeated.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from constants import RENDER_SIZE
from my_utils.cli import (
    add_resource_options,
    counted,
    positive_int,
    resource_folder,
    run_script,
    script_parser,
)
from my_utils.errors import UserError


def main() -> None:
    parser = script_parser(__doc__)
    add_resource_options(parser)
    parser.add_argument(
        "--size", type=positive_int, default=RENDER_SIZE, help="pixels (%(default)s)"
    )
    parser.add_argument(
        "--batch", type=positive_int, default=8, help="faces a thread renders at once (%(default)s)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda:0 ... (auto)")
    parser.add_argument(
        "--n_worker",
        type=positive_int,
        default=os.cpu_count(),
        help="threads that render and compress (as many as processors)",
    )
    args = parser.parse_args()

    from my_utils.data.lmdb_images import LmdbImages
    from my_utils.data.origins import codes_problem, head_digests, head_problem, origin_records
    from my_utils.data.rendering_lmdb import write_rendering_lmdb
    from my_utils.data.resource_files import FILES
    from my_utils.data.resources import Resources
    from my_utils.runs.runtime import select_device

    resources = Resources(resource_folder(args))
    resources.require("flame_model", "template_mesh", "texture_space", "parameters")
    path = resources.paths.renderings
    if path.exists():
        images = LmdbImages(path, made_by=FILES["renderings"].source)
        for problem in (
            codes_problem(images, resources.parameters),
            head_problem(images, head_digests(resources)),
        ):
            if problem:
                raise UserError(problem)
        there = ", ".join(map(str, images.sizes()))
        print(f"{path} exists already, with size {there}: delete it to build it anew")
        return
    write_rendering_lmdb(
        path,
        resources.face_renderer(args.size),
        resources.parameters,
        size=args.size,
        batch=args.batch,
        workers=args.n_worker,
        device=select_device(args.device),
        origin=origin_records(resources.parameters, resources),
    )
    print(f"wrote {counted(len(resources.parameters.ids), 'face')} to {path}")


if __name__ == "__main__":
    run_script(main, if_stopped="repeat the command to continue")
