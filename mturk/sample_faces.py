"""Draw the pictures of a perceptual study, and the manifest that says what each one shows.

    python mturk/sample_faces.py pairwise --run_id 29 --run_id 7
    python mturk/sample_faces.py likert --ckpt demo --conditions 12 --styles 5

pairwise: 1000 faces of the data set with centred eyes, drawn by every model, and the mesh they
should follow. The first model is the one the others are compared with (default: runs 29, 24, 7, 3
and 8). Writes <model>/mdl1__<face>.png (first model) or mdl2__<face>.png, <first
model>/mesh_<face>.png, manifest.csv.
likert: 500 faces in 20 styles each, generated | textured rendering (default: run 29).
Writes textured_rendering/<style>_<face>.png, manifest.csv.

Stopped, or repeated with more faces, styles or models, it draws only the pictures that are missing.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    add_overwrite_option,
    add_resource_options,
    counted,
    number,
    positive_int,
    run_script,
    script_parser,
    whole_number,
)
from my_utils.faces.options import (
    add_generator_options,
    choose_checkpoints,
    chosen_device,
    write_demo_head,
)
from my_utils.study.trial import MODEL_OF_RUN


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("study", choices=["pairwise", "likert"])
    add_resource_options(parser)
    add_generator_options(parser, several=True)
    parser.add_argument("--conditions", type=positive_int, help="faces (1000; likert: 500)")
    parser.add_argument("--styles", type=positive_int, default=20, help="likert: styles (20)")
    parser.add_argument("--seed", type=whole_number, default=2, help="draws the style seeds (2)")
    parser.add_argument("--batch", type=positive_int, default=8, help="faces drawn at once (8)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda:0 ... (auto)")
    parser.add_argument(
        "--truncation",
        type=number(-10, 10),
        default=1.0,
        help="1 keeps styles, 0 is the mean (1)",
    )
    add_overwrite_option(parser)
    parser.add_argument(
        "--outdir",
        type=Path,
        metavar="DIR",
        help="where pictures go (default: output_files/sample/inter_model_comparison; "
        "likert: output_files/sample/<run>/flame_param_association_eval)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    published = list(MODEL_OF_RUN) if args.study == "pairwise" else [29]
    args.generators = args.generators or [{"ckpt": None, "run_id": str(run)} for run in published]
    paths = choose_checkpoints(args)
    for path in paths:
        write_demo_head(path, args.resources)

    from my_utils.study.pictures import draw_study

    outdir, pictures = draw_study(
        args.study,
        paths,
        outdir=args.outdir,
        resources=args.resources,
        device=chosen_device(args),
        conditions=args.conditions,
        styles=args.styles,
        seed=args.seed,
        truncation_psi=args.truncation,
        batch=args.batch,
        overwrite=args.overwrite,
    )
    script = "create_csv.py" if args.study == "pairwise" else "generate_csv.py"
    print(
        f"{outdir} holds {counted(len(pictures), 'picture')} and manifest.csv; now python "
        f"mturk/{script} for Mechanical Turk, or python mturk/study_page.py for a page of your own"
    )


if __name__ == "__main__":
    run_script(main, if_stopped="repeat the command to continue")
