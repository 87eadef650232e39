"""Reads which tables there are, from a JSON or YAML file or from CREATE TABLE statements."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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
from sql_lineage.source import read_text

#: Columns that a schema may have in all.
MOST_COLUMNS: Final = 500_000
_DEPTH = 4  # catalog, database, table, column
_SHAPE = "write {table: [columns]} or {table: {column: type}}, or CREATE TABLE statements"


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
    text, _ = read_text(path)
    name, ending = shown(Path(path).name), Path(path).suffix.lower()
    if ending in (".yaml", ".yml"):
        found = _yaml(text, name)
    elif ending == ".json" or text.lstrip().startswith("{"):
        found = _json(text, name)
    else:
        return _sql(text, name, catalog, spelling, dialect)
    total = 0
    for key, columns in _tables(found, (), name):
        total += len(columns) + 1
        if total > MOST_COLUMNS:
            raise InvalidValue(f"the schema {name} has more than {MOST_COLUMNS} columns", hint="leave out some tables")
        table = spelling.normalize(
            exp.Table(**dict(zip(("this", "db", "catalog"), map(_named, key[::-1]), strict=False)))
        )
        names = [spelling.normalize(exp.column(_named(column))).name for column in columns]
        catalog.declare(tuple(part.name for part in table.parts), names)  # type: ignore[attr-defined]
    if not len(catalog):
        raise InvalidValue(f"the schema {name} has no table", hint=_SHAPE)
    return []


def _sql(text: str, name: str, catalog: Catalog, spelling: Spelling, dialect: Dialect) -> list[str]:
    traced = Script(dialect, catalog, spelling).trace(text)
    problems = [t.problem for t in traced if t.problem]
    if not len(catalog):
        first = f": line {problems[0].line}, column {problems[0].column}: {problems[0].message}" if problems else ""
        raise InvalidValue(f"the schema {name} has no table{first}", hint=_SHAPE)
    catalog.settle()
    return [f"schema {name}, line {p.line}, column {p.column}: {p.message}" for p in problems]


def _yaml(text: str, name: str) -> Any:
    try:
        return parse_yaml(text)
    except ValueError as error:
        raise InvalidValue(f"the schema {name}: {shown(error, 200)}", hint=_SHAPE) from None


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"the schema {name} is not JSON: {shown(error, 200)}", hint=_SHAPE) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for position, (key, _) in enumerate(pairs) if key in dict(pairs[:position]))
        raise ValueError(f"the key {twice!r:.80} is there twice")
    return found


def _tables(found: Any, above: Key, name: str) -> Iterator[tuple[Key, list[str]]]:
    if not isinstance(found, Mapping) or len(above) >= _DEPTH:
        where = f" at {shown('.'.join(above))}" if above else ""
        raise InvalidValue(f"the schema {name} has no tables{where}", hint=_SHAPE)
    for part, inner in found.items():
        key = (*above, *(str(part).split(".") if not above else [str(part)]))
        if isinstance(inner, Mapping) and any(isinstance(value, Mapping | list) for value in inner.values()):
            yield from _tables(inner, key, name)
        elif isinstance(inner, Mapping | list):
            columns = [c.get("name") if isinstance(c, Mapping) else c for c in inner]
            if len(key) > 3 or not all(isinstance(c, str | int) for c in columns):
                raise InvalidValue(f"the schema {name} has no columns at {shown('.'.join(key))}", hint=_SHAPE)
            yield key, [str(c) for c in columns]
        else:
            raise InvalidValue(f"the schema {name} has no columns at {shown('.'.join(key))}", hint=_SHAPE)


def _named(name: str) -> exp.Identifier:
    return exp.to_identifier(name)
