"""Archiving: a session that is over becomes one compressed file, and its messages and runs leave the tables.

The status `archiving` comes first and refuses further messages; runs that wait for an answer will get none, and are
cancelled; then the file, which is byte-identical whoever writes it; then the rows go. A crash in between is completed
by archiving again, or by `storage gc`. Artifacts stay where they are.

The file is one JSON object, written so that each message, run and artifact has a line of its own; `archived` reads it.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any, Final, cast

from dataops_core import history
from dataops_core.contracts.records import ANY, Delete, Put, Record
from dataops_core.errors import Conflict, CorruptData, NotFound
from dataops_core.session import status_of
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import attempts, delete_blobs, delete_partition, owned_id, pointers
from dataops_core.storage.tombstones import live

VERSION: Final = 1
#: The parts of the file after the session's record, in order.
PARTS: Final = ("messages", "runs", "artifacts")
_SPOOL_BYTES: Final = 8 << 20
_BATCH: Final = 50


def archive(stores: Stores, session_id: str, *, if_expired: bool = False) -> str:
    """Archives a session and returns the blob key of its file. Archiving an archived session does nothing more.

    Args:
        stores: where it is kept.
        session_id: which.
        if_expired: whether a session that is active, and not expired, is refused.

    Raises:
        NotFound: no such session.
        Conflict: a run has the session's turn, or the session is being deleted, or is not expired.
        CorruptData: the content of a message is missing; everything stays where it is.
    """
    record = _mark(stores, session_id, "archiving", if_expired)
    key = schema.archive_key(session_id, record["created_at"])
    if record["status"] == "archived":
        return key
    for run in _owned(stores, session_id, "run"):
        if run["status"] == "interrupted":
            _cancel(stores, run["run_id"])
    if stores.blobs.head(key) is None:
        _file(stores, session_id, key)
    try:
        _drop(stores, session_id)
        _mark(stores, session_id, "archived")
    except (NotFound, Conflict):
        stored = stores.records.get(schema.SESSIONS, session_id)
        if stored is None or stored.record["status"] == "deleting":
            # Whoever deletes the session may have been done with its file before this one was there.
            stores.blobs.delete(key)
        raise
    return key


def _mark(stores: Stores, session_id: str, status: str, if_expired: bool = False) -> Record:
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
            raise Conflict(
                f"session {session_id!r} is busy with run {record['turn']!r}",
                hint=f"wait until it ends; dataops runs show {record['turn']}",
            )
        now = stores.records.now()
        if if_expired and status_of(record, now) == "active":
            raise Conflict(f"session {session_id!r} is not expired")
        record["status"] = status
        record.setdefault("ending_since", schema.iso(now))
        if status == "archived":
            record.pop("questions", None)
        try:
            stores.records.commit([Put(schema.SESSIONS, record, stored.token)])
        except Conflict:
            continue
        return record
    raise Conflict(f"session {session_id!r} is too busy", hint="try again")


def _cancel(stores: Stores, run_id: str) -> None:
    """Ends a run that waits for an answer: the session takes none any more."""
    for _ in attempts():
        stored = stores.records.get(schema.RUNS, run_id)
        if stored is None or stored.record["status"] != "interrupted":
            return
        run = {k: v for k, v in stored.record.items() if k not in ("open", "owner", "question")}
        run.update(status="cancelled", finished_at=schema.iso(stores.records.now()))
        try:
            stores.records.commit([Put(schema.RUNS, run, stored.token)])
        except Conflict:
            continue
        return
    raise Conflict(f"run {run_id!r} is too busy", hint="try again")


def _file(stores: Stores, session_id: str, key: str) -> None:
    """Writes the file, unless somebody else has: what is there was written whole, before the first row went."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as file:
        # Read anew: nothing changes it once every run is over.
        session = _mark(stores, session_id, "archiving")
        try:
            _write(stores, session, cast(IO[bytes], file))
        except NotFound as error:
            if stores.blobs.head(key) is not None:
                return  # the rows went while they were read
            _mark(stores, session_id, "archiving")  # it may have been deleted meanwhile
            raise CorruptData(
                f"session {session_id!r} cannot be archived: {error.message}",
                hint=f"restore the blob from a backup; dataops sessions delete {session_id} deletes the session",
            ) from error
        file.seek(0)
        with suppress(Conflict):
            stores.blobs.put(key, cast(Any, file), if_absent=True, content_type="application/gzip")


def _write(stores: Stores, session: Record, file: IO[bytes]) -> None:
    """Streams the archive; no time and no name in it but the session's own."""
    session_id = session["session_id"]
    rows = (_messages(stores, session_id), _owned(stores, session_id, "run"), _owned(stores, session_id, "artifact"))
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as out:
        out.write(f'{{"schema_version":{VERSION},\n"session":{_json(session)}'.encode())
        for name, part in zip(PARTS, rows, strict=True):
            out.write(f',\n"{name}":['.encode())
            for number, row in enumerate(part):
                out.write((("," if number else "") + "\n" + _json(row)).encode())
            out.write(b"\n]")
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
    after = f"{kind}#"
    while rows := stores.records.range(schema.SESSION_ITEMS, session_id, after, f"{kind}#~", limit=_BATCH):
        for stored in stores.records.get_many(table, [(owned_id(row), None) for row in rows]):
            if found := live(stored):
                yield found.record
        after = rows[-1].record["item"] + " "


def _drop(stores: Stores, session_id: str) -> None:
    commit = stores.records.commit
    while rows := pointers(stores, session_id, "run", limit=_BATCH // 2):
        for row in rows:
            delete_partition(stores, schema.RUN_ITEMS, owned_id(row))
            delete_blobs(stores, f"values/{owned_id(row)}/")
        commit([Delete(schema.RUNS, owned_id(row), when=ANY) for row in rows])
        commit([Delete(schema.SESSION_ITEMS, session_id, row.record["item"], ANY) for row in rows])
    for prefix in ("message#", "message_id#"):
        while rows := stores.records.range(schema.SESSION_ITEMS, session_id, prefix, prefix + "~", limit=_BATCH):
            commit([Delete(schema.SESSION_ITEMS, session_id, row.record["item"], ANY) for row in rows])
    delete_blobs(stores, f"messages/{session_id}/")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
