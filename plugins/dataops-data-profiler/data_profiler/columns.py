"""Everything about one column, from the table `data`."""

from __future__ import annotations

from data_profiler import shapes
from data_profiler.document import Column, counted
from data_profiler.engine import Engine
from data_profiler.missing import set_aside_missing
from data_profiler.nested import describe_changes, describe_nested, json_types
from data_profiler.personal import SHORTEST, personal_kind
from data_profiler.privacy import one_line, shown
from data_profiler.reading import Reading, read_text
from data_profiler.table import Field
from data_profiler.values import describe_values

_TYPED = {
    "BOOLEAN": "boolean", "DATE": "date", "UUID": "uuid", "INTERVAL": "text", "FLOAT": "decimal", "DOUBLE": "decimal",
    "TINYINT": "integer", "SMALLINT": "integer", "INTEGER": "integer", "BIGINT": "integer", "HUGEINT": "integer",
    "UTINYINT": "integer", "USMALLINT": "integer", "UINTEGER": "integer", "UBIGINT": "integer", "UHUGEINT": "integer",
}  # fmt: skip


def profile_column(engine: Engine, field: Field, rows: int) -> Column:
    """Describes one column.

    Leaves the temporary table `counts(v, n, r)`: each value as text, how many rows have it, the first of them.

    Args:
        engine: with the table `data`.
        field: the column.
        rows: how many rows `data` has.
    """
    column = _blank(field)
    types = json_types(engine, field, column) if field.physical == "json" else ()
    if describe_nested(engine, column, field, types, rows):
        return column
    typed = _type_of(field.physical)
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE counts AS SELECT {field.column}::VARCHAR AS v, count(*) AS n,"
        " min(rid) AS r FROM data"
        f" WHERE {field.column} IS NOT NULL GROUP BY v"
    )
    set_aside_missing(engine, column, typed)
    distinct, count, shortest, longest, length = engine.row(
        "SELECT count(*), coalesce(sum(n), 0)::BIGINT, min(length(v)), max(length(v)), sum(length(v) * n) / sum(n)"
        " FROM counts"
    )
    missing = column["missing"]
    missing["count"] = rows - count
    missing["null"] = missing["count"] - missing["blank"] - sum(missing["markers"].values())
    column["count"], column["distinct"] = count, {"count": distinct, "exact": True}
    if not count:
        column["type"], column["reading"] = (typed or "empty"), "no row has a value"
        return column
    column["length"] = {"min": shortest, "max": longest, "mean": round(length, 2)}
    reading = _read(engine, column, field) if typed is None else Reading(typed, f"the file declares {field.physical}")
    column["type"], column["reading"], column["kinds"] = reading.type, reading.why, reading.kinds
    column["exceptions"], column["leading_zeros"] = reading.exceptions, reading.leading_zeros
    if len(types) > 1:
        describe_changes(engine, column, field, types)
    describe_values(engine, column, field, reading, declared=typed is not None)
    return column


def _read(engine: Engine, column: Column, field: Field) -> Reading:
    count, distinct = column["count"], column["distinct"]["count"]
    column["kinds_exact"] = shapes.make_shapes(engine, distinct)
    reading = read_text(engine, count, distinct)
    judged = count if column["kinds_exact"] else engine.row("SELECT sum(n)::BIGINT FROM shapes")[0]
    found = shapes.patterns(engine, 5)
    column["patterns"] = [{"pattern": one_line(p), "count": round(n * count / judged)} for p, n in found]
    if column["length"] and column["length"]["max"] >= SHORTEST:
        column["personal"] = personal_kind(engine, field, count, judged, reading.type)
    return reading


def _type_of(physical: str) -> str | None:
    """Returns the type that the file declares, or None where texts have to tell it."""
    if physical.startswith("DECIMAL"):
        return "decimal"
    if physical.startswith("TIMESTAMP"):
        return "datetime"
    if physical.startswith("TIME"):
        return "time"
    return _TYPED.get(physical)


def _blank(field: Field) -> Column:
    return {
        "index": field.index, "name": field.name, "header": shown(field.header), "physical_type": field.physical,
        "type": "empty", "reading": "", "count": 0,
        "missing": {"count": 0, "null": 0, "blank": 0, "markers": {}, "kept_na": False},
        "distinct": {"count": 0, "exact": True}, "length": None, "top_values": [], "patterns": [], "kinds": {},
        "kinds_exact": True, "exceptions": counted(), "numbers": None, "dates": None, "histogram": None,
        "outliers": None, "sentinels": [], "personal": None, "variants": [], "whitespace": counted(),
        "leading_zeros": counted(), "control_characters": counted(), "nested": None, "value_types": {},
    }  # fmt: skip
