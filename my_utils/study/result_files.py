"""What participants left: files of results, read as text and checked for being whole."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from my_utils.errors import UserError
from my_utils.untrusted.text import shown

MOST_BYTES = 2**26  # of a file; what it holds takes many times as much memory


def result_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files, and of folders those that may hold results."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        files = sorted(
            file for file in path.iterdir() if file.suffix in (".json", ".csv") and file.is_file()
        )
        if not files:
            raise UserError(f"{path} holds no results: there is no .json and no .csv file in it")
        yield from files


def result_text(path: Path) -> str:
    """The text of a file; UserError where it has none."""
    if path.stat().st_size > MOST_BYTES:
        raise UserError(f"{path} is larger than the results of any study: leave it out")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text in UTF-8: it is damaged or of another kind") from None
    if not text.strip():
        raise UserError(f"{path} is empty: get it again or leave it out")
    return text


def json_result(path: Path, text: str) -> dict:
    """A result of the study page, with its list of trials; their values are not looked at."""
    try:
        result = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is half-written or damaged: {error}") from None
    if not isinstance(result, dict) or result.get("format") != "gif-study-result":
        raise UserError(f"{path} is no result of the study page: it lacks format gif-study-result")
    if result.get("version") != 1:
        raise UserError(f"{path} has version {shown(result.get('version'))}: only 1 is known")
    trials = result.get("trials")
    if not isinstance(trials, list) or not all(isinstance(trial, dict) for trial in trials):
        raise UserError(f"{path} has no list of trials")
    return result


def csv_rows(path: Path, text: str) -> Iterator[tuple[dict[str, str], str]]:
    """The rows of a table by their columns, each with the place where it stands."""
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(lines)
        for cells in filter(None, lines):
            where = f"{path}, line {lines.line_num}"
            if len(cells) != len(header):
                raise UserError(f"{where} has {len(cells)} cells instead of {len(header)}")
            yield dict(zip(header, cells, strict=True)), where
    except csv.Error as error:
        raise UserError(
            f"{path}, line {lines.line_num}: half-written or damaged: {error}"
        ) from None
    if lines.line_num == 1:
        raise UserError(f"{path} has a header but no answers")
