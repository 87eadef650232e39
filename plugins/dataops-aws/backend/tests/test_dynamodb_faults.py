"""A network that loses, tears and repeats: every commit is applied once, and nothing acknowledged is lost."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest
from aws_standins.proxy import Fault, Proxy, Request
from dataops_aws.dynamodb import dataops_record_store

from dataops_core.contracts.records import ABSENT, ANY, Check, Delete, Put, RecordStore, Stored
from dataops_core.errors import Conflict, Unreachable
from dataops_core.testing.record_case import ITEMS, RECORDS, TABLES, item, queried, scanned

WRITES = ("PutItem", "DeleteItem", "TransactWriteItems")
AMBIGUOUS: tuple[Fault, ...] = ("lost", "twice", "torn")

pytestmark = pytest.mark.usefixtures("quick_retries")


@pytest.fixture
def store(proxy: Proxy, records_url: str) -> Iterator[RecordStore]:
    store = dataops_record_store(url=records_url, tables=TABLES)
    store.prepare()
    proxy.counts.clear()
    yield store
    store.close()


def read(store: RecordStore, name: str) -> Stored | None:
    return store.get(RECORDS, name)


@pytest.mark.parametrize("fault", [*AMBIGUOUS, "reset", "busy", "failed"])
def test_one_record_is_written_once(store: RecordStore, proxy: Proxy, fault: Fault) -> None:
    proxy.once(fault, *WRITES)
    first = Put(RECORDS, {"id": "s1", "n": 1}, ABSENT)
    assert store.commit([first]) == [first.token]
    assert read(store, "s1") == Stored(first.record, first.token)
    proxy.once(fault, *WRITES)
    second = Put(RECORDS, {"id": "s1", "n": 2}, first.token)
    assert store.commit([second]) == [second.token]
    assert read(store, "s1") == Stored(second.record, second.token)
    assert proxy.counts["PutItem"] == (2 if fault == "twice" else 4)


@pytest.mark.parametrize("fault", [*AMBIGUOUS, "reset", "busy", "failed"])
def test_several_are_written_once(store: RecordStore, proxy: Proxy, fault: Fault) -> None:
    fence = Put(RECORDS, {"id": "s1.fence"}, ABSENT)
    store.commit([fence, Put(ITEMS, item("s1", "old"), ABSENT)])
    proxy.once(fault, *WRITES)
    writes = [
        Check(RECORDS, "s1.fence", when=fence.token),
        Put(ITEMS, item("s1", "new", n=1), ABSENT),
        Put(ITEMS, item("s1", "free", n=1), ANY),
        Delete(ITEMS, "s1", "old"),
    ]
    assert store.commit(writes) == [writes[1].token, writes[2].token]
    assert [s.record["item"] for s in store.range(ITEMS, "s1")] == ["free", "new"]


def test_a_commit_sent_again_by_its_caller_is_recognised(store: RecordStore, proxy: Proxy) -> None:
    """boto3 gave up: the caller knows nothing, sends it again, and somebody has written in between."""
    writes = [Put(ITEMS, item("s1", "a", n=1), ANY), Put(ITEMS, item("s1", "b", n=1), ABSENT)]
    forwarded = iter([*["lost"], *["reset"] * 50])
    proxy.decide = lambda request: next(forwarded)
    with pytest.raises(Unreachable, match="does not answer"):
        store.commit(writes)
    proxy.decide = lambda request: None
    other = Put(ITEMS, item("s1", "a", n=2), ANY)
    store.commit([other])
    assert store.commit(writes) == [write.token for write in writes]
    assert store.get(ITEMS, "s1", "a") == Stored(other.record, other.token)


def test_a_lost_answer_to_a_delete_may_be_a_conflict_and_loses_nothing(store: RecordStore, proxy: Proxy) -> None:
    (token,) = store.commit([Put(RECORDS, {"id": "s1"}, ABSENT)])
    proxy.once("lost", "DeleteItem")
    with pytest.raises(Conflict) as refused:
        store.commit([Delete(RECORDS, "s1", when=token)])
    assert refused.value.index == 0
    assert read(store, "s1") is None
    proxy.once("lost", "DeleteItem")
    store.commit([Delete(RECORDS, "s1")])


def test_reads_outlast_faults(store: RecordStore, proxy: Proxy) -> None:
    rows = [Put(ITEMS, item("s1", f"{n:02}", tag="t", text="x" * 50_000), ABSENT) for n in range(40)]
    store.commit(rows)
    reads = {"GetItem", "BatchGetItem", "Query", "Scan"}
    faults = iter(("torn", "reset", "busy", "failed", None) * 100)
    proxy.decide = lambda request: next(faults) if request.operation in reads else None
    assert [s.token for s in store.range(ITEMS, "s1")] == [row.token for row in rows]
    found = store.get_many(ITEMS, [("s1", f"{n:02}") for n in range(40)])
    assert [s.token for s in found if s] == [row.token for row in rows]
    # The largest page is a megabyte.
    assert [r["item"] for r in queried(store, ITEMS, "tag-item", "t")] == [row.record["item"] for row in rows]
    assert len(scanned(store, ITEMS)) == 40


def test_a_service_that_is_always_busy_is_unreachable(store: RecordStore, proxy: Proxy) -> None:
    proxy.decide = lambda request: "busy"
    with pytest.raises(Unreachable, match="throttled by AWS") as told:
        store.commit([Put(RECORDS, {"id": "s1"})])
    assert "capacity" in told.value.hint
    proxy.decide = lambda request: None
    assert read(store, "s1") is None


def test_slowness_is_only_slow(store: RecordStore, proxy: Proxy) -> None:
    proxy.delay = 0.3
    (token,) = store.commit([Put(RECORDS, {"id": "s1"}, ABSENT)])
    found = read(store, "s1")
    assert found is not None and found.token == token


def test_writers_on_a_bad_network_lose_and_double_nothing(store: RecordStore, proxy: Proxy) -> None:
    """Three writers append to one log; a fifth of all requests goes wrong."""
    dice, lock = random.Random(7), threading.Lock()
    faults: tuple[Fault, ...] = ("lost", "reset", "busy", "twice", "failed", "torn")

    def decide(_: Request) -> Fault | None:
        with lock:
            return dice.choice(faults) if dice.random() < 0.2 else None

    store.commit([Put(RECORDS, {"id": "log", "n": 0}, ABSENT)])
    proxy.decide = decide
    failures: list[BaseException] = []

    def append(me: int) -> None:
        try:
            for time_ in range(8):
                row = item("log", "", by=me, time=time_)
                while not _appended(store, row):
                    pass
        except BaseException as error:
            failures.append(error)

    writers = [threading.Thread(target=append, args=(me,)) for me in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    proxy.decide = lambda request: None
    assert not failures
    rows = [row.record for row in store.range(ITEMS, "log")]
    assert [row["item"] for row in rows] == [f"{n:04}" for n in range(1, 25)]
    assert [[row["time"] for row in rows if row["by"] == me] for me in range(3)] == [list(range(8))] * 3


def _appended(store: RecordStore, row: dict[str, object]) -> bool:
    """Tries to append a row; sends the same commit again while the network gives up."""
    while True:
        try:
            log = store.get(RECORDS, "log")
            break
        except Unreachable:
            continue
    assert log is not None
    number = log.record["n"] + 1
    row["item"] = f"{number:04}"
    writes = [Put(RECORDS, {"id": "log", "n": number}, log), Put(ITEMS, dict(row), ABSENT)]
    while True:
        try:
            store.commit(writes)
            return True
        except Unreachable:
            continue
        except Conflict:
            # Applied, answered to nobody, and overwritten since: the row says so.
            mine = store.get(ITEMS, "log", str(row["item"]))
            return mine is not None and mine.token == writes[1].token
