"""What the values of a column are like, once its type is known."""

from __future__ import annotations

from typing import Any

from data_profiler import categories, dates, numbers, shapes
from data_profiler.document import Column
from data_profiler.engine import Engine
from data_profiler.privacy import shown
from data_profiler.reading import Reading
from data_profiler.table import Field

_EXAMPLES = 5
_TOP = 10


def describe_values(engine: Engine, column: Column, field: Field, reading: Reading, *, declared: bool) -> None:
    """Adds figures, histogram, outliers, sentinels, near-duplicates and the commonest values.

    Args:
        engine: with the tables `data` and `counts`.
        column: is completed.
        field: the column in `data`.
        reading: what its texts are taken for.
        declared: the file declares the type, and `data` has it.
    """
    # The figures of card or phone numbers say nothing, and would show them.
    personal = column["personal"] is not None and column["personal"]["whole"]
    if column["type"] in ("integer", "decimal") and not personal:
        x = f"{field.column}::DOUBLE" if declared else numbers.number_sql(reading.kinds, field.column)
        # No infinity, no NaN, and nothing whose square overflows.
        engine.run(
            "CREATE OR REPLACE TEMP TABLE numbers AS"
            f" SELECT rid, x FROM (SELECT rid, {x} AS x FROM data) WHERE isfinite(x) AND abs(x) < 1e145"
        )
        _describe_numbers(engine, column)
    elif column["type"] in ("date", "datetime"):
        _describe_dates(engine, column, reading, declared)
    elif column["type"] == "text":
        column["variants"] = categories.variants(engine, column["distinct"]["count"], column["count"])
    if column["distinct"]["count"] < column["count"] or column["count"] <= _TOP:
        top = engine.rows(f"SELECT v, n FROM counts ORDER BY n DESC, r LIMIT {_TOP}")
        column["top_values"] = [{"value": shown(v, personal=personal), "count": n} for v, n in top]


def _describe_numbers(engine: Engine, column: Column) -> None:
    described = numbers.describe(engine)
    column["numbers"] = described
    if described is None:
        return
    column["sentinels"] = numbers.sentinels(engine, described)
    column["outliers"] = found = numbers.outliers(engine, described, column["sentinels"])
    low, high = described["min"], described["max"]
    if found or column["sentinels"]:
        dummies = ", ".join(str(float(s["value"])) for s in column["sentinels"]) or "NULL"
        fences = [found["low_fence"], found["high_fence"]] if found else [low, high]
        low, high = engine.row(
            f"SELECT min(x), max(x) FROM numbers WHERE x BETWEEN ? AND ? AND coalesce(x NOT IN ({dummies}), true)",
            fences,
        )
    if low is not None:
        column["histogram"] = numbers.histogram(engine, float(low), float(high))
    if column["type"] == "integer":
        _exact_ends(engine, described)


def _exact_ends(engine: Engine, described: dict[str, Any]) -> None:
    """Doubles and JSON readers hold whole numbers up to 2^53; longer ones are kept as texts of all their digits."""
    if max(abs(described["min"]), abs(described["max"])) < 2**53:
        return
    low, high = engine.row(
        "SELECT min(TRY_CAST(v AS HUGEINT))::VARCHAR, max(TRY_CAST(v AS HUGEINT))::VARCHAR FROM counts"
    )
    if low is not None:
        described["min"], described["max"] = low, high


def _describe_dates(engine: Engine, column: Column, reading: Reading, declared: bool) -> None:
    sql = (
        "TRY_CAST(TRY_CAST(v AS TIMESTAMPTZ) AS TIMESTAMP)"
        if declared
        else dates.date_sql(reading.kinds, reading.days_first)
    )
    found = dates.describe(engine, sql, reading.dated)
    if found is None:
        return
    column["dates"] = found
    found["order"] = reading.order
    # The kinds come most frequent first: the others are what differs.
    odd = [kind for kind in reading.kinds if kind in shapes.DATES][1:]
    found["odd"] = (
        [{"row": s.row, "value": shown(s.example)} for s in shapes.examples(engine, odd, _EXAMPLES)] if odd else []
    )
    if not declared and found["with_time"] < column["count"] and found["with_time"] <= found["at_midnight"]:
        column["type"] = "date"
    elif not declared:
        column["type"] = "datetime"
    if not found["with_time"]:
        found["min"], found["max"] = found["min"].removesuffix(" 00:00:00"), found["max"].removesuffix(" 00:00:00")
    column["sentinels"] = dates.sentinels(engine)
    dummies = [s["value"] for s in column["sentinels"]]
    engine.run("CREATE OR REPLACE TEMP VIEW moments AS SELECT epoch(t) AS x, n, t FROM dated WHERE t IS NOT NULL")
    low, high = engine.row(
        "SELECT min(x), max(x) FROM moments WHERE NOT list_contains(?, CAST(t AS DATE)::VARCHAR)", [dummies]
    )
    if low is not None:
        column["histogram"] = numbers.histogram(engine, low, high, "moments", "n")
