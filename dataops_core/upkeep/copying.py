"""Moving a whole installation from one pair of stores to another: contents first, then the records that name them.

A copy can be repeated: what is there already and equal is left alone, what differs is taken from the source again, so
a copy that was interrupted goes on. The source is only read. It should be quiet: what is written to it meanwhile may or
may not come along, and the next copy brings it. What is written to the target is read back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from dataops_core.contracts.blobs import CHUNK, BlobInfo, BlobStore
from dataops_core.contracts.records import (
    ABSENT,
    EXPIRES_AT,
    MAX_COMMIT_BYTES,
    MAX_COMMIT_WRITES,
    Put,
    RecordStore,
    Stored,
    Table,
)
from dataops_core.errors import Conflict, CorruptData, NotFound
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
        present: how many records and blobs were there already, and equal.
        blobs: how many blobs were written.
        bytes: of these blobs.
        extra: keys of the target that the source does not have, a line each; they are left alone.
    """

    records: dict[str, int] = field(default_factory=dict)
    present: int = 0
    blobs: int = 0
    bytes: int = 0
    extra: list[str] = field(default_factory=list)


def strange_sessions(source: RecordStore, target: RecordStore) -> Iterator[str]:
    """Yields the sessions that only the target has: somebody works with it, or it is another installation's."""
    for page in _pages(target, schema.SESSIONS):
        ids = [str(item.record["session_id"]) for item in page]
        known = source.get_many(schema.SESSIONS, [(session_id, None) for session_id in ids])
        yield from (session_id for session_id, found in zip(ids, known, strict=True) if found is None)


def strange_blobs(source: BlobStore, target: BlobStore) -> Iterator[str]:
    """Yields the keys that only the target has. Both listings are in the order of keys."""
    mine = (blob.key for blob in _blobs(source))
    known = ""
    for blob in _blobs(target):
        while known < blob.key and (following := next(mine, None)) is not None:
            known = following
        if known != blob.key:
            yield blob.key


def copy_records(source: RecordStore, target: RecordStore, told: Copied, heard: Listener | None = None) -> None:
    """Copies every record that is not expired, and verifies that the target has it.

    Raises:
        Conflict: the target is written to by somebody else.
        CorruptData: what was written is not what is read back.
    """
    for table in schema.TABLES:
        if table in _LEFT_OUT:
            continue
        seen = lasting = 0
        told.records.setdefault(table.name, 0)
        for page in _pages(source, table):
            told.records[table.name] += _bring(target, table, page, told)
            seen += len(page)
            lasting += sum(_lasts(item) for item in page)
            if heard is not None:
                heard(table.name, seen)
        there = _compare(source, target, table, told)
        if there < lasting:
            raise CorruptData(
                f"{table.name} has {there} records in the target, {lasting} were copied",
                hint="copy again; dataops storage check says what is wrong with the target",
            )


def copy_blobs(
    source: BlobStore,
    target: BlobStore,
    told: Copied,
    heard: Listener | None = None,
    *,
    since: float | None = None,
    deep: bool = False,
) -> None:
    """Copies every blob that the target does not have with the same size and SHA-256, and reads it back.

    Args:
        source, target: from where, to where.
        told: what was done is added here.
        heard: told how many were looked at.
        since: leave alone what is older; seconds since 1970 by the source's clock.
        deep: whether what is there already is read back too.

    Raises:
        CorruptData: what was written, or is there, is not what is read back.
    """
    for seen, blob in enumerate(_blobs(source), 1):
        if since is None or blob.modified >= since:
            _bring_blob(source, target, blob, told, deep)
        if heard is not None:
            heard("blobs", seen)


def _bring_blob(source: BlobStore, target: BlobStore, blob: BlobInfo, told: Copied, deep: bool) -> None:
    there = target.head(blob.key)
    if there is not None and (there.size, there.sha256) == (blob.size, blob.sha256):
        if deep:
            _read_back(target, blob)
        told.present += 1
        return
    try:
        with source.open(blob.key) as stream:
            made = target.put(blob.key, stream, content_type=blob.content_type)
    except NotFound:  # it was deleted meanwhile
        return
    if (made.size, made.sha256) != (blob.size, blob.sha256):
        raise CorruptData(f"blob {blob.key!r} has changed while it was copied", hint="copy again")
    _read_back(target, blob)
    told.blobs += 1
    told.bytes += blob.size


def _read_back(target: BlobStore, blob: BlobInfo) -> None:
    digest = hashlib.sha256()
    with target.open(blob.key) as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != blob.sha256:
        raise CorruptData(f"blob {blob.key!r} is not what was written", hint="copy again")


def _blobs(store: BlobStore) -> Iterator[BlobInfo]:
    cursor: str | None = None
    while True:
        page = store.list(limit=_PAGE, cursor=cursor)
        yield from page.items
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
            if (known is None and _lasts(item)) or (known is not None and known.record != item.record):
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


def _compare(source: RecordStore, target: RecordStore, table: Table, told: Copied) -> int:
    """Notes what only the target has; returns how many records that do not expire it has altogether."""
    lasting = 0
    for page in _pages(target, table):
        lasting += sum(_lasts(item) for item in page)
        keys = [(str(item.record[table.partition]), _sort(table, item)) for item in page]
        for key, known in zip(keys, source.get_many(table, keys), strict=True):
            if known is None:
                told.extra.append(f"{table.name}: {'/'.join(part for part in key if part is not None)}")
    return lasting


def _lasts(item: Stored) -> bool:
    return EXPIRES_AT not in item.record


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
