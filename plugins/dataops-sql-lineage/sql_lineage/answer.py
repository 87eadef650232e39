"""The answer for people: short, and safe for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sql_lineage.asked import Answered
from sql_lineage.document import Feed, Lineage, Output, Step
from sql_lineage.names import shown

_LISTED: Final = 8
_SOURCES: Final = 12
_STEPS: Final = 6


def answer(found: Lineage, asked: Answered | None) -> str:
    """Returns what was found in a few lines.

    Args:
        found: the lineage of the script.
        asked: the column that was asked for, or None.
    """
    lines = _asked(found, asked) if asked else [*_head(found), *_columns(found)]
    if asked is None and found["unresolved"]:
        lines.append(f"unresolved: {_count(len(found['unresolved']), 'name')}")
        lines += _some(
            (f"  line {d['line']}, {shown(d['column'])}: {shown(d['reason'], 200)}" for d in found["unresolved"]),
            len(found["unresolved"]), "  ",
        )  # fmt: skip
        if found["source"]["schema_file"] is None:
            lines.append("  the columns of the tables settle most of this: give them with schema_file=…")
    if found["errors"]:
        lines.append(f"could not be read: {_count(len(found['errors']), 'statement')}")
        told = (f"  line {e['line']}, column {e['column']}: {shown(e['message'], 300)}" for e in found["errors"])
        lines += _some(told, len(found["errors"]), "  ")
    lines += [f"note: {shown(note, 300)}" for note in found["notes"]]
    return "\n".join(lines)


def _asked(found: Lineage, asked: Answered) -> list[str]:
    lines: list[str] = []
    for index, column in asked.outputs:
        step = found["statements"][index - 1]
        lines.append(f"{shown(column['name'])} of {_where(found, step)} comes from:")
        lines += [f"  {_feed(feed)}" for feed in column["sources"][: 2 * _SOURCES]]
        if len(column["sources"]) > 2 * _SOURCES:
            lines.append(f"  … and {len(column['sources']) - 2 * _SOURCES} more columns")
        lines += [f"  unresolved: {shown(u['column'])}: {shown(u['reason'], 200)}" for u in column["unresolved"]]
        if not (column["sources"] or column["unresolved"]):
            lines.append("  no source column: it is made of constants or of the number of rows")
    if asked.more:
        lines.append(f"… and {asked.more} more columns of that name; see lineage.json")
    if asked.feeds:
        lines.append(f"{shown(found['asked'])} is not made here, only read. It feeds: {_joined(asked.feeds)}")
    return lines


def _where(found: Lineage, step: Step) -> str:
    table = shown(step["target"]) if step["target"] else "the query"
    return f"{table} ({shown(found['source']['name'])}, line {step['line']})"


def _feed(feed: Feed) -> str:
    told = f"{shown(feed['table'])}.{shown(feed['column'])}"
    passed = [
        f"{step['kind']} {shown(step['relation'])}.{shown(step['column'])}" if step["relation"] else step["kind"]
        for step in feed["path"]
    ]
    if len(passed) > _STEPS:
        passed[_STEPS:] = ["…"]
    return told + (f", through {', '.join(passed)}" if passed else "")


def _head(found: Lineage) -> list[str]:
    tables = found["tables"]
    made = set(tables["made"])
    read = [shown(table) for table in tables["read"] if table not in made]
    written = [shown(table) for table in tables["written"] if table not in tables["read"]]
    between = [shown(table) for table in tables["written"] if table in tables["read"]]
    statements = _count(len(found["statements"]), "statement")
    columns = sum(len(step["columns"]) for step in found["statements"])
    head = [f"{shown(found['source']['name'])}: {statements}, {_count(columns, 'column')}"]
    head += [f"reads {_joined(read)}"] if read else []
    head += [f"writes {_joined(written)}"] if written else []
    return head + ([f"writes and reads again {_joined(between)}"] if between else [])


def _columns(found: Lineage) -> list[str]:
    """Returns the columns of the last statement that gives any."""
    step = next((s for s in reversed(found["statements"]) if s["columns"]), None)
    if step is None:
        return []
    lines = [f"columns of {_where(found, step)}:"]
    lines += _some((f"  {_column(column)}" for column in step["columns"]), len(step["columns"]), "  ")
    return lines


def _column(column: Output) -> str:
    told = [f"{shown(feed['table'])}.{shown(feed['column'])}" for feed in column["sources"]]
    told += [f"unresolved {shown(each['column'])}" for each in column["unresolved"]]
    return f"{shown(column['name'])} ← {_joined(told) or 'no source column'}"


def _some(lines: Iterable[str], count: int, indent: str) -> list[str]:
    listed = [line for line, _ in zip(lines, range(_LISTED), strict=False)]
    return listed + ([f"{indent}… and {count - _LISTED} more; see lineage.json"] if count > _LISTED else [])


def _joined(names: list[str]) -> str:
    rest = len(names) - _SOURCES
    return ", ".join(names[:_SOURCES]) + (f" and {rest} more" if rest > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
