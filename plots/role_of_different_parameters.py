"""Draw the paper's Figure 3: what each parameter does to a face.

    python plots/role_of_different_parameters.py --ckpt demo
    python plots/role_of_different_parameters.py --run_id 29 --pairs 0-15,42
    python plots/role_of_different_parameters.py --run_id 29 --run_id 7 --factors lighting,pose
    python plots/role_of_different_parameters.py --run_id 29 --protocol published

Each pair of faces of the data set gives one column of pictures per generator. From top to bottom:
the first face in another style, the first face (a person, with --ckpt person.safetensors), then one
factor after the other of the second face. Writes gen_images<pair>/<row>.png with the renderings
rndr_<row>.png and norm_<row>.png beside them (in a folder per generator where there are several),
and figure3.png with all columns labelled. The published protocol draws 200 pairs, each in two
random styles of its own.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    add_overwrite_option,
    counted,
    parse_seeds,
    run_script,
    script_parser,
    whole_number,
)
from my_utils.faces.options import add_synthesis_options, synthesizers_from_args

FACTORS = "shape,expression,pose,texture,lighting"
FIGURE_COLUMNS = 12
OWN_FILES = ("figure3.png", "gen_images*/*.png", "*/gen_images*/*.png")


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_synthesis_options(parser, outdir="output_files/sample/<run>/param_swap", several=True)
    add_overwrite_option(parser)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--pairs", default="0-7", help="pairs to draw, e.g. 0-15,42 (0-7)")
    choice.add_argument("--protocol", choices=["published"], help="the published 200 pairs")
    parser.add_argument(
        "--factors", default=FACTORS, help="what to hand over, in order (%(default)s)"
    )
    parser.add_argument("--seed", type=whole_number, default=0, help="seed of the styles (0)")
    return parser.parse_args()


def pictures_in(folder: str, pairs: list[int], rows: int) -> list[str]:
    """The names of one generator's pictures."""
    kinds = [f"{kind}{row}.png" for kind in ("", "rndr_", "norm_") for row in range(rows)]
    return [f"{folder}gen_images{pair}/{name}" for pair in pairs for name in kinds]


def save_pair(folder: Path, synthesizer, faces) -> None:
    from my_utils.files.images import save_image

    for row in range(len(faces.params)):
        note = synthesizer.note(faces.params[row])
        save_image(folder / f"{row}.png", faces.image[row], note=note)
        save_image(folder / f"rndr_{row}.png", faces.render[row])
        save_image(folder / f"norm_{row}.png", faces.normal_map[row])


def labels_of(factors: list[str]) -> list[str]:
    """Of the rows."""
    labels = ["other style", "face A", *(f"+ {factor}" for factor in factors)]
    if set(factors) == set(FACTORS.split(",")):
        labels[-1] += " = face B"
    return labels


def main() -> None:
    args = parse_args()
    pairs = parse_seeds("0-199" if args.protocol else args.pairs, option="--pairs")

    import torch
    import torch.nn.functional as F
    from tqdm import tqdm

    from model.flame import FlameParams
    from my_utils.faces.sampling import (
        pair_styles,
        parse_factors,
        pick_pairs,
        swap_factors,
    )
    from my_utils.files.images import save_grid
    from my_utils.files.output_folder import clear_for

    factors = parse_factors(args.factors)
    synthesizers = synthesizers_from_args(args)
    comparing = len(synthesizers) > 1
    first_one = synthesizers[0]
    outdir = first_one.outdir(args.outdir, "param_swap")
    face_a, face_b = pick_pairs(pairs, first_one.dataset_params())
    if first_one.person:
        face_a = first_one.person.params[[0] * len(pairs)]
    steps = swap_factors(face_a, face_b, first_one.renderer.flame, factors=factors)
    rows = [face_a, *steps]
    tile = max(synthesizer.config.resolution for synthesizer in synthesizers)

    folders = [f"{one.name.replace(' ', '_')}/" for one in synthesizers] if comparing else [""]
    files = [name for folder in folders for name in pictures_in(folder, pairs, len(rows))]
    clear_for(outdir, ["figure3.png", *files], OWN_FILES, overwrite=args.overwrite)

    columns, labels, notes = [], [], []
    for number, pair in enumerate(tqdm(pairs, unit="pair", disable=None)):
        params = FlameParams.cat([row[number] for row in rows])
        styles = [2 * args.seed, 2 * args.seed + 1]
        if args.protocol:
            styles = pair_styles(pair, seed=args.seed, style_count=first_one.style_count)
        for synthesizer in synthesizers:
            own = [synthesizer.default_style] if synthesizer.person else styles[1:]
            seeds = styles[:1] + own * len(steps)
            faces = synthesizer(params, seeds, truncation_psi=args.truncation)
            of_generator = synthesizer.name.replace(" ", "_") if comparing else ""
            save_pair(outdir / of_generator / f"gen_images{pair}", synthesizer, faces)
            if len(columns) < FIGURE_COLUMNS:
                columns.append(F.interpolate(faces.image, size=tile, mode="nearest").cpu())
                notes.append(synthesizer.note(faces.params))
                labels.append(f"pair {pair} {synthesizer.name if comparing else ''}")
    save_grid(
        outdir / "figure3.png",
        torch.stack(columns, dim=1).flatten(0, 1),
        len(columns),
        row_labels=labels_of(factors),
        column_labels=labels,
        caption="Each row replaces one more factor of face A by that of face B.",
        note="\n".join(filter(None, notes)),
    )
    print(f"wrote {counted(len(pairs), 'pair')} of {len(rows)} faces and figure3.png to {outdir}")


if __name__ == "__main__":
    run_script(main)
