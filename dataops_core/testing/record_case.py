"""What the clauses of the record suite share: tables, shorthands, and patience with indexes that lag."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from dataops_core.contracts.records import (
    EXPIRES_AT,
    Index,
    Page,
    Put,
    Record,
    RecordStore,
    Stored,
    Table,
    When,
    Write,
)
from dataops_core.errors import Conflict

RECORDS: Final = Table(
    "suite_records",
    "id",
    indexes=(Index("group-rank", "group", "rank"), Index("open-rank", "open", "rank")),
)
ITEMS: Final = Table("suite_items", "owner", "item", indexes=(Index("tag-item", "tag", "item"),))
TABLES: Final = (RECORDS, ITEMS)

#: Keys that are allowed, and easily got wrong: separators of backends, wildcards, order beyond the first plane.
HOSTILE: Final = (
    " ", "a b", "a/b", "a/../b", "..", "a:b", "a|b", "a#b", "{a}", "[a-z]*?", "%s%00", "'\";--", "\\", "\n\t\x01\x7f",
    "A", "a", "É", "é", "e\u0301", "\ud7ff", "\uffff", "\U0001f600", "\U0010ffff", "null", "0", "00", "-1",
)  # fmt: skip


class RecordCase:
    """What a clause may rely upon. `lag_seconds` is how long an index may lag where the store says that it does."""

    lag_seconds = 10.0

    def sees(self, store: RecordStore, look: Callable[[], Any], expected: Any) -> None:
        """Asserts that a listing by index is as expected, at once or after the lag that the store admits."""
        deadline = time.monotonic() + (0 if "consistent_query" in store.capabilities else self.lag_seconds)
        found = look()
        while found != expected and time.monotonic() < deadline:
            time.sleep(0.05)
            found = look()
        assert found == expected


def item(owner: str, name: str, **fields: Any) -> Record:
    """Returns a record of ITEMS."""
    return {"owner": owner, "item": name, **fields}


def put(store: RecordStore, record: Record, when: When | None = None) -> Stored:
    """Commits one record (by default whatever is there) and returns it as stored."""
    table = ITEMS if "item" in record else RECORDS
    write = Put(table, record) if when is None else Put(table, record, when)
    (token,) = store.commit([write])
    return Stored(record, token)


def refused(store: RecordStore, writes: Sequence[Write]) -> int | None:
    """Commits and returns which write was refused, or None when the commit was applied."""
    try:
        store.commit(writes)
    except Conflict as conflict:
        assert conflict.index is not None, "a Conflict of a commit names the write by its index"
        return conflict.index
    return None


def put_expired(store: RecordStore, record: Record) -> Stored:
    """Commits a record that lives for a moment, waits until it is over, and returns the record as stored."""
    at = store.now() + 0.05
    stored = put(store, {**record, EXPIRES_AT: at})
    wait_until(store, at)
    return stored


def wait_until(store: RecordStore, at: float) -> None:
    """Waits until a time has passed by the clock that decides expiry."""
    while store.now() <= at:
        time.sleep(max(0.002, min(at - store.now(), 0.1)))


def pages(turn: Callable[[str | None], Page]) -> Iterator[Page]:
    """Yields the pages of a listing until its cursor ends."""
    cursor: str | None = None
    for _ in range(10_000):
        page = turn(cursor)
        yield page
        cursor = page.cursor
        if cursor is None:
            return
    raise AssertionError("the cursor never ends")


def queried(
    store: RecordStore, table: Table, index: str, value: str, *, limit: int = 50, newest_first: bool = False
) -> list[Record]:
    """Returns what a query lists, all pages together."""

    def turn(cursor: str | None) -> Page:
        page = store.query(table, index, value, limit=limit, newest_first=newest_first, cursor=cursor)
        assert len(page.items) <= limit, f"a page of at most {limit} holds {len(page.items)}"
        return page

    return [stored.record for page in pages(turn) for stored in page.items]


def scanned(store: RecordStore, table: Table, *, limit: int = 100) -> list[Record]:
    """Returns what a scan enumerates, all pages together."""
    return [s.record for page in pages(lambda c: store.scan(table, limit=limit, cursor=c)) for s in page.items]
