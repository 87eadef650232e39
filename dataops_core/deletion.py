"""Deleting a session with everything that it owns.

The status `deleting` comes first and refuses whatever is new; then the fences go, so that no run commits any more; then
the records, then the blobs, and the session's own record last: whatever cuts a deletion short, it is found and
completed by deleting again, or by `storage gc`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dataops_core.contracts.records import ANY, Delete, Put, Record, Stored, Table
from dataops_core.errors import Conflict, InvalidValue, NotFound
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import attempts, delete_blobs, delete_partition, every_pointer, owned_id

_BATCH: Final = 50


def delete(stores: Stores, session_id: str) -> None:
    """Deletes a session, or completes its deletion. Its id is never used again.

    Raises:
        NotFound: no such session.
    """
    record = _mark(stores, session_id)
    for run in every_pointer(stores, session_id, "run"):
        delete_partition(stores, schema.RUN_ITEMS, owned_id(run))
    _delete_owned(stores, schema.RUNS, every_pointer(stores, session_id, "run"))
    _delete_owned(stores, schema.ARTIFACTS, every_pointer(stores, session_id, "artifact"))
    delete_partition(stores, schema.SESSION_ITEMS, session_id)
    for prefix in (f"artifacts/{session_id}/", f"contexts/{session_id}/", f"messages/{session_id}/"):
        delete_blobs(stores, prefix)
    delete_blobs(stores, f"values/{session_id}.")
    stores.blobs.delete(schema.archive_key(session_id, record["created_at"]))
    stores.records.commit([Delete(schema.SESSIONS, session_id, when=ANY)])


def _mark(stores: Stores, session_id: str) -> Record:
    for _ in attempts():
        try:
            stored = stores.records.get(schema.SESSIONS, session_id)
        except InvalidValue:
            stored = None
        if stored is None:
            raise NotFound(f"no session {session_id!r:.80}", hint="dataops sessions list shows the sessions there are")
        record = stored.record
        if record["status"] == "deleting":
            return record
        record.update(status="deleting", ending_since=schema.iso(stores.records.now()))
        for name in ("turn", "queue", "questions"):  # nobody has the turn, or gets it, any more
            record.pop(name, None)
        try:
            stores.records.commit([Put(schema.SESSIONS, record, stored.token)])
        except Conflict:
            continue
        return record
    raise Conflict(f"session {session_id!r} is too busy", hint="try again")


def _delete_owned(stores: Stores, table: Table, pointers: Iterable[Stored]) -> None:
    batch: list[Delete] = []
    for row in pointers:
        batch.append(Delete(table, owned_id(row), when=ANY))
        if len(batch) == _BATCH:
            stores.records.commit(batch)
            batch = []
    if batch:
        stores.records.commit(batch)
