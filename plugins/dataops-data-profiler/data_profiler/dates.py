"""What the dates of a column say: range, how they are written, zones, needless times, sentinels."""

from __future__ import annotations

from typing import Any

from data_profiler.engine import Engine, literal

_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S.%f")
_NAMED = (
    "%d %b %Y",
    "%d-%b-%Y",
    "%d. %b %Y",
    "%d %B %Y",
    "%d-%B-%Y",
    "%d. %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
    "%B %d %Y",
)
#: Dates that stand for "unknown" or "never".
SENTINELS = (
    "0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1901-01-01", "1970-01-01",
    "2099-12-31", "2199-12-31", "2999-12-31", "3000-01-01", "9999-12-31",
)  # fmt: skip
_EXAMPLES = 5


def slash_order(engine: Engine) -> tuple[int, int]:
    """Counts the rows of `counts(v, n, r)` that can only be day/month, and those that can only be month/day."""
    first, second = engine.row(
        "SELECT coalesce(sum(n) FILTER (TRY_CAST(p.first AS INT) > 12), 0)::BIGINT,"
        " coalesce(sum(n) FILTER (TRY_CAST(p.second AS INT) > 12), 0)::BIGINT"
        r" FROM (SELECT n, regexp_extract(v, '^(\d{1,2})/(\d{1,2})/', ['first', 'second']) AS p FROM counts)"
    )
    return first, second


def date_sql(kinds: dict[str, int], days_first: bool) -> str:
    """Returns SQL that turns the text `v` into a timestamp (UTC where a zone is written).

    Args:
        kinds: how many values are written in which kind.
        days_first: how dates with slashes are read.
    """
    slashed = "%d/%m" if days_first else "%m/%d"
    formats: list[str] = []
    for kind, written in (
        ("date with slashes", (f"{slashed}/%Y",)),
        ("date with slashes, short year", (f"{slashed}/%y",)),
        ("date d.m.y", ("%d.%m.%Y",)),
        ("date d-m-y", ("%d-%m-%Y",)),
    ):
        if kind in kinds:
            formats += [form + time for form in written for time in _TIMES]
    if "date with month name" in kinds:
        formats += _NAMED
    parsed = "TRY_CAST(TRY_CAST(replace(v, '/', '-') AS TIMESTAMPTZ) AS TIMESTAMP)"
    if not formats:
        return parsed
    listed = "[" + ", ".join(literal(form) for form in formats) + "]"
    # Years come first in what DuckDB casts by itself; everything else is read by the formats only.
    return rf"CASE WHEN regexp_matches(v, '^\d{{4}}[-/]') THEN {parsed} ELSE try_strptime(v, {listed}) END"


def describe(engine: Engine, sql: str, dated: str) -> dict[str, Any] | None:
    """Describes the dates of `counts(v, n, r)` and leaves them in `dated(t, n, r, v)`.

    Args:
        engine: with the table `counts`.
        sql: turns `v` into a timestamp.
        dated: a condition for the values that look like dates.

    Returns:
        Range, times, what cannot be a date, sentinels; None when nothing is a date.
    """
    engine.run(f"CREATE OR REPLACE TEMP TABLE dated AS SELECT {sql} AS t, n, r, v FROM counts WHERE {dated}")
    n, low, high, midnight, invalid, timed = engine.row(
        "SELECT sum(n) FILTER (t IS NOT NULL), min(t)::VARCHAR, max(t)::VARCHAR,"
        " coalesce(sum(n) FILTER (t = date_trunc('day', t)), 0)::BIGINT,"
        " coalesce(sum(n) FILTER (t IS NULL), 0)::BIGINT,"
        " coalesce(sum(n) FILTER (v LIKE '%:%'), 0)::BIGINT FROM dated"
    )
    if not n:
        return None
    zones = engine.rows(
        r"SELECT zone, sum(n)::BIGINT FROM (SELECT n, CASE WHEN NOT contains(v, ':') THEN 'date only' ELSE"
        r" coalesce(nullif(regexp_extract(v, '(?i)(Z|UTC|GMT|[+-]\d\d(:?\d\d)?)$', 1), ''), 'none')"
        r" END AS zone FROM dated)"
        " GROUP BY zone ORDER BY 2 DESC, 1 LIMIT 12"
    )
    wrong = engine.rows(f"SELECT r, v FROM dated WHERE t IS NULL ORDER BY r LIMIT {_EXAMPLES}")
    return {
        "min": low,
        "max": high,
        "with_time": timed,
        "at_midnight": midnight,
        "zones": dict(zones),
        "invalid": {"count": invalid, "examples": [{"row": row, "value": value} for row, value in wrong]},
    }


def sentinels(engine: Engine) -> list[dict[str, Any]]:
    """Returns known dummy dates that lie at an end of the column, five years or more from the rest (table `dated`)."""
    listed = ", ".join(literal(date) for date in SENTINELS)
    found = engine.rows(
        f"SELECT CAST(t AS DATE)::VARCHAR, sum(n)::BIGINT, list(r ORDER BY r)[:{_EXAMPLES}], min(epoch(t)) FROM dated"
        f" WHERE CAST(t AS DATE)::VARCHAR IN ({listed}) GROUP BY 1 ORDER BY 1"
    )
    low, high = engine.row(
        f"SELECT min(epoch(t)), max(epoch(t)) FROM dated WHERE CAST(t AS DATE)::VARCHAR NOT IN ({listed})"
    )
    if low is None:
        return []
    gap = 5 * 365.25 * 86400
    return [
        {"value": date, "count": count, "rows": rows}
        for date, count, rows, epoch in found
        if epoch < low - gap or epoch > high + gap
    ]
