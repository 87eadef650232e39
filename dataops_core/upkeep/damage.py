"""What records name and nobody can read: blobs that are missing, of another size, or of another content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from dataops_core.archives import reading as archived
from dataops_core.contracts.blobs import CHUNK
from dataops_core.contracts.records import Finding, Record, Table
from dataops_core.errors import CorruptData, NotFound
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.tombstones import is_tombstone
from dataops_core.upkeep.sweep import Listener

_RESTORE = "restore it from a backup; dataops sessions delete {} deletes its session"


def missing(stores: Stores, *, deep: bool = False, heard: Listener | None = None) -> Iterator[Finding]:
    """Yields an error for each artifact, message, snapshot and archive whose bytes are not there as its record says.

    Args:
        stores: which.
        deep: whether to read all of them, not only to ask for their sizes.
        heard: told what is looked at.
    """
    for record in _scanned(stores, schema.ARTIFACTS, heard):
        artifact_id, key = record["artifact_id"], record["s3_key"]
        why = _wrong(stores, key, record["size_bytes"], record["sha256"] if deep else None)
        if why and _is_there(stores, schema.ARTIFACTS, artifact_id):
            yield _told(f"artifact {artifact_id}", why, record)
    for record in _scanned(stores, schema.SESSION_ITEMS, heard):
        kind, _, name = record["item"].partition("#")
        if kind == "snapshot":
            snapshot_id = f"{record['session_id']}.{name}"
            what, key = f"snapshot {snapshot_id}", f"contexts/{record['session_id']}/{snapshot_id}"
        elif "blob" in record:
            what, key = f"message {int(name)} of session {record['session_id']}", record["blob"]
        else:
            continue
        why = _wrong(stores, key, record.get("size_bytes"), record.get("sha256", "") if deep else None)
        if why and _is_there(stores, schema.SESSION_ITEMS, record["session_id"], record["item"]):
            yield _told(what, why, record)
    for record in _scanned(stores, schema.SESSIONS, heard):
        if record["status"] == "archived":
            yield from _archive(stores, record, deep)


def _archive(stores: Stores, session: Record, deep: bool) -> Iterator[Finding]:
    key = schema.archive_key(session["session_id"], session["created_at"])
    why = _wrong(stores, key, None, "" if deep else None)
    if why and _is_there(stores, schema.SESSIONS, session["session_id"]):
        yield _told(f"the archive of session {session['session_id']}", why, session)
    elif deep and not why:
        try:
            for part in (archived.messages, archived.runs):
                for _ in part(stores, session):
                    pass
        except CorruptData as error:
            yield Finding("error", error.message, error.hint)


def _scanned(stores: Stores, table: Table, heard: Listener | None) -> Iterator[Record]:
    cursor, seen = None, 0
    while True:
        page = stores.records.scan(table, limit=100, cursor=cursor)
        yield from (item.record for item in page.items if not is_tombstone(item.record))
        seen += len(page.items)
        if heard is not None:
            heard(table.name, seen)
        if (cursor := page.cursor) is None:
            return


def _wrong(stores: Stores, key: str, size: int | None, sha256: str | None) -> str:
    """Returns what is wrong with a blob, or "".

    Args:
        stores: where it is.
        key: which.
        size: in bytes, or None for any.
        sha256: what its content must have, "" for any, or None not to read it.
    """
    try:
        info = stores.blobs.head(key)
        if info is None:
            return "its content is missing"
        if size is not None and info.size != size:
            return f"its content has {info.size} bytes, not {size}"
        if sha256 is not None:
            digest = hashlib.sha256()
            with stores.blobs.open(key) as stream:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
            if sha256 and digest.hexdigest() != sha256:
                return "its content is another than was stored"
    except NotFound:
        return "its content is missing"
    except CorruptData as error:
        return error.message
    return ""


def _is_there(stores: Stores, table: Table, partition: str, sort: str | None = None) -> bool:
    """Says whether a record is there still: it may have been deleted while it was checked."""
    return stores.records.get(table, partition, sort) is not None


def _told(what: str, why: str, record: Record) -> Finding:
    return Finding("error", f"{what}: {why}", _RESTORE.format(record["session_id"]))
