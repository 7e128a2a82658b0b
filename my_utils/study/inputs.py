"""Input CSVs of Mechanical Turk: one question a row, and a key of what is known about some.

The inputs have exactly the published columns, so checks look like any other question there; the
key beside them names these rows. Needs no torch.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path


def picture_url(base_url: str, file: str) -> str:
    """The address of a picture: exactly one slash between, the file name quoted."""
    return f"{base_url.rstrip('/')}/{quote(file)}"


def balanced_sides(count: int, rng: np.random.Generator) -> list[bool]:
    """True for half of `count` places in random order; where odd, one side has one more."""
    return rng.permutation(np.arange(count) % 2 == 0).tolist()


def pick_repeats(count: int, available: int, rng: np.random.Generator) -> list[int]:
    """`count` different rows of those there are."""
    if count > available:
        raise UserError(f"--repeats {count} is more than the {available} questions there are")
    return rng.choice(available, count, replace=False).tolist()


def write_inputs(
    path: Path,
    rows: Sequence[Mapping[str, str]],
    checks: Sequence[tuple[Mapping[str, str], str, int | str]],  # row, check, expected answer
    rng: np.random.Generator,
) -> None:
    """Write the rows with the checks at random places among them, and `<name>_key.csv`."""
    mixed = list(rows)
    for row, _, _ in checks:
        mixed.insert(int(rng.integers(len(mixed) + 1)), row)
    _write(path, list(rows[0]), mixed)
    key = path.with_name(f"{path.stem}_key.csv")
    key.unlink(missing_ok=True)  # an earlier one would speak of other rows
    if checks:
        known = [{**row, "check": check, "expected": expected} for row, check, expected in checks]
        _write(key, list(known[0]), known)


def _write(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(rows)
