"""What nothing refers to: blobs without a record, rows without what they belong to."""

from __future__ import annotations

from collections.abc import Iterator

from dataops_core.contracts.records import Record, Table
from dataops_core.contracts.sweeping import Sweeper
from dataops_core.execution.runs import FINAL
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.tombstones import is_tombstone


def scanned(stores: Stores, table: Table) -> Iterator[Record]:
    """Yields every record of a table that is no tombstone."""
    cursor: str | None = None
    while True:
        page = stores.records.scan(table, limit=500, cursor=cursor)
        yield from (item.record for item in page.items if not is_tombstone(item.record))
        if (cursor := page.cursor) is None:
            return


def leftovers(stores: Stores) -> Iterator[str]:
    """Yields the name of everything that nothing refers to."""
    sessions = {s["session_id"]: s for s in scanned(stores, schema.SESSIONS)}
    runs = {r["run_id"]: r for r in scanned(stores, schema.RUNS)}
    artifacts = {a["artifact_id"]: a for a in scanned(stores, schema.ARTIFACTS)}
    items = list(scanned(stores, schema.SESSION_ITEMS))
    state = list(scanned(stores, schema.RUN_ITEMS))
    for item in items:
        kind = item["item"].partition("#")[0]
        if item["session_id"] not in sessions:
            yield f"row {item['item']} of session {item['session_id']}, which is gone"
        elif kind in ("run", "artifact"):
            owned = f"{item['session_id']}.{item['item'].rpartition('#')[2]}"
            if owned not in (runs if kind == "run" else artifacts):
                yield f"pointer to {kind} {owned}, which is gone"
    for row in state:
        run = runs.get(row["run_id"])
        if run is None:
            yield f"row {row['item']} of run {row['run_id']}, which is gone"
        elif run["status"] in FINAL:
            yield f"row {row['item']} of run {row['run_id']}, which needs it no more"
    snapshots = {f"{i['session_id']}.{i['item'].partition('#')[2]}" for i in items if i["item"].startswith("snapshot#")}
    for item in items:
        if item["item"].startswith("label#") and item["snapshot_id"] not in snapshots:
            yield f"label {item['label']}, whose snapshot is gone"
    for owned, record in {**runs, **artifacts}.items():
        if record["session_id"] not in sessions:
            yield f"{owned}, whose session is gone"
    known = {artifact["s3_key"] for artifact in artifacts.values()} | {item["blob"] for item in items if "blob" in item}
    known |= {f"contexts/{schema.session_of(snapshot)}/{snapshot}" for snapshot in snapshots}
    known |= {
        schema.archive_key(s["session_id"], s["created_at"]) for s in sessions.values() if s["status"] == "archived"
    }
    yield from _blobs(stores, known, {row["run_id"] for row in state})
    for store in (stores.records, stores.blobs):
        if isinstance(store, Sweeper):
            yield from (f"{swept.count} {swept.kind}" for swept in store.sweep(0, dry_run=True) if swept.count)


def _blobs(stores: Stores, known: set[str], states: set[str]) -> Iterator[str]:
    cursor: str | None = None
    while True:
        page = stores.blobs.list(cursor=cursor)
        for info in page.items:
            parts = info.key.split("/")
            if info.key not in known and not (parts[0] == "values" and parts[1] in states):
                yield f"blob {info.key}"
        if (cursor := page.cursor) is None:
            return
