"""Plot how realism falls as faces are driven away from those of the data set (the sigma sweep).

    python plots/sweep_fid.py --run_id 29 --run_id 8 --run_id 24
    python plots/sweep_fid.py --demo --run_id 29 --features control --weights FILE --count 500

At ten levels, noise is added to the first ten coefficients of shape and of expression, to the yaw
and to the jaw, as published: up to 1.5 standard deviations, 20 degrees and 3.75 degrees. Each
level is measured as by compute_fid.py; every generator draws the same faces at it. Writes
sweep.png and adds every number to measures.jsonl beside it.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import run_script, script_parser
from my_utils.faces.options import add_synthesis_options
from my_utils.metrics.fid.options import add_protocol_options, measurements_from_args


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_synthesis_options(parser, outdir="output_files/sample/<run>/sigma_sweep", several=True)
    add_protocol_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from my_utils.files.figures import save_figure
    from my_utils.metrics.fid.sigma_sweep import (
        LEVELS,
        perturb,
        perturbation_noise,
        sweep_figure,
    )

    measurements = measurements_from_args(args)
    first = measurements[0]
    outdir = first.synthesizer.outdir(args.outdir, "sigma_sweep")
    noise = perturbation_noise(first.protocol.count, seed=args.seed)
    curves = {}
    for measurement in measurements:
        params, styles = measurement.faces()
        flame = measurement.synthesizer.renderer.flame
        curve = curves[measurement.synthesizer.name] = []
        for level in LEVELS:
            values = measurement.measure(perturb(params, noise, level, flame), styles)
            measurement.append(outdir / "measures.jsonl", values, perturbation_sd=float(level))
            curve.append(values[measurement.network.measures["frechet"]])
    protocol, size = first.protocol, first.synthesizer.config.resolution
    title = f"{protocol.name}: {protocol.count} faces of {size} px at each level, seed {args.seed}"
    figure = sweep_figure(curves, measure=first.network.measures["frechet"], title=title)
    save_figure(figure, outdir / "sweep.png")
    print(f"wrote sweep.png and measures.jsonl to {outdir}")


if __name__ == "__main__":
    run_script(main)
