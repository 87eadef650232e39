"""How records lie in a SQLite file: one SQL table per declared table, and one SQL statement per operation.

A record is a row: its key fields, the fields that its indexes need, `_token`, `_body` (the JSON) and `_expires`. Rows
have an integer key of their own: without it a row over a quarter of a page would take a page of its own.
"""
# ruff: noqa: S608  (names are quoted by `quoted`, values are always arguments)

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from dataops_core.contracts.records import EXPIRES_AT, Index, Record, Table
from dataops_core.errors import ConfigError, InvalidValue, NewerDatabase

APPLICATION_ID: Final = 0x444F7073  # "DOps"
_OWN_COLUMNS: Final = ("_id", "_token", "_body", "_expires")
LIVE: Final = "(_expires IS NULL OR _expires > ?)"


class Plan:
    """A table's SQL statements.

    Args:
        table: the declared table.
        others: columns of index fields that the file has beyond the declared ones; they are kept up to date too.
    """

    def __init__(self, table: Table, others: Iterable[str] = ()) -> None:
        self.table = table
        self.key = (table.partition,) if table.sort is None else (table.partition, table.sort)
        used = {field for index in table.indexes for field in (index.partition, index.sort)}.union(others)
        self.fields = tuple(sorted(used.difference(self.key)))
        columns = [*self.key, *self.fields, *_OWN_COLUMNS]
        if len({c.lower() for c in columns}) < len(columns):
            raise InvalidValue(f"table {table.name!r} has fields that differ only in case, or one named like _id")
        self.name = name = quoted(table.name)
        self.at = " AND ".join(f"{quoted(c)} = ?" for c in self.key)
        changed = ["_token", "_body", "_expires"]
        fields = [quoted(f) for f in self.fields]
        columns = [*map(quoted, self.key), *changed, *fields]
        insert = (
            f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
            f"ON CONFLICT ({', '.join(columns[: len(self.key)])}) DO UPDATE SET "
            + ", ".join(f"{c} = excluded.{c}" for c in [*changed, *fields])
            + f" WHERE {name}._token <> excluded._token"
        )
        #: Nothing is changed when the record already bears the new token: the commit was applied before.
        self.put = insert
        self.put_absent = f"{insert} AND {name}._expires <= ?"
        matches = f"WHERE {self.at} AND _token = ? AND {LIVE}"
        set_own = f"UPDATE {name} SET _token = ?, _body = ?, _expires = ?"
        self.put_version = set_own + "".join(f", {f} = ?" for f in fields) + f" {matches}"
        #: Leaves the indexes alone where their fields stay the same: a page less per index in the log.
        self.put_version_same = f"{set_own} {matches}" + "".join(f" AND {f} IS ?" for f in fields)
        self.delete = f"DELETE FROM {name} WHERE {self.at}"
        self.delete_version = f"DELETE FROM {name} {matches}"
        self.has_version = f"SELECT 1 FROM {name} {matches}"
        self.has = f"SELECT 1 FROM {name} WHERE {self.at} AND {LIVE}"
        self.has_token = f"SELECT 1 FROM {name} WHERE {self.at} AND _token = ?"
        self.get = f"SELECT _body, _token FROM {name} WHERE {self.at} AND {LIVE}"
        self.scan = f"SELECT _body, _token, _id FROM {name} WHERE _id > ? AND {LIVE} ORDER BY _id LIMIT ?"
        self.expired = f"SELECT count(*), total(length(CAST(_body AS BLOB))) FROM {name} WHERE _expires <= ?"
        self.outdated = f"SELECT _id FROM {name} WHERE _expires <= ? LIMIT ?"
        self.remove = f"DELETE FROM {name} WHERE _id IN ({self.outdated})"

    def range(self, lo: str | None, hi: str | None, newest_first: bool) -> str:
        """Returns the statement that lists a partition; its arguments are partition, bounds, now and limit."""
        if self.table.sort is None:
            raise InvalidValue(f"table {self.table.name!r} has no sort key to list by")
        sort = quoted(self.table.sort)
        return (
            f"SELECT _body, _token FROM {self.name} WHERE {quoted(self.table.partition)} = ?"
            f"{'' if lo is None else f' AND {sort} >= ?'}{'' if hi is None else f' AND {sort} <= ?'}"
            f" AND {LIVE} ORDER BY {sort}{' DESC' if newest_first else ''} LIMIT ?"
        )

    def query(self, index: Index, newest_first: bool, continued: bool) -> str:
        """Returns the statement that lists an index; its arguments are value, cursor, now and limit."""
        sort, down = quoted(index.sort), " DESC" if newest_first else ""
        after = f" AND ({sort}, _id) {'<' if newest_first else '>'} (?, ?)" if continued else ""
        return (
            f"SELECT _body, _token, {sort}, _id FROM {self.name} WHERE {quoted(index.partition)} = ?"
            f" AND {sort} IS NOT NULL{after} AND {LIVE} ORDER BY {sort}{down}, _id{down} LIMIT ?"
        )

    def values(self, record: Record) -> tuple[str | None, ...]:
        """Returns what the columns of the index fields hold for a record."""
        return tuple([indexed(record.get(f)) for f in self.fields])

    def ddl(self) -> dict[str, str]:
        """Returns the statements that create the table and its indexes, by the name of what they create."""
        name = self.name
        key = ", ".join(f"{quoted(c)} TEXT NOT NULL" for c in self.key)
        fields = "".join(f", {quoted(f)} TEXT" for f in self.fields)
        made = {
            self.table.name: f"CREATE TABLE {name} (_id INTEGER PRIMARY KEY, {key}, _token TEXT NOT NULL, "
            f"_body TEXT NOT NULL, _expires REAL{fields}, UNIQUE ({', '.join(map(quoted, self.key))}))"
        }
        expiry = f"{self.table.name}.{EXPIRES_AT}"
        made[expiry] = f"CREATE INDEX {quoted(expiry)} ON {name} (_expires) WHERE _expires IS NOT NULL"
        for index in self.table.indexes:
            value, sort = quoted(index.partition), quoted(index.sort)
            made[f"{self.table.name}.{index.name}"] = (
                f"CREATE INDEX {quoted(f'{self.table.name}.{index.name}')} ON {name} ({value}, {sort}) "
                f"WHERE {value} IS NOT NULL AND {sort} IS NOT NULL"
            )
        return made

    def refill(self, connection: sqlite3.Connection) -> int:
        """Writes the columns of the index fields anew from the records, where they differ; returns how many rows."""
        if not self.fields:
            return 0
        fields = [quoted(f) for f in self.fields]
        connection.create_function("_field", 2, _field, deterministic=True)
        derived = [f"_field(_body, {_literal(f)})" for f in self.fields]
        changes = ", ".join(f"{f} = {d}" for f, d in zip(fields, derived, strict=True))
        differs = " OR ".join(f"{f} IS NOT {d}" for f, d in zip(fields, derived, strict=True))
        return connection.execute(f"UPDATE {self.name} SET {changes} WHERE {differs}").rowcount


