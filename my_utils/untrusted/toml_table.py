"""TOML files of people: every mistake in one becomes a sentence with the file and the line.

`tomllib` tells lines of faulty syntax only, so the lines of keys are found here: a key stands at
the beginning of its line, below the header of its table. What an inline table or a long list holds
is reported at the line where that begins.
"""

import difflib
import math
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from my_utils.errors import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Place = tuple[str | int, ...]  # keys and numbers of list entries that lead to a value

_WORD = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_KEY = re.compile(rf"\s*({_WORD}(?:\s*\.\s*{_WORD})*)\s*=")
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_WORD}(?:\s*\.\s*{_WORD})*)\s*\]")
_LARGEST = 2**31


class Table:
    """A table of the file; values are taken out by name and checked, `finish` refuses the rest."""

    def __init__(self, content: dict, place: Place, path: Path, lines: dict[Place, int]) -> None:
        self.content, self.place = content, place
        self._path, self._lines = path, lines
        self._known: list[str] = []

    def error(self, message: str, key: str | int | None = None) -> UserError:
        """The error to raise about a key of this table, or about the table."""
        return UserError(f"{self.where(key)}: {message}")

    def where(self, key: str | int | None = None) -> str:
        """File and line of a key of this table, or of the table."""
        place = self.place if key is None else (*self.place, key)
        while place and place not in self._lines:
            place = place[:-1]
        return f"{self._path}, line {self._lines[place] if place else 1}"

    def take(self, key: str, default: Any = None) -> Any:
        """The value of a key as it is, or the default."""
        self._known.append(key)
        return self.content.get(key, default)

    def table(self, key: str) -> "Table":
        """The table below a key, empty where there is none."""
        content = self.take(key, {})
        if not isinstance(content, dict):
            raise self.error(f"{key} must be a table: write [{key}] above its lines", key)
        return self.inner(content, key)

    def inner(self, content: dict, *place: str | int) -> "Table":
        """A table at a place below this one."""
        return Table(content, (*self.place, *place), self._path, self._lines)

    def tables(self, key: str) -> "list[Table]":
        """The list of tables below a key."""
        entries = self.take(key, [])
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise self.error(f"{key} must be tables: write [[{key}]] above the lines of each", key)
        return [self.inner(entry, key, number) for number, entry in enumerate(entries)]

    def text(self, key: str, default: str | None = None) -> str:
        """One line of text; needed where there is no default."""
        value = self.take(key, default)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            given = "is missing" if value is None else f"= {value!r} is not one line of text"
            raise self.error(f"{key} {given}", key)
        return value

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        """One of these words."""
        value = self.take(key, default)
        if value not in choices:
            given = "is missing" if value is None else f"= {value!r}"
            raise self.error(f"{key} {given}: choose one of {', '.join(choices)}", key)
        return value

    def choices(
        self, key: str, choices: Collection[str], default: Sequence[str]
    ) -> tuple[str, ...]:
        """Some of these words, at least one."""
        value = self.take(key, list(default))
        wrong = (
            value if not isinstance(value, list) else [one for one in value if one not in choices]
        )
        if wrong or not isinstance(value, list) or len(set(value)) < len(value):
            raise self.error(f"{key} = {value!r}: list some of {', '.join(choices)}", key)
        return tuple(value)

    def boolean(self, key: str) -> bool:
        """True or false; false where it is not there."""
        value = self.take(key, False)
        if not isinstance(value, bool):
            raise self.error(f"{key} = {value!r} must be true or false", key)
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A number in [low, high]; needed where there is no default."""
        value = self.take(key, default)
        if type(value) not in (int, float) or not low <= value <= high:  # NaN is in no range
            given = "is missing" if value is None else f"= {value!r}"
            raise self.error(f"{key} {given}: it must be a number from {low:g} to {high:g}", key)
        return float(value)

    def integer(self, key: str, low: int, high: int = _LARGEST, default: int | None = None) -> int:
        """A whole number in [low, high]; needed where there is no default."""
        value = self.take(key, default)
        if type(value) is not int or not low <= value <= high:
            given = "is missing" if value is None else f"= {value!r}"
            limit = f"of at least {low}" if high == _LARGEST else f"from {low} to {high}"
            raise self.error(f"{key} {given}: it must be a whole number {limit}", key)
        return value

    def optional_integer(self, key: str, low: int, high: int = _LARGEST) -> int | None:
        """A whole number in [low, high], or None where it is not there."""
        return None if self.take(key) is None else self.integer(key, low, high)

    def integers(self, key: str) -> list[int]:
        """Whole numbers: a list of them, or "0-4,9"."""
        value = self.take(key)
        if isinstance(value, str) and re.fullmatch(
            r"\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*", value
        ):
            ends = [part.partition("-")[::2] for part in value.split(",")]
            spans = [range(int(first), int(last or first) + 1) for first, last in ends]
            if sum(map(len, spans)) > 100_000:
                raise self.error(f"{key} = {value!r} are too many", key)
            value = [number for span in spans for number in span]
        is_list = isinstance(value, list) and all(
            type(n) is int and 0 <= n < _LARGEST for n in value
        )
        if not is_list or not value or len(set(value)) < len(value):
            raise self.error(f'{key} = {value!r}: write different numbers as "0-4,9"', key)
        return value

    def texts(self, key: str) -> list[str]:
        """Different words, at least one."""
        value = self.take(key)
        is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
        if not is_list or not value or len(set(value)) < len(value):
            raise self.error(f"{key} = {value!r}: list different names in quotes", key)
        return value

    def pair(self, key: str, default: tuple[float, float]) -> tuple[float, float]:
        """Two finite numbers, the smaller first."""
        value = self.take(key, list(default))
        numbers = isinstance(value, list) and all(
            type(one) in (int, float) and math.isfinite(one) for one in value
        )
        if not numbers or len(value) != 2 or not value[0] < value[1]:
            raise self.error(f"{key} = {value!r}: write two numbers, the smaller first", key)
        return float(value[0]), float(value[1])

    def known(self, name: str, names: Collection[str], kind: str, key: str) -> None:
        """UserError where a name that this key gives is not one of `names`."""
        if name not in names:
            raise self.error(f"there is no {kind} {name!r}: {choose(name, names)}", key)

    def finish(self) -> None:
        """UserError for the first key that nobody took."""
        for key in self.content:
            if key not in self._known:
                place = f"[{'.'.join(map(str, self.place))}]" if self.place else "a design"
                hint = choose(key, self._known)
                raise self.error(f"{key!r} has no meaning in {place}: {hint}", key)


def choose(name: str, known: Collection[str]) -> str:
    """What to write instead of a name that is not known."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known) or 'nothing'}"


