"""Clauses about several processes on one record store: those that race, that are killed, whose clocks are wrong."""

from __future__ import annotations

import random
import time

from dataops_core.contracts.records import RecordStore
from dataops_core.testing.child import Child, Place, together
from dataops_core.testing.record_case import ITEMS, RECORDS, RecordCase, put, put_expired, queried
from dataops_core.testing.suite import needs

#: Seconds by which a clock is wrong.
HOUR = 3_600.0


class Processes(RecordCase):
    """Races, kills and clocks. `processes` is how many work at once, `kills` at how many lines one is killed."""

    processes: int
    kills: int

    @needs("processes")
    def test_processes_lose_no_update(self, store: RecordStore, place: Place) -> None:
        """One of them has a clock that is an hour ahead, and one an hour behind."""
        times = 25
        put(store, {"id": "counter", "n": 0})
        total = self.processes * times
        skews = [HOUR, -HOUR, *[0.0] * self.processes]
        workers = [
            Child(place, "record_jobs.increase", skew=skews[n], times=times, name=f"p{n}")
            for n in range(self.processes)
        ]
        together([*workers, Child(place, "record_jobs.watch", until=total)])
        read = store.get(RECORDS, "counter")
        rows = store.range(ITEMS, "counter")
        assert read is not None and read.record["n"] == total
        assert [int(row.record["item"]) for row in rows] == list(range(1, total + 1))
        for n in range(self.processes):
            done = [row.record["time"] for row in rows if row.record["by"] == f"p{n}"]
            assert done == list(range(times)), "the commits of one process are in its order, each once"

    @needs("processes")
    def test_one_of_many_processes_creates_a_record(self, store: RecordStore, place: Place) -> None:
        names = [f"r{n}" for n in range(40)]
        said = together([Child(place, "record_jobs.create", names=names, me=f"p{n}") for n in range(self.processes)])
        winners = {name: f"p{n}" for n, (won,) in enumerate(said) for name in won}
        assert sum(len(won) for (won,) in said) == len(names), "each record has one creator"
        for name in names:
            read = store.get(RECORDS, name)
            assert read is not None and read.record["by"] == winners[name]

    @needs("processes")
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

    @needs("processes")
    def test_a_kill_at_every_step_leaves_all_or_nothing(self, store: RecordStore, place: Place) -> None:
        (attempts,) = together([Child(place, "record_jobs.replace", at_most=self.kills)])
        assert len(attempts) > 5, "the backend's code was not seen at work"
        assert attempts[0][1] and attempts[-1][1], "the first attempt and the last are not killed"
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

    @needs("processes")
    def test_expiry_goes_by_the_clock_that_the_store_names(self, store: RecordStore, place: Place) -> None:
        """By the store's own clock where it has one, whatever the reader's says; else by the reader's."""
        put(store, {"id": "soon", "expires_at": store.now() + HOUR / 2})
        put_expired(store, {"id": "past"})
        put(store, {"id": "stays"})
        names = ["past", "soon", "stays"]
        for skew in (-HOUR, HOUR):
            ((said,),) = together([Child(place, "record_jobs.look", skew=skew, names=names)])
            wrong = said["now"] - store.now()
            if "store_clock" in store.capabilities:
                assert said["seen"] == ["soon", "stays"], f"a reader's clock that is wrong by {skew:.0f} s decided"
                assert abs(wrong) < HOUR / 10, "now() is not the clock of the store"
            else:
                # What expired by the right clock may have been removed by anybody.
                assert [n for n in said["seen"] if n != "past"] == (["soon", "stays"] if skew < 0 else ["stays"])
                assert abs(wrong - skew) < HOUR / 10, "now() is not the clock of the reader"
