"""Moving a whole installation from one pair of stores to another: contents first, then the records that name them.

A copy can be repeated: what is there already and equal is left alone, what differs is taken from the source again, so
a copy that was interrupted goes on. The source is only read. It should be quiet: what is written to it meanwhile may or
may not come along, and the next copy brings it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from dataops_core.contracts.blobs import BlobStore
from dataops_core.contracts.records import ABSENT, MAX_COMMIT_BYTES, MAX_COMMIT_WRITES, Put, RecordStore, Stored, Table
from dataops_core.errors import Conflict, CorruptData
from dataops_core.storage import schema
from dataops_core.storage.ownership import attempts

#: Hears what is looked at, and how much of it so far.
Listener = Callable[[str, int], None]
_PAGE: Final = 200
#: Records that describe a moment, and are nobody's result: the cache of calls.
_LEFT_OUT: Final = (schema.CACHE,)


@dataclass(slots=True)
class Copied:
    """What a copy did.

    Args:
        records: how many records were written, by table.
        present: how many records and blobs were there already.
        blobs: how many blobs were written.
        bytes: of these blobs.
        extra: keys of the target that the source does not have, a line each; they are left alone.
    """

    records: dict[str, int] = field(default_factory=dict)
    present: int = 0
    blobs: int = 0
    bytes: int = 0
    extra: list[str] = field(default_factory=list)


def copy_records(source: RecordStore, target: RecordStore, told: Copied, heard: Listener | None = None) -> None:
    """Copies every record that is not expired, and verifies that the target has it.

    Raises:
        Conflict: the target is written to by somebody else.
        CorruptData: what was written is not what is read back.
    """
    for table in schema.TABLES:
        if table in _LEFT_OUT:
            continue
        seen = 0
        for page in _pages(source, table):
            told.records[table.name] = told.records.get(table.name, 0) + _bring(target, table, page, told)
            seen += len(page)
            if heard is not None:
                heard(table.name, seen)
        _extra(source, target, table, told)


def copy_blobs(source: BlobStore, target: BlobStore, told: Copied, heard: Listener | None = None) -> None:
    """Copies every blob that the target does not have with the same size and SHA-256."""
    cursor, seen = None, 0
    while True:
        page = source.list(limit=_PAGE, cursor=cursor)
        for blob in page.items:
            there = target.head(blob.key)
            if there is not None and (there.size, there.sha256) == (blob.size, blob.sha256):
                told.present += 1
            else:
                with source.open(blob.key) as stream:
                    made = target.put(blob.key, stream, content_type=blob.content_type)
                if (made.size, made.sha256) != (blob.size, blob.sha256):
                    raise CorruptData(f"blob {blob.key!r} has changed while it was copied", hint="copy again")
                told.blobs += 1
                told.bytes += blob.size
            seen += 1
            if heard is not None:
                heard("blobs", seen)
        cursor = page.cursor
        if cursor is None:
            return


def _pages(store: RecordStore, table: Table) -> Iterator[list[Stored]]:
    cursor: str | None = None
    while True:
        page = store.scan(table, limit=_PAGE, cursor=cursor)
        if page.items:
            yield page.items
        cursor = page.cursor
        if cursor is None:
            return


def _bring(target: RecordStore, table: Table, page: list[Stored], told: Copied) -> int:
    """Writes the records of a page that the target lacks; returns how many."""
    written = 0
    ordered = sorted(page, key=lambda item: str(item.record[table.partition]))
    for _scope, group in groupby(ordered, key=lambda item: schema.session_of(str(item.record[table.partition]))):
        for batch in _batches(list(group)):
            written += _settle(target, table, batch, told)
    return written


def _settle(target: RecordStore, table: Table, batch: list[Stored], told: Copied) -> int:
    """Makes the target's records those of the source, in one commit; returns how many were written."""
    keys = [(str(item.record[table.partition]), _sort(table, item)) for item in batch]
    for _ in attempts():
        there = target.get_many(table, keys)
        writes = [
            Put(table, item.record, ABSENT if known is None else known)
            for item, known in zip(batch, there, strict=True)
            if known is None or known.record != item.record
        ]
        if not writes:
            told.present += len(batch)
            return 0
        try:
            target.commit(writes)
        except Conflict:
            continue
        found = target.get_many(table, keys)
        for item, key, known in zip(batch, keys, found, strict=True):
            if known is None or known.record != item.record:
                raise CorruptData(f"record {key} of {table.name} is not what was written", hint="copy again")
        told.present += len(batch) - len(writes)
        return len(writes)
    raise Conflict(f"{table.name} of the target is written to by somebody else", hint="copy into stores at rest")


def _batches(items: list[Stored]) -> Iterator[list[Stored]]:
    """Cuts records into what one commit takes."""
    batch: list[Stored] = []
    size = 0
    for item in items:
        own = len(str(item.record).encode("utf-8", "surrogatepass")) * 2  # escapes may lengthen it
        if batch and (len(batch) == MAX_COMMIT_WRITES or size + own > MAX_COMMIT_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += own
    if batch:
        yield batch


def _extra(source: RecordStore, target: RecordStore, table: Table, told: Copied) -> None:
    for page in _pages(target, table):
        keys = [(str(item.record[table.partition]), _sort(table, item)) for item in page]
        for key, known in zip(keys, source.get_many(table, keys), strict=True):
            if known is None:
                told.extra.append(f"{table.name}: {'/'.join(part for part in key if part is not None)}")


def _sort(table: Table, item: Stored) -> str | None:
    return None if table.sort is None else str(item.record[table.sort])


def open_runs(records: RecordStore) -> int:
    """Returns how many runs of a store are pending or running: it is not at rest."""
    return sum(1 for _ in _open(records))


def _open(records: RecordStore) -> Iterable[Stored]:
    cursor: str | None = None
    while True:
        page = records.query(schema.RUNS, "open-created_at", "run", limit=_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return
