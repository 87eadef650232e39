"""Values inside values: lists, structs, maps, JSON objects; and JSON keys whose type changes by row."""

from __future__ import annotations

import re
from typing import Any

from data_profiler.document import Column
from data_profiler.engine import Engine
from data_profiler.privacy import shown
from data_profiler.table import Field

_EXAMPLES = 5
_NESTED = re.compile(r"^(STRUCT|MAP|UNION|JSON|VARIANT)|\]$")
_NAMES = {
    **dict.fromkeys(("UBIGINT", "BIGINT", "HUGEINT", "UHUGEINT", "DOUBLE"), "number"),
    "VARCHAR": "string", "BOOLEAN": "boolean", "OBJECT": "object", "ARRAY": "array", "NULL": "null",
}  # fmt: skip


def json_types(engine: Engine, field: Field, column: Column) -> tuple[str, ...]:
    """Counts the JSON types of a key in `value_types`; returns those that are no null, most frequent first."""
    types: dict[str, int] = {}
    for kind, count in engine.rows(f"SELECT t{field.index}, count(*) FROM data GROUP BY 1 ORDER BY 2 DESC, 1"):
        name = "missing" if kind is None else _NAMES[kind]
        types[name] = types.get(name, 0) + count
    column["value_types"] = types
    real = tuple(name for name in types if name not in ("missing", "null"))
    column["physical_type"] = " or ".join(real) or "null"
    return real


def describe_changes(engine: Engine, column: Column, field: Field, types: tuple[str, ...]) -> None:
    """Notes the rows in which a JSON key has another type than in most."""
    usual = [kind for kind, name in _NAMES.items() if name == types[0]]
    odd = f"t{field.index} <> 'NULL' AND NOT list_contains(?, t{field.index})"
    (count,) = engine.row(f"SELECT count(*) FROM data WHERE {odd}", [usual])
    found = engine.rows(f"SELECT rid, {field.column} FROM data WHERE {odd} ORDER BY rid LIMIT {_EXAMPLES}", [usual])
    column["exceptions"] = {"count": count, "examples": [{"row": rid, "value": shown(v)} for rid, v in found]}
    column["reading"] = f"mostly {types[0]}, but also {' and '.join(types[1:])}"


def describe_nested(engine: Engine, column: Column, field: Field, types: tuple[str, ...], rows: int) -> bool:
    """Describes a column whose values are nested; returns False, and does nothing, for any other.

    Args:
        engine: with the table `data`.
        column: is completed.
        field: the column in `data`.
        types: the JSON types of the key, most frequent first.
        rows: how many rows `data` has.
    """
    json = field.physical == "json"
    if not (types[:1] in (("object",), ("array",)) if json else _NESTED.search(field.physical)):
        return False
    name = field.column
    column["type"] = "nested"
    column["reading"] = f"values are nested: {column['physical_type']}"
    count, distinct, longest = engine.row(
        f"SELECT count({name}), approx_count_distinct({name}::VARCHAR), max(length({name}::VARCHAR)) FROM data"
    )
    column["count"], column["distinct"] = count, {"count": distinct, "exact": False}
    column["missing"] |= {"count": rows - count, "null": rows - count}
    details: dict[str, Any] = {
        "longest_text": longest,
        "items": None,
        "empty": None,
        "null_items": None,
        "all_null": False,
    }
    if json and "array" in types:
        length = f"CASE WHEN t{field.index} = 'ARRAY' THEN json_array_length({name}) END"
        low, high, empty = engine.row(f"SELECT min({length}), max({length}), count(*) FILTER ({length} = 0) FROM data")
        details |= {"items": [low, high], "empty": empty}
    elif field.physical.endswith("]"):
        low, high, empty, nulls = engine.row(
            f"SELECT min(len({name})), max(len({name})), count(*) FILTER (len({name}) = 0),"
            f" coalesce(sum(len(list_filter({name}, lambda i: i IS NULL))), 0)::BIGINT FROM data"
        )
        details |= {"items": [low, high] if low is not None else None, "empty": empty, "null_items": nulls}
    else:
        text = name if json else f"to_json({name})"
        # A value after a colon, comma or bracket: a quote, a digit, true or false.
        (filled,) = engine.row(
            f"SELECT count(*) FILTER (regexp_matches({text}::VARCHAR, '[:\\[,]\\s*(\"|-?\\d|t|f)')) FROM data"
        )
        details["all_null"] = count > 0 and filled == 0
    column["nested"] = details
    if len(types) > 1:
        describe_changes(engine, column, field, types)
    return True
