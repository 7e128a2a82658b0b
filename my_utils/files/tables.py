"""Tables: in Markdown for people, in LaTeX for papers."""

import html
import re
from collections.abc import Sequence

Rows = Sequence[Sequence[object]]  # a name, then numbers, texts or None

LATEX_SPECIAL = re.compile(r"([&%$#_{}])")


def markdown_table(head: Sequence[object], rows: Rows) -> str:
    """The table as Markdown; '-' where there is nothing."""
    lines = [[markdown_text(cell) for cell in cells] for cells in (head, *map(_cells, rows))]
    lines.insert(1, ["---", *["---:"] * (len(head) - 1)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def markdown_text(value: object) -> str:
    """Text that Markdown shows as it is: no HTML, no links, no cells of its own."""
    text = re.sub(r"([\\`*~$\[\]|])", r"\\\1", str(value))
    text = html.escape(" ".join(text.split()), quote=False)
    return text.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "&#64;")


def latex_table(head: Sequence[object], rows: Rows) -> str:
    """The table as LaTeX's `tabular` in the style of the package booktabs."""
    first, *lines = (
        " & ".join(LATEX_SPECIAL.sub(r"\\\1", str(cell)) for cell in cells) + r" \\"
        for cells in (head, *map(_cells, rows))
    )
    columns = "l" + "r" * (len(head) - 1)
    parts = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", first, r"\midrule", *lines]
    return "\n".join([*parts, r"\bottomrule", r"\end{tabular}"])


def _cells(row: Sequence[object]) -> list[str]:
    return [_cell(value) for value in row]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
