"""`measures.jsonl`: what was measured about a run, one line of JSON for each number.

Every number stands with what it takes to know what it means: the protocol, the count and the seed
of the faces, the generator.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from my_utils.files.atomic import atomic_path
from my_utils.untrusted.reader import reading

LARGEST = 1e18  # number
NAME = re.compile(r"[\w .,:/()%+-]{1,100}")  # of a measure: means nothing in Markdown and LaTeX


def append_measure(
    path: Path, *, measure: str, value: float, protocol: str, **more: object
) -> None:
    """Add a number to the file, whole or not at all.

    Args:
        more: count, seed, nimg, generator, ...; whatever JSON holds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    before = ""
    if path.exists():
        with reading(path):
            before = path.read_text()
    row = {"measure": measure, "value": value, "protocol": protocol, **more}
    with atomic_path(path) as temporary:
        temporary.write_text(f"{before}{json.dumps(row)}\n")


def read_measures(path: Path) -> list[dict]:
    """The rows of the file, oldest first.

    Raises:
        UserError: the file is missing or damaged, or a row has no measure, value or protocol, or
            one that has no place in a table.
    """
    with reading(path):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            _check(row)
    return rows


def _check(row: object) -> None:
    if not isinstance(row, dict) or not {"measure", "value", "protocol"} <= row.keys():
        raise ValueError(f"row {row} has no measure, value or protocol")
    for name in ("measure", "protocol"):
        if not isinstance(row[name], str) or not NAME.fullmatch(row[name]):
            raise ValueError(f"the {name} of a row is no name: {row[name]!r}")
    for name in {"value", "count", "nimg"} & row.keys():
        if type(row[name]) not in (int, float) or abs(row[name]) > LARGEST:
            raise ValueError(f"the {name} of a row is no number: {row[name]!r}")


def compare_runs(
    runs: Mapping[str, Sequence[Mapping]],  # rows of measures.jsonl by the name of the run
) -> tuple[list[str], list[list[object]]]:
    """One column per run, one row per measure: the head and the rows of a table.

    Numbers of another protocol or another count of images are another measure. Only what was
    measured of a run's newest generator counts, which had seen `kimg` thousand images, and of a
    measure taken several times the last.
    """
    found: dict[str, dict[str, object]] = {}
    for run, measured in runs.items():
        newest = max((row.get("nimg", 0) for row in measured), default=0)
        current = [row for row in measured if row.get("nimg", newest) == newest]
        found[run] = {"kimg": newest / 1000} | {_title(row): row["value"] for row in current}
    titles = dict.fromkeys(title for values in found.values() for title in values)
    rows = [[title, *(values.get(title) for values in found.values())] for title in titles]
    return ["measure", *found], rows


def _title(row: Mapping) -> str:
    count = f", {row['count']}" if "count" in row else ""
    return f"{row['measure']} ({row['protocol']}{count})"
