"""Which columns identify a row, and which rows stand there twice."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

from data_profiler.document import Column
from data_profiler.engine import Engine
from data_profiler.privacy import shown
from data_profiler.table import Table

#: Pairs are tried only up to this many rows, and no more pairs than this.
MOST_ROWS_FOR_PAIRS = 1_000_000
MOST_PAIRS = 15
_KEY_NAME = re.compile(r"(^|[_\s-])(id|key|code|uuid|guid|no|nr|number|num|sku)$|^(id|uuid|key)|Id$|ID$", re.IGNORECASE)
_EXAMPLES = 5


def candidate_keys(engine: Engine, table: Table, columns: list[Column]) -> dict[str, Any]:
    """Returns columns, and where there are none of a key's name pairs of columns, that identify every row.

    Returns:
        `single` (most likely first), `pairs`, and whether pairs were tried.
    """
    rows = table.rows["profiled"]
    able = [c for c in columns if c["count"] == rows and c["type"] not in ("nested", "boolean", "empty")]
    single = [c for c in able if c["distinct"]["exact"] and c["distinct"]["count"] == rows and rows > 1]
    single.sort(key=lambda c: (not looks_like_key(c), c["type"] == "decimal", c["index"]))
    pairs: list[list[str]] = []
    tried = 1 < rows <= MOST_ROWS_FOR_PAIRS and not any(looks_like_key(c) for c in single)
    if tried:
        names = {c["name"] for c in single}
        parts = [c for c in able if c["name"] not in names and c["distinct"]["count"] > 1 and c["type"] != "decimal"]
        parts.sort(key=lambda c: (not looks_like_key(c), -c["distinct"]["count"]))
        likely = [
            (a, b) for a, b in combinations(parts[:8], 2) if a["distinct"]["count"] * b["distinct"]["count"] >= rows
        ]
        for a, b in likely[:MOST_PAIRS]:
            first, second = f"c{a['index']}", f"c{b['index']}"
            (unique,) = engine.row(f"SELECT count(*) = ? FROM (SELECT DISTINCT {first}, {second} FROM data)", [rows])
            if unique:
                pairs.append([a["name"], b["name"]])
    return {"single": [c["name"] for c in single], "pairs": pairs, "pairs_tried": tried}


def looks_like_key(column: Column) -> bool:
    """Tells whether a column is named as keys are, and holds what keys hold."""
    return bool(_KEY_NAME.search(column["name"])) and column["type"] in ("integer", "text", "code", "uuid")


def duplicate_rows(engine: Engine, table: Table) -> dict[str, Any]:
    """Returns how many rows repeat an earlier one, with examples.

    Rows are compared by a 64-bit hash of all cells; at ten million rows two different ones meet with a chance of 3e-6.
    """
    whole = ", ".join(f.column for f in table.fields)
    text = "concat_ws(' | ', " + ", ".join(f"coalesce({f.column}::VARCHAR, '')" for f in table.fields[:50]) + ")"
    engine.run(
        "CREATE OR REPLACE TEMP TABLE twice AS SELECT hash("
        + whole
        + ") AS h, count(*) AS n, min(rid) AS first, max(rid) AS last"
        " FROM data GROUP BY h HAVING count(*) > 1"
    )
    groups, extra = engine.row("SELECT count(*), coalesce(sum(n - 1), 0)::BIGINT FROM twice")
    examples = []
    if groups:
        found = engine.rows(f"SELECT first, last, n FROM twice ORDER BY n DESC, first LIMIT {_EXAMPLES}")
        listed = ", ".join(str(first) for first, _, _ in found)
        texts = dict(engine.rows(f"SELECT rid, {text} FROM data WHERE rid IN ({listed})"))
        examples = [
            {"row": last, "value": shown(f"{n} times, first in row {first}: {texts[first]}")}
            for first, last, n in found
        ]
    engine.run("DROP TABLE twice")
    return {"count": extra, "groups": groups, "examples": examples}


def spoiled_keys(engine: Engine, file_name: str, columns: list[Column]) -> list[dict[str, Any]]:
    """Returns columns that look like keys, and are but for a few repeated values.

    Args:
        engine: with the table `data`.
        file_name: tells which column is the file's own key: `id`, or `order_id` in orders.csv.
        columns: as profiled.
    """
    subject = re.sub(r"^(raw|stg|dim|fact)_|e?s$", "", file_name.rsplit(".", 1)[0].lower())
    out = []
    for column in columns:
        distinct, count = column["distinct"]["count"], column["count"]
        if looks_like_key(column) and count >= 20 and 0.9 * count <= distinct < count and column["distinct"]["exact"]:
            primary = column["name"].lower() in ("id", f"{subject}_id", f"{subject}id", "uuid", "key")
            values = _repeated(engine, column)
            out.append({"column": column["name"], "count": count - distinct, "primary": primary, "values": values})
    return out


def _repeated(engine: Engine, column: Column) -> list[dict[str, Any]]:
    name = f"c{column['index']}"
    found = engine.rows(
        f"SELECT {name}::VARCHAR, count(*), list(rid ORDER BY rid)[:{_EXAMPLES}] FROM data WHERE {name} IS NOT NULL"
        f" GROUP BY {name} HAVING count(*) > 1 ORDER BY 2 DESC, min(rid) LIMIT {_EXAMPLES}"
    )
    personal = column["personal"] is not None
    return [{"value": shown(value, personal=personal), "count": n, "rows": rows} for value, n, rows in found]
