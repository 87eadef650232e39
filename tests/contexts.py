"""What the tests of contexts share."""

from __future__ import annotations

from dataops_core.contracts.records import ABSENT, Put
from dataops_core.storage import schema
from dataops_core.storage.ownership import pointer

FACTS = {"metadata": {"team": "a"}, "preferences": {"currency": "EUR"}, "global_context": {"table": "orders"}}


def said(sessions, session_id):
    """What is visible, read in every way there is."""
    walked = [m.content for m in sessions.iter_messages(session_id)]
    paged, before = [], None
    while page := sessions.get_messages(session_id, limit=2, before=before):
        paged, before = [m.content for m in page] + paged, page[0].number
    assert walked == paged
    tail = sessions.get_session(session_id).conversation_history
    assert [entry["content"] for entry in tail] == [c[:1000] for c in walked[len(walked) - len(tail) :]]
    assert bool(tail) == bool(walked)
    return walked


def facts(sessions, session_id):
    session = sessions.get_session(session_id)
    return {name: getattr(session, name) for name in FACTS}


def put_run(stores, session_id, number=1, **fields):
    """A run as its record is kept; returns its id."""
    run_id = schema.new_owned_id(session_id)
    record = {
        "run_id": run_id, "session_id": session_id, "workflow": "w", "input": {"word": "x"}, "status": "success",
        "created_at": schema.iso(), "attempt": 1, "query_message": number, **fields,
    }  # fmt: skip
    stores.records.commit([Put(schema.RUNS, record, ABSENT), Put(schema.SESSION_ITEMS, pointer("run", run_id))])
    return run_id


def change(stores, session_id, **fields):
    stored = stores.records.get(schema.SESSIONS, session_id)
    stores.records.commit([Put(schema.SESSIONS, {**stored.record, **fields}, stored.token)])
