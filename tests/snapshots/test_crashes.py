"""What is cut short at any store call is as it was or done, and doing it again does it once; many may do it at once."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from dataops_core import ArtifactStore, ContextManager, SessionManager
from dataops_core.contracts.records import Put
from dataops_core.errors import Conflict, NotFound
from dataops_core.snapshots import loading
from dataops_core.storage import schema
from dataops_core.storage.opening import Stores
from dataops_core.storage.tombstones import reserve
from tests.storage.processes import MEMORY


@pytest.fixture
def tmp_path():
    """Where files cost no wait for a disk: thousands of commits are made here."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


class Killed(BaseException):
    """What no code that is asked for survives."""


class Striking:
    """A store that ends its process, so to speak, before or after one of its calls."""

    def __init__(self, store, calls):
        self._store, self._calls = store, calls

    def __getattr__(self, name):
        attribute = getattr(self._store, name)
        if not callable(attribute) or name in ("now", "close"):
            return attribute

        def call(*args, **kwargs):
            self._calls.made += 1
            number = self._calls.made
            if (number, "before") == self._calls.strike:
                raise Killed
            result = attribute(*args, **kwargs)
            if (number, "after") == self._calls.strike:
                raise Killed
            return result

        return call


class Calls:
    made = 0
    strike = (0, "before")


def struck(stores, number, when):
    """Stores that strike at a call, and the managers upon them."""
    calls = Calls()
    calls.strike = (number, when)
    both = Stores(Striking(stores.records, calls), Striking(stores.blobs, calls))
    sessions = SessionManager(both)
    return ContextManager(sessions, ArtifactStore(both))


def prepared(stores):
    """A session with a long message and artifacts, checkpoints of it, and another session."""
    sessions, artifacts = SessionManager(stores), ArtifactStore(stores)
    contexts = ContextManager(sessions, artifacts)
    source = sessions.create_session("ann", metadata={"a": 1}).session_id
    ids = [artifacts.store_artifact(f"content {n}", source, "w", name="n") for n in range(2)]
    for n in range(4):
        sessions.add_message(source, "user", f"m{n}", artifacts=ids if n == 3 else ())
    sessions.add_message(source, "user", "long " * 5_000)
    snapshot = contexts.create_checkpoint(source, "first", include_artifacts=True)
    sessions.add_message(source, "user", "later")
    sessions.update_session(source, metadata={"a": 2})
    target = sessions.create_session("bob", metadata={"b": 1}).session_id
    sessions.add_message(target, "user", "mine")
    return sessions, artifacts, contexts, source, snapshot, target


def state(sessions, session_id):
    session = sessions.get_session(session_id)
    return session.metadata, [m.content for m in sessions.iter_messages(session_id)]


BEFORE = ({"a": 1}, [*(f"m{n}" for n in range(4)), "long " * 5_000])
LATER = ({"a": 2}, [*BEFORE[1], "later"])
MINE = ({"b": 1}, ["mine"])
#: name: the operation, whose state it changes, from what, to what, and how many snapshots that session has then.
OPERATIONS = {
    "dump": (lambda c, s, n, t: c.dump_context(s), "source", LATER, LATER, None),
    "checkpoint": (lambda c, s, n, t: c.create_checkpoint(s, "second"), "source", LATER, LATER, None),
    "restore": (lambda c, s, n, t: c.restore_checkpoint(s, "first"), "source", LATER, BEFORE, 2),
    "load itself": (lambda c, s, n, t: c.load_context(n, s), "source", LATER, BEFORE, 2),
    "replace": (lambda c, s, n, t: c.load_context(n, t), "target", MINE, BEFORE, 1),
    "merge": (
        lambda c, s, n, t: c.load_context(n, t, "merge"), "target", MINE,
        ({"b": 1, "a": 1}, ["mine", *BEFORE[1]]), 0,
    ),
    "delete": (lambda c, s, n, t: c.delete_snapshot(n), "source", LATER, LATER, None),
    "inherit": (lambda c, s, n, t: c.inherit_context(s, t, include=["metadata"]), "target", MINE, None, 0),
}  # fmt: skip

