"""What `storage check` finds, and what it says to do."""

from __future__ import annotations

import io
import os

import pytest

from dataops_core.contracts.records import ANY, Delete, Put
from dataops_core.execution.scope import FENCE, LEASE
from dataops_core.storage import schema
from dataops_core.storage.tombstones import reserve
from dataops_core.upkeep.check import check
from tests.failing import everything
from tests.upkeep.test_gc import LONG, graph, orphans


def bad(findings) -> list[tuple[str, str, str]]:
    return [(f.level, f.what, f.hint) for f in findings if f.level != "ok"]


def path_of(home, key: str):
    (found,) = (home / "blobs").rglob(key.rpartition("/")[2].replace("%", "%25") + ".blob")
    return found


def test_whole_stores_are_whole(stores, sessions, artifacts):
    session_id = sessions.create_session("ann").session_id
    sessions.add_message(session_id, "user", LONG)
    artifacts.store_artifact("x", session_id, "w")
    reserve(stores.records, schema.ARTIFACTS, f"{session_id}.x")
    other = sessions.create_session("ann").session_id
    sessions.add_message(other, "user", LONG)
    sessions.archive_session(other)
    before = everything(stores)
    for deep in (False, True):
        assert [f.level for f in check(stores, deep=deep)] == ["ok", "ok"]
    assert everything(stores) == before


def test_content_that_is_missing_or_of_another_size_is_an_error(stores, sessions, artifacts, home):
    session_id = sessions.create_session("ann").session_id
    gone, short, cut = (artifacts.store_artifact(text, session_id, "w") for text in ("gone", "short", "cut"))
    keys = {a: artifacts.get_artifact(a).s3_key for a in (gone, short, cut)}
    stores.blobs.delete(keys[gone])
    stores.blobs.put(keys[short], io.BytesIO(b"longer than it was"))
    os.truncate(path_of(home, keys[cut]), 20)
    found = {what.split()[1].rstrip(":"): (level, what, hint) for level, what, hint in bad(check(stores))}
    assert set(found) == {gone, short, cut}
    assert found[gone][1].endswith("its content is missing")
    assert found[short][1].endswith("its content has 18 bytes, not 5")
    assert "is damaged" in found[cut][1]
    assert all(level == "error" and f"sessions delete {session_id}" in hint for level, _, hint in found.values())


def test_only_a_deep_check_finds_other_bytes_of_the_same_size(stores, sessions, artifacts, home):
    session_id = sessions.create_session("ann").session_id
    flipped, swapped = (artifacts.store_artifact(text, session_id, "w") for text in ("flipped", "swapped"))
    path = path_of(home, artifacts.get_artifact(flipped).s3_key)
    path.write_bytes(path.read_bytes().replace(b"flipped", b"fl1pped"))
    stores.blobs.put(artifacts.get_artifact(swapped).s3_key, io.BytesIO(b"swopped"))
    assert bad(check(stores)) == []
    found = [what for level, what, _ in bad(check(stores, deep=True)) if level == "error"]
    assert len(found) == 2
    assert any(flipped in what and "damaged" in what for what in found)
    assert any(swapped in what and "another than was stored" in what for what in found)


def test_messages_and_archives_are_looked_at_too(stores, sessions):
    lost, filed, damaged = (sessions.create_session("ann").session_id for _ in range(3))
    for session_id in (lost, filed, damaged):
        sessions.add_message(session_id, "user", LONG)
    (info,) = stores.blobs.list(f"messages/{lost}/").items
    stores.blobs.delete(info.key)
    stores.blobs.delete(sessions.archive_session(filed))
    stores.blobs.put(sessions.archive_session(damaged), io.BytesIO(b"nonsense"))
    said = [what for _, what, _ in bad(check(stores))]
    assert said == [
        f"message 1 of session {lost}: its content is missing",
        f"the archive of session {filed}: its content is missing",
    ]
    assert damaged in [what for _, what, _ in bad(check(stores, deep=True))][-1]


def test_a_snapshot_is_looked_at_too(stores, sessions):
    from dataops_core.context_manager import ContextManager

    session_id = sessions.create_session("ann").session_id
    snapshot_id = ContextManager(sessions).dump_context(session_id)
    assert bad(check(stores, deep=True)) == []
    stores.blobs.delete(f"contexts/{session_id}/{snapshot_id}")
    assert bad(check(stores))[0][:2] == ("error", f"snapshot {snapshot_id}: its content is missing")


