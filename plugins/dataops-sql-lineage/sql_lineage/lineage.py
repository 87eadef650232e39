"""Traces a script and writes down what was found."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlglot.dialects.dialect import Dialect

from dataops_core.errors import InvalidValue, nearest
from sql_lineage.asked import Answered, ask
from sql_lineage.catalog import Catalog
from sql_lineage.document import SCHEMA_VERSION, Doubt, Edge, Lineage, Source, Step
from sql_lineage.flow import Key
from sql_lineage.names import Spelling, shown
from sql_lineage.outputs import output
from sql_lineage.schema_file import load_schema
from sql_lineage.script import Script, Traced
from sql_lineage.source import GUESSED, MOST_BYTES, advice, read_text

T = TypeVar("T")
#: What people call some dialects.
ALSO: Final = {
    "ansi": "",
    "auto": "",
    "postgresql": "postgres",
    "mssql": "tsql",
    "sqlserver": "tsql",
    "mariadb": "mysql",
}
# sqlglot reads by recursion. These allow about 400 parentheses in one another, which Python's own limit does not.
_FRAMES = 10_000
_STACK = 64 * 1024 * 1024


def trace(
    *,
    file_path: str | None = None,
    sql: str | None = None,
    dialect: str = "auto",
    column: str | None = None,
    schema_file: str | None = None,
) -> tuple[Lineage, Answered | None]:
    """Traces a script.

    Args:
        file_path: the file that holds it; with `sql` only its name.
        sql: its text.
        dialect: a dialect of sqlglot, or "auto".
        column: the output column that is asked for, `revenue` or `report.revenue`.
        schema_file: the tables that there are.

    Returns:
        What was found, and what was asked for.

    Raises:
        InvalidValue, NotFound: there is nothing to trace, no such dialect or no such column.
    """
    if sql is not None and len(sql) > MOST_BYTES:
        raise InvalidValue(f"the SQL has {len(sql)} characters; {MOST_BYTES} are the most", hint="split it")
    name = shown(Path(file_path).name) if file_path else "the SQL text"
    encoding = "utf-8"
    if sql is not None and not sql.strip():
        raise InvalidValue("the SQL text is empty", hint="give a query, or a file with file_path=report.sql")
    if sql is None:
        if not file_path:
            raise InvalidValue("there is no SQL", hint="name a file (file_path=report.sql) or give a text (sql=…)")
        sql, encoding = read_text(file_path)
    found = dialect_of(dialect)
    source: Source = {
        "name": name, "path": file_path, "dialect": dialect, "encoding": encoding, "schema_file": schema_file,
    }  # fmt: skip
    text = sql
    return deeply(lambda: _traced(text, source, found, column))


def dialect_of(name: str) -> Dialect:
    """Returns a dialect by its name.

    Raises:
        InvalidValue: there is none; the hint has the nearest name.
    """
    wanted = name.strip().lower()
    wanted = ALSO.get(wanted, wanted)
    known = sorted(each.value for each in _dialects() if each.value)
    if wanted and wanted not in known:
        hint = nearest(wanted, [*known, *ALSO]) or f"one of auto, {', '.join(known)}"
        raise InvalidValue(f"there is no SQL dialect {shown(name)!r}", hint=hint)
    # Columns of MySQL do not tell cases apart; sqlglot takes the side of its table names, which may.
    strategy = ", normalization_strategy = case_insensitive" if wanted == "mysql" else ""
    return Dialect.get_or_raise(wanted + strategy)


def _dialects() -> Any:
    from sqlglot.dialects.dialect import Dialects

    return Dialects


def deeply(work: Callable[[], T]) -> T:
    """Runs what recurses deeply, with a stack that bears it, and returns or raises what it does."""
    out: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            out.append(work())
        except BaseException as error:  # it is raised again in the thread that waits
            raised.append(error)

    frames, stack = sys.getrecursionlimit(), threading.stack_size(_STACK)
    sys.setrecursionlimit(max(frames, _FRAMES))
    try:
        thread = threading.Thread(target=run, name="sql-lineage")
        thread.start()
    finally:
        threading.stack_size(stack)
    try:
        thread.join()
    finally:
        sys.setrecursionlimit(frames)
    if raised:
        raise raised[0]
    return out[0]


def _traced(sql: str, source: Source, dialect: Dialect, column: str | None) -> tuple[Lineage, Answered | None]:
    catalog, spelling = Catalog(), Spelling(dialect)
    notes = []
    if source["schema_file"]:
        notes = load_schema(source["schema_file"], catalog, spelling, dialect)
    if source["encoding"] in GUESSED:
        notes.append(f"{source['name']} is not UTF-8 and was read as Windows-1252; names may be wrong")
    traced = Script(dialect, catalog, spelling).trace(sql)
    if not traced:
        raise InvalidValue(f"{source['name']} has no statement", hint="name a file of SQL statements")
    document = _document(traced, source, spelling, notes)
    document["asked"] = column or None
    problems = [each.problem for each in traced if each.problem]
    if len(problems) == len(traced):
        first = problems[0]
        hint = first.hint or _hint(sql, source)
        raise InvalidValue(f"{source['name']}, line {first.line}, column {first.column}: {first.message}", hint=hint)
    return document, ask(column, traced, spelling, source["name"]) if column else None


def _hint(sql: str, source: Source) -> str:
    """Returns what to do about SQL of which nothing can be read."""
    dialect = source["dialect"]
    if known := advice(sql, source["encoding"]):
        return known
    if not ALSO.get(dialect.strip().lower(), dialect):
        return "correct it there, or name its dialect, for example dialect=snowflake"
    return "correct it there"


def _document(traced: list[Traced], source: Source, spelling: Spelling, notes: list[str]) -> Lineage:
    statements: list[Step] = []
    edges: list[Edge] = []
    doubts: dict[tuple[str, str], Doubt] = {}
    document: Lineage = {
        "schema_version": SCHEMA_VERSION, "source": source, "asked": None, "statements": statements,
        "tables": {"read": [], "written": [], "made": []}, "edges": edges, "unresolved": [], "errors": [],
        "notes": notes,
    }  # fmt: skip
    read: dict[Key, None] = {}
    written: dict[Key, None] = {}
    made: dict[Key, None] = {}
    for index, each in enumerate(traced, 1):
        target = spelling.table(each.target) if each.target else None
        columns = [output(spelling, name, flow) for name, flow in each.columns.ordered]
        if each.problem:
            document["errors"].append({
                "statement": index, "line": each.problem.line, "column": each.problem.column,
                "message": each.problem.message,
            })  # fmt: skip
        for column in columns:
            edges += [
                {"source": {"table": feed["table"], "column": feed["column"]},
                 "target": {"table": target, "column": column["name"]}, "statement": index}
                for feed in column["sources"]
            ]  # fmt: skip
        conditions = output(spelling, "", each.conditions)
        for doubt in [doubt for column in [*columns, conditions] for doubt in column["unresolved"]]:
            key = (doubt["column"], doubt["reason"])
            doubts.setdefault(key, {"statement": index, "line": each.line, **doubt})
        read.update(dict.fromkeys(each.reads))
        written.update(dict.fromkeys(each.writes))
        if each.makes:
            made.update(dict.fromkeys(each.writes))
        statements.append({
            "index": index, "line": each.line, "kind": each.kind, "target": target,
            "reads": [spelling.table(key) for key in each.reads],
            "writes": [spelling.table(key) for key in each.writes],
            "columns": columns, "notes": each.notes,
            "conditions": [{"table": feed["table"], "column": feed["column"]} for feed in conditions["sources"]],
        })  # fmt: skip
    document["unresolved"] = list(doubts.values())
    document["tables"] = {
        "read": [spelling.table(key) for key in read],
        "written": [spelling.table(key) for key in written],
        "made": [spelling.table(key) for key in made],
    }
    return document
