"""Clauses about a record store that is reached over a network: what an answer that never comes may do, and may not.

Each runs through a `FaultProxy`. What a store tries again by itself, and how long, is its own affair; it may also give
up with Unreachable. But what it acknowledged is there once, and what a caller sends again is applied once.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from dataops_core.contracts.records import ABSENT, Check, Delete, Put, RecordStore, Stored, Write
from dataops_core.errors import Conflict, DataOpsError, Unreachable
from dataops_core.testing.fault_proxy import Exchange, Fault, FaultProxy
from dataops_core.testing.network_case import at_every_exchange, outlast, unreachable
from dataops_core.testing.record_case import ITEMS, RECORDS, RecordCase, item, put, queried, scanned
from dataops_core.testing.suite import needs

#: No commit takes more exchanges than this, not even one that is tried again.
_MANY = 60


class Network(RecordCase):
    """Faults between the store and its server. `patience` is how long a store may wait for an answer, in seconds."""

    patience: float
    faults: tuple[Fault, ...]

    @needs("network")
    @pytest.mark.parametrize("several", [False, True], ids=["one write", "several writes"])
    def test_a_fault_at_every_exchange_leaves_a_commit_applied_once(
        self, store: RecordStore, proxy: FaultProxy, through: RecordStore, several: bool
    ) -> None:
        """The caller sends the same commit again for as long as it hears nothing."""
        put(through, {"id": "warm"})

        def commit(scope: str) -> None:
            fence, old = put(store, {"id": f"{scope}.fence"}), put(store, item(scope, "old", tag=scope))
            new = Put(RECORDS, {"id": scope, "group": scope, "rank": "1"}, ABSENT)
            writes: list[Write] = [new]
            if several:
                row = Put(ITEMS, item(scope, "new", tag=scope), ABSENT)
                writes = [Check(RECORDS, f"{scope}.fence", when=fence), new, Delete(ITEMS, scope, "old", old), row]
            assert outlast(lambda: through.commit(writes)) == [w.token for w in writes if isinstance(w, Put)]
            assert store.get(RECORDS, scope) == Stored(new.record, new.token)
            assert [s.record["item"] for s in store.range(ITEMS, scope)] == ["new" if several else "old"]
            self.sees(store, lambda: queried(store, RECORDS, "group-rank", scope), [new.record])

        at_every_exchange(proxy, self.faults, commit)

    @needs("network")
    def test_a_commit_that_is_sent_again_later_overwrites_nothing(
        self, store: RecordStore, proxy: FaultProxy, through: RecordStore
    ) -> None:
        """A caller that heard nothing comes back after others have worked on."""
        put(through, {"id": "warm"})
        for nth in count(1):
            scope = f"s{nth}"
            writes = [Put(ITEMS, item(scope, "mine"), ABSENT), Put(ITEMS, item(scope, "free", by=1))]
            # From the nth exchange on, everything is done and nothing is answered.
            first = proxy.count + nth
            proxy.decide = lambda exchange, n=first: "lost" if exchange.number >= n else None  # type: ignore[misc]
            try:
                through.commit(writes)
                break
            except Unreachable:
                pass
            proxy.heal()
            applied = store.get(ITEMS, scope, "mine") is not None
            newer = put(store, item(scope, "free", by=2)) if applied else None
            assert outlast(lambda w=writes: through.commit(w)) == [w.token for w in writes]  # type: ignore[misc]
            rows = store.range(ITEMS, scope)
            assert [row.token for row in rows] == [newer.token if newer else writes[1].token, writes[0].token]
            assert nth < _MANY, "one commit takes too many exchanges"
        assert nth > 1, "a commit of which nothing was answered was acknowledged"

    @needs("network")
    def test_a_read_is_right_or_fails(self, store: RecordStore, proxy: FaultProxy, through: RecordStore) -> None:
        rows = [put(store, item("s1", f"{n}", tag="t", text="x" * 30_000)) for n in range(8)]
        keys = [("s1", f"{n}") for n in range(9)]
        reads: list[tuple[Callable[[], Any], Any]] = [
            (lambda: through.get(ITEMS, "s1", "3"), rows[3]),
            (lambda: through.get(ITEMS, "s1", "missing"), None),
            (lambda: through.get_many(ITEMS, keys), [*rows, None]),
            (lambda: through.range(ITEMS, "s1"), rows),
            (lambda: queried(through, ITEMS, "tag-item", "t", limit=5), [row.record for row in rows]),
            (lambda: sorted(r["item"] for r in scanned(through, ITEMS)), [row.record["item"] for row in rows]),
        ]
        self.sees(store, lambda: len(queried(store, ITEMS, "tag-item", "t")), len(rows))
        for read, expected in reads:

            def compare(_: str, read: Callable[[], Any] = read, expected: Any = expected) -> None:
                assert outlast(read) == expected

            at_every_exchange(proxy, self.faults, compare)

    @needs("network")
    def test_connections_that_were_reset_are_made_anew(
        self, store: RecordStore, proxy: FaultProxy, through: RecordStore
    ) -> None:
        """What was idle when it was lost costs a caller at most one Unreachable."""
        for number in range(3):
            stored = outlast(lambda n=number: put(through, {"id": f"r{n}"}), times=2)  # type: ignore[misc]
            proxy.reset()
            assert outlast(lambda n=number: through.get(RECORDS, f"r{n}"), times=2) == stored  # type: ignore[misc]
            proxy.reset()
        assert len(scanned(store, RECORDS)) == 3

    @needs("network")
    def test_a_half_open_connection_is_given_up(
        self, store: RecordStore, proxy: FaultProxy, through: RecordStore
    ) -> None:
        put(through, {"id": "warm"})
        proxy.decide = lambda _: "silent"
        write = Put(RECORDS, {"id": "r1", "group": "g", "rank": "1"}, ABSENT)
        unreachable(self.patience, lambda: through.get(RECORDS, "warm"))
        unreachable(self.patience, lambda: through.commit([write]))
        unreachable(self.patience, lambda: through.query(RECORDS, "group-rank", "g"))
        proxy.heal()
        assert outlast(lambda: through.commit([write])) == [write.token]
        assert store.get(RECORDS, "r1") == through.get(RECORDS, "r1") == Stored(write.record, write.token)

    @needs("network")
    def test_a_server_that_is_gone_is_told(self, proxy: FaultProxy, through: RecordStore) -> None:
        put(through, {"id": "warm"})
        proxy.leave()
        unreachable(self.patience, lambda: through.get(RECORDS, "warm"))
        unreachable(self.patience, lambda: put(through, {"id": "r1"}))
        try:
            findings = through.check()
        except DataOpsError as error:
            pytest.fail(f"check() raises {error!r} in place of telling it")
        assert any(finding.level == "error" and finding.hint for finding in findings)

    @needs("network")
    def test_latency_is_only_slow(self, store: RecordStore, proxy: FaultProxy, through: RecordStore) -> None:
        proxy.latency = 0.1
        stored = put(through, item("s1", "a", tag="t"))
        assert through.get(ITEMS, "s1", "a") == stored == store.get(ITEMS, "s1", "a")
        assert through.range(ITEMS, "s1") == [stored]

    @needs("network")
    def test_writers_on_a_bad_network_lose_and_double_nothing(
        self, store: RecordStore, proxy: FaultProxy, through: RecordStore
    ) -> None:
        """Three append to one log; a tenth of all exchanges goes wrong."""
        times, writers = 8, 3
        dice = random.Random(5)

        def decide(_: Exchange) -> Fault | None:
            return dice.choice(self.faults) if dice.random() < 0.1 else None

        put(store, {"id": "log", "n": 0})
        proxy.decide = decide
        failures: list[BaseException] = []

        def work(me: int) -> None:
            try:
                for time_ in range(times):
                    while not appended(through, me, time_):
                        pass
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(me,), daemon=True) for me in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5 * self.patience)
        proxy.heal()
        assert not failures, failures
        rows = [row.record for row in store.range(ITEMS, "log")]
        assert [row["item"] for row in rows] == [f"{n:04}" for n in range(1, times * writers + 1)]
        assert [[r["time"] for r in rows if r["by"] == me] for me in range(writers)] == [list(range(times))] * writers


def appended(store: RecordStore, me: int, time_: int) -> bool:
    """Tries to append a row to the log; says whether it is there."""
    log = outlast(lambda: store.get(RECORDS, "log"))
    number = log.record["n"] + 1
    row = Put(ITEMS, item("log", f"{number:04}", by=me, time=time_), ABSENT)
    writes = [Put(RECORDS, {"id": "log", "n": number}, log), row]
    try:
        outlast(lambda: store.commit(writes))
    except Conflict:
        # Somebody was first; or it was applied, answered to nobody, and the log written since. The row says which.
        mine = outlast(lambda: store.get(ITEMS, "log", f"{number:04}"))
        return mine is not None and mine.token == row.token
    return True