def test_runs_without_a_worker_and_runs_that_ask_are_told(stores, run_graph):
    from langgraph.types import interrupt

    class Crash(BaseException):
        pass

    def crashes(state):
        raise Crash

    def asks(state):
        interrupt("which file?")

    with pytest.raises(Crash):
        run_graph(graph(crashes))
    (run_id,) = [run["run_id"] for run in run_graph.runner.runs.list()]
    asked = run_graph(graph(asks))
    findings = check(stores)
    assert bad(findings)[0][0] == "warn"
    assert run_id in bad(findings)[0][1]
    assert bad(findings)[0][2] == f"dataops runs resume {run_id}"
    (question,) = [f for f in findings if asked.run_id in f.what]
    assert (question.level, question.what.endswith("waits for an answer: which file?")) == ("ok", True)
    assert question.hint == f'dataops ask --session {asked.session_id} "..."'
    # One whose worker lives is fine.
    fence = stores.records.get(schema.RUN_ITEMS, run_id, FENCE)
    row = {**fence.record, "item": LEASE, "until": stores.records.now() + 30, "owner": "me"}
    stores.records.commit([Put(schema.RUN_ITEMS, row, ANY)])
    assert bad(check(stores)) == []


def test_what_gc_would_sweep_is_a_warning(stores, sessions, home):
    session_id = sessions.create_session("ann").session_id
    for ending in ("archiving", "deleting"):
        half = sessions.create_session("ann").session_id
        stored = stores.records.get(schema.SESSIONS, half)
        old = {"status": ending, "ending_since": "2020-01-01T00:00:00.000000Z"}
        stores.records.commit([Put(schema.SESSIONS, {**stored.record, **old}, ANY)])
    orphans(stores, session_id)
    stores.blobs.put("artifacts/strange", io.BytesIO(b"x"))
    for path in (home / "blobs").rglob("*.blob"):
        os.utime(path, (1, 1))
    before = everything(stores)
    findings = check(stores)
    assert {level for level, _, _ in bad(findings)} == {"warn"}
    text = "\n".join(f"{what} {hint}" for _, what, hint in bad(findings))
    for told in ("1 sessions left archiving", "1 sessions left deleting", "1 message contents", "dataops storage gc"):
        assert told in text
    assert findings[-1].what == "1 blobs are none of ours"
    assert everything(stores) == before


def test_of_many_alike_the_rest_is_counted(stores, sessions, artifacts):
    session_id = sessions.create_session("ann").session_id
    for number in range(30):
        artifact = artifacts.store_artifact(str(number), session_id, "w")
        stores.blobs.delete(artifacts.get_artifact(artifact).s3_key)
    errors = [what for level, what, _ in bad(check(stores)) if level == "error"]
    assert len(errors) == 21
    assert errors[-1] == "10 more things that cannot be read"


def test_a_broken_store_says_so_and_nothing_else(stores, sessions, home):
    sessions.create_session("ann")
    stores.close()
    (home / "dataops.db").write_bytes(b"no database" * 1000)
    (finding,) = [f for f in check(stores) if f.level != "ok"]
    assert (finding.level, "damaged" in finding.what) == ("error", True)


def test_contents_beside_a_database_without_sessions_are_told(stores, sessions, artifacts, home):
    artifacts.store_artifact("x", sessions.create_session("ann").session_id, "w")
    assert bad(check(stores)) == []
    stores.close()
    for file in home.glob("dataops.db*"):
        file.unlink()
    (home / "dataops.db").touch(0o600)
    ((level, what, hint),) = bad(check(stores))
    assert (level, what) == ("warn", "the record store knows no session, and beside it lie contents of some")
    assert "restore it" in hint


def test_what_is_deleted_during_the_check_is_no_damage(stores, sessions, artifacts, monkeypatch):
    session_id = sessions.create_session("ann").session_id
    artifact = artifacts.store_artifact("x", session_id, "w")
    head = stores.blobs.head

    def deletes(key):
        stores.records.commit([Delete(schema.ARTIFACTS, artifact)])
        stores.blobs.delete(key)
        return head(key)

    monkeypatch.setattr(stores.blobs, "head", deletes)
    assert [level for level, _, _ in bad(check(stores)) if level == "error"] == []
