"""What a session owns: pointers in its own partition, which never lag, and deletion in bounded batches."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

from dataops_core.contracts.records import ANY, Delete, Record, Stored, Table
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores

T = TypeVar("T")
_PATIENCE: Final = 60.0


class Listing(list[T], Generic[T]):
    """A page of results: a list, and the `cursor` that continues it (None at the end)."""

    def __init__(self, items: Sequence[T], cursor: str | None = None) -> None:
        super().__init__(items)
        self.cursor = cursor


def attempts(patience: float = _PATIENCE) -> Iterator[int]:
    """Yields attempt numbers with jittered pauses between them, for as long as conflicts are worth a retry."""
    deadline = time.monotonic() + patience
    number = 0
    while True:
        yield number
        if time.monotonic() > deadline:
            return
        number += 1
        time.sleep(random.uniform(0, min(0.001 * 2**number, 0.05)))  # noqa: S311


def pointer(kind: str, owned_id: str, at: str = "", **facts: Any) -> Record:
    """Returns the row by which a session lists what it owns.

    Args:
        kind: `run` or `artifact`.
        owned_id: `{session_id}.{…}`; the row keeps only what follows the dot.
        at: orders what has no time in its id.
        facts: further fields.
    """
    return {"session_id": schema.session_of(owned_id), "item": pointer_item(kind, owned_id, at), **facts}


def pointer_item(kind: str, owned_id: str, at: str = "") -> str:
    """Returns the sort key of a pointer."""
    return "#".join(filter(None, (kind, at, owned_id.partition(".")[2])))


def owned_id(pointer: Stored) -> str:
    """Returns the id that a pointer stands for."""
    return f"{pointer.record['session_id']}.{pointer.record['item'].rpartition('#')[2]}"


def pointers(
    stores: Stores,
    session_id: str,
    kind: str,
    *,
    newest_first: bool = False,
    limit: int | None = None,
    before: str | None = None,
) -> list[Stored]:
    """Lists the pointers of one kind from the session's own partition, which never lags."""
    hi = f"{kind}#~" if before is None else before
    rows = stores.records.range(
        schema.SESSION_ITEMS,
        session_id,
        f"{kind}#",
        hi,
        limit=limit if limit is None or before is None else limit + 1,
        newest_first=newest_first,
    )
    return [r for r in rows if r.record["item"] != before][:limit]


def every_pointer(stores: Stores, session_id: str, kind: str, *, page: int = 200) -> Iterator[Stored]:
    """Yields the pointers of one kind, the newest first, a page in memory; they may be deleted meanwhile."""
    before: str | None = None
    while True:
        rows = pointers(stores, session_id, kind, newest_first=True, limit=page, before=before)
        yield from rows
        if len(rows) < page:
            return
        before = rows[-1].record["item"]


def delete_partition(stores: Stores, table: Table, partition: str, *, batch: int = 50) -> int:
    """Deletes every record of a partition in batches and returns how many there were."""
    total = 0
    while rows := stores.records.range(table, partition, limit=batch):
        stores.records.commit(
            [Delete(table, partition, row.record[table.sort or table.partition], ANY) for row in rows]
        )
        total += len(rows)
    return total


def delete_blobs(stores: Stores, prefix: str) -> int:
    """Deletes every blob below a prefix and returns how many there were."""
    total = 0
    while items := stores.blobs.list(prefix, limit=1000).items:
        for info in items:
            stores.blobs.delete(info.key)
        total += len(items)
    return total
