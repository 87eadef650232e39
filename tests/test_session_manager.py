from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter

import pytest

from dataops_core import ArtifactStore, SessionManager
from dataops_core.contracts.records import Put
from dataops_core.errors import Conflict, InvalidValue, NotFound
from dataops_core.history import TAIL_BYTES, TAIL_MESSAGES, count_tokens
from dataops_core.storage import schema


@pytest.fixture
def sessions(stores):
    return SessionManager()


def test_the_reference_s_calls(sessions):
    session = sessions.create_session(user_id="user123")
    sessions.add_message(session.session_id, role="user", content="Hello")
    assert sessions.get_context_summary(session.session_id) == "user: Hello"


def test_a_session_keeps_what_it_was_given(sessions):
    made = sessions.create_session("ann", metadata={"team": "a"}, preferences={"lang": "en"}, ttl=60)
    read = sessions.get_session(made.session_id)
    assert (read.user_id, read.metadata, read.preferences, read.ttl, read.status) == (
        "ann",
        {"team": "a"},
        {"lang": "en"},
        60,
        "active",
    )
    assert len(made.session_id) == 26
    assert made.session_id[0] == "s"


def test_update_merges_and_none_removes(sessions):
    made = sessions.create_session("ann", metadata={"a": 1, "b": 2})
    sessions.update_session(made.session_id, metadata={"a": None, "c": 3}, global_context={"env": "prod"})
    read = sessions.get_session(made.session_id)
    assert read.metadata == {"b": 2, "c": 3}
    assert read.global_context == {"env": "prod"}


def test_messages_are_numbered_and_paged(sessions):
    sid = sessions.create_session("ann").session_id
    for n in range(1, 31):
        sessions.add_message(sid, "user" if n % 2 else "assistant", f"m{n}")
    newest = sessions.get_messages(sid, limit=10)
    assert [m.number for m in newest] == list(range(21, 31))
    older = sessions.get_messages(sid, limit=10, before=newest[0].number)
    assert [m.content for m in older] == [f"m{n}" for n in range(11, 21)]
    assert [m.number for m in sessions.iter_messages(sid)] == list(range(1, 31))


def test_the_record_holds_a_bounded_tail(sessions):
    sid = sessions.create_session("ann").session_id
    for n in range(20):
        sessions.add_message(sid, "user", f"{n} " + "x" * 900)
    tail = sessions.get_session(sid).conversation_history
    assert 0 < len(tail) <= TAIL_MESSAGES
    assert sum(len(entry["content"].encode()) for entry in tail) <= TAIL_BYTES
    assert tail[-1]["number"] == 20


def test_long_messages_come_back_whole(sessions, stores):
    sid = sessions.create_session("ann").session_id
    text = "ü" * 50_000
    sessions.add_message(sid, "user", text)
    row = stores.records.get(schema.SESSION_ITEMS, sid, schema.message_item(1)).record
    assert len(row["content"]) < 2_000
    assert sessions.get_messages(sid)[0].content == text


def test_a_repeated_message_id_returns_the_first(sessions):
    sid = sessions.create_session("ann").session_id
    first = sessions.add_message(sid, "user", "hello", message_id="m-1")
    for _ in range(60):
        sessions.add_message(sid, "user", "noise")
    again = sessions.add_message(sid, "user", "hello", message_id="m-1")
    assert again == first
    assert Counter(m.content for m in sessions.iter_messages(sid))["hello"] == 1


@pytest.mark.parametrize(
    ("role", "content"), [("boss", "x"), ("user", 3), ("user", "\ud800")], ids=["role", "type", "unicode"]
)
def test_wrong_messages_are_refused(sessions, role, content):
    sid = sessions.create_session("ann").session_id
    with pytest.raises(InvalidValue):
        sessions.add_message(sid, role, content)
    assert sessions.get_messages(sid) == []


def test_an_idle_session_expires_and_refuses_messages(sessions, stores):
    made = sessions.create_session("ann", ttl=5)
    stored = stores.records.get(schema.SESSIONS, made.session_id)
    record = {**stored.record, "last_active": "2020-01-01T00:00:00.000000Z"}
    stores.records.commit([Put(schema.SESSIONS, record, stored.token)])
    assert sessions.get_session(made.session_id).status == "expired"
    with pytest.raises(Conflict, match="expired"):
        sessions.add_message(made.session_id, "user", "hi")


def test_listing_by_user_pages_newest_first(sessions):
    made = [sessions.create_session("ann").session_id for _ in range(7)]
    sessions.create_session("bob")
    seen, cursor = [], None
    while True:
        page = sessions.list_sessions("ann", limit=3, cursor=cursor)
        seen += [s.session_id for s in page]
        if (cursor := page.cursor) is None:
            break
    assert seen == made[::-1]
    assert len(sessions.list_sessions()) == 8


def test_unknown_sessions_are_named(sessions):
    for call in (sessions.get_session, sessions.get_messages, sessions.get_context_summary, sessions.delete_session):
        with pytest.raises(NotFound, match="nosuch"):
            call("nosuch")
    with pytest.raises(NotFound):
        sessions.get_session("a\0b")


