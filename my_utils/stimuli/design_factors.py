"""What varies and what is held, as a design writes it: factors, their values and their order."""

from collections.abc import Mapping

from my_utils.errors import UserError
from my_utils.faces.named_factors import NamedExpressions, Value, check_factor
from my_utils.untrusted.toml_table import Table


def read_factors(
    root: Table, expressions: NamedExpressions
) -> tuple[dict[str, tuple[Value, ...]], tuple[tuple[str, ...], ...]]:
    """The values of every factor that varies, and the groups that vary together."""
    table = root.table("factors")
    factors = {}
    for name, key, written in _factor_entries(table):
        values = _range(table, key, written) if isinstance(written, dict) else written
        values = values if isinstance(values, list) else [values]
        if not values:
            raise table.error(f"the factor {name} is empty", key)
        factors[name] = tuple(_checked(table, key, name, value, expressions) for value in values)
        if len(set(factors[name])) < len(values):
            raise table.error(f"the factor {name} has a value twice", key)
    return factors, _zipped(root, factors)


def _zipped(root: Table, factors: Mapping[str, tuple[Value, ...]]) -> tuple[tuple[str, ...], ...]:
    zipped = root.take("zip", [])
    groups = zipped if isinstance(zipped, list) else [None]
    words = [group if isinstance(group, list) else [None] for group in groups]
    if not all(isinstance(name, str) for group in words for name in group):
        raise root.error('zip lists groups of factors: zip = [["yaw", "light"]]', "zip")
    used: set[str] = set()
    for group in zipped:
        for name in group:
            root.known(name, factors, "factor", "zip")
        if len(group) < 2 or used & set(group) or len(set(group)) < len(group):
            raise root.error(f"zip = {zipped}: groups of two or more different factors", "zip")
        used |= set(group)
        counts = {name: len(factors[name]) for name in group}
        if len(set(counts.values())) > 1:
            raise root.error(
                f"factors that vary together need as many values each: {counts}", "zip"
            )
    return tuple(map(tuple, zipped))


def _factor_entries(table: Table) -> list[tuple[str, str, object]]:
    """Name, key in the table and value; `shape.3 = ...` without quotes is a table in TOML."""
    entries: list[tuple[str, str, object]] = []
    for key in table.content:
        value = table.take(key)
        if isinstance(value, dict) and all(part.isdecimal() for part in value):
            entries += [(f"{key}.{part}", key, inner) for part, inner in value.items()]
        else:
            entries.append((key, key, value))
    return entries


def _range(table: Table, key: str, written: dict) -> list[float]:
    span = table.inner(written, key)
    low, high = span.number("from", -1e6, 1e6), span.number("to", -1e6, 1e6)
    steps = span.integer("steps", 2, 1001)
    span.finish()
    return [low + (high - low) * step / (steps - 1) for step in range(steps)]


def _checked(
    table: Table, key: str, name: str, value: object, expressions: NamedExpressions
) -> Value:
    try:
        return check_factor(name, value, expressions)
    except UserError as error:
        raise table.error(str(error), key) from None


def read_hold(
    root: Table, factors: Mapping[str, object], expressions: NamedExpressions
) -> dict[str, Value]:
    """The factors that are set to one value in all pictures."""
    held = read_values(root, "hold", expressions)
    for name in held:
        if name in factors:
            key = name if name in root.content["hold"] else name.partition(".")[0]
            table = root.table("hold")
            raise table.error(f"{name} varies in [factors], so it cannot be held", key)
    return held


def read_values(parent: Table, key: str, expressions: NamedExpressions) -> dict[str, Value]:
    """The table below a key as factors with one value each."""
    table = parent.table(key)
    return {
        name: _checked(table, inner, name, value, expressions)
        for name, inner, value in _factor_entries(table)
    }
