"""How well a photograph is drawn again and edited, against photographs of the edits.

    python tests/benchmarks/photo_edit.py
    python tests/benchmarks/photo_edit.py --faces 8 --known --pictures edits.png

The demo can photograph the same person turned, smiling or in another light. So for held-out
photographs, which nothing was tuned on, the shipped generator (or --ckpt) draws the edits from
fitted parameters (--known: the true ones) and they are compared with the photographs of the edits:
mean absolute differences of whole pictures in [-1, 1]. Beside them stand the generator's pictures
of the same edits in a random style, and the photograph as it was.
"""

import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from constants import DEMO_GENERATOR
from model.condition import shrink
from model.flame import FlameParams
from my_utils.cli import positive_int, run_script, script_parser
from my_utils.demo.held_out import HELD_OUT_ID
from my_utils.demo.parameters import sample_parameters
from my_utils.demo.photographs import photograph
from my_utils.errors import UserError
from my_utils.faces.options import open_generator
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.images import from_uint8, save_grid
from my_utils.files.tables import markdown_table
from my_utils.photos.edits import Edit, edit_taken_from, edited_faces
from my_utils.photos.fitting import FittingHead
from my_utils.photos.inversion import TUNING_STEPS
from my_utils.photos.person_fit import fit_person
from my_utils.runs.person import OWN_STYLE, PERSON_FILE, save_person

PHOTOGRAPH_SIZE = 256  # pixels
BARS = {  # measure: with tuning, without
    "reconstruction": (0.045, 0.09),
    "yaw -20": (0.10, None),
    "yaw 20": (0.10, None),
    "expression": (0.10, None),
    "light": (0.10, None),
    "others moved": (0.02, 0.0),
    "seconds": (30, 10),
}
MOST_OF_RANDOM = 0.45  # times the error of a random style
OTHERS = 32  # faces in random styles, that should not move
Rows = dict[str, list[float]]


def edits_of(other: FlameParams) -> dict[str, Edit]:
    """The edits by name; `other` is the face that expression and light are taken from."""
    turned = {f"yaw {angle}": Edit("", {"yaw": angle}, {"yaw": angle}) for angle in (-20, 20)}
    return turned | {name: edit_taken_from(name, other, "") for name in ("expression", "light")}


class Photographer:
    """Takes photographs of held-out people, and edits their true parameters."""

    def __init__(self, synthesizer: FaceSynthesizer, count: int) -> None:
        self.synthesizer = synthesizer
        self.truth = sample_parameters(range(HELD_OUT_ID, HELD_OUT_ID + count))

    def photograph(self, number: int, params: FlameParams) -> np.ndarray:
        """uint8 [S, S, 3], with the hair and the background of this person."""
        return photograph(params, [0, HELD_OUT_ID + number, 1], size=PHOTOGRAPH_SIZE)

    def small(self, pixels: np.ndarray) -> Tensor:
        """At the generator's size: [1, 3, R, R] in [-1, 1]."""
        return shrink(from_uint8(pixels)[None], self.synthesizer.config.resolution)

    def edited(self, number: int, edit: Edit) -> Tensor:
        """The photograph [1, 3, R, R] that an edit should give."""
        flame = self.synthesizer.renderer.flame
        faces = edited_faces(self.truth[number], edit, flame, {}, style=0)
        return self.small(self.photograph(number, faces.params))


def difference(drawn: Tensor, wanted: Tensor) -> float:
    return float((drawn.clamp(-1, 1) - wanted).abs().mean())


def measure_person(
    person: FaceSynthesizer, wanted: dict[str, Tensor], fitted_other: FlameParams, rows: Rows
) -> list[Tensor]:
    """Add the errors of one person's pictures to the rows, and return the pictures."""
    assert person.person is not None
    own = person.person.params
    pictures = [person(own, [OWN_STYLE]).clamped]
    rows["reconstruction"].append(difference(pictures[0], wanted["reconstruction"]))
    for name, edit in edits_of(fitted_other).items():
        faces = edited_faces(own, edit, person.renderer.flame, {}, style=OWN_STYLE)
        pictures.append(person(faces.params, faces.styles).clamped)
        rows[name].append(difference(pictures[-1], wanted[name]))
    return pictures


def measure_baselines(
    synthesizer: FaceSynthesizer,
    number: int,
    own: FlameParams,
    wanted: dict[str, Tensor],
    fitted_other: FlameParams,
    rows: dict[str, Rows],
) -> None:
    """The same edits in a random style, and the photograph without any edit."""
    edits = {"reconstruction": Edit("")} | edits_of(fitted_other)
    for name, edit in edits.items():
        faces = edited_faces(own, edit, synthesizer.renderer.flame, {}, style=1000 + number)
        drawn = synthesizer(faces.params, faces.styles).clamped
        rows["random style"][name].append(difference(drawn, wanted[name]))
        rows["photograph"][name].append(difference(wanted["reconstruction"], wanted[name]))


