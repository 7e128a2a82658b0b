"""Make a film of a sequence of faces.

    python plots/generate_animation.py --ckpt demo
    python plots/generate_animation.py --run_id 29 --between a/params.npz b/params.npz --seeds 0-7
    python plots/generate_animation.py --run_id 29 --voca sentence36.npz --audio sentence36.wav

The sequence is one of: faces of params.npz files, each turning into the next; a sentence animated
by VOCA; a tracked film, that is what prepare_lmdb/convert_flame_params.py wrote for its frames;
by default a demonstration of yaw, jaw and expression. One style is shown beside its rendering and
normal map, several styles around the rendering. Style, texture and lighting are those of the first
frame (of the mean face, or of a person given by --ckpt person.safetensors, for VOCA and the
demonstration) and the eyes stay where they are.
"""

import argparse
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    counted,
    number,
    parse_seeds,
    positive_int,
    run_script,
    script_parser,
)
from my_utils.errors import UserError
from my_utils.faces.options import add_synthesis_options, synthesizer_from_args


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_synthesis_options(parser, outdir="output_files/sample/<run>/animation")
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--between", type=Path, nargs="+", metavar="FILE", help="from face to face of params.npz"
    )
    source.add_argument("--voca", type=Path, metavar="FILE", help="a sentence, .npz")
    source.add_argument("--tracked", type=Path, metavar="PATH", help="a tracked film, .npy")
    parser.add_argument("--seeds", help="styles, e.g. 0-7 (that of the first face, else 0)")
    parser.add_argument(
        "--per_frame",
        nargs="+",
        default=[],
        choices=["style", "texture", "lighting"],
        help="do not keep these: a new style each frame, texture and lighting of the sequence",
    )
    parser.add_argument(
        "--frames", type=positive_int, default=30, help="from one face to the next (30)"
    )
    parser.add_argument("--fps", type=number(0.1, 1000), default=30, help="frames per second (30)")
    parser.add_argument(
        "--format", nargs="+", default=["mp4"], choices=["mp4", "gif"], help="of the film (mp4)"
    )
    parser.add_argument(
        "--scale", type=positive_int, default=1, help="enlarge the pictures so many times (1)"
    )
    parser.add_argument("--audio", type=Path, metavar="FILE", help="sound track of an MP4")
    return parser.parse_args()


def read_sequence(args: argparse.Namespace, synthesizer):
    """The name of the film, its faces, one row per frame, and the style of the first face."""
    from model.flame import FlameParams
    from my_utils.faces.params_file import load_params
    from my_utils.faces.sampling import interpolate_path
    from my_utils.faces.sequences import demonstration, load_tracked, load_voca

    style = synthesizer.default_style
    if args.between:
        files = [load_params(path) for path in args.between]
        keys = FlameParams.cat([params for params, _ in files])
        if len(keys) < 2:
            raise UserError(f"--between {args.between[0]} holds one face: name another file")
        return "between", interpolate_path(keys, args.frames), files[0][1][0]
    if args.tracked:
        return args.tracked.stem, load_tracked(args.tracked), style
    face = synthesizer.default_face()
    if args.voca:
        return args.voca.stem, load_voca(args.voca, face), style
    return "demonstration", demonstration(face, args.frames), style


def lay_out(
    images,  # [S, 3, R, R] generated faces, one for each style
    mesh,  # [2, 3, R, R] their rendering and normal map
):
    """A frame: one face beside its rendering and normal map, several around the rendering."""
    import torch

    from my_utils.files.images import image_grid

    if len(images) == 1:
        labels = ("generated", "rendering", "normal map")
        return image_grid(torch.cat([images, mesh]), 3, column_labels=labels)
    tiles = list(images)
    tiles.insert(len(images) // 2, mesh[0])
    return image_grid(torch.stack(tiles), math.ceil(math.sqrt(len(tiles))))


def main() -> None:
    args = parse_args()
    seeds = parse_seeds(args.seeds) if args.seeds else None

    import contextlib

    import torch
    from tqdm import tqdm

    from model.condition import shrink
    from my_utils.files.film import FilmWriter

    synthesizer = synthesizer_from_args(args)
    name, params, first_style = read_sequence(args, synthesizer)
    seeds = seeds or [first_style]
    for field in {"texture", "lighting"} - set(args.per_frame):
        params = params.replace(**{field: getattr(params[[0] * len(params)], field)})
    params = synthesizer.framed(params.to(synthesizer.device))

    outdir = synthesizer.outdir(args.outdir, "animation")
    note = synthesizer.note()
    paths = [outdir / f"{name}.{ending}" for ending in args.format]
    with contextlib.ExitStack() as stack:
        films = [
            stack.enter_context(FilmWriter(path, fps=args.fps, audio=args.audio, note=note))
            for path in paths
        ]
        # Every frame is drawn by the same calls, so that equal faces give equal frames.
        for row in tqdm(range(len(params)), unit="frame", disable=None):
            styles = [seed + row * ("style" in args.per_frame) for seed in seeds]
            faces = synthesizer.batches(
                params[[row] * len(styles)],
                styles,
                batch=args.batch,
                truncation_psi=args.truncation,
            )
            parts = [(part.image, part.render, part.normal_map) for part in faces]
            images, renders, normal_maps = (torch.cat(part) for part in zip(*parts, strict=True))
            mesh = torch.stack([renders[0], normal_maps[0]])
            frame = lay_out(images, shrink(mesh, synthesizer.config.resolution))
            if args.scale > 1:
                frame = frame.resize((frame.width * args.scale, frame.height * args.scale))
            for film in films:
                film.add(frame)
    print(f"wrote {counted(len(params), 'frame')} to {' and '.join(map(str, paths))}")


if __name__ == "__main__":
    run_script(main)