def test_the_summary_keeps_decisions_and_the_newest_within_its_limit(sessions):
    sid = sessions.create_session("ann", preferences={"currency": "EUR"}).session_id
    for n in range(100):
        sessions.add_message(sid, "user", f"message {n} " + "word " * 40)
    sessions.update_session(sid, global_context={"table": "orders"})
    for limit in (20, 60, 200, 2000):
        text = sessions.get_context_summary(sid, max_tokens=limit)
        assert count_tokens(text) <= limit
    assert "currency: EUR" in text
    assert "table: orders" in text
    assert "message 99" in text


def test_deleting_leaves_nothing(sessions, stores):
    sid = sessions.create_session("ann").session_id
    sessions.add_message(sid, "user", "x" * 40_000)
    sessions.delete_session(sid)
    with pytest.raises(NotFound):
        sessions.get_session(sid)
    assert stores.records.range(schema.SESSION_ITEMS, sid) == []
    assert stores.blobs.list("").items == []


def test_archiving_leaves_one_file_and_the_artifacts(sessions, stores):
    sid = sessions.create_session("ann", metadata={"team": "a"}).session_id
    for n in range(60):
        sessions.add_message(sid, "user", f"m{n}", message_id=f"id{n}")
    sessions.add_message(sid, "assistant", "long " * 10_000)
    kept = ArtifactStore().store_artifact("x", sid, "w")
    key = sessions.archive_session(sid)
    assert key == f"archives/{sessions.get_session(sid).created_at[:10]}/{sid}.json.gz"
    with stores.blobs.open(key) as stream:
        told = json.loads(gzip.decompress(stream.read()))
    assert [m["content"] for m in told["messages"]][:60] == [f"m{n}" for n in range(60)]
    assert told["messages"][60]["content"] == "long " * 10_000
    assert [a["artifact_id"] for a in told["artifacts"]] == [kept]
    assert sessions.get_session(sid).status == "archived"
    assert [m.number for m in sessions.get_messages(sid)] == list(range(12, 62))
    assert ArtifactStore().get_artifact_content(kept) == "x"
    with pytest.raises(Conflict, match="archived"):
        sessions.add_message(sid, "user", "more")
    assert sessions.archive_session(sid) == key


def test_archiving_is_completed_after_a_crash_and_loses_nothing(sessions, stores, monkeypatch):
    sid = sessions.create_session("ann").session_id
    for n in range(120):
        sessions.add_message(sid, "user", f"m{n}")
    commit, calls = stores.records.commit, []

    def crash(writes):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return commit(writes)

    monkeypatch.setattr(stores.records, "commit", crash)
    with pytest.raises(KeyboardInterrupt):
        sessions.archive_session(sid)
    monkeypatch.setattr(stores.records, "commit", commit)
    assert sessions.get_session(sid).status == "archiving"
    with stores.blobs.open(sessions.archive_session(sid)) as stream:
        told = json.loads(gzip.decompress(stream.read()))
    assert [m["content"] for m in told["messages"]] == [f"m{n}" for n in range(120)]


def test_cleanup_archives_what_is_expired(sessions, stores):
    old, young = (sessions.create_session("ann", ttl=60).session_id for _ in range(2))
    stored = stores.records.get(schema.SESSIONS, old)
    stores.records.commit(
        [Put(schema.SESSIONS, {**stored.record, "last_active": "2020-01-01T00:00:00.000000Z"}, stored.token)]
    )
    assert sessions.cleanup_expired_sessions() == [old]
    assert sessions.get_session(old).status == "archived"
    assert sessions.get_session(young).status == "active"


WRITER = """
import sys
from dataops_core import SessionManager
sessions, sid, who = SessionManager(), sys.argv[1], sys.argv[2]
for n in range(int(sys.argv[3])):
    sessions.add_message(sid, "user", f"{who}:{n}")
"""


def test_eight_processes_append_to_one_session(sessions):
    sid = sessions.create_session("ann").session_id
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, sid, str(who), "25"], stderr=subprocess.PIPE)
        for who in range(8)
    ]
    for writer in writers:
        _, err = writer.communicate(timeout=60)
        assert writer.returncode == 0, err.decode()
    said = [m.content for m in sessions.iter_messages(sid)]
    assert Counter(said) == {f"{who}:{n}": 1 for who in range(8) for n in range(25)}
    for who in range(8):
        mine = [m for m in said if m.startswith(f"{who}:")]
        assert mine == [f"{who}:{n}" for n in range(25)]


KILLED = """
import sys
from dataops_core import SessionManager
sessions, sid = SessionManager(), sys.argv[1]
n = 0
while True:
    sessions.add_message(sid, "user", str(n), message_id=f"id-{n}")
    print(n, flush=True)
    n += 1
"""


def test_kill_9_while_appending_loses_nothing_acknowledged(sessions):
    sid = sessions.create_session("ann").session_id
    acknowledged = -1
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", KILLED, sid], stdout=subprocess.PIPE, text=True)
        for line in child.stdout:
            acknowledged = max(acknowledged, int(line))
            if int(line) >= acknowledged and int(line) % 40 == 39:
                child.kill()
                break
        rest, _ = child.communicate()
        acknowledged = max([acknowledged, *map(int, rest.split())])
    said = [int(m.content) for m in sessions.iter_messages(sid)]
    assert said == list(range(len(said)))
    assert len(said) > acknowledged
