"""A store whose indexes lag, and says so, keeps the contract; the suite has the patience that it asks for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataops_core.contracts.records import ABSENT, Delete, Put, RecordStore
from dataops_core.storage.sqlite_records import SqliteRecords
from dataops_core.testing import IndexLag, RecordStoreSuite, failed_clauses
from dataops_core.testing.record_case import RECORDS, TABLES, put, queried
from tests.storage.processes import MEMORY


class TestLaggingRecords(RecordStoreSuite):
    processes = 0
    examples, steps, many = 3, 8, 1_000

    def url(self, place: Path) -> str:
        return str(place / "dataops.db")

    @pytest.fixture
    def lag(self) -> IndexLag:
        return IndexLag(0.05)

    @pytest.fixture
    def store(self, lag: IndexLag, tmp_path: Path) -> Iterator[RecordStore]:
        store = lag.over(SqliteRecords(self.url(tmp_path), TABLES))
        store.prepare()
        yield store
        store.close()

    @pytest.fixture
    def other(self, lag: IndexLag, store: RecordStore, tmp_path: Path) -> Iterator[RecordStore]:
        other = lag.over(SqliteRecords(self.url(tmp_path), TABLES))
        yield other
        other.close()


def test_indexes_show_old_contents_and_deleted_records(tmp_path: Path) -> None:
    lag = IndexLag(0.3)
    store = lag.over(SqliteRecords(tmp_path / "dataops.db", TABLES))
    first = {"id": "a", "group": "g", "rank": "1"}
    stored = put(store, first, ABSENT)
    assert store.get(RECORDS, "a") == stored
    assert queried(store, RECORDS, "group-rank", "g") == []
    time.sleep(0.35)
    put(store, {"id": "a", "group": "h", "rank": "1"}, stored)
    assert queried(store, RECORDS, "group-rank", "g") == [first]
    time.sleep(0.35)
    store.commit([Delete(RECORDS, "a")])
    assert [r["group"] for r in queried(store, RECORDS, "group-rank", "h")] == ["h"]
    time.sleep(0.35)
    assert queried(store, RECORDS, "group-rank", "h") == []


def test_a_commit_that_is_sent_again_brings_nothing_back(tmp_path: Path) -> None:
    store = IndexLag(0).over(SqliteRecords(tmp_path / "dataops.db", TABLES))
    writes = [Put(RECORDS, {"id": "a"}, ABSENT), Put(RECORDS, {"id": "a.b", "group": "g", "rank": "1"})]
    store.commit(writes)
    newer = put(store, {"id": "a.b", "group": "g", "rank": "2"})
    store.commit(writes)
    assert queried(store, RECORDS, "group-rank", "g") == [newer.record]


class Impatient(TestLaggingRecords):
    lag_seconds = 0.1


def test_an_index_that_lags_for_too_long_is_noticed() -> None:
    def opened(folder: Path) -> tuple[RecordStore, RecordStore]:
        lag = IndexLag(5)
        return tuple(lag.over(SqliteRecords(folder / "dataops.db", TABLES)) for _ in range(2))  # type: ignore[return-value]

    clause = "test_an_index_is_ordered_and_complete"
    assert failed_clauses(Impatient, opened, only=clause, within=MEMORY)
