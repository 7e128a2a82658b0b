"""Text from others: what it may look like in a sentence, and where the paths in it may lead."""

from pathlib import Path

from my_utils.errors import UserError

LONGEST = 300  # characters of such text in a sentence
FORMULA_STARTS = tuple("=+-@＝＋－＠")  # of a cell, for spreadsheets of any country


def shown(text: object) -> str:
    """As part of a sentence: one line that can be printed, and not endless."""
    line = "".join(c if c.isprintable() else " " for c in str(text)[: 2 * LONGEST])
    line = " ".join(line.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run it, where it is a cell of a table."""
    return text.lstrip().startswith(FORMULA_STARTS)


def path_below(folder: Path, name: str) -> Path:
    """Where a file or folder of this name goes in a folder of others.

    Raises:
        UserError: a link in the folder would lead out of it.
    """
    path = folder / name
    if not is_inside(path, folder):
        raise UserError(f"{path} is not written: a link leads out of {folder}")
    return path


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path leads to a place below a folder, where links on the way are followed."""
    try:
        return folder.resolve() in path.resolve().parents
    except (OSError, RuntimeError, ValueError):  # a name that cannot be one, links in a circle
        return False
