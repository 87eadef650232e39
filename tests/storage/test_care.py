"""What the embedded stores say of themselves, and what they alone can sweep."""

from __future__ import annotations

import os
import sqlite3
import time
from types import SimpleNamespace

import pytest

from dataops_core.contracts.records import ANY, Put, Table
from dataops_core.contracts.sweeping import Sweeper
from dataops_core.errors import NewerDatabase
from dataops_core.storage import folders
from dataops_core.storage.file_blobs import FileBlobs
from dataops_core.storage.sqlite_records import SqliteRecords

TABLE = Table("things", "id")


@pytest.fixture
def records(tmp_path):
    store = SqliteRecords(tmp_path / "home" / "a.db", [TABLE], busy_seconds=0.2)
    store.commit([Put(TABLE, {"id": "a"}, ANY)])
    yield store
    store.close()


@pytest.fixture
def blobs(tmp_path):
    store = FileBlobs(tmp_path / "blobs")
    store.prepare()
    return store


def levels(store) -> list[str]:
    return [finding.level for finding in store.check()]


def full(monkeypatch, free: int) -> None:
    space = SimpleNamespace(f_bavail=free, f_frsize=1)
    monkeypatch.setattr(folders.os, "statvfs", lambda _: space)


def test_both_can_sweep(records, blobs):
    assert isinstance(records, Sweeper)
    assert isinstance(blobs, Sweeper)


def test_a_database_that_is_whole_says_layout_and_sizes(records):
    (finding,) = records.check()
    assert finding.level == "ok"
    assert "layout 1" in finding.what


def test_a_full_disk_is_told(records, blobs, monkeypatch):
    full(monkeypatch, 100 << 20)
    assert levels(records) == levels(blobs) == ["ok", "warn"]
    full(monkeypatch, 1 << 20)
    assert levels(records) == levels(blobs) == ["ok", "error"]


def test_what_others_can_read_or_replace_is_told(records):
    records.path.chmod(0o644)
    records.path.parent.chmod(0o777)
    said = records.check()
    assert [f.level for f in said] == ["ok", "warn", "warn"]
    assert [f.hint.split()[0] for f in said[1:]] == ["chmod", "chmod"]


def test_a_log_that_somebody_keeps_open_is_told(records, monkeypatch):
    from dataops_core.storage import sqlite_check

    monkeypatch.setattr(sqlite_check, "_LARGE_LOG", 1000)
    assert "has grown" in records.check()[1].what


def test_a_database_that_somebody_holds_is_told(records):
    other = sqlite3.connect(records.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    (finding,) = records.check()
    assert (finding.level, "locked" in finding.what) == ("error", True)
    other.close()
    assert levels(records) == ["ok"]


def test_a_newer_database_is_told(records):
    records.close()
    with sqlite3.connect(records.path) as other:
        other.execute("PRAGMA user_version = 99")
    (finding,) = records.check()
    assert finding.level == "error"
    assert "layout 99" in finding.what
    with pytest.raises(NewerDatabase):
        records.get(TABLE, "a")


def test_expired_records_are_swept(tmp_path):
    now = time.time()
    clock = SimpleNamespace(now=now)
    records = SqliteRecords(tmp_path / "a.db", [TABLE], clock=lambda: clock.now)
    records.commit([Put(TABLE, {"id": f"s.{n}"}, ANY) for n in range(5)])
    for start in range(0, 250, 50):
        records.commit([Put(TABLE, {"id": f"x.{start + n}", "expires_at": now + 5}, ANY) for n in range(50)])
    records._next_sweep = float("inf")
    assert records.sweep(0)[0].count == 0
    clock.now += 10
    told = records.sweep(0, dry_run=True)
    assert told[0].count == 250
    assert told[0].bytes > 250 * 20
    assert records.sweep(0) == told
    assert records.sweep(0)[0].count == 0
    assert len(records.scan(TABLE).items) == 5


def test_unfinished_files_are_swept_when_their_writer_is_gone(blobs):
    place = blobs.root / "%tmp"
    for name, age in (("old", 100.0), ("young", 0.0)):
        (place / f"{name}.tmp").write_bytes(b"12345")
        os.utime(place / f"{name}.tmp", (time.time() - age,) * 2)
    assert blobs.sweep(200)[0].count == 0
    assert (blobs.sweep(50, dry_run=True)[0].count, blobs.sweep(50)[0].bytes) == (1, 5)
    assert os.listdir(place) == ["young.tmp"]

    class Slow:
        reads = 0

        def read(self, size=-1):
            self.reads += 1
            (mine,) = [name for name in os.listdir(place) if name != "young.tmp"]
            os.utime(place / mine, (1, 1))
            assert blobs.sweep(0.001)[0].count == 0
            return b"x" * 10 if self.reads < 3 else b""

    assert blobs.put("a", Slow()).size == 20


def test_a_folder_that_cannot_be_written_is_told(blobs, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("dataops_core.storage.file_blobs.secrets.token_hex", refuse)
    assert levels(blobs) == ["error"]
