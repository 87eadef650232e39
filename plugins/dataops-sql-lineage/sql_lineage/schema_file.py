"""Reads which tables there are, from a JSON or YAML file or from CREATE TABLE statements."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from dataops_core.errors import InvalidValue
from dataops_core.settings.files import parse_yaml
from sql_lineage.catalog import Catalog
from sql_lineage.flow import Key
from sql_lineage.names import Spelling, shown
from sql_lineage.script import Script
from sql_lineage.source import advice, read_text

#: Columns that a schema may have in all.
MOST_COLUMNS: Final = 500_000
#: Characters of YAML: it is read some fifty times slower than JSON.
MOST_YAML: Final = 4 * 1024 * 1024
_DEPTH: Final = 4  # catalog, database, table, column
_WANTED: Final = "tables: JSON, YAML or CREATE TABLE statements"
_SHAPE: Final = "write {table: [columns]} or {table: {column: type}}"
_ENDINGS: Final = "the end of its name says what it is: .json, .yaml or .sql"


def load_schema(path: str, catalog: Catalog, spelling: Spelling, dialect: Dialect) -> list[str]:
    """Puts the tables of a file into the catalog.

    Args:
        path: JSON, YAML or SQL.
        catalog: gets the tables.
        spelling: how names are written.
        dialect: of the names, and of the SQL.

    Returns:
        What is to be said about the file.

    Raises:
        InvalidValue: the file holds no tables, or none that can be read.
    """
    text, encoding = read_text(path, _WANTED)
    other = advice(text, encoding, _WANTED)
    name, ending = shown(Path(path).name), Path(path).suffix.lower()
    if ending in (".yaml", ".yml"):
        found = _yaml(text, name)
    elif ending == ".json" or text.lstrip().startswith("{"):
        found = _json(text, name, other)
    else:
        return _sql(text, name, other, catalog, spelling, dialect)
    total = 0

    @cache
    def normal(column: str) -> str:
        return spelling.normalize(exp.Column(this=exp.to_identifier(column))).name

    for key, columns in _tables(found, (), name):
        total += len(columns) + 1
        if total > MOST_COLUMNS:
            raise InvalidValue(f"the schema {name} has more than {MOST_COLUMNS} columns", hint="leave out some tables")
        named = zip(("this", "db", "catalog"), map(exp.to_identifier, key[::-1]), strict=False)
        table = spelling.normalize(exp.Table(**dict(named)))
        normalized = tuple(part.name for part in table.parts)  # type: ignore[attr-defined]
        if normalized in catalog:
            raise InvalidValue(f"the schema {name} has the table {shown('.'.join(key))} twice", hint="leave one out")
        catalog.declare(normalized, [normal(column) for column in columns])
    if not len(catalog):
        raise InvalidValue(f"the schema {name} has no table", hint=_SHAPE)
    return []


def _sql(text: str, name: str, other: str, catalog: Catalog, spelling: Spelling, dialect: Dialect) -> list[str]:
    traced = Script(dialect, catalog, spelling).trace(text)
    problems = [t.problem for t in traced if t.problem]
    if not len(catalog):
        first = f": line {problems[0].line}, column {problems[0].column}: {problems[0].message}" if problems else ""
        hint = other or f"write CREATE TABLE statements; {_ENDINGS}"
        raise InvalidValue(f"the schema {name}, which is read as SQL, has no table{first}", hint=hint)
    catalog.settle()
    return [f"schema {name}, line {p.line}, column {p.column}: {p.message}" for p in problems]


def _yaml(text: str, name: str) -> Any:
    if len(text) > MOST_YAML:
        told = f"the schema {name} has {len(text)} characters; {MOST_YAML} are the most that are read of YAML"
        raise InvalidValue(told, hint="write it as JSON")
    try:
        return parse_yaml(text)
    except ValueError as error:
        raise InvalidValue(f"the schema {name}: {shown(error, 200)}", hint=f"{_SHAPE}; {_ENDINGS}") from None


def _json(text: str, name: str, other: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except _Twice as twice:
        raise InvalidValue(f"the schema {name}: the key {twice} is there twice", hint="leave one out") from None
    except (ValueError, RecursionError) as error:
        hint = other or f"{_SHAPE}; {_ENDINGS}"
        told = "it is nested too deeply" if isinstance(error, RecursionError) else shown(error, 200)
        raise InvalidValue(f"the schema {name} is not JSON: {told}", hint=hint) from None


class _Twice(Exception):
    """A key is there twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(repr(shown(key)))
        found[key] = value
    return found


def _tables(found: Any, above: Key, name: str) -> Iterator[tuple[Key, list[str]]]:
    if not isinstance(found, Mapping) or len(above) >= _DEPTH:
        where = f" at {shown('.'.join(above))}" if above else ""
        raise InvalidValue(f"the schema {name} has no tables{where}", hint=_SHAPE)
    for said, inner in found.items():
        part = _text(said, above, name)
        key = (*above, *(part.split(".") if not above else [part]))
        if isinstance(inner, Mapping) and any(isinstance(value, Mapping | list) for value in inner.values()):
            yield from _tables(inner, key, name)
        elif isinstance(inner, Mapping | list) and len(key) <= 3:
            yield key, [_text(c.get("name") if isinstance(c, Mapping) else c, key, name) for c in inner]
        else:
            raise InvalidValue(f"the schema {name} has no columns at {shown('.'.join(key))}", hint=_SHAPE)


def _text(found: Any, above: Key, name: str) -> str:
    """Returns a name; YAML reads some as other things: `no` as false, 010 as 8."""
    if isinstance(found, str):
        return found
    where = f" at {shown('.'.join(above))}" if above else ""
    raise InvalidValue(
        f"the schema {name} has a name that is not a text{where}",
        hint=f"put names such as no and 1 in quotes; {_SHAPE}",
    )
