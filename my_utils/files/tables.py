"""Measures side by side: tables in Markdown for people and in LaTeX for papers."""

import re
from collections.abc import Mapping, Sequence

Rows = Sequence[Sequence[object]]  # a name, then numbers or None

LATEX_SPECIAL = re.compile(r"([&%$#_{}])")


def compare_runs(
    runs: Mapping[str, Sequence[Mapping]],  # rows of measures.jsonl by the name of the run
) -> tuple[list[str], list[list[object]]]:
    """One row per run, one column per measure: the head and the rows of a table.

    Numbers of another protocol or another count of images are another measure. Only what was
    measured of a run's newest generator counts, which had seen `kimg` thousand images, and of a
    measure taken several times the last.
    """
    found: dict[str, dict[str, object]] = {}
    for run, measured in runs.items():
        newest = max((row.get("nimg", 0) for row in measured), default=0)
        current = [row for row in measured if row.get("nimg", newest) == newest]
        found[run] = {"kimg": newest / 1000} | {_title(row): row["value"] for row in current}
    titles = list(dict.fromkeys(title for values in found.values() for title in values))
    rows = [[run, *(values.get(title) for title in titles)] for run, values in found.items()]
    return ["run", *titles], rows


def _title(row: Mapping) -> str:
    count = f", {row['count']}" if "count" in row else ""
    return f"{row['measure']} ({row['protocol']}{count})"


def markdown_table(head: Sequence[str], rows: Rows) -> str:
    """The table as Markdown; '-' where there is no number."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *_cells(rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def latex_table(head: Sequence[str], rows: Rows) -> str:
    """The table as LaTeX's `tabular` in the style of the package booktabs."""
    first, *lines = (
        " & ".join(LATEX_SPECIAL.sub(r"\\\1", cell) for cell in cells) + r" \\"
        for cells in (head, *_cells(rows))
    )
    columns = "l" + "r" * (len(head) - 1)
    parts = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", first, r"\midrule", *lines]
    return "\n".join([*parts, r"\bottomrule", r"\end{tabular}"])


def _cells(rows: Rows) -> list[list[str]]:
    return [[str(name), *map(_cell, numbers)] for name, *numbers in rows]


def _cell(number: object) -> str:
    if number is None:
        return "-"
    return f"{number:.4g}" if isinstance(number, float) else str(number)
