"""The embedded record store: one SQLite file.

URLs are SQLAlchemy's: three slashes and a path relative to the working directory (`sqlite:///data/dataops.db`), four
slashes and an absolute path (`sqlite:////srv/dataops.db`), `sqlite:///~/dataops.db` below the home folder. The path is
percent-encoded; `sqlite_url` makes the URL of a path.
"""

from __future__ import annotations

import json
import sqlite3
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from dataops_core.contracts.hookspecs import hookimpl
from dataops_core.contracts.records import (
    ABSENT,
    ANY,
    EXPIRES_AT,
    Check,
    Finding,
    Key,
    Page,
    Put,
    RecordStore,
    Stored,
    Table,
    Write,
    check_key,
    encode_writes,
    key_of,
    token_of,
)
from dataops_core.contracts.sweeping import Swept
from dataops_core.errors import Conflict, CorruptData, DataOpsError, InvalidValue
from dataops_core.storage.folders import path_of_url, refused, url_of_path
from dataops_core.storage.sqlite_check import examine
from dataops_core.storage.sqlite_file import SqliteFile, explained
from dataops_core.storage.sqlite_schema import Plan

DATAOPS_API = 1
BUSY_SECONDS: Final = 10.0
_SWEEP_SECONDS: Final = 60.0
_SWEEP_ROWS: Final = 100
_FAILURES: Final = (sqlite3.Error, UnicodeEncodeError)


@hookimpl
def dataops_record_store(url: str, tables: Sequence[Table]) -> RecordStore:
    """Opens `sqlite:///relative/path` or `sqlite:////absolute/path`."""
    return SqliteRecords(path_of_url(url, "sqlite", relative=True), tables)


def sqlite_url(path: str | Path) -> str:
    """Returns the URL of a database file; a relative path is made absolute."""
    return url_of_path(path, "sqlite:///")


