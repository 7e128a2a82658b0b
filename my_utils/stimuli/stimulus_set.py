"""Makes a whole set of stimuli in a folder: pictures, tables, diagnostics, and how to repeat it."""

import csv
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL
import torch
from tqdm import tqdm

from my_utils.errors import UserError
from my_utils.faces.named_factors import NamedExpressions
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.atomic import atomic_path, remove_partial_files
from my_utils.stimuli.design import PEOPLE_FILE, Design
from my_utils.stimuli.drawing import (
    MASKS,
    draw_missing,
    picture_key,
    threads_for,
    write_masks,
    write_png,
)
from my_utils.stimuli.finishing import Unfinished, compose, unfinished_series
from my_utils.stimuli.image_properties import (
    Region,
    difference,
    luminance,
    octave_energies,
    octaves,
    region_properties,
)
from my_utils.stimuli.labels import write_labels
from my_utils.stimuli.matching import LEVELS, find_targets, match_picture
from my_utils.stimuli.people import FIELDS, load_people, resolve_people, save_people
from my_utils.stimuli.plan import Stimulus, plan_pictures, written
from my_utils.stimuli.steadiness import flicker

PICTURES, TABLE, DESIGN, MADE_WITH = "pictures", "stimuli.csv", "design.toml", "made_with.json"


class Measured(NamedTuple):
    """What is reported of one picture."""

    face: Region
    picture: Region  # what the mask shows of it
    octaves: list[float]
    neighbour: float | None  # difference to the step before; None where there is none


class Continuity(NamedTuple):
    """Flicker of one continuum, see steadiness.flicker."""

    name: str
    before: float
    after: float


class MadeSet(NamedTuple):
    """The set as made."""

    folder: Path
    pictures: list[Stimulus]
    before: list[Measured]
    after: list[Measured]
    continua: list[Continuity]
    drawn: int  # pictures that were not there yet
    size: int


