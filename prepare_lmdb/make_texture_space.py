"""Make the texture space that a head model lacks, out of photographs.

    python prepare_lmdb/make_texture_space.py PHOTOGRAPHS
    python prepare_lmdb/make_texture_space.py --resources my_resources --count 300 PHOTOGRAPHS

FLAME 2023 Open (generic_model.pkl in the resources folder) has neither texture coordinates nor a
texture space. Writes both beside it under the published names, and the mask of the face: a
cylindrical unwrap, and the principal components of the skins of some hundred photographs, which
are fitted twice. Files that are there already are kept and used.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import (
    add_resource_options,
    counted,
    positive_int,
    resource_folder,
    run_script,
    script_parser,
)
from my_utils.errors import UserError


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("folder", type=Path, metavar="PHOTOGRAPHS", help="folder of pictures")
    parser.add_argument(
        "--count", type=positive_int, default=500, help="photographs to use at most (500)"
    )
    add_resource_options(parser)
    args = parser.parse_args()

    from my_utils.data.photograph_lmdb import find_photographs
    from my_utils.data.resources import Resources
    from my_utils.photos.texture_space_files import make_texture_space

    resources = Resources(resource_folder(args))
    path = resources.paths.texture_space
    if path.exists():
        raise UserError(f"{path} exists already: delete it to make another")
    photographs = list(find_photographs(args.folder).values())[: args.count]
    used = make_texture_space(resources, photographs)
    print(
        f"wrote {path} out of {used} of {counted(len(photographs), 'photograph')}; next:\n"
        f"  python prepare_lmdb/fit_photographs.py --resources {resources.paths.root} {args.folder}"
    )


if __name__ == "__main__":
    run_script(main)
