"""How artifacts become visible: the writes of their records, pointers and versions, and their commit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from dataops_core.contracts.records import ABSENT, ANY, Check, Put, Record, Write
from dataops_core.errors import Conflict
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import attempts, pointer
from dataops_core.storage.tombstones import is_tombstone


def artifact_writes(stores: Stores, records: Sequence[Record]) -> list[Write]:
    """Plans the commit of artifacts whose content is in the blob store: record, pointer, and the name's version.

    Versions are counted here, so a commit that meets a conflict is planned again.
    """
    writes: list[Write] = []
    counters: dict[str, Put] = {}
    for record in records:
        name = record.get("name")
        if name is not None:
            item = "artifact_name#" + hashlib.sha256(name.encode()).hexdigest()
            if item in counters:
                counters[item].record["version"] += 1
            else:
                stored = stores.records.get(schema.SESSION_ITEMS, record["session_id"], item)
                counter = {"session_id": record["session_id"], "item": item, "name": name, "version": 0}
                counter["version"] = 1 + (stored.record["version"] if stored else 0)
                counters[item] = Put(schema.SESSION_ITEMS, counter, stored.token if stored else ABSENT)
            record["version"] = counters[item].record["version"]
        writes += [Put(schema.ARTIFACTS, record, ABSENT), Put(schema.SESSION_ITEMS, artifact_pointer(record), ANY)]
    return [*writes, *counters.values()]


def commit_artifacts(stores: Stores, records: Sequence[Record]) -> None:
    """Makes artifacts visible in sessions that are not being deleted."""
    session_id = records[0]["session_id"]
    for _ in attempts():
        session = stores.records.get(schema.SESSIONS, session_id)
        if session is None or session.record["status"] in ("deleting", "archiving", "archived"):
            status = session.record["status"] if session else "gone"
            raise Conflict(f"session {session_id!r} is {status}", hint="start a new session")
        try:
            # An empty check of the record's absence elsewhere would not do: the session must still be there.
            stores.records.commit(
                [*artifact_writes(stores, records), Check(schema.SESSIONS, session_id, when=session.token)]
            )
            return
        except Conflict:
            for record in records:
                require_unswept(stores, record["artifact_id"])
            continue
    raise Conflict(f"session {session_id!r} is too busy", hint="try again")


def require_unswept(stores: Stores, artifact_id: str) -> bool:
    """Says whether an artifact's record is there; raises Conflict when `storage gc` has swept its content meanwhile."""
    stored = stores.records.get(schema.ARTIFACTS, artifact_id)
    if stored is not None and is_tombstone(stored.record):
        raise Conflict(
            f"artifact {artifact_id!r} was so slow to be stored that storage gc took its content for a crash's",
            hint="store it again; give storage gc a longer --grace",
        )
    return stored is not None


def artifact_pointer(record: Mapping[str, Any]) -> Record:
    """Returns the row by which its session lists an artifact."""
    facts = {key: record[key] for key in ("parents", "expires_at") if key in record}
    return pointer("artifact", record["artifact_id"], record["created_at"], **facts)
