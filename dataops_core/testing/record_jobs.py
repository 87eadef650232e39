"""What other processes do to a record store while the suite looks on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from dataops_core.contracts.records import ABSENT, Delete, Put, RecordStore, Write
from dataops_core.testing.child import killed_at_every_step
from dataops_core.testing.record_case import ITEMS, RECORDS, item, refused

Say = Callable[[Any], None]


def increase(store: RecordStore, say: Say, *, times: int, name: str) -> None:
    """Adds to a counter and keeps a row of each addition; says how many times somebody else was first."""
    conflicts = 0
    for time_ in range(times):
        while True:
            read = store.get(RECORDS, "counter")
            assert read is not None
            number = read.record["n"] + 1
            writes = [
                Put(RECORDS, {**read.record, "n": number}, read),
                Put(ITEMS, item("counter", f"{number:06}", by=name, time=time_), ABSENT),
            ]
            if refused(store, writes) is None:
                break
            conflicts += 1
            time.sleep(random.uniform(0, 0.004))
    say(conflicts)


def create(store: RecordStore, say: Say, *, names: list[str], me: str) -> None:
    """Tries to be the creator of many records; says which it created."""
    won = [n for n in names if refused(store, [Put(RECORDS, {"id": n, "by": me}, ABSENT)]) is None]
    say(won)


def watch(store: RecordStore, say: Say, *, until: int) -> None:
    """Reads the counter and its newest row until the end; says how often, and asserts that nothing runs backwards."""
    last = rows = looks = 0
    while last < until:
        read = store.get(RECORDS, "counter")
        assert read is not None
        assert read.record["n"] >= last, "a counter ran backwards"
        last = read.record["n"]
        newest = store.range(ITEMS, "counter", limit=1, newest_first=True)
        assert not newest or int(newest[0].record["item"]) >= rows, "a row vanished"
        rows = int(newest[0].record["item"]) if newest else rows
        looks += 1
    say(looks)


def look(store: RecordStore, say: Say, *, names: list[str]) -> None:
    """Says which records it sees, and what time it is by the clock that decides expiry."""
    say({"seen": [name for name in names if store.get(RECORDS, name)], "now": store.now()})


def append(store: RecordStore, say: Say, *, text: str) -> None:
    """Appends rows until it is killed; says each number once its commit is acknowledged."""
    while True:
        read = store.get(RECORDS, "log")
        number = read.record["n"] + 1 if read else 1
        store.commit(
            [
                Put(RECORDS, {"id": "log", "n": number, "group": "log", "rank": f"{number:06}"}, read or ABSENT),
                Put(ITEMS, item("log", f"{number:06}", text=text), ABSENT),
            ]
        )
        say(number)


def replace(open_store: Callable[[], RecordStore], say: Say, *, package: str, at_most: int) -> None:
    """Replaces two records by two others, killed at another line each time; says which were acknowledged."""

    def act(number: int) -> Callable[[], Any]:
        store = open_store()
        scope = f"s{number}"
        old = Put(RECORDS, {"id": scope, "group": "old", "rank": "1"}, ABSENT)
        store.commit([old, Put(ITEMS, item(scope, "old"), ABSENT)])
        writes: list[Write] = [
            Put(RECORDS, {"id": scope, "group": "new", "rank": "2"}, old.token),
            Put(ITEMS, item(scope, "new", text="x" * 3_000), ABSENT),
            Delete(ITEMS, scope, "old"),
        ]
        return lambda: store.commit(writes)

    open_store().close()  # imports what every attempt would import anew
    killed_at_every_step(package, act, say, at_most)


replace.opens_itself = True  # type: ignore[attr-defined]
