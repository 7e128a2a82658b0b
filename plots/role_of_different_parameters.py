"""Draw the paper's Figure 3: what each parameter does to a face.

    python plots/role_of_different_parameters.py --ckpt demo
    python plots/role_of_different_parameters.py --run_id 29 --pairs 0-15,42
    python plots/role_of_different_parameters.py --run_id 29 --protocol published

Each pair of faces of the data set gives one column of seven pictures. From top to bottom: the
first face in another style, the first face, then shape, expression, pose, texture and lighting
of the second face, one after the other. Writes gen_images<pair>/<row>.png with the renderings
rndr_<row>.png and norm_<row>.png beside them, and figure3.png with all columns labelled.

The published protocol draws 200 pairs, each in two random styles of its own.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import add_synthesis_options, parse_seeds, run_script, script_parser

ROW_LABELS = (
    "other style", "face A", "+ shape", "+ expression", "+ pose", "+ texture", "+ lighting = face B"
)  # fmt: skip
FIGURE_COLUMNS = 12


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_synthesis_options(parser, outdir="output_files/sample/<run>/param_swap")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--pairs", default="0-7", help="pairs to draw, e.g. 0-15,42 (0-7)")
    choice.add_argument("--protocol", choices=["published"], help="the published 200 pairs")
    parser.add_argument("--seed", type=int, default=0, help="seed of the styles (0)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    pairs = parse_seeds("0-199" if args.protocol else args.pairs, option="--pairs")

    import torch
    from tqdm import tqdm

    from model.flame import FlameParams
    from my_utils.face_sampling import pair_styles, pick_pairs, swap_factors
    from my_utils.image_io import save_grid, save_image
    from my_utils.synthesis import FaceSynthesizer

    synthesizer = FaceSynthesizer.from_args(args)
    outdir = synthesizer.outdir(args.outdir, "param_swap")
    first, second = pick_pairs(pairs, synthesizer.dataset_params())
    steps = swap_factors(first, second, synthesizer.renderer.flame)
    rows = [first, *steps]

    columns = []
    for number, pair in enumerate(tqdm(pairs, unit="pair", disable=None)):
        params = FlameParams.cat([row[number] for row in rows])
        styles = [2 * args.seed, 2 * args.seed + 1]
        if args.protocol:
            styles = pair_styles(pair, seed=args.seed, style_count=synthesizer.style_count)
        seeds = styles[:1] + styles[1:] * len(steps)
        faces = synthesizer(params, seeds, truncation_psi=args.truncation)
        for row in range(len(rows)):
            folder = outdir / f"gen_images{pair}"
            save_image(folder / f"{row}.png", faces.image[row])
            save_image(folder / f"rndr_{row}.png", faces.render[row])
            save_image(folder / f"norm_{row}.png", faces.normal_map[row])
        columns.append(faces.image.cpu())
    figure = torch.stack(columns[:FIGURE_COLUMNS], dim=1)
    save_grid(
        outdir / "figure3.png",
        figure.flatten(0, 1),
        figure.shape[1],
        row_labels=ROW_LABELS,
        column_labels=[f"pair {pair}" for pair in pairs[:FIGURE_COLUMNS]],
        caption="Each row replaces one more factor of face A by that of face B.",
    )
    print(f"wrote {len(pairs)} pairs of {len(rows)} faces and figure3.png to {outdir}")


if __name__ == "__main__":
    run_script(main)
