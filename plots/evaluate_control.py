"""Measure how well a generator obeys: do its faces have the parameters that were asked for?

    python plots/evaluate_control.py --ckpt demo --measure condition
    python plots/evaluate_control.py --demo --run_id 29 --count 256
    python plots/evaluate_control.py --run_id 29
    python plots/evaluate_control.py --run_id 29 --codes DECA_RESULTS --tool deca

condition (of the demo, which can photograph any face): the mean absolute difference to the
  photograph of the same parameters inside the face, the same against photographs of other faces,
  and their ratio: 0 is a perfect copy, 1 means that the condition is ignored. Writes held_out.png:
  photograph, rendering and generated face.
control: parameters are read off the generated faces again by a network trained on the photographs
  of the resources folder; the first call trains it, which takes minutes. Prints for every factor
  how far it is from what was asked, how far a change of it is followed and what else changes with
  it. Writes control.json and disentanglement.png and .pdf.
artefacts: lines drawn along the border and along the outside of the mesh, flicker along continua,
  and how much of the variety of photographs other styles reach, each beside photographs.
--codes: the re-inference error of the paper's Table 3, from the codes that DECA, EMOCA or SMIRK
  inferred on the images/ of plots/generate_random_samples.py.

What each number means is in docs/measures.md. All are added to measures.jsonl in the
folder of the run, which plots/compare_runs.py reads.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import positive_int, run_script, script_parser
from my_utils.errors import UserError
from my_utils.faces.options import add_synthesis_options, synthesizer_from_args

if TYPE_CHECKING:
    from my_utils.faces.synthesizer import FaceSynthesizer
    from my_utils.metrics.control.visible_factors import VisibleFactors

FIGURE_FACES = 12


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_synthesis_options(parser, outdir="output_files/sample/<run>/control")
    parser.add_argument("--count", type=positive_int, default=64, help="held-out faces (64)")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--measure",
        choices=["condition", "control", "artefacts"],
        help="only this one (condition, where there is one, and control)",
    )
    choice.add_argument("--codes", type=Path, metavar="DIR", help="what a tracker inferred")
    parser.add_argument(
        "--tool", choices=["deca", "emoca", "smirk"], default="deca", help="which tracker (deca)"
    )
    parser.add_argument(
        "--params",
        type=Path,
        metavar="FILE",
        help="the faces of these codes, a params.npz, params.npy or parameter file (default: "
        "output_files/sample/<run>/random_samples/params.npz)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from my_utils.metrics.condition_error import SHUFFLES
    from my_utils.metrics.control.visible_factors import VisibleFactors

    if args.count <= SHUFFLES:
        raise UserError(f"--count {args.count} is too small: pass more than {SHUFFLES} faces")
    synthesizer = synthesizer_from_args(args)
    demo = synthesizer.config.demo
    if args.measure == "condition" and not demo:
        raise UserError(
            "only the demo has photographs of held-out parameters: pass --ckpt demo, or --demo "
            "with --run_id"
        )
    if args.measure == "artefacts":
        evaluate_artefacts(args, synthesizer)
        return
    if demo and not args.codes and args.measure != "control":
        evaluate_condition(args, synthesizer)
    if args.measure == "condition":
        return
    factors = VisibleFactors(synthesizer.renderer, synthesizer.resources.face_mask)
    factors.to(synthesizer.device)
    if args.codes:
        evaluate_codes(args, synthesizer, factors)
    else:
        evaluate_control(args, synthesizer, factors)


def evaluate_condition(args: argparse.Namespace, synthesizer: "FaceSynthesizer") -> None:
    """Compare the faces of a demo generator with photographs of the same parameters."""
    from my_utils.demo.held_out import held_out_faces
    from my_utils.metrics.condition_error import condition_error, save_comparison

    faces = held_out_faces(args.count, synthesizer.config.resolution)
    error = condition_error(
        synthesizer, faces.params, faces.photographs, faces.region, batch=args.batch
    )
    path, few = synthesizer.outdir(args.outdir, "control") / "held_out.png", slice(FIGURE_FACES)
    save_comparison(path, synthesizer, faces.params[few], faces.photographs[few])
    print(
        f"{args.count} held-out faces: error {error.matched:.4f} with the right condition, "
        f"{error.shuffled:.4f} with another's, ratio {error.ratio:.3f} (images in [-1, 1])"
    )
    found = {"condition_ratio": {"value": error.ratio}}
    record(args, synthesizer, found, protocol="held-out photographs", count=args.count)
    print(f"wrote {path}")


def evaluate_artefacts(args: argparse.Namespace, synthesizer: "FaceSynthesizer") -> None:
    """Measure what looks wrong beside photographs, of which the demo can take any."""
    from functools import partial

    from my_utils.demo.held_out import held_out_photographs
    from my_utils.files.tables import markdown_table
    from my_utils.metrics.artefacts import measure_artefacts
    from my_utils.metrics.control.evaluation import held_out

    faces = held_out(synthesizer, args.count)
    size = synthesizer.config.resolution
    photographer = partial(held_out_photographs, size=size) if faces.photographer else None
    found = measure_artefacts(
        synthesizer, faces.params, faces.photographs, photographer, batch=args.batch
    )
    measures = {name: {"value": one.value, "floor": one.floor} for name, one in found.items()}
    record(args, synthesizer, measures, protocol="held-out photographs", count=args.count)
    rows = [
        [name, one.value, one.floor, one.floor and one.value / one.floor]
        for name, one in found.items()
    ]
    print(markdown_table(["artefact", "generated", "photographs", "ratio"], rows))


def evaluate_control(
    args: argparse.Namespace, synthesizer: "FaceSynthesizer", factors: "VisibleFactors"
) -> None:
    """Read the parameters off generated faces again; trains the network for it where missing."""
    import time

    from my_utils.files.atomic import file_sha256
    from my_utils.metrics.control.evaluation import (
        held_out,
        measure_control,
        regressor_path,
        train_regressor_for,
    )
    from my_utils.metrics.control.regressor import load_regressor
    from my_utils.metrics.control.report import control_tables, save_control

    path = regressor_path(synthesizer)
    if not path.exists():
        print(f"training {path}: some minutes for the demo or on a GPU", flush=True)
        start = time.perf_counter()
        train_regressor_for(synthesizer, factors)
        print(f"trained it in {time.perf_counter() - start:.0f} seconds")
    regressor = load_regressor(path).to(synthesizer.device)
    faces = held_out(synthesizer, args.count)
    control = measure_control(
        synthesizer, regressor, factors, faces, batch=args.batch, truncation_psi=args.truncation
    )
    outdir = synthesizer.outdir(args.outdir, "control")
    save_control(outdir, control, synthesizer.name)
    record(
        args,
        synthesizer,
        control.measures(),
        protocol="re-inference",
        count=len(faces.params),
        regressor_sha256=file_sha256(path),
    )
    print(f"\n{control_tables(control)}\n\n{len(faces.params)} held-out faces, read by {path}")
    print(f"wrote control.json, disentanglement.png and .pdf to {outdir}")


def evaluate_codes(
    args: argparse.Namespace, synthesizer: "FaceSynthesizer", factors: "VisibleFactors"
) -> None:
    """Compare what a tracker inferred on sample pictures with what they were drawn from."""
    from my_utils.data.trackers.reader import tracked_faces
    from my_utils.metrics.control.report import code_table
    from my_utils.metrics.control.table3 import code_errors, load_samples, match_codes

    default = synthesizer.outdir(None, "random_samples") / "params.npz"
    samples = load_samples(args.params or default)
    inferred, wanted = match_codes(tracked_faces(args.tool, args.codes, None), samples)
    device = synthesizer.device
    errors = code_errors(factors, inferred.to(device), wanted.to(device))
    found = {
        f"{name}_code_error_mm": {"value": error.millimetres, "fraction": error.fraction}
        for name, error in errors.items()
    }
    record(args, synthesizer, found, protocol=f"{args.tool} codes", count=len(wanted))
    print(f"{len(wanted)} of {len(samples.params)} faces, codes of {args.tool}\n")
    print(code_table(errors))


def record(
    args: argparse.Namespace,
    synthesizer: "FaceSynthesizer",
    measures: dict[str, dict[str, float]],  # by name: the value and what belongs to it
    **explanation: object,
) -> None:
    """Add what was measured to the measures of the run."""
    from my_utils.metrics.records import append_measure

    explanation |= {
        "seed": 0,  # faces and styles are the first ones
        "truncation": args.truncation,
        "run_id": synthesizer.config.run_id,
        "generator": str(synthesizer.file),
        "nimg": synthesizer.nimg,
    }
    path = synthesizer.outdir(args.outdir, "") / "measures.jsonl"
    for measure, numbers in measures.items():
        append_measure(path, measure=measure, **numbers, **explanation)


if __name__ == "__main__":
    run_script(main)