def make_set(
    design: Design,
    folder: Path,
    synthesizer: FaceSynthesizer,
    expressions: NamedExpressions,
    generator_sha256: str,
) -> MadeSet:
    """Make, complete or repeat the set in `folder`.

    The same design, generator and versions of torch and Pillow give the same bytes.

    Raises:
        UserError: the folder holds a set by another generator, or a person cannot be drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_generator(folder, generator_sha256)
    remove_partial_files(folder)
    size = design.output.size or synthesizer.config.resolution
    kept = load_people(folder / PEOPLE_FILE, synthesizer.config.z_dim)
    people = resolve_people(design, synthesizer, expressions, kept)
    pictures = plan_pictures(design, people, synthesizer, expressions)
    keys = [picture_key(picture, generator_sha256, design.truncation) for picture in pictures]
    _write_text(folder / MADE_WITH, json.dumps({"generator": generator_sha256}, indent=1) + "\n")
    design_bytes = design.path.read_bytes()
    with atomic_path(folder / DESIGN) as temporary:
        temporary.write_bytes(design_bytes)
    save_people(folder / PEOPLE_FILE, design, people)
    with threads_for(synthesizer.config.resolution):
        drawn = draw_missing(folder, pictures, keys, synthesizer, design.truncation)
        write_masks(folder, pictures, synthesizer, size)
        if design.labels:
            write_labels(folder, pictures, keys, synthesizer, size, design.labels)
    before, after, continua = _finish(design, folder, pictures, keys, size)
    _remove_others(folder, {picture.name for picture in pictures})
    made = MadeSet(folder, pictures, before, after, continua, drawn, size)
    write_table(made, design, generator_sha256)
    return made


def _check_generator(folder: Path, generator_sha256: str) -> None:
    path = folder / MADE_WITH
    if not path.exists():
        return
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))["generator"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}): delete it") from None
    if earlier != generator_sha256:
        raise UserError(
            f"the set in {folder} was drawn by the generator with sha256 {earlier[:12]}..., and "
            f"this one is {generator_sha256[:12]}...: pass that one, or another --outdir"
        )


def _finish(
    design: Design, folder: Path, pictures: Sequence[Stimulus], keys: Sequence[str], size: int
) -> tuple[list[Measured], list[Measured], list[Continuity]]:
    """Match, mask, save and measure all pictures; the numbers come in the order of `pictures`."""
    targets = None
    if design.match.properties:
        samples = (
            one.sample(design.match.region)
            for series in unfinished_series(folder, pictures, keys, design, size)
            for one in series
        )
        targets = find_targets(samples, design.match)
    (folder / PICTURES).mkdir(exist_ok=True)
    before: dict[str, Measured] = {}
    after: dict[str, Measured] = {}
    continua = []
    plain = unfinished_series(folder, pictures, keys, design, size, smooth=False)
    smoothed = unfinished_series(folder, pictures, keys, design, size)
    with tqdm(total=len(pictures), desc="finishing", unit="picture", disable=None) as progress:
        for old, new in zip(plain, smoothed, strict=True):
            shown_before = [compose(one.linear, one.cover, design.output) for one in old]
            shown_after = []
            for one in new:
                sample = one.sample(design.match.region)
                linear = one.linear if targets is None else match_picture(sample, targets)
                shown_after.append(compose(linear, one.cover, design.output))
                write_png(folder / PICTURES / f"{one.picture.name}.png", shown_after[-1])
                progress.update()
            before |= measure_series(old, shown_before)
            after |= measure_series(new, shown_after)
            if len(new) > 1:
                head = np.logical_and.reduce([one.head & one.visible for one in new])
                levels = [
                    [LEVELS[p[..., :3]] for p in shown] for shown in (shown_before, shown_after)
                ]
                ends = (flicker(steps, head) for steps in levels)
                continua.append(Continuity(_series_name(new[0].picture), *ends))
    order = [picture.name for picture in pictures]
    return [before[name] for name in order], [after[name] for name in order], continua


def _series_name(picture: Stimulus) -> str:
    levels = [f"{name} {written(value)}" for name, value in picture.levels.items()]
    return ", ".join([picture.continuum, *levels])


def measure_series(
    series: Sequence[Unfinished], shown: Sequence[np.ndarray]
) -> dict[str, Measured]:
    """The measures of the steps of a continuum, or of one picture, as they are shown."""
    measured = {}
    previous = None
    for one, levels in zip(series, shown, strict=True):
        linear = LEVELS[levels[..., :3]]
        neighbour = None
        if previous is not None:
            neighbour = difference(linear, previous, one.visible)
        measured[one.picture.name] = Measured(
            region_properties(linear, one.face),
            region_properties(linear, one.visible),
            octave_energies(luminance(linear), one.visible),
            neighbour,
        )
        previous = linear
    return measured


def _remove_others(folder: Path, names: set[str]) -> None:
    """Remove pictures and masks that an earlier design left."""
    for home in (folder / PICTURES, folder / MASKS):
        for path in home.glob("*.png"):
            if path.stem not in names:
                path.unlink()


# --- the table ----------------------------------------------------------------------------------


def write_table(made: MadeSet, design: Design, generator_sha256: str) -> None:
    """Write stimuli.csv: one row for each picture."""
    rows = [
        {
            **levels_of(picture, design),
            **measures_of(measured, made.size),
            "generator": generator_sha256,
            **parameters_of(picture),
        }
        for picture, measured in zip(made.pictures, made.after, strict=True)
    ]
    with (
        atomic_path(made.folder / TABLE) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def levels_of(picture: Stimulus, design: Design) -> dict[str, object]:
    """What a picture shows by design, as it stands in every table."""
    return {
        "file": f"{PICTURES}/{picture.name}.png",
        "person": picture.person,
        "continuum": picture.continuum,
        "step": "" if picture.step is None else picture.step,
        "percent": "" if picture.percent is None else f"{picture.percent:g}",
        **{name: written(picture.levels[name]) for name in design.factors},
    }


def measures_of(measured: Measured, size: int) -> dict[str, str]:
    """Measured columns, with six digits."""
    numbers: dict[str, float | None] = {}
    for name, region in (("face", measured.face), ("picture", measured.picture)):
        numbers |= {f"{name}_{key}": value for key, value in region._asdict().items()}
    bands = zip(octaves(size), measured.octaves, strict=True)
    numbers |= {f"contrast_{low}_{high}_cycles": value for (low, high), value in bands}
    numbers["neighbour_difference"] = measured.neighbour
    return {key: "" if value is None else f"{value:.6g}" for key, value in numbers.items()}


def parameters_of(picture: Stimulus) -> dict[str, str]:
    """Style seed and every parameter, the numbers of a group in one cell, exactly."""
    groups = {name: getattr(picture.face.params, name) for name in FIELDS} | {"eyes": picture.eyes}
    cells = {
        name: " ".join(str(number) for number in tensor.flatten().cpu().numpy())
        for name, tensor in groups.items()
    }
    return {"style_seed": picture.face.style, **cells}


def versions() -> Mapping[str, str]:
    """What the bytes of a set depend on, besides the design and the generator."""
    return {
        "Python": platform.python_version(),
        "torch": torch.__version__,
        "NumPy": np.__version__,
        "Pillow": PIL.__version__,
    }


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
