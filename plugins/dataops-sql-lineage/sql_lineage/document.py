"""The shape of lineage.json, version 1."""

from __future__ import annotations

from typing import Final, TypedDict

SCHEMA_VERSION: Final = 1


class Source(TypedDict):
    """What was read."""

    name: str
    path: str | None
    dialect: str
    encoding: str
    schema_file: str | None


class Passed(TypedDict):
    """A relation on the way from a column to its source."""

    relation: str
    kind: str
    column: str


class Feed(TypedDict):
    """A column of a table that feeds another."""

    table: str
    column: str
    path: list[Passed]


class Unresolved(TypedDict):
    """A name that could not be resolved."""

    column: str
    reason: str


class Output(TypedDict):
    """A column that a statement writes or returns."""

    name: str
    sources: list[Feed]
    unresolved: list[Unresolved]


class Named(TypedDict):
    """A column of a table; the table is null for what a query returns."""

    table: str | None
    column: str


class Failure(TypedDict):
    """What is wrong with a statement."""

    statement: int
    line: int
    column: int
    message: str


class Doubt(TypedDict):
    """A name that could not be resolved, and where."""

    statement: int
    line: int
    column: str
    reason: str


class Step(TypedDict):
    """One statement."""

    index: int
    line: int
    kind: str
    target: str | None
    reads: list[str]
    writes: list[str]
    columns: list[Output]
    conditions: list[Named]
    notes: list[str]


class Edge(TypedDict):
    """A source column and what it feeds."""

    source: Named
    target: Named
    statement: int


class Tables(TypedDict):
    """All tables of the script."""

    read: list[str]
    written: list[str]
    made: list[str]


class Lineage(TypedDict):
    """All of lineage.json."""

    schema_version: int
    source: Source
    asked: str | None
    statements: list[Step]
    tables: Tables
    edges: list[Edge]
    unresolved: list[Doubt]
    errors: list[Failure]
    notes: list[str]
