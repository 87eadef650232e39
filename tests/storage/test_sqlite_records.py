"""What is particular to SQLite: sharing the file with threads, forks and other processes, speed, care."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dataops_core.contracts.records import ABSENT, EXPIRES_AT, Index, Put, Table
from dataops_core.errors import InvalidValue, Unreachable
from dataops_core.storage import sqlite_records
from dataops_core.storage.sqlite_records import SqliteRecords, sqlite_url
from dataops_core.testing.child import Child, Place, together
from tests.storage.processes import in_fork

TABLE = Table("things", "id", indexes=(Index("kind-made", "kind", "made"),))
ROWS = Table("rows", "owner", "item")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "er" / "dataops.db"


@pytest.fixture
def store(path: Path) -> SqliteRecords:
    return SqliteRecords(path, [TABLE, ROWS])


def thing(number: int, **fields: object) -> Put:
    return Put(TABLE, {"id": f"t{number}", "kind": "k", "made": f"{number:04}", **fields})


def test_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")

    def path_of(url: str) -> Path:
        store = sqlite_records.dataops_record_store(url=url, tables=[TABLE])
        assert isinstance(store, SqliteRecords)
        return store.path

    assert path_of("sqlite:///data/my.db") == tmp_path / "data/my.db"
    assert path_of("sqlite:////srv/my.db") == Path("/srv/my.db")
    assert path_of("sqlite:///~/my.db") == Path("/home/someone/my.db")
    for path in ("/srv/a b/100%/ä?#.db", "/srv/../x.db", "/~/x.db"):
        assert path_of(sqlite_url(path)) == Path(os.path.abspath(path)), path
    assert path_of(sqlite_url("here.db")) == tmp_path / "here.db"
    for url in ("sqlite://", "sqlite:///", "sqlite://host/x.db", "sqlite:x.db", "sqlite:///:memory:",
                "sqlite:///x.db?mode=ro", "sqlite:///x%00.db", "postgres:///x"):  # fmt: skip
        with pytest.raises(InvalidValue) as caught:
            path_of(url)
        assert caught.value.hint


def test_importing_it_is_cheap() -> None:
    code = (
        "import sys, dataops_core.storage.sqlite_records, dataops_core.storage.file_blobs;"
        "print([m for m in ('langgraph', 'langchain_core', 'pydantic', 'yaml', 'structlog', 'pytest', 'hypothesis')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_only_the_owner_can_read(store: SqliteRecords, path: Path) -> None:
    store.commit([thing(1)])
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"dataops.db": 0o600, "dataops.db-wal": 0o600, "dataops.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    assert [f.level for f in store.check()] == ["ok"]
    path.chmod(0o644)
    assert [f.level for f in store.check()] == ["ok", "warn"]


def test_the_file_is_as_durable_as_promised(store: SqliteRecords) -> None:
    store.commit([thing(1)])
    with store._file.write_lock:
        connection = store._file.writer()
        settings = {
            p: connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("journal_mode", "synchronous", "page_size")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "page_size": 1024}


def test_every_listing_uses_an_index(store: SqliteRecords) -> None:
    things, rows = store._plan(TABLE), store._plan(ROWS)
    statements = {
        things.get: 2, things.has_token: 2, things.put_version: 8, things.delete_version: 3, things.outdated: 2,
        rows.get: 3, rows.range("a", "b", True): 5, rows.range(None, None, False): 3, rows.scan: 3,
        things.query(TABLE.indexes[0], True, True): 5, things.query(TABLE.indexes[0], False, False): 3,
    }  # fmt: skip
    for statement, count in statements.items():
        lines = [row[3] for row in store._read(f"EXPLAIN QUERY PLAN {statement}", ["1"] * count)]
        assert len(lines) == 1, f"{statement}: {lines}"
        assert lines[0].startswith("SEARCH "), f"{statement}: {lines}"


def test_an_update_leaves_unchanged_index_entries_alone(store: SqliteRecords) -> None:
    """Each entry that is written anew costs a page of the log."""
    store.commit([Put(TABLE, {"id": f"t.{n}", "kind": f"k{n % 7}", "made": f"{n}" * 100}) for n in range(40)])

    def pages(write: Put) -> int:
        with store._file.write_lock:
            store._file.writer().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.commit([write])
        return (store.path.with_name("dataops.db-wal").stat().st_size - 32) // (1024 + 24)

    read = store.get(TABLE, "t.20")
    assert read is not None
    (token,) = store.commit([Put(TABLE, {**read.record, "n": 1}, read)])
    same = pages(write := Put(TABLE, {**read.record, "n": 2}, token))
    assert same < pages(Put(TABLE, {**read.record, "made": "new"}, write.token))


def test_a_reader_waits_for_no_writer(store: SqliteRecords) -> None:
    store.commit([thing(1, n=1)])
    assert store.get(TABLE, "t1") is not None
    with store._file.write_lock:
        connection = store._file.writer()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE things SET _body = '{\"n\": 2}'")
        began = time.monotonic()
        read = store.get(TABLE, "t1")
        assert read is not None and read.record["n"] == 1, "an unfinished commit was read"
        assert time.monotonic() - began < 1
        connection.execute("ROLLBACK")


def test_a_file_locked_by_another_process(store: SqliteRecords, path: Path) -> None:
    store.commit([thing(1)])
    holder = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE');"
        "print('held', flush=True); sys.stdin.readline(); c.execute('ROLLBACK')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout and other.stdin and other.stdout.readline() == "held\n"
        impatient = SqliteRecords(path, [TABLE, ROWS], busy_seconds=0.2)
        began = time.monotonic()
        with pytest.raises(Unreachable, match="locked by another process") as caught:
            impatient.commit([thing(2)])
        assert time.monotonic() - began < 5
        assert str(path) in caught.value.message and caught.value.hint
        assert impatient.get(TABLE, "t1") is not None, "reading goes on"
        waiting = threading.Thread(target=lambda: store.commit([thing(3)]))
        waiting.start()
        other.stdin.write("\n")
        other.stdin.flush()
        waiting.join(20)
    assert store.get(TABLE, "t2") is None
    assert store.get(TABLE, "t3") is not None, "a patient writer gets its turn"
    impatient.commit([thing(2)])


def test_a_child_of_a_fork_loses_nothing(store: SqliteRecords, path: Path) -> None:
    """A child that opens the file while it inherits a connection works on a log that its parent takes away."""
    store.commit([thing(0)])
    assert store.get(TABLE, "t0") is not None
    hear, say = os.pipe()

    def child() -> object:
        store.commit([thing(1)])
        os.read(hear, 1)
        for number in range(2, 6):
            store.commit([thing(number)])
        return [store.get(TABLE, f"t{n}") is not None for n in range(6)]

    said: list[str] = []
    forker = threading.Thread(target=lambda: said.append(in_fork(child)))
    forker.start()
    time.sleep(0.3)
    store.close()
    os.write(say, b"x")
    forker.join()
    assert said == [str([True] * 6)]
    later = sqlite3.connect(path)
    assert later.execute("SELECT count(*) FROM things").fetchone() == (6,)
    later.close()


def test_threads_commit_while_the_process_forks(store: SqliteRecords) -> None:
    stop = threading.Event()
    counts = [0, 0, 0]
    failures: list[BaseException] = []

    def work(me: int) -> None:
        try:
            while not stop.is_set():
                store.commit([Put(ROWS, {"owner": "w", "item": f"{me} {counts[me]:06}"}, ABSENT)])
                counts[me] += 1
                assert store.get(ROWS, "w", f"{me} {0:06}") is not None
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(3)]
    for thread in threads:
        thread.start()
    said = [in_fork(lambda n=n: store.commit([thing(n)]) and "done") for n in range(8)]  # type: ignore[misc]
    stop.set()
    for thread in threads:
        thread.join(30)
    assert said == ["done"] * 8
    assert not failures
    assert all(store.get(TABLE, f"t{n}") for n in range(8))
    assert len(store.range(ROWS, "w")) == sum(counts)


def test_many_processes_create_the_file_at_once(tmp_path: Path) -> None:
    place = Place("dataops_core.storage.sqlite_records", sqlite_url(tmp_path / "new" / "dataops.db"))
    names = [f"r{n}" for n in range(5)]
    said = together([Child(place, "record_jobs.create", names=names, me=f"p{n}") for n in range(6)])
    assert sorted(name for (won,) in said for name in won) == names


def test_many_threads_open_the_store_at_once(store: SqliteRecords) -> None:
    said: list[object] = []
    threads = [threading.Thread(target=lambda: said.append(store.get(TABLE, "t1"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [None] * 8


def test_a_closed_store_opens_again(store: SqliteRecords) -> None:
    store.commit([thing(1)])
    store.close()
    assert store.get(TABLE, "t1") is not None
    store.close()
    store.commit([thing(2)])


def test_expired_records_are_swept(path: Path) -> None:
    now = [1_000.0]
    store = SqliteRecords(path, [TABLE, ROWS], clock=lambda: now[0])

    def kept() -> int:
        return int(store._read("SELECT count(*) FROM things", ())[0][0])

    store.commit([thing(0)])
    for number in range(1, 150):
        store.commit([thing(number, **{EXPIRES_AT: 1_010})])
    now[0] = 1_020.0
    store.commit([thing(200)])
    assert kept() == 151, "swept at most once a minute"
    now[0] = 1_070.0
    store.commit([thing(201)])
    assert kept() == 52, "a commit pays for a few only"
    assert store.prepare() == [
        f"created folder {path.parent}", f"created {path}", "created table things",
        "created index things.expires_at", "created index things.kind-made", "created table rows",
        "created index rows.expires_at", "removed 49 expired records of things",
    ]  # fmt: skip
    assert kept() == 3
    assert store.prepare() == []


def test_a_removed_file_is_noticed(store: SqliteRecords, path: Path) -> None:
    """Commits to a file without a name would be acknowledged and lost."""
    store.commit([thing(1)])
    path.rename(path.with_name("moved.db"))
    with pytest.raises(Unreachable, match="removed or replaced"):
        store.commit([thing(2)])
    path.with_name("moved.db").rename(path)
    store.commit([thing(2)])


def test_an_undeclared_table_is_named(store: SqliteRecords) -> None:
    for table in (Table("nothing", "id"), Table("things", "id"), Table("rows", "owner")):
        with pytest.raises(InvalidValue, match=table.name):
            store.get(table, "x")
    with pytest.raises(InvalidValue, match="differ only in case"):
        SqliteRecords("x.db", [Table("t", "id", indexes=(Index("i", "Kind", "kind"),))])
