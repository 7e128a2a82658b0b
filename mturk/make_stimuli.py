"""Make a set of pictures for an experiment from a design.

    python mturk/make_stimuli.py mturk/designs/identity_by_yaw.toml --ckpt demo
    python mturk/make_stimuli.py FOLDER --ckpt demo        # complete or repeat the set in FOLDER

A design is a TOML file that says who is shown, what varies, what is matched and how the pictures
are presented (docs/stimuli.md). Writes into a folder: pictures/, stimuli.csv (levels, measures and
every parameter of each picture), masks/, a contact sheet, diagnostics before and after matching,
lists for PsychoPy and jsPsych, and what is needed to make the same bytes again.

Stopped, or called again with more pictures in the design, it draws only what is missing.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from my_utils.cli import add_resource_options, counted, run_script, script_parser
from my_utils.errors import UserError
from my_utils.faces.options import add_generator_options, synthesizer_from_args

MOST_PICTURES = 2000  # without --yes


def parse_args() -> argparse.Namespace:
    parser = script_parser(__doc__)
    parser.add_argument("design", type=Path, help="a design (.toml), or the folder of a set")
    add_resource_options(parser)
    add_generator_options(parser, several=False)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda:0 ... (auto)")
    parser.add_argument(
        "--yes", action="store_true", help=f"draw more than {MOST_PICTURES} pictures"
    )
    parser.add_argument(
        "--outdir",
        type=Path,
        metavar="DIR",
        help="where the set goes (default: output_files/sample/<run>/stimuli/<design>; of a "
        "folder: that folder)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    repeated = args.design.is_dir()
    path = args.design / "design.toml" if repeated else args.design
    if not path.is_file():
        raise UserError(f"there is no design {path}: write one after docs/stimuli.md")

    from my_utils.faces.named_factors import load_named_expressions
    from my_utils.files.atomic import file_sha256
    from my_utils.stimuli.design_file import read_design
    from my_utils.stimuli.plan import picture_count
    from my_utils.stimuli.report import write_report
    from my_utils.stimuli.stimulus_set import make_set
    from my_utils.study.lists import write_lists
    from my_utils.study.presentation import read_presentation

    synthesizer = synthesizer_from_args(args)
    expressions = load_named_expressions(synthesizer.resources.paths.named_expressions)
    design = read_design(path, expressions)
    read_presentation(path, design.factors)  # mistakes show before anything is drawn
    count = picture_count(design)
    if count > MOST_PICTURES and not args.yes:
        raise UserError(f"{design.where}: {count} pictures are many: if you mean it, add --yes")
    folder = path.parent if repeated else synthesizer.outdir(None, f"stimuli/{path.stem}")
    generator = "demo" if args.ckpt == "demo" else synthesizer.file.name
    made = make_set(
        design, args.outdir or folder, synthesizer, expressions, file_sha256(synthesizer.file)
    )
    for sentence in write_report(made, design, synthesizer.dataset_params(), generator):
        print(sentence)
    lists = write_lists(made.folder)
    print(
        f"{made.folder} holds {counted(count, 'picture')} ({made.drawn} drawn now), stimuli.csv "
        f"and {counted(lists, 'list')}; for a page: python mturk/study_page.py {made.folder}"
    )


if __name__ == "__main__":
    run_script(main)