def quoted(name: str) -> str:
    """Returns a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def indexed(value: object) -> str | None:
    """Returns what an index column holds for a field's value: the text, or None for anything else."""
    return value if isinstance(value, str) else None


def _claim(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


#: Each brings a file from the version that is its position to the next one; the first claims an empty file.
MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_claim,)


def lay_out(connection: sqlite3.Connection, tables: Sequence[Table], path: Path) -> tuple[dict[str, Plan], list[str]]:
    """Brings a file to this version and creates the declared tables and indexes that it lacks.

    Returns:
        The plan of each table by name, and what was done, a line each.

    Raises:
        NewerDatabase: a newer DataOps wrote the file.
        ConfigError: the file belongs to another program, or a table in it has another key than declared.
    """
    done: list[str] = []
    if _missing(connection, tables, path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Asked again: another process may have been faster.
            done = [step() for step in _missing(connection, tables, path)]
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    columns = _columns(connection)
    plans = {}
    for table in tables:
        plan = Plan(table)
        plans[table.name] = Plan(table, set(columns[table.name]).difference(plan.key, _OWN_COLUMNS))
    return plans, done


def _missing(connection: sqlite3.Connection, tables: Sequence[Table], path: Path) -> list[Callable[[], str]]:
    """Returns the steps that bring the file to what is declared."""
    version = _version(connection, path)
    steps: list[Callable[[], str]] = [
        partial(_migrate, connection, number, path) for number in range(version, len(MIGRATIONS))
    ]
    columns = _columns(connection)
    known = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'").fetchall())
    for plan in map(Plan, tables):
        name = plan.table.name
        present = columns.get(name)
        ddl = plan.ddl()
        stale = [i for i, sql in ddl.items() if i != name and known.get(i) != sql]
        if present is None:
            steps.append(partial(_run, connection, [ddl[name]], f"created table {name}"))
        elif {c for c, not_null in present.items() if not_null} != {*plan.key, "_token", "_body"}:
            raise ConfigError(
                f"table {name!r} in {path} has another key than {' and '.join(plan.key)}",
                hint="something else wrote it; choose another file by DATAOPS_RECORDS_URL",
            )
        elif stale:
            steps.append(partial(_widen, connection, plan, [f for f in plan.fields if f not in present]))
        for i in stale:
            statements = [f"DROP INDEX {quoted(i)}"] * (i in known) + [ddl[i]]
            steps.append(partial(_run, connection, statements, f"created index {i}"))
    return steps


def _columns(connection: sqlite3.Connection) -> dict[str, dict[str, bool]]:
    """Returns the columns of every table, each with whether it must have a value."""
    columns: dict[str, dict[str, bool]] = {}
    for table, column, not_null in connection.execute(
        "SELECT m.name, c.name, c.\"notnull\" FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    ):
        columns.setdefault(table, {})[column] = bool(not_null)
    return columns


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Returns the version of the layout in the file, 0 when it is empty."""
    ((application, version, objects),) = connection.execute(
        "SELECT (SELECT * FROM pragma_application_id), (SELECT * FROM pragma_user_version), count(*) FROM sqlite_master"
    ).fetchall()
    if application == 0 and version == 0 and objects == 0:
        return 0
    if application != APPLICATION_ID:
        raise ConfigError(f"{path} is a database of another program", hint="choose another file by DATAOPS_RECORDS_URL")
    if version > len(MIGRATIONS):
        raise NewerDatabase(
            f"{path} has layout {version}, this DataOps knows {len(MIGRATIONS)}",
            hint="upgrade dataops-core, or choose another file by DATAOPS_RECORDS_URL",
        )
    return int(version)


def _migrate(connection: sqlite3.Connection, number: int, path: Path) -> str:
    MIGRATIONS[number](connection)
    connection.execute(f"PRAGMA user_version = {number + 1}")
    return f"created {path}" if number == 0 else f"migrated {path} to layout {number + 1}"


def _run(connection: sqlite3.Connection, statements: Sequence[str], what: str) -> str:
    for statement in statements:
        connection.execute(statement)
    return what


def _widen(connection: sqlite3.Connection, plan: Plan, new: Sequence[str]) -> str:
    for field in new:
        connection.execute(f"ALTER TABLE {plan.name} ADD COLUMN {quoted(field)} TEXT")
    # Also for columns that were there: an older DataOps may have written rows without them.
    return f"filled the index fields of {plan.refill(connection)} records of {plan.table.name}"


def _field(body: str, name: str) -> str | None:
    return indexed(json.loads(body).get(name))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
