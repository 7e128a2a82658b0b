"""Convert a checkpoint that the authors released into a generator file of this project.

    python prepare_lmdb/convert_checkpoint.py output_files/checkpoint/29/294000_1.model
    python prepare_lmdb/convert_checkpoint.py --run_id 3 203000_1.model --out normals.safetensors

Every plot reads a .model file as it is. The converted file is a quarter of its size, opens faster,
carries its configuration and a checksum, and knows its mean style, which truncation needs. The
averaged generator and its style table are kept; discriminator, optimizers and the blocks for 512
and 1024 pixels, which no published run used, are left out.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import output_file, run_script, script_parser
from my_utils.errors import UserError
from my_utils.runs.config import run_number


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("model", type=Path, metavar="FILE", help="a released .model file")
    parser.add_argument("--run_id", type=run_number, help="its run, where its folder does not tell")
    parser.add_argument(
        "--out",
        type=output_file,
        metavar="FILE",
        help="default: generator-<kimg>.safetensors beside it",
    )
    args = parser.parse_args()
    if args.model.suffix != ".model":
        raise UserError(f"{args.model} is no .model file")

    from my_utils.runs.checkpoint import kimg_name
    from my_utils.runs.generators import load_generator, save_generator

    loaded = load_generator(args.model, run_id=args.run_id)
    name = f"generator-{kimg_name(loaded.nimg)}.safetensors"
    out = args.out or args.model.with_name(name)
    save_generator(out, loaded.generator, loaded.config, nimg=loaded.nimg)
    print(f"wrote the generator of run {loaded.config.run_id} to {out}")


if __name__ == "__main__":
    run_script(main)
