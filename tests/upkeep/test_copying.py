"""Moving an installation: everything comes along, again and again, also after a kill."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dataops_core import ArtifactStore, SessionManager
from dataops_core.contracts.records import ABSENT, ANY, Put
from dataops_core.errors import CorruptData
from dataops_core.plugin.manager import plugins
from dataops_core.storage import schema
from dataops_core.storage.file_blobs import file_url
from dataops_core.storage.opening import Stores
from dataops_core.storage.schema import TABLES
from dataops_core.storage.sqlite_records import sqlite_url
from dataops_core.upkeep.copying import (
    Copied,
    copy_blobs,
    copy_records,
    open_runs,
    strange_blobs,
    strange_sessions,
)

SESSIONS, MESSAGES = 6, 70


@pytest.fixture
def source(stores):
    sessions, artifacts = SessionManager(stores), ArtifactStore(stores)
    for number in range(SESSIONS):
        session = sessions.create_session(f"user {number}").session_id
        for message in range(MESSAGES):
            sessions.add_message(session, "user", f"message {message} 'é€\U0001f600\\ \"")
        sessions.add_message(session, "user", "long " * 9000)
        artifacts.store_artifact({"number": number}, session, "toy", name="numbers.json")
    return stores


def opened(folder: Path) -> Stores:
    folder.mkdir(exist_ok=True)
    stores = Stores(
        plugins().record_store(sqlite_url(folder / "dataops.db"), TABLES),
        plugins().blob_store(file_url(folder / "blobs")),
    )
    stores.records.prepare()
    stores.blobs.prepare()
    return stores


@pytest.fixture
def target(tmp_path, home):
    stores = opened(tmp_path / "target")
    yield stores
    stores.close()


def copy(source: Stores, target: Stores) -> Copied:
    told = Copied()
    copy_blobs(source.blobs, target.blobs, told)
    copy_records(source.records, target.records, told)
    return told


def content(stores: Stores) -> dict[str, list[dict]]:
    found = {}
    for table in TABLES:
        rows, cursor = [], None
        while True:
            page = stores.records.scan(table, limit=100, cursor=cursor)
            rows += [item.record for item in page.items]
            if (cursor := page.cursor) is None:
                break
        found[table.name] = sorted(rows, key=repr)
    found["blobs"] = [(blob.key, blob.size, blob.sha256, blob.content_type) for blob in stores.blobs.list().items]
    return found


def test_everything_comes_along(source, target):
    told = copy(source, target)
    assert content(target) == content(source)
    assert told.records["dataops_sessions"] == SESSIONS
    assert told.blobs == 2 * SESSIONS
    assert (told.present, told.extra) == (0, [])
    session = SessionManager(source).list_sessions("user 3")[0].session_id
    assert [m.content for m in SessionManager(target).get_messages(session, limit=100)] == [
        m.content for m in SessionManager(source).get_messages(session, limit=100)
    ]


def test_a_second_copy_writes_nothing_but_what_changed(source, target):
    first = copy(source, target)
    again = copy(source, target)
    assert (sum(again.records.values()), again.blobs) == (0, 0)
    assert again.present == sum(first.records.values()) + first.blobs
    session = SessionManager(source).list_sessions("user 0")[0].session_id
    SessionManager(source).add_message(session, "user", "one more")
    third = copy(source, target)
    assert (third.records["dataops_sessions"], third.records["dataops_session_items"]) == (1, 1)
    assert content(target) == content(source)


def test_what_only_the_target_has_is_told_and_left(source, target):
    kept = SessionManager(target).create_session("somebody").session_id
    assert copy(source, target).extra == [f"dataops_sessions: {kept}"]
    assert SessionManager(target).get_session(kept).user_id == "somebody"


def test_a_damaged_copy_is_mended(source, target):
    copy(source, target)
    record = target.records.scan(schema.SESSIONS, limit=1).items[0].record
    target.records.commit([Put(schema.SESSIONS, {**record, "user_id": "changed"}, ANY)])
    blob = target.blobs.list().items[0]
    target.blobs.put(blob.key, io.BytesIO(b"other"))
    told = copy(source, target)
    assert (told.records["dataops_sessions"], told.blobs) == (1, 1)
    assert content(target) == content(source)


def test_large_records_are_cut_into_commits(source, target):
    session = SessionManager(source).create_session("big").session_id
    for number in range(30):
        item = {"session_id": session, "item": f"x#{number:03}", "text": "y" * 300_000}
        source.records.commit([Put(schema.SESSION_ITEMS, item, ABSENT)])
    copy(source, target)
    assert content(target) == content(source)


def test_a_store_at_work_is_seen(source):
    assert open_runs(source.records) == 0
    session = SessionManager(source).list_sessions("user 0")[0].session_id
    run = {"run_id": schema.new_owned_id(session), "session_id": session, "open": "run", "created_at": schema.iso()}
    source.records.commit([Put(schema.RUNS, run, ABSENT)])
    assert open_runs(source.records) == 1


def test_what_the_target_has_of_its_own_is_seen(source, target):
    def strange():
        found = list(strange_blobs(source.blobs, target.blobs))
        return found, list(strange_sessions(source.records, target.records))

    assert strange() == ([], [])
    copy(source, target)
    assert strange() == ([], [])
    for key in ("0", "artifacts/0", "messages/x", "zzz"):
        target.blobs.put(key, io.BytesIO(b"x"))
    kept = SessionManager(target).create_session("somebody").session_id
    assert strange() == (["0", "artifacts/0", "messages/x", "zzz"], [kept])


def test_expiring_records_keep_their_time(source, target, monkeypatch):
    session = SessionManager(source).list_sessions("user 0")[0].session_id
    store = ArtifactStore(source)
    kept, gone = (store.store_artifact("x", session, "toy", ttl=ttl) for ttl in (10_000, 100))
    with monkeypatch.context() as patched:
        for stores in (source, target):
            patched.setattr(stores.records, "_clock", lambda: time.time() + 1_000)
        copy(source, target)
    found = target.records.get(schema.ARTIFACTS, kept).record
    assert found == source.records.get(schema.ARTIFACTS, kept).record
    assert target.records.get(schema.ARTIFACTS, gone) is None


def test_records_that_expire_while_they_are_copied_are_no_damage(source, target, monkeypatch):
    session = SessionManager(source).list_sessions("user 0")[0].session_id
    ArtifactStore(source).store_artifact("x", session, "toy", ttl=100)
    monkeypatch.setattr(target.records, "_clock", lambda: time.time() + 1_000)
    assert copy(source, target).extra == []


def test_what_a_store_does_not_keep_is_seen(source, target, monkeypatch):
    put = target.blobs.put

    def lying(key, stream, **more):
        info = put(key, stream, **more)
        put(key, io.BytesIO(b"something else"))
        return info

    monkeypatch.setattr(target.blobs, "put", lying)
    with pytest.raises(CorruptData, match="is not what was written"):
        copy(source, target)


def test_records_that_vanish_from_the_target_are_missed(source, target, monkeypatch):
    scan, lost = target.records.scan, []

    def losing(table, **more):
        page = scan(table, **more)
        if table is schema.SESSIONS and not lost:
            lost.append(page.items.pop())
        return page

    monkeypatch.setattr(target.records, "scan", losing)
    with pytest.raises(CorruptData, match=f"dataops_sessions has {SESSIONS - 1} records in the target, {SESSIONS}"):
        copy(source, target)


def test_deep_reads_back_what_an_earlier_copy_brought(source, tmp_path, target):
    copy(source, target)
    path = next((tmp_path / "target" / "blobs" / "artifacts").rglob("*.blob"))
    path.write_bytes(path.read_bytes().replace(b"number", b"numbar", 1))
    assert copy(source, target).blobs == 0  # what is known of it has not changed
    with pytest.raises(CorruptData):
        copy_blobs(source.blobs, target.blobs, Copied(), deep=True)


def test_only_what_is_new(source, target):
    late = Copied()
    copy_blobs(source.blobs, target.blobs, late, since=time.time() + 60)
    assert (late.present, late.blobs) == (0, 0)
    copy_blobs(source.blobs, target.blobs, late, since=time.time() - 60)
    assert (late.present, late.blobs) == (0, 2 * SESSIONS)


@pytest.mark.parametrize("after", [1, 3, 7, 12])
def test_a_copy_that_was_killed_goes_on(source, home, tmp_path, after):
    script = f"""
import os, signal
from pathlib import Path
from dataops_core.storage.opening import open_stores
from tests.upkeep.test_copying import copy, opened
target = opened(Path({str(tmp_path / "killed")!r}))
left = [{after}]
def counted(method):
    def call(*args, **more):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*args, **more)
    return call
target.blobs.put, target.records.commit = counted(target.blobs.put), counted(target.records.commit)
copy(open_stores(), target)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    target = opened(tmp_path / "killed")
    try:
        copy(source, target)
        assert content(target) == content(source)
    finally:
        target.close()
