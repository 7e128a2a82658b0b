"""Convert FLAME's model file, a pickle of chumpy arrays, into plain arrays that load at once.

    python prepare_lmdb/convert_flame_model.py
    python prepare_lmdb/convert_flame_model.py downloads/flame2023_Open.pkl --out generic_model.npz

Without arguments it writes generic_model.npz beside the generic_model.pkl of $GIF_RESOURCES. Every
script uses the .npz where it is; the pickle may then be deleted.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from constants import resources_root
from my_utils.cli import output_file, run_script, script_parser
from my_utils.data.resource_files import ResourcePaths
from my_utils.errors import UserError


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument(
        "model",
        nargs="?",
        type=Path,
        default=ResourcePaths(resources_root).flame_model,
        help="FLAME 2020 or FLAME 2023 Open (%(default)s)",
    )
    parser.add_argument(
        "--out", type=output_file, metavar="NPZ", help="default: beside it, as .npz"
    )
    args = parser.parse_args()
    out = args.out or args.model.with_suffix(".npz")
    if args.model.suffix == ".npz" or out.suffix != ".npz":
        raise UserError(f"{args.model} -> {out}: the model must be a .pkl, the output a .npz")

    from my_utils.data.flame_files import load_flame, save_flame
    from my_utils.files.atomic import file_sha256

    assets = load_flame(args.model)
    save_flame(out, assets, source_sha256=file_sha256(args.model))
    print(f"wrote {len(assets.v_template)} vertices and {len(assets.faces)} triangles to {out}")


if __name__ == "__main__":
    run_script(main)
