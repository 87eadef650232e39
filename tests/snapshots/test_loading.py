"""Contexts that are loaded into sessions, and inherited: every part once, and nothing of the session lost."""

from __future__ import annotations

import time

import pytest

from dataops_core import ArtifactStore, ContextManager, SessionManager
from dataops_core.errors import InvalidValue
from dataops_core.storage import schema
from tests.contexts import FACTS, facts, put_run, said


@pytest.fixture
def sessions(stores):
    return SessionManager()


@pytest.fixture
def artifacts(stores):
    return ArtifactStore()


@pytest.fixture
def contexts(sessions, artifacts):
    return ContextManager(sessions, artifacts)


@pytest.fixture
def sid(sessions):
    """A session with facts and three messages."""
    made = sessions.create_session("ann", metadata=FACTS["metadata"], preferences=FACTS["preferences"])
    sessions.update_session(made.session_id, global_context=FACTS["global_context"])
    for n in range(1, 4):
        sessions.add_message(made.session_id, "user", f"m{n}")
    return made.session_id


@pytest.fixture
def loaded(contexts, sessions, artifacts, sid):
    """A snapshot with two artifacts, which a message names, and another session that says something already."""
    one = artifacts.store_artifact({"a": 1}, sid, "w", name="one.json")
    two = artifacts.store_artifact(b"\x00" * 300_000, sid, "w")
    sessions.add_message(sid, "assistant", "done", workflow="w", artifacts=[one, two])
    target = sessions.create_session("bob", metadata={"team": "b"}, preferences={"lang": "de"}).session_id
    for content in ("t1", "t2"):
        sessions.add_message(target, "user", content)
    return contexts.dump_context(sid), target, one, two


def test_loading_replaces(contexts, sessions, artifacts, loaded, sid):
    snapshot_id, target, one, two = loaded
    context = contexts.load_context(snapshot_id, target)
    assert context["session_id"] == sid
    assert said(sessions, target) == ["m1", "m2", "m3", "done"]
    assert facts(sessions, target) == FACTS
    assert sessions.get_session(target).user_id == "bob"
    copies = sessions.get_messages(target)[-1].artifacts
    assert [a.artifact_id for a in artifacts.list_artifacts(target)][::-1] == list(copies)
    assert artifacts.get_artifact(copies[0]).parents == ({"id": one, "relation": "loaded_from"},)
    for gone in (one, two):
        artifacts.delete_artifact(gone)
    assert artifacts.get_artifact_content(copies[0]) == {"a": 1}
    assert artifacts.get_artifact_content(copies[1]) == b"\x00" * 300_000
    (before,) = contexts.list_checkpoints(target)
    assert before.label.startswith("before-load-")
    contexts.restore_checkpoint(target, before.label)
    assert said(sessions, target) == ["t1", "t2"]
    assert facts(sessions, target) == {"metadata": {"team": "b"}, "preferences": {"lang": "de"}, "global_context": {}}


def test_loading_keeps_the_times_and_roles_of_messages(contexts, sessions, loaded, sid):
    snapshot_id, target, *_ = loaded
    contexts.load_context(snapshot_id, target, "merge")
    new = sessions.get_messages(target)[2:]
    assert [(m.role, m.created_at, m.workflow) for m in new] == [
        (m.role, m.created_at, m.workflow) for m in sessions.get_messages(sid)
    ]
    assert sessions.get_session(target).last_active > new[-1].created_at


def test_loading_merges(contexts, sessions, loaded):
    snapshot_id, target, *_ = loaded
    contexts.load_context(snapshot_id, target, mode="merge")
    assert said(sessions, target) == ["t1", "t2", "m1", "m2", "m3", "done"]
    merged = {"lang": "de", "currency": "EUR"}
    assert facts(sessions, target) == {**FACTS, "metadata": {"team": "b"}, "preferences": merged}
    assert contexts.list_snapshots(target) == []


def test_loading_selects(contexts, sessions, artifacts, loaded):
    snapshot_id, target, one, two = loaded
    contexts.load_context(snapshot_id, target, "selective", ["preferences"])
    assert said(sessions, target) == ["t1", "t2"]
    assert facts(sessions, target)["preferences"] == {"lang": "de", "currency": "EUR"}
    assert facts(sessions, target)["global_context"] == {}
    assert artifacts.list_artifacts(target) == []
    contexts.load_context(snapshot_id, target, "selective", ["artifacts"])
    assert len(artifacts.list_artifacts(target)) == 2
    contexts.load_context(snapshot_id, target, "selective", ["messages"])
    assert said(sessions, target)[2:] == ["m1", "m2", "m3", "done"]
    assert sessions.get_messages(target)[-1].artifacts == (one, two)


