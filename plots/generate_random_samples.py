"""Draw random people with a trained generator.

    python plots/generate_random_samples.py --ckpt demo
    python plots/generate_random_samples.py --run_id 29 --seeds 0-127
    python plots/generate_random_samples.py --run_id 29 --protocol published

Writes images/<seed>.png (generated), conditions/render<seed>.png and conditions/normal<seed>.png
(what the generator was shown), params.npz (to draw the same faces again with --params) and
grid.png. A seed decides the face, its lighting and its style, and always gives the same picture.
Of a person (--ckpt person.safetensors) it decides the expression, the pose and the lighting.

The published protocol draws the 128 people that the published code drew, numbered from 0, with
params.npy in its layout (not in their styles, which came from the random stream of a GPU); the
names are numbers too where --params repeats a seed.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    add_overwrite_option,
    counted,
    number,
    parse_seeds,
    run_script,
    script_parser,
)
from my_utils.faces.options import add_synthesis_options, synthesizer_from_args

GRID_COLUMNS = 8
OWN_FILES = ("images/*.png", "conditions/*.png", "grid.png", "params.np[yz]")


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_synthesis_options(parser, outdir="output_files/sample/<run>/random_samples")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--seeds", default="0-15", help="faces to draw, e.g. 0-15,42 (0-15)")
    source.add_argument(
        "--params", type=Path, metavar="FILE", help="faces of a params.npz or a parameter file"
    )
    source.add_argument("--protocol", choices=["published"], help="the published 128 people")
    add_overwrite_option(parser)
    parser.add_argument(
        "--yaw_range", type=number(0, 180), default=22.5, help="largest yaw, degrees (22.5)"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    seeds = parse_seeds(args.seeds)

    import torch
    from tqdm import tqdm

    from model.camera import center_eyes
    from my_utils.faces.params_file import load_params, save_params, save_published_params
    from my_utils.faces.sampling import of_one_person, published_random_params, random_params
    from my_utils.files.images import save_grid, save_image
    from my_utils.files.output_folder import clear_for

    synthesizer = synthesizer_from_args(args)
    outdir = synthesizer.outdir(args.outdir, "random_samples")
    if args.params:
        params, seeds = load_params(args.params)
    elif args.protocol:
        params, seeds = published_random_params(
            synthesizer.dataset_params(), style_count=synthesizer.style_count
        )
        params = center_eyes(params, synthesizer.renderer.flame)  # as published
    else:
        params = random_params(seeds, synthesizer.dataset_params(), yaw_degrees=args.yaw_range)
        if synthesizer.person:
            params = of_one_person(params, synthesizer.person.params)
        params = synthesizer.framed(params)
    names = range(len(seeds)) if args.protocol or len(set(seeds)) < len(seeds) else seeds
    styles = seeds
    if synthesizer.person and not args.params and not args.protocol:
        styles = [synthesizer.default_style] * len(seeds)
    files = [f"images/{name}.png" for name in names] + ["grid.png", "params.npz"]
    files += [f"conditions/{kind}{name}.png" for kind in ("render", "normal") for name in names]
    files += ["params.npy"] * bool(args.protocol)
    clear_for(outdir, files, OWN_FILES, overwrite=args.overwrite)
    save_params(outdir / "params.npz", params, styles)
    if args.protocol:
        save_published_params(outdir / "params.npy", params, styles)

    images = []
    batches = synthesizer.batches(params, styles, batch=args.batch, truncation_psi=args.truncation)
    with tqdm(total=len(seeds), unit="face", disable=None) as progress:
        for faces in batches:
            for row in range(len(faces.params)):
                name = names[len(images)]
                note = synthesizer.note(faces.params[row])
                save_image(outdir / "images" / f"{name}.png", faces.image[row], note=note)
                save_image(outdir / "conditions" / f"render{name}.png", faces.render[row])
                save_image(outdir / "conditions" / f"normal{name}.png", faces.normal_map[row])
                images.append(faces.image[row].cpu())
                progress.update()
    save_grid(outdir / "grid.png", torch.stack(images), GRID_COLUMNS, note=synthesizer.note(params))
    written = counted(len(seeds), "face")
    print(f"wrote {written}, their conditions, params.npz and grid.png to {outdir}")


if __name__ == "__main__":
    run_script(main)
