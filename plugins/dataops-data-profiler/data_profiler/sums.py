"""Totals among the data: rows that sum up the rows above, and columns that sum up the columns beside them."""

from __future__ import annotations

import re
from typing import Any

from data_profiler.document import Column, Example
from data_profiler.engine import Engine, literal
from data_profiler.numbers import number_sql
from data_profiler.privacy import shown
from data_profiler.table import Table

_WORDS = (
    "total", "totals", "grand total", "subtotal", "sub-total", "sub total", "sum", "total:", "sum:", "totale", "summe",
    "gesamt", "insgesamt", "gesamtsumme", "total general", "somme", "totaal", "suma",
)  # fmt: skip
_NAME = re.compile(r"(^|[^a-z])(total|sum|gesamt|summe|totale)([^a-z]|$)", re.IGNORECASE)
_NUMBERS = ("integer", "decimal")
_TEXTS = ("text", "json", "VARCHAR")


def total_rows(engine: Engine, table: Table, columns: list[Column]) -> list[Example]:
    """Returns rows whose label says total, or whose numbers are the sums of all the others, at the end of the table."""
    texts = [f"c{c['index']}" for c in columns if c["type"] == "text" and table.fields[c["index"]].physical in _TEXTS]
    found: list[Example] = []
    if texts:
        words = "(" + ", ".join(literal(word) for word in _WORDS) + ")"
        label = (
            "coalesce("
            + ", ".join(f"CASE WHEN length({t}) < 16 AND lower(trim({t})) IN {words} THEN {t} END" for t in texts)
            + ")"
        )
        rows = engine.rows(f"SELECT rid, {label} AS label FROM data WHERE label IS NOT NULL ORDER BY rid LIMIT 6")
        # A value that recurs all over is a category called "total", not a row of totals.
        if len(rows) <= 5:
            found = [{"row": rid, "value": shown(label)} for rid, label in rows]
    if found or table.rows["profiled"] < 4 or table.rows["sampled"]:
        return found
    last, matching = None, []
    for column in columns:
        numbers = column["numbers"]
        if column["type"] not in _NUMBERS or not numbers or not numbers["sum"] or column["count"] < 4:
            continue
        value = f"c{column['index']}"
        row = engine.row(
            f"SELECT max(rid), arg_max({_cell(column, table)}, rid), max(rid) = (SELECT max(rid) FROM data)"
            f" FROM data WHERE {value} IS NOT NULL"
        )
        if row[2] and row[1] and abs(2 * row[1] - numbers["sum"]) <= 1e-9 * abs(numbers["sum"]):
            last = row[0]
            matching.append(column["name"])
    if last is not None and len(matching) >= 2:
        return [{"row": last, "value": shown("sums of " + ", ".join(matching))}]
    return found


def total_columns(engine: Engine, table: Table, columns: list[Column]) -> list[dict[str, Any]]:
    """Returns columns called total that are, in every row, the sum of the number columns next to them."""
    out = []
    for column in columns:
        if column["type"] not in _NUMBERS or not _NAME.search(column["name"]):
            continue
        parts: list[Column] = []
        for other in reversed(columns[: column["index"]]):
            if other["type"] not in _NUMBERS:
                break
            parts.insert(0, other)
        if len(parts) < 2:
            continue
        added = " + ".join(f"coalesce({_cell(c, table)}, 0)" for c in parts)
        total = _cell(column, table)
        agree, rows = engine.row(
            f"SELECT count(*) FILTER (abs(({added}) - {total}) <= 1e-6 * greatest(1, abs({total}))),"
            f" count({total}) FROM data"
        )
        if rows >= 3 and agree >= 0.9 * rows:
            out.append({"column": column["name"], "parts": [c["name"] for c in parts], "agree": agree, "rows": rows})
    return out


def _number(column: Column, table: Table, value: str) -> str:
    if table.fields[column["index"]].physical in _TEXTS:
        return number_sql(column["kinds"], f"trim({value})")
    return f"TRY_CAST({value} AS DOUBLE)"


def _cell(column: Column, table: Table) -> str:
    return _number(column, table, f"c{column['index']}")
