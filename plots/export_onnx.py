"""Write a generator as ONNX, for runtimes in C++, C#, Unity, browsers, or a plain CPU.

    python plots/export_onnx.py --ckpt demo
    python plots/export_onnx.py --run_id 29 --precision float16 --out face.onnx

Writes generator.onnx, and generator.json beside it: names, shapes and ranges of inputs and outputs,
the configuration, and the licence, which are metadata inside the file as well. Its images are
compared with torch's before anything is written. Batches may have any size. float16 stores the
weights in half the bytes and computes in float32.

It needs the packages of requirements-web.txt.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import add_resource_options, output_file, run_script, script_parser
from my_utils.faces.options import add_generator_options, choose_checkpoint, numbered_run


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    add_resource_options(parser)
    add_generator_options(parser, several=False)
    parser.add_argument(
        "--out",
        type=output_file,
        default=Path("generator.onnx"),
        metavar="FILE",
        help="(generator.onnx)",
    )
    parser.add_argument("--precision", choices=("float32", "float16"), default="float32")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    from my_utils.runs.generators import load_generator
    from my_utils.web.onnx_export import save_onnx

    loaded = load_generator(choose_checkpoint(args), run_id=numbered_run(args))
    difference = save_onnx(args.out, loaded, precision=args.precision)
    size = args.out.stat().st_size / 1e6
    print(f"wrote {args.out} ({size:.2f} MB) and {args.out.with_suffix('.json')}")
    print(f"largest difference from torch: {difference:.1e} (images in [-1, 1])")


if __name__ == "__main__":
    run_script(main)