class SqliteRecords:
    """Records in one SQLite file. Opens when it is first used, and again after a fork or `close`.

    Args:
        path: the file; created with its folder when missing.
        tables: every table that will be used.
        busy_seconds: how long to wait while another process writes, before Unreachable.
        clock: decides expiry; seconds since 1970, UTC.
    """

    capabilities = frozenset({"consistent_query"})

    def __init__(
        self,
        path: str | Path,
        tables: Sequence[Table],
        *,
        busy_seconds: float = BUSY_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path).absolute()
        self._file = SqliteFile(self.path, tables, busy_seconds)
        self._clock = clock
        self._next_sweep = 0.0

    def now(self) -> float:
        """Returns the clock that decides expiry, in seconds since 1970, UTC."""
        return self._clock()

    def close(self) -> None:
        """Releases connections; safe to call twice."""
        self._file.close()

    # Reading

    def get(self, table: Table, partition: str, sort: str | None = None) -> Stored | None:
        """Returns the newest version of one record, or None when it is absent or expired."""
        check_key(table, partition, sort)
        key = (partition,) if sort is None else (partition, sort)
        rows = self._read(self._plan(table).get, (*key, self._clock()))
        return self._stored(rows[0]) if rows else None

    def get_many(self, table: Table, keys: Sequence[Key]) -> list[Stored | None]:
        """Returns what `get` would return for each key, in order."""
        return [self.get(table, partition, sort) for partition, sort in keys]

    def range(
        self,
        table: Table,
        partition: str,
        lo: str | None = None,
        hi: str | None = None,
        *,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Stored]:
        """Returns the records of a partition whose sort key is in `[lo, hi]`, in sort order, expired ones left out."""
        statement = self._plan(table).range(lo, hi, newest_first)
        bounds = [bound for bound in (lo, hi) if bound is not None]
        count = -1 if limit is None else max(limit, 0)
        return [self._stored(row) for row in self._read(statement, (partition, *bounds, self._clock(), count))]

    def query(
        self,
        table: Table,
        index: str,
        value: str,
        *,
        newest_first: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Lists the records whose index partition equals `value`, by the index's sort field."""
        statement = self._plan(table).query(table.index(index), newest_first, cursor is not None)
        after = () if cursor is None else _position(cursor, (str, int))
        rows = self._read(statement, (value, *after, self._clock(), _page_size(limit) + 1))
        return self._page(rows, limit)

    def scan(self, table: Table, *, limit: int = 100, cursor: str | None = None) -> Page:
        """Enumerates a whole table in no promised order."""
        after = (0,) if cursor is None else _position(cursor, (int,))
        return self._page(self._read(self._plan(table).scan, (*after, self._clock(), _page_size(limit) + 1)), limit)

    # Writing

    def commit(self, writes: Sequence[Write]) -> list[str]:
        """Applies all writes or none; see the contract."""
        bodies = encode_writes(writes)
        plans = [self._plan(write.table) for write in writes]
        file = self._file
        refused = -1
        try:
            with file.write_lock:
                connection = file.writer()
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    now = self._clock()
                    for position, (write, body) in enumerate(zip(writes, bodies, strict=True)):
                        if not _apply(connection, file.plans[write.table.name], write, body, now):
                            refused = position
                            break
                    connection.execute("COMMIT" if refused < 0 else "ROLLBACK")
                    if refused >= 0 and not _applied_before(connection, plans, writes):
                        key = "/".join(filter(None, key_of(writes[refused])))
                        raise Conflict(
                            f"{writes[refused].table.name} {key} is not as this commit expects it",
                            index=refused,
                            hint="read it again, then decide",
                        )
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                if now >= self._next_sweep:
                    self._sweep(connection, now)
        except _FAILURES as error:
            raise explained(error, self.path) from error
        return [write.token for write in writes if isinstance(write, Put)]

    def _sweep(self, connection: sqlite3.Connection, now: float) -> None:
        # The commit that pays for it is done: whatever fails here is tried again later.
        self._next_sweep = now + _SWEEP_SECONDS
        try:
            for plan in self._file.plans.values():
                _remove_expired(connection, plan, now)
        except sqlite3.Error:
            pass

    # Care

    def prepare(self) -> list[str]:
        """Creates what is missing, drops expired records, repairs index fields; says what it did, a line each."""
        file = self._file
        lines: list[str] = []
        try:
            with file.write_lock:
                connection = file.writer()
                for name, plan in file.plans.items():
                    removed = 0
                    while count := _remove_expired(connection, plan, self._clock()):
                        removed += count
                    repaired = plan.refill(connection)
                    lines += [f"removed {removed} expired records of {name}"] * (removed > 0)
                    lines += [f"repaired the index fields of {repaired} records of {name}"] * (repaired > 0)
                done, file.done = file.done, []
        except _FAILURES as error:
            raise explained(error, self.path) from error
        return done + lines

    def sweep(self, grace: float, *, dry_run: bool = False) -> list[Swept]:
        """Removes expired records, which nobody can see, whatever the grace; with `dry_run` only counts them."""
        now = self._clock()
        found = [self._read(self._plan(table).expired, (now,))[0] for table in self._file.tables]
        swept = Swept("expired records", sum(row[0] for row in found), int(sum(row[1] for row in found)))
        try:
            for table in () if dry_run else self._file.tables:
                plan, removed = self._plan(table), _SWEEP_ROWS
                while removed == _SWEEP_ROWS:
                    with self._file.write_lock:  # let go of between batches
                        removed = _remove_expired(self._file.writer(), plan, now)
        except _FAILURES as error:
            raise explained(error, self.path) from error
        return [swept]

    def check(self) -> list[Finding]:
        """Says what is wrong with the file, its log, its permissions and its disk, and what is right."""
        try:
            self._read("SELECT 1", ())
            return examine(self._file, self.path)
        except (OSError, *_FAILURES) as error:
            told = explained(error, self.path) if isinstance(error, _FAILURES) else refused(error, f"{self.path}")
            return [Finding("error", told.message, told.hint)]
        except DataOpsError as error:
            return [Finding("error", error.message, error.hint)]

    # Within

    def _plan(self, table: Table) -> Plan:
        plan = self._file.plans.get(table.name)
        if plan is None or (plan.table is not table and plan.table != table):
            raise InvalidValue(f"table {table.name!r} was not declared like this when the store was opened")
        return plan

    def _read(self, statement: str, arguments: Sequence[Any]) -> list[Any]:
        try:
            return self._file.read(statement, arguments)
        except _FAILURES as error:
            raise explained(error, self.path) from error

    def _stored(self, row: Sequence[Any]) -> Stored:
        try:
            return Stored(json.loads(row[0]), row[1])
        except ValueError as error:
            raise CorruptData(f"a record in {self.path} is damaged: {error}", hint="restore a backup") from error

    def _page(self, rows: list[Any], limit: int) -> Page:
        items = [self._stored(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return Page(items)
        return Page(items, urlsafe_b64encode(json.dumps(rows[limit - 1][2:]).encode()).decode())


def _apply(connection: sqlite3.Connection, plan: Plan, write: Write, body: str | None, now: float) -> bool:
    """Does one write of a commit; returns False when its condition does not hold or it was done before."""
    partition, sort = key_of(write)
    key = (partition,) if sort is None else (partition, sort)
    when = write.when
    execute = connection.execute
    if isinstance(write, Put):
        own = (write.token, body, write.record.get(EXPIRES_AT))
        fields = plan.values(write.record)
        if when is ANY:
            return execute(plan.put, (*key, *own, *fields)).rowcount > 0
        if when is ABSENT:
            return execute(plan.put_absent, (*key, *own, *fields, now)).rowcount > 0
        version = (*key, token_of(when), now)
        if fields and execute(plan.put_version_same, (*own, *version, *fields)).rowcount > 0:
            return True
        return execute(plan.put_version, (*own, *fields, *version)).rowcount > 0
    if when is ABSENT:
        return not execute(plan.has, (*key, now)).fetchall()
    if isinstance(write, Check):
        return when is ANY or bool(execute(plan.has_version, (*key, token_of(when), now)).fetchall())
    if when is ANY:
        execute(plan.delete, key)
        return True
    return execute(plan.delete_version, (*key, token_of(when), now)).rowcount > 0


def _applied_before(connection: sqlite3.Connection, plans: Sequence[Plan], writes: Sequence[Write]) -> bool:
    """Says whether any record already bears the token that this commit would give it."""
    return any(
        connection.execute(plan.has_token, (*filter(None, key_of(write)), write.token)).fetchall()
        for plan, write in zip(plans, writes, strict=True)
        if isinstance(write, Put)
    )


def _remove_expired(connection: sqlite3.Connection, plan: Plan, now: float) -> int:
    """Deletes some of a table's expired records; returns how many."""
    gone = connection.execute(plan.outdated, (now, _SWEEP_ROWS)).fetchall()
    if not gone:
        return 0
    return connection.execute(plan.remove, (now, _SWEEP_ROWS)).rowcount


def _page_size(limit: int) -> int:
    if limit < 1:
        raise InvalidValue(f"a page holds at least one record, not {limit}")
    return limit


def _position(cursor: str, types: tuple[type, ...]) -> list[Any]:
    """Returns the position that a cursor names; a cursor is as hostile as any input."""
    try:
        position = json.loads(urlsafe_b64decode(cursor.encode("ascii")))
    except ValueError:
        position = None
    if not isinstance(position, list) or tuple(map(type, position)) != types or (position[-1] not in range(1 << 63)):
        raise InvalidValue(f"{cursor!r:.60} is not a cursor of this listing", hint="begin the listing anew")
    return position
