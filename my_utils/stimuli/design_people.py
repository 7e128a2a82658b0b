"""Who is shown, as a design writes it: people, averages, caricatures and continua."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from my_utils.faces.named_factors import NamedExpressions
from my_utils.stimuli.design import (
    COMPUTED,
    GROUPS,
    IDENTITY,
    LARGEST_SEED,
    PEOPLE_FILE,
    Continuum,
    Person,
)
from my_utils.stimuli.design_factors import read_values
from my_utils.untrusted.toml_table import Table

LONGEST_NAME = 60


def read_people(root: Table, folder: Path, expressions: NamedExpressions) -> dict[str, Person]:
    """The people of a design by name, in its order."""
    people: dict[str, Person] = {}
    tables = root.tables("people")
    if not tables:
        raise root.error('a design needs people: write [[people]] and below it seeds = "0-4"')
    for table in tables:
        for person in _persons(table, folder, people, expressions):
            if person.name in people:
                raise table.error(f"there are two people called {person.name!r}", "name")
            people[person.name] = person
    return people


def _persons(
    table: Table, folder: Path, earlier: Mapping[str, Person], expressions: NamedExpressions
) -> list[Person]:
    """The people that one [[people]] describes."""
    kinds = ("seed", "seeds", "row", "rows", "params", "average", "caricature")
    given = [
        kind
        for kind in kinds
        if kind in table.content and (kind != "row" or "params" not in table.content)
    ]
    if len(given) != 1:
        raise table.error(f"people need one of {', '.join(kinds)}, and here are {len(given)}")
    style = table.optional_integer("style", 0, LARGEST_SEED)
    kind = given[0]
    common: dict[str, Any] = {
        "style": style,
        "factors": tuple(read_values(table, "set", expressions).items()),
        "where": table.where(),
    }
    if kind in ("seeds", "rows"):
        numbers = table.integers(kind)
        table.finish()
        one = kind[:-1]
        return [Person(f"{one}{n}", one, n, **common) for n in numbers]
    source = _SOURCES[kind](table, folder, earlier)
    name = table.text("name", f"{kind}{source['number']}" if kind in ("seed", "row") else None)
    table.finish()
    check_person_name(table, name)
    return [Person(name, kind, **common, **source)]


def check_person_name(table: Table, name: str) -> None:
    """UserError for a name that could be no column of a table or part of a file's name."""
    if len(name) > LONGEST_NAME or not re.fullmatch(r"\w[\w .+%-]*", name):
        raise table.error(
            f"name = {name!r}: at most {LONGEST_NAME} letters, digits, spaces and .+-%", "name"
        )


def _number_source(kind: str) -> Callable[..., dict[str, Any]]:
    return lambda table, folder, earlier: {"number": table.integer(kind, 0, LARGEST_SEED)}


def _params_source(table: Table, folder: Path, earlier: Mapping[str, Person]) -> dict[str, Any]:
    file = folder / table.text("params")
    if not file.is_file() and not (folder / PEOPLE_FILE).exists():
        raise table.error(f"there is no file {file}", "params")
    return {"file": file, "number": table.integer("row", 0, LARGEST_SEED, 0)}


def _average_source(table: Table, folder: Path, earlier: Mapping[str, Person]) -> dict[str, Any]:
    simple = [name for name, person in earlier.items() if person.kind not in COMPUTED]
    members = simple if table.take("average") == "all" else table.texts("average")
    for name in members:
        table.known(name, earlier, "person above this one called", "average")
    if not members:
        raise table.error("average = 'all' needs people above it", "average")
    return {"members": tuple(members)}


def _caricature_source(table: Table, folder: Path, earlier: Mapping[str, Person]) -> dict[str, Any]:
    names = {"original": table.text("caricature"), "reference": table.text("of")}
    for name, key in zip(names.values(), ("caricature", "of"), strict=True):
        table.known(name, earlier, "person above this one called", key)
    if names["original"] == names["reference"]:
        raise table.error("a caricature needs another face to be away from", "of")
    return {**names, "amount": table.number("amount", -5, 5)}


_SOURCES: dict[str, Callable[..., dict[str, Any]]] = {
    "seed": _number_source("seed"),
    "row": _number_source("row"),
    "params": _params_source,
    "average": _average_source,
    "caricature": _caricature_source,
}


def read_continua(root: Table, people: Mapping[str, Person]) -> dict[str, Continuum]:
    """The continua of a design by name, in its order."""
    continua: dict[str, Continuum] = {}
    for table in root.tables("continua"):
        start, end = table.text("from"), table.text("to")
        for name, key in ((start, "from"), (end, "to")):
            table.known(name, people, "person called", key)
        if start == end:
            raise table.error(f"a continuum from {start!r} to itself does not vary", "to")
        name = table.text("name", f"{start} to {end}")
        check_person_name(table, name)
        if name in continua or name in people:
            raise table.error(f"there is another {name!r}: give this one a name of its own", "name")
        continua[name] = Continuum(
            name,
            start,
            end,
            steps=table.integer("steps", 2, 1001),
            range=table.pair("range", (0.0, 100.0)),
            vary=table.choices("vary", GROUPS, IDENTITY),
        )
        if not -400 <= continua[name].range[0] < continua[name].range[1] <= 500:
            raise table.error("range goes from -400 to 500 percent at most", "range")
        table.finish()
    return continua


def read_show(
    root: Table, people: Mapping[str, Person], continua: Mapping[str, Continuum]
) -> tuple[str, ...]:
    """The names of what is shown: where the design does not say, all continua, or all people."""
    if "show" not in root.content:
        root.take("show")
        return tuple(continua or people)
    names = root.texts("show")
    for name in names:
        root.known(name, {*people, *continua}, "person or continuum called", "show")
    return tuple(names)
