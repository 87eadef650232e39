"""The record store: JSON records in declared tables, changed by atomic commits within one scope.

A *scope* is the text before the first dot of a record's partition. Everything that must change together lies in one
scope and changes in one commit. A backend implements `RecordStore` and proves it with
`dataops_core.testing.RecordStoreSuite`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal, Protocol

from dataops_core.errors import InvalidValue

MAX_RECORD_BYTES: Final = 380_000
MAX_PARTITION_BYTES: Final = 1_000
MAX_SORT_BYTES: Final = 900
MAX_COMMIT_WRITES: Final = 50
MAX_COMMIT_BYTES: Final = 3_500_000
#: No time in a record is further from 1970; every backend can hold it.
MAX_SECONDS: Final = 1e12
EXPIRES_AT: Final = "expires_at"

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index: the records that have both fields, grouped by `partition`, ordered by `sort`.

    Args:
        name: unique within the table.
        partition: the field whose value selects a group.
        sort: the field that orders the group. Values of both are non-empty strings.
    """

    name: str
    partition: str
    sort: str


@dataclass(frozen=True, slots=True)
class Table:
    """A declared table.

    Args:
        name: the table's name, e.g. `dataops_sessions`.
        partition: the field that holds the partition key.
        sort: the field that holds the sort key, or None when the partition alone is the key.
        indexes: secondary indexes.
    """

    name: str
    partition: str
    sort: str | None = None
    indexes: tuple[Index, ...] = ()

    def index(self, name: str) -> Index:
        """Returns the index of that name; raises InvalidValue when the table declares none."""
        for index in self.indexes:
            if index.name == name:
                return index
        raise InvalidValue(f"table {self.name!r} has no index {name!r}")


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as read, with the token of the version that was read."""

    record: Record
    token: str


class Condition(Enum):
    """Conditions that name no version."""

    ABSENT = "absent"
    ANY = "any"


ABSENT: Final = Condition.ABSENT
ANY: Final = Condition.ANY
When = Condition | Stored | str


def new_token() -> str:
    """Returns a version token that is never repeated (96 random bits)."""
    return secrets.token_urlsafe(12)


@dataclass(frozen=True, slots=True)
class Put:
    """Writes one whole record.

    Args:
        table: where.
        record: a JSON object that holds the key fields. `expires_at` (seconds since 1970, UTC) makes it invisible then.
        when: `ABSENT`, the record as read, its token, or `ANY`.
        token: the new version's token. A commit that is sent again with the same tokens is recognised.
    """

    table: Table
    record: Record
    when: When = ANY
    token: str = field(default_factory=new_token)


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletes one record. With a token the record must be there in that version; with `ANY` it may be missing."""

    table: Table
    partition: str
    sort: str | None = None
    when: When = ANY


@dataclass(frozen=True, slots=True)
class Check:
    """Writes nothing; the commit is refused unless the condition holds."""

    table: Table
    partition: str
    sort: str | None = None
    when: When = ABSENT


Write = Put | Delete | Check
Key = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing; `cursor` continues it and is None at the end. Pages may be short."""

    items: list[Stored]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What `check()` says of a store: level, what is so, and what to do."""

    level: Literal["ok", "warn", "error"]
    what: str
    hint: str = ""


class RecordStore(Protocol):
    """JSON records in declared tables. Safe to use from many threads and processes.

    `capabilities` names what goes beyond the contract: `consistent_query` (an index never lags), `store_clock`
    (expiry by the store's clock, not the reader's). A store may also be a `Sweeper`.
    """

    capabilities: frozenset[str]

    def get(self, table: Table, partition: str, sort: str | None = None) -> Stored | None:
        """Returns the newest version of one record, or None when it is absent or expired."""

    def get_many(self, table: Table, keys: Sequence[Key]) -> list[Stored | None]:
        """Returns what `get` would return for each key, in order."""

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
        """Returns the records of a partition whose sort key is in `[lo, hi]`, in sort order (code points of UTF-8).

        Expired records are read past: they do not count against `limit`.
        """

    def commit(self, writes: Sequence[Write]) -> list[str]:
        """Applies all writes or none.

        Args:
            writes: 1 to 50 writes of one scope, 3.5 MB together, at most one per key.

        Returns:
            The new tokens, one per Put, in order.

        Raises:
            Conflict: a condition does not hold; `index` is the position of that write. It may mean that this commit
                was applied and since overwritten.
            InvalidValue: a limit is exceeded.
        """

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
        """Lists the records whose index partition equals `value`, by the index's sort field. May lag behind commits."""

    def scan(self, table: Table, *, limit: int = 100, cursor: str | None = None) -> Page:
        """Enumerates a whole table in no promised order; for operators (copy, cleanup, gc)."""

    def prepare(self) -> list[str]:
        """Creates what is missing and says what it did, a line each."""

    def check(self) -> list[Finding]:
        """Says what is wrong with the store, and what is right."""

    def now(self) -> float:
        """Returns the clock that decides expiry, in seconds since 1970, UTC."""

    def close(self) -> None:
        """Releases connections; safe to call twice."""


