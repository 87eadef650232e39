"""Archiving and deleting: cut short at every call, raced, repeated."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from dataops_core import ArtifactStore, SessionManager
from dataops_core.contracts.records import Put
from dataops_core.errors import Conflict, DataOpsError, NotFound, Unreachable
from dataops_core.execution.runner import Runner
from dataops_core.storage import schema
from dataops_core.upkeep.gc import gc
from tests.failing import counted, everything, failing
from tests.graph_runs import GraphRuns

LONG = "a long message; " * 2000
OLD = "2020-01-01T00:00:00.000000Z"


class State(TypedDict, total=False):
    word: str
    session_id: str
    answer: str


@pytest.fixture
def sessions(stores):
    return SessionManager(stores)


@pytest.fixture
def run_graph(stores, monkeypatch):
    return GraphRuns(stores, monkeypatch)


def graph(node):
    builder = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder


def asking(state):
    return {"answer": interrupt("which file?")}


def filled(stores, run_graph) -> str:
    """A session with messages, an artifact, and runs: one that succeeded, one that failed, one that asks."""

    def works(state):
        ArtifactStore(stores).store_artifact("made", state["session_id"], "w", name="made")
        return {"answer": "done"}

    def fails(state):
        raise RuntimeError("no")

    session_id = SessionManager(stores).create_session("ann").session_id
    SessionManager(stores).add_message(session_id, "user", LONG, message_id="mine")
    for node in (works, fails, asking):
        run_graph(graph(node), session_id=session_id, name=node.__name__)
    return session_id


def test_a_run_that_waits_for_an_answer_is_cancelled(stores, sessions, run_graph):
    session_id = filled(stores, run_graph)
    before = [m.content for m in sessions.iter_messages(session_id)]
    sessions.archive_session(session_id)
    runs = run_graph.runner.runs.list(session_id=session_id)
    assert [run["status"] for run in runs] == ["cancelled", "error", "success"]
    assert "question" not in runs[0]
    assert runs[0]["finished_at"]
    assert [m.content for m in sessions.iter_messages(session_id)] == before
    with pytest.raises(DataOpsError):
        run_graph.runner.answer(runs[0]["run_id"], "a.csv")
    assert gc(stores, grace=0).swept == {}


def test_archiving_survives_a_failure_at_every_call(stores, sessions, run_graph):
    counting, calls = counted(stores)
    first = filled(stores, run_graph)
    expected = [(m.number, m.content) for m in sessions.iter_messages(first)]
    SessionManager(counting).archive_session(first)
    assert len(calls) > 15
    for number in range(1, len(calls) + 1):
        session_id = filled(stores, run_graph)
        with pytest.raises(Unreachable):
            SessionManager(failing(stores, number, done=number % 2 == 0)).archive_session(session_id)
        # Whatever happened, everything can still be read.
        assert [(m.number, m.content) for m in sessions.iter_messages(session_id)] == expected
        assert len(run_graph.runner.runs.list(session_id=session_id)) == 3
        key = sessions.archive_session(session_id)
        assert sessions.get_session(session_id).status == "archived"
        assert [(m.number, m.content) for m in sessions.iter_messages(session_id)] == expected
        runs = run_graph.runner.runs.list(session_id=session_id)
        assert [run["status"] for run in runs] == ["cancelled", "error", "success"]
        assert key == schema.archive_key(session_id, sessions.get_session(session_id).created_at)
    assert gc(stores, grace=0).swept == {}


def test_deleting_survives_a_failure_at_every_call(stores, sessions, run_graph):
    counting, calls = counted(stores)
    SessionManager(counting).delete_session(filled(stores, run_graph))
    assert everything(stores) == ({}, [])
    for number in range(1, len(calls) + 1):
        done = number % 2 == 0 or number == len(calls)
        session_id = filled(stores, run_graph)
        with pytest.raises(Unreachable):
            SessionManager(failing(stores, number, done=done)).delete_session(session_id)
        with suppress(NotFound):  # only after the last call
            sessions.delete_session(session_id)
        assert everything(stores) == ({}, []), (number, done)


def test_deleting_an_archived_session_deletes_its_file(stores, sessions, run_graph):
    session_id = filled(stores, run_graph)
    sessions.archive_session(session_id)
    sessions.delete_session(session_id)
    assert everything(stores) == ({}, [])
    with pytest.raises(NotFound):
        sessions.delete_session(session_id)
    with pytest.raises(NotFound):
        sessions.archive_session(session_id)


def test_a_busy_session_is_not_archived(stores, sessions, run_graph):
    def node(state):
        with pytest.raises(Conflict, match="busy") as told:
            sessions.archive_session(state["session_id"])
        assert "runs show" in told.value.hint
        return {"answer": "done"}

    result = run_graph(graph(node))
    assert result.status == "success"
    assert sessions.get_session(result.session_id).status == "active"


@pytest.mark.parametrize("stage", [True, False])
def test_a_run_whose_session_is_deleted_keeps_nothing(stores, sessions, run_graph, stage):
    def node(state):
        artifacts = ArtifactStore(stores)
        if stage:
            artifacts.store_artifact("before", state["session_id"], "w", name="before")
        sessions.delete_session(state["session_id"])
        if stage:
            artifacts.store_artifact("after", state["session_id"], "w", name="after")
        return {"answer": LONG}

    with pytest.raises(Conflict, match="deleted"):
        run_graph(graph(node))
    gc(stores, grace=0)
    assert everything(stores) == ({}, [])


def test_two_archivers_and_a_deleter_end_in_one_state(stores, sessions, run_graph):
    for with_deleter in (False, True):
        session_id = filled(stores, run_graph)
        expected = [m.content for m in sessions.iter_messages(session_id)]
        strange = []

        def do(call, session_id=session_id, strange=strange):
            try:
                call(session_id)
            except (Conflict, NotFound):
                pass
            except Exception as error:
                strange.append(error)

        calls = [sessions.archive_session] * 3 + [sessions.delete_session] * with_deleter
        threads = [threading.Thread(target=do, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert strange == []
        if not with_deleter:
            assert [m.content for m in sessions.iter_messages(session_id)] == expected
            sessions.delete_session(session_id)
        assert everything(stores) == ({}, [])


def test_the_slower_of_two_archivers_writes_the_same_file(stores, sessions, run_graph, monkeypatch):
    """One is done with everything while the other is about to put its file."""
    session_id = filled(stores, run_graph)
    put, files = stores.blobs.put, []

    def slow(key, stream, **kwargs):
        if key.startswith("archives/"):
            files.append(stream.read())
            stream.seek(0)
            if len(files) == 1:
                SessionManager(stores).archive_session(session_id)
        return put(key, stream, **kwargs)

    monkeypatch.setattr(stores.blobs, "put", slow)
    key = sessions.archive_session(session_id)
    assert len(files) == 2
    assert files[0] == files[1]
    with stores.blobs.open(key) as stream:
        assert stream.read() == files[0]


def test_a_file_that_comes_after_its_session_was_deleted_goes(stores, sessions, run_graph, monkeypatch):
    session_id = filled(stores, run_graph)
    put = stores.blobs.put

    def slow(key, stream, **kwargs):
        if key.startswith("archives/"):
            sessions.delete_session(session_id)
        return put(key, stream, **kwargs)

    monkeypatch.setattr(stores.blobs, "put", slow)
    with pytest.raises(NotFound):
        SessionManager(stores).archive_session(session_id)
    assert everything(stores) == ({}, [])


def test_archiving_against_appends_keeps_every_acknowledged_message(stores, sessions):
    session_id = sessions.create_session("ann").session_id
    said: list[str] = []

    def append(who: int) -> None:
        with suppress(Conflict):
            for number in range(1000):
                SessionManager(stores).add_message(session_id, "user", f"{who}:{number}")
                said.append(f"{who}:{number}")

    threads = [threading.Thread(target=append, args=(who,)) for who in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    sessions.archive_session(session_id)
    for thread in threads:
        thread.join()
    kept = [m.content for m in sessions.iter_messages(session_id)]
    assert sorted(kept) == sorted(said)
    assert len(kept) == sessions.get_session(session_id).revision > 0


def expire(stores, session_id: str) -> None:
    stored = stores.records.get(schema.SESSIONS, session_id)
    stores.records.commit(
        [Put(schema.SESSIONS, {**stored.record, "idle_seconds": 60, "last_active": OLD}, stored.token)]
    )


def test_cleanup_leaves_what_it_cannot_archive_for_the_next_time(stores, sessions, run_graph):
    damaged, asked, fine = (filled(stores, run_graph) for _ in range(3))
    for session_id in (damaged, asked, fine):
        expire(stores, session_id)
    (key,) = [info.key for info in stores.blobs.list(f"messages/{damaged}/").items]
    with stores.blobs.open(key) as stream:
        content = stream.read()
    stores.blobs.delete(key)
    assert sorted(sessions.cleanup_expired_sessions()) == sorted([asked, fine])
    import io

    stores.blobs.put(key, io.BytesIO(content))
    assert sessions.get_session(damaged).status == "archiving"
    assert gc(stores, grace=0).problems == []
    assert sessions.get_messages(damaged)[0].content == LONG


def test_cleanup_survives_a_failure_at_every_call(stores, sessions):
    def expired() -> str:
        session_id = sessions.create_session("ann").session_id
        sessions.add_message(session_id, "user", LONG)
        expire(stores, session_id)
        return session_id

    expired()
    counting, calls = counted(stores)
    assert len(SessionManager(counting).cleanup_expired_sessions()) == 1
    for number in range(1, len(calls) + 1):
        session_id = expired()
        with pytest.raises(Unreachable):
            SessionManager(failing(stores, number, done=number % 2 == 0)).cleanup_expired_sessions()
        sessions.cleanup_expired_sessions()
        gc(stores, grace=0)  # one that was begun is no longer expired
        assert sessions.get_session(session_id).status == "archived"
        assert sessions.get_messages(session_id)[0].content == LONG
        sessions.delete_session(session_id)


def test_a_session_that_came_alive_is_not_archived(stores, sessions, monkeypatch):
    """The listing may lag behind: what counts is the record as it is archived."""
    session_id = sessions.create_session("ann", ttl=60).session_id
    expire(stores, session_id)
    listed = sessions.list_sessions(status="expired")
    stored = stores.records.get(schema.SESSIONS, session_id)
    stores.records.commit([Put(schema.SESSIONS, {**stored.record, "last_active": schema.iso()}, stored.token)])
    monkeypatch.setattr(sessions, "list_sessions", lambda **_: listed)
    assert sessions.cleanup_expired_sessions() == []
    assert sessions.get_session(session_id).status == "active"


def test_cancelling_against_archiving_loses_no_message(stores, sessions, run_graph, monkeypatch):
    session_id = filled(stores, run_graph)
    runner = Runner(stores)
    (asked,) = runner.runs.list(session_id=session_id, status="interrupted")
    commit, raced = stores.records.commit, []

    def race(writes):
        tokens = commit(writes)
        put = writes[0]
        if isinstance(put, Put) and put.table is schema.SESSIONS and put.record["status"] == "archiving" and not raced:
            raced.append(True)
            runner.cancel(asked["run_id"])
        return tokens

    monkeypatch.setattr(stores.records, "commit", race)
    sessions.archive_session(session_id)
    assert raced
    kept = list(sessions.iter_messages(session_id))
    assert len(kept) == sessions.get_session(session_id).revision
    assert kept[-1].content.endswith("was cancelled.")
    assert runner.runs.get(asked["run_id"])["status"] == "cancelled"


def test_the_file_is_one_json_object(stores, sessions, run_graph):
    import gzip

    session_id = filled(stores, run_graph)
    with stores.blobs.open(sessions.archive_session(session_id)) as stream:
        told = json.loads(gzip.decompress(stream.read()))
    assert list(told) == ["schema_version", "session", "messages", "runs", "artifacts"]
    assert [len(told[name]) for name in ("messages", "runs", "artifacts")] == [7, 3, 1]
