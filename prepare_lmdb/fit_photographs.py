"""Fit FLAME parameters to a folder of photographs.

    python prepare_lmdb/fit_photographs.py PHOTOGRAPHS
    python prepare_lmdb/fit_photographs.py --refine --size 1024 --n_worker 8 PHOTOGRAPHS
    python prepare_lmdb/fit_photographs.py --video interview.mp4

Writes into the resources folder, whose head model is fitted: the faces cut out as FFHQ's
(input_files/FFHQ/images), their parameters, and into output_files/photographs a report and contact
sheets, worst faces first. Of several faces the largest is taken. Photographs may be of any size;
those named by numbers (00017.jpg) keep them as ids. An interrupted fit goes on when repeated.

Of a film, one person is fitted to all frames, for plots/generate_animation.py --tracked.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from constants import LMDB_SIZES, RENDER_SIZE
from my_utils.cli import (
    add_resource_options,
    counted,
    positive_int,
    resource_folder,
    run_script,
    script_parser,
    whole_number,
)
from my_utils.errors import UserError


def parse_args():
    parser = script_parser(__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "path", type=Path, nargs="?", metavar="PATH", help="a folder, or one photograph"
    )
    source.add_argument("--video", type=Path, metavar="FILE", help="a film instead")
    parser.add_argument("--refine", action="store_true", help="fit more exactly, a third slower")
    parser.add_argument(
        "--size", type=positive_int, default=RENDER_SIZE, help="pixels of the pictures (256)"
    )
    parser.add_argument(
        "--n_worker",
        type=positive_int,
        default=os.cpu_count(),
        help="processes (as many as processors)",
    )
    parser.add_argument(
        "--sheets", type=whole_number, default=48, help="faces on contact sheets (48)"
    )
    parser.add_argument(
        "--ranks", action="store_true", help="number the sorted paths, whatever their names say"
    )
    parser.add_argument("--force", action="store_true", help="replace what was fitted before")
    add_resource_options(parser)
    return parser.parse_args()


def fit_video(args) -> None:
    """Fit a film into a parameter file and a film that shows the fit."""
    import numpy as np

    from my_utils.data.parameters import ParameterTable, save_parameters
    from my_utils.data.resources import Resources
    from my_utils.photos.film_fit import find_face, fit_film, write_comparison
    from my_utils.photos.fitting import FittingHead
    from my_utils.photos.folder_fit import Places

    head = FittingHead(Resources(resource_folder(args)))
    out = Places.below(resource_folder(args)).sheets / f"{args.video.stem}.npy"
    if out.exists() and not args.force:
        raise UserError(f"{out} exists already: give --force to replace it")
    face = find_face(head, args.video)
    params = fit_film(head, args.video, face, fine=args.refine)
    save_parameters(out, ParameterTable(face.frames, np.asarray(params.to_vector())))
    comparison = out.with_name(f"{out.stem}_fit.mp4")
    write_comparison(head, args.video, face, params, comparison)
    print(
        f"fitted {len(params)} of {counted(face.frame_count, 'frame')}, those that show a face; "
        f"look at {comparison}\nwrote {out}; next:\n"
        f"  python plots/generate_animation.py --run_id 29 --tracked {out}"
    )


def fit_images(args) -> None:
    """Fit photographs into the resources folder."""
    from my_utils.data.photograph_lmdb import find_photographs, remarks
    from my_utils.data.resources import Resources
    from my_utils.photos.contact_sheet import write_contact_sheets
    from my_utils.photos.fitting import FittingHead
    from my_utils.photos.folder_fit import Places, fit_folder

    root = resource_folder(args)
    places = Places.below(root)
    if args.path.is_file():
        photographs = {0: args.path}
    else:
        photographs = find_photographs(args.path, ranks=args.ranks)
        for remark in remarks(args.path, photographs):
            print(f"note: {remark}")
    if places.images.resolve() in (args.path.resolve(), *args.path.resolve().parents):
        raise UserError(f"{args.path} is where the aligned pictures go: give the photographs")
    head = FittingHead(Resources(root))
    if args.force:
        places.clear()
    places.check_free()
    report = fit_folder(head, photographs, size=args.size, fine=args.refine, workers=args.n_worker)
    sheets = write_contact_sheets(head, report.faces[: args.sheets])
    for sentence in report.left_out:
        print(f"left out: {sentence}", file=sys.stderr)
    several = sum(face.other_faces > 0 for face in report.faces)
    more = f"; of {several} with several faces the largest was taken" if several else ""
    print(
        f"fitted {len(report.faces)} of {counted(len(photographs), 'photograph')}, "
        f"{len(report.left_out)} left out{more}"
    )
    looked_at = [*sheets[:1], places.sheets / "fit_report.csv"]
    print(f"look at {' and '.join(map(str, looked_at))}")
    sizes = ",".join(str(size) for size in LMDB_SIZES if size <= args.size)
    print(
        f"wrote {places.images} and {places.parameters}; next:\n"
        f"  python prepare_lmdb/prepare_ffhq_multiscale_dataset.py --sizes {sizes} "
        f"--out {head.resources.paths.photographs} {places.images}\n"
        f"  python prepare_lmdb/create_deca_rendered_lmdb.py --resources {root}\n"
        f"  GIF_RESOURCES={root} python train.py"
    )


def main() -> None:
    args = parse_args()
    if args.video:
        fit_video(args)
    else:
        fit_images(args)


if __name__ == "__main__":
    run_script(main, if_stopped="repeat the command to continue")
