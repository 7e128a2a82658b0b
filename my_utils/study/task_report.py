"""Tables, sentences and figures of a task's analysis."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from my_utils.files.figures import BLUE, COLOURS, LIGHT_GREY, STYLE
from my_utils.files.tables import markdown_table
from my_utils.study.figures import interval_figure
from my_utils.study.presentation import DISSIMILARITY, RATING, SAME_DIFFERENT
from my_utils.study.report import interval_text, number_text
from my_utils.study.task_questions import ENDS
from my_utils.study.task_results import TaskTrial
from my_utils.study.task_summary import (
    Detection,
    Dissimilarities,
    LevelCurve,
    RatedPicture,
    agreement,
    curves,
    detect,
    map_pictures,
    rate_pictures,
)

MOST_BARS = 60  # pictures in a figure of ratings


@dataclass
class TaskReport:
    """What is written about a task."""

    tables: list[str] = field(default_factory=list)  # Markdown, each with its heading
    notes: list[str] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)  # by file name without ending
    lines: list[str] = field(default_factory=list)  # for the screen
    places: list[list[object]] = field(default_factory=list)  # of a map: rows of a CSV


def report_task(trials: Sequence[TaskTrial]) -> TaskReport:
    """Analyse the answers that count."""
    report = TaskReport()
    kind = trials[0].study
    if kind == RATING:
        _report_ratings(report, trials)
    elif kind == DISSIMILARITY:
        _report_map(report, map_pictures(trials))
    else:
        if any(not trial.group.startswith(ENDS) for trial in trials):
            _report_detection(report, detect(trials), kind)
        if fitted := curves(trials):
            _report_curves(report, fitted, trials)
    if kind != RATING:
        alpha = number_text(agreement(trials), "{:.3f}")
        report.notes.append(
            f"Agreement of participants on equal questions (Krippendorff's alpha): {alpha}."
        )
    return report


# --- telling apart --------------------------------------------------------------------------------


def _report_detection(report: TaskReport, found: Sequence[Detection], kind: str) -> None:
    yes_no = kind == SAME_DIFFERENT
    head = ["group", "answers", "participants", "hits" if yes_no else "right"]
    head += ["false alarms"] if yes_no else []
    head += ["d'", "95 % interval of d'"]
    head += ["criterion", "95 % interval of the criterion"] if yes_no else []
    rows: list[list[object]] = []
    for one in found:
        row: list[object] = [one.group, one.answers, one.participants, f"{one.share:.1%}"]
        row += [f"{one.false_alarms:.1%}"] if one.false_alarms is not None else []
        row += [f"{one.d_prime:.2f}", interval_text(one.d_prime_interval, "{:.2f}")]
        if one.criterion is not None and one.criterion_interval is not None:
            row += [f"{one.criterion:.2f}", interval_text(one.criterion_interval, "{:.2f}")]
        rows.append(row)
        interval = interval_text(one.d_prime_interval, "{:.2f}")
        report.lines.append(f"{one.group}: d' {one.d_prime:.2f} ({interval})")
    report.tables.append(f"## Sensitivity\n\n{markdown_table(head, rows)}")
    model = {
        SAME_DIFFERENT: "d' = z(hits) - z(false alarms), the criterion is positive where "
        '"same" is preferred; false alarms are those of all same pairs',
        "abx": "d' of an observer who takes each picture by itself",
        "odd_one_out": "d' of an observer who compares differences (triangular method)",
    }[kind]
    report.notes.append(f"Sensitivity: {model}. Intervals draw whole participants again.")
    report.figures["sensitivity"] = interval_figure(
        [one.group for one in found],
        [one.d_prime for one in found],
        [one.d_prime_interval for one in found],
        value="d'",
        unit="sensitivity d' (0 cannot be told apart)",
    )


def _report_curves(
    report: TaskReport, fitted: Sequence[LevelCurve], trials: Sequence[TaskTrial]
) -> None:
    head = ["curve", "answers", "threshold", "95 % interval", "width", "95 % interval"]
    rows = []
    for one in fitted:
        curve = one.fit.curve
        interval = interval_text(one.fit.threshold, "{:.2f}")
        rows.append(
            [
                one.name,
                int(one.answers.sum()),
                f"{curve.threshold:.2f}",
                interval,
                f"{curve.width:.2f}",
                interval_text(one.fit.width, "{:.2f}"),
                f"{curve.guess:.3f}",
                f"{curve.lapse:.3f}",
                f"{one.fit.deviance:.1f}",
            ]
        )
        report.lines.append(f"{one.name}: threshold {curve.threshold:.2f} ({interval})")
    table = markdown_table([*head, "guesses", "lapses", "deviance"], rows)
    report.tables.append(f"## Psychometric functions\n\n{table}")
    report.notes.append(
        "Curves: guess + (1 - guess - lapse) / (1 + exp(-(level - threshold) / width)), fitted by "
        "likelihood, lapses at most 10 %; intervals draw whole participants again."
    )
    report.figures["psychometric"] = curve_figure(fitted, _what_is_counted(trials))


def _what_is_counted(trials: Sequence[TaskTrial]) -> tuple[str, str]:
    """Labels of both axes."""
    if trials[0].group.startswith(ENDS):
        return "step of the continuum (% of the way from A to B)", "answers B (%)"
    answers = 'answers "different" (%)' if trials[0].study == SAME_DIFFERENT else "right (%)"
    return "distance of the levels", answers


@matplotlib.rc_context(STYLE)
def curve_figure(fitted: Sequence[LevelCurve], labels: tuple[str, str]) -> Figure:
    """Shares by level with the fitted curves; the interval of each threshold below."""
    figure = Figure(figsize=(5.0, 3.8), layout="constrained")
    axes = figure.add_subplot()
    for number, one in enumerate(fitted):
        color = COLOURS[number % len(COLOURS)]
        fine = np.linspace(one.levels.min(), one.levels.max(), 200)
        axes.plot(one.levels, one.shares, "o", color=color, markersize=4)
        axes.plot(fine, one.fit.curve(fine), color=color, label=f"{one.name}")
        axes.hlines(-0.03 - 0.025 * number, *one.fit.threshold, color=color, linewidth=2)
    axes.set_ylim(-0.03 - 0.03 * len(fitted), 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    axes.grid(axis="y", color=LIGHT_GREY, linewidth=0.5)
    axes.set_xlabel(f"{labels[0]}\n(bars: 95 % interval of the threshold)")
    axes.set_ylabel(labels[1])
    figure.legend(loc="outside upper center", ncols=min(4, len(fitted)), frameon=False)
    return figure


# --- ratings --------------------------------------------------------------------------------------


def _report_ratings(report: TaskReport, trials: Sequence[TaskTrial]) -> None:
    rows = rate_pictures(trials)
    for scale in sorted({row.scale for row in rows}):
        own = [row for row in rows if row.scale == scale]
        name = next(trial.group for trial in trials if (trial.scale or 0) == scale)
        head = ["picture", "ratings", "mean", "95 % interval", "standard deviation"]
        cells = [
            [
                _name(row.picture),
                row.ratings,
                f"{row.mean:.2f}",
                interval_text(row.interval, "{:.2f}"),
                number_text(row.deviation, "{:.2f}"),
            ]
            for row in own
        ]
        report.tables.append(f"## {name}\n\n{markdown_table(head, cells)}")
        alpha = agreement([trial for trial in trials if (trial.scale or 0) == scale])
        report.notes.append(
            f"Agreement on {name} (Krippendorff's alpha, ordinal): {number_text(alpha, '{:.3f}')}."
        )
        report.lines.append(
            f"{name}: means {min(row.mean for row in own):.2f} to "
            f"{max(row.mean for row in own):.2f}, alpha {number_text(alpha, '{:.2f}')}"
        )
        report.figures[f"ratings_{scale + 1}"] = rating_figure(own[:MOST_BARS], name)


@matplotlib.rc_context(STYLE)
def rating_figure(rows: Sequence[RatedPicture], name: str) -> Figure:
    """Mean rating of every picture with its interval."""
    figure = Figure(figsize=(5.5, 1.2 + 0.22 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(rows))
    low, high = np.array([row.interval for row in rows]).T
    axes.hlines(places, low, high, color=BLUE, linewidth=2, label="95 % interval")
    axes.plot([row.mean for row in rows], places, "o", color="black", markersize=4, label="mean")
    axes.set_yticks(places, [_name(row.picture) for row in rows], parse_math=False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(f"rating: {name}", parse_math=False)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


# --- maps -----------------------------------------------------------------------------------------


def _report_map(report: TaskReport, found: Dissimilarities) -> None:
    stress = [[d, f"{one.stress:.3f}"] for d, one in enumerate(found.maps, start=1)]
    table = markdown_table(["dimensions", "stress"], stress)
    report.tables.append(f"## Multidimensional scaling\n\n{table}")
    pairs = found.means[np.triu_indices(len(found.pictures), k=1)]
    report.notes += [
        f"Pictures: {len(found.pictures)}. Pairs rated: {np.isfinite(pairs).sum()} of "
        f"{len(pairs)}. Mean dissimilarity: {np.nanmean(pairs):.2f} (rating less one).",
        "Stress is Kruskal's stress-1 of metric scaling: below 0.1 the distances of the map are "
        "close to the dissimilarities. The axes of a map have no meaning of their own.",
    ]
    report.lines += [f"{d} dimensions: stress {text}" for d, text in stress]
    report.places = [["picture", *(f"axis{d}" for d in range(1, len(found.maps) + 1))]]
    widest = found.maps[-1].places
    for picture, place in zip(found.pictures, widest, strict=True):
        report.places.append([picture, *(f"{value:.6g}" for value in place)])
    report.figures["map"] = map_figure(found)


@matplotlib.rc_context(STYLE)
def map_figure(found: Dissimilarities) -> Figure:
    """The pictures by name on the map of two dimensions."""
    places = found.maps[min(1, len(found.maps) - 1)].places
    across, up = places[:, 0], places[:, -1] if places.shape[1] > 1 else np.zeros(len(places))
    figure = Figure(figsize=(5.5, 5.0), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(across, up, "o", color=BLUE, markersize=4)
    for name, x, y in zip(found.pictures, across, up, strict=True):
        axes.annotate(
            _name(name),
            (x, y),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=7,
            parse_math=False,
        )
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("distance on the map (steps of the rating)")
    axes.set_ylabel("distance on the map (steps of the rating)")
    return figure


def _name(file: str) -> str:
    return PurePosixPath(file).stem
