"""A session with something of everything, and bundles of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from dataops_core import ArtifactStore, ContextManager, SessionManager
from dataops_core.contracts.records import Put
from dataops_core.storage import schema
from tests.contexts import FACTS, change, put_run
from tests.storage.processes import MEMORY


@pytest.fixture
def tmp_path():
    """Where files cost no wait for a disk."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture
def sessions(stores):
    return SessionManager(stores)


@pytest.fixture
def artifacts(stores):
    return ArtifactStore(stores)


@pytest.fixture
def contexts(sessions, artifacts):
    return ContextManager(sessions, artifacts)


@pytest.fixture
def sid(stores, sessions, artifacts, contexts) -> str:
    """Messages short, long, of runs and hidden; artifacts of a run, with lineage and versions; two checkpoints."""
    session = sessions.create_session("ann", **{k: v for k, v in FACTS.items() if k != "global_context"}, ttl=86_400)
    sid = session.session_id
    sessions.update_session(sid, global_context=FACTS["global_context"])
    sessions.add_message(sid, "user", "profile orders.csv 'é€\U0001f600\\ \"", message_id="mine-1")
    run = put_run(stores, sid, 1, version="1.0", nodes=[{"node": "n", "step": 1, "ms": 2.5}], attempt=1)
    first = artifacts.store_artifact({"rows": 422}, sid, "w", name="report.json")
    second = artifacts.store_artifact(" ".join(map(str, range(3_000))), sid, "w", name="report.json", parents=[first])
    raw = artifacts.store_artifact(b"\x00\xff" * 700, sid, "w", "debug", name="raw", parents=[second, first])
    stored = stores.records.get(schema.ARTIFACTS, raw)
    stores.records.commit([Put(schema.ARTIFACTS, {**stored.record, "run_id": run, "node": "n"}, stored.token)])
    stored = stores.records.get(schema.RUNS, run)
    made = {**stored.record, "artifacts": [raw], "query_message": 1, "answer_message": 2}
    stores.records.commit([Put(schema.RUNS, made, stored.token)])
    sessions.add_message(sid, "assistant", "long " * 9_000, workflow="w", artifacts=[first, raw])
    contexts.create_checkpoint(sid, "before", include_artifacts=True)
    sessions.add_message(sid, "user", "a wrong turn")
    sessions.update_session(sid, metadata={"team": "b"})
    contexts.restore_checkpoint(sid, "before")
    sessions.add_message(sid, "user", "and on")
    change(stores, sid, last_active=schema.iso())
    return sid


@pytest.fixture
def bundle(contexts, sid, tmp_path) -> Path:
    path = tmp_path / "bundle.zip"
    contexts.dump_bundle(sid, path)
    return path


def renamed(value, old, new):
    """A value with the ids of one session as those of another."""
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, dict):
        return {renamed(k, old, new): renamed(v, old, new) for k, v in value.items()}
    return [renamed(v, old, new) for v in value] if isinstance(value, list | tuple) else value


def owned(stores, session_id):
    """Everything that a session owns, as it is kept: rows, records, and contents by key."""
    from dataops_core.storage.ownership import owned_id, pointers

    rows = {row.record["item"]: row.record for row in stores.records.range(schema.SESSION_ITEMS, session_id)}
    found = {"items": rows}
    for kind, table in (("run", schema.RUNS), ("artifact", schema.ARTIFACTS)):
        keys = [(owned_id(p), None) for p in pointers(stores, session_id, kind)]
        found[kind] = {stored.record[f"{kind}_id"]: stored.record for stored in stores.records.get_many(table, keys)}
    found["blobs"] = {}
    for prefix in ("artifacts", "contexts", "messages"):
        for info in stores.blobs.list(f"{prefix}/{session_id}/").items:
            with stores.blobs.open(info.key) as stream:
                found["blobs"][info.key] = stream.read()
    return found
