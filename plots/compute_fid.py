"""Measure how real a generator's faces look, against all photographs of its resources folder.

    python plots/compute_fid.py --run_id 29
    python plots/compute_fid.py --run_id 29 --run_id 8 --run_id 24 --protocol fid50k
    python plots/compute_fid.py --run_id 29 --protocol published
    python plots/compute_fid.py --demo --run_id 29 --features control --weights FILE --count 500

Prints FID, KID, precision and recall as a Markdown table with one row per generator, and adds
each number, with everything it depends on, to output_files/sample/<run>/measures.jsonl.

  fid10k     10,000 faces with parameters of the data set, as 8-bit images, against all
             photographs of their size; resized as for the original (TensorFlow) Inception.
  fid50k     The same with 50,000 faces.
  published  What GIF's own code computed, comparable with nothing else: images scaled by their
             extremes, against ffhq_<R>X<R>_fid_stats.npz or the first 50,000 photographs.

FID's Inception network is never downloaded: without it, the error says where to get it.
--features control compares the features of a regressor of face parameters instead, which is no
FID and is not called so.
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
    add_synthesis_options(parser, outdir="output_files/sample/<run>", several=True)
    add_protocol_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()

    from my_utils.files.tables import markdown_table

    rows = []
    for measurement in measurements_from_args(args):
        values = measurement.measure(*measurement.faces())
        path = measurement.synthesizer.outdir(args.outdir, "") / "measures.jsonl"
        measurement.append(path, values)
        print(f"added {len(values)} measures to {path}")
        rows.append([measurement.synthesizer.name, *values.values()])
    protocol = measurement.protocol
    print(f"\n{protocol.name}: {protocol.count} generated images, seed {args.seed}\n")
    print(markdown_table(["generator", *values], rows))


if __name__ == "__main__":
    run_script(main)
