"""The table and the figure of faces that participants set by sliders."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from my_utils.files.figures import BLUE, GREY, ORANGE, STYLE
from my_utils.files.tables import markdown_table
from my_utils.study.adjustments import FactorSummary
from my_utils.study.report import interval_text, number_text, p_text

UNITS = (
    "Values and errors are in the units of the sliders: degrees for head, jaw, neck, eyes and the "
    "direction of light, standard deviations for components, factors for the rest."
)
SPREAD = (
    "Spread: standard deviation between the means of participants. Within: standard deviation of "
    "faces that one participant set twice. Error: set minus target, where there was a picture to "
    "match; p of no error by sign flips of participants, not corrected for the number of sliders."
)


def adjustment_table(rows: Sequence[FactorSummary]) -> str:
    """A Markdown table with one row for each task and slider."""
    header = (
        *("task", "slider", "faces", "participants", "mean", "95 % interval over participants"),
        *("spread", "within", "mean error", "95 % interval of the error", "p", "mean |error|"),
    )
    return markdown_table(
        header,
        [
            (
                f"{row.task} ({row.word})" if row.word else row.task,
                row.factor,
                row.faces,
                row.participants,
                f"{row.mean:.2f}",
                interval_text(row.interval, "{:.2f}"),
                number_text(row.spread, "{:.2f}"),
                number_text(row.repeat_error, "{:.2f}"),
                number_text(row.error, "{:.2f}"),
                interval_text(row.error_interval, "{:.2f}"),
                p_text(row.error_p),
                number_text(row.absolute_error, "{:.2f}"),
            )
            for row in rows
        ],
    )


@matplotlib.rc_context(STYLE)
def adjustment_figure(rows: Sequence[FactorSummary]) -> Figure:
    """The mean setting of every slider with its interval, and the target where there was one."""
    figure = Figure(figsize=(6.3, 1.4 + 0.4 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(rows))
    low, high = np.array([row.interval for row in rows]).T
    axes.hlines(places, low, high, color=BLUE, linewidth=2.5, label="95 % interval of the mean")
    axes.plot([row.mean for row in rows], places, "o", color="black", zorder=3, label="mean")
    targets = [row.mean - row.error for row in rows]  # NaN, hence not drawn, where there is none
    axes.plot(targets, places, "|", color=ORANGE, markersize=14, markeredgewidth=2, label="target")
    axes.axvline(0, color=GREY, linestyle="--", linewidth=1)
    names = [f"{row.word or row.task}: {row.factor}" for row in rows]
    axes.set_yticks(places, names, parse_math=False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("setting (unit of the slider)")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure
