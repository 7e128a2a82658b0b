"""What participants left: files of results, read as text and checked for being whole."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from my_utils.errors import UserError
from my_utils.untrusted.text import shown

MOST_BYTES = 2**26  # of a file; what it holds takes many times as much memory
SUFFIXES = (".json", ".csv")
NO_RESULTS = ("._", "~$")  # begin what macOS and Excel put beside a file
SEPARATORS = ",;\t"  # Excel's depend on the country
MAY_BE_MISSING = {"Approve", "Reject"}  # last columns, whose cells Amazon leaves out


def result_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files, and of folders those that may hold results."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        files = sorted(
            file
            for file in path.iterdir()
            if file.suffix.lower() in SUFFIXES
            and not file.name.startswith(NO_RESULTS)
            and file.is_file()
        )
        if not files:
            raise UserError(f"{path} holds no results: there is no .json and no .csv file in it")
        yield from files


def result_text(path: Path) -> str:
    """The text of a file; UserError where it has none."""
    if path.stat().st_size > MOST_BYTES:
        raise UserError(f"{path} is larger than the results of any study: leave it out")
    data = path.read_bytes()
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # Excel's "Unicode"
    try:
        text = data.decode("utf-16" if is_utf16 else "utf-8-sig")
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
    """The rows of a table by their columns, each with the place where it stands.

    The table may have been saved again by pandas or a spreadsheet: with other separators, spaces
    around cells and empty cells or rows at the end.
    """
    file = io.StringIO(text, newline="")
    lines = csv.reader(file, delimiter=_separator(text), strict=True, skipinitialspace=True)
    header: list[str] = []
    is_empty = True
    try:
        for cells in ([cell.strip() for cell in line] for line in lines):
            where = f"{path}, line {lines.line_num}"
            if not any(cells) or cells[0].startswith("sep="):  # which is for Excel
                continue
            if not header:
                header = cells
                continue
            is_empty = False
            yield dict(zip(header, _all_cells(cells, header, where), strict=True)), where
    except csv.Error as error:
        raise UserError(
            f"{path}, line {lines.line_num}: half-written or damaged: {error}"
        ) from None
    if is_empty:
        raise UserError(f"{path} has a header but no answers")


def _all_cells(cells: list[str], header: list[str], where: str) -> list[str]:
    """One cell for each column; UserError where there are more, or fewer than Amazon leaves."""
    more = len(cells) - len(header)
    if any(cells[len(header) :]) or not MAY_BE_MISSING.issuperset(header[len(cells) :]):
        raise UserError(f"{where} has {len(cells)} cells instead of {len(header)}")
    return cells[: len(header)] + [""] * -more


def _separator(text: str) -> str:
    """The one that the header has most of."""
    header = next(line for line in text.splitlines() if line.strip() and line[:4] != "sep=")
    return max(SEPARATORS, key=header.count)


def number_in(text: str) -> int | None:
    """The whole number of a cell, which pandas writes as 1500.0; None where it is none."""
    found = re.fullmatch(r"(\d{1,18})(\.0+)?", text)
    return int(found[1]) if found else None
