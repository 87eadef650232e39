"""Tombstones: records that reserve an id for nobody, so that a writer who comes too late meets them.

A blob that no record names may belong to a writer that is only slow: its record is still to come, on the condition that
none is there. A tombstone under that record's key makes the condition fail; then the blob can go. It lies in the table
whose id it reserves, expires by itself, and is no record to any reader.
"""

from __future__ import annotations

from typing import Final

from dataops_core.contracts.records import ABSENT, EXPIRES_AT, Put, Record, RecordStore, Stored, Table
from dataops_core.errors import Conflict

#: Seconds; nobody is that slow.
LIFE: Final = 90 * 86_400.0
_MARK: Final = "tombstone"


def is_tombstone(record: Record) -> bool:
    """Says whether a record only reserves its id."""
    return _MARK in record


def live(stored: Stored | None) -> Stored | None:
    """Returns what a reader may see of what was read: None for a tombstone."""
    return None if stored is None or is_tombstone(stored.record) else stored


def reserve(records: RecordStore, table: Table, partition: str, sort: str | None = None) -> bool:
    """Reserves an id; returns False when a record is there already that is no tombstone."""
    record: Record = {table.partition: partition, _MARK: True, EXPIRES_AT: records.now() + LIFE}
    if table.sort is not None:
        record[table.sort] = sort
    try:
        records.commit([Put(table, record, ABSENT)])
    except Conflict:
        stored = records.get(table, partition, sort)
        return stored is not None and is_tombstone(stored.record)
    return True
