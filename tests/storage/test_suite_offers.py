"""What a suite offers decides which clauses are tried; those about processes notice what is broken between them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from dataops_core.storage.sqlite_records import sqlite_url
from dataops_core.testing import BlobStoreSuite, RecordStoreSuite
from dataops_core.testing.child import Place
from dataops_core.testing.clauses import clauses
from dataops_core.testing.suite import CAPABILITIES, Suite, needs

HEAD = """
    import threading
    import time
    from dataclasses import replace
    from dataops_core.contracts.records import ANY, Check, key_of
    from dataops_core.errors import Conflict
    from dataops_core.storage.sqlite_records import SqliteRecords, path_of_url
    from dataops_core.testing.record_case import RECORDS

    DATAOPS_API = 1

    def dataops_record_store(url, tables):
        return Broken(path_of_url(url, "sqlite", relative=True), tables)

"""
BROKEN = {
    "test_expiry_goes_by_the_clock_that_the_store_names": """
    class Broken(SqliteRecords):
        capabilities = frozenset({"consistent_query", "store_clock"})
    """,
    "test_a_kill_at_every_step_leaves_all_or_nothing": """
    class Broken(SqliteRecords):
        def commit(self, writes):
            tokens = []
            for write in writes:
                if write is not None:
                    tokens += super().commit([write])
            return tokens
    """,
    "test_processes_lose_no_update": """
    class Broken(SqliteRecords):
        def commit(self, writes):
            for index, write in enumerate(writes):
                now = self.get(write.table, *key_of(write))
                if hasattr(write.when, "token") and (now is None or now.token != write.when.token):
                    raise Conflict("changed", index=index)
            time.sleep(0.002)
            return super().commit([write if isinstance(write, Check) else replace(write, when=ANY) for write in writes])
    """,
    "test_one_of_many_processes_creates_a_record": """
    class Broken(SqliteRecords):
        def commit(self, writes):
            if self.get(writes[0].table, *key_of(writes[0])):
                raise Conflict("there is one", index=0)
            time.sleep(0.002)
            return super().commit([replace(write, when=ANY) for write in writes])
    """,
    "test_what_a_killed_process_acknowledged_is_there_once": """
    class Broken(SqliteRecords):
        writing = threading.Timer(0, print)

        def commit(self, writes):
            self.get(RECORDS, "x")
            self.writing = threading.Timer(0.05, super().commit, [writes])
            self.writing.start()
            return [write.token for write in writes]

        def get(self, *key):
            if self.writing.ident:
                self.writing.join()
            return super().get(*key)
    """,
}


class Plain(RecordStoreSuite):
    processes = 3
    kills = 20


@pytest.mark.parametrize("clause", BROKEN)
def test_what_is_broken_between_processes_is_noticed(
    clause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = f"broken_for_{clause}"
    (tmp_path / f"{plugin}.py").write_text(dedent(HEAD) + dedent(BROKEN[clause]))
    monkeypatch.syspath_prepend(tmp_path)
    place = Place(plugin, sqlite_url(tmp_path / "dataops.db"))
    store = place.records()
    store.prepare()
    with pytest.raises(AssertionError) as noticed:
        getattr(Plain(), clause)(store, place)
    store.close()
    # The one that watches may notice first; the others fail only by themselves.
    assert "record_jobs" not in str(noticed.value).replace("record_jobs.watch", "")


def test_a_suite_offers_what_it_gives() -> None:
    class Networked(RecordStoreSuite):
        def proxied(self, place: Path, port: int) -> None: ...

    class Alone(BlobStoreSuite):
        processes = 0

        def corrupt(self, place: Path, key: str) -> None: ...

    offered = {suite: {name for name in CAPABILITIES if suite.offers(name)} for suite in (Networked, Alone, Suite)}
    assert offered == {Networked: {"processes", "network"}, Alone: {"damage"}, Suite: {"processes"}}


def test_a_clause_that_cannot_be_tried_says_why() -> None:
    clause = RecordStoreSuite.test_a_half_open_connection_is_given_up
    assert "`proxied` is not given" in str(RecordStoreSuite.lacks(clause))
    assert RecordStoreSuite.lacks(RecordStoreSuite.test_conditions) is None
    assert "test_conditions" in {method for _, method, _ in clauses(RecordStoreSuite)}
    assert clause.__name__ not in {method for _, method, _ in clauses(RecordStoreSuite)}


def test_a_capability_that_does_not_exist_is_no_capability() -> None:
    with pytest.raises(AssertionError, match="nonsense"):
        needs("nonsense")


def test_each_parameter_of_a_clause_is_tried_with_each() -> None:
    class Networked(RecordStoreSuite):
        def proxied(self, place: Path, port: int) -> None: ...

    several = [
        parameters["several"]
        for _, method, parameters in clauses(Networked)
        if method == "test_a_fault_at_every_exchange_leaves_a_commit_applied_once"
    ]
    assert several == [False, True]
