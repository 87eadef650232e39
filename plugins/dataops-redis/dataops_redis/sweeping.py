"""Sweeping: index entries that no record bears, and names of records that Redis has dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from dataops_core.contracts.sweeping import Swept
from dataops_redis.commits import GRACE
from dataops_redis.keys import TIME_DIGITS, entry_of, unpacked
from dataops_redis.scripts import script

if TYPE_CHECKING:
    from dataops_core.contracts.records import Table
    from dataops_redis.records import RedisRecords

_BATCH: Final = 500


def sweep(store: RedisRecords, grace: float, *, dry_run: bool) -> list[Swept]:
    """Removes what nobody can see; see `Sweeper`.

    An entry is written before its record, so no young one is taken away, whatever the grace says.

    Args:
        store: whose.
        grace: seconds.
        dry_run: whether to only count.
    """
    oldest = int((store.now() - max(grace, GRACE)) * 1e6)
    entries = names = 0
    for table in store.tables.values():
        for index in table.indexes:
            for key in _keys(store, store.names.indexes_of(table, index.name)):
                entries += _sweep_index(store, table, index.name, key, oldest, dry_run)
        if table.sort is not None:
            for key in _keys(store, store.names.lists_of(table)):
                partition = store.names.partition_in(table, key)
                if partition is not None and store.names.listed(table, partition) == key:
                    names += _sweep_list(store, table, partition, dry_run)
    return [Swept("index entries without a record", entries, 0), Swept("names of expired records", names, 0)]


def _keys(store: RedisRecords, pattern: str) -> Iterator[bytes]:
    for scan in store.servers():
        position = 0
        while True:
            position, keys = scan(cursor=position, match=pattern, count=_BATCH)
            yield from keys
            if not position:
                break


def _batches(store: RedisRecords, key: bytes) -> Iterator[list[bytes]]:
    after: bytes | None = None
    while names := store.listed(key, after, False, _BATCH):
        yield names
        after = names[-1]


def _sweep_index(store: RedisRecords, table: Table, index: str, key: bytes, oldest: int, dry_run: bool) -> int:
    value = key.decode()[len(store.names.index(table, index, "").decode()) :]
    swept = 0
    for names in _batches(store, key):
        old = [name for name in names if int(entry_of(table, name).id[:TIME_DIGITS], 16) < oldest]
        entries = [entry_of(table, name) for name in old]
        values = store.values_of([store.names.record(table, *entry.key) for entry in entries])
        gone = [
            name
            for name, entry, raw in zip(old, entries, values, strict=True)
            if raw is None or [index, value, entry.sort, entry.id] not in unpacked(raw, store.redis.place)[1]
        ]
        if gone and not dry_run:
            store.redis.ask(lambda client: client.zrem(key, *gone))  # noqa: B023 - at once
        swept += len(gone)
    return swept


def _sweep_list(store: RedisRecords, table: Table, partition: str, dry_run: bool) -> int:
    key, before = store.names.listed(table, partition), store.names.before(table, partition)
    swept = 0
    for names in _batches(store, key):
        values = store.values_of([before + name for name in names])
        gone = [name for name, raw in zip(names, values, strict=True) if raw is None]
        for name in gone if not dry_run else ():
            # The script looks again, so that a record which is written at this moment keeps its name.
            script("range").run(store.redis, [key, before], [b"[" + name, b"[" + name, 0, 1, 1])
        swept += len(gone)
    return swept
