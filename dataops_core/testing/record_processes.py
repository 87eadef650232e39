"""Clauses about several processes on one record store, and about those that are killed."""

from __future__ import annotations

import random
import time

from dataops_core.contracts.records import RecordStore
from dataops_core.testing.child import Child, Place, together
from dataops_core.testing.record_case import ITEMS, RECORDS, RecordCase, put, queried


class Processes(RecordCase):
    """Races and kills. `processes` is how many work at once."""

    processes = 4

    def test_processes_lose_no_update(self, store: RecordStore, place: Place) -> None:
        times = 40
        put(store, {"id": "counter", "n": 0})
        total = self.processes * times
        workers = [Child(place, "record_jobs.increase", times=times, name=f"p{n}") for n in range(self.processes)]
        together([*workers, Child(place, "record_jobs.watch", until=total)])
        read = store.get(RECORDS, "counter")
        rows = store.range(ITEMS, "counter")
        assert read is not None and read.record["n"] == total
        assert [int(row.record["item"]) for row in rows] == list(range(1, total + 1))
        for n in range(self.processes):
            done = [row.record["time"] for row in rows if row.record["by"] == f"p{n}"]
            assert done == list(range(times)), "the commits of one process are in its order, each once"

    def test_one_of_many_processes_creates_a_record(self, store: RecordStore, place: Place) -> None:
        names = [f"r{n}" for n in range(40)]
        said = together([Child(place, "record_jobs.create", names=names, me=f"p{n}") for n in range(self.processes)])
        winners = {name: f"p{n}" for n, (won,) in enumerate(said) for name in won}
        assert sum(len(won) for (won,) in said) == len(names), "each record has one creator"
        for name in names:
            read = store.get(RECORDS, name)
            assert read is not None and read.record["by"] == winners[name]

    def test_what_a_killed_process_acknowledged_is_there_once(self, store: RecordStore, place: Place) -> None:
        acknowledged = 0
        for round_ in range(3):
            child = Child(place, "record_jobs.append", text="x" * 2_000)
            child.ready()
            child.go()
            acknowledged = max(acknowledged, child.said())
            time.sleep(random.uniform(0.01, 0.25))
            acknowledged = max([acknowledged, *child.kill()])
            read = store.get(RECORDS, "log")
            rows = [int(row.record["item"]) for row in store.range(ITEMS, "log")]
            assert read is not None
            assert rows == list(range(1, read.record["n"] + 1)), f"half a commit after kill {round_ + 1}"
            assert acknowledged <= read.record["n"] <= acknowledged + 1
            self.sees(store, lambda r=read: queried(store, RECORDS, "group-rank", "log"), [read.record])  # type: ignore[misc]

    def test_a_kill_at_every_step_leaves_all_or_nothing(self, store: RecordStore, place: Place) -> None:
        (attempts,) = together([Child(place, "record_jobs.replace")])
        assert len(attempts) > 5, "the backend's code was not seen at work"
        assert attempts[-1][1], "the last attempt is the one that was not killed"
        new = []
        for number, acknowledged in attempts:
            read = store.get(RECORDS, f"s{number}")
            assert read is not None
            applied = read.record["group"] == "new"
            assert applied or not acknowledged, f"step {number}: an acknowledged commit is gone"
            rows = [row.record["item"] for row in store.range(ITEMS, f"s{number}")]
            assert rows == (["new"] if applied else ["old"]), f"step {number}: half a commit"
            new += [f"s{number}"] * applied
        self.sees(store, lambda: sorted(r["id"] for r in queried(store, RECORDS, "group-rank", "new")), sorted(new))