def key_of(write: Write) -> Key:
    """Returns the partition and sort key that a write addresses."""
    if isinstance(write, Put):
        table, record = write.table, write.record
        try:
            return record[table.partition], record[table.sort] if table.sort else None
        except KeyError as missing:
            raise InvalidValue(f"a record of {table.name!r} lacks its key field {missing}") from None
    return write.partition, write.sort


def scope_of(partition: str) -> str:
    """Returns the consistency scope of a partition: the text before its first dot."""
    return partition.partition(".")[0]


def expired(record: Mapping[str, Any], now: float) -> bool:
    """Says whether a record has passed its `expires_at`."""
    at = record.get(EXPIRES_AT)
    return at is not None and at <= now


def index_entry(index: Index, record: Mapping[str, Any]) -> tuple[str, str] | None:
    """Returns a record's partition and sort value in an index, or None when it is not in it."""
    value, order = record.get(index.partition), record.get(index.sort)
    return None if value is None or order is None else (value, order)


def token_of(when: Stored | str) -> str:
    """Returns the version token that a condition names."""
    return when if isinstance(when, str) else when.token


def check_key(table: Table, partition: Any, sort: Any) -> None:
    """Raises InvalidValue unless the key is one that every backend can hold."""
    _check_text(table, table.partition, partition, MAX_PARTITION_BYTES)
    if table.sort is not None:
        _check_text(table, table.sort, sort, MAX_SORT_BYTES)
    elif sort is not None:
        raise InvalidValue(f"table {table.name!r} has no sort key")


def encode_writes(writes: Sequence[Write]) -> list[str | None]:
    """Checks a commit against every limit of the contract and returns the JSON of each Put (None for the others).

    A backend calls it first in `commit`, so that the limits are the same on all of them.

    Raises:
        InvalidValue: names the write and the rule that it breaks.
    """
    if not writes:
        raise InvalidValue("a commit holds at least one write")
    if len(writes) > MAX_COMMIT_WRITES:
        raise InvalidValue(f"a commit holds at most {MAX_COMMIT_WRITES} writes, this one has {len(writes)}")
    bodies: list[str | None] = []
    seen: set[tuple[str, str, str | None]] = set()
    total = 0
    scope: str | None = None
    for write in writes:
        partition, sort = key_of(write)
        check_key(write.table, partition, sort)
        key = (write.table.name, partition, sort)
        if key in seen:
            raise InvalidValue(f"two writes of one commit address {'/'.join(filter(None, key))!r}")
        seen.add(key)
        if scope is None:
            scope = scope_of(partition)
        elif scope_of(partition) != scope:
            raise InvalidValue(f"a commit stays within one scope; this one has {scope!r} and {scope_of(partition)!r}")
        if isinstance(write, Put):
            body = encode_record(write.table, write.record)
            total += len(body)
            bodies.append(body)
        else:
            bodies.append(None)
    if total > MAX_COMMIT_BYTES:
        raise InvalidValue(f"a commit holds at most {MAX_COMMIT_BYTES} bytes, this one has {total}")
    return bodies


def encode_record(table: Table, record: Record) -> str:
    """Returns a record as compact JSON; raises InvalidValue when it is not JSON or too large."""
    try:
        body = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(body) if body.isascii() else len(body.encode())
    except (TypeError, ValueError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidValue(f"a record of {table.name!r} is not JSON: {error}") from None
    if size > MAX_RECORD_BYTES:
        raise InvalidValue(
            f"a record of {table.name!r} has {size} bytes of JSON, at most {MAX_RECORD_BYTES} are allowed",
            hint="keep large values in the blob store",
        )
    at = record.get(EXPIRES_AT)
    if at is not None and (isinstance(at, bool) or not isinstance(at, int | float) or not abs(at) < MAX_SECONDS):
        raise InvalidValue(f"{EXPIRES_AT} is a number of seconds since 1970, not {at!r:.60}")
    for index in table.indexes:
        entry = index_entry(index, record)
        if entry is not None:
            _check_text(table, index.partition, entry[0], MAX_PARTITION_BYTES)
            _check_text(table, index.sort, entry[1], MAX_SORT_BYTES)
    return body


def _check_text(table: Table, name: str, value: Any, limit: int) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidValue(f"{table.name}.{name} is a non-empty string, not {value!r:.60}")
    try:
        size = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        raise InvalidValue(f"{table.name}.{name} is not valid Unicode: {value!r:.60}") from None
    if size > limit:
        raise InvalidValue(f"{table.name}.{name} has {size} bytes, at most {limit} are allowed")
    if "\0" in value:
        raise InvalidValue(f"{table.name}.{name} contains a NUL character")