def others_moved(before: FaceSynthesizer, after: FaceSynthesizer) -> float:
    """By how much faces that tuning never saw are drawn otherwise, in styles it never saw."""
    params = sample_parameters(range(HELD_OUT_ID + 1000, HELD_OUT_ID + 1000 + OTHERS))
    styles = range(5000, 5000 + OTHERS)
    pairs = zip(
        before.batches(params, styles, batch=8), after.batches(params, styles, batch=8), strict=True
    )
    return float(np.mean([difference(two.clamped, one.clamped) for one, two in pairs]))


def report(rows: dict[str, Rows]) -> str:
    """Means of everything, the bars, and the ratio to a random style."""
    names = list(rows["tuned"])
    head = ["measure", *rows, "tuned / random", "bar tuned", "bar untuned"]
    lines = []
    for name in names:
        means = [float(np.mean(row[name])) if row[name] else None for row in rows.values()]
        tuned, random = np.mean(rows["tuned"][name]), rows["random style"][name]
        ratio = float(tuned / np.mean(random)) if random else None
        lines.append([name, *means, ratio, *BARS.get(name, (None, None))])
    return markdown_table(head, lines)


def parse_args():
    parser = script_parser(__doc__)
    parser.add_argument("--ckpt", type=Path, default=DEMO_GENERATOR, help="(the shipped one)")
    parser.add_argument("--faces", type=positive_int, default=64, help="photographs (64)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--known", action="store_true", help="the true parameters, not fitted ones")
    parser.add_argument(
        "--tune", type=positive_int, default=TUNING_STEPS, help="steps (%(default)s)"
    )
    parser.add_argument("--threads", type=positive_int, default=2, help="of torch (2)")
    parser.add_argument(
        "--pictures", type=Path, metavar="FILE", help="write a figure of the first 8"
    )
    return parser.parse_args()


def fitted_params(photographer: Photographer, numbers: range, known: bool) -> FlameParams:
    if known:
        return photographer.truth
    head = FittingHead(photographer.synthesizer.resources)
    found = []
    for number in tqdm(numbers, desc="fit", disable=None):
        aligned = head.align(photographer.photograph(number, photographer.truth[number]))
        if aligned is None:
            raise UserError(f"no face is found in held-out photograph {number}")
        found.append(head.fit([aligned], fine=True).params)
    return FlameParams.cat(found)


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    synthesizer = open_generator(args.ckpt)
    numbers = range(args.first + args.faces + 1)
    photographer = Photographer(synthesizer, len(numbers))
    fitted = fitted_params(photographer, numbers, args.known)
    kinds = ("tuned", "untuned", "random style", "photograph")
    rows: dict[str, Rows] = {kind: defaultdict(list) for kind in kinds}
    tiles: list[Tensor] = []
    for number in tqdm(numbers[args.first : -1], unit="photo", disable=None):
        true_edits = edits_of(photographer.truth[number + 1])
        wanted = {name: photographer.edited(number, edit) for name, edit in true_edits.items()}
        pixels = photographer.photograph(number, photographer.truth[number])
        wanted = {"reconstruction": photographer.small(pixels)} | wanted
        own, other = fitted[number], fitted[number + 1]
        measure_baselines(synthesizer, number, own, wanted, other, rows)
        crop = shrink(from_uint8(pixels)[None], synthesizer.config.render_size)
        for kind, steps in (("tuned", args.tune), ("untuned", 0)):
            start, cpu = time.perf_counter(), time.process_time()
            person = fit_person(synthesizer, crop, own, tuning_steps=steps)
            rows[kind]["seconds"].append(time.perf_counter() - start)
            rows[kind]["CPU seconds"].append(time.process_time() - cpu)
            drawn = measure_person(person, wanted, other, rows[kind])
            if kind == "tuned":
                rows[kind]["others moved"].append(others_moved(synthesizer, person))
                rows[kind]["file / generator"].append(file_size(person, args.ckpt))
                if len(tiles) < 8 * 2 * len(wanted):
                    tiles += [*wanted.values(), *drawn]
    print(report(rows))
    print(f"{args.faces} photographs; python {' '.join(sys.argv)}")
    if args.pictures:
        save_grid(
            args.pictures,
            torch.cat(tiles),
            2 * len(wanted),
            column_labels=[*(f"true {name}" for name in wanted), *wanted],
        )


def file_size(person: FaceSynthesizer, generator: Path) -> float:
    """The size of a person's file over that of the generator's."""
    assert person.person is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PERSON_FILE
        save_person(path, person.person, person.generator, person.config, nimg=person.nimg)
        return path.stat().st_size / generator.stat().st_size


if __name__ == "__main__":
    run_script(main)
