"""Files that cannot be used: each is named, with what to do; and files of older versions, which are brought forward."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataops_core.contracts.records import Index, Put, Record, Table
from dataops_core.errors import ConfigError, CorruptData, DataOpsError, NewerDatabase, Unreachable
from dataops_core.storage import sqlite_schema
from dataops_core.storage.sqlite_records import SqliteRecords
from tests.storage.processes import files_up_to, in_fork, without_rights

BARE = Table("things", "id")
MADE = Index("kind-made", "kind", "made")
NAMED = Index("kind-name", "kind", "name")
TABLE = Table("things", "id", indexes=(MADE,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dataops.db"


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that anybody can reach; pytest's own folders are closed to others."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def opened(path: Path, *tables: Table) -> SqliteRecords:
    return SqliteRecords(path, tables or (TABLE,), busy_seconds=1)


def fill(path: Path, table: Table, count: int = 50) -> None:
    store = opened(path, table)
    for start in range(0, count, 10):
        store.commit([Put(table, record) for n in range(start, start + 10) if (record := {**thing(n), "id": f"s.{n}"})])
    store.close()


def thing(number: int) -> Record:
    return {"id": f"t{number}", "kind": "k", "made": f"{number:04}", "name": f"{99 - number:04}", "text": "x" * 500}


def raised(path: Path, kind: type[DataOpsError], *tables: Table) -> DataOpsError:
    store = opened(path, *tables)
    with pytest.raises(kind) as caught:
        store.scan((tables or (TABLE,))[0])
    assert str(path) in caught.value.message or str(path.parent) in caught.value.message, "it names the file"
    assert caught.value.hint, "the hint says what to do"
    assert [f.level for f in store.check()] == ["error"]
    assert type(caught.value) is kind
    return caught.value


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_bytes(b"id,name\n1,Anna\n" * 500)
    raised(path, CorruptData)


def test_a_damaged_page_is_noticed(path: Path) -> None:
    fill(path, TABLE)
    whole = path.read_bytes()
    path.write_bytes(whole[:2048] + b"\xff" * (len(whole) - 4096) + whole[-2048:])
    store = opened(path)
    with pytest.raises(CorruptData, match="damaged"):
        store.scan(TABLE)
    assert "error" in [f.level for f in store.check()]


def test_a_damaged_record_is_noticed(path: Path) -> None:
    fill(path, TABLE)
    for body in ("{", b"\xff\xfe"):
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE things SET _body = CAST(? AS TEXT)", (body,))
        connection.close()
        with pytest.raises(CorruptData, match="damaged"):
            opened(path).get(TABLE, "s.1")


def test_a_database_of_another_program(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (name)")
    connection.close()
    before = path.read_bytes()
    raised(path, ConfigError)
    assert path.stat().st_size == len(before)


def test_a_newer_database(path: Path) -> None:
    fill(path, TABLE)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert "99" in raised(path, NewerDatabase).message


def test_a_table_with_another_key(path: Path) -> None:
    fill(path, TABLE)
    raised(path, ConfigError, Table("things", "name"))
    raised(path, ConfigError, Table("things", "id", "name"))


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    raised(tmp_path / "file" / "dataops.db", Unreachable)
    raised(tmp_path / "file" / "deep" / "dataops.db", Unreachable)
    (tmp_path / "folder.db").mkdir()
    raised(tmp_path / "folder.db", Unreachable)


def test_a_folder_that_may_not_be_written(open_place: Path) -> None:
    path = open_place / "new" / "dataops.db"
    said = in_fork(without_rights(lambda: opened(path).get(TABLE, "x")))
    assert said.startswith(f"Unreachable: cannot create folder {path.parent}: Permission denied")
    path = open_place / "dataops.db"
    said = in_fork(without_rights(lambda: opened(path).get(TABLE, "x")))
    assert said.startswith(f"Unreachable: cannot create database {path}: Permission denied")


def test_a_file_that_may_not_be_written(open_place: Path) -> None:
    path = open_place / "dataops.db"
    fill(path, TABLE)
    path.chmod(0o444)
    said = in_fork(without_rights(lambda: opened(path).commit([Put(TABLE, thing(1))])))
    assert said.startswith("Unreachable: ") and str(path) in said
    path.chmod(0o000)
    said = in_fork(without_rights(lambda: opened(path).commit([Put(TABLE, thing(1))])))
    assert said == f"Unreachable: database {path} cannot be opened"


def test_a_full_disk(path: Path) -> None:
    """Nothing of the refused commit is there, what was acknowledged is, and it goes on when there is room again."""

    def act() -> str:
        store = opened(path)
        store.commit([Put(TABLE, {"id": "s.first"})])
        log = path.with_name("dataops.db-wal")
        refused = 0
        with files_up_to(log.stat().st_size + 10_000):
            for number in range(20):
                pair = [{"id": f"s.{number}", "text": "x" * 2_000}, {"id": f"s.{number}.b"}]
                try:
                    store.commit([Put(TABLE, record) for record in pair])
                except Unreachable as error:
                    refused += str(path) in error.message and bool(error.hint)
                    assert store.get(TABLE, f"s.{number}") is None
                    assert store.get(TABLE, f"s.{number}.b") is None
            assert store.get(TABLE, "s.first") is not None
        store.commit([Put(TABLE, {"id": "s.last"})])
        store.close()
        found = len(opened(path).scan(TABLE, limit=100).items)
        assert found == 2 + 2 * (20 - refused), (found, refused)
        return f"refused {refused > 5}"

    assert in_fork(act) == "refused True"


def test_a_disk_that_is_full_from_the_start(path: Path) -> None:
    def act() -> str:
        with files_up_to(0):
            opened(path).commit([Put(TABLE, thing(1))])
        return "committed"

    assert in_fork(act).startswith("Unreachable: ")


def test_an_older_file_is_migrated_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path, TABLE)

    def shout(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE things SET _body = replace(_body, 'xxx', 'XXX')")

    with monkeypatch.context() as newer:
        newer.setattr(sqlite_schema, "MIGRATIONS", (*sqlite_schema.MIGRATIONS, shout))
        store = opened(path)
        read = store.get(TABLE, "s.1")
        assert read is not None and "XXX" in read.record["text"]
        assert store.prepare() == [f"migrated {path} to layout 2"]
        store.close()
        again = opened(path)
        assert again.get(TABLE, "s.1") == read
        assert again.prepare() == []
        again.close()
    raised(path, NewerDatabase)


def test_a_failed_migration_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path, TABLE)

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM things")
        connection.execute("SELECT nonsense")

    with monkeypatch.context() as newer:
        newer.setattr(sqlite_schema, "MIGRATIONS", (*sqlite_schema.MIGRATIONS, fail))
        with pytest.raises(Unreachable, match="nonsense"):
            opened(path).get(TABLE, "s.1")
    assert len(opened(path).scan(TABLE).items) == 50


def listed(store: SqliteRecords, table: Table, index: Index) -> list[str]:
    return [s.record["id"] for s in store.query(table, index.name, "k", limit=100).items]


def test_a_new_table_and_a_new_index_are_added_and_filled(path: Path) -> None:
    fill(path, BARE)
    other = Table("others", "id", indexes=(MADE,))
    store = opened(path, TABLE, other)
    assert listed(store, TABLE, MADE) == [f"s.{n}" for n in range(50)]
    assert store.query(other, "kind-made", "k").items == []
    assert store.prepare() == [
        "filled the index fields of 50 records of things", "created index things.kind-made", "created table others",
        "created index others.expires_at", "created index others.kind-made",
    ]  # fmt: skip


def test_a_changed_index_is_built_anew(path: Path) -> None:
    fill(path, TABLE)
    changed = Table("things", "id", indexes=(Index("kind-made", "kind", "name"),))
    assert listed(opened(path, changed), changed, changed.indexes[0]) == [f"s.{n}" for n in reversed(range(50))]


def test_an_older_program_keeps_the_index_of_a_newer_one(path: Path) -> None:
    newer = Table("things", "id", indexes=(MADE, NAMED))
    fill(path, newer)
    older = opened(path, BARE)
    read = older.get(BARE, "s.1")
    assert read is not None
    older.commit([Put(BARE, {**read.record, "made": "9999"}, read), Put(BARE, {**thing(60), "id": "s.60"})])
    store = opened(path, newer)
    assert listed(store, newer, MADE) == ["s.0", *[f"s.{n}" for n in range(2, 50)], "s.60", "s.1"]
    assert listed(store, newer, NAMED) == ["s.60", *[f"s.{n}" for n in reversed(range(50))]]


def test_what_an_older_program_missed_is_repaired(path: Path) -> None:
    """It was running when the index was added, and knows nothing of it."""
    older = opened(path, BARE)
    older.commit([Put(BARE, {**thing(1), "id": "s.1"})])
    newer = opened(path, TABLE)
    assert listed(newer, TABLE, MADE) == ["s.1"]
    older.commit([Put(BARE, {**thing(2), "id": "s.2"})])
    assert "repaired the index fields of 1 records of things" in newer.prepare()
    assert listed(newer, TABLE, MADE) == ["s.1", "s.2"]