DONE = {"checkpoint": [Conflict], "delete": [NotFound]}


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_cut_short_at_every_store_call(stores, monkeypatch, name):
    monkeypatch.setattr(loading, "_BATCH", 2)
    act, whose, before, after, snapshots = OPERATIONS[name]
    number, struck_at = 0, 0
    while True:
        number += 1
        for when in ("before", "after"):
            sessions, artifacts, contexts, source, snapshot, target = prepared(stores)
            session = source if whose == "source" else target
            try:
                act(struck(stores, number, when), source, snapshot, target)
            except Killed:
                struck_at += 1
            else:
                assert struck_at > 5
                return
            assert state(sessions, session) in (before, after) or after is None
            with suppress(*DONE.get(name, ())):  # done already, and could not say so
                act(contexts, source, snapshot, target)
            if after is not None:
                assert state(sessions, session) == after
            if snapshots is not None:
                assert len(contexts.list_snapshots(session)) == snapshots
            if name in ("replace", "merge"):
                (named,) = [m.artifacts for m in sessions.iter_messages(target) if m.artifacts]
                assert {a.artifact_id for a in artifacts.list_artifacts(target)} == set(named)
                assert [artifacts.get_artifact_content(i) for i in named] == ["content 0", "content 1"]
            for kept in contexts.list_snapshots(source):  # whatever is listed can be read
                contexts.load_context(kept.snapshot_id)


def test_gc_that_takes_a_slow_dump_for_a_crash_is_told(stores, monkeypatch):
    _, _, contexts, source, *_ = prepared(stores)
    put = stores.blobs.put

    def slow(key, *args, **kwargs):
        info = put(key, *args, **kwargs)
        reserve(stores.records, schema.SESSION_ITEMS, source, "snapshot#" + key.rpartition(".")[2])
        return info

    monkeypatch.setattr(stores.blobs, "put", slow)
    with pytest.raises(Conflict, match="storage gc"):
        contexts.dump_context(source)
    assert [s.label for s in contexts.list_snapshots(source)] == ["first"]


def test_a_session_that_is_deleted_meanwhile_keeps_no_snapshot(stores, monkeypatch):
    sessions, _, contexts, source, *_ = prepared(stores)
    put = stores.blobs.put

    def late(*args, **kwargs):
        sessions.delete_session(source)
        return put(*args, **kwargs)

    monkeypatch.setattr(stores.blobs, "put", late)
    with pytest.raises(Exception, match="no session"):
        contexts.dump_context(source)
    assert stores.blobs.list("contexts/").items == []
    assert stores.records.range(schema.SESSION_ITEMS, source) == []


CHECKPOINT = """
import sys, time
from dataops_core import ContextManager
from dataops_core.errors import Conflict
contexts = ContextManager()
contexts.list_snapshots(sys.argv[1])
time.sleep(max(float(sys.argv[2]) - time.time(), 0))
try:
    print("made", contexts.create_checkpoint(sys.argv[1], label="one"))
except Conflict as error:
    print("taken", error)
"""


def test_of_many_processes_one_gets_the_label(stores):
    _, _, contexts, source, *_ = prepared(stores)
    at = str(time.time() + 2)
    children = [
        subprocess.Popen([sys.executable, "-c", CHECKPOINT, source, at], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    said = [child.communicate(timeout=60)[0] for child in children]
    assert Counter(line.split()[0] for line in said) == {"made": 1, "taken": 5}
    assert all("label 'one' is taken in session" in line for line in said if line.startswith("taken"))
    assert [s.label for s in contexts.list_checkpoints(source)] == ["one", "first"]
    assert len(stores.blobs.list(f"contexts/{source}/").items) == 2


APPEND = """
import sys
from dataops_core import SessionManager
sessions = SessionManager()
for n in range(int(sys.argv[2])):
    sessions.add_message(sys.argv[1], "user", f"new {n}")
    print(n, flush=True)
"""


def test_restoring_while_messages_are_appended(stores):
    sessions, _, contexts, source, *_ = prepared(stores)
    everything = 6 + 300
    child = subprocess.Popen([sys.executable, "-c", APPEND, source, "300"], stdout=subprocess.PIPE, text=True)
    restored = 0
    for _ in child.stdout:
        restored += contexts.restore_checkpoint(source, "first") is not None
    assert (child.wait(30), restored > 0) == (0, True)
    session = sessions.get_session(source)
    assert session.revision == everything
    seen = [m.content for m in sessions.iter_messages(source)]
    assert seen[:5] == BEFORE[1]
    rest = [f"new {n}" for n in range(300)]
    assert seen[5:] == rest[len(rest) - len(seen[5:]) :]  # what came after the last restoring
    tail = [entry["content"] for entry in session.conversation_history]
    assert tail == [c[:1000] for c in seen[len(seen) - len(tail) :]]
    found = set(seen)
    for kept in contexts.list_checkpoints(source):
        found |= {m["content"] for m in contexts.load_context(kept.snapshot_id)["messages"]}
    assert found >= {"later", *rest, *BEFORE[1]}


def test_restoring_when_messages_come_at_every_moment(stores, monkeypatch):
    sessions, _, contexts, source, *_ = prepared(stores)
    put, commit, busy = stores.blobs.put, stores.records.commit, []

    def speaking(*args, **kwargs):
        info = put(*args, **kwargs)
        sessions.add_message(source, "user", "while it was written")
        return info

    def conflicting(writes):
        if len(busy) < 5 and any(isinstance(w, Put) and "label" in w.record for w in writes):
            busy.append(1)
            sessions.add_message(source, "user", f"in between {len(busy)}")
        return commit(writes)

    with monkeypatch.context() as patched:
        patched.setattr(stores.blobs, "put", speaking)
        patched.setattr(stores.records, "commit", conflicting)
        before = contexts.restore_checkpoint(source, "first")
    now = state(sessions, source)
    assert now == (BEFORE[0], [*BEFORE[1], "while it was written", *(f"in between {n}" for n in range(1, 6))])
    contexts.restore_checkpoint(source, before.label)
    assert state(sessions, source) == LATER


def test_facts_that_change_at_the_very_moment_are_in_the_checkpoint_before(stores, monkeypatch):
    sessions, _, contexts, source, *_ = prepared(stores)
    put, once = stores.blobs.put, []

    def changing(*args, **kwargs):
        info = put(*args, **kwargs)
        if not once:
            once.append(sessions.update_session(source, metadata={"a": 3}))
        return info

    monkeypatch.setattr(stores.blobs, "put", changing)
    before = contexts.restore_checkpoint(source, "first")
    assert state(sessions, source) == BEFORE
    contexts.restore_checkpoint(source, before.label)
    assert sessions.get_session(source).metadata == {"a": 3}
    assert len(stores.blobs.list(f"contexts/{source}/").items) == len(contexts.list_snapshots(source))


def test_many_load_one_snapshot_at_once(stores):
    sessions, artifacts, _, _, snapshot, target = prepared(stores)
    errors = []

    def load(mode):
        try:
            ContextManager(SessionManager(stores)).load_context(snapshot, target, mode)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=load, args=("merge",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert state(sessions, target) == ({"b": 1, "a": 1}, ["mine", *BEFORE[1]])
    assert len(artifacts.list_artifacts(target)) == 2
    assert len(stores.blobs.list(f"artifacts/{target}/").items) == 2


@pytest.mark.slow
def test_a_session_of_5000_messages(stores):
    sessions, _, contexts, source, *_ = prepared(stores)
    stored = stores.records.get(schema.SESSIONS, source)
    record = stored.record
    for start in range(0, 5_000, 40):
        rows = [
            {
                "session_id": source, "item": schema.message_item(100 + start + n), "role": "user",
                "content": f"{start + n} " + "word " * 40, "created_at": schema.iso(),
            }
            for n in range(40)
        ]  # fmt: skip
        stores.records.commit([Put(schema.SESSION_ITEMS, row) for row in rows])
    record["revision"] = 5_099
    stores.records.commit([Put(schema.SESSIONS, record, stored.token)])
    contexts.create_checkpoint(source, "large")
    sessions.add_message(source, "user", "after")
    contexts.restore_checkpoint(source, "large")
    assert sessions.get_messages(source, limit=1)[0].content.startswith("4999 ")
    target = sessions.create_session("bob").session_id
    snapshot = contexts.list_snapshots(source)[-2].snapshot_id
    contexts.load_context(snapshot, target)
    assert sum(1 for _ in sessions.iter_messages(target)) == 5_006
    assert sessions.get_messages(target, limit=1)[0].content.startswith("4999 ")
