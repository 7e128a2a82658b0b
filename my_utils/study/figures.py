"""Figures of the perceptual study, drawn without a screen."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from my_utils.files.figures import BLUE, GREY, LIGHT_GREY, ORANGE, STYLE
from my_utils.study.statistics import Ratings
from my_utils.study.summary import Comparison, RatedStyles
from my_utils.study.trial import RATINGS

LONGEST_NAME = 40
HISTOGRAM_COLUMNS = 5


@matplotlib.rc_context(STYLE)
def preference_figure(comparisons: Sequence[Comparison], reference: str) -> Figure:
    """How often the reference was preferred to each other model, with both intervals."""
    found = [row.preference for row in comparisons]
    rows = np.arange(len(found))
    figure = Figure(figsize=(6.3, 1.5 + 0.55 * len(found)), layout="constrained")
    axes = figure.add_subplot()
    for ends, shift, colour, label in (
        ([each.wilson for each in found], -0.1, BLUE, "over answers (Wilson)"),
        (
            [each.by_participants for each in found],
            0.1,
            ORANGE,
            "over participants (bootstrap)",
        ),
    ):
        low, high = np.array(ends).T
        label = f"95 % interval {label}"
        axes.hlines(rows + shift, low, high, color=colour, linewidth=2.5, label=label)
    rates = [each.rate for each in found]
    axes.plot(rates, rows, "o", color="black", clip_on=False, zorder=3, label="preference")
    axes.axvline(0.5, color=GREY, linestyle="--", linewidth=1, label="chance")
    names = [
        f"{_short(row.model)}\nn = {each.trials} from {each.participants} participants"
        for row, each in zip(comparisons, found, strict=True)
    ]
    axes.set_yticks(rows, names, parse_math=False)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel(f"{_short(reference)} preferred (% of answers)", parse_math=False)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


@matplotlib.rc_context(STYLE)
def histogram_figure(rated: RatedStyles) -> Figure:
    """A histogram of the ratings of every style, all on one scale."""
    columns = min(HISTOGRAM_COLUMNS, len(rated.styles))
    rows = -(-len(rated.styles) // columns)
    size = (max(4.0, 1.4 + 1.5 * columns), 1.2 + 1.3 * rows)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    panels = list(grid.flat)
    for panel, (style, ratings) in zip(panels, rated.styles.items(), strict=False):
        _histogram(panel, style, ratings)
    for panel in panels[len(rated.styles) :]:
        panel.set_axis_off()
    figure.supxlabel("rating (1 strongly disagree, 3 neither, 5 strongly agree)")
    figure.supylabel("answers (%)")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", frameon=False)
    return figure


def _histogram(panel: Axes, style: int, ratings: Ratings) -> None:
    levels = np.arange(1, len(ratings.counts) + 1)
    total = sum(ratings.counts)
    panel.bar(levels, np.array(ratings.counts) / total, width=0.9, color=BLUE)
    panel.axvline(ratings.median, color=ORANGE, linestyle="--", label="median")
    panel.set_title(f"style {style} (n = {total})", fontsize=8)
    panel.set_xticks(levels)
    panel.tick_params(labelbottom=True)  # also above an empty place of the grid
    panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=None))


@matplotlib.rc_context(STYLE)
def style_figure(rated: RatedStyles) -> Figure:
    """Mean with its interval, median and mode of every style."""
    rows = list(rated.styles.values())
    counts = [sum(row.counts) for row in rows]
    places = np.arange(len(rows))
    size = (max(4.0, 1.2 + 0.35 * len(rows)), 3.6)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    for values, marker, colour, width, label in (
        ([row.mode for row in rows], "s", BLUE, 10, "mode"),
        ([row.median for row in rows], "_", ORANGE, 14, "median"),
        ([row.mean for row in rows], "o", "black", 4, "mean"),
    ):
        fill = "full" if label == "mean" else "none"
        axes.plot(
            places, values, marker, color=colour, ms=width, mew=2, fillstyle=fill, label=label
        )
    low, high = np.array([row.interval for row in rows]).T
    axes.vlines(places, low, high, color="black", label="95 % interval of the mean")
    axes.set_xticks(places, [str(style) for style in rated.styles])
    axes.set_yticks(range(1, len(RATINGS) + 1))
    axes.set_ylim(0.8, len(RATINGS) + 0.2)
    axes.grid(axis="y", color=LIGHT_GREY, linewidth=0.5)
    least, most = min(counts), max(counts)
    n = f"{least}" if least == most else f"{least} to {most}"
    axes.set_xlabel(f"style ID (n = {n} answers each)")
    axes.set_ylabel("rating (1 strongly disagree,\n5 strongly agree)")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


@matplotlib.rc_context(STYLE)
def interval_figure(
    names: Sequence[str],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    *,
    value: str,  # what the dots are, for the legend
    unit: str,  # below the axis
    targets: Sequence[float] = (),  # not drawn where NaN
) -> Figure:
    """A row for each name: its value and the 95 % interval, beside zero."""
    figure = Figure(figsize=(6.3, 1.4 + 0.35 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    rows = np.arange(len(names))
    low, high = np.array(intervals).T
    axes.hlines(rows, low, high, color=BLUE, linewidth=2.5, label="95 % interval")
    axes.plot(values, rows, "o", color="black", zorder=3, label=value)
    if len(targets):
        axes.plot(targets, rows, "|", color=ORANGE, ms=14, mew=2, label="target")
    axes.axvline(0, color=GREY, linestyle="--", linewidth=1)
    axes.set_yticks(rows, names, parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(unit)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure
