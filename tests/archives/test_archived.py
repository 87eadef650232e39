"""Archived sessions are read back; damaged archives are named."""

from __future__ import annotations

import gzip
import io
import json
import time
import tracemalloc

import pytest

from dataops_core import ArtifactStore, SessionManager
from dataops_core.archives import reading as archived
from dataops_core.contracts.records import ANY, Put
from dataops_core.errors import Conflict, CorruptData, NotFound
from dataops_core.execution.runs import Runs
from dataops_core.storage import schema
from dataops_core.storage.ownership import pointer

AT = "2026-01-01T00:00:00.000000Z"


@pytest.fixture
def sessions(stores):
    return SessionManager(stores)


def add_run(stores, session_id: str, **fields) -> str:
    time.sleep(0.002)  # ids sort by the millisecond
    run_id = schema.new_owned_id(session_id)
    run = {
        "run_id": run_id, "session_id": session_id, "workflow": "w", "version": "1", "input": {"file": "a.csv"},
        "status": "success", "attempt": 1, "created_at": schema.iso(), **fields,
    }  # fmt: skip
    stores.records.commit(
        [Put(schema.RUNS, run, ANY), Put(schema.SESSION_ITEMS, pointer("run", run_id), ANY)],
    )
    return run_id


@pytest.fixture
def filled(sessions, stores):
    """A session with messages of every shape, runs, and an artifact."""
    session_id = sessions.create_session("ann", preferences={"currency": "EUR"}).session_id
    for number in range(1, 31):
        sessions.add_message(session_id, "user", f"m{number} \u2028 ünï ]}},\n[{{", message_id=f"id{number}")
    sessions.add_message(session_id, "assistant", "long \n" * 10_000, workflow="w", artifacts=["a"])
    for _ in range(7):
        add_run(stores, session_id)
    ArtifactStore(stores).store_artifact("x", session_id, "w")
    return session_id


def key_of(sessions, session_id: str) -> str:
    return schema.archive_key(session_id, sessions.get_session(session_id).created_at)


def test_everything_is_read_as_before(sessions, stores, filled):
    runs = Runs(stores)

    def read():
        listed = runs.list(session_id=filled, limit=3)
        rest = runs.list(session_id=filled, limit=50, cursor=listed.cursor)
        return [
            list(sessions.iter_messages(filled)),
            sessions.get_messages(filled, limit=5),
            sessions.get_messages(filled, limit=5, before=12),
            sessions.get_messages(filled, limit=500),
            sessions.get_messages(filled, limit=0),
            sessions.get_context_summary(filled, max_tokens=300),
            list(listed),
            list(rest),
            [runs.get(run["run_id"]) for run in listed],
            runs.list(session_id=filled, status="error"),
        ]

    before = read()
    sessions.archive_session(filled)
    assert stores.records.scan(schema.RUNS).items == []
    assert read() == before
    assert len(before[0]) == 31
    assert len(before[6]) + len(before[7]) == 7


def test_what_is_not_in_the_archive_is_not_found(sessions, stores, filled):
    sessions.archive_session(filled)
    with pytest.raises(NotFound, match="no run"):
        Runs(stores).get(schema.new_owned_id(filled))
    with pytest.raises(Conflict, match="archived"):
        sessions.add_message(filled, "user", "more")


def test_hidden_messages_stay_hidden(sessions, stores, filled):
    stored = stores.records.get(schema.SESSIONS, filled)
    stores.records.commit([Put(schema.SESSIONS, {**stored.record, "hidden": [[3, 29]]}, stored.token)])
    before = list(sessions.iter_messages(filled)), sessions.get_messages(filled, limit=3)
    sessions.archive_session(filled)
    assert (list(sessions.iter_messages(filled)), sessions.get_messages(filled, limit=3)) == before
    assert [m.number for m in before[0]] == [1, 2, 30, 31]


def test_a_session_that_is_archived_while_it_is_read_is_read_whole(sessions, stores, filled):
    every = sessions.iter_messages(filled)
    found = [next(every) for _ in range(3)]
    sessions.archive_session(filled)
    found += every
    assert [m.number for m in found] == list(range(1, 32))


def test_a_long_archive_is_read_in_bounded_memory(sessions, stores):
    session_id = sessions.create_session("ann").session_id
    for _ in range(60):
        sessions.add_message(session_id, "user", "x" * 500_000)
    sessions.archive_session(session_id)
    tracemalloc.start()
    assert sum(len(m.content) for m in sessions.iter_messages(session_id)) == 60 * 500_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def rewritten(stores, key: str, change) -> None:
    with stores.blobs.open(key) as stream:
        raw = stream.read()
    stores.blobs.put(key, io.BytesIO(change(raw)))


def replaced(old: bytes, new: bytes):
    def change(raw: bytes) -> bytes:
        text = gzip.decompress(raw)
        assert old in text
        return gzip.compress(text.replace(old, new))

    return change


def without_end(raw: bytes) -> bytes:
    return gzip.compress(gzip.decompress(raw).partition(b'"runs"')[0][:-30])


DAMAGE = {
    "truncated": lambda raw: raw[: len(raw) // 2],
    "empty": lambda raw: b"",
    "no gzip": lambda raw: b"{}",
    "flipped": lambda raw: raw[:40] + bytes([raw[40] ^ 0xFF]) + raw[41:],
    "cut": without_end,
    "no object": replaced(b'{"artifacts":', b'["artifacts":'),
    "newer": replaced(b'"schema_version":1', b'"schema_version":9'),
    "no part": replaced(b'"messages":[', b'"massages":['),
    "another session": replaced(b'"session":{', b'"session":{"x":1},"y":{'),
    "number": replaced(b'"number":7,', b'"number":3,'),
    "too many": replaced(b'"number":31,', b'"number":999,'),
    "text as number": replaced(b'"number":7,', b'"number":"7",'),
    "content": replaced(b'"role":"assistant"', b'"role":"root"'),
    "deep": replaced(b'"message_id":"id7"', b'"message_id":' + b"[" * 100_000),
}


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_archive_is_named(sessions, stores, filled, change):
    key = sessions.archive_session(filled)
    rewritten(stores, key, change)
    for read in (
        lambda: list(sessions.iter_messages(filled)),
        lambda: sessions.get_messages(filled),
        lambda: sessions.get_context_summary(filled),
    ):
        with pytest.raises(CorruptData, match=filled):
            read()


RUN_DAMAGE = {
    "of another session": replaced(b'"run_id":"', b'"run_id":"x'),
    "no status": replaced(b'"status":"success"', b'"status":null'),
    "endless": replaced(b'"runs":[\n', b'"runs":[\n' + b"{},\n" * 40),
}


@pytest.mark.parametrize("change", RUN_DAMAGE.values(), ids=RUN_DAMAGE)
def test_damaged_runs_are_named(sessions, stores, filled, change):
    rewritten(stores, sessions.archive_session(filled), change)
    with pytest.raises(CorruptData, match=filled):
        Runs(stores).list(session_id=filled)


def test_a_missing_archive_is_named(sessions, stores, filled):
    stores.blobs.delete(sessions.archive_session(filled))
    with pytest.raises(CorruptData, match="not there"):
        sessions.get_messages(filled)


def test_a_bomb_is_refused_in_bounded_memory(sessions, stores, filled, monkeypatch):
    monkeypatch.setattr(archived, "LINE_BYTES", 1 << 20)
    key = sessions.archive_session(filled)
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb") as file:
        file.write(
            b'{"schema_version":1,\n"session":' + json.dumps({"session_id": filled}).encode() + b',\n"messages":[\n'
        )
        for _ in range(200):
            file.write(b"x" * (1 << 20))
    stores.blobs.put(key, io.BytesIO(bomb.getvalue()))
    tracemalloc.start()
    with pytest.raises(CorruptData, match="longer than"):
        list(sessions.iter_messages(filled))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
