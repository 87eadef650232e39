"""What is swept, and what never is."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from dataops_core import ArtifactStore, SessionManager, settings
from dataops_core.contracts.records import ABSENT, ANY, Delete, Put
from dataops_core.errors import Conflict, InvalidValue, NotFound, Unreachable
from dataops_core.execution.checkpointer import RecordSaver
from dataops_core.execution.runner import Runner
from dataops_core.storage import schema
from dataops_core.storage.ownership import pointer
from dataops_core.storage.tombstones import is_tombstone, reserve
from dataops_core.upkeep.gc import gc
from tests.failing import counted, everything, failing

LONG = "a long message; " * 2000
OLD = "2020-01-01T00:00:00.000000Z"


class State(TypedDict, total=False):
    word: str
    session_id: str
    big: str
    answer: str


def graph(*nodes):
    builder = StateGraph(State)
    for before, node in zip([None, *nodes], nodes, strict=False):
        builder.add_node(node.__name__, node)
        builder.add_edge(before.__name__ if before else START, node.__name__)
    builder.add_edge(nodes[-1].__name__, END)
    return builder


def kinds(report) -> dict[str, int]:
    return {kind: found.count for kind, found in report.swept.items()}


def orphans(stores, session_id: str) -> dict[str, str]:
    """Puts a blob of each kind that no record names; returns the kinds by key."""
    run_id = schema.new_owned_id(session_id)
    keys = {
        schema.artifact_key(session_id, OLD, f"{session_id}.{schema.new_session_id()}"): "artifact contents",
        f"contexts/{session_id}/{schema.new_owned_id(session_id)}": "snapshot contents",
        schema.message_key(session_id, 77): "message contents",
        schema.value_key(run_id, "0" * 64): "graph values",
        schema.archive_key(schema.new_session_id(), OLD): "archives of no session",
    }
    for key in keys:
        stores.blobs.put(key, io.BytesIO(b"left"))
    return keys


def test_what_is_named_stays_and_what_is_not_goes(stores, sessions, artifacts, run_graph):
    session_id = sessions.create_session("ann").session_id
    sessions.add_message(session_id, "user", LONG)
    kept = artifacts.store_artifact("x", session_id, "w", name="x")
    archived = sessions.create_session("ann").session_id
    sessions.add_message(archived, "user", LONG)
    sessions.archive_session(archived)

    def node(state):
        artifacts.store_artifact("made", state["session_id"], "w", name="made")
        return {"answer": "done"}

    run_graph(graph(node), session_id=session_id)
    before = everything(stores)
    keys = orphans(stores, session_id)
    assert kinds(gc(stores)) == {}  # all of it is younger than the grace
    told = gc(stores, grace=0, dry_run=True)
    assert kinds(told) == dict.fromkeys(keys.values(), 1)
    assert all(found.bytes == 4 for found in told.swept.values())
    assert sorted(everything(stores)[1]) == sorted([*before[1], *keys])
    assert gc(stores, grace=0).swept == told.swept
    assert gc(stores, grace=0).swept == {}
    assert everything(stores) == before
    assert sessions.get_messages(session_id)[0].content == LONG
    assert sessions.get_messages(archived)[0].content == LONG
    assert artifacts.get_artifact_content(kept) == "x"
    assert len(artifacts.list_artifacts(session_id)) == 2


def test_strangers_blobs_and_threads_are_left_alone(stores):
    keys = ["artifacts/hello.txt", "messages/x/y", "contexts/a/b/c", "archives/x.gz", "other/thing", "values/thread/v"]
    for key in keys:
        stores.blobs.put(key, io.BytesIO(b"x"))
    saver = RecordSaver(stores)
    config = {"configurable": {"thread_id": "mine.thread", "checkpoint_ns": ""}}
    from langgraph.checkpoint.base import empty_checkpoint

    saver.put(config, empty_checkpoint(), {"step": 1}, {})
    report = gc(stores, grace=0)
    assert report.swept == {}
    assert report.unknown == 4
    assert saver.has_checkpoint("mine.thread")
    assert len(everything(stores)[1]) == len(keys)


@pytest.mark.parametrize("grace", [-1, float("nan")])
def test_a_wrong_grace_is_refused(stores, grace):
    with pytest.raises(InvalidValue):
        gc(stores, grace=grace)


# Writers that are only slow


def during(monkeypatch, stores, prefix: str) -> list[str]:
    """Has gc run, with no grace, right after the first blob below a prefix was put; returns what it swept."""
    put, swept = stores.blobs.put, []

    def slow(key, *args, **kwargs):
        info = put(key, *args, **kwargs)
        if key.startswith(prefix) and not swept:
            swept.append("")
            swept[:] = [*gc(stores, grace=0).swept, "ran"]
        return info

    monkeypatch.setattr(stores.blobs, "put", slow)
    return swept


def test_a_late_writer_of_an_artifact_is_told(stores, sessions, artifacts, monkeypatch):
    session_id = sessions.create_session("ann").session_id
    swept = during(monkeypatch, stores, "artifacts/")
    with pytest.raises(Conflict, match="storage gc") as told:
        artifacts.store_artifact("slow", session_id, "w", name="n")
    assert "--grace" in told.value.hint
    assert swept == ["artifact contents", "ran"]
    again = artifacts.store_artifact("slow", session_id, "w", name="n")
    assert [a.artifact_id for a in artifacts.list_artifacts(session_id)] == [again]
    assert artifacts.get_artifact(again).version == 1


def test_a_late_copy_is_told(stores, sessions, artifacts, monkeypatch):
    source, target = (sessions.create_session("ann").session_id for _ in range(2))
    artifact = artifacts.store_artifact("x", source, "w")
    during(monkeypatch, stores, f"artifacts/{target}")
    with pytest.raises(Conflict, match="storage gc"):
        artifacts.share_artifact(artifact, target)
    assert artifacts.list_artifacts(target) == []


def test_a_late_writer_of_a_message_writes_it_again(stores, sessions, monkeypatch):
    session_id = sessions.create_session("ann").session_id
    swept = during(monkeypatch, stores, "messages/")
    sessions.add_message(session_id, "user", LONG)
    assert swept == ["message contents", "ran"]
    assert [m.content for m in sessions.iter_messages(session_id)] == [LONG]
    assert gc(stores, grace=0).swept == {}


def test_a_late_first_message_makes_another_session(stores, sessions, monkeypatch, run_graph):
    swept = during(monkeypatch, stores, "messages/")

    def node(state):
        return {"answer": LONG}

    result = run_graph(graph(node), {"word": LONG})
    assert swept == ["message contents", "ran"]
    assert result.status == "success"
    assert [len(m.content) > 16_000 for m in sessions.iter_messages(result.session_id)] == [True, True]
    assert [s.session_id for s in sessions.list_sessions()] == [result.session_id]
    assert gc(stores, grace=0).swept == {}


def test_what_a_run_has_staged_is_left_alone(stores, artifacts, monkeypatch, run_graph):
    swept = during(monkeypatch, stores, "artifacts/")

    def node(state):
        artifacts.store_artifact("staged", state["session_id"], "w", name="staged")
        return {"big": "v" * 50_000}

    def last(state):
        gc(stores, grace=0)
        return {"answer": str(len(state["big"]))}

    result = run_graph(graph(node, last))
    assert swept == ["ran"]
    assert result.status == "success"
    assert artifacts.get_artifact_content(result.artifacts[0]) == "staged"


def test_a_step_that_runs_again_after_a_crash_and_a_sweep_stores_its_artifact(stores, artifacts, run_graph):
    class Crash(BaseException):
        pass

    crashes = [True]

    def first(state):
        return {"big": "v" * 50_000}

    def second(state):
        artifacts.store_artifact("content", state["session_id"], "w", name="n")
        if crashes:
            crashes.clear()
            raise Crash
        return {"answer": "done"}

    builder = graph(first, second)
    with pytest.raises(Crash):
        run_graph(builder, name="crashing")
    ((run_id, session_id),) = [(r["run_id"], r["session_id"]) for r in run_graph.runner.runs.list()]
    assert artifacts.list_artifacts(session_id) == []
    assert gc(stores, grace=0).swept == {}
    result = run_graph.runner.resume(run_id, force=True)
    assert result.status == "success"
    assert artifacts.get_artifact_content(result.artifacts[0]) == "content"


def test_a_stager_is_not_fooled_by_a_tombstone(stores, artifacts, run_graph):
    """The rule that leaves open runs alone would have to fail first, say by clocks that are hours apart."""

    def node(state):
        artifact = artifacts.store_artifact("x", state["session_id"], "w", name="n")
        assert reserve(stores.records, schema.ARTIFACTS, artifact)
        return {"answer": "done"}

    result = run_graph(graph(node))
    assert result.status == "error"
    assert "storage gc" in result.answer
    assert result.artifacts == ()
    assert SessionManager(stores).get_session(result.session_id).turn is None


def test_a_tombstone_is_no_artifact_to_anybody(stores, sessions, artifacts):
    session_id = sessions.create_session("ann").session_id
    ghost = artifacts.store_artifact("gone soon", session_id, "w")
    child = artifacts.store_artifact("x", session_id, "w", parents=[ghost])
    artifacts.delete_artifact(ghost)
    assert reserve(stores.records, schema.ARTIFACTS, ghost)
    assert reserve(stores.records, schema.ARTIFACTS, ghost)
    stores.records.commit([Put(schema.SESSION_ITEMS, pointer("artifact", ghost, schema.iso()), ABSENT)])
    assert not reserve(stores.records, schema.ARTIFACTS, child)
    for read in (artifacts.get_artifact, artifacts.open_artifact, artifacts.delete_artifact, artifacts.lineage):
        with pytest.raises(NotFound):
            read(ghost)
    with pytest.raises(NotFound):
        artifacts.link_artifacts(ghost, [artifacts.store_artifact("y", sessions.create_session("b").session_id, "w")])
    assert [a.artifact_id for a in artifacts.list_artifacts(session_id)] == [child]
    assert {"id": ghost, "missing": True} in artifacts.lineage(child)["nodes"]
    assert kinds(gc(stores, grace=0)) == {"pointers to nothing": 1}
    sessions.archive_session(session_id)
    for session in sessions.list_sessions():
        sessions.delete_session(session.session_id)
    assert everything(stores) == ({}, [])


def test_a_tombstone_expires(stores, sessions, monkeypatch):
    session_id = sessions.create_session("ann").session_id
    ghost = f"{session_id}.{schema.new_session_id()}"
    reserve(stores.records, schema.ARTIFACTS, ghost)
    now = time.time()
    monkeypatch.setattr(stores.records, "_clock", lambda: now + 91 * 86_400)
    assert stores.records.get(schema.ARTIFACTS, ghost) is None
    assert kinds(gc(stores)) == {"expired records": 1}


# What crashes left of sessions and records


def test_a_session_that_was_left_half_way_is_completed(stores, sessions, artifacts):
    halves = {}
    for ending, at in (("archive_session", 8), ("delete_session", 6)):
        session_id = sessions.create_session("ann").session_id
        sessions.add_message(session_id, "user", LONG)
        artifacts.store_artifact("x", session_id, "w")
        with pytest.raises(Unreachable):
            getattr(SessionManager(failing(stores, at, done=True)), ending)(session_id)
        halves[session_id] = sessions.get_session(session_id).status
    assert list(halves.values()) == ["archiving", "deleting"]
    assert gc(stores).swept == {}
    assert {s.session_id: s.status for s in sessions.list_sessions()} == halves
    assert kinds(gc(stores, grace=0, dry_run=True))["sessions left archiving"] == 1
    report = gc(stores, grace=0)
    assert kinds(report) == {"sessions left archiving": 1, "sessions left deleting": 1}
    (left,) = sessions.list_sessions()
    assert left.status == "archived"
    assert sessions.get_messages(left.session_id)[0].content == LONG
    sessions.delete_session(left.session_id)
    assert everything(stores) == ({}, [])


def test_one_session_that_cannot_be_completed_stops_no_other(stores, sessions):
    broken, whole = (sessions.create_session("ann").session_id for _ in range(2))
    for session_id in (broken, whole):
        sessions.add_message(session_id, "user", LONG)
        stored = stores.records.get(schema.SESSIONS, session_id)
        stores.records.commit([Put(schema.SESSIONS, {**stored.record, "status": "archiving"}, ANY)])
    (key,) = [i.key for i in stores.blobs.list(f"messages/{broken}/").items]
    stores.blobs.delete(key)
    report = gc(stores, grace=0)
    assert kinds(report) == {"sessions left archiving": 1}
    assert [broken in problem for problem in report.problems] == [True]
    assert sessions.get_session(whole).status == "archived"


def test_records_of_no_session_and_pointers_to_nothing_go(stores, sessions, artifacts, run_graph):
    def node(state):
        artifacts.store_artifact("made", state["session_id"], "w", name="made")
        raise RuntimeError("no")

    lost = run_graph(graph(node)).session_id
    sessions.add_message(lost, "user", LONG, message_id="mine")
    stores.records.commit([Delete(schema.SESSIONS, lost)])
    kept = sessions.create_session("ann").session_id
    gone = artifacts.store_artifact("x", kept, "w")
    stores.records.commit([Delete(schema.ARTIFACTS, gone)])
    stays = artifacts.store_artifact("y", kept, "w")
    stores.records.commit([Put(schema.RUN_ITEMS, {"run_id": schema.new_owned_id(kept), "item": "lease"}, ANY)])
    assert set(gc(stores).swept) <= {"items of no session"}  # some do not say how old they are
    report = gc(stores, grace=0)
    assert {"runs of no session", "items of no session", "pointers to nothing", "rows of no run"} <= set(report.swept)
    assert gc(stores, grace=0).swept == {}
    assert everything(stores)[0] == {
        schema.SESSIONS.name: 1, schema.SESSION_ITEMS.name: 1, schema.ARTIFACTS.name: 1,
    }  # fmt: skip
    assert artifacts.get_artifact_content(stays) == "y"
    assert len(everything(stores)[1]) == 1


def test_graph_state_goes_when_it_has_had_its_time(stores, run_graph, monkeypatch):
    def big(state):
        return {"big": "v" * 50_000}

    def fails(state):
        raise RuntimeError("no")

    def asks(state):
        interrupt("which?")

    failed = run_graph(graph(big, fails)).run_id
    asked = run_graph(graph(big, asks)).run_id
    monkeypatch.setattr(settings, "current", lambda: settings.load({"success_retention_seconds": 5 * 86_400.0}))
    succeeded = run_graph(graph(big)).run_id
    saver = RecordSaver(stores)

    def state() -> list[str]:
        return [run_id for run_id in (failed, asked, succeeded) if saver.has_checkpoint(run_id)]

    assert gc(stores, grace=0).swept == {}
    assert state() == [failed, asked, succeeded]
    now = time.time()
    monkeypatch.setattr(stores.records, "_clock", lambda: now + 6 * 86_400)
    assert set(kinds(gc(stores))) == {"graph state", "graph values"}
    assert state() == [failed, asked]
    monkeypatch.setattr(stores.records, "_clock", lambda: now + 8 * 86_400)
    assert set(kinds(gc(stores, dry_run=True))) == {"graph state", "graph values"}
    assert set(kinds(gc(stores))) == {"graph state", "graph values"}
    assert state() == [asked]
    assert gc(stores).swept == {}
    assert saver.get_tuple({"configurable": {"thread_id": asked}}).checkpoint["channel_values"]["big"] == "v" * 50_000


def test_what_expired_and_what_was_never_finished_goes(stores, sessions, artifacts, home):
    session_id = sessions.create_session("ann").session_id
    artifacts.store_artifact("x", session_id, "w", ttl=0.05)
    unfinished = home / "blobs" / "%tmp" / "abc.tmp"
    unfinished.write_bytes(b"12345")
    time.sleep(0.1)
    assert kinds(gc(stores, dry_run=True)) == {"expired records": 2}
    hour = time.time() - 3700
    os.utime(unfinished, (hour, hour))
    report = gc(stores)
    assert kinds(report) == {"expired records": 2, "unfinished files": 1}
    assert report.swept["unfinished files"].bytes == 5
    assert not unfinished.exists()
    assert kinds(gc(stores, grace=0)) == {"artifact contents": 1}
    assert everything(stores)[1] == []


# Cut short, twice, and beside everything else


def wreck(stores) -> tuple[str, str]:
    """Leaves something of every kind; returns a session that must come through, and its artifact."""
    sessions, artifacts = SessionManager(stores), ArtifactStore(stores)
    kept, left, lost = (sessions.create_session("ann").session_id for _ in range(3))
    content = ""
    for session_id in (left, lost, kept):
        sessions.add_message(session_id, "user", LONG)
        content = artifacts.store_artifact("x", session_id, "w", name="x")
        orphans(stores, session_id)
    with pytest.raises(Unreachable):
        SessionManager(failing(stores, 8, done=True)).archive_session(left)
    stores.records.commit([Delete(schema.SESSIONS, lost)])
    return kept, content


def test_a_sweep_that_is_cut_short_at_any_call_is_completed_by_the_next(stores, tmp_path):
    wreck(stores)
    counting, calls = counted(stores)
    gc(counting, grace=0)
    for number in range(1, len(calls) + 1, 7):
        kept, content = wreck(stores)
        with pytest.raises(Unreachable):
            gc(failing(stores, number, done=number % 2 == 1), grace=0)
        gc(stores, grace=0)
        assert gc(stores, grace=0).swept == {}
        sessions = SessionManager(stores)
        assert sessions.get_messages(kept)[0].content == LONG
        assert ArtifactStore(stores).get_artifact_content(content) == "x"
        for session in sessions.list_sessions():
            sessions.delete_session(session.session_id)
        assert everything(stores) == ({}, [])


WRITER = """
import sys, time
from dataops_core import ArtifactStore, SessionManager
sessions, artifacts, until = SessionManager(), ArtifactStore(), time.time() + float(sys.argv[1])
number = refused = 0
while time.time() < until:
    session = sessions.create_session("ann").session_id
    sessions.add_message(session, "user", "long " * 5000)
    try:
        artifacts.store_artifact("content", session, "w", name="n")
    except Exception as error:
        assert "storage gc" in str(error), error
        refused += 1
    else:
        print(session, flush=True)
    if number % 3 == 2:
        sessions.archive_session(session)
    number += 1