def read_toml(path: Path) -> Table:
    """The whole file as a table; UserError where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text)
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text in UTF-8: a design is a TOML file") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        message = re.sub(r" \(at (line \d+).*\)$", "", str(error))
        line = re.search(r"at (line \d+)", str(error))
        ending = line[1] if line else f"line {text.count(chr(10)) + 1}"
        raise UserError(f"{path}, {ending}: not readable as TOML: {message}") from None
    return Table(content, (), path, key_lines(text))


def key_lines(text: str) -> dict[Place, int]:
    """The line, from 1, on which each table and each key that begins a line stands."""
    lines: dict[Place, int] = {}
    table: Place = ()
    entries: dict[Place, int] = {}  # of lists of tables, so far
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = ()
            words = _words(header[2])
            for depth, word in enumerate(words, start=1):
                table = (*table, word)
                if header[1] == "[[" and depth == len(words):
                    lines.setdefault(table, number)
                    entries[table] = entries.get(table, -1) + 1
                if table in entries:
                    table = (*table, entries[table])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            words = _words(key[1])
            for depth in range(1, len(words) + 1):
                lines.setdefault((*table, *words[:depth]), number)
    return lines


def _words(dotted: str) -> list[str]:
    return [word.strip("\"'") for word in re.findall(_WORD, dotted)]
