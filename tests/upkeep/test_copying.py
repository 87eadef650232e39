"""Moving an installation: everything comes along, again and again, also after a kill."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dataops_core import ArtifactStore, SessionManager
from dataops_core.contracts.records import ABSENT, ANY, Put
from dataops_core.plugin.manager import plugins
from dataops_core.storage import schema
from dataops_core.storage.file_blobs import file_url
from dataops_core.storage.opening import Stores
from dataops_core.storage.schema import TABLES
from dataops_core.storage.sqlite_records import sqlite_url
from dataops_core.upkeep.copying import Copied, copy_blobs, copy_records, open_runs

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