@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_loading_twice_doubles_nothing(contexts, sessions, artifacts, stores, loaded, mode):
    snapshot_id, target, *_ = loaded
    contexts.load_context(snapshot_id, target, mode)
    rows = len(stores.records.range(schema.SESSION_ITEMS, target))
    once = said(sessions, target)
    contexts.load_context(snapshot_id, target, mode)
    assert said(sessions, target) == once
    assert len(artifacts.list_artifacts(target)) == 2
    assert len(stores.records.range(schema.SESSION_ITEMS, target)) == rows


def test_replacing_again_after_talking_on(contexts, sessions, loaded):
    snapshot_id, target, *_ = loaded
    contexts.load_context(snapshot_id, target)
    sessions.add_message(target, "user", "more")
    contexts.load_context(snapshot_id, target)
    assert said(sessions, target) == ["m1", "m2", "m3", "done"]
    newest = contexts.list_checkpoints(target)[0]
    contexts.restore_checkpoint(target, newest.label)
    assert said(sessions, target) == ["m1", "m2", "m3", "done", "more"]


def test_loading_into_the_session_itself(contexts, sessions, artifacts, loaded, sid):
    snapshot_id, _, one, two = loaded
    sessions.add_message(sid, "user", "later")
    sessions.update_session(sid, metadata={"team": "z"})
    artifacts.delete_artifact(two)
    contexts.load_context(snapshot_id, sid)
    assert said(sessions, sid) == ["m1", "m2", "m3", "done"]
    assert facts(sessions, sid) == FACTS
    assert sessions.get_session(sid).revision == 5
    again, first = artifacts.list_artifacts(sid)
    assert first.artifact_id == one
    assert again.parents == ({"id": two, "relation": "loaded_from"},)
    contexts.load_context(snapshot_id, sid)
    assert len(artifacts.list_artifacts(sid)) == 2


def test_artifacts_whose_time_is_over_are_not_loaded(contexts, sessions, artifacts, stores, sid):
    artifacts.store_artifact("short", sid, "w", ttl=0.2)
    snapshot_id = contexts.dump_context(sid)
    target = sessions.create_session("bob").session_id
    time.sleep(0.3)
    contexts.load_context(snapshot_id, target)
    assert artifacts.list_artifacts(target) == []
    assert stores.blobs.list(f"artifacts/{target}/").items == []


@pytest.mark.parametrize(
    ("mode", "include", "hint"),
    [
        ("mrge", (), "did you mean 'merge'?"),
        ("selective", (), "include some of"),
        ("selective", ["mesages"], "did you mean 'messages'?"),
        ("merge", ["messages"], "'selective'"),
        ("selective", "everything", "the parts are"),
    ],
)
def test_wrong_modes_and_parts(contexts, sessions, loaded, mode, include, hint):
    snapshot_id, target, *_ = loaded
    with pytest.raises(InvalidValue) as error:
        contexts.load_context(snapshot_id, target, mode, include)
    assert hint in error.value.hint
    assert said(sessions, target) == ["t1", "t2"]


# Inheriting


def test_inheriting_facts_decisions_and_references(contexts, sessions, artifacts, stores, sid):
    kept = artifacts.store_artifact("x", sid, "w")
    put_run(stores, sid, 1, input={"file_path": "orders.csv"}, artifacts=[kept])
    target = sessions.create_session("ann", preferences={"currency": "CHF"}).session_id
    session = contexts.inherit_context(sid, target)
    assert session.preferences == {"currency": "CHF"}
    assert (session.metadata, session.global_context) == (FACTS["metadata"], FACTS["global_context"])
    (message,) = sessions.get_messages(target)
    assert (message.role, message.artifacts) == ("system", (kept,))
    assert "w(file_path=orders.csv)" in message.content
    assert sid in message.content
    assert artifacts.list_artifacts(target) == []
    sessions.update_session(target, metadata={"team": None})
    assert contexts.inherit_context(sid, target).metadata == {}
    assert len(sessions.get_messages(target)) == 1


def test_inheriting_parts(contexts, sessions, sid):
    target = sessions.create_session("ann").session_id
    session = contexts.inherit_context(sid, target, include=["preferences"])
    assert (session.preferences, session.metadata) == (FACTS["preferences"], {})
    with pytest.raises(InvalidValue) as error:
        contexts.inherit_context(sid, target, include=["run"])
    assert error.value.hint == "did you mean 'runs'?"
    with pytest.raises(InvalidValue, match="itself"):
        contexts.inherit_context(sid, sid)
