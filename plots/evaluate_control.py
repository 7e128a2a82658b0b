"""Measure how closely a generator follows its conditions, on demo faces it has never seen.

    python plots/evaluate_control.py --ckpt demo
    python plots/evaluate_control.py --demo --run_id 29 --count 256

Prints the mean absolute difference to the photograph of the same parameters inside the face, the
same against photographs of other faces, and their ratio: 0 is a perfect copy, 1 means that the
condition is ignored. Writes held_out.png: photograph, rendering and generated face.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import add_synthesis_options, run_script, script_parser
from my_utils.errors import UserError

FIGURE_FACES = 12


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_synthesis_options(parser, outdir="output_files/sample/<run>/control")
    parser.add_argument("--count", type=int, default=64, help="held-out faces (64)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    import torch

    from model.condition import shrink
    from my_utils.condition_error import SHUFFLES, condition_error
    from my_utils.demo import held_out_faces
    from my_utils.image_io import save_grid
    from my_utils.synthesis import FaceSynthesizer

    if args.count <= SHUFFLES:
        raise UserError(f"--count {args.count} is too small: pass more than {SHUFFLES} faces")
    synthesizer = FaceSynthesizer.from_args(args)
    if not synthesizer.config.demo:
        raise UserError(
            "only the demo has photographs of held-out parameters: pass --ckpt demo, or --demo "
            "with --run_id"
        )
    size = synthesizer.config.resolution
    held_out = held_out_faces(args.count, size)
    error = condition_error(
        synthesizer, held_out.params, held_out.photographs, held_out.region, batch=args.batch
    )
    shown = range(min(args.count, FIGURE_FACES))
    faces = synthesizer(held_out.params[: len(shown)], shown)
    path = synthesizer.outdir(args.outdir, "control") / "held_out.png"
    photographs = held_out.photographs[: len(shown)]
    rows = (photographs, shrink(faces.render, size).cpu(), faces.image.cpu())
    labels = ("photograph (never seen)", "rendering", "generated")
    save_grid(path, torch.cat(rows), len(shown), row_labels=labels)
    print(
        f"{args.count} held-out faces: error {error.matched:.4f} with the right condition, "
        f"{error.shuffled:.4f} with another's, ratio {error.ratio:.3f} (images in [-1, 1])"
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    run_script(main)