"""
SWEEPER = """
import sys, time
from dataops_core.storage.opening import open_stores
from dataops_core.upkeep.gc import gc
until = time.time() + float(sys.argv[1])
while time.time() < until:
    assert not gc(open_stores(), grace=0).problems
"""


def test_two_sweeps_beside_two_writers_lose_nothing(stores, sessions, artifacts):
    jobs = [
        subprocess.Popen([sys.executable, "-c", code, "4"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for code in (WRITER, WRITER, SWEEPER, SWEEPER)
    ]
    said = []
    for job in jobs:
        out, err = job.communicate(timeout=60)
        assert job.returncode == 0, err
        said += out.split()
    assert len(said) > 4
    for session_id in said:
        assert [m.content for m in sessions.iter_messages(session_id)] == ["long " * 5000]
        (artifact,) = artifacts.list_artifacts(session_id)
        assert artifacts.get_artifact_content(artifact.artifact_id) == "content"
    gc(stores, grace=0)
    assert gc(stores, grace=0).swept == {}
    assert not [s for s in sessions.list_sessions(limit=1000) if s.status not in ("active", "archived")]


def test_two_sweeps_at_once_do_it_once(stores):
    _kept, content = wreck(stores)
    reports, errors = [], []

    def sweep():
        try:
            reports.append(gc(stores, grace=0))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert gc(stores, grace=0).swept == {}
    assert ArtifactStore(stores).get_artifact_content(content) == "x"


def test_it_says_what_it_looks_at(stores, sessions):
    sessions.create_session("ann")
    heard = []
    gc(stores, heard=lambda what, seen: heard.append((what, seen)))
    assert ("dataops_sessions", 1) in heard
    assert ("blobs in artifacts/", 0) in heard


def test_tombstones_hide_in_listings_of_the_store_only(stores, sessions):
    """Whoever scans the tables itself must pass them over."""
    session_id = sessions.create_session("ann").session_id
    reserve(stores.records, schema.ARTIFACTS, f"{session_id}.x")
    (item,) = stores.records.scan(schema.ARTIFACTS).items
    assert is_tombstone(item.record)
    assert Runner(stores).runs.list() == []
