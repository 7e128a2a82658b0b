"""How a stimulus set is presented: the tables [lists] and [task] of its design. Needs no torch."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from my_utils.untrusted.toml_table import Table, read_toml

SAME_DIFFERENT, ABX, ODD_ONE_OUT = "same_different", "abx", "odd_one_out"
RATING, DISSIMILARITY = "rating", "dissimilarity"
TASKS = (SAME_DIFFERENT, ABX, ODD_ONE_OUT, RATING, DISSIMILARITY)
SET_COLUMNS = ("person", "continuum", "percent")  # of stimuli.csv, besides the factors


@dataclass(frozen=True)
class Scale:
    """A named rating scale from 1 to `steps`."""

    name: str
    low: str  # what 1 means
    high: str  # what `steps` means
    steps: int


@dataclass(frozen=True)
class Task:
    """What is asked about the pictures of a set."""

    kind: str
    about: str | None = None  # the column whose levels are told apart; found where not given
    across: str | None = None  # a column that differs between the pictures of a question
    distances: tuple[int, ...] = ()  # how many levels apart; all where empty
    ends: bool = False  # abx: A and B are the first and the last level, X goes over all
    scales: tuple[Scale, ...] = ()
    prompt: str | None = None  # instead of the usual question


@dataclass(frozen=True)
class Lists:
    """Orders of presentation."""

    count: int = 1
    repeats: int = 1
    latin_square: str | None = None  # a column whose levels are spread over as many lists
    seed: int = 0


DISSIMILARITY_SCALE = Scale("dissimilarity", "identical", "as different as can be", 9)
USUAL_SCALES = {
    RATING: (Scale("attractive", "not at all", "very much", 7),),
    DISSIMILARITY: (DISSIMILARITY_SCALE,),
}


def read_presentation(path: Path, factors: Collection[str]) -> tuple[Lists, Task | None]:
    """The lists and the task of a design; no task where it names none.

    Raises:
        UserError: one sentence with the line, about whatever cannot be meant.
    """
    root = read_toml(path)
    columns = [*SET_COLUMNS, *factors]
    task = _task(root.table("task"), columns) if "task" in root.content else None
    return _lists(root, columns, task), task


def _lists(root: Table, columns: Collection[str], task: Task | None) -> Lists:
    table = root.table("lists")
    square = table.take("latin_square")
    if square is not None:
        table.known(str(square), columns, "column", "latin_square")
        if "count" in table.content:
            raise table.error(
                "a Latin square has as many lists as levels: leave count out", "count"
            )
        if task and task.kind != RATING:
            raise table.error(
                f"a Latin square spreads single pictures over lists, and {task.kind} shows several",
                "latin_square",
            )
    lists = Lists(
        count=table.integer("count", 1, 1000, 1),
        repeats=table.integer("repeats", 1, 1000, 1),
        latin_square=square,
        seed=root.integer("seed", 0, 2**31, 0),
    )
    table.finish()
    return lists


def _task(table: Table, columns: Collection[str]) -> Task:
    kind = table.choice("kind", TASKS)
    tells_apart = kind in (SAME_DIFFERENT, ABX, ODD_ONE_OUT)
    named = {}
    for key in ("about", "across"):
        if tells_apart and key in table.content:
            named[key] = table.text(key)
            table.known(named[key], columns, "column", key)
    if named.get("about") and named.get("about") == named.get("across"):
        raise table.error("across must be another column than about", "across")
    distances = table.integers("distances") if tells_apart and "distances" in table.content else []
    if 0 in distances:
        raise table.error("distances are at least 1", "distances")
    ends = table.boolean("ends") if kind == ABX else False
    if ends and (distances or named.get("across")):
        raise table.error("with ends there are no distances and no across", "ends")
    task = Task(
        kind,
        **named,
        distances=tuple(distances),
        ends=ends,
        scales=_scales(table, kind),
        prompt=table.text("prompt") if "prompt" in table.content else None,
    )
    table.finish()
    return task


def _scales(table: Table, kind: str) -> tuple[Scale, ...]:
    """The scales of a rating, or the only one of dissimilarities; none for the other tasks."""
    if kind not in USUAL_SCALES or "scales" not in table.content:
        return USUAL_SCALES.get(kind, ())
    scales = []
    for entry in table.tables("scales"):
        scales.append(
            Scale(
                entry.text("name"),
                entry.text("low"),
                entry.text("high"),
                entry.integer("steps", 2, 9, 7),
            )
        )
        entry.finish()
    names = [scale.name for scale in scales]
    if not names or len(set(names)) < len(names):
        raise table.error("scales need different names, at least one", "scales")
    if kind == DISSIMILARITY and len(scales) > 1:
        raise table.error("dissimilarities are rated on one scale", "scales")
    return tuple(scales)
