"""The table and the figure of faces that participants set by sliders."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from my_utils.files.tables import markdown_table
from my_utils.study.adjustments import FactorSummary
from my_utils.study.figures import interval_figure
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


def adjustment_figure(rows: Sequence[FactorSummary]) -> Figure:
    """The mean setting of every slider with its interval, and the target where there was one."""
    return interval_figure(
        [f"{row.word or row.task}: {row.factor}" for row in rows],
        [row.mean for row in rows],
        [row.interval for row in rows],
        value="mean",
        unit="setting (unit of the slider)",
        targets=[row.mean - row.error for row in rows],
    )
