"""Archiving: a session that is over becomes one compressed file, and its messages and runs leave the tables.

The status `archiving` comes first and refuses further messages; then the file, which is byte-identical whoever writes
it; then the rows go. A crash in between is completed by archiving again. Artifacts stay where they are.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterator
from typing import IO, Any, Final, cast

from dataops_core import history
from dataops_core.contracts.records import ANY, Delete, Put, Record
from dataops_core.errors import Conflict, NotFound
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import attempts, delete_blobs, delete_partition, owned_id, pointers

VERSION: Final = 1
_SPOOL_BYTES: Final = 8 << 20


def archive(stores: Stores, session_id: str) -> str:
    """Archives a session and returns the blob key of its file. Archiving an archived session does nothing more.

    Raises:
        NotFound: no such session.
        Conflict: a run has the session's turn, or the session is being deleted.
    """
    record = _mark(stores, session_id, "archiving")
    key = schema.archive_key(session_id, record["created_at"])
    if record["status"] == "archived":
        return key
    try:
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as file:
            _write(stores, record, cast(IO[bytes], file))
            file.seek(0)
            # Not overwritten: a file that is there was written whole, before the first row went.
            stores.blobs.put(key, cast(Any, file), if_absent=True, content_type="application/gzip")
    except Conflict:
        pass
    _drop(stores, session_id)
    _mark(stores, session_id, "archived")
    return key


def _mark(stores: Stores, session_id: str, status: str) -> Record:
    for _ in attempts():
        stored = stores.records.get(schema.SESSIONS, session_id)
        if stored is None:
            raise NotFound(f"no session {session_id!r:.80}", hint="dataops sessions list shows the sessions there are")
        record = stored.record
        if record["status"] in (status, "archived"):
            return record
        if record["status"] == "deleting":
            raise Conflict(f"session {session_id!r} is being deleted")
        if record.get("turn"):
            raise Conflict(f"session {session_id!r} is busy with run {record['turn']!r}", hint="wait until it ends")
        record["status"] = status
        try:
            stores.records.commit([Put(schema.SESSIONS, record, stored.token)])
        except Conflict:
            continue
        return record
    raise Conflict(f"session {session_id!r} is too busy", hint="try again")


def _write(stores: Stores, session: Record, file: IO[bytes]) -> None:
    """Streams the archive; no time and no name in it but the session's own."""
    parts = {
        "messages": _messages(stores, session["session_id"]),
        "runs": _owned(stores, session["session_id"], "run"),
        "artifacts": _owned(stores, session["session_id"], "artifact"),
    }
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as out:
        out.write(f'{{"schema_version":{VERSION},"session":{_json(session)}'.encode())
        for name, rows in parts.items():
            out.write(f',"{name}":['.encode())
            for number, row in enumerate(rows):
                out.write((("," if number else "") + "\n" + _json(row)).encode())
            out.write(b"]")
        out.write(b"}\n")


def _messages(stores: Stores, session_id: str) -> Iterator[dict[str, Any]]:
    for message in history.walk(stores.records, stores.blobs, session_id):
        yield {
            "number": message.number,
            "message_id": message.message_id,
            "role": message.role,
            "content": message.content,
            "created_at": message.created_at,
            "workflow": message.workflow,
            "artifacts": list(message.artifacts),
            "run_id": message.run_id,
        }


def _owned(stores: Stores, session_id: str, kind: str) -> Iterator[Record]:
    table = schema.RUNS if kind == "run" else schema.ARTIFACTS
    for row in pointers(stores, session_id, kind):
        if (stored := stores.records.get(table, owned_id(row))) is not None:
            yield stored.record


def _drop(stores: Stores, session_id: str) -> None:
    for row in pointers(stores, session_id, "run"):
        run_id = owned_id(row)
        delete_partition(stores, schema.RUN_ITEMS, run_id)
        delete_blobs(stores, f"values/{run_id}/")
        stores.records.commit([Delete(schema.RUNS, run_id, when=ANY)])
        stores.records.commit([Delete(schema.SESSION_ITEMS, session_id, row.record["item"], ANY)])
    for prefix in ("message#", "message_id#"):
        while rows := stores.records.range(schema.SESSION_ITEMS, session_id, prefix, prefix + "~", limit=50):
            stores.records.commit([Delete(schema.SESSION_ITEMS, session_id, r.record["item"], ANY) for r in rows])
    delete_blobs(stores, f"messages/{session_id}/")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
