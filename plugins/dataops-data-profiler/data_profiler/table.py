"""One table out of any format: columns `c0, c1, ...` under clean names, rows numbered as in the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from data_profiler.document import Counted, Decision, Rows, Source, counted, text_of
from data_profiler.engine import Engine, ident, literal
from data_profiler.json_table import load_json
from data_profiler.privacy import shown
from data_profiler.text_table import load_text
from dataops_core.errors import InvalidValue

EXAMPLES = 5
#: A random sample is drawn with this seed, so that two profiles of one file agree.
SEED = 42


@dataclass(frozen=True)
class Field:
    """One column as it lies in the table.

    Args:
        index: its position, from 0.
        name: unique, stripped; what findings call it.
        header: as the file has it.
        column: its name in the table.
        physical: the type in the file: "text", a DuckDB type, or "json".
    """

    index: int
    name: str
    header: str
    column: str
    physical: str


@dataclass
class Table:
    """The loaded table `data`, and what is known of its rows."""

    fields: list[Field]
    rows: Rows
    decisions: list[Decision] = field(default_factory=list)
    line_ends: dict[str, int] = field(default_factory=dict)


def load(engine: Engine, source: Source, sample_rows: int, progress: Callable[[float], None]) -> Table:
    """Loads the file into `data(rid, c0, c1, ...)`; blank rows are counted and left out.

    Args:
        engine: an engine opened on the file.
        source: what was decided about it; the quoting may still be corrected.
        sample_rows: rows to draw at random; 0 keeps all.
        progress: told the share that has been done, 0 to 1.

    Raises:
        InvalidValue: the file cannot be read as decided.
    """
    if source["format"] == "parquet":
        table = _parquet(engine)
    elif source["format"] in ("json", "jsonl"):
        table = _json(engine, source)
    else:
        table = _text(engine, source, progress)
    total = table.rows["total"] - table.rows["blank"]["count"]
    if 0 < sample_rows < total:
        engine.run(
            "CREATE TABLE data AS SELECT * FROM loaded"
            f" USING SAMPLE reservoir({int(sample_rows)} ROWS) REPEATABLE ({SEED})"
        )
        table.rows["sampled"] = True
        table.decisions.append(
            {
                "subject": "sample",
                "decided": f"{sample_rows} of {total} rows drawn at random",
                "why": f"sample_rows asks for it; rows that do not fit were counted over all rows (seed {SEED})",
            }
        )
    else:
        engine.run("CREATE VIEW data AS SELECT * FROM loaded")
    table.rows["profiled"] = min(sample_rows, total) if sample_rows else total
    return table


def _text(engine: Engine, source: Source, progress: Callable[[float], None]) -> Table:
    facts = load_text(engine, source, progress)
    dialect, _ = text_of(source)
    headers = dialect["names"]
    width = len(headers)
    fields = _fields(headers, ["text"] * width)
    every = " AND ".join(f"c{i} IS NULL" for i in range(width))
    rows = _rows(engine.row("SELECT count(*) FROM loaded")[0])
    rows["first_line"] = dialect["header_line"] + (1 + headers[0].count("\n") if dialect["header"] else 0)
    rows["blank_lines"], rows["comment_lines"] = facts.blank_lines, facts.comment_lines
    rows["open_quotes"] = facts.open_quotes
    rows["blank"] = _counted(engine, f"{every} AND extra IS NULL", "cells || ' empty cells'")
    text = "concat_ws(' | ', " + ", ".join(f"coalesce(c{i}, '')" for i in range(min(width, 50))) + ", extra)"
    rows["too_long"] = _counted(engine, f"cells > {width}", f"cells || ' cells: ' || {text}")
    rows["too_short"] = _counted(engine, f"cells < {width} AND NOT ({every})", f"cells || ' cells: ' || {text}")
    if rows["blank"]["count"]:
        engine.run(f"DELETE FROM loaded WHERE {every} AND extra IS NULL")
    return Table(fields, rows, facts.decisions, facts.line_ends)


def _json(engine: Engine, source: Source) -> Table:
    facts = load_json(engine, source)
    rows = _rows(facts.total)
    rows["unreadable"], rows["duplicate_keys"] = facts.unreadable, facts.duplicate_keys
    rows["total"] -= facts.unreadable["count"]
    return Table(_fields(facts.names, ["json"] * len(facts.names)), rows, facts.decisions)


def _parquet(engine: Engine) -> Table:
    path = literal(str(engine.source))
    described = engine.rows(f"DESCRIBE SELECT * FROM read_parquet({path})")
    if not described:
        raise InvalidValue("the Parquet file has no column", hint="write it again with at least one column")
    fields = _fields([row[0] for row in described], [row[1] for row in described])
    columns = "".join(f", {_readable(row[0], row[1])} AS c{i}" for i, row in enumerate(described))
    engine.run(
        f"CREATE VIEW loaded AS SELECT file_row_number + 1 AS rid{columns}"
        f" FROM read_parquet({path}, file_row_number = true)"
    )
    return Table(fields, _rows(engine.row("SELECT count(*) FROM loaded")[0]))


def _readable(name: str, kind: str) -> str:
    # Bytes become text with \x escapes, so that what is really text can be judged as such.
    return f"{ident(name)}::VARCHAR" if kind == "BLOB" else ident(name)


def _fields(headers: list[str], physical: list[str]) -> list[Field]:
    taken: set[str] = set()
    fields = []
    own = {_clean(header) for header in headers}
    for index, header in enumerate(headers):
        name = base = _clean(header) or f"column_{index + 1}"
        number = 2
        # A second "id" becomes "id_2", unless a column of that name is there of its own.
        while name in taken or (name != base and name in own):
            name = f"{base}_{number}"
            number += 1
        taken.add(name)
        fields.append(Field(index, name, header, f"c{index}", physical[index]))
    return fields


def _clean(header: str) -> str:
    return shown(" ".join(header.split()))


def _rows(total: int) -> Rows:
    return {
        "total": total, "profiled": total, "sampled": False, "first_line": None, "blank_lines": 0, "comment_lines": 0,
        "open_quotes": [], "blank": counted(), "too_long": counted(), "too_short": counted(), "unreadable": counted(),
        "duplicate_keys": [], "totals": [],
    }  # fmt: skip


def _counted(engine: Engine, condition: str, text: str) -> Counted:
    count = engine.row(f"SELECT count(*) FROM loaded WHERE {condition}")[0]
    if not count:
        return counted()
    found = engine.rows(f"SELECT rid, {text} FROM loaded WHERE {condition} ORDER BY rid LIMIT {EXAMPLES}")
    return {"count": count, "examples": [{"row": rid, "value": shown(value)} for rid, value in found]}
