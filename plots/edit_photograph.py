"""Edit the face of a photograph: turn the head, change the expression or the light.

    python plots/edit_photograph.py me.jpg --run_id 29 --set yaw=-20..20 --set light=left
    python plots/edit_photograph.py me.jpg --ckpt demo --set expression=smile:0.8 gaze=10,-5
    python plots/edit_photograph.py my_face/ --expression_of other.jpg --format png mp4

Finds the face (the largest), its parameters and its style, and tunes the generator to them. Each
--set is one edit, of one or more factors together; FROM..TO sweeps a range. Factors: yaw, pitch,
roll, jaw in degrees; shape.K, expression.K, texture.K in standard deviations; light and expression
by name, with an amount if wanted (smile:0.8); gaze, two angles in degrees; style, a seed.

Writes person.safetensors (which all plots and the viewer take with --ckpt), params.npz,
reconstruction.png, edits.png (photograph, rendering, reconstruction, edits) and the single edits,
on request a film of them, and with --paste the edits in place in the whole photograph. In place of
a photograph, the folder of a person that was written before is edited at once.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import counted, number, positive_int, run_script, script_parser, whole_number
from my_utils.errors import UserError
from my_utils.faces.options import add_synthesis_options, open_person, synthesizer_from_args

TAKEN = ("expression", "light", "pose")  # from another photograph


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("photograph", type=Path, help="a picture, or the folder of a person")
    add_synthesis_options(parser, outdir="output_files/sample/<run>/<photograph>")
    edits = parser.add_argument_group("edits")
    edits.add_argument(
        "--set", nargs="+", action="append", default=[], metavar="NAME=VALUE", help="an edit"
    )
    for factor in TAKEN:
        edits.add_argument(
            f"--{factor}_of", type=Path, metavar="FILE", help=f"the {factor} of another photograph"
        )
    edits.add_argument(
        "--format", nargs="+", default=["png"], choices=["png", "mp4", "gif"], help="(png)"
    )
    edits.add_argument("--steps", type=positive_int, default=5, help="pictures of a range (5)")
    edits.add_argument("--frames", type=positive_int, default=30, help="of a film, per change (30)")
    edits.add_argument(
        "--fps", type=number(0.1, 1000), default=30, help="frames per second of a film (30)"
    )
    edits.add_argument(
        "--paste", action="store_true", help="put edits back into the whole photograph, too"
    )
    person = parser.add_argument_group("finding the person")
    person.add_argument(
        "--params",
        type=Path,
        metavar="FILE",
        help="its parameters, of one face; the photograph is an aligned crop then",
    )
    person.add_argument("--tune", type=whole_number, metavar="N", help="steps of tuning; 0: none")
    person.add_argument("--seed", type=whole_number, default=0, help="of the tuning (0)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if not args.photograph.exists():
        raise UserError(f"there is no photograph or person {args.photograph}")
    is_person = args.photograph.is_dir() or args.photograph.suffix == ".safetensors"
    if args.paste and is_person:
        raise UserError("--paste needs the whole photograph: name it instead of the person")

    from my_utils.faces.named_factors import load_named_expressions
    from my_utils.photos.edits import edit_from_words, edit_taken_from
    from my_utils.photos.inversion import TUNING_STEPS
    from my_utils.photos.named_expressions import named_expressions_of
    from my_utils.photos.person_fit import fit_person
    from my_utils.photos.person_folder import Editing, load_crop, save_folder
    from my_utils.photos.photographed_face import FaceFinder

    synthesizer = open_person(args.photograph, args) if is_person else synthesizer_from_args(args)
    finder = FaceFinder(synthesizer.resources, size=synthesizer.config.render_size)
    path = synthesizer.resources.paths.named_expressions
    wanted = any(word.startswith("expression=") for words in args.set for word in words)
    if wanted and not path.exists():
        expressions = named_expressions_of(finder.head)
    else:
        expressions = load_named_expressions(path)
    edits = [edit_from_words(words, expressions) for words in args.set]
    for factor in TAKEN:
        if path := getattr(args, f"{factor}_of"):
            edits.append(edit_taken_from(factor, finder.find(path).params, path.name))

    if is_person:
        folder = args.photograph if args.photograph.is_dir() else args.photograph.parent
        outdir, face, crop = args.outdir or folder, None, load_crop(folder)
    else:
        outdir = synthesizer.outdir(args.outdir, args.photograph.stem)
        face = finder.find(args.photograph, params_file=args.params)
        tuning_steps = TUNING_STEPS if args.tune is None else args.tune
        synthesizer = fit_person(
            synthesizer, face.crop, face.params, tuning_steps=tuning_steps, seed=args.seed
        )
        crop = face.crop
        save_folder(outdir, synthesizer, crop)

    editing = Editing(synthesizer, expressions, batch=args.batch)
    if "png" in args.format:
        paste_into = face if args.paste else None
        editing.save_pictures(outdir, crop, edits, steps=args.steps, paste_into=paste_into)
    for ending in set(args.format) - {"png"}:
        editing.save_film(outdir / f"edits.{ending}", edits, frames=args.frames, fps=args.fps)
    print(f"wrote {outdir}: {counted(len(edits), 'edit')} of {args.photograph.name}")


if __name__ == "__main__":
    run_script(main)
