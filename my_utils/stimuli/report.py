"""What a maker of stimuli looks at: contact sheet, diagnostics before and after, and README.txt."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure

from model.flame import FlameParams
from my_utils.files.atomic import atomic_path
from my_utils.files.figures import BLUE, ORANGE, STYLE, save_figure
from my_utils.files.images import from_uint8, save_grid
from my_utils.files.tables import markdown_table
from my_utils.stimuli.design import Design
from my_utils.stimuli.drawing import MASKS, read_png
from my_utils.stimuli.plan import combinations, written
from my_utils.stimuli.stimulus_set import DESIGN, PICTURES, MadeSet, Measured, versions
from my_utils.stimuli.training_range import beyond_training

MOST_ON_SHEET = 400  # pictures
MOST_COLUMNS = 15
MATCHED_WITHIN = 0.005  # range over the mean


def write_report(
    made: MadeSet, design: Design, dataset: FlameParams, generator_name: str
) -> list[str]:
    """Write contact_sheet.png, diagnostics.md, .png and .pdf, and README.txt.

    Returns the sentences a maker must see: what leaves the range of the data, what was matched.
    """
    warnings = beyond_training(made.pictures, dataset)
    tables = [_spread_table(made), _flicker_table(made)]
    text = "\n".join(
        [
            f"# {design.name}: diagnostics\n",
            *(f"- beyond the training data: {sentence}" for sentence in warnings),
            "" if warnings else "Everything lies within the range of the training data.\n",
            *tables,
        ]
    )
    _write(made.folder / "diagnostics.md", text)
    _save_figure(made, design)
    _contact_sheet(made, design)
    _write(made.folder / "README.txt", _readme(made, design, generator_name))
    return [*(f"warning: {sentence}" for sentence in warnings), *_spread_sentences(made, design)]


# --- numbers ------------------------------------------------------------------------------------


def spread(measured: Sequence[Measured], region: str, name: str) -> tuple[float, float, float]:
    """Mean, smallest and largest of a property over the set."""
    values = np.array([getattr(getattr(one, region), name) for one in measured])
    return float(np.nanmean(values)), float(np.nanmin(values)), float(np.nanmax(values))


def _spread_table(made: MadeSet) -> str:
    lines = [
        "## Luminance and contrast over the set\n",
        "Linear light, 0 to 1; RMS contrast is the standard deviation over the mean. The range is "
        "largest minus smallest, in percent of the mean.\n",
    ]
    head = ["region and property", "mean before", "range before", "mean after", "range after"]
    rows = []
    for region in ("face", "picture"):
        for name in ("luminance", "contrast"):
            cells = []
            for measured in (made.before, made.after):
                mean, low, high = spread(measured, region, name)
                cells += [f"{mean:.4f}", f"{100 * (high - low) / mean:.2f} %" if mean else "-"]
            rows.append([f"{region} {name}", *cells])
    return "\n".join([*lines, markdown_table(head, rows), ""])


def _flicker_table(made: MadeSet) -> str:
    if not made.continua:
        return ""
    lines = [
        "## Steadiness of the continua\n",
        "Change of the change over change, over the head: 0 is a steady fade, 1.7 what unrelated "
        "pictures would give.\n",
    ]
    rows = [[one.name, f"{one.before:.3f}", f"{one.after:.3f}"] for one in made.continua]
    return "\n".join([*lines, markdown_table(["continuum", "before", "after"], rows), ""])


def _spread_sentences(made: MadeSet, design: Design) -> list[str]:
    region = design.match.region
    sentences = []
    for name in ("luminance", "contrast"):
        ends = []
        for measured in (made.before, made.after):
            mean, low, high = spread(measured, region, name)
            ends.append(f"{low:.3f} to {high:.3f} ({100 * (high - low) / max(mean, 1e-9):.2f} %)")
        changed = f", after matching {ends[1]}" if design.match.properties else ""
        sentences.append(f"{name} of the {region}: {ends[0]}{changed}")
        left = (high - low) / max(mean, 1e-9)
        if name in design.match.properties and left > MATCHED_WITHIN:
            sentences.append(
                f"warning: {name} still differs by {100 * left:.2f} %: black and white end the "
                "range, so give a target that all pictures can reach"
            )
    if made.continua:
        before = np.nanmean([one.before for one in made.continua])
        after = np.nanmean([one.after for one in made.continua])
        sentences.append(f"flicker along continua: {before:.3f} before, {after:.3f} after")
    return sentences


# --- pictures -----------------------------------------------------------------------------------


@matplotlib.rc_context(STYLE)
def _save_figure(made: MadeSet, design: Design) -> None:
    """Luminance and contrast of every picture, before and after."""
    region = design.match.region
    figure = Figure(figsize=(6.5, 4.5), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    numbers = np.arange(1, len(made.pictures) + 1)
    for panel, name, unit in (
        (panels[0], "luminance", "mean luminance\n(linear light, 0 to 1)"),
        (panels[1], "contrast", "RMS contrast\n(standard deviation / mean)"),
    ):
        for measured, color, label in (
            (made.before, ORANGE, "as generated"),
            (made.after, BLUE, "as finished"),
        ):
            values = [getattr(getattr(one, region), name) for one in measured]
            panel.plot(numbers, values, ".", color=color, label=label, markersize=4)
        panel.set_ylabel(unit)
        panel.set_ylim(0, 1.05 * panel.dataLim.ymax)
    panels[1].set_xlabel(f"picture of the set (measured over the {region})")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    save_figure(figure, *(made.folder / f"diagnostics.{kind}" for kind in ("pdf", "png")))


def _contact_sheet(made: MadeSet, design: Design) -> None:
    """The set on one page: factors across, people and steps down, while there is room."""
    levels = combinations(design)
    shown = made.pictures[:MOST_ON_SHEET]
    paths = [made.folder / PICTURES / f"{picture.name}.png" for picture in shown]
    images = [from_uint8(read_png(path)) for path in paths]
    rows, columns = None, min(MOST_COLUMNS, len(shown))
    names: list[str] | None = None
    steps = {picture.step for picture in shown}
    if len(levels) == 1 and len(shown) == len(steps) * len(design.show) and len(steps) > 1:
        columns = len(steps)  # one continuum below the other
        names = [f"{picture.percent:g} %" for picture in shown[:columns]]
        rows = list(design.show)
    elif len(levels) == 1 and len(shown) <= MOST_COLUMNS:
        names = [picture.person for picture in shown]
    elif 1 < len(levels) <= MOST_COLUMNS and len(shown) == len(made.pictures):
        columns = len(levels)
        names = [
            "\n".join(f"{key} {written(value)}" for key, value in one.items()) for one in levels
        ]
        rows = [
            picture.person if picture.percent is None else f"{picture.percent:g} %"
            for picture in shown[::columns]
        ]
    left_out = len(made.pictures) - len(shown)
    caption = f"{design.name}: {len(made.pictures)} pictures of {made.size} pixels"
    caption += f", the first {len(shown)} of them" if left_out else ""
    save_grid(
        made.folder / "contact_sheet.png",
        torch.stack(images),
        columns,
        row_labels=rows,
        column_labels=names,
        caption=caption,
    )


# --- README.txt ---------------------------------------------------------------------------------


def _readme(made: MadeSet, design: Design, generator_name: str) -> str:
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    matched = " and ".join(design.match.properties) or "nothing"
    return f"""{design.name}: {len(made.pictures)} pictures of {made.size} pixels

{PICTURES}/         the stimuli, PNG without loss
stimuli.csv       one row for each: levels, measures, style and every parameter
{MASKS}/            where each shows the head (128) and on it the face (255)
generated/        the pictures as the generator gave them, before anything was done
lists/            orders of presentation for PsychoPy (CSV) and jsPsych (JSON)
contact_sheet.png the set on one page
diagnostics.*     measures before and after matching, and what lies beyond the training data
{DESIGN}       the design; people.json holds the faces it names, as parameters
made_with.json    the sha256 of the generator

Matched over the {design.match.region}: {matched}.

To make the same bytes again, copy {DESIGN}, people.json and made_with.json into an empty folder
and run, with the same generator ({generator_name}):

    python mturk/make_stimuli.py FOLDER --ckpt {generator_name}

The bytes were made with {used}.
"""


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
