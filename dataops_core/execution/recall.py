"""What earlier attempts of a run have kept: a worker that takes it over tells of all of it in the end."""

from __future__ import annotations

from typing import Any

from dataops_core.contracts.records import Record
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.ownership import owned_id


def recalled(stores: Stores, run: Record) -> Record:
    """Returns a run's record with the artifacts and the node timings that its earlier attempts have committed."""
    nodes = [*run.get("nodes", ()), *_timings(stores, run)]
    known = {(n.get("attempt", 1), n["node"], n["step"], n["ms"]): n for n in nodes}
    return {**run, "artifacts": _artifacts(stores, run), "nodes": list(known.values())}


def _artifacts(stores: Stores, run: Record) -> list[str]:
    """Finds them among the session's pointers since the run was accepted: their keys begin with the time."""
    session_id = run["session_id"]
    rows = stores.records.range(schema.SESSION_ITEMS, session_id, f"artifact#{run['created_at']}", "artifact#~")
    ids = [owned_id(row) for row in rows]
    found = stores.records.get_many(schema.ARTIFACTS, [(artifact_id, None) for artifact_id in ids])
    mine = [item.record["artifact_id"] for item in found if item and item.record.get("run_id") == run["run_id"]]
    return list(dict.fromkeys([*run.get("artifacts", ()), *mine]))


def _timings(stores: Stores, run: Record) -> list[dict[str, Any]]:
    found = []
    for row in stores.records.range(schema.RUN_ITEMS, run["run_id"], "events#", "events#~"):
        attempt = int(row.record["item"].split("#")[1])
        told = [e["data"] for e in row.record["events"] if e["type"] in ("node.finished", "node.failed")]
        found += [data if attempt == 1 else {**data, "attempt": attempt} for data in told]
    return found
