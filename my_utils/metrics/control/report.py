"""What is known about the control a generator gives, as tables to read and a heat map to see."""

import json
from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from my_utils.files.atomic import atomic_path
from my_utils.files.figures import HEAT_MAP, STYLE, save_figure
from my_utils.files.tables import markdown_table
from my_utils.metrics.control.evaluation import Control, named_rows
from my_utils.metrics.control.table3 import CodeError
from my_utils.metrics.control.visible_factors import UNITS

FULL = 1.2  # the largest value that has a colour of its own


def save_control(outdir: Path, control: Control, name: str) -> None:
    """Write control.json, disentanglement.png and disentanglement.pdf."""
    figure = disentanglement_figure(control, name)
    save_figure(figure, outdir / "disentanglement.png", outdir / "disentanglement.pdf")
    with atomic_path(outdir / "control.json") as temporary:
        temporary.write_text(json.dumps(control.to_dict(), indent=1))


def control_tables(control: Control) -> str:
    """Everything measured, as Markdown."""
    errors = [
        (f"{factor}, {UNITS[factor]}", error, control.floor_errors[factor], other)
        for (factor, error), other in zip(
            control.errors.items(), control.strangers.values(), strict=True
        )
    ]
    correlations = [
        (name, value, control.floor_correlations.get(name))
        for name, value in control.correlations.items()
    ]
    people = [(name, *similarities.values()) for name, similarities in control.identity.items()]
    tables = {
        "Error of re-inferred parameters": markdown_table(
            ("factor", "generated", "photographs (floor)", "another person's"), errors
        ),
        "Correlation of re-inferred and requested components": markdown_table(
            ("component", "generated", "photographs (floor)"), correlations
        ),
        "Disentanglement: what is read (columns) when one factor (rows) is another face's; 1 is "
        "the difference between two people": _matrix_table(control.matrix),
        "The same for changed photographs (floor)": _matrix_table(control.floor_matrix),
        "Identity: cosine to the same person after a change": markdown_table(
            ("seen in", *next(iter(control.identity.values()))), people
        ),
    }
    parts = [f"{title}\n\n{table}" for title, table in tables.items() if table]
    if control.constant:
        parts.append(
            f"Not measured, as the data does not vary in it: {', '.join(control.constant)}"
        )
    return "\n\n".join(parts)


def _matrix_table(matrix: Tensor | None) -> str:
    rows = named_rows(matrix)
    if not rows:
        return ""
    values = [(change, *row.values()) for change, row in rows.items()]
    return markdown_table(("changed", *next(iter(rows.values()))), values)


def code_table(errors: Mapping[str, CodeError]) -> str:
    """The row of Table 3, as Markdown."""
    rows = [(name, error.millimetres, error.fraction) for name, error in errors.items()]
    return markdown_table(("codes", "error, mm", "fraction"), rows)


@matplotlib.rc_context(STYLE)
def disentanglement_figure(control: Control, name: str) -> Figure:
    """The matrix as a heat map, and where it is known that of photographs beside it."""
    panels = {name: control.matrix}
    if control.floor_matrix is not None:
        panels["photographs (what the regressor confuses)"] = control.floor_matrix
    figure = Figure(figsize=(0.6 + 4.4 * len(panels), 4.6), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for each, (title, matrix) in zip(axes, panels.items(), strict=True):
        shown = _heat_map(each, matrix)
        each.set_title(title, parse_math=False)
    axes[0].set_ylabel("replaced by another face's")
    bar = figure.colorbar(shown, ax=list(axes), shrink=0.8, extend="max")
    bar.set_label("change; 1 is the difference between two people")
    return figure


def _heat_map(axes: Axes, matrix: Tensor) -> AxesImage:
    rows = named_rows(matrix)
    values = np.array([list(row.values()) for row in rows.values()])
    factors = list(next(iter(rows.values())))
    shown = axes.imshow(values, cmap=HEAT_MAP, vmin=0, vmax=FULL)
    axes.set_xticks(range(len(factors)), factors, rotation=40, ha="right")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_xlabel("re-inferred")
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if value > FULL / 2 else "white"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=9)
    return shown
