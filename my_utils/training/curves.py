"""Curves of training: what the `stats.jsonl` of one or several runs holds, over the images seen."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from my_utils.files.figures import COLOURS, STYLE
from my_utils.untrusted.reader import reading

# What every run reports; all else is a measure of quality: of correlations the highest is the best,
# of the others the lowest.
PROGRESS = {
    "loss/D": "discriminator loss",
    "loss/G": "generator loss",
    "loss/r1": "R1 penalty",
    "loss/r2": "R2 penalty",
    "loss/texture": "texture-consistency loss above its floor",
    "sec_per_kimg": "seconds per kimg",
    "data_wait": "share of the time spent waiting for data",
    "cpu_gb": "memory of the process (GB)",
    "gpu_gb": "memory of the GPU (GB)",
}
# In four kinds of line only the 29th run looks like the first one.
LINES = ("-", "--", ":", "-.")
COLUMNS = 3
PANEL_INCHES, LEGEND_INCHES = (3.4, 2.6), 0.4
FEW = 50  # points up to which each one is seen

Rows = Sequence[Mapping[str, float]]


def read_stats(path: Path) -> Rows:
    """The rows of a `stats.jsonl`; a last line that is still being written is left out.

    Raises:
        UserError: the file is missing, has no row or is of another kind.
    """
    with reading(path):
        lines = path.read_text().split("\n")[:-1]
        rows = [_row(json.loads(line)) for line in lines]
        if not rows:
            raise ValueError("it has no row yet")
        if not all("nimg" in row and len(row) > 1 for row in rows):
            raise ValueError("a row lacks the count of images, 'nimg', or has nothing else")
    return rows


def _row(row: object) -> dict[str, float]:
    if not isinstance(row, dict) or not all(isinstance(n, (int, float)) for n in row.values()):
        raise ValueError(f"a row is no dictionary of numbers: {row}")
    return {name: float(value) for name, value in row.items()}


@matplotlib.rc_context(STYLE)
def training_figure(
    runs: Mapping[str, Rows],  # by the name of the run
) -> Figure:
    """A panel for everything that any run reports; the best value of each measure is ringed."""
    reported = {name for rows in runs.values() for row in rows for name in row} - {"nimg"}
    titles = {name: title for name, title in PROGRESS.items() if name in reported}
    titles |= {name: name for name in sorted(reported - set(PROGRESS))}
    columns = min(COLUMNS, len(titles))
    lines = -(-len(titles) // columns)
    size = columns * PANEL_INCHES[0], lines * PANEL_INCHES[1] + LEGEND_INCHES
    figure = Figure(figsize=size, layout="constrained")
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for panel, (name, title) in zip(panels, titles.items(), strict=False):
        for number, rows in enumerate(runs.values()):
            points = [(row["nimg"] / 1000, row[name]) for row in rows if name in row]
            _curve(panel, points, _style(number), best=_best(name))
        panel.set_title(title, parse_math=False)
        panel.set_xlabel("images seen (kimg)")
        panel.tick_params(labelsize=8)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(fontsize=8)
    for panel in panels[len(titles) :]:
        panel.set_axis_off()
    handles = [Line2D([], [], **_style(number)) for number in range(len(runs))]
    place: dict[str, Any] = {"loc": "outside upper center", "ncols": columns, "frameon": False}
    for text in figure.legend(handles, list(runs), **place).get_texts():
        text.set_parse_math(False)  # a file name may hold a dollar sign
    return figure


def _best(name: str) -> Callable | None:
    """Which of many values of a measure is the best one; None where none is."""
    if name in PROGRESS:
        return None
    return max if name.endswith("_correlation") else min


def _style(number: int) -> dict[str, Any]:
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % len(LINES)]}


def _curve(
    panel: Axes,
    points: list[tuple[float, float]],
    style: dict[str, Any],
    *,
    best: Callable | None,  # min or max, to ring what it chooses
) -> None:
    finite = [point for point in points if math.isfinite(point[1])]
    if not finite:
        return
    panel.plot(*zip(*points, strict=True), marker="." if len(points) <= FEW else "", **style)
    if best:
        kimg, value = best(finite, key=lambda point: point[1])
        label = f"best: {value:.4g} at {kimg:g} kimg"
        panel.plot(kimg, value, "o", color=style["color"], ms=10, fillstyle="none", label=label)
