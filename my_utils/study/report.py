"""The tables and sentences of a perceptual study's summary, in Markdown."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from my_utils.files.atomic import atomic_path
from my_utils.files.tables import markdown_table, markdown_text
from my_utils.study.summary import Comparison, RatedStyles

PUBLISHED_TRIALS = 1000  # the published script divides by it, however many answers there are


def comparison_table(comparisons: Sequence[Comparison], reference: str) -> str:
    """A Markdown table with one row for each model compared with the reference."""
    header = (
        "against",
        "answers",
        f"{reference} chosen",
        "preference",
        "95 % interval (Wilson)",
        "p (binomial)",
        "p (Holm)",
        "participants",
        "95 % interval over participants",
        "p over participants (Holm)",
        "effective answers",
        f"published accuracy (chosen / {PUBLISHED_TRIALS})",
    )
    rows = []
    for row in comparisons:
        found = row.preference
        rows.append(
            (
                row.model,
                found.trials,
                found.chosen,
                f"{found.rate:.1%}",
                interval_text(found.wilson, "{:.1%}"),
                p_text(found.p_value),
                p_text(row.p_holm),
                found.participants,
                interval_text(found.by_participants, "{:.1%}"),
                p_text(row.p_participants_holm),
                number_text(found.effective_trials, "{:.0f}"),
                f"{found.chosen / PUBLISHED_TRIALS:.3f}",
            )
        )
    return markdown_table(header, rows)


def rating_table(rated: RatedStyles) -> str:
    """A Markdown table with one row for each style, and one for all."""
    header = ("style", "ratings", "participants", "1", "2", "3", "4", "5", "mode", "median", "mean")
    named = [*((str(style), row) for style, row in rated.styles.items()), ("all", rated.overall)]
    rows = [
        (
            name,
            sum(row.counts),
            row.participants,
            *row.counts,
            row.mode,
            f"{row.median:g}",
            f"{row.mean:.2f}",
            interval_text(row.interval, "{:.2f}"),
        )
        for name, row in named
    ]
    return markdown_table((*header, "95 % interval of the mean over participants"), rows)


def rating_notes(rated: RatedStyles) -> list[str]:
    """What the ratings of all styles say together."""
    return [
        f"Mean of the modes of the styles (the published total mean): {rated.mean_of_modes:.4g}.",
        f"Equal ratings of all styles (Kruskal-Wallis, answers taken as independent): H = "
        f"{number_text(rated.kruskal_h, '{:.2f}')}, {len(rated.styles) - 1} degrees of freedom, "
        f"p = {p_text(rated.kruskal_p)}. A large p does not prove independence of the style: look "
        "at how far apart the means may be.",
        f"Agreement between raters (Krippendorff's alpha, ordinal): "
        f"{number_text(rated.alpha, '{:.3f}')}, from {rated.pictures_rated_twice} pictures rated "
        "at least twice.",
        f"Effective number of independent ratings: "
        f"{number_text(rated.effective_ratings, '{:.0f}')}.",
    ]


def number_text(value: float, pattern: str) -> str:
    return "not defined" if np.isnan(value) else pattern.format(value)


def p_text(p_value: float) -> str:
    return "< 0.001" if p_value < 0.001 else number_text(p_value, "{:.3f}")


def interval_text(interval: tuple[float, float], pattern: str) -> str:
    if np.isnan(interval).any():
        return "not defined"
    return " to ".join(pattern.format(end) for end in interval)


def write_summary(path: Path, title: str, table: str, notes: Sequence[str]) -> None:
    """Write title, table and notes as a Markdown file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"# {title}\n\n{table}\n\n" + "".join(f"- {markdown_text(note)}\n" for note in notes)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
